package wsman

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http/httptest"
	"testing"

	"check_exchange_authcert/plugin/wsman/wsmantest"
)

// atService is a service that takes both kinds of logon, and a client's part of one.
func atService(t *testing.T, auth Auth) (wsmantest.Service, *Logon) {
	t.Helper()
	realm := ldapRealm(t)
	config := LogonConfig{Service: "ldap", Host: "dc01.example.test", Auth: auth, Username: "monitor@EXAMPLE.TEST", Password: NewSecret("Geheim"), Kerberos: Kerberos{KDCs: []string{realm.KDC()}}}
	if auth == AuthNTLM {
		config.Username = `EXAMPLE\monitor`
	}
	l, err := NewLogon(config)
	if err != nil {
		t.Fatal(err)
	}
	return wsmantest.Service{Realm: realm, SPN: "ldap/dc01.example.test", Domain: "EXAMPLE", User: "monitor", Password: "Geheim"}, l
}

// logOn carries the tokens between the two until the logon is done, or one of them refuses.
func logOn(ctx context.Context, client *Logon, connection *tls.ConnectionState, service *wsmantest.Logon) error {
	token, err := client.Start(ctx, connection)
	for err == nil {
		reply, done, refused := service.Step(token)
		if refused != nil {
			return refused
		}
		token, err = client.Continue(reply)
		if err == nil && done != (token == nil) {
			return fmt.Errorf("the service is done: %t; the client has %d bytes to send", done, len(token))
		}
		if done {
			return err
		}
	}
	return err
}

// TestLogonIsBound logs on at a service that demands the channel binding of its TLS connection, as domain controllers
// do with LdapEnforceChannelBinding=2. One for another certificate, which is what comes through somebody who opens the
// connection, is refused; and without TLS nothing is bound and everything sealed.
func TestLogonIsBound(t *testing.T) {
	web := httptest.NewTLSServer(nil) // for its certificate
	web.Close()
	certificate := web.Certificate()
	another := &x509.Certificate{Raw: []byte("another"), SignatureAlgorithm: x509.SHA256WithRSA}
	state := &tls.ConnectionState{PeerCertificates: []*x509.Certificate{certificate}}
	for _, auth := range []Auth{AuthKerberos, AuthNTLM} {
		for _, row := range []struct {
			name    string
			client  *tls.ConnectionState
			service *x509.Certificate
			want    error
		}{
			{"the same", state, certificate, nil},
			{"another", state, another, wsmantest.ErrBinding},
			{"no TLS", nil, nil, nil},
		} {
			t.Run(fmt.Sprintf("%s, %s", auth, row.name), func(t *testing.T) {
				at, client := atService(t, auth)
				service := at.Logon(row.service)
				if err := logOn(t.Context(), client, row.client, service); !errors.Is(err, row.want) {
					t.Fatalf("got %v, want %v", err, row.want)
				}
				if row.want == nil && (client.Sealed() != (row.client == nil) || client.Sealed() != (service.Session() != nil)) {
					t.Errorf("sealed: the client %t, the service %t; want so without TLS only", client.Sealed(), service.Session() != nil)
				}
			})
		}
	}
}
