package wsman

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// link is one TCP connection that carries HTTP/1.1. It is not net/http's transport, because that opens connections
// and repeats requests as it sees fit, and here a connection is a logon.
type link struct {
	target  *target
	cookies http.CookieJar
	conn    net.Conn
	late    *lateReader       // between conn and limit
	limit   *io.LimitedReader // between late and reader
	reader  *bufio.Reader
	tls     *tls.ConnectionState // nil over http
	broken  bool                 // nothing more can be sent
}

type request struct {
	authorization string
	contentType   string
	body          []byte
}

type response struct {
	status  int
	header  http.Header
	body    []byte
	closing bool // the server closes the connection
}

// maxHeader is the largest head of an answer, in bytes, that is read.
const maxHeader = 1 << 20

func dial(ctx context.Context, t *target, roots *x509.CertPool, cookies http.CookieJar) (*link, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", t.addr)
	if err != nil {
		return nil, dialError(ctx, t, err)
	}
	l := &link{target: t, cookies: cookies, conn: conn}
	if t.url.Scheme == "https" {
		if err := l.handshake(ctx, roots); err != nil {
			conn.Close()
			return nil, err
		}
	}
	l.late = &lateReader{Reader: l.conn}
	l.limit = &io.LimitedReader{R: l.late}
	l.reader = bufio.NewReader(l.limit)
	return l, nil
}

func dialError(ctx context.Context, t *target, err error) error {
	var dns *net.DNSError
	if !errors.As(err, &dns) {
		e := interrupted(ctx, StageConnect, "connecting to "+t.addr, err)
		return hinted(e, "check host, port, firewall, and that the WinRM listener runs")
	}
	e := interrupted(ctx, StageResolve, "looking up "+t.host, err)
	return hinted(e, "check the name and this machine's DNS")
}

func hinted(err error, hint string) error {
	var e *Error
	if errors.As(err, &e) && e.Hint == "" {
		e.Hint = hint
	}
	return err
}

func (l *link) handshake(ctx context.Context, roots *x509.CertPool) error {
	name := l.target.TLS.ServerName
	if name == "" {
		name = l.target.host
	}
	conn := tls.Client(l.conn, &tls.Config{
		ServerName:         name,
		RootCAs:            roots,
		InsecureSkipVerify: l.target.TLS.Insecure,
		MinVersion:         tls.VersionTLS12,
		// A site with "accept client certificates" asks for one by renegotiating after it has seen the URL (TLS 1.2).
		Renegotiation: tls.RenegotiateOnceAsClient,
	})
	if err := conn.HandshakeContext(ctx); err != nil {
		return tlsError(ctx, l.target, name, err)
	}
	state := conn.ConnectionState()
	l.conn, l.tls = conn, &state
	return nil
}

func tlsError(ctx context.Context, t *target, name string, err error) error {
	var verification *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &verification):
		return fail(StageTLS, ReasonUnreachable, "give the CA's file or the name in the certificate; leaving it unverified is the last resort",
			"the certificate of %s is not trusted as %s: %w", t.addr, name, verification.Err)
	case errors.As(err, &record):
		return fail(StageTLS, ReasonMalformed, "check the port: 5986 speaks TLS, 5985 does not", "%s does not speak TLS", t.addr)
	}
	return hinted(interrupted(ctx, StageTLS, "TLS handshake with "+t.addr, err), "TLS 1.2 or newer is needed")
}

func (l *link) close() {
	l.broken = true
	l.conn.Close()
}

// post sends one request and reads the whole answer. After an error nothing more may be sent.
func (l *link) post(ctx context.Context, q request) (*response, error) {
	stop := context.AfterFunc(ctx, func() {
		_ = l.conn.SetDeadline(time.Unix(1, 0)) // ends reads and writes that wait; fails only on a closed connection
	})
	r, err := l.roundTrip(ctx, q)
	if !stop() {
		l.broken = true // the deadline may be set already
	}
	return r, err
}

func (l *link) roundTrip(ctx context.Context, q request) (*response, error) {
	h, err := http.NewRequest(http.MethodPost, l.target.url.String(), bytes.NewReader(q.body))
	if err != nil {
		return nil, fail(StageSend, ReasonUnsupported, "", "building the request: %w", err)
	}
	h.Header.Set("User-Agent", l.target.UserAgent)
	h.Header.Set("Content-Type", q.contentType)
	if q.authorization != "" {
		h.Header.Set("Authorization", q.authorization)
	}
	for _, cookie := range l.cookies.Cookies(h.URL) {
		h.AddCookie(cookie)
	}
	// A host may answer before it has read everything, and then close: the answer says more than the failed write.
	sendErr := h.Write(l.conn)
	if sendErr != nil && ctx.Err() != nil {
		return nil, interrupted(ctx, StageSend, "sending to "+l.target.addr, sendErr)
	}
	r, err := l.read(h)
	if err == nil {
		l.cookies.SetCookies(h.URL, (&http.Response{Header: r.header}).Cookies())
		r.closing = r.closing || sendErr != nil
		return r, nil
	}
	var e *Error
	if errors.As(err, &e) {
		return nil, e
	}
	if sendErr != nil {
		return nil, interrupted(ctx, StageSend, "sending to "+l.target.addr, sendErr)
	}
	return nil, interrupted(ctx, StageReceive, "reading the answer of "+l.target.addr, err)
}

func (l *link) read(h *http.Request) (*response, error) {
	for {
		l.limit.N = maxHeader
		r, err := http.ReadResponse(l.reader, h)
		if l.limit.N <= 0 {
			return nil, fail(StageReceive, ReasonMalformed, "", "an answer with a head of more than %d bytes", maxHeader)
		}
		if l.late.failed != nil {
			return nil, readError(l.late.failed)
		}
		if err != nil {
			return nil, readError(err)
		}
		if r.StatusCode >= 200 {
			return l.readBody(r)
		}
	}
}

// lateReader remembers why a connection could not be read on: net/http (Go 1.26) takes half a line before that for a
// whole one.
type lateReader struct {
	io.Reader
	failed error // not io.EOF
}

func (r *lateReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		r.failed = err
	}
	return n, err
}

// readError tells an answer that is no HTTP from a connection that failed.
func readError(err error) error {
	var network net.Error
	if errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("connection lost: %w", err)
	}
	return fail(StageReceive, ReasonMalformed, "check that the port belongs to WinRM", "the answer is not HTTP")
}

func (l *link) readBody(r *http.Response) (*response, error) {
	l.limit.N = 2*maxBody + maxHeader // room for what chunks add
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return nil, readError(err)
	}
	if len(body) > maxBody {
		return nil, fail(StageReceive, ReasonMalformed, "", "an answer of more than %d bytes", maxBody)
	}
	return &response{status: r.StatusCode, header: r.Header, body: body, closing: r.Close}, nil
}
