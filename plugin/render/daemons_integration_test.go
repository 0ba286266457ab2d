//go:build integration

package render_test

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// judgedOn is the day on which the bundled snapshots are judged.
const judgedOn = "2026-11-23"

// bundled are snapshots with the state that each leads to.
var bundled = []struct {
	name  string
	state int
}{{"healthy", 0}, {"expiring", 1}, {"trouble", 2}, {"unknown", 3}}

// need skips the test where programs are missing; in CI they have to be there.
func need(t *testing.T, programs ...string) {
	t.Helper()
	missing := ""
	if os.Getuid() != 0 {
		missing = "it starts as root"
	}
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil {
			missing = program + " is not installed"
		}
	}
	switch {
	case missing == "":
	case os.Getenv("CI") != "":
		t.Fatalf("the real program cannot run: %s", missing)
	default:
		t.Skipf("the real program cannot run: %s", missing)
	}
}

// bench is a folder with the program and the snapshots, which daemons that
// give up root can read.
type bench struct {
	t      *testing.T
	folder string
}

func newBench(t *testing.T) bench {
	t.Helper()
	folder, err := os.MkdirTemp("", "daemon") // not t.TempDir, where only root gets in
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	b := bench{t, folder}
	b.run("go", "build", "-o", b.path("check_exchange_authcert"), "../../cmd/check_exchange_authcert")
	for _, s := range bundled {
		data, err := os.ReadFile("../../testdata/snapshots/" + s.name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		b.write(s.name+".json", string(data))
	}
	return b
}

func (b bench) path(name string) string { return filepath.Join(b.folder, name) }

func (b bench) write(name, content string) {
	b.t.Helper()
	if err := os.MkdirAll(filepath.Dir(b.path(name)), 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(b.path(name), []byte(content), 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// run runs a program that has to succeed and returns its output.
func (b bench) run(program string, args ...string) string {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), 2*time.Minute)
	defer cancel()
	output, err := exec.CommandContext(ctx, program, args...).CombinedOutput()
	if err != nil {
		b.t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, output)
	}
	return string(output)
}

// printed is one of the program's definitions.
func (b bench) printed(name string) string {
	b.t.Helper()
	return b.run(b.path("check_exchange_authcert"), "--print", name)
}

// give makes the folder the daemon's own.
func (b bench) give(user string) {
	b.t.Helper()
	b.run("chmod", "-R", "a+rX", b.folder)
	b.run("chown", "-R", user+":", b.folder)
}

// start runs a daemon in the foreground until the test ends.
func (b bench) start(program string, args ...string) {
	b.t.Helper()
	log, err := os.Create(b.path(program + ".console"))
	if err != nil {
		b.t.Fatal(err)
	}
	defer log.Close()
	daemon := exec.Command(program, args...)
	daemon.Stdout, daemon.Stderr = log, log
	daemon.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // its children end with it
	if err := daemon.Start(); err != nil {
		b.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- daemon.Wait() }()
	b.t.Cleanup(func() {
		syscall.Kill(-daemon.Process.Pid, syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(20 * time.Second):
			syscall.Kill(-daemon.Process.Pid, syscall.SIGKILL)
			<-ended
		}
		if b.t.Failed() {
			text, _ := os.ReadFile(log.Name())
			b.t.Logf("%s wrote:\n%s", program, text)
		}
	})
}

// until asks again and again, for a minute.
func (b bench) until(what string, ask func() (last string, done bool)) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), time.Minute)
	defer cancel()
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	for {
		last, done := ask()
		if done {
			return
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			b.t.Fatalf("waiting for %s: %v; last:\n%s", what, ctx.Err(), last)
		}
	}
}

// freePort is a port of 127.0.0.1 where nobody listens.
func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
}

// said is the answer of a check, taken apart: what stands before the
// performance data, trimmed, and every value of those with its thresholds.
type said struct {
	State int
	Text  string
	Data  []string
}

// compare holds what a monitoring system has of a snapshot against what the
// program says by itself.
func compare(t *testing.T, system, snapshot string, got, want said) {
	t.Helper()
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("%s: what %s has (-) differs from what the program says (+):\n%s", snapshot, system, diff)
	}
	t.Logf("%s, in %s: state %d\n%s\n%s", snapshot, system, got.State, got.Text, strings.Join(got.Data, "\n"))
}

// direct is what the program itself says of a snapshot, which has to be the
// state that is meant.
func (b bench) direct(snapshot string, state int) said {
	b.t.Helper()
	command := exec.CommandContext(b.t.Context(), b.path("check_exchange_authcert"), "--snapshot", b.path(snapshot+".json"), "--at", judgedOn)
	output, _ := command.Output() // its exit code is the state
	text, data, _ := strings.Cut(string(output), "|")
	answer := said{command.ProcessState.ExitCode(), trim(text), values(data)}
	if answer.State != state || len(answer.Data) == 0 {
		b.t.Errorf("%s: state %d and performance data %q, want state %d and some", snapshot, answer.State, answer.Data, state)
	}
	return answer
}

// values takes performance data apart. The time that a run took is left out:
// no two runs agree on it.
func values(data string) []string {
	var list []string
	for _, value := range strings.Fields(data) {
		if strings.HasPrefix(strings.Trim(value, "'"), "time") {
			continue
		}
		list = append(list, strings.ReplaceAll(strings.TrimRight(value, ";"), "'", ""))
	}
	return list
}

var lineEnds = regexp.MustCompile(` *\n`)

// trim takes away the blanks before line ends, which the output format has.
func trim(text string) string {
	return strings.TrimSpace(lineEnds.ReplaceAllString(text, "\n"))
}
