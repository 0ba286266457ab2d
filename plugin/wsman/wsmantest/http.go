package wsmantest

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

type peerKey struct{}

// peer is what the host knows of one TCP connection: a logon belongs to it.
type peer struct {
	mu     sync.Mutex
	tls    bool
	ntlm   *ntlmAcceptor // between NTLM's messages
	sealer sealer        // after a logon
	ready  bool
}

// sealer is one side of a security context.
type sealer interface {
	seal(message []byte) (signature, data []byte)
	unseal(signature, data []byte) ([]byte, error)
}

var errRefused = errors.New("refused")

// ErrBinding refuses a logon that is bound to another TLS connection, or to none.
var ErrBinding = errors.New("channel binding refused")

// ServeHTTP answers one request.
func (h *Host) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.count(func(s *Stats) { s.Requests++ })
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	p := r.Context().Value(peerKey{}).(*peer)
	p.mu.Lock()
	defer p.mu.Unlock()
	encrypted := strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/encrypted")
	if len(body) > 0 && !encrypted && !h.options.TLS {
		h.count(func(s *Stats) { s.ClearBodies++ })
	}
	if authorization := r.Header.Get("Authorization"); authorization != "" {
		if !h.authorize(w, r, p, authorization) {
			return
		}
	}
	if !p.ready {
		h.unauthorized(w)
		return
	}
	if h.options.Cookie != "" {
		w.Header().Set("Set-Cookie", h.options.Cookie+"; path="+r.URL.Path)
	}
	switch {
	case len(body) == 0:
		w.WriteHeader(http.StatusOK)
	case !encrypted && !h.options.TLS:
		w.WriteHeader(http.StatusInternalServerError) // AllowUnencrypted=false
	default:
		h.message(w, r, p, body, encrypted)
	}
}

func (h *Host) unauthorized(w http.ResponseWriter) {
	for _, scheme := range h.options.Offer {
		if scheme == "Basic" {
			scheme += ` realm="WSMAN"`
		}
		w.Header().Add("WWW-Authenticate", scheme)
	}
	w.WriteHeader(http.StatusUnauthorized)
}

// authorize takes a logon a step further. It answers itself, and returns false, unless the logon is complete.
func (h *Host) authorize(w http.ResponseWriter, r *http.Request, p *peer, authorization string) bool {
	scheme, text, _ := strings.Cut(authorization, " ")
	token, err := base64.StdEncoding.DecodeString(text)
	if err != nil || !h.offers(scheme) {
		if scheme == "Basic" {
			h.count(func(s *Stats) { s.BasicCredentials++ })
		}
		h.unauthorized(w)
		return false
	}
	step := StepLogon
	if scheme != "Basic" && ntlmType(token) == ntlmNegotiate {
		step = StepNegotiate
	}
	if h.interfered(w, r, p, h.interference(step)) {
		return false
	}
	reply, err := h.accept(p, scheme, token)
	switch {
	case err != nil:
		h.count(func(s *Stats) { s.RefusedLogons++ })
		h.unauthorized(w)
	case !p.ready:
		w.Header().Set("WWW-Authenticate", scheme+" "+base64.StdEncoding.EncodeToString(reply))
		w.WriteHeader(http.StatusUnauthorized)
	case len(reply) > 0:
		w.Header().Set("WWW-Authenticate", scheme+" "+base64.StdEncoding.EncodeToString(reply))
	}
	if p.ready && scheme != "Basic" {
		h.count(func(s *Stats) { s.Logons++ })
	}
	return p.ready
}

func (h *Host) offers(scheme string) bool {
	for _, offer := range h.options.Offer {
		if strings.EqualFold(offer, scheme) {
			return true
		}
	}
	return false
}

// accept judges a token; the reply goes back to the client.
func (h *Host) accept(p *peer, scheme string, token []byte) (reply []byte, err error) {
	p.ready, p.sealer = false, nil
	if scheme == "Basic" {
		h.count(func(s *Stats) { s.BasicCredentials++ })
		p.ready = string(token) == h.options.User+":"+h.options.Password
		if !p.ready {
			return nil, errRefused
		}
		return nil, nil
	}
	switch ntlmType(token) {
	case ntlmNegotiate:
		p.ntlm = newNTLMAcceptor(h.options, token)
		return p.ntlm.challenge, nil
	case ntlmAuthenticate:
		if p.ntlm == nil {
			return nil, errRefused
		}
		p.sealer, err = p.ntlm.authenticate(token, h.binding())
		p.ntlm, p.ready = nil, err == nil
		return nil, err
	}
	if h.options.Realm == nil {
		return nil, errRefused
	}
	p.sealer, reply, err = h.options.acceptKerberos(token, h.binding())
	p.ready = err == nil
	return reply, err
}

// binding is that of a client over TLS; nil without TLS.
func (h *Host) binding() []byte {
	if !h.options.TLS {
		return nil
	}
	return bindingOf(h.certificate())
}

// bindingOf is the hash of the channel binding that a client must use over a TLS connection with this certificate (RFC
// 5929, RFC 2744), which has to be signed with SHA-256, as that of httptest is.
func bindingOf(certificate *x509.Certificate) []byte {
	sum := sha256.Sum256(certificate.Raw)
	data := append([]byte("tls-server-end-point:"), sum[:]...)
	all := make([]byte, 16) // two address types, two empty addresses
	all = binary.LittleEndian.AppendUint32(all, uint32(len(data)))
	hash := md5.Sum(append(all, data...))
	return hash[:]
}

// checkBinding compares a client's channel binding with the connection's.
func (o Options) checkBinding(got, want []byte) error {
	none := len(got) == 0 || bytes.Equal(got, make([]byte, len(got)))
	switch {
	case want == nil, none && !o.RequireBinding, bytes.Equal(got, want):
		return nil
	}
	return fmt.Errorf("%w: %x, want %x", ErrBinding, got, want)
}

// interfered answers instead of the host if the test wants that.
func (h *Host) interfered(w http.ResponseWriter, r *http.Request, p *peer, i *Interference) bool {
	switch {
	case i == nil:
		return false
	case i.Hang:
		select {
		case <-r.Context().Done():
		case <-h.closing.Done():
		}
		panic(http.ErrAbortHandler)
	case i.Drop:
		panic(http.ErrAbortHandler)
	case i.Fault != nil:
		h.write(w, p, http.StatusInternalServerError, faultEnvelope(*i.Fault), nil)
	case i.Status != 0:
		for name, values := range i.Header {
			w.Header()[name] = values
		}
		if i.ContentType != "" {
			w.Header().Set("Content-Type", i.ContentType)
		}
		w.WriteHeader(i.Status)
		w.Write(i.Body)
	default:
		return false
	}
	return true
}

// message answers one envelope.
func (h *Host) message(w http.ResponseWriter, r *http.Request, p *peer, body []byte, encrypted bool) {
	if encrypted {
		var err error
		if body, err = unsealBody(p.sealer, r.Header.Get("Content-Type"), body); err != nil {
			p.ready, p.sealer = false, nil
			w.WriteHeader(http.StatusBadRequest)
			return
		}
	}
	q := parseEnvelope(body)
	i := h.interference(q.step())
	if i != nil && i.Late > 0 {
		time.AfterFunc(i.Late, func() {
			h.operate(h.closing, q)
			h.count(func(s *Stats) { s.Late++ })
		})
		i = &Interference{Hang: true}
	}
	if h.interfered(w, r, p, i) {
		return
	}
	if h.options.Cookie != "" && q.step() != StepCreate && !strings.Contains(r.Header.Get("Cookie"), h.options.Cookie) {
		h.write(w, p, http.StatusInternalServerError, faultEnvelope(faultNoShell), nil)
		return
	}
	answer, fault := h.operate(r.Context(), q)
	if fault != nil {
		h.write(w, p, http.StatusInternalServerError, faultEnvelope(*fault), i)
		return
	}
	h.write(w, p, http.StatusOK, answer, i)
}

func (h *Host) write(w http.ResponseWriter, p *peer, status int, envelope []byte, i *Interference) {
	kind := "application/soap+xml;charset=UTF-8"
	if i != nil && i.Rewrite != nil {
		envelope = i.Rewrite(envelope)
	}
	if p.sealer != nil && !h.options.TLS && (i == nil || !i.Clear) {
		kind, envelope = sealBody(p.sealer, envelope, h.options.BlankBoundary)
	}
	if i != nil && i.Mangle != nil {
		envelope = i.Mangle(envelope)
	}
	if i != nil && i.Early {
		w.WriteHeader(http.StatusEarlyHints)
	}
	if i != nil && i.Close {
		w.Header().Set("Connection", "close")
	}
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	w.Write(envelope)
}
