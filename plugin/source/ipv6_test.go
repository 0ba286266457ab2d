package source

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"check_exchange_authcert/plugin/authcert"
)

// listen6 listens on this host's IPv6 address, where it has one.
func listen6(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Skipf("this host has no IPv6: %v", err)
	}
	return l
}

// publisher6 starts a front end with a certificate for its IPv6 address, and
// returns its address and who may be trusted to have issued that.
func publisher6(t *testing.T, document string) (address string, roots *x509.CertPool) {
	t.Helper()
	authority := peerCertificate(t, peerKey(), nil, soon(), "Contoso CA")
	roots = x509.NewCertPool()
	roots.AddCert(authority.Leaf)
	server := httptest.NewUnstartedServer(answers(200, document))
	server.Listener.Close()
	server.Listener = listen6(t)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{peerCertificate(t, peerKey(), &authority, soon(), "::1")}}
	server.Config.ErrorLog = quiet
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.Listener.Addr().String(), roots
}

func TestPublishedIPv6(t *testing.T) {
	der := peerCertificate(t, peerKey(), nil, soon(), "current").Certificate[0]
	address, roots := publisher6(t, metadataDocument(der))
	snap, err := Published{Hosts: []string{address}, Roots: roots, Now: time.Now()}.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []authcert.Server{{FQDN: "::1", Published: &authcert.Published{HTTPStatus: 200, TLSVerified: new(true),
		Thumbprints: authcert.List[authcert.Thumbprint]{authcert.ThumbprintOf(der)}, Certificates: authcert.List[authcert.DER]{der}}}}
	if diff := cmp.Diff([]authcert.Server(snap.Servers), want); diff != "" {
		t.Errorf("servers (-got +want):\n%s", diff)
	}
}

// TestChecksIPv6 has a server whose name leads to an IPv6 address only, and one
// that is named by it.
func TestChecksIPv6(t *testing.T) {
	der := peerCertificate(t, peerKey(), nil, soon(), "current").Certificate[0]
	address, _ := publisher6(t, metadataDocument(der))
	hosts := network{}
	for _, asked := range []string{"ex01.contoso.com:443", "ex01.contoso.com:444", "[::1]:443", "[::1]:444"} {
		hosts[asked] = address
	}
	snap := checked(t, t.Context(), servers("ex01.contoso.com", "::1"), CheckPublished{dial: hosts.dial}, CheckTLS{dial: hosts.dial})
	for _, s := range snap.Servers {
		if s.Published.Error != nil || len(s.Published.Thumbprints) != 1 {
			t.Errorf("%s publishes %+v", s.FQDN, s.Published)
		}
		if len(s.Served) != 2 || len(s.Served[0].RawData) == 0 || len(s.Served[1].RawData) == 0 {
			t.Errorf("%s serves %+v; want a certificate on both ports", s.FQDN, s.Served)
		}
	}
}

// TestLDAPIPv6 asks a directory at its IPv6 address, for which its certificate
// is good.
func TestLDAPIPv6(t *testing.T) {
	for _, scheme := range []string{"ldaps", "ldap"} {
		server := serveLDAP(t, listen6(t), scheme == "ldaps", contoso(1)...)
		source := server.source(scheme)
		source.URLs, source.TLS.ServerName = []string{scheme + "://" + server.listener.Addr().String()}, ""
		snap, err := source.Snapshot(t.Context())
		if err != nil || snap.AuthConfig == nil {
			t.Errorf("%s: %+v, %v; want AuthConfig", source.URLs, snap, err)
		}
	}
	for _, url := range []string{"ldaps://::1", "ldaps://::1:636", "ldaps://[::1", "ldaps://[::1]636", "ldaps://[::g]", "ldaps://[::1]:x"} {
		l := LDAP{URLs: []string{url}}
		if err := l.Check(); err == nil || !strings.Contains(err.Error(), "no URL of a domain controller") {
			t.Errorf("%s: %v, want that it is no URL", url, err)
		}
	}
}
