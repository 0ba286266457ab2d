package main

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"testing"

	"check_exchange_authcert/plugin/authcert"
	"check_exchange_authcert/plugin/render"
)

const readme = "../../README.md"

// TestReadme keeps the README equal to what the program prints: its help, the
// catalogue of findings and the example. -update rewrites it.
func TestReadme(t *testing.T) {
	data, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	want := text
	t.Setenv("COLUMNS", "160") // how wide the README shows the help
	_, help := call(t, nil, "--help")
	want = fill(t, want, "help", "```\n"+help+"```")
	_, example := call(t, nil, "--snapshot", "../../testdata/snapshots/expiring.json")
	want = fill(t, want, "example", "```\n"+trimLines(example)+"```")
	var catalogue bytes.Buffer
	if err := render.Catalogue(&catalogue, authcert.Catalogue()); err != nil {
		t.Fatal(err)
	}
	want = fill(t, want, "findings", strings.TrimSuffix(catalogue.String(), "\n"))
	if *update {
		if err := os.WriteFile(readme, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if text != want {
		t.Error("the README differs from what the program prints; run: go test ./cmd/... -update")
	}
	if n := strings.Count(text, "\n"); n > 250 {
		t.Errorf("the README has %d lines, want at most 250", n)
	}
}

// fill replaces what stands between <!-- name --> and <!-- end --> marks.
func fill(t *testing.T, text, name, content string) string {
	t.Helper()
	section := regexp.MustCompile(`(?s)<!-- ` + name + ` -->\n.*?<!-- end ` + name + ` -->`)
	if !section.MatchString(text) {
		t.Fatalf("the README has no section %q", name)
	}
	return section.ReplaceAllLiteralString(text, "<!-- "+name+" -->\n"+content+"\n<!-- end "+name+" -->")
}

// trimLines takes away the blanks that the library puts before line ends.
func trimLines(text string) string {
	return regexp.MustCompile(`(?m) +$`).ReplaceAllString(text, "")
}
