package render_test

import (
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/atc0005/go-nagios"
	"github.com/google/go-cmp/cmp"

	"check_exchange_authcert/plugin/authcert"
	"check_exchange_authcert/plugin/render"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const goldenFolder = "../../testdata/golden"

// forms are all outputs, by the ending of their golden files.
var forms = []struct {
	ending string
	write  func(io.Writer, authcert.Result) error
}{
	{"nagios.txt", func(w io.Writer, r authcert.Result) error { return render.Nagios(w, r, 0) }},
	{"nagios-v.txt", func(w io.Writer, r authcert.Result) error { return render.Nagios(w, r, 1) }},
	{"nagios-vv.txt", func(w io.Writer, r authcert.Result) error { return render.Nagios(w, r, 2) }},
	{"json", render.JSON},
	{"zabbix.json", render.Zabbix},
}

// results are the bundled snapshots, judged, and one answer without facts.
func results(t *testing.T) map[string]authcert.Result {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(snapshotFolder, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no bundled snapshots: %v", err)
	}
	all := map[string]authcert.Result{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		snap, err := authcert.DecodeSnapshot(data)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		all[name] = authcert.Judge(snap, authcert.DefaultPolicy(), judgedAt)
	}
	all["failed"] = authcert.Failed(&authcert.Problem{Stage: "opening a shell on ex01.contoso.com", Reason: authcert.AccessDenied,
		Message: "the logon of CONTOSO\\monitor was refused", Hint: "Check the account and its password"}, authcert.At(judgedAt))
	for name, result := range all {
		result.Metrics = append(result.Metrics, authcert.Metric{Name: "time", Value: 0.8124, Unit: "s"})
		all[name] = result
	}
	return all
}

func TestGolden(t *testing.T) {
	for name, result := range results(t) {
		for _, form := range forms {
			t.Run(name+"."+form.ending, func(t *testing.T) {
				var out bytes.Buffer
				if err := form.write(&out, result); err != nil {
					t.Fatal(err)
				}
				file := filepath.Join(goldenFolder, name+"."+form.ending)
				if *update {
					if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(string(want), out.String()); diff != "" {
					t.Errorf("%s differs from what was written (-want +got):\n%s", file, diff)
				}
			})
		}
	}
}

// TestNagiosHolds checks what every monitoring system relies on, for every
// result and verbosity.
func TestNagiosHolds(t *testing.T) {
	limits := []int{4 << 10, 16 << 10, 60 << 10}
	for name, result := range results(t) {
		for verbosity, limit := range limits {
			var out bytes.Buffer
			if err := render.Nagios(&out, result, verbosity); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			text := out.String()
			first, _, _ := strings.Cut(strings.ReplaceAll(text, "|", "\n"), "\n")
			if got := utf8.RuneCountInString(first); got > 160 {
				t.Errorf("%s -%d: first line has %d characters, want at most 160: %s", name, verbosity, got, first)
			}
			if want := result.Status.String() + " - "; !strings.HasPrefix(first, want) {
				t.Errorf("%s -%d: first line %q does not begin with %q", name, verbosity, first, want)
			}
			if len(text) > limit {
				t.Errorf("%s -%d: %d bytes, want at most %d", name, verbosity, len(text), limit)
			}
			if strings.Count(text, "|") != 1 {
				t.Errorf("%s -%d: %d bars, want the one before the performance data", name, verbosity, strings.Count(text, "|"))
			}
			if i := strings.IndexFunc(text, unwanted); i >= 0 {
				t.Errorf("%s -%d: %q at byte %d", name, verbosity, text[i], i)
			}
			checkPerfData(t, name, text, result)
		}
	}
}

func unwanted(r rune) bool {
	return r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '<' || r == '>' || r == utf8.RuneError)
}

// checkPerfData reads the performance data back with the library's own parser.
func checkPerfData(t *testing.T, name, text string, result authcert.Result) {
	t.Helper()
	_, raw, _ := strings.Cut(text, "|")
	parsed, err := nagios.ParsePerfData(strings.TrimSpace(raw))
	if err != nil {
		t.Fatalf("%s: performance data %q: %v", name, raw, err)
	}
	got := map[string]string{}
	for _, p := range parsed {
		got[p.Label] = p.Value + p.UnitOfMeasurement + ";" + p.Warn + ";" + p.Crit
	}
	if len(got) != len(result.Metrics) {
		t.Errorf("%s: %d performance values, want %d", name, len(got), len(result.Metrics))
	}
	if result.Status == authcert.Unknown && got["servers_without_current"] != "" {
		t.Errorf("%s: servers_without_current is %q although it is not known", name, got["servers_without_current"])
	}
	if want := "0.812s;;"; got["time"] != want {
		t.Errorf("%s: time is %q, want %q", name, got["time"], want)
	}
}
