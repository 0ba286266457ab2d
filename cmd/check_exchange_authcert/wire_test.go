package main

import (
	"bytes"
	"context"
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
