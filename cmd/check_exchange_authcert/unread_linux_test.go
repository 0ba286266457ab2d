package main

import (
	"encoding/json"
	"io"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestNobodyReads has nobody read an answer that no pipe holds: the run ends by
// its deadline, or at once by a signal. Like any answer that is not written it
// is never OK.
func TestNobodyReads(t *testing.T) {
	trouble := []string{"--snapshot", "../../testdata/snapshots/trouble.json", "--at", "2026-11-23"}
	for name, row := range map[string]struct {
		args    []string
		signals []syscall.Signal // none: the deadline
		code    int
	}{
		"OK, the deadline":       {args: []string{"--snapshot", sound, "--at", "2026-11-23", "-o", "json"}, code: 3},
		"CRITICAL, the deadline": {args: append(trouble, "-o", "json"), code: 2},
		"zabbix, the deadline":   {args: append(trouble, "-o", "zabbix"), code: 3},
		"a definition":           {args: []string{"--print", "zabbix"}, code: 3},
		"OK, a hangup":           {args: []string{"--snapshot", sound, "--at", "2026-11-23", "-o", "json"}, signals: []syscall.Signal{syscall.SIGHUP}, code: 3},
		"CRITICAL, twice":        {args: append(trouble, "-o", "json"), signals: []syscall.Signal{syscall.SIGTERM, syscall.SIGTERM}, code: 2},
		"zabbix, a signal":       {args: append(trouble, "-o", "zabbix"), signals: []syscall.Signal{syscall.SIGTERM}, code: 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			endsPromptly(t, func() time.Duration {
				due := time.Now().Add(2 * time.Second)
				timeout := "2"
				if row.signals != nil {
					timeout = "60"
				}
				p, _ := stalledAt(t, func(t *testing.T, reached func()) invocation {
					_, writer := unread(t, reached)
					return invocation{args: row.args, stdout: writer}
				}, "--timeout", timeout)
				if row.signals != nil {
					due = time.Now()
				}
				for _, s := range row.signals {
					p.signal(t, s)
				}
				code, took := p.code(), time.Since(due)
				if code != row.code || p.stderr.Len() > 0 {
					t.Errorf("exit code %d, want %d; standard error %q", code, row.code, p.stderr.String())
				}
				return took
			})
		})
	}
}

// TestUnreadAnswerToSignal has a signal end a run whose answer nobody reads.
func TestUnreadAnswerToSignal(t *testing.T) {
	t.Parallel()
	endsPromptly(t, func() time.Duration {
		_, writer := smallPipe(t)
		if _, err := writer.Write(make([]byte, smallPipeSize)); err != nil {
			t.Fatal(err)
		}
		p, _ := stalledAt(t, func(t *testing.T, reached func()) invocation {
			call := windows("cmdlet", viaExchange)(t, reached)
			call.stdout = writer
			return call
		})
		sent := time.Now()
		p.signal(t, syscall.SIGTERM)
		if code := p.code(); code != 3 {
			t.Errorf("exit code %d, want 3", code)
		}
		return time.Since(sent)
	})
}

// TestSlowReader has somebody begin to read long after the answer is there: he
// gets the whole of it.
func TestSlowReader(t *testing.T) {
	t.Parallel()
	full := make(chan struct{})
	reader, writer := unread(t, sync.OnceFunc(func() { close(full) }))
	p := launch(t, invocation{args: []string{"--snapshot", largeSnapshot(t), "--at", "2026-11-23", "-o", "json"}, stdout: writer})
	writer.Close()
	p.waitFor(t, full)
	select {
	case <-p.ended:
		t.Errorf("it did not wait for its reader")
	case <-time.After(writeWait + time.Second):
	}
	answer, err := io.ReadAll(reader)
	if code := p.code(); code != 2 || err != nil || !json.Valid(answer) || p.stderr.Len() > 0 {
		t.Errorf("exit code %d, %d bytes, %v, standard error %q; want 2 and a whole document", code, len(answer), err, p.stderr.String())
	}
}
