package authcert_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"check_exchange_authcert/plugin/authcert"
	"check_exchange_authcert/plugin/render"
	"check_exchange_authcert/prtg"
)

// What PowerShell takes for a single and for a double quote.
const (
	singleQuotes = "'\u2018\u2019\u201a\u201b"
	doubleQuotes = "\"\u201c\u201d\u201e"
)

// bare is a line of PowerShell without what is inside of single quotes, and
// without comments. What is in double quotes stays: there a text would still be
// obeyed. So does a single quote that nothing closes, with all that follows.
func bare(line string) string {
	var b strings.Builder
	inDouble, before := false, ' '
	for line != "" {
		r, size := utf8.DecodeRuneInString(line)
		switch {
		case strings.ContainsRune(doubleQuotes, r):
			inDouble = !inDouble
		case inDouble:
		case strings.ContainsRune(singleQuotes, r):
			if end := endOfQuoted(line); end > 0 {
				b.WriteString("''")
				line, before = line[end:], r
				continue
			}
		case r == '#' && (unicode.IsSpace(before) || strings.ContainsRune(";,(){}", before)):
			b.WriteByte('#')
			end := strings.IndexAny(line, "\r\n")
			if end < 0 {
				return b.String()
			}
			line, before = line[end:], ' '
			continue
		}
		b.WriteString(line[:size])
		line, before = line[size:], r
	}
	return b.String()
}

// endOfQuoted is where the quoted string ends with which a text begins, 0 when
// it does not. Two quotes in it are one of its characters.
func endOfQuoted(text string) int {
	_, at := utf8.DecodeRuneInString(text)
	for at < len(text) {
		r, size := utf8.DecodeRuneInString(text[at:])
		at += size
		if !strings.ContainsRune(singleQuotes, r) {
			continue
		}
		next, size := utf8.DecodeRuneInString(text[at:])
		if size == 0 || !strings.ContainsRune(singleQuotes, next) {
			return at
		}
		at += size
	}
	return 0
}

func TestBare(t *testing.T) {
	for line, want := range map[string]string{
		`Get-X -Server 'a' -Y 'b''c'; Z  # d 'e`: `Get-X -Server '' -Y ''; Z  #`,
		`A 'x'; Remove-Mailbox y; ''`:            `A ''; Remove-Mailbox y; ''`,
		"A 'x\u2019; Remove-Mailbox y":           `A ''; Remove-Mailbox y`,
		"A 'x\u2019\u2018; B'":                   `A ''`,
		`A "it's" 'b' #`:                         `A "it's" '' #`,
		`See that Exchange's service runs`:       `See that Exchange's service runs`,
		"A # b\rC":                               "A #\rC",
		`A#b`:                                    `A#b`,
	} {
		if got := bare(line); got != want {
			t.Errorf("%q: got %q, want %q", line, got, want)
		}
	}
}

// remedies are the lines that somebody may paste, out of each output.
func remedies(t *testing.T, result authcert.Result) map[string][]string {
	t.Helper()
	var out bytes.Buffer
	var document struct{ Findings []struct{ Remedy string } }
	if err := render.JSON(&out, result); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out.Bytes(), &document); err != nil {
		t.Fatal(err)
	}
	var inJSON []string
	for _, f := range document.Findings {
		inJSON = append(inJSON, strings.Split(f.Remedy, "\n")...)
	}
	return map[string][]string{"result": remedyLines(t, result, false), "report": remedyLines(t, result, true), "JSON": inJSON}
}

// TestRemediesAreQuoted sees that a hostile name changes no byte of a remedy
// but inside of single quotes and comments.
func TestRemediesAreQuoted(t *testing.T) {
	want := map[string]map[string][]string{}
	for name, result := range authcert.RemedyResults(t, "b") {
		want[name] = remedies(t, result)
	}
	for _, text := range hostileTexts {
		for name, result := range authcert.RemedyResults(t, text) {
			for form, lines := range remedies(t, result) {
				if diff := cmp.Diff(bared(want[name][form]), bared(lines)); diff != "" {
					t.Errorf("%s with %q: %s (-harmless +hostile):\n%s", name, text, form, diff)
				}
			}
		}
	}
}

func bared(lines []string) []string {
	all := slices.Clone(lines)
	for i := range all {
		all[i] = bare(all[i])
	}
	return all
}

// TestHintsAreQuoted does so for what to do when nothing could be read, which
// PRTG shows as well. A message may say what it likes, so it stays the same.
func TestHintsAreQuoted(t *testing.T) {
	shown := func(text string) map[string]string {
		result := authcert.Failed(&authcert.Problem{Stage: "reading", Message: "no", Hint: "dsacls " + authcert.Quote(text) + " /G " + authcert.Quote(text+":GR")}, authcert.Instant{})
		var document struct {
			Text string `xml:"text"`
		}
		var answer struct{ Message string }
		var asXML, asJSON, report bytes.Buffer
		for _, err := range []error{
			prtg.XML(&asXML, result), xml.Unmarshal(asXML.Bytes(), &document), prtg.JSON(&asJSON, result), json.Unmarshal(asJSON.Bytes(), &answer),
			render.Nagios(&report, result, 0),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		return map[string]string{"prtg": bare(document.Text), "prtg-v2": bare(answer.Message), "nagios": bare(report.String()), "count": fmt.Sprint(strings.Count(report.String(), "\n"))}
	}
	want := shown("b")
	if !strings.Contains(want["prtg"], "dsacls '' /G ''") {
		t.Fatalf("no command in %q", want["prtg"])
	}
	for _, text := range hostileTexts {
		if diff := cmp.Diff(want, shown(text)); diff != "" {
			t.Errorf("%q (-harmless +hostile):\n%s", text, diff)
		}
	}
}
