package source

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"check_exchange_authcert/plugin/authcert"
)

// TestManyServers asks 200 servers, each a TLS listener with an address of its
// own that takes 100 ms to answer. Some hang, some answer with an error or with
// another certificate: every one gets its own answer, and none costs another's.
func TestManyServers(t *testing.T) {
	current, another := peerCertificate(t, peerKey(), nil, soon(), "current"), peerCertificate(t, peerKey(), nil, soon(), "another")
	kinds := []struct {
		answer http.HandlerFunc
		want   string
	}{
		{waits(""), "0 timeout"},
		{answers(404, ""), "404 not-found"},
		{answers(500, ""), "500 unreadable"},
		{func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/owa", http.StatusFound) }, "302 unreadable"},
		{answers(200, metadataDocument(another.Certificate[0])), "200 " + authcert.ThumbprintOf(another.Certificate[0]).Short()},
		{answers(200, metadataDocument(current.Certificate[0])), "200 " + authcert.ThumbprintOf(current.Certificate[0]).Short()},
	}
	const n, odd = 200, 40 // of forty servers the first five are odd
	snap, hosts, want := servers(), network{}, map[string]string{}
	for i := range n {
		name := fmt.Sprintf("ex%03d.contoso.com", i)
		kind := kinds[min(i%odd, len(kinds)-1)]
		address := slowServer(t, fmt.Sprintf("127.0.2.%d:0", i+1), current, kind.answer)
		hosts[name+":443"], hosts[name+":444"], want[name] = address, address, kind.want
		snap.Servers = append(snap.Servers, authcert.Server{FQDN: name})
	}
	var wrong []string
	for _, deadline := range []time.Duration{12 * time.Second, time.Minute} { // a server may have a third, which a busy machine may need
		ctx, cancel := context.WithTimeout(t.Context(), deadline)
		asked := checked(t, ctx, snap, CheckPublished{dial: hosts.dial}, CheckTLS{dial: hosts.dial})
		cancel()
		if wrong = misread(asked.Servers, want); len(wrong) == 0 {
			break
		}
	}
	for _, server := range wrong {
		t.Error(server)
	}
}

// misread are the servers whose answers are not those that are wanted of them.
func misread(servers []authcert.Server, want map[string]string) (wrong []string) {
	for _, s := range servers {
		got := fmt.Sprintf("%d ", s.Published.HTTPStatus)
		if s.Published.Error != nil {
			got += string(s.Published.Error.Reason)
		} else {
			got += s.Published.Thumbprints[0].Short()
		}
		if got != want[s.FQDN] {
			wrong = append(wrong, fmt.Sprintf("%s: %s, want %s", s.FQDN, got, want[s.FQDN]))
		}
		if len(s.Served) != 2 || len(s.Served[0].RawData) == 0 || len(s.Served[1].RawData) == 0 {
			wrong = append(wrong, fmt.Sprintf("%s serves %+v; want a certificate on both ports", s.FQDN, s.Served))
		}
	}
	return wrong
}

// slowServer takes 100 ms to begin a handshake's answer.
func slowServer(t *testing.T, listen string, certificate tls.Certificate, answer http.HandlerFunc) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		t.Skipf("this host has no %s: %v", listen, err) // only Linux has all of 127.0.0.0/8
	}
	server := httptest.NewUnstartedServer(answer)
	server.Listener.Close()
	server.Listener = listener
	server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}, GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		<-time.After(100 * time.Millisecond)
		return nil, nil
	}}
	server.Config.ErrorLog = quiet
	server.StartTLS()
	t.Cleanup(server.Close)
	return listener.Addr().String()
}
