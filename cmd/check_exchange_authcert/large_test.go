package main

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"check_exchange_authcert/plugin/authcert"
)

// largeSnapshot writes an organization of 500 servers with three findings
// each, names that want to break out, and a message of 10,000 characters.
func largeSnapshot(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile("../../testdata/snapshots/healthy.json")
	if err != nil {
		t.Fatal(err)
	}
	snap, err := authcert.DecodeSnapshot(data)
	if err != nil {
		t.Fatal(err)
	}
	holder := snap.Servers[0]
	for i := range 500 {
		s := holder
		s.FQDN = fmt.Sprintf("ex%03d'\"|;$(id)<script>\U0001F600\x1b[2J.contoso.com", i)
		s.Certificates = nil
		for _, c := range holder.Certificates {
			if authcert.ThumbprintOf(c.RawData) != snap.AuthConfig.CurrentCertificateThumbprint {
				s.Certificates = append(s.Certificates, c)
			}
		}
		s.InternalTransportCertificateThumbprint = "0123456789ABCDEF0123456789ABCDEF01234567"
		s.Served = authcert.List[authcert.Served]{{Port: authcert.BackEndPort}}
		snap.Servers = append(snap.Servers, s)
	}
	snap.Servers = append(snap.Servers, authcert.Server{FQDN: "last.contoso.com", Error: &authcert.Problem{Reason: authcert.Unreachable, Message: strings.Repeat("lo|ng# ", 10000/7)}})
	path := filepath.Join(t.TempDir(), "large.json")
	data, err = json.Marshal(snap)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestLargeAnswers has every output stay valid and inside its limits.
func TestLargeAnswers(t *testing.T) {
	common := []string{"--snapshot", largeSnapshot(t), "--at", "2026-11-23"}
	for verbosity, limit := range map[string]int{"--timeout=50": 4 << 10, "-v": 16 << 10, "-vv": 60 << 10} {
		code, output := call(t, nil, append(common, verbosity)...)
		first, _, _ := strings.Cut(output, "\n")
		switch {
		case code != 2 || !strings.HasPrefix(first, "CRITICAL - current certificate missing on ex000"):
			t.Errorf("%s: exit code %d, %s", verbosity, code, first)
		case len(output) > limit || utf8.RuneCountInString(first) > 160:
			t.Errorf("%s: %d bytes, first line of %d characters; want at most %d and 160", verbosity, len(output), utf8.RuneCountInString(first), limit)
		case strings.Count(output, "|") != 1 || strings.ContainsAny(output, "<>\x1b"):
			t.Errorf("%s: a bar, markup or an escape came through", verbosity)
		case !strings.Contains(output, " more"):
			t.Errorf("%s: nothing says how much was cut", verbosity)
		}
	}
	_, prtg := call(t, nil, append(common, "-o", "prtg")...)
	var document struct {
		Result []struct{ Channel, Value string } `xml:"result"`
		Text   string                            `xml:"text"`
	}
	if err := xml.Unmarshal([]byte(prtg), &document); err != nil {
		t.Fatalf("PRTG: %v", err)
	}
	if n := len(utf16.Encode([]rune(document.Text))); n > 2000 || strings.Contains(prtg, "#") || len(document.Result) > 50 {
		t.Errorf("PRTG: %d characters, %d channels; want at most 2000 and 50, and no number sign", n, len(document.Result))
	}
	for _, form := range []string{"json", "zabbix", "prtg-v2"} {
		if _, output := call(t, nil, append(common, "-o", form)...); !json.Valid([]byte(output)) {
			t.Errorf("%s: no valid JSON", form)
		}
	}
}
