package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

var (
	soakRuns = flag.Int("soak.runs", 50, "how many processes the soak starts")
	soakSeed = flag.Uint64("soak.seed", 20261123, "what the soak draws them from")
)

// census is what processes could leave behind in the one that started them.
type census struct{ goroutines, files, children, temporary int }

func takeCensus(t *testing.T, temporary string) census {
	t.Helper()
	c := census{goroutines: runtime.NumGoroutine()}
	for pattern, into := range map[string]*int{"/proc/self/fd/*": &c.files, filepath.Join(temporary, "*"): &c.temporary} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		*into = len(found)
	}
	tasks, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks {
		children, _ := os.ReadFile(task) // the task may have ended
		c.children += len(strings.Fields(string(children)))
	}
	return c
}

// outOfTime is the exit code of a run that is out of time in a stage: a
// cross-check that brings nothing costs no verdict, but Entra ID's.
func outOfTime(stage string) int {
	if stage == "comparing with Active Directory" || stage == "a certificate that is served" {
		return 0
	}
	return 3
}

func expectCode(t *testing.T, p *process, want int) {
	t.Helper()
	if code := p.code(); code != want || p.stderr.Len() > 0 {
		t.Errorf("exit code %d, want %d; output %q, errors %q", code, want, p.stdout.String(), p.stderr.String())
	}
}

func expectNothingLeft(t *testing.T, call invocation) {
	t.Helper()
	if call.host == nil {
		return
	}
	if s := call.host.Stats(); s.OpenShells != 0 || s.RunningCommands != 0 {
		t.Errorf("%+v: want no shell and no command left behind", s)
	}
}

// TestSoakProcesses starts the executable again and again, as the seed draws
// it: judged well, to a disk that is full, out of time or ended by a signal in
// any stage. The exit code is what the draw leads to, and nothing is left.
func TestSoakProcesses(t *testing.T) {
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	random := rand.New(rand.NewPCG(*soakSeed, 0))
	before := takeCensus(t, temporary)
	drawn := map[string]int{}
	for number := range *soakRuns {
		var kind string
		switch random.IntN(4) {
		case 0:
			kind = "judged"
			verdict := judged[random.IntN(len(judged))]
			t.Run(fmt.Sprintf("%d %s", number, verdict.name), func(t *testing.T) {
				expectCode(t, launch(t, invocation{args: verdict.args}), verdict.code)
			})
		case 1:
			kind = "to a full disk"
			verdict := judged[random.IntN(len(judged))]
			t.Run(fmt.Sprintf("%d %s, full disk", number, verdict.name), func(t *testing.T) {
				expectCode(t, launch(t, invocation{args: verdict.args}, through(`exec "$@" >/dev/full`)...), verdict.unwritten())
			})
		case 2:
			kind = "out of time"
			stage := stalls[random.IntN(len(stalls))]
			t.Run(fmt.Sprintf("%d %s, out of time", number, stage.name), func(t *testing.T) {
				call := stage.start(t, func() {})
				call.args = append(call.args, "--timeout", "2")
				expectCode(t, launch(t, call), outOfTime(stage.name))
				expectNothingLeft(t, call)
			})
		case 3:
			kind = "ended by a signal"
			stage := stalls[random.IntN(len(stalls))]
			t.Run(fmt.Sprintf("%d %s, signal", number, stage.name), func(t *testing.T) {
				p, call := stalledAt(t, stage.start)
				if err := p.Process.Signal(syscall.SIGTERM); err != nil {
					t.Fatal(err)
				}
				expectCode(t, p, 3)
				expectNothingLeft(t, call)
			})
		}
		drawn[kind]++
	}
	var after census
	settled := await(t, func() bool {
		after = takeCensus(t, temporary)
		return after.goroutines <= before.goroutines && after.files <= before.files && after.children == before.children && after.temporary == 0
	})
	t.Logf("seed %d: %v; before %+v, after %+v", *soakSeed, drawn, before, after)
	if !settled {
		t.Error("something is left")
	}
}
