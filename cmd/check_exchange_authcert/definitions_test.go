package main

import (
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// answering are the options that print something instead of checking. They
// are no business of a monitoring system.
var answering = []string{"help", "version", "print", "list-findings"}

// flags are the options of the command line, in the order of its help.
func flags(t *testing.T) []*kong.Flag {
	t.Helper()
	parser, err := new(cli).parser(io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	return parser.Model.Flags
}

// checking are the options of a check.
func checking(t *testing.T) []*kong.Flag {
	t.Helper()
	return slices.DeleteFunc(slices.Clone(flags(t)), func(f *kong.Flag) bool { return slices.Contains(answering, f.Name) })
}

// variable is the name of the option's custom variable in Icinga.
func variable(f *kong.Flag) string {
	return "exchange_authcert_" + strings.ReplaceAll(f.Name, "-", "_")
}

func repeatable(f *kong.Flag) bool { return f.IsSlice() || f.IsMap() }

// written compares a file with what it has to hold; -update writes it.
func written(t *testing.T, path, want string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil && !*update {
		t.Fatal(err)
	}
	switch {
	case string(got) == want:
	case *update:
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("%s is not in step with the command line; run: go test ./cmd/... -update", path)
	}
}

// between replaces the lines between two that hold marks.
func between(t *testing.T, text, begin, end, content string) string {
	t.Helper()
	section := regexp.MustCompile(`(?s)(\n *` + regexp.QuoteMeta(begin) + `\n).*?(\n? *` + regexp.QuoteMeta(end) + `\n)`)
	if !section.MatchString(text) {
		t.Fatalf("there is no %q and %q", begin, end)
	}
	return section.ReplaceAllStringFunc(text, func(found string) string {
		marks := section.FindStringSubmatch(found)
		return marks[1] + content + strings.TrimPrefix(marks[2], "\n")
	})
}

// TestDefinitionsKnowTheOptions compares what is printed with the command
// line, whoever wrote it: no option that the program does not have, no
// variable for a secret that it does not read, and in Icinga's definitions
// every option of a check.
func TestDefinitionsKnowTheOptions(t *testing.T) {
	if *update {
		t.Skip("this process still prints the definitions from before the update")
	}
	known := map[string]bool{}
	for _, f := range flags(t) {
		known["--"+f.Name] = true
	}
	option := regexp.MustCompile(`(?:^|[\s"'])(--[a-z][a-z0-9-]*)`)
	secret := regexp.MustCompile(`CHECK_EXCHANGE_AUTHCERT_\w+`)
	for _, d := range []struct {
		name     string
		complete bool
	}{
		{name: "icinga2", complete: true},
		{name: "director", complete: true},
		{name: "nagios"},
		{name: "nrpe"},
		{name: "mrpe"},
	} {
		code, text := call(t, nil, "--print", d.name)
		if code != 0 {
			t.Fatalf("--print %s: exit code %d: %s", d.name, code, text)
		}
		found := map[string]bool{}
		for _, match := range option.FindAllStringSubmatch(text, -1) {
			found[match[1]] = true
			if !known[match[1]] {
				t.Errorf("--print %s has %s, which the program does not know", d.name, match[1])
			}
		}
		for _, name := range secret.FindAllString(text, -1) {
			if !slices.Contains(secretVariables, name) {
				t.Errorf("--print %s has the variable %s, which the program does not read", d.name, name)
			}
		}
		for _, f := range checking(t) {
			if d.complete && !found["--"+f.Name] {
				t.Errorf("--print %s lacks --%s", d.name, f.Name)
			}
		}
	}
}
