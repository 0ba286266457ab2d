package prtg_test

import (
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"check_exchange_authcert/plugin/authcert"
	"check_exchange_authcert/prtg"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const testdata = "../testdata"

// forms are both outputs, by the ending of their golden files.
var forms = []struct {
	ending string
	write  func(io.Writer, authcert.Result) error
}{
	{"prtg.xml", prtg.XML},
	{"prtg-v2.json", prtg.JSON},
}

// judgedAt is a minute after the bundled snapshots were taken.
var judgedAt = time.Date(2026, 11, 23, 12, 1, 0, 0, time.UTC)

// judge reads a bundled snapshot and judges it.
func judge(t *testing.T, file string, policy authcert.Policy) authcert.Result {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	snap, err := authcert.DecodeSnapshot(data)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return authcert.Judge(snap, policy, judgedAt)
}

// results are the bundled snapshots, judged, and one answer without facts.
func results(t *testing.T) map[string]authcert.Result {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(testdata, "snapshots", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no bundled snapshots: %v", err)
	}
	all := map[string]authcert.Result{}
	for _, file := range files {
		all[strings.TrimSuffix(filepath.Base(file), ".json")] = judge(t, file, authcert.DefaultPolicy())
	}
	all["failed"] = authcert.Failed(&authcert.Problem{Stage: "opening a shell on ex01.contoso.com", Reason: authcert.AccessDenied,
		Message: "the logon of CONTOSO\\monitor was refused", Hint: "Check the account and its password"}, authcert.At(judgedAt))
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
				file := filepath.Join(testdata, "golden", name+"."+form.ending)
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
