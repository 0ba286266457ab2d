package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// process is a run of the executable, in a process of its own.
type process struct {
	*exec.Cmd
	stdout, stderr bytes.Buffer
	ended          chan struct{} // then the buffers and ProcessState are there
}

// launch starts the executable, through a program that runs another one if
// there is one. Whatever happens it is gone when the test ends.
func launch(t testing.TB, call invocation, through ...string) *process {
	t.Helper()
	line := slices.Concat(through, call.through, []string{"check_exchange_authcert"}, call.args)
	p := &process{Cmd: exec.Command(line[0], line[1:]...), ended: make(chan struct{})}
	p.Stdout, p.Stderr = &p.stdout, &p.stderr
	if call.stdin != nil {
		p.Stdin = call.stdin
	}
	if call.stdout != nil {
		p.Stdout = call.stdout
	}
	p.Env = os.Environ()
	for name, value := range call.env {
		p.Env = append(p.Env, name+"="+value)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.Process.Kill() // has ended but in a test that failed
		<-p.ended
		if err := keep("", call.args, p.stdout.String(), p.stderr.String()); err != nil {
			t.Error(err)
		}
	})
	go func() {
		defer close(p.ended)
		_ = p.Wait() // ProcessState has it
	}()
	return p
}

// tooLong is more than the longest run may take.
const tooLong = 90 * time.Second

// code is the exit code, or -1 after a death by a signal, which is also the end
// of what does not end.
func (p *process) code() int {
	select {
	case <-p.ended:
	case <-time.After(tooLong):
		_ = p.Process.Kill()
		<-p.ended
	}
	return p.ProcessState.ExitCode()
}

// signal sends one, if there is still somebody to hear it.
func (p *process) signal(t *testing.T, s os.Signal) {
	t.Helper()
	if err := p.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatal(err)
	}
}

// stalledAt starts a call and waits until it has reached its stage.
func stalledAt(t *testing.T, start func(*testing.T, func()) invocation, more ...string) (*process, invocation) {
	t.Helper()
	reached := make(chan struct{})
	call := start(t, sync.OnceFunc(func() { close(reached) }))
	call.args = append(call.args, more...)
	p := launch(t, call)
	select {
	case <-reached:
	case <-p.ended:
		t.Fatalf("it ended before its stage was reached: exit code %d, %s%s", p.code(), &p.stdout, &p.stderr)
	}
	return p, call
}

// promptly is the second or two within which a run ends, and some more: one is
// what reading a file is given.
const promptly = 3 * time.Second

// endsPromptly has something end promptly. What took longer is done up to three
// times: others may keep the machine busy.
func endsPromptly(t *testing.T, again func() (took time.Duration)) {
	t.Helper()
	const times = 3
	var late []time.Duration
	for range times {
		took := again()
		if took <= promptly || t.Failed() {
			return
		}
		late = append(late, took)
	}
	t.Errorf("it took %s, want at most %s", late, promptly)
}

// TestSignals has signals arrive in every stage: one answer at once, which
// names the stage, and nothing left behind on the host. A SIGPIPE before them,
// as a socket that somebody has closed raises it, changes nothing.
func TestSignals(t *testing.T) {
	for _, row := range stalls {
		for _, signals := range [][]syscall.Signal{{syscall.SIGTERM}, {syscall.SIGINT}, {syscall.SIGPIPE, syscall.SIGTERM}} {
			t.Run(row.name+"/"+names(signals), func(t *testing.T) {
				t.Parallel()
				endsPromptly(t, func() time.Duration { return interrupted(t, row, signals) })
			})
		}
	}
}

// interrupted sends signals to a run that has come to its stage, and returns
// how long the last one took to end it.
func interrupted(t *testing.T, row stall, signals []syscall.Signal) time.Duration {
	p, call := stalledAt(t, row.start)
	last := len(signals) - 1
	for _, s := range signals[:last] {
		p.signal(t, s)
		select {
		case <-p.ended:
			t.Fatalf("%s ended it: exit code %d, %s%s", s, p.code(), &p.stdout, &p.stderr)
		case <-time.After(promptly / 10):
		}
	}
	sent := time.Now()
	p.signal(t, signals[last])
	code, took := p.code(), time.Since(sent)
	if code != 3 || p.stderr.Len() > 0 {
		t.Errorf("exit code %d, want 3; standard error %q", code, p.stderr.String())
	}
	first, _, _ := strings.Cut(p.stdout.String(), "\n")
	if row.stage != "" && (!strings.Contains(first, row.stage) || !strings.Contains(first, ": interrupted by a signal") || strings.Count(p.stdout.String(), "UNKNOWN - ") != 1) {
		t.Errorf("output %q, want one answer that names the stage %q and the signal", p.stdout.String(), row.stage)
	}
	if call.host != nil {
		if s := call.host.Stats(); s.OpenShells != 0 || s.RunningCommands != 0 || s.Commands > 3 {
			t.Errorf("%+v: want no shell and no command left behind, and nothing new begun", s)
		}
	}
	return took
}

// TestEverySignal has every signal that ends a program arrive while the
// collector runs.
func TestEverySignal(t *testing.T) {
	for _, row := range []struct {
		signals []syscall.Signal
		args    []string
		code    int // -1: death by the signal
	}{
		{signals: []syscall.Signal{syscall.SIGTERM}, code: 3},
		{signals: []syscall.Signal{syscall.SIGINT}, code: 3},
		{signals: []syscall.Signal{syscall.SIGHUP}, code: 3},  // a terminal or a daemon goes
		{signals: []syscall.Signal{syscall.SIGQUIT}, code: 3}, // Go's own answer is a dump of its stacks and exit code 2
		{signals: []syscall.Signal{syscall.SIGABRT}, code: 3}, // the same; it is what systemd's watchdog sends
		{signals: []syscall.Signal{syscall.SIGALRM}, code: 3}, // a wrapper's alarm lives on behind exec
		{signals: []syscall.Signal{syscall.SIGTERM}, args: []string{"-o", "zabbix"}, code: 0},
		{signals: []syscall.Signal{syscall.SIGTERM}, args: []string{"-o", "prtg"}, code: 0},
		{signals: []syscall.Signal{syscall.SIGTERM}, args: []string{"-o", "json"}, code: 3},
		{signals: []syscall.Signal{syscall.SIGTERM, syscall.SIGTERM, syscall.SIGHUP}, code: 3}, // timeout(1) sends its signal twice
	} {
		t.Run(strings.Join(append([]string{names(row.signals)}, row.args...), " "), func(t *testing.T) {
			t.Parallel()
			p, call := stalledAt(t, windows("run", viaNTLM), row.args...)
			for _, s := range row.signals {
				p.signal(t, s)
			}
			if code := p.code(); code != row.code || !strings.Contains(p.stdout.String(), "interrupted by a signal") || p.stderr.Len() > 0 {
				t.Errorf("exit code %d, want %d; output %q, errors %q", code, row.code, p.stdout.String(), p.stderr.String())
			}
			expectNothingLeft(t, call)
		})
	}
}

func names(signals []syscall.Signal) string {
	var all []string
	for _, s := range signals {
		all = append(all, s.String())
	}
	return strings.Join(all, ", ")
}

// waitFor waits until a peer says that its stage is reached.
func (p *process) waitFor(t *testing.T, reached <-chan struct{}) {
	t.Helper()
	select {
	case <-reached:
	case <-p.ended:
		t.Fatalf("it ended before its stage was reached: %v", p.ProcessState)
	}
}

// TestSecondInterrupt has somebody press Ctrl-C again while the clean-up waits
// for a host: that ends it at once, by the signal.
func TestSecondInterrupt(t *testing.T) {
	reached := make(chan struct{}, 2) // the collector runs; it is to be terminated
	p := launch(t, windows("run, and its end", viaNTLM)(t, func() { reached <- struct{}{} }))
	for range cap(reached) {
		p.waitFor(t, reached)
		p.signal(t, os.Interrupt)
	}
	<-p.ended
	status := p.ProcessState.Sys().(syscall.WaitStatus)
	if !status.Signaled() || status.Signal() != syscall.SIGINT || p.stdout.Len()+p.stderr.Len() > 0 {
		t.Errorf("%v, output %q %q; want death by the signal and no answer", p.ProcessState, p.stdout.String(), p.stderr.String())
	}
}

// TestIgnoredHangup has the program run as nohup(1) runs it: it does not hear
// what it was started not to hear.
func TestIgnoredHangup(t *testing.T) {
	t.Parallel()
	reached := make(chan struct{})
	call := windows("run", viaNTLM)(t, sync.OnceFunc(func() { close(reached) }))
	call.args = append(call.args, "--timeout", "6")
	p := launch(t, call, "sh", "-c", `trap "" HUP; exec "$@"`, "sh")
	p.waitFor(t, reached)
	p.signal(t, syscall.SIGHUP)
	if code := p.code(); code != 3 || !strings.Contains(p.stdout.String(), "timeout: ") {
		t.Errorf("exit code %d, output %q, errors %q; want it to run until its deadline", code, p.stdout.String(), p.stderr.String())
	}
}

// TestBrokenPipeSignal has SIGPIPE arrive in the middle of a run, as a socket
// that somebody has closed raises it: that is for the write to report, and
// ends nothing.
func TestBrokenPipeSignal(t *testing.T) {
	t.Parallel()
	p, call := stalledAt(t, windows("run", viaNTLM), "--timeout", "6")
	p.signal(t, syscall.SIGPIPE)
	if code := p.code(); code != 3 || !strings.Contains(p.stdout.String(), "timeout: ") {
		t.Errorf("exit code %d, output %q; want it to run until its deadline", code, p.stdout.String())
	}
	expectNothingLeft(t, call)
}

// TestInterruptedSavesNothing has a signal arrive when a part of the facts is
// there: what an earlier run saved is not replaced by a part.
func TestInterruptedSavesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "facts.json")
	if err := os.WriteFile(path, []byte("earlier"), 0o600); err != nil {
		t.Fatal(err)
	}
	p, _ := stalledAt(t, windows("Get-TransportService", viaExchange), "--save", path)
	p.signal(t, syscall.SIGTERM)
	code := p.code()
	saved, err := os.ReadFile(path)
	if code != 3 || err != nil || string(saved) != "earlier" || !strings.Contains(p.stdout.String(), "nothing to save") {
		t.Errorf("exit code %d, output %q, saved %.60q; want what was there before", code, p.stdout.String(), saved)
	}
}
