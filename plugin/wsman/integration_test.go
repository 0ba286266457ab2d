//go:build integration

package wsman_test

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"testing"
	"time"

	"check_exchange_authcert/plugin/wsman"
	"check_exchange_authcert/plugin/wsman/wsmantest"
)

func startLab(t *testing.T) *wsmantest.Lab {
	t.Helper()
	return wsmantest.StartLab(t, wsmantest.LabAccount{Domain: testDomain, User: testUser, Password: testPassword})
}

// client is a configuration that logs on at a host of the lab.
func client(l *wsmantest.Lab, h *wsmantest.LabHost, auth wsman.Auth) wsman.Config {
	user := map[wsman.Auth]string{wsman.AuthKerberos: testUser + "@" + wsmantest.LabRealm, wsman.AuthNTLM: testDomain + `\` + testUser}[auth]
	return wsman.Config{
		URL: h.URL + "/wsman", Auth: auth, Username: user, Password: wsman.NewSecret(testPassword),
		Kerberos: wsman.Kerberos{KDCs: []string{l.KDC}}, TLS: wsman.TLS{CAFile: h.CAFile},
	}
}

func open(t *testing.T, config wsman.Config) *wsman.Conversation {
	t.Helper()
	c, err := wsman.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

var auths = []wsman.Auth{wsman.AuthNTLM, wsman.AuthKerberos}

const readInput = `C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe -NoLogo -NoProfile -NonInteractive -Command "[Console]::Out.Write('got ' + [Console]::In.ReadToEnd()); exit 5"`

func TestIntegrationRunsACommand(t *testing.T) {
	l := startLab(t)
	for _, tls := range []bool{false, true} {
		for _, auth := range auths {
			t.Run(fmt.Sprintf("%s/tls=%v", auth, tls), func(t *testing.T) {
				h := l.Host(t, tls)
				tr := &transport{conversation: open(t, client(l, h, auth)), ctx: t.Context()}
				out, errOut, code, err := tr.run(readInput, "one line")
				if err != nil || out != "got one line" || errOut != "" || code != 5 {
					t.Errorf("got %q, %q, %d, %v", out, errOut, code, err)
				}
				c := h.Count(t)
				// One more than with the peer in the process: what is printed and the end come apart.
				if c.Requests > 8 || c.Logons != 1 || c.Connections != 1 || c.Shells != 0 || c.Processes != 0 || (!tls && c.ClearBodies != 0) {
					t.Errorf("got %+v, want 8 requests at most, one logon, nothing in clear or left behind", c)
				}
			})
		}
	}
}

func TestIntegrationCredentials(t *testing.T) {
	l := startLab(t)
	h := l.Host(t, false)
	valid, expired := "FILE:"+l.Path("valid"), "FILE:"+l.Path("expired")
	l.Run(t, testPassword, "/usr/bin/kinit", "-c", valid, testUser)
	l.Run(t, testPassword, "/usr/bin/kinit", "-l", "1s", "-c", expired, testUser)
	for exec.Command("/usr/bin/klist", "-s", "-c", expired).Run() == nil { // until MIT Kerberos says that it has expired
	}
	tests := map[string]struct {
		auth   wsman.Auth
		change func(*wsman.Config)
		stage  wsman.Stage
		reason wsman.Reason
		text   string
	}{
		"keytab":         {wsman.AuthKerberos, func(c *wsman.Config) { c.Password, c.Kerberos.Keytab = wsman.Secret{}, l.Path("user.keytab") }, "", "", ""},
		"cache":          {wsman.AuthKerberos, func(c *wsman.Config) { c.Username, c.Password, c.Kerberos.CCache = "", wsman.Secret{}, valid }, "", "", ""},
		"krb5.conf":      {wsman.AuthKerberos, func(c *wsman.Config) { c.Kerberos = wsman.Kerberos{ConfigFile: l.Path("krb5.conf")} }, "", "", ""},
		"SHA-2":          {wsman.AuthKerberos, func(c *wsman.Config) { c.Kerberos.SPN = "WSMAN/localhost" }, "", "", ""},
		"expired cache":  {wsman.AuthKerberos, func(c *wsman.Config) { c.Kerberos.CCache = expired }, wsman.StageKDC, wsman.ReasonAccessDenied, "expired at"},
		"wrong password": {wsman.AuthKerberos, func(c *wsman.Config) { c.Password = wsman.NewSecret("x") }, wsman.StageKDC, wsman.ReasonAccessDenied, "Kerberos error 24"},
		"password expired": {wsman.AuthKerberos, func(c *wsman.Config) {
			c.Username, c.Password = "stale@"+wsmantest.LabRealm, wsman.NewSecret("Geheim-old")
		}, wsman.StageKDC, wsman.ReasonAccessDenied, "the password has expired"},
		"locked": {wsman.AuthKerberos, func(c *wsman.Config) {
			c.Username, c.Password = "locked@"+wsmantest.LabRealm, wsman.NewSecret("Geheim-locked")
		}, wsman.StageKDC, wsman.ReasonAccessDenied, "locked, disabled"},
		"unknown account":    {wsman.AuthKerberos, func(c *wsman.Config) { c.Username = "nobody@" + wsmantest.LabRealm }, wsman.StageKDC, wsman.ReasonAccessDenied, "Kerberos error 6 "},
		"unknown service":    {wsman.AuthKerberos, func(c *wsman.Config) { c.Kerberos.SPN = "HTTP/other" }, wsman.StageKDC, wsman.ReasonNotFound, "does not know the service HTTP/other"},
		"NTLM":               {wsman.AuthNTLM, func(*wsman.Config) {}, "", "", ""},
		"NTLM, wrong":        {wsman.AuthNTLM, func(c *wsman.Config) { c.Password = wsman.NewSecret("x") }, wsman.StageAuthenticate, wsman.ReasonAccessDenied, "refused the ntlm logon"},
		"NTLM, wrong domain": {wsman.AuthNTLM, func(c *wsman.Config) { c.Username = `ELSEWHERE\` + testUser }, wsman.StageAuthenticate, wsman.ReasonAccessDenied, "refused the ntlm logon"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			config := client(l, h, test.auth)
			test.change(&config)
			before := h.Count(t)
			c := open(t, config)
			_, err := c.Do(t.Context(), noShell) // a fault means that the logon worked
			_, again := c.Do(t.Context(), noShell)
			if test.stage != "" {
				check(t, err, test.stage, test.reason, test.text)
				if again != err {
					t.Errorf("got %v from the next message, want the same error", again)
				}
			} else {
				check(t, err, wsman.StageReceive, wsman.ReasonNotFound, "2150858843")
			}
			if after := h.Count(t); after.RefusedLogons-before.RefusedLogons > 1 || after.ClearBodies+after.BasicCredentials != 0 {
				t.Errorf("got %+v after %+v, want one refusal at most and nothing in clear", after, before)
			}
		})
	}
}

// The host stalls at one operation; the deadline ends the wait, and the clean-up finds the shell.
func TestIntegrationStalls(t *testing.T) {
	l := startLab(t)
	for _, auth := range auths {
		for _, operation := range []string{"Create", "Command", "Send", "Receive"} {
			t.Run(fmt.Sprintf("%s/%s", auth, operation), func(t *testing.T) {
				t.Parallel()
				h := l.Host(t, false, "--slow", operation+"=30")
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
				defer cancel()
				tr := &transport{conversation: open(t, client(l, h, auth)), ctx: ctx}
				_, _, _, err := tr.run(readInput, "x")
				if !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("got %v, want the deadline", err)
				}
				if c := h.Count(t); operation != "Create" && (c.Shells != 0 || c.Processes != 0) {
					t.Errorf("got %+v, want no shell left", c)
				}
			})
		}
	}
}

// The front end of Exchange takes the scheme Kerberos alone, writes its boundary with a blank, and sets a cookie.
func TestIntegrationExchangesEndpoint(t *testing.T) {
	l := startLab(t)
	h := l.Host(t, false)
	config := client(l, h, wsman.AuthKerberos)
	config.URL, config.Scheme = h.URL+"/PowerShell/", wsman.SchemeKerberos
	_, err := open(t, config).Do(t.Context(), createShell)
	check(t, err, wsman.StageReceive, wsman.ReasonNotFound, "2150858811") // a command shell is nothing that it knows
	config.Scheme = wsman.SchemeNegotiate
	_, err = open(t, config).Do(t.Context(), createShell)
	check(t, err, wsman.StageAuthenticate, wsman.ReasonUnsupported, "it offers Kerberos")
	ntlm := client(l, h, wsman.AuthNTLM)
	ntlm.URL = config.URL
	_, err = open(t, ntlm).Do(t.Context(), createShell)
	check(t, err, wsman.StageAuthenticate, wsman.ReasonUnsupported, "it offers Kerberos")

	without := l.Host(t, false, "--no-exchange")
	config.URL, config.Scheme = without.URL+"/PowerShell/", wsman.SchemeKerberos
	_, err = open(t, config).Do(t.Context(), createShell)
	check(t, err, wsman.StageAuthenticate, wsman.ReasonNotFound, "HTTP 404")
}

func TestIntegrationOffersOfBasicAreDeclined(t *testing.T) {
	l := startLab(t)
	h := l.Host(t, false, "--offer", "Basic")
	for _, auth := range auths {
		_, err := open(t, client(l, h, auth)).Do(t.Context(), createShell)
		check(t, err, wsman.StageAuthenticate, wsman.ReasonUnsupported, "it offers Basic")
	}
	if c := h.Count(t); c.BasicCredentials+c.ClearBodies != 0 {
		t.Errorf("got %+v, want no password and nothing in clear", c)
	}
}
