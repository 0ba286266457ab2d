package main

import (
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"check_exchange_authcert/plugin/authcert"
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

// TestHostileExports has the texts arrive in what PowerShell serializes.
func TestHostileExports(t *testing.T) {
	for _, text := range rawTexts(t) {
		var b strings.Builder
		if err := xml.EscapeText(&b, []byte(text)); err != nil {
			t.Fatal(err)
		}
		texts := map[string]string{}
		for _, field := range []string{"Name", "Fqdn", "AdminDisplayVersion", "Site", "ServiceName", "Realm", "FriendlyName", "OriginatingServer"} {
			texts[field] = `<S N="` + field + `">` + b.String() + `</S>`
		}
		write := func(folder, name string, properties ...string) {
			document := `<Objs Version="1.1.0.1" xmlns="http://schemas.microsoft.com/powershell/2004/04"><Obj RefId="0"><Props>` + strings.Join(properties, "") + `</Props></Obj></Objs>`
			if err := os.WriteFile(filepath.Join(folder, name), []byte(document), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		folder := t.TempDir()
		write(folder, "AuthConfig.xml", `<S N="CurrentCertificateThumbprint">4734C9E57577F5493BBEAAF745E40F9FCD08E5C1</S>`, texts["ServiceName"], texts["Realm"], texts["OriginatingServer"])
		write(folder, "ExchangeServer.xml", texts["Name"], texts["Fqdn"], texts["AdminDisplayVersion"], texts["Site"], `<S N="ServerRole">Mailbox</S>`)
		write(folder, "ExchangeCertificate.xml", texts["FriendlyName"], `<BA N="RawData">`+base64.StdEncoding.EncodeToString([]byte(text))+`</BA>`)
		wellShaped(t, text[:min(40, len(text))], "--snapshot", folder, "-vv")
	}
}
