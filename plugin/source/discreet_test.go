package source

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"check_exchange_authcert/plugin/authcert"
)

// said is a source that says something.
type said struct {
	snap *authcert.Snapshot
	err  error
}

func (s said) Snapshot(context.Context) (*authcert.Snapshot, error) { return s.snap, s.err }

// TestDiscreet has the other side repeat a password in every form in which it
// may have got it.
func TestDiscreet(t *testing.T) {
	const password = `Geheim &"7" \ü?~~~`
	wide := strings.Join(strings.Split(password, ""), "\x00") + "\x00"
	for name, form := range map[string]string{
		"as it is": password, "in a query": url.QueryEscape(password), "in a path": url.PathEscape(password),
		"hex": hex.EncodeToString([]byte(password)), "HEX": strings.ToUpper(hex.EncodeToString([]byte(password))),
		"base64": base64.StdEncoding.EncodeToString([]byte(password)), "base64 of an URL": base64.RawURLEncoding.EncodeToString([]byte(password)),
		"the collector's line":        base64.StdEncoding.EncodeToString([]byte("username=x\npassword=" + password + "\nauth=Basic")),
		"the collector's line, moved": base64.StdEncoding.EncodeToString([]byte("username=xy\npassword=" + password + "\nauth=Basic")),
		"the collector's line, again": base64.StdEncoding.EncodeToString([]byte("username=xyz\npassword=" + password + "\nauth=Basic")),
		"UTF-16 in hex":               hex.EncodeToString([]byte(strings.ReplaceAll(wide, "ü", "\xfc"))),
		"cut off":                     password[:len(password)-3] + "…",
		"cut off in the middle":       "x " + password[:len(password)-3] + "…; before that: y",
		"in quotes":                   fmt.Sprintf("%q", password),
		"cut off in quotes":           fmt.Sprintf("%q", password[:len(password)-8]),
	} {
		t.Run(name, func(t *testing.T) {
			problem := func() *authcert.Problem {
				return &authcert.Problem{Stage: "asking", Message: "no: " + form, Hint: "Check"}
			}
			d := Discreet{Accounts: []Credentials{NewCredentials("x", "", password), NewCredentials("y", "", ""), NewCredentials("z", "", "no")}}
			d.Source = said{err: fmt.Errorf("wrapped: %w", problem())}
			_, err := d.Snapshot(t.Context())
			var got *authcert.Problem
			if !errors.As(err, &got) || !strings.HasPrefix(got.Message, "no: ") || got.Hint != "Check" {
				t.Fatalf("error %v, want the problem", err)
			}
			d.Source = said{snap: &authcert.Snapshot{
				Origin: authcert.Origin{Tried: []string{form}}, Errors: authcert.List[authcert.Problem]{*problem()},
				Servers: authcert.List[authcert.Server]{{FQDN: "ex01", Error: problem(), Published: &authcert.Published{Error: problem()}, Served: authcert.List[authcert.Served]{{Error: problem()}}}},
			}}
			snap, err := d.Snapshot(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			want := problem()
			want.Message = got.Message
			s := snap.Servers[0]
			if diff := cmp.Diff([]*authcert.Problem{want, want, want, want}, []*authcert.Problem{&snap.Errors[0], s.Error, s.Published.Error, s.Served[0].Error}); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
			for _, text := range []string{got.Message, snap.Origin.Tried[0]} {
				if !strings.Contains(text, "(secret)") || strings.Contains(text, "eheim") || strings.Contains(text, form) {
					t.Errorf("%q shows the password", text)
				}
			}
		})
	}
}

// TestDiscreetFacts has a host repeat a password in facts. What is no text
// stays as it is, and so does what a short password is part of.
func TestDiscreetFacts(t *testing.T) {
	const hostPassword = "Geheim-0123456789"
	facts := func(said string) *authcert.Snapshot {
		return &authcert.Snapshot{
			Origin:     authcert.Origin{Kind: said, Host: said, Via: said},
			AuthConfig: &authcert.AuthConfig{CurrentCertificateThumbprint: currentPrint, Realm: said, OriginatingServer: "dc " + said, Origin: &authcert.Origin{Host: said}},
			Servers: authcert.List[authcert.Server]{{FQDN: said + ".contoso.com", Role: "mailbox", Site: said, Certificates: authcert.List[authcert.Certificate]{
				{RawData: authcert.DER("DER of " + hostPassword), FriendlyName: said, Services: authcert.Services{"IIS", said}},
			}}},
			Entra:  &authcert.Entra{Application: said},
			Errors: authcert.List[authcert.Problem]{{Reason: authcert.Reason(said), Hint: said}, {Stage: authcert.StageServers, Reason: authcert.Timeout}},
		}
	}
	d := Discreet{Accounts: []Credentials{NewCredentials("x", "", hostPassword), NewCredentials("y", "", "mailbox"), NewCredentials("z", "", "time"), NewCredentials("z", "", "exchange")}, Login: secretLogin(t, "Geheim-Client"), Source: said{snap: facts(hostPassword)}}
	got, err := d.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(facts("(secret)"), got); diff != "" {
		t.Errorf("facts (-want +got):\n%s", diff)
	}
	d.Source = said{snap: facts("Geheim-Client")}
	if got, err = d.Snapshot(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(facts("(secret)"), got); diff != "" {
		t.Errorf("facts with the client secret (-want +got):\n%s", diff)
	}
}
