package source

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"check_exchange_authcert/plugin/authcert"
)

func TestLDAPThumbprints(t *testing.T) {
	type slots [3]authcert.Thumbprint
	lower := strings.ToLower(currentPrint)
	for _, row := range []struct {
		values  []string
		want    slots
		message string
	}{
		{nil, slots{}, ""},
		{[]string{"0:" + currentPrint}, slots{currentPrint}, ""},
		{[]string{currentPrint}, slots{currentPrint}, ""},
		{[]string{lower}, slots{currentPrint}, ""},
		{[]string{"0:" + lower, "2:" + nextPrint}, slots{currentPrint, "", nextPrint}, ""},
		{[]string{"1:" + previousPrint}, slots{"", previousPrint}, ""}, // Exchange takes it for the current one
		{[]string{"2:" + nextPrint}, slots{"", "", nextPrint}, ""},
		{[]string{"0:", "1:" + previousPrint}, slots{"", previousPrint}, ""},
		{[]string{"0:" + currentPrint, "0:" + currentPrint}, slots{}, "two values that begin with 0:"},
		{[]string{"0:", "0:" + currentPrint}, slots{}, "two values that begin with 0:"},
		{[]string{"3:" + currentPrint}, slots{}, "want 0:, 1: or 2:"},
		{[]string{"00:" + currentPrint}, slots{}, "want 0:, 1: or 2:"},
		{[]string{":" + currentPrint}, slots{}, "want 0:, 1: or 2:"},
		{[]string{currentPrint, "1:" + previousPrint}, slots{}, "want 0:, 1: or 2:"},
		{[]string{"0", "1:" + previousPrint}, slots{}, "want 0:, 1: or 2:"},
		{[]string{"0:" + currentPrint[:39]}, slots{}, "want 40 hexadecimal digits"},
		{[]string{"0:" + currentPrint + "00"}, slots{}, "want 40 hexadecimal digits"},
		{[]string{"0:0:" + currentPrint}, slots{}, "want 40 hexadecimal digits"},
		{[]string{"something"}, slots{}, "want 40 hexadecimal digits"},
	} {
		var config authcert.AuthConfig
		err := ldapThumbprints(&config, row.values)
		if fmt.Sprint(err) != "<nil>" || row.message != "" {
			if !strings.Contains(fmt.Sprint(err), row.message) || row.message == "" {
				t.Errorf("%q: error %v, want …%s", row.values, err, row.message)
			}
			continue
		}
		got := slots{config.CurrentCertificateThumbprint, config.PreviousCertificateThumbprint, config.NextCertificateThumbprint}
		if got != row.want {
			t.Errorf("%q: got %q, want %q", row.values, got, row.want)
		}
	}
}

// TestLDAPThumbprintOrder gives the three values in every order.
func TestLDAPThumbprintOrder(t *testing.T) {
	want := authcert.AuthConfig{CurrentCertificateThumbprint: currentPrint, PreviousCertificateThumbprint: previousPrint, NextCertificateThumbprint: nextPrint}
	values := []string{"0:" + currentPrint, "1:" + previousPrint, "2:" + nextPrint}
	for _, order := range [][3]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
		var got authcert.AuthConfig
		if err := ldapThumbprints(&got, []string{values[order[0]], values[order[1]], values[order[2]]}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(got, want); diff != "" {
			t.Errorf("%v (-got +want):\n%s", order, diff)
		}
	}
}

func TestGeneralizedTime(t *testing.T) {
	at := time.Date(2026, 12, 1, 8, 30, 15, 0, time.UTC)
	for _, row := range []struct {
		text string
		want authcert.Instant
		bad  bool
	}{
		{"", authcert.Instant{}, false},
		{"20261201083015.0Z", authcert.At(at), false},
		{"20261201083015Z", authcert.At(at), false},
		{"20261201083015.999Z", authcert.At(at), false},
		{"20261201083015,5Z", authcert.At(at), false},
		{"20261201093015.0+0100", authcert.At(at), false},
		{"20261201033015-0500", authcert.At(at), false},
		{"202612010830Z", authcert.At(at.Truncate(time.Minute)), false},
		{"2026120108Z", authcert.At(at.Truncate(time.Hour)), false},
		{"16010101000000.0Z", authcert.Instant{}, false}, // Windows' "never"
		{"20261201083015", authcert.Instant{}, true},     // of no zone
		{"20261301083015Z", authcert.Instant{}, true},
		{"20260230083015Z", authcert.Instant{}, true},
		{"2026-12-01T08:30:15Z", authcert.Instant{}, true},
		{"134092386150000000", authcert.Instant{}, true},
		{" 20261201083015Z", authcert.Instant{}, true},
	} {
		got, err := generalizedTime(row.text)
		if (err != nil) != row.bad || !got.Equal(row.want.Time) {
			t.Errorf("%q: got %v, %v; want %v, an error: %t", row.text, got, err, row.want, row.bad)
		}
	}
}

func TestExchangeVersion(t *testing.T) {
	for serial, want := range map[string]string{
		"Version 15.2 (Build 32562.17)":    "Version 15.2 (Build 2562.17)",
		"Version 15.1 (Build 32507.6)":     "Version 15.1 (Build 2507.6)",
		"Version 15.0 (Build 31497.2)":     "Version 15.0 (Build 1497.2)",
		"Version 14.3 (Build 30123.4)":     "Version 14.3 (Build 123.4)",
		"Version 8.0 (Build 10685.25)":     "Version 8.0 (Build 685.25)",
		"Version 6.5 (Build 7638.2)":       "Version 6.5 (Build 7638.2)", // Exchange 2003
		"Version 15.2 (Build 2562.17)":     "Version 15.2 (Build 2562.17)",
		"Version 15.2 (Build 32562)":       "Version 15.2 (Build 2562)",
		"Version 15.2 (Build 32562.17.3)":  "Version 15.2 (Build 2562.17.3)",
		"":                                 "",
		"15.2.2562.17":                     "15.2.2562.17",
		"Version 15.2 (Build x)":           "Version 15.2 (Build x)",
		"Version 15.2 (Build 9999999999)":  "Version 15.2 (Build 9999999999)",
		"Version 15.2 (Build 32562.17) SE": "Version 15.2 (Build 32562.17) SE",
	} {
		if got := exchangeVersion(serial); got != want {
			t.Errorf("%q: got %q, want %q", serial, got, want)
		}
	}
}

func TestNetworkName(t *testing.T) {
	for _, row := range []struct {
		addresses []string
		want      string
	}{
		{nil, ""},
		{[]string{"ncacn_vns_spp:EX01", "netbios:EX01", "ncacn_np:EX01", "ncacn_spx:EX01", "ncacn_ip_tcp:ex01.contoso.com"}, "ex01.contoso.com"},
		{[]string{"NCACN_IP_TCP:EX01.contoso.com"}, "EX01.contoso.com"},
		{[]string{"netbios:EX01"}, ""},
		{[]string{"ncacn_ip_tcp:"}, ""},
		{[]string{"ncacn_ip_tcp"}, ""},
		{[]string{"ncacn_ip_tcp:ex01/../x", "ncacn_ip_tcp:ex02"}, "ex02"},
		{[]string{"ncacn_ip_tcp:ex01@evil"}, ""},
		{[]string{"ncacn_ip_tcp:ex01:443"}, ""},
		{[]string{"ncacn_ip_tcp:-ex01"}, ""},
		{[]string{"ncacn_ip_tcp:" + strings.Repeat("x", 300)}, ""},
		{[]string{"ncacn_ip_tcp:ex01\n"}, ""},
	} {
		if got := networkName(row.addresses); got != row.want {
			t.Errorf("%q: got %q, want %q", row.addresses, got, row.want)
		}
	}
}

func TestServerRole(t *testing.T) {
	for bits, want := range map[string]string{
		"16439": "mailbox", "54": "mailbox", "2": "mailbox", "16385": "clientaccess", "16384": "clientaccess", "4": "clientaccess", "1": "clientaccess",
		"64": "edge", "32": "hubtransport", "16": "unifiedmessaging", "4096": "provisionedserver", "0": "", "": "", "many": "", "9223372036854775808": "",
	} {
		if got := serverRole(bits); got != want {
			t.Errorf("%q: got %q, want %q", bits, got, want)
		}
	}
}

func TestDirectoryNames(t *testing.T) {
	for _, row := range []struct {
		what      string
		got, want any
	}{
		{"site", firstName("CN=Berlin\\, Mitte,CN=Sites,DC=x"), "Berlin, Mitte"},
		{"no site", firstName(""), ""},
		{"no name", firstName("Berlin"), ""},
		{"server", isServerObject("CN=EX01,CN=Servers,CN=Group,DC=x"), true},
		{"in any case", isServerObject("cn=ex01,cn=servers,DC=x"), true},
		{"below a server", isServerObject("CN=Frontend,CN=EX01,CN=Servers,DC=x"), false},
		{"a trap in a name", isServerObject("CN=a\\,CN=Servers,CN=Group,DC=x"), false},
		{"nothing", isServerObject(""), false},
		{"no certificate", derThumbprint([]byte("text")), authcert.Thumbprint("")},
		{"empty", derThumbprint(nil), authcert.Thumbprint("")},
		{"short GUID", objectGUID(make([]byte, 15)), ""},
	} {
		if row.got != row.want {
			t.Errorf("%s: got %v, want %v", row.what, row.got, row.want)
		}
	}
}

// FuzzLDAPThumbprints: what was read, written in any order, reads the same; and
// a slot never holds what is no thumbprint.
func FuzzLDAPThumbprints(f *testing.F) {
	f.Add("0:"+currentPrint, "1:"+previousPrint, "2:"+nextPrint, uint64(1))
	f.Add(currentPrint, "", "", uint64(2))
	f.Add("0:", "0:", "x", uint64(3))
	f.Fuzz(func(t *testing.T, a, b, c string, seed uint64) {
		var first, second authcert.AuthConfig
		if ldapThumbprints(&first, []string{a, b, c}) != nil {
			return
		}
		var values []string
		for i, thumbprint := range []authcert.Thumbprint{first.CurrentCertificateThumbprint, first.PreviousCertificateThumbprint, first.NextCertificateThumbprint} {
			if parsed, err := authcert.ParseThumbprint(string(thumbprint)); err != nil || parsed != thumbprint {
				t.Fatalf("slot %d holds %q", i, thumbprint)
			}
			values = append(values, fmt.Sprintf("%d:%s", i, thumbprint))
		}
		rand.New(rand.NewPCG(seed, 0)).Shuffle(3, func(i, j int) { values[i], values[j] = values[j], values[i] }) //nolint:gosec // an order
		if err := ldapThumbprints(&second, values); err != nil || second != first {
			t.Errorf("%q: got %+v, %v; want %+v", values, second, err, first)
		}
	})
}

// FuzzGeneralizedTime: what was read, written, reads the same.
func FuzzGeneralizedTime(f *testing.F) {
	for _, seed := range []string{"20261201083015.0Z", "2026120108Z", "20261201093015,5+0100", "16010101000000.0Z", "x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		first, err := generalizedTime(text)
		if err != nil || !first.Known() {
			return
		}
		second, err := generalizedTime(first.Format("20060102150405.0Z"))
		if err != nil || !second.Equal(first.Time) {
			t.Errorf("%q: got %v, %v; want %v", text, second, err, first)
		}
	})
}

// FuzzLDAPServer: a name is one that can stand in an URL, and of a version that
// was read only the build is another, by what Exchange adds to it.
func FuzzLDAPServer(f *testing.F) {
	f.Add("ncacn_ip_tcp:ex01.contoso.com", "Version 15.2 (Build 32562.17)", "16439", "CN=Berlin,CN=Sites")
	f.Add("ncacn_ip_tcp:a\x00b", "Version 8.0 (Build 10685.25)", "-1", "CN=")
	f.Fuzz(func(t *testing.T, address, serial, roles, dn string) {
		if name := networkName([]string{address}); strings.ContainsAny(name, "/@:?# \r\n\x00%[]") {
			t.Errorf("%q: %q is no name", address, name)
		}
		if version := exchangeVersion(serial); version != serial {
			was, is := buildOf(t, serial), buildOf(t, version)
			if added := was - is; added != 0 && added != 10000 && added != 30000 {
				t.Errorf("%q: %q is another build", serial, version)
			}
		}
		serverRole(roles)
		firstName(dn)
		isServerObject(dn)
	})
}

func buildOf(t *testing.T, version string) int {
	t.Helper()
	m := serialNumber().FindStringSubmatch(version)
	if m == nil {
		t.Fatalf("%q is no version", version)
	}
	build, err := strconv.Atoi(m[3])
	if err != nil {
		t.Fatal(err)
	}
	return build
}
