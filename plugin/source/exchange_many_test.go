package source_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"check_exchange_authcert/plugin/authcert"
	"check_exchange_authcert/plugin/wsman/wsmantest"
)

// manyServers are an organization of servers ex1, ex2, …, of which the first ones answer like this.
func manyServers(n, failing int, failure wsmantest.CmdletResult) *exchange {
	e := exchange{answer: map[string]wsmantest.CmdletResult{}}
	var list []string
	for i := range n {
		name := fmt.Sprintf("ex%d", i+1)
		list = append(list, exchangeServer(name, "Mailbox"))
		answer := outputs(certificate("a", name))
		if i < failing {
			answer = failure
		}
		e.answer["Get-ExchangeCertificate "+name+".contoso.com"] = answer
	}
	e.answer["Get-ExchangeServer"] = outputs(list...)
	return &e
}

// wantServers wants the first ones to have failed for this reason, and the rest to have been read.
func wantServers(t *testing.T, snap *authcert.Snapshot, n, failing int, reason authcert.Reason) {
	t.Helper()
	var want []string
	for i := range n {
		text := fmt.Sprintf("ex%d.contoso.com:a", i+1)
		if i < failing {
			text = fmt.Sprintf("ex%d.contoso.com:!%s", i+1, reason)
		}
		want = append(want, text)
	}
	if diff := cmp.Diff(want, summary(snap)); diff != "" {
		t.Errorf("servers and problems (-want +got):\n%s", diff)
	}
}

// TestRemotingManyFail has half of the servers fail: they cost themselves, and the other half is read.
func TestRemotingManyFail(t *testing.T) {
	for name, row := range map[string]struct {
		failure wsmantest.CmdletResult
		receive *wsmantest.Interference // of what they bring
		reason  authcert.Reason
		logons  int
	}{
		"broken streams":    {wsmantest.CmdletResult{Raw: []byte("HTTP/1.1 500 Internal Server Error")}, nil, authcert.Malformed, 1},
		"hanging":           {wsmantest.CmdletResult{Hang: true}, nil, authcert.Timeout, 1},
		"lost connections":  {wsmantest.CmdletResult{}, &wsmantest.Interference{Drop: true}, authcert.Unreachable, 13},
		"answers in clear":  {wsmantest.CmdletResult{}, &wsmantest.Interference{Status: 502}, authcert.Unreadable, 7},
		"no answers at all": {wsmantest.CmdletResult{}, &wsmantest.Interference{Hang: true}, authcert.Timeout, 7},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var mutex sync.Mutex
			var failing bool
			e := manyServers(8, 4, row.failure)
			peer, r := endpoint(t, e, wsmantest.Options{Interfere: func(step wsmantest.Step, _ int) *wsmantest.Interference {
				mutex.Lock()
				defer mutex.Unlock()
				if failing && step == wsmantest.StepReceive {
					failing = false
					return row.receive
				}
				return nil
			}})
			e.began = func(cmdlet string) {
				mutex.Lock()
				defer mutex.Unlock()
				failing = slices.Contains([]string{"ex1", "ex2", "ex3", "ex4"}, strings.TrimSuffix(strings.TrimPrefix(cmdlet, "Get-ExchangeCertificate "), ".contoso.com"))
			}
			ctx, cancel := context.WithTimeout(t.Context(), 33*time.Second)
			defer cancel()
			snap, err := r.Snapshot(ctx)
			if err != nil {
				t.Fatal(err)
			}
			wantServers(t, snap, 8, 4, row.reason)
			if s := peer.Stats(); ctx.Err() != nil || s.OpenShells != 0 || s.Logons > row.logons {
				t.Errorf("%+v, context %v: want nothing left, at most %d logons and an answer in time", s, ctx.Err(), row.logons)
			}
		})
	}
}

// TestRemotingAllFail keeps within what Exchange allows an account, however many servers break their streams.
func TestRemotingAllFail(t *testing.T) {
	creates := 0
	_, r := endpoint(t, manyServers(30, 30, wsmantest.CmdletResult{Raw: []byte("no fragment")}), wsmantest.Options{
		Interfere: func(step wsmantest.Step, count int) *wsmantest.Interference {
			if step == wsmantest.StepCreate {
				creates = count
			}
			return nil
		}})
	snap, err := r.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if creates > 16 { // of 18 that may be open at a time
		t.Errorf("%d sessions were opened", creates)
	}
	for _, s := range snap.Servers {
		if s.Error == nil {
			t.Errorf("%s: no problem", s.FQDN)
		}
	}
}

// TestRemotingManyAnswer has more servers than there are seconds, each of whose answers comes in several: all are read.
func TestRemotingManyAnswer(t *testing.T) {
	t.Parallel()
	peer, r := endpoint(t, manyServers(60, 0, wsmantest.CmdletResult{}), wsmantest.Options{Chunk: 400})
	ctx, cancel := context.WithTimeout(t.Context(), 32*time.Second)
	defer cancel()
	snap, err := r.Snapshot(ctx)
	if err != nil {
		t.Fatal(err)
	}
	wantServers(t, snap, 60, 0, "")
	if s := peer.Stats(); s.Signals != 0 || len(snap.Errors) != 0 {
		t.Errorf("%+v, errors %v: want no cmdlet given up, and none", s, snap.Errors)
	}
}

// TestRemotingStuckForGood has a cmdlet hang, and the host not end it either: the others are asked in another session.
func TestRemotingStuckForGood(t *testing.T) {
	for _, step := range []wsmantest.Step{wsmantest.StepSignal, wsmantest.StepDelete} {
		t.Run(string(step), func(t *testing.T) {
			t.Parallel()
			_, r := endpoint(t, manyServers(6, 1, wsmantest.CmdletResult{Hang: true}), wsmantest.Options{Interfere: func(at wsmantest.Step, count int) *wsmantest.Interference {
				if at == step && count == 1 {
					return &wsmantest.Interference{Hang: true}
				}
				return nil
			}})
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			snap, err := r.Snapshot(ctx)
			if err != nil {
				t.Fatal(err)
			}
			wantServers(t, snap, 6, 1, authcert.Timeout)
		})
	}
}
