package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"check_exchange_authcert/plugin/wsman/wsmantest"
)

const bindingPassword = "Geheim-Kette-5"

// demanding is a domain controller that takes logons over TLS only if they are
// bound to a certificate, which need not be the one that it shows. It ends the
// connection after the logon.
func demanding(t *testing.T, service wsmantest.Service, shown tls.Certificate, bound *x509.Certificate) (port string) {
	t.Helper()
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{shown}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go accept(listener, func(connection net.Conn) {
		logon := service.Logon(bound)
		for more := true; more; {
			more = stepBind(connection, logon)
		}
	})
	_, port, _ = net.SplitHostPort(listener.Addr().String())
	return port
}

// stepBind answers a request to bind (RFC 4511 4.2), and tells whether another
// has to follow.
func stepBind(connection net.Conn, logon *wsmantest.Logon) bool {
	request, err := ber.ReadPacket(connection)
	if err != nil {
		return false
	}
	reply, done, err := logon.Step(request.Children[1].Children[2].Children[1].ByteValue)
	code, text := ldap.LDAPResultSaslBindInProgress, ""
	switch {
	case errors.Is(err, wsmantest.ErrBinding):
		code, text = ldap.LDAPResultInvalidCredentials, "80090346: LdapErr: DSID-0C0906B0, data 80090346, v4f7c"
	case err != nil:
		code = ldap.LDAPResultInvalidCredentials
	case done:
		code = ldap.LDAPResultSuccess
	}
	answer := resultPacket(ldap.ApplicationBindResponse, refusal{uint16(code), text})
	answer.AppendChild(ber.NewString(ber.ClassContext, ber.TypePrimitive, 7, string(reply), ""))
	return sendLDAP(connection, request.Children[0].Value.(int64), answer) && code == ldap.LDAPResultSaslBindInProgress
}

// TestLogonIsBound has the program log on at a domain controller that demands
// channel bindings: with its certificate it comes as far as the first search, and
// with another, as through somebody in between, it says what happened.
func TestLogonIsBound(t *testing.T) {
	realm := wsmantest.StartRealm(t, "CONTOSO.TEST")
	realm.AddUser("monitor", bindingPassword)
	realm.AddService("ldap/localhost")
	service := wsmantest.Service{Realm: realm, SPN: "ldap/localhost", Domain: "CONTOSO", User: "monitor", Password: bindingPassword}
	stage := onStage{t}
	shown, another := peer(stage, time.Hour, "localhost"), peer(stage, time.Hour, "localhost")
	for _, row := range []struct {
		bound tls.Certificate
		words string
	}{
		{shown, "reading the root entry"},
		{another, "logging on: access denied: it refused the channel bindings (LDAP result 49, 80090346)"},
	} {
		bound, err := x509.ParseCertificate(row.bound.Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		port := demanding(t, service, shown, bound)
		for _, user := range []string{"monitor@CONTOSO.TEST", `CONTOSO\monitor`} {
			var out bytes.Buffer
			code := program{
				args: []string{"--ldap", "ldaps://localhost:" + port, "--username", user, "--kdc", realm.KDC(), "--ca-file", caFile(stage, "ca.pem", shown)},
				env: func(name string) string {
					return map[string]string{passwordVariable: bindingPassword}[name]
				}, stdout: &out, now: time.Now,
			}.run(t.Context())
			if code != 3 || !strings.Contains(out.String(), row.words) {
				t.Errorf("%s: exit code %d, want 3 and %q:\n%s", user, code, row.words, out.String())
			}
		}
	}
}
