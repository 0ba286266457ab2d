package render_test

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"check_exchange_authcert/plugin/authcert"
	"check_exchange_authcert/plugin/render"
)

// flat reads a Zabbix document back.
func flat(t *testing.T, result authcert.Result) map[string]any {
	t.Helper()
	var out bytes.Buffer
	if err := render.Zabbix(&out, result); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(out.String(), "\n"); n != 1 || !utf8.Valid(out.Bytes()) {
		t.Errorf("%d lines, want one, in UTF-8: %q", n, out.String())
	}
	var doc map[string]any
	if err := json.Unmarshal(out.Bytes(), &doc); err != nil {
		t.Fatalf("not JSON: %v\n%s", err, out.String())
	}
	return doc
}

// TestZabbixTemplateTakesFields: every JSONPath of the template finds a field
// in the document of an organization about which everything is known.
func TestZabbixTemplateTakesFields(t *testing.T) {
	doc := flat(t, results(t)["trouble"])
	first := func(list string) map[string]any { return doc[list].([]any)[0].(map[string]any) }
	certificate, server := first("certificates"), first("serverList")
	path := regexp.MustCompile(`(?m)- '?\$\.(\w+)(\[\?\(.*\)\]\.(\w+)\.first\(\))?'?$`)
	found := path.FindAllStringSubmatch(render.ZabbixTemplate, -1)
	if len(found) < 25 {
		t.Fatalf("%d JSONPath expressions found in the template, want at least 25", len(found))
	}
	for _, match := range found {
		fields, name := doc, match[1]
		if match[3] != "" {
			fields, name = map[string]map[string]any{"certificates": certificate, "serverList": server}[match[1]], match[3]
		}
		if _, ok := fields[name]; !ok {
			t.Errorf("%s: the document has no field %q", match[0], name)
		}
	}
	for _, match := range regexp.MustCompile(`(?m)^ +path: \$\.(\w+)$`).FindAllStringSubmatch(render.ZabbixTemplate, -1) {
		if certificate[match[1]] == nil && server[match[1]] == nil {
			t.Errorf("discovery: no entry has a field %q", match[1])
		}
	}
}

// TestZabbixTemplateIDs: Zabbix takes unique version 4 UUIDs only; the group's
// is Zabbix's own.
func TestZabbixTemplateIDs(t *testing.T) {
	seen := map[string]bool{}
	for _, match := range regexp.MustCompile(`uuid: (.*)`).FindAllStringSubmatch(render.ZabbixTemplate, -1) {
		if seen[match[1]] || !regexp.MustCompile(`^[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}$`).MatchString(match[1]) {
			t.Errorf("uuid %s is used twice or is not of version 4", match[1])
		}
		seen[match[1]] = true
	}
	if len(seen) < 40 {
		t.Errorf("%d uuids, want one for each item, trigger and rule", len(seen))
	}
	for _, word := range []string{"password", "PASSWORD"} {
		if i := strings.Index(render.ZabbixTemplate, "{$AUTHCERT."+word); i >= 0 {
			t.Error("the template passes a password as an argument")
		}
	}
}

// TestZabbixUnknownIsAbsent: no field stands for what is not known.
func TestZabbixUnknownIsAbsent(t *testing.T) {
	doc := flat(t, results(t)["unknown"])
	for _, field := range []string{"currentThumbprint", "currentDaysLeft", "currentNotAfterUnix", "nextDaysLeft", "selfsignedDaysLeft", "serversWithoutCurrent"} {
		if value, ok := doc[field]; ok {
			t.Errorf("%s is %v, although it is not known", field, value)
		}
	}
	if got := doc["statusCode"]; got != 3.0 {
		t.Errorf("statusCode is %v, want 3", got)
	}
}

// FuzzZabbix puts any text and any value wherever a server's may stand.
func FuzzZabbix(f *testing.F) {
	f.Add("fine", uint8(1), -3.0)
	f.Add("\")].x{#FQDN}{$MACRO}\x00\xff\u2028\U0001F600\n", uint8(2), 1e300)
	f.Add(strings.Repeat("é", 400), uint8(7), 0.5)
	f.Fuzz(func(t *testing.T, text string, status uint8, value float64) {
		result := authcert.Result{
			Status: authcert.Status(status), Summary: text, Notes: []string{text},
			Servers:      []authcert.ServerResult{{FQDN: text, Readable: true, Reason: authcert.Reason(text)}},
			Certificates: []authcert.CertificateResult{{Role: "current", Thumbprint: authcert.Thumbprint(text), Subject: text}},
			Findings:     []authcert.Finding{{ID: text, Status: authcert.Status(status), Message: text, Remedy: text}},
			Metrics:      []authcert.Metric{{Name: "servers", Value: value}, {Name: text, Value: value}},
		}
		doc := flat(t, result)
		if got, want := doc["statusCode"], float64(result.Status.Code()); got != want {
			t.Errorf("statusCode is %v, want %v", got, want)
		}
		server := doc["serverList"].([]any)[0].(map[string]any)["fqdn"].(string)
		certificate := doc["certificates"].([]any)[0].(map[string]any)["subject"].(string)
		for _, name := range []string{server, certificate, doc["summary"].(string)} {
			if strings.ContainsFunc(name, func(r rune) bool { return unicode.IsControl(r) || r == '<' }) {
				t.Errorf("%q is not harmless", name)
			}
		}
		if strings.ContainsAny(server+certificate, "\"'\\{}$[]") || utf8.RuneCountInString(server) > 120 {
			t.Errorf("%q and %q do not fit into keys and paths", server, certificate)
		}
	})
}
