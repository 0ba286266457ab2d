package source_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"check_exchange_authcert/plugin/authcert"
	"check_exchange_authcert/plugin/source"
)

const frontEnd = "ex01.contoso.com"

// web starts a server of HTTPS whose answers come over a wire that can be struck, and the authorities to trust.
func web(t *testing.T, at stage, f fault, handler http.Handler, certificate tls.Certificate) (w *wire, roots *x509.CertPool) {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		if at != parse && asksFor(at, request) && slices.Contains(onWire, f) {
			w.strike()
		}
		handler.ServeHTTP(response, request)
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	w = startWire(t, server.Listener.Addr().String(), f)
	server.StartTLS()
	t.Cleanup(server.Close)
	if at == handshake {
		w.certificate = badCertificate(t, f, certificate.Leaf.Subject.CommonName)
		w.strike()
	}
	roots = x509.NewCertPool()
	roots.AddCert(sound.authority.Leaf)
	return w, roots
}

// asksFor tells whether a request belongs to that stage: the logon at Entra ID, or what is wanted.
func asksFor(at stage, request *http.Request) bool {
	isLogin := strings.HasPrefix(request.Host, "login.")
	return (at == authenticate && isLogin && request.Method == http.MethodPost) || ((at == receive || at == parse) && !isLogin)
}

// trusted is a certificate for names.
func trusted(t *testing.T, names ...string) tls.Certificate {
	return source.FaultCertificate(t, &sound.authority, time.Now().Add(time.Hour), names...)
}

// leads are the ways to a host: to the wire, to nowhere, or to a name that is not found.
func leads(t *testing.T, w *wire, at stage, f fault) source.Dial {
	to := w.address()
	switch at {
	case resolve:
		to = unresolved[f] + ":443"
	case connect:
		to = "127.0.0.1" + portOf(t, f)
	}
	return func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, to)
	}
}

// webFaults are those of one question over HTTPS, which is sent in one packet: what happens to it, is the answer's.
func webFaults(statuses []fault) func(stage) []fault {
	return func(s stage) []fault {
		switch s {
		case resolve:
			return nameFaults
		case connect:
			return connectFaults
		case handshake:
			return tlsFaults
		case receive:
			return append(append([]fault{}, onWire...), statuses...)
		case parse:
			return []fault{truncated, oversized, garbled, wrongType, wrongEncoding, empty, crowded}
		}
		return nil
	}
}

// body is what a web server says of a document, if that is spoiled.
func body(f fault, good string) (status int, text []byte) {
	switch {
	case isStatus(f):
		status, _ = strconv.Atoi(strings.TrimPrefix(string(f), "HTTP "))
		return status, []byte("said by nobody knows whom")
	case f == truncated:
		return 200, []byte(good[:len(good)/2])
	case f == oversized:
		return 200, flood[:20<<20]
	case f == garbled:
		return 200, noise
	case f == wrongType:
		return 200, []byte("<html>a portal</html>")
	case f == wrongEncoding:
		return 200, utf16Text([]byte(good))
	case f == empty:
		return 200, []byte("{}")
	case f == crowded:
		return 200, dialect{begin: `{"value":[],"keys":[{}`, part: `,{}`, end: `]}`}.crowd(60 << 10) // which is no more than a document may have
	}
	return 200, []byte(good)
}

// metadataServer publishes the Auth Certificate.
func metadataServer(at stage, f fault) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		status, text := 200, []byte(source.MetadataDocument(sound.certificate))
		if at == parse || isStatus(f) {
			status, text = body(f, string(text))
		}
		w.Header().Set("Location", "https://elsewhere.contoso.com/x")
		w.WriteHeader(status)
		_, _ = w.Write(text)
	}
}

// publishedWant is what an unread document is told as: a server's, or a cross-check's, which is noted.
func publishedWant(otherwise authcert.Status) func(stage, fault) statement {
	return func(s stage, f fault) statement {
		v := statement{otherwise, reasons[f], "reading published metadata"}
		switch {
		case s == resolve:
			v.reason = nameReason(f)
		case f == http500:
			v.state = authcert.Critical
		case f == http503, f == http302:
			v.reason = authcert.Unreadable
		case f == truncated, f == crowded:
			v.reason = authcert.Malformed
		}
		return v
	}
}

// webRows are the documents that servers publish, alone and beside a sound source, and their TLS.
func webRows() []*origin {
	published := &origin{name: "Published", can: webFaults(statuses), want: publishedWant(authcert.Unknown), start: func(t *testing.T, at stage, f fault) subject {
		w, roots := web(t, at, f, metadataServer(at, f), trusted(t, "127.0.0.1"))
		host := w.address()
		switch at {
		case resolve:
			host = unresolved[f]
		case connect:
			host = "127.0.0.1" + portOf(t, f)
		}
		return subject{source: source.Published{Hosts: []string{host}, Roots: roots, Now: faultsNow}}
	}}
	check := &origin{name: "Snapshot and --check-published", can: webFaults(statuses), want: publishedWant(authcert.OK), start: func(t *testing.T, at stage, f fault) subject {
		w, roots := web(t, at, f, metadataServer(at, f), trusted(t, frontEnd))
		return checkedBy(t, source.CheckPublished{Roots: roots}.Through(leads(t, w, at, f)))
	}}
	return []*origin{published, check, {name: "Snapshot and --check-tls", can: servedFaults, want: servedWant, start: func(t *testing.T, at stage, f fault) subject {
		w, _ := web(t, at, f, http.NotFoundHandler(), sound.pair) // what is installed there
		w.constant = true                                         // there are four handshakes
		return checkedBy(t, source.CheckTLS{}.Through(leads(t, w, at, f)))
	}}}
}

// checkedBy adds a cross-check to a sound snapshot.
func checkedBy(t *testing.T, check source.Check) subject {
	return subject{source: source.Checked{Source: source.File{Path: written(t, "snapshot.json", soundSnapshot(t))}, Checks: []source.Check{check}}}
}

// servedFaults are those of looking at a certificate: nothing is verified, and nothing is said behind the handshake.
func servedFaults(s stage) []fault {
	switch s {
	case resolve:
		return nameFaults
	case connect:
		return connectFaults
	case handshake:
		return []fault{reset, hang, drip, truncated, oversized, garbled, alerted}
	}
	return nil
}

// servedWant is what a port is told as whose certificate is not known. One that hangs up without a word has none:
// Windows does so.
func servedWant(s stage, f fault) statement {
	v := statement{authcert.OK, reasons[f], "looking at served certificates"}
	switch {
	case s == resolve:
		v.reason = nameReason(f)
	case f == reset:
		return statement{state: authcert.Critical}
	case f == garbled, f == oversized, f == alerted:
		v.reason = authcert.Unsupported
	}
	return v
}
