package source

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"check_exchange_authcert/plugin/authcert"
)

// quiet takes what servers say about clients that go away.
var quiet = log.New(io.Discard, "", 0)

// answers is a front end that always gives the same answer.
func answers(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/json; charset=utf-8")
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

// waits is a front end that begins an answer and does not go on until the
// client has gone.
func waits(begin string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if begin != "" {
			fmt.Fprint(w, begin)
			w.(http.Flusher).Flush()
		}
		<-r.Context().Done()
	}
}

// resets is a front end that resets the connection.
func resets(w http.ResponseWriter, _ *http.Request) {
	connection, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		_ = connection.(*tls.Conn).NetConn().(*net.TCPConn).SetLinger(0)
		connection.(*tls.Conn).NetConn().Close()
	}
}

func TestPublishedAnswers(t *testing.T) {
	current, previous := peerCertificate(t, peerKey(), nil, soon(), "current").Certificate[0], peerCertificate(t, peerKey(), nil, soon(), "previous").Certificate[0]
	one, two := authcert.ThumbprintOf(current), authcert.ThumbprintOf(previous)
	good := metadataDocument(current)
	redirected := func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://elsewhere/owa", http.StatusFound)
	}
	cut := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "5000")
		fmt.Fprint(w, good)
	}
	for _, row := range []struct {
		name   string
		answer http.HandlerFunc
		status int
		want   []authcert.Thumbprint
		reason authcert.Reason // "" when it is read
		words  string
	}{
		{name: "one key", answer: answers(200, good), status: 200, want: []authcert.Thumbprint{one}},
		{name: "current, then previous", answer: answers(200, metadataDocument(current, previous)), status: 200, want: []authcert.Thumbprint{one, two}},
		{name: "previous only", answer: answers(200, metadataDocument(previous)), status: 200, want: []authcert.Thumbprint{two}},
		{name: "no key", answer: answers(200, metadataDocument()), status: 200, want: []authcert.Thumbprint{}},
		{name: "500", answer: answers(500, "An internal error occurred"), status: 500, reason: authcert.Unreadable, words: "key is missing"},
		{name: "404", answer: answers(404, ""), status: 404, reason: authcert.NotFound, words: "HTTP 404"},
		{name: "401", answer: answers(401, ""), status: 401, reason: authcert.AccessDenied, words: "HTTP 401"},
		{name: "403", answer: answers(403, ""), status: 403, reason: authcert.AccessDenied, words: "HTTP 403"},
		{name: "429", answer: answers(429, ""), status: 429, reason: authcert.Throttled, words: "HTTP 429"},
		{name: "503", answer: answers(503, ""), status: 503, reason: authcert.Unreadable, words: "HTTP 503"},
		{name: "302", answer: redirected, status: 302, reason: authcert.Unreadable, words: "redirect"},
		{name: "a page to log on", answer: answers(200, "<html><body>Outlook</body></html>"), status: 200, reason: authcert.Malformed, words: "no JSON"},
		{name: "cut off", answer: cut, status: 200, reason: authcert.Malformed, words: "cut off"},
		{name: "too long", answer: answers(200, good+strings.Repeat(" ", maxMetadata)), status: 200, reason: authcert.Malformed, words: "larger than 1 MiB"},
		{name: "reset", answer: resets, reason: authcert.Unreachable},
		{name: "silent", answer: waits(""), reason: authcert.Timeout, words: "no answer in time"},
		{name: "silent after half of it", answer: waits(good[:100]), status: 200, reason: authcert.Timeout, words: "no answer in time"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			asked := make(chan string, 1)
			address := publisher(t, peerCertificate(t, peerKey(), nil, soon(), "another.name"), func(w http.ResponseWriter, r *http.Request) {
				asked <- fmt.Sprintf("%s %s%s %s %q", r.Method, r.Host, r.URL, r.TLS.ServerName, r.Header.Get("Authorization")+r.Header.Get("Cookie"))
				row.answer(w, r)
			})
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			if row.reason == authcert.Timeout {
				cancel()
				ctx, cancel = context.WithTimeout(t.Context(), 5*time.Second)
			}
			defer cancel()
			snap := checked(t, ctx, servers("EX01.contoso.com"), CheckPublished{dial: network{"ex01.contoso.com:443": address}.dial})
			got := snap.Servers[0].Published
			if got.HTTPStatus != row.status {
				t.Errorf("HTTP %d, want %d", got.HTTPStatus, row.status)
			}
			if want := `GET ex01.contoso.com/autodiscover/metadata/json/1 ex01.contoso.com ""`; <-asked != want {
				t.Errorf("not asked as in %s", want)
			}
			if row.reason != "" {
				if got.Error == nil || got.Error.Reason != row.reason || !strings.Contains(got.Error.Message, row.words) || strings.Contains(got.Error.Message, "Outlook") {
					t.Fatalf("problem %+v, want %s with %q", got.Error, row.reason, row.words)
				}
				return
			}
			if got.Error != nil {
				t.Fatal(got.Error)
			}
			if diff := cmp.Diff([]authcert.Thumbprint(got.Thumbprints), row.want); diff != "" {
				t.Errorf("thumbprints (-got +want):\n%s", diff)
			}
			for i, der := range got.Certificates {
				if authcert.ThumbprintOf(der) != row.want[i] {
					t.Errorf("certificate %d is another", i)
				}
			}
			if got.TLSVerified == nil || *got.TLSVerified {
				t.Errorf("verified %v, want false", got.TLSVerified)
			}
		})
	}
}

func TestPublishedVerifiesWithRoots(t *testing.T) {
	authority := peerCertificate(t, peerKey(), nil, soon(), "Contoso CA")
	roots := x509.NewCertPool()
	roots.AddCert(authority.Leaf)
	good := peerCertificate(t, peerKey(), &authority, soon(), "ex01.contoso.com")
	for _, row := range []struct {
		name        string
		certificate tls.Certificate
		roots       *x509.CertPool
		trusted     bool
	}{
		{"verified", good, roots, true},
		{"another name", peerCertificate(t, peerKey(), &authority, soon(), "mail.contoso.com"), roots, false},
		{"expired", peerCertificate(t, peerKey(), &authority, time.Now().Add(-time.Hour), "ex01.contoso.com"), roots, false},
		{"another authority", peerCertificate(t, peerKey(), nil, soon(), "ex01.contoso.com"), roots, false},
		{"expired, not verified", peerCertificate(t, peerKey(), &authority, time.Now().Add(-time.Hour), "mail.contoso.com"), nil, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			address := publisher(t, row.certificate, answers(200, metadataDocument(good.Certificate[0])))
			snap := checked(t, t.Context(), servers("ex01.contoso.com"), CheckPublished{Roots: row.roots, dial: network{"ex01.contoso.com:443": address}.dial})
			got := snap.Servers[0].Published
			switch {
			case !row.trusted && (got.Error == nil || got.Error.Reason != authcert.Unreachable || !strings.Contains(got.Error.Message, "not trusted")):
				t.Errorf("problem %+v, want the certificate refused", got.Error)
			case row.trusted && got.Error != nil:
				t.Error(got.Error)
			case row.trusted && *got.TLSVerified != (row.roots != nil):
				t.Errorf("verified %t with roots %t", *got.TLSVerified, row.roots != nil)
			}
		})
	}
}

// TestOldTLS asks a server that speaks TLS 1.0 and RSA key exchange only.
func TestOldTLS(t *testing.T) {
	der := peerCertificate(t, peerKey(), nil, soon(), "current").Certificate[0]
	server := httptest.NewUnstartedServer(answers(200, metadataDocument(der)))
	server.TLS = &tls.Config{MaxVersion: tls.VersionTLS10, MinVersion: tls.VersionTLS10, CipherSuites: []uint16{tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA},
		Certificates: []tls.Certificate{peerCertificate(t, clientKey(), nil, soon(), "ex01.contoso.com")}}
	server.StartTLS()
	defer server.Close()
	snap := checked(t, t.Context(), servers("ex01.contoso.com"), CheckPublished{dial: network{"ex01.contoso.com:443": server.Listener.Addr().String()}.dial})
	if got := snap.Servers[0].Published; got.Error != nil || len(got.Thumbprints) != 1 {
		t.Errorf("%+v, want one certificate", got)
	}
}

// TestSixteenAtOnce has each request wait until sixteen of them are there, and
// a little longer: with fewer it would not end, and with more the count shows it.
func TestSixteenAtOnce(t *testing.T) {
	var lock sync.Mutex
	here, most, together := 0, 0, make(chan struct{}) // closed once so many have met; later ones do not wait for each other
	address := publisher(t, peerCertificate(t, peerKey(), nil, soon(), "x"), func(w http.ResponseWriter, r *http.Request) {
		lock.Lock()
		here++
		if most < mostAtOnce && here == mostAtOnce {
			time.AfterFunc(100*time.Millisecond, func() { close(together) }) // in which a seventeenth would come
		}
		most = max(most, here)
		lock.Unlock()
		select {
		case <-together:
		case <-r.Context().Done():
		}
		lock.Lock()
		here--
		lock.Unlock()
		answers(200, `{"keys":[]}`)(w, r)
	})
	const n = 3 * mostAtOnce
	snap, hosts := servers(), network{}
	for i := range n {
		name := fmt.Sprintf("ex%02d.contoso.com", i)
		snap.Servers = append(snap.Servers, authcert.Server{FQDN: name})
		hosts[name+":443"] = address
	}
	for _, s := range checked(t, t.Context(), snap, CheckPublished{dial: hosts.dial}).Servers {
		if s.Published == nil || s.Published.Error != nil {
			t.Errorf("%s: %+v", s.FQDN, s.Published)
		}
	}
	if most != mostAtOnce {
		t.Errorf("%d at once, want %d", most, mostAtOnce)
	}
}

func TestPublishedSource(t *testing.T) {
	der := peerCertificate(t, peerKey(), nil, soon(), "current").Certificate[0]
	good := publisher(t, peerCertificate(t, peerKey(), nil, soon(), "x"), answers(200, metadataDocument(der)))
	bad := publisher(t, peerCertificate(t, peerKey(), nil, soon(), "x"), answers(500, ""))
	_, port, _ := net.SplitHostPort(good)
	taken := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	source := Published{Hosts: []string{"localhost:" + port, "LOCALHOST:" + port, bad, "[::1]:1"}, Now: taken}
	snap, err := source.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range snap.Servers {
		got = append(got, fmt.Sprintf("%s %d %t", s.FQDN, s.Published.HTTPStatus, s.Error != nil))
	}
	want := []string{"localhost 200 false", "127.0.0.1 500 false", "::1 0 true"}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("servers (-got +want):\n%s", diff)
	}
	if snap.Origin.Kind != authcert.KindPublished || !snap.TakenAt.Equal(taken) || snap.AuthConfig != nil {
		t.Errorf("origin %+v at %s", snap.Origin, snap.TakenAt)
	}
	for _, host := range []string{"", "https://ex01.contoso.com", "[::1"} {
		if _, err := (Published{Hosts: []string{host}, Now: taken}).Snapshot(t.Context()); err == nil {
			t.Errorf("%q is taken for a host", host)
		}
	}
}
