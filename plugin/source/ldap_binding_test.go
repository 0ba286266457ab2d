package source

import (
	"crypto/tls"
	"encoding/pem"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"check_exchange_authcert/plugin/authcert"
	"check_exchange_authcert/plugin/wsman"
)

// inspected is a way to the directory through somebody who opens TLS
// connections, as some firewalls do, with a certificate that the client trusts.
func (s *directoryServer) inspected(t *testing.T, auth wsman.Auth) LDAP {
	t.Helper()
	own := peerCertificate(t, peerKey(), nil, soon(), "localhost")
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{own}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			directory, err := tls.Dial("tcp", s.listener.Addr().String(), &tls.Config{InsecureSkipVerify: true})
			if err != nil {
				client.Close()
				continue
			}
			pass := func(to, from net.Conn) {
				io.Copy(to, from)
				to.Close()
			}
			go pass(directory, client)
			go pass(client, directory)
		}
	}()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: own.Certificate[0]}), 0o600); err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	l := s.as(auth, "ldaps")
	l.URLs, l.TLS = []string{"ldaps://localhost:" + port}, wsman.TLS{CAFile: ca}
	return l
}

// TestLDAPRelayed has a logon come to the directory over another TLS connection
// than the client's: it is refused for its channel binding. A simple bind, which
// has none, shows that the way is open.
func TestLDAPRelayed(t *testing.T) {
	server := startLDAP(t, true, contoso(1)...)
	if _, err := server.inspected(t, wsman.AuthBasic).Snapshot(t.Context()); err != nil {
		t.Fatalf("a simple bind: %v", err)
	}
	for _, auth := range []wsman.Auth{wsman.AuthKerberos, wsman.AuthNTLM} {
		p := refused(t, server.inspected(t, auth), long)
		if p.Reason != authcert.AccessDenied || !strings.Contains(p.Message, "refused the channel bindings (LDAP result 49, 80090346)") {
			t.Errorf("%s: got %s: %s; want its channel binding refused", auth, p.Reason, p.Message)
		}
	}
}
