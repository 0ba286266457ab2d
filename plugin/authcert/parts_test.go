package authcert

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
)

func TestEntries(t *testing.T) {
	for list, want := range map[string]int{
		`[]`: 1, `[{}]`: 1, `[1,2]`: 2, `[{"a":[1,2],"b":3},{}]`: 2, `["a,b",","]`: 2, `["\"",","]`: 2, `["\\","]"]`: 2, `["\\\",","["]`: 2, "[ \"\" , [ , ] ]": 2,
		`["`: 1, `["\`: 1,
	} {
		if got := entries([]byte(list)); got != want {
			t.Errorf("%s: got %d, want %d", list, got, want)
		}
	}
}

// TestCrowdedSnapshot reads as many values and entries as there may be, and not one more.
func TestCrowdedSnapshot(t *testing.T) {
	many := func(unit string, n int) string { return strings.TrimSuffix(strings.Repeat(unit, n), ",") }
	values := func(n int) string { // in lists that are not too long, and a field that is not known
		return `{"schema":1,"x":[` + many("0,", n-2) + `]}`
	}
	entries := func(n int) string {
		return `{"schema":1,"servers":{"fqdn":"ex01","certificates":[` + many("{},", n) + `]}}`
	}
	for _, row := range []struct{ name, text, want string }{
		{"values", values(maxParts), ""},
		{"one more value", values(maxParts + 1), "the snapshot holds 400001 values and names; the limit is 400000"},
		{"entries", entries(maxEntries), ""},
		{"one more entry", entries(maxEntries + 1), "a list of 10001 entries; the limit is 10000"},
		{"entries of another type", `{"schema":1,"servers":[` + many("1,", maxEntries+1) + `]}`, "a list of 10001 entries; the limit is 10000"},
	} {
		got := ""
		if _, err := DecodeSnapshot([]byte(row.text)); err != nil {
			got = err.Error()
		}
		if got != row.want {
			t.Errorf("%s: got %q, want %q", row.name, got, row.want)
		}
	}
}

// TestThousandServers with ten certificates each are far from the limits.
func TestThousandServers(t *testing.T) {
	snap := organization(t, "ex")
	der := base64.StdEncoding.EncodeToString(snap.Servers[0].Certificates[0].RawData)
	cert := `{"rawData":"` + der + `","friendlyName":"Microsoft Exchange, Server","services":["IMAP","POP","IIS","SMTP"],"hasPrivateKey":true,"privateKeyExportable":true,"keyProvider":"csp"},`
	var servers strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&servers, `{"fqdn":"ex%03d.contoso.com","adminDisplayVersion":"Version 15.2 (Build 2562.17)","role":"mailbox","certificates":[%s],"served":[{"port":443,"rawData":"%s"},{"port":444,"rawData":"%[3]s"}],`+
			`"published":{"thumbprints":["",""],"certificates":["%[3]s"],"httpStatus":200,"tlsVerified":true},"error":null},`, i, strings.TrimSuffix(strings.Repeat(cert, 10), ","), der)
	}
	text := []byte(`{"schema":1,"servers":[` + strings.TrimSuffix(servers.String(), ",") + `]}`)
	read, err := DecodeSnapshot(text)
	if err != nil || len(read.Servers) != 1000 || len(read.Servers[999].Certificates) != 10 {
		t.Errorf("got %v", err)
	}
	if parts := JSONParts(text); parts > maxParts/2 {
		t.Errorf("%d values and names, half of the limit is %d", parts, maxParts/2)
	}
}
