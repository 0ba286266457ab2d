package main

import (
	"bytes"
	"strings"
	"syscall"
	"testing"
)

// TestCrashTellsNoSecret has signals arrive from outside that are for programs
// gone wrong, in the middle of a logon and of a run, when Go is asked for all
// that it can tell: the password is in none of it.
func TestCrashTellsNoSecret(t *testing.T) {
	for _, row := range []struct {
		signal syscall.Signal
		told   string // on standard error
	}{
		{syscall.SIGSEGV, "goroutine "},
		{syscall.SIGABRT, ""},
	} {
		for name, start := range map[string]func(*testing.T, func()) invocation{
			"a logon": windows("negotiate", viaNTLM), "a run": windows("run", viaNTLM), "Kerberos": windows("preauth", viaKerberos),
		} {
			t.Run(row.signal.String()+"/"+name, func(t *testing.T) {
				t.Parallel()
				p, _ := stalledAt(t, func(t *testing.T, reached func()) invocation {
					call := start(t, reached)
					call.env["GOTRACEBACK"] = "crash"
					call.through = through(`ulimit -c 0; exec "$@"`)
					return call
				})
				p.signal(t, row.signal)
				code, told := p.code(), p.stderr.String()
				if !strings.Contains(told, row.told) || row.told == "" && (told != "" || code != 3) {
					t.Errorf("exit code %d, standard error %q; want %q in it", code, told, row.told)
				}
				for _, spelling := range spelt(stallPassword) {
					if bytes.Contains(p.stdout.Bytes(), spelling) || bytes.Contains(p.stderr.Bytes(), spelling) {
						t.Errorf("the password is told, as %q", spelling)
					}
				}
			})
		}
	}
}
