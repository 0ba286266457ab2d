package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// judgedCall is a call with its exit code.
type judgedCall struct {
	name string
	args []string
	code int // when all is well
}

// unwritten is the exit code when the answer is not written: never OK.
func (v judgedCall) unwritten() int {
	if v.code == 0 {
		return 3
	}
	return v.code
}

// closed is the exit code when there is no standard output.
func (v judgedCall) closed() int {
	if name, _ := outputIn(v.args); formByName(name).exitZero {
		return v.unwritten()
	}
	return v.code
}

// judged are calls with each verdict.
var judged = []judgedCall{
	{"OK", []string{"--snapshot", sound, "--at", "2026-11-23"}, 0},
	{"WARNING", []string{"--snapshot", "../../testdata/snapshots/expiring.json", "--at", "2026-11-23"}, 1},
	{"CRITICAL", []string{"--snapshot", "../../testdata/snapshots/trouble.json", "--at", "2026-11-23"}, 2},
	{"UNKNOWN", []string{"--snapshot", "../../testdata/snapshots/unknown.json", "--at", "2026-11-23"}, 3},
	{"OK, zabbix", []string{"--snapshot", sound, "--at", "2026-11-23", "-o", "zabbix"}, 0},
	{"CRITICAL, zabbix", []string{"--snapshot", "../../testdata/snapshots/trouble.json", "--at", "2026-11-23", "-o", "zabbix"}, 0},
	{"CRITICAL, prtg", []string{"--snapshot", "../../testdata/snapshots/trouble.json", "--at", "2026-11-23", "-o", "prtg"}, 0},
	{"a definition", []string{"--print", "zabbix"}, 0},
	{"the catalogue", []string{"--list-findings"}, 0},
	{"help", []string{"--help"}, 3},
}

// through has a shell run the program.
func through(script string) []string { return []string{"sh", "-c", script, "sh"} }

// TestUnwritableOutput has the answer not arrive, in every way: the exit code
// is the verdict's, and never 0.
func TestUnwritableOutput(t *testing.T) {
	for name, row := range map[string]struct {
		through []string
		closed  bool // the reader has gone
	}{
		"a full disk":            {through: through(`exec "$@" >/dev/full`)},
		"a limit of the file":    {through: through(`ulimit -f 0; exec "$@" >"$OUTPUT"`)},
		"not open for writing":   {through: through(`exec "$@" 1</dev/null`)},
		"a reader that has gone": {closed: true},
	} {
		for _, verdict := range judged {
			t.Run(name+"/"+verdict.name, func(t *testing.T) {
				call := invocation{args: verdict.args, env: map[string]string{"OUTPUT": filepath.Join(t.TempDir(), "output")}}
				if row.closed {
					call.stdout = nobodyReads(t)
				}
				p := launch(t, call, row.through...)
				if code, want := p.code(), verdict.unwritten(); code != want || p.stderr.Len() > 0 {
					t.Errorf("exit code %d, want %d; standard error %q", code, want, p.stderr.String())
				}
			})
		}
	}
}

// nobodyReads is a pipe without a reader.
func nobodyReads(t *testing.T) *os.File {
	t.Helper()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	reader.Close()
	t.Cleanup(func() { writer.Close() })
	return writer
}

// TestClosedStreams has the program start without one of its streams. Go
// (1.26) opens /dev/null in its place, so that no other file takes its number:
// the verdict is as with a reader who does not look, unless it is in the
// document alone.
func TestClosedStreams(t *testing.T) {
	for _, verdict := range judged {
		for script, want := range map[string]int{
			`exec "$@" >&- 2>&-`:          verdict.closed(),
			`exec "$@" >&- <&-`:           verdict.closed(),
			`exec "$@" 2>&-`:              verdict.code,
			`exec "$@" >/dev/null`:        verdict.code,
			`exec "$@" >>/dev/null 2>&1`:  verdict.code,
			`exec "$@" 1<>/dev/zero 2>&1`: verdict.code,
		} {
			t.Run(verdict.name+"/"+script, func(t *testing.T) {
				saved := filepath.Join(t.TempDir(), "facts.json")
				p := launch(t, invocation{args: append([]string{"--save", saved}, verdict.args...)}, through(script)...)
				if code := p.code(); code != want {
					t.Errorf("exit code %d, want %d", code, want)
				}
				if data, err := os.ReadFile(saved); err == nil && !strings.HasPrefix(string(data), "{\n") {
					t.Errorf("the snapshot begins with %.60q: something else was written to it", data)
				}
			})
		}
	}
	for name, row := range map[string]struct {
		args []string
		want string
	}{
		"a snapshot": {[]string{"--snapshot", "-"}, "UNKNOWN - reading the snapshot: malformed: standard input: it is empty"},
		"parameters": {nil, "UNKNOWN - where do the facts come from?"},
	} {
		t.Run("input/"+name, func(t *testing.T) {
			p := launch(t, invocation{args: row.args}, through(`exec "$@" <&-`)...)
			if code := p.code(); code != 3 || !strings.HasPrefix(p.stdout.String(), row.want) || p.stderr.Len() > 0 {
				t.Errorf("exit code %d, output %q, errors %q; want 3 and %q", code, p.stdout.String(), p.stderr.String(), row.want)
			}
		})
	}
}

// TestUnsavedSnapshot has --save fail, in every way: the verdict stays, the
// answer says so, what an earlier run saved stays, and nothing half-written.
func TestUnsavedSnapshot(t *testing.T) {
	const limited = `ulimit -f 0; exec "$@"`
	const full = `mount -t tmpfs -o size=4k none "$FOLDER" && echo earlier >"$FOLDER/facts.json" && "$@"; code=$?; ls -A "$FOLDER"; exit $code`
	for name, row := range map[string]struct {
		through []string
		file    string
		why     string
		after   string // more of the output
	}{
		"a limit of the file": {through: through(limited), file: "facts.json", why: "file too large"},
		"a full disk":         {through: append([]string{"unshare", "--mount"}, through(full)...), file: "facts.json", why: "no space left on device", after: "facts.json\n"},
		"no such folder":      {file: "missing/facts.json", why: "no such file or directory"},
		"a folder":            {file: ".", why: "it is no ordinary file"},
		"a FIFO":              {file: "fifo", why: "it is no ordinary file"},
		"a link to one":       {file: "link", why: "it is no ordinary file"},
	} {
		for _, verdict := range judged[:4] {
			t.Run(name+"/"+verdict.name, func(t *testing.T) {
				if row.through != nil && row.through[0] == "unshare" && !mayMount() {
					t.Skip("this account may not mount a small disk")
				}
				folder := t.TempDir()
				if err := os.WriteFile(filepath.Join(folder, "facts.json"), []byte("earlier\n"), 0o600); err != nil {
					t.Fatal(err)
				}
				if err := syscall.Mkfifo(filepath.Join(folder, "fifo"), 0o600); err != nil {
					t.Fatal(err)
				}
				if err := os.Symlink("fifo", filepath.Join(folder, "link")); err != nil {
					t.Fatal(err)
				}
				call := invocation{args: append([]string{"--save", filepath.Join(folder, row.file)}, verdict.args...), env: map[string]string{"FOLDER": folder}}
				p := launch(t, call, row.through...)
				if code := p.code(); code != verdict.code || p.stderr.Len() > 0 {
					t.Errorf("exit code %d, want %d; standard error %q", code, verdict.code, p.stderr.String())
				}
				if output := p.stdout.String(); !strings.Contains(output, "the snapshot could not be saved: ") || !strings.Contains(output, row.why) || !strings.HasSuffix(output, row.after) {
					t.Errorf("output %q, want that and why it could not be saved: %s", output, row.why)
				}
				left, err := filepath.Glob(filepath.Join(folder, "*"))
				earlier, readErr := os.ReadFile(filepath.Join(folder, "facts.json"))
				if err != nil || readErr != nil || len(left) != 3 || string(earlier) != "earlier\n" {
					t.Errorf("files %q, the snapshot is %.60q; want what was there before", left, earlier)
				}
			})
		}
	}
}

// TestSaveThroughLink has --save follow a link and leave it one.
func TestSaveThroughLink(t *testing.T) {
	folder := t.TempDir()
	file, link := filepath.Join(folder, "facts.json"), filepath.Join(folder, "link")
	if err := os.WriteFile(file, []byte("earlier\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	code, output := call(t, nil, "--snapshot", sound, "--at", "2026-11-23", "--save", link)
	info, err := os.Lstat(link)
	saved, readErr := os.ReadFile(file)
	if code != 0 || err != nil || readErr != nil || info.Mode().IsRegular() || !strings.HasPrefix(string(saved), "{\n") {
		t.Errorf("exit code %d, %s; the link is %v, the file begins with %.20q; want a link to the snapshot", code, output, info, saved)
	}
}
