package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "rewrite the expected output in the scripts and the README")

// TestMain lets the scripts run the program itself, in a process of its own.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"check_exchange_authcert": main})
}

// TestScripts runs testdata/script: sessions with exact exit codes and
// streams.
func TestScripts(t *testing.T) {
	runScripts(t, "../../testdata/script", func(*testscript.Env) {}, map[string]bool{"posix": runtime.GOOS != "windows", "certfile": runtime.GOOS == "linux"})
}

// runScripts runs a folder's scripts in the environment that setup completes.
// Conditions tell of the system that the program is for: on "posix" files have
// permissions and there is no PowerShell, with "certfile" the environment names
// the authorities to trust.
func runScripts(t *testing.T, folder string, setup func(*testscript.Env), conditions map[string]bool) {
	t.Helper()
	testscript.Run(t, testscript.Params{
		Dir:                 folder,
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			snapshots, err := filepath.Abs("../../testdata/snapshots")
			env.Setenv("SNAPSHOTS", snapshots)
			setup(env)
			return err
		},
		Condition: func(name string) (bool, error) {
			if holds, known := conditions[name]; known {
				return holds, nil
			}
			return condition(name)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"domain": domain, "exits": exits, "grow": grow, "publish": publish, "serve": serve, "tenant": tenant, "watch": watch, "ended": ended,
		},
	})
}

// exits runs a command and compares its exit code: "exits 2 prog args…". Its
// standard output can then be matched as usual; it must write no errors.
func exits(ts *testscript.TestScript, negated bool, args []string) {
	if negated || len(args) < 2 {
		ts.Fatalf("usage: exits code command [args]")
	}
	err := ts.Exec(args[1], args[2:]...)
	ts.Check(keep(ts.MkAbs("."), args, ts.ReadFile("stdout")))
	got := "0"
	if err != nil {
		got = strings.TrimPrefix(err.Error(), "exit status ")
	}
	if got != args[0] {
		ts.Fatalf("exit code %s, want %s", got, args[0])
	}
	if stderr := ts.ReadFile("stderr"); stderr != "" {
		ts.Fatalf("standard error is not empty: %s", stderr)
	}
}

// grow makes a sparse file of so many MiB: "grow file 65".
func grow(ts *testscript.TestScript, _ bool, args []string) {
	size, err := time.ParseDuration(args[1] + "us") // a number
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), nil, 0o600))
	ts.Check(os.Truncate(ts.MkAbs(args[0]), size.Microseconds()<<20))
}

// start is the instant at which programs run inside this test process.
var start = time.Date(2026, 11, 23, 12, 1, 0, 0, time.UTC)

// call runs the program in this process.
func call(t *testing.T, stdin io.Reader, args ...string) (code int, output string) {
	t.Helper()
	var out bytes.Buffer
	p := program{args: args, stdin: stdin, stdout: &out, env: func(string) string { return "" }, now: func() time.Time { return start }}
	code = p.run(context.Background())
	if err := keep("", args, out.String()); err != nil {
		t.Fatal(err)
	}
	return code, out.String()
}

// broken is an output that cannot be written to.
type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestUnwrittenAnswerIsNotOK(t *testing.T) {
	for _, row := range []struct {
		snapshot string
		want     int
	}{{"healthy", 3}, {"expiring", 1}, {"trouble", 2}} {
		p := program{args: []string{"--snapshot", "../../testdata/snapshots/" + row.snapshot + ".json"}, stdout: broken{}, env: func(string) string { return "" }, now: func() time.Time { return start }}
		if got := p.run(context.Background()); got != row.want {
			t.Errorf("%s with a full disk: exit code %d, want %d", row.snapshot, got, row.want)
		}
	}
}

// TestSilentInput has nobody write to standard input: the deadline answers.
func TestSilentInput(t *testing.T) {
	silent, writer := io.Pipe()
	defer writer.Close()
	code, output := call(t, silent, "--snapshot", "-", "--timeout", "0.01")
	if code != 3 || !strings.HasPrefix(output, "UNKNOWN - reading the facts: timeout: ") {
		t.Errorf("exit code %d, output %q; want 3 and the timeout named", code, output)
	}
}

// TestInterrupted has a signal arrive while the source waits.
func TestInterrupted(t *testing.T) {
	silent, writer := io.Pipe()
	defer writer.Close()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var out bytes.Buffer
	code := program{args: []string{"--snapshot", "-"}, stdin: silent, stdout: &out, env: func(string) string { return "" }, now: func() time.Time { return start }}.run(ctx)
	if code != 3 || !strings.Contains(out.String(), "interrupted by a signal") {
		t.Errorf("exit code %d, output %q; want 3 and the signal named", code, out.String())
	}
}
