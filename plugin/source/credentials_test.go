package source

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"check_exchange_authcert/plugin/authcert"
)

// TestCredentials reads files as editors and people leave them, and shows of a
// wrong one no more than where it is wrong.
func TestCredentials(t *testing.T) {
	const secret = "Geheim-Horse-7"
	for _, row := range []struct {
		name, content string
		want          string // account and domain
		words         string // of the error
	}{
		{"Samba's form", "# account\n; of Samba\n\nusername = monitor\npassword = " + secret + "\ndomain=CONTOSO\n", `CONTOSO\monitor`, ""},
		{"Windows' line ends", "username = monitor@CONTOSO.COM\r\npassword = " + secret + "\r\n", "monitor@CONTOSO.COM", ""},
		{"Windows' editor", "\xef\xbb\xbfusername = monitor\npassword = " + secret, "monitor", ""},
		{"keys in capitals", "USERNAME=monitor\nPassword\t=\t" + secret + "\t\n", "monitor", ""},
		{"empty", "", "", "it has no username"},
		{"a password alone", "password = " + secret, "", "it has no username"},
		{"no key", "username = monitor\n" + secret + "\n", "", `line 2 is no "key = value"`},
		{"an unknown key", "username = monitor\npasswd = " + secret + "\n", "", "line 2 has an unknown key"},
		{"a secret as the key", secret + " = password\n", "", "line 1 has an unknown key"},
		{"UTF-16", "\xff\xfeu\x00s\x00e\x00r\x00", "", `line 1 is no "key = value"`},
		{"NUL", "username = monitor\n\x00" + secret, "", `line 2 is no "key = value"`},
		{"a long line", "username = monitor\npassword = " + strings.Repeat(secret, 65<<10/len(secret)), "", "larger than 64 KiB"},
		{"10 MiB", strings.Repeat("# "+secret+"\n", 10<<20/18), "", "larger than 64 KiB"},
	} {
		t.Run(row.name, func(t *testing.T) {
			path := private(t, row.content)
			got, err := ReadCredentials(path)
			var problem *authcert.Problem
			switch {
			case row.words == "" && (err != nil || got.account() != row.want || got.password != secret):
				t.Errorf("account %q, error %v; want %q and the password", got.account(), err, row.want)
			case row.words != "" && (!errors.As(err, &problem) || !strings.Contains(problem.Message, row.words)):
				t.Errorf("error %v, want %q", err, row.words)
			}
			for _, form := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
				if text := fmt.Sprintf(form, got) + fmt.Sprintf(form, PowerShell{Exchange: Exchange{Account: got}}) + fmt.Sprint(err); strings.Contains(text, secret) || strings.Contains(text, fmt.Sprintf("%x", secret)) {
					t.Errorf("%s shows the password", form)
				}
			}
		})
	}
}
