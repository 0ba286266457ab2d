package main

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"time"
)

// FuzzArguments has any text arrive as parameters on standard input, and reads
// them as the command line does.
func FuzzArguments(f *testing.F) {
	f.Add("-H ex01.contoso.com -u svc@CONTOSO.COM --keytab k --via exchange -w 60 -c @10:20 -t 50")
	f.Add(`--snapshot "C:\my facts\" --at '2026-12-01' --state next-missing=ok --only expiry,selfsigned -vv -o zabbix`)
	f.Add("--ldap ldaps://[::1]:636/ --check-tls --tenant contoso.com --client-id a --client-secret-file b --cloud usgov")
	f.Add("\ufeff--published=a,b --max-age=1e9 --exclude-server [ -w=-5:10 --timeout=-1")
	f.Fuzz(func(t *testing.T, text string) {
		args, err := split(text)
		if err != nil {
			return
		}
		var out bytes.Buffer
		var c cli
		done, err := c.parse(filled(args), func(string) string { return "" }, &out)
		if err != nil {
			name, _ := outputIn(args)
			if code := formByName(name).refuse(&out, err.Error()); code != 3 && !formByName(name).exitZero {
				t.Errorf("exit code %d for arguments that are wrong, want 3", code)
			}
			if name == "" && (!strings.HasPrefix(out.String(), "UNKNOWN - ") || strings.Count(out.String(), "\n") != 1) {
				t.Errorf("got %q, want one line", out.String())
			}
			return
		}
		if policy := c.policy(); !done && !c.ListFindings && c.Print == "" && (c.Timeout <= 0 || policy.Validate() != nil) {
			t.Errorf("%q is taken: a timeout of %d, %v", args, c.Timeout, policy.Validate())
		}
	})
}

func FuzzDuration(f *testing.F) {
	for _, text := range []string{"50", "1.5", "90s", "1h30m", "-1", "0", "1e9", "NaN", "0x1p-1074", "9223372036s", "50 s", ""} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var d duration
		if err := d.UnmarshalText([]byte(text)); err != nil {
			if d != 0 {
				t.Errorf("%q is refused and gives %d", text, d)
			}
			return
		}
		if d <= 0 {
			t.Fatalf("%q gives %d, want more than nothing", text, d)
		}
		var again duration
		if err := again.UnmarshalText([]byte(time.Duration(d).String())); err != nil || math.Abs(float64(again-d)) > 0 {
			t.Errorf("%q gives %d, and its own form %d, %v", text, d, again, err)
		}
	})
}
