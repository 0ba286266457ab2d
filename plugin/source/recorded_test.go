package source

import (
	"bytes"
	"cmp"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// transcripts are files with the recorded answers of real Windows hosts, to what is asked in a remote shell ("winrs") or
// over PowerShell remoting ("psrp"), if there are any.
func transcripts(t testing.TB, kind string) []string {
	t.Helper()
	shared := cmp.Or(os.Getenv("CHECK_EXCHANGE_AUTHCERT_SHARED"), "../../../shared")
	paths, err := filepath.Glob(filepath.Join(shared, "realdata", "wsman", "test_"+kind+"_*.yml"))
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

var foldedLine = regexp.MustCompile(`\r?\n +`)

// recordedAnswers are the envelopes of a transcript: a YAML list of plain or quoted values, whose long lines are folded.
func recordedAnswers(t testing.TB, path string) (answers [][]byte) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range bytes.Split(text, []byte("\n  response: "))[1:] {
		answer, _, _ := bytes.Cut(part, []byte("\n- request: "))
		answer = foldedLine.ReplaceAll(bytes.TrimSpace(answer), []byte(" "))
		if quoted, is := bytes.CutPrefix(answer, []byte("'")); is {
			answer = bytes.ReplaceAll(bytes.TrimSuffix(quoted, []byte("'")), []byte("''"), []byte("'"))
		}
		answers = append(answers, answer)
	}
	return answers
}
