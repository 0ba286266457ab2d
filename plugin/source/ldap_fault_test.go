package source

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"check_exchange_authcert/plugin/authcert"
	"check_exchange_authcert/plugin/wsman"
)

// refused is what a source says within a deadline. It must not hold the
// password.
func refused(t *testing.T, l LDAP, within time.Duration) *authcert.Problem {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	snap, err := l.Snapshot(ctx)
	var p *authcert.Problem
	switch {
	case err == nil && snap.AuthConfig == nil:
		p = &snap.Errors[0]
	case !errors.As(err, &p):
		t.Fatalf("error %v, want a problem", err)
	}
	if strings.Contains(fmt.Sprintf("%+v", *p), ldapPassword) {
		t.Errorf("the password is in %+v", *p)
	}
	return p
}

// long is time enough for what does not wait.
const long = 30 * time.Second

func TestLDAPFaults(t *testing.T) {
	const short = 200 * time.Millisecond // for what waits until then
	injected := append(success(1, ldap.ApplicationExtendedResponse), success(2, ldap.ApplicationBindResponse)...)
	for _, row := range []struct {
		name, scheme, at string
		fault            directoryFault
		within           time.Duration
		reason           authcert.Reason
		message          string
	}{
		{"silent from the start", "ldap", "connect", directoryFault{hang: true}, short, authcert.Timeout, "no answer in time"},
		{"silent in the TLS handshake", "ldaps", "connect", directoryFault{hang: true}, short, authcert.Timeout, "no answer in time"},
		{"silent at StartTLS", "ldap", "starttls", directoryFault{hang: true}, short, authcert.Timeout, "no answer in time"},
		{"silent at the bind", "ldaps", "bind", directoryFault{hang: true}, short, authcert.Timeout, "no answer in time"},
		{"silent at the search", "ldaps", "search", directoryFault{hang: true}, short, authcert.Timeout, "no answer in time"},
		{"closes at once", "ldaps", "connect", directoryFault{drop: true}, long, authcert.Unreachable, ""},
		{"closes at the bind", "ldaps", "bind", directoryFault{drop: true}, long, authcert.Unreachable, "the connection was lost"},
		{"closes at the search", "ldaps", "search", directoryFault{drop: true}, long, authcert.Unreachable, "the connection was lost"},
		{"is a web server", "ldap", "connect", directoryFault{send: []byte("HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n400 Bad Request")}, long, authcert.Malformed, "not LDAP"},
		{"no TLS under ldaps", "ldaps", "connect", directoryFault{send: []byte("HTTP/1.1 400 Bad Request\r\n\r\n")}, long, authcert.Malformed, "does not speak TLS"},
		{"no TLS after StartTLS", "ldap", "starttls", directoryFault{send: append(success(1, ldap.ApplicationExtendedResponse), "garbage garbage"...)}, long, authcert.Malformed, "does not speak TLS"},
		{"answers before TLS", "ldap", "starttls", directoryFault{send: injected}, long, authcert.Malformed, "does not speak TLS"},
		{"another message's answer", "ldaps", "bind", directoryFault{send: success(7, ldap.ApplicationBindResponse)}, long, authcert.Malformed, "not LDAP"},
		{"another kind of answer", "ldaps", "bind", directoryFault{send: success(1, ldap.ApplicationSearchResultDone)}, long, authcert.Malformed, "not LDAP"},
		{"an answer without end before the logon", "ldap", "starttls", directoryFault{flow: true}, long, authcert.Malformed, "an answer is larger than 256 KiB"},
		{"an answer without end", "ldaps", "search", directoryFault{flow: true}, long, authcert.Malformed, "an answer is larger than 256 KiB"},
		{"garbage for a search", "ldaps", "search", directoryFault{send: []byte{0x30, 0x03, 0x02, 0x01, 0x01}}, long, authcert.Malformed, "not LDAP"},
		{"wrong password", "ldaps", "bind", directoryFault{code: 49, text: "80090308: LdapErr: DSID-0C090569, data 52e, v4f7c"}, long, authcert.AccessDenied, "wrong user or password (LDAP result 49, 52e)"},
		{"locked account", "ldaps", "bind", directoryFault{code: 49, text: "80090308: LdapErr: DSID-0C090569, data 775, v4f7c"}, long, authcert.AccessDenied, "the account is locked (LDAP result 49, 775)"},
		{"expired password", "ldaps", "bind", directoryFault{code: 49, text: "80090308: LdapErr: DSID-0C090569, data 532, v4f7c"}, long, authcert.AccessDenied, "the password has expired"},
		{"bindings refused", "ldaps", "bind", directoryFault{code: 49, text: "80090346: LdapErr: DSID-0C0906B0, data 80090346, v4f7c"}, long, authcert.AccessDenied, "refused the channel bindings"},
		{"refused without a reason", "ldaps", "bind", directoryFault{code: 49, text: "Geheim-17 | <b>"}, long, authcert.AccessDenied, "wrong user or password (LDAP result 49)"},
		{"wants signing", "ldaps", "bind", directoryFault{code: 8}, long, authcert.Unsupported, "wants messages to be signed"},
		{"no StartTLS", "ldap", "starttls", directoryFault{code: 52, text: "no certificate"}, long, authcert.Unreachable, "shutting down or starting (LDAP result 52)"},
		{"a referral", "ldaps", "search", directoryFault{code: 10, text: "ldap://elsewhere"}, long, authcert.NotFound, "refers to another server"},
		{"not logged on", "ldaps", "search", directoryFault{code: 1, text: "000004DC"}, long, authcert.AccessDenied, "not logged on"},
		{"busy", "ldaps", "search", directoryFault{code: 51}, long, authcert.Throttled, "it is busy"},
		{"an unknown result", "ldaps", "search", directoryFault{code: 9999, text: "x"}, long, authcert.Unreadable, "it refused (LDAP result 9999)"},
	} {
		t.Run(row.name, func(t *testing.T) {
			server := startLDAP(t, row.scheme == "ldaps", contoso(1)...)
			server.fail(row.at, row.fault)
			p := refused(t, server.source(row.scheme), row.within)
			if p.Reason != row.reason || !strings.Contains(p.Message, row.message) {
				t.Errorf("got %s: %s (%s); want %s: …%s", p.Reason, p.Message, p.Stage, row.reason, row.message)
			}
			if got := server.count("bind"); got > 1 {
				t.Errorf("%d binds: a password is tried once", got)
			}
		})
	}
}

// success is an answer that says so.
func success(id int64, tag ber.Tag) []byte {
	envelope := ber.NewSequence("")
	envelope.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, id, ""))
	envelope.AppendChild(ldapResultOf(tag, 0, ""))
	return envelope.Bytes()
}

func TestLDAPUntrusted(t *testing.T) {
	server := startLDAP(t, true, contoso(1)...)
	unknown, misnamed := server.source("ldaps"), server.source("ldaps")
	unknown.TLS.CAFile = ""
	misnamed.TLS.ServerName = "dc01.contoso.com"
	for _, source := range []LDAP{unknown, misnamed} {
		p := refused(t, source, long)
		if p.Reason != authcert.Unreachable || !strings.Contains(p.Message, "its certificate is not trusted") || server.count("bind") != 0 {
			t.Errorf("got %s: %s after %d binds; want that it is not trusted, and none", p.Reason, p.Message, server.count("bind"))
		}
	}
}

func TestLDAPWrongPassword(t *testing.T) {
	for _, row := range []struct {
		auth    wsman.Auth
		message string
	}{{wsman.AuthBasic, "wrong user or password (LDAP result 49, 52e)"}, {wsman.AuthKerberos, "Kerberos error 24 from"}} {
		source := startLDAP(t, false, contoso(1)...).source("ldap")
		source.Auth, source.Account = row.auth, NewCredentials("monitor@EXAMPLE.TEST", "", "Geheim of another")
		p := refused(t, source, long)
		if p.Reason != authcert.AccessDenied || !strings.Contains(p.Message, row.message) {
			t.Errorf("%s: got %s: %s; want %s", row.auth, p.Reason, p.Message, row.message)
		}
	}
}

func TestLDAPSettings(t *testing.T) {
	good := LDAP{Auth: wsman.AuthBasic, Account: NewCredentials("monitor@EXAMPLE.TEST", "", ldapPassword)}
	for _, row := range []struct {
		url, message string
		change       func(*LDAP)
	}{
		{"dc01.contoso.com", "no URL of a domain controller", nil},
		{"http://dc01.contoso.com", "no URL of a domain controller", nil},
		{"ldaps://", "no URL of a domain controller", nil},
		{"ldaps://dc01.contoso.com/DC=contoso", "no URL of a domain controller", nil},
		{"ldaps://monitor:Geheim-17@dc01.contoso.com", "holds a user", nil},
		{"ldaps://dc01:x%Geheim-17", "no URL of a domain controller", nil},
		{"ldaps://dc01.contoso.com", "would not be verified", func(l *LDAP) { l.TLS.Insecure = true }},
		{"ldap://dc01.contoso.com", "would not be verified", func(l *LDAP) { l.TLS.Insecure = true }},
		{"ldap://dc01.contoso.com", "goes with ldaps:// only", func(l *LDAP) { l.TLS.Insecure, l.Auth = true, wsman.AuthNTLM }},
		{"ldaps://dc01.contoso.com", "needs an account and a password", func(l *LDAP) { l.Account = Credentials{Username: "monitor"} }},
	} {
		l := good
		l.URLs = []string{row.url}
		if row.change != nil {
			row.change(&l)
		}
		var p *authcert.Problem
		if err := l.Check(); !errors.As(err, &p) || !strings.Contains(p.Message, row.message) || strings.Contains(fmt.Sprint(*p), ldapPassword) {
			t.Errorf("%s: got %v, want …%s", row.url, err, row.message)
		}
	}
	good.URLs = []string{"ldaps://dc01.contoso.com", "ldap://[::1]:3268/"}
	if err := good.Check(); err != nil {
		t.Errorf("got %v, want no problem", err)
	}
}

// TestLDAPKerberosNeedsName asks an address for which there is no service
// principal name.
func TestLDAPKerberosNeedsName(t *testing.T) {
	server := startLDAP(t, false, contoso(1)...)
	source := server.source("ldap")
	source.Auth, source.URLs = wsman.AuthKerberos, []string{"ldap://" + net.JoinHostPort("127.0.0.1", server.port())}
	if p := refused(t, source, long); p.Reason != authcert.Unsupported || !strings.Contains(p.Message, "Kerberos needs a host name") {
		t.Errorf("got %s: %s; want that a name is needed", p.Reason, p.Message)
	}
}

// snapshotWithin reads from a source within a deadline.
func snapshotWithin(t *testing.T, within time.Duration, l LDAP) (*authcert.Snapshot, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	return l.Snapshot(ctx)
}
