package source

import "testing"

func TestParseHost(t *testing.T) {
	for _, row := range []struct {
		host, name, port, inURL string // inURL "" when it is no host
	}{
		{"ex01.contoso.com", "ex01.contoso.com", "", "ex01.contoso.com"},
		{"EX01:8443", "EX01", "8443", "EX01"},
		{"192.0.2.10", "192.0.2.10", "", "192.0.2.10"},
		{"192.0.2.10:1", "192.0.2.10", "1", "192.0.2.10"},
		{"::1", "::1", "", "[::1]"},
		{"[::1]", "::1", "", "[::1]"},
		{"[::1]:65535", "::1", "65535", "[::1]"},
		{"2001:db8::10", "2001:db8::10", "", "[2001:db8::10]"},
		{"::1:443", "::1:443", "", "[::1:443]"}, // an address, and no port
		{"::ffff:192.0.2.10", "::ffff:192.0.2.10", "", "[::ffff:192.0.2.10]"},
		{"fe80::1%eth0", "fe80::1%eth0", "", "[fe80::1%25eth0]"},
		{"[fe80::1%eth0]:443", "fe80::1%eth0", "443", "[fe80::1%25eth0]"},
		{host: ""}, {host: ":443"}, {host: "ex01:"}, {host: "ex01:0"}, {host: "ex01:65536"}, {host: "ex01:https"}, {host: "ex01:1:2"},
		{host: "https://ex01"}, {host: "user@ex01"}, {host: "ex01/owa"}, {host: "ex 01"}, {host: "ex01%25"},
		{host: "[::1"}, {host: "::1]"}, {host: "[::1]443"}, {host: "[::1]:"}, {host: "[::1]:0"}, {host: "[::1]:x"}, {host: "[]"}, {host: "[]:443"},
		{host: "::g"}, {host: "1::2::3"}, {host: "[ex01]"}, {host: "[192.0.2.10]:443"}, {host: "2001:db8::10:"}, {host: "12345::1"}, {host: "[[::1]]"},
	} {
		name, port, ok := ParseHost(row.host)
		if ok != (row.inURL != "") {
			t.Errorf("%q: is a host: %t", row.host, ok)
		}
		if ok && (name != row.name || port != row.port || InURL(name) != row.inURL) {
			t.Errorf("%q: got %q, port %q, in an URL %q; want %q, %q, %q", row.host, name, port, InURL(name), row.name, row.port, row.inURL)
		}
	}
}
