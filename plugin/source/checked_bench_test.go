package source

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"check_exchange_authcert/plugin/authcert"
)

// BenchmarkCheckServers asks 200 servers for what they publish and serve. Each
// of them takes 100 ms for a handshake and 100 ms more for the document. peak-MB
// is the heap of both sides.
func BenchmarkCheckServers(b *testing.B) {
	const latency = 100 * time.Millisecond
	certificate := peerCertificate(b, peerKey(), nil, soon(), "current")
	document := metadataDocument(certificate.Certificate[0])
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		<-time.After(latency)
		answers(200, document)(w, r)
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}, GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		<-time.After(latency)
		return nil, nil
	}}
	server.Config.ErrorLog = quiet
	server.StartTLS()
	defer server.Close()
	hosts := network{}
	snap := servers()
	for i := range 200 {
		name := fmt.Sprintf("ex%03d.contoso.com", i)
		snap.Servers = append(snap.Servers, authcert.Server{FQDN: name})
		hosts[name+":443"], hosts[name+":444"] = server.Listener.Addr().String(), server.Listener.Addr().String()
	}
	ask := func() {
		got := checked(b, b.Context(), snap, CheckPublished{dial: hosts.dial}, CheckTLS{dial: hosts.dial})
		for _, s := range got.Servers {
			if s.Published.Error != nil || len(s.Served) != 2 || s.Served[0].Error != nil {
				b.Fatalf("%s: %+v", s.FQDN, s)
			}
		}
	}
	largest := Peak(ask) // on its own: measuring it takes time
	b.ReportAllocs()
	for b.Loop() {
		ask()
	}
	b.ReportMetric(float64(largest)/1e6, "peak-MB")
}
