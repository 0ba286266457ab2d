package main

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"check_exchange_authcert/plugin"
	"check_exchange_authcert/plugin/authcert"
	"check_exchange_authcert/plugin/source"
)

// TestExcludedIsNotAsked has every way that asks one server after the other
// leave out those that nobody wants to know about: they may hang.
func TestExcludedIsNotAsked(t *testing.T) {
	var c cli
	var out bytes.Buffer
	args := []string{"-H", "ex01.contoso.com", "-u", "monitor@CONTOSO.COM", "--exclude-server", "ex02*", "--check-published", "--check-tls"}
	if _, err := c.parse(args, func(string) string { return "" }, &out); err != nil {
		t.Fatal(err)
	}
	way, err := c.way("exchange", "ex01.contoso.com", accounts{}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	checked, err := c.crossChecked(way.Source, source.ClientLogin{})
	if err != nil {
		t.Fatal(err)
	}
	concerns := map[string]func(*authcert.Server) bool{"exchange": way.Source.(source.Remoting).Concerns}
	for _, check := range checked.(source.Checked).Checks {
		switch check := check.(type) {
		case source.CheckPublished:
			concerns["published"] = check.Concerns
		case source.CheckTLS:
			concerns["TLS"] = check.Concerns
		}
	}
	if len(concerns) != 3 {
		t.Errorf("%d ways ask each server, want 3", len(concerns))
	}
	for name, concerns := range concerns {
		if !concerns(&authcert.Server{FQDN: "ex01.contoso.com"}) || concerns(&authcert.Server{FQDN: "ex02.contoso.com"}) {
			t.Errorf("%s: want ex01 asked and ex02 not", name)
		}
	}
}

// TestLocalAuth has --auth count where Exchange is asked from here; from a host
// it is what leads there, and no more.
func TestLocalAuth(t *testing.T) {
	for _, row := range []struct{ auth, host, want string }{
		{"auto", "", ""}, {"kerberos", "", "kerberos"}, {"basic", "", "basic"}, {"ntlm", "", "ntlm"}, {"basic", "ex01.contoso.com", ""},
	} {
		c := connection{Auth: row.auth}
		if got := c.exchange(row.host, accounts{}).Auth; got != row.want {
			t.Errorf("--auth %s from %q: %q, want %q", row.auth, row.host, got, row.want)
		}
	}
}

// TestDirectoryIsCompleted has Active Directory, which holds no certificates, be
// the source together with what its servers publish: those that concern the
// policy.
func TestDirectoryIsCompleted(t *testing.T) {
	var c cli
	args := []string{"--ldap", "ldaps://dc01.contoso.com", "-u", "monitor@CONTOSO.COM", "--exclude-server", "ex02*", "--check-published"}
	if _, err := c.parse(args, func(string) string { return "" }, &bytes.Buffer{}); err != nil {
		t.Fatal(err)
	}
	p := program{env: func(string) string { return "Geheim" }, now: time.Now}
	chosen, err := p.source(&c)
	if err != nil {
		t.Fatal(err)
	}
	base := chosen.(source.Discreet).Source
	again, err := c.crossChecked(base, source.ClientLogin{})
	if err != nil {
		t.Fatal(err)
	}
	if _, once := again.(source.Checked).Source.(source.LDAP); !once {
		t.Error("its documents are asked for twice")
	}
	completed := base.(source.Checked)
	directory := completed.Source.(source.LDAP)
	documents := completed.Checks[0].(source.CheckPublished)
	for name, concerns := range map[string]func(*authcert.Server) bool{"the directory": directory.Concerns, "documents": documents.Concerns} {
		if !concerns(&authcert.Server{FQDN: "ex01.contoso.com"}) || concerns(&authcert.Server{FQDN: "ex02.contoso.com"}) {
			t.Errorf("%s: want ex01 to matter and ex02 not", name)
		}
	}
}

// TestExchangeEndpoint is where Exchange is asked, and at which port it is seen first whether the host is up.
func TestExchangeEndpoint(t *testing.T) {
	for _, row := range []struct{ host, flags, url, address string }{
		{"ex01.contoso.com", "", "http://ex01.contoso.com/PowerShell/", "ex01.contoso.com:80"},
		{"ex01.contoso.com", "--https", "https://ex01.contoso.com/PowerShell/", "ex01.contoso.com:443"},
		{"ex01.contoso.com", "--port 5999", "http://ex01.contoso.com/PowerShell/", "ex01.contoso.com:80"}, // which is WinRM's
		{"2001:db8::10", "", "http://[2001:db8::10]/PowerShell/", "[2001:db8::10]:80"},
		{"2001:db8::10", "--https", "https://[2001:db8::10]/PowerShell/", "[2001:db8::10]:443"},
		{"ex01.contoso.com", "--exchange-url https://{host}:8443/ps/", "https://ex01.contoso.com:8443/ps/", "ex01.contoso.com:8443"},
		{"2001:db8::10", "--exchange-url http://{host}:81/PowerShell/", "http://[2001:db8::10]:81/PowerShell/", "[2001:db8::10]:81"},
		{"ex01.contoso.com", "--https --exchange-url http://mail.contoso.com/PowerShell/", "http://mail.contoso.com/PowerShell/", "mail.contoso.com:80"},
		{"ex01.contoso.com", "--exchange-url https://mail.contoso.com/PowerShell/", "https://mail.contoso.com/PowerShell/", "mail.contoso.com:443"},
	} {
		t.Run(row.host+" "+row.flags, func(t *testing.T) {
			var c cli
			args := append([]string{"-H", row.host, "-u", "monitor@CONTOSO.COM"}, strings.Fields(row.flags)...)
			if _, err := c.parse(args, func(string) string { return "" }, &bytes.Buffer{}); err != nil {
				t.Fatal(err)
			}
			way, err := c.way("exchange", row.host, accounts{}, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			if url := way.Source.(source.Remoting).Endpoint.URL; url != row.url || way.Address != row.address {
				t.Errorf("%s at %s, want %s at %s", url, way.Address, row.url, row.address)
			}
		})
	}
}

// tardy is a source that does not hear of its context's end.
type tardy struct {
	until <-chan struct{}
	snap  *authcert.Snapshot
}

func (s tardy) Snapshot(context.Context) (*authcert.Snapshot, error) {
	<-s.until
	return s.snap, nil
}

// noting tells when a source has returned.
type noting struct {
	plugin.Source
	returned chan struct{}
}

func (n noting) Snapshot(ctx context.Context) (*authcert.Snapshot, error) {
	defer close(n.returned)
	return n.Source.Snapshot(ctx)
}

// TestNotJudgedIsNotSaved has facts come before a signal, and after the answer
// to one: neither are what the answer is about. Those of a run to its end are.
func TestNotJudgedIsNotSaved(t *testing.T) {
	for name, row := range map[string]struct{ signal, late, kept bool }{
		"a run to its end": {kept: true},
		"before a signal":  {signal: true},
		"after the answer": {signal: true, late: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			until, returned := make(chan struct{}), make(chan struct{})
			snap := &authcert.Snapshot{}
			facts := &keeper{Source: tardy{until, snap}}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if row.signal {
				cancel()
			}
			if !row.late {
				close(until)
			}
			result := plugin.Check(ctx, noting{facts, returned}, authcert.DefaultPolicy(), start)
			if row.late {
				close(until)
			}
			<-returned
			if got := facts.judged(result); (got == snap) != row.kept || got != nil && !row.kept {
				t.Errorf("kept %p of %p after the failure %v, want it kept: %t", got, snap, result.Failure, row.kept)
			}
		})
	}
}
