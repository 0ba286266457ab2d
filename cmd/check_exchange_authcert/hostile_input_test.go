package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"check_exchange_authcert/plugin"
	"check_exchange_authcert/plugin/authcert"
	"check_exchange_authcert/plugin/source"
)

// rawTexts are the hostile texts themselves, cut to what an argument holds.
func rawTexts(t *testing.T) []string {
	t.Helper()
	texts := make([]string, len(hostileTexts))
	for i, quoted := range hostileTexts {
		if err := json.Unmarshal([]byte(`"`+quoted+`"`), &texts[i]); err != nil {
			t.Fatal(err)
		}
	}
	return texts
}

// wellShaped calls the program in every form and looks at its answers.
func wellShaped(t *testing.T, at string, args ...string) {
	t.Helper()
	for _, form := range forms {
		_, output := call(t, strings.NewReader(""), append([]string{"-o", form.name, "-t", "2"}, args...)...)
		if form.name == "nagios" {
			status, _, _ := strings.Cut(output, " ")
			if problem := badWords(output); status == authcert.OK.String() || problem != "" {
				t.Errorf("%s: %s, %s:\n%.500s", at, status, problem, output)
			}
			continue
		}
		if problem := outOfShape(form.name, output, authcert.Result{}); problem != "" {
			t.Errorf("%s: %s: %s:\n%.500s", at, form.name, problem, output)
		}
	}
}

// badWords is outOfShape for an answer whose result is not at hand.
func badWords(output string) string {
	switch words, _, _ := strings.Cut(output, "|"); {
	case strings.Count(output, "|") > 1, strings.ContainsAny(words, "<>"):
		return "a bar or markup"
	case strings.HasPrefix(words, "OK"), strings.Contains(words, "\nOK - fine"):
		return "a line that begins as an answer does"
	}
	return obeyed(output)
}

// TestHostileArguments names hosts, files and applications with hostile texts.
func TestHostileArguments(t *testing.T) {
	sound := []string{"--snapshot", "../../testdata/snapshots/expiring.json"}
	for _, text := range rawTexts(t) {
		for _, args := range [][]string{
			{"--snapshot", text}, {"--published", text}, {"--ldap", text}, {"--ldap", "ldaps://" + text, "-u", "monitor@X"},
			{"-H", text, "--keytab", text, "-u", text}, {"-H", "ex01", "--ccache", "x", "--exchange-url", text}, {"-H", "ex01", "--credentials", text},
			append([]string{"--save", text + "/x"}, sound...), append([]string{"--exclude-server", text}, sound...), append([]string{"--state", text}, sound...),
			append([]string{"--tenant", "x", "--client-id", text, "--client-secret-file", text, "--application", text}, sound...), {"--" + text}, {text},
		} {
			wellShaped(t, strings.Join(args, " ")[:min(80, len(strings.Join(args, " ")))], args...)
		}
	}
}

// exported is the folder that Export-Clixml leaves of an organization, with a
// text in a property, or in all.
func exported(t *testing.T, certificate []byte, property, text string) string {
	t.Helper()
	said := map[string]string{"Fqdn": "ex01", "PSComputerName": "ex01", "ServerRole": "Mailbox", "Services": "IIS", "HasPrivateKey": "true", "KeyProvider": "csp", "Name": "ex01"}
	objects := exchangeObjects(t, certificate, func(name string) string {
		if dated := strings.HasSuffix(name, "Date") || strings.HasSuffix(name, "UTC"); name == property || property == "" && !dated {
			return text
		}
		return said[name]
	})
	folder := t.TempDir()
	for cmdlet, object := range objects {
		path := filepath.Join(folder, strings.TrimPrefix(cmdlet, "Get-")+".xml")
		if err := errors.Join(os.WriteFile(path, []byte(clixmlRoot+object+"</Objs>"), 0o600), os.Chtimes(path, start, start)); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// TestHostileExports has the texts arrive in what PowerShell serializes, in
// each property and in all at once.
func TestHostileExports(t *testing.T) {
	certificate := named(t, "x")
	read := func(property, text string) (authcert.Result, map[string]string) {
		folder := source.File{Path: exported(t, certificate, property, text)}
		if snap, err := folder.Snapshot(t.Context()); err != nil || property == "" && snap.AuthConfig.Realm != text {
			t.Fatalf("%q did not arrive: %v", text, err)
		}
		return inEveryForm(t, plugin.Check(t.Context(), folder, authcert.DefaultPolicy(), start))
	}
	properties := []string{""}
	exchangeObjects(t, nil, func(property string) string {
		properties = append(properties, property)
		return ""
	})
	for _, property := range properties {
		want, wanted := read(property, "harmless")
		for _, text := range rawTexts(t) {
			got, written := read(property, "x"+text)
			compareAnswers(t, fmt.Sprintf("%s = %.40q", property, text), want, got, wanted, written)
		}
	}
}

// quotedText is what stands in a remedy between single quotes, doubled ones
// included.
var quotedText = regexp.MustCompile(`('[^']*')+`)

// compareAnswers looks for all that a hostile text may change but words.
func compareAnswers(t *testing.T, at string, want, got authcert.Result, wanted, written map[string]string) {
	t.Helper()
	if diff := cmp.Diff(found(want), found(got)); diff != "" {
		t.Errorf("%s: verdict (-harmless +hostile):\n%s", at, diff)
		return
	}
	for i := range got.Findings {
		bare := func(f authcert.Finding) string { return quotedText.ReplaceAllString(f.Remedy, "''") }
		if want, got := bare(want.Findings[i]), bare(got.Findings[i]); want != got {
			t.Errorf("%s: remedy\n%s\nwant\n%s", at, got, want)
		}
	}
	for form, output := range written {
		if problem := outOfShape(form, output, got); problem != "" {
			t.Errorf("%s: %s: %s:\n%.500s", at, form, problem, output)
		}
		if want, got := skeleton(form, wanted[form]), skeleton(form, output); !slices.Equal(want, got) {
			t.Errorf("%s: %s (-harmless +hostile):\n%s", at, form, cmp.Diff(want, got))
		}
	}
}
