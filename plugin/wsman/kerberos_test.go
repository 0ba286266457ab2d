package wsman_test

import (
	"context"
	"encoding/base64"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"check_exchange_authcert/plugin/wsman"
	"check_exchange_authcert/plugin/wsman/wsmantest"
)

func TestKerberosCredentials(t *testing.T) {
	type setup func(*testing.T, *world)
	tests := map[string]struct {
		setup  setup
		stage  wsman.Stage // empty: it works
		reason wsman.Reason
		text   string
	}{
		"password": {func(*testing.T, *world) {}, "", "", ""},
		"keytab": {func(t *testing.T, w *world) {
			w.config.Password, w.config.Kerberos.Keytab = wsman.Secret{}, w.realm.Keytab(t, testUser)
		}, "", "", ""},
		"keytab, its own principal": {func(t *testing.T, w *world) {
			w.config.Username, w.config.Password, w.config.Kerberos.Keytab = "", wsman.Secret{}, w.realm.Keytab(t, testUser)
		}, "", "", ""},
		"keytab of another": {func(t *testing.T, w *world) {
			w.config.Kerberos.Keytab = w.realm.Keytab(t, "HTTP/localhost")
		}, wsman.StageConfigure, wsman.ReasonNotFound, "has no AES key of monitor@CONTOSO.TEST"},
		"no keytab": {func(t *testing.T, w *world) {
			w.config.Kerberos.Keytab = write(t, strings.Repeat(testPassword, 3))
		}, wsman.StageConfigure, wsman.ReasonMalformed, "is not a keytab"},
		"old key in the keytab": {func(t *testing.T, w *world) {
			w.config.Kerberos.Keytab = w.realm.Keytab(t, testUser)
			w.realm.AddUser(testUser, "a newer password")
		}, wsman.StageKDC, wsman.ReasonAccessDenied, "Kerberos error 24"},
		"cache": {func(t *testing.T, w *world) {
			w.config.Username, w.config.Password = "", wsman.Secret{}
			w.config.Kerberos.CCache = "FILE:" + w.realm.CCache(t, testUser, "krbtgt/"+testRealm, time.Hour)
		}, "", "", ""},
		"cache with the service's ticket": {func(t *testing.T, w *world) {
			w.config.Kerberos.CCache = w.realm.CCache(t, testUser, "HTTP/localhost", time.Hour)
			w.config.Kerberos.KDCs = []string{"127.0.0.1:1"}
		}, "", "", ""},
		"expired cache": {func(t *testing.T, w *world) {
			w.config.Kerberos.CCache = w.realm.CCache(t, testUser, "krbtgt/"+testRealm, -90*time.Minute)
		}, wsman.StageKDC, wsman.ReasonAccessDenied, "1h30m"},
		"cache without a ticket": {func(t *testing.T, w *world) {
			w.realm.AddService("HTTP/other")
			w.config.Kerberos.CCache = w.realm.CCache(t, testUser, "HTTP/other", time.Hour)
		}, wsman.StageKDC, wsman.ReasonNotFound, "holds no ticket-granting ticket of CONTOSO.TEST"},
		"cache of another": {func(t *testing.T, w *world) {
			w.config.Kerberos.CCache = w.realm.CCache(t, "somebody", "krbtgt/"+testRealm, time.Hour)
		}, wsman.StageConfigure, wsman.ReasonNotFound, "belongs to somebody@CONTOSO.TEST"},
		"cut off cache": {func(t *testing.T, w *world) {
			b, err := os.ReadFile(w.realm.CCache(t, testUser, "krbtgt/"+testRealm, time.Hour))
			if err != nil {
				t.Fatal(err)
			}
			w.config.Kerberos.CCache = write(t, string(b[:len(b)-9]))
		}, wsman.StageConfigure, wsman.ReasonMalformed, "its entry 1 is cut off"},
		"keyring cache":   {func(_ *testing.T, w *world) { w.config.Kerberos.CCache = "KEYRING:persistent:0" }, wsman.StageConfigure, wsman.ReasonUnsupported, "of the type KEYRING"},
		"KCM cache":       {func(_ *testing.T, w *world) { w.config.Kerberos.CCache = "KCM:" }, wsman.StageConfigure, wsman.ReasonUnsupported, "of the type KCM"},
		"no such file":    {func(_ *testing.T, w *world) { w.config.Kerberos.CCache = "/nonexistent" }, wsman.StageConfigure, wsman.ReasonUnreadable, "/nonexistent"},
		"an address":      {func(_ *testing.T, w *world) { w.config.URL = "http://127.0.0.1:5985/wsman" }, wsman.StageConfigure, wsman.ReasonUnsupported, "needs a host name, not the address 127.0.0.1"},
		"no realm":        {func(_ *testing.T, w *world) { w.config.Username = testUser }, wsman.StageConfigure, wsman.ReasonUnsupported, "no Kerberos realm"},
		"no password":     {func(_ *testing.T, w *world) { w.config.Password = wsman.Secret{} }, wsman.StageConfigure, wsman.ReasonUnsupported, "needs a user and a password"},
		"unknown account": {func(_ *testing.T, w *world) { w.config.Username = "nobody@" + testRealm }, wsman.StageKDC, wsman.ReasonAccessDenied, "Kerberos error 6 "},
		"unknown service": {func(_ *testing.T, w *world) { w.config.Kerberos.SPN = "HTTP/elsewhere" }, wsman.StageKDC, wsman.ReasonNotFound, "it does not know the service HTTP/elsewhere"},
		"no KDC":          {func(_ *testing.T, w *world) { w.config.Kerberos.KDCs = []string{"127.0.0.1:1"} }, wsman.StageKDC, wsman.ReasonUnreachable, "connecting to the KDC 127.0.0.1:1"},
		"the second KDC":  {func(_ *testing.T, w *world) { w.config.Kerberos.KDCs = []string{"127.0.0.1:1", w.realm.KDC()} }, "", "", ""},
		"krb5.conf": {func(t *testing.T, w *world) {
			w.config.Username, w.config.Kerberos.KDCs = testUser, nil
			w.config.Kerberos.ConfigFile = write(t, redHat+"\n[realms]\n "+testRealm+" = {\n  kdc = "+w.realm.KDC()+"\n  auth_to_local_names = {\n   a = b\n  }\n }\n")
		}, "", "", ""},
		"another's ticket": {func(t *testing.T, w *world) {
			w.realm.NonceShift = 1
			w.config.Kerberos.CCache = w.realm.CCache(t, testUser, "krbtgt/"+testRealm, time.Hour)
		}, wsman.StageKDC, wsman.ReasonMalformed, "cannot be read"},
		"locked":      {refuse("preauth", 18), wsman.StageKDC, wsman.ReasonAccessDenied, "locked, disabled"},
		"expired":     {refuse("preauth", 23), wsman.StageKDC, wsman.ReasonAccessDenied, "the password has expired"},
		"clock":       {refuse("preauth", 37), wsman.StageKDC, wsman.ReasonAccessDenied, "the clocks differ too much (by "},
		"no AES":      {refuse("as", 14), wsman.StageKDC, wsman.ReasonUnsupported, "no AES key"},
		"unheard of":  {refuse("tgs", 77), wsman.StageKDC, wsman.ReasonUnreadable, "Kerberos error 77"},
		"other realm": {refuse("as", 68), wsman.StageKDC, wsman.ReasonNotFound, "another realm"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, wsman.AuthKerberos, wsmantest.Options{})
			test.setup(t, w)
			c, err := wsman.New(w.config)
			if err == nil {
				defer c.Close()
				_, err = c.Do(t.Context(), createShell)
			}
			if test.stage != "" {
				check(t, err, test.stage, test.reason, test.text)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if n := w.realm.Count("preauth"); n > 1 {
				t.Errorf("got %d attempts, want at most 1", n)
			}
		})
	}
}

// redHat is the head of the krb5.conf that RHEL 9 installs, which gokrb5 v8.4.4 cannot read.
const redHat = `# To opt out of the system crypto-policies configuration of krb5, remove the
includedir /etc/krb5.conf.d/

[logging]
    default = FILE:/var/log/krb5libs.log

[libdefaults]
    dns_lookup_realm = false
    dns_canonicalize_hostname = fallback
    default_ccache_name = KEYRING:persistent:%{uid}
    default_realm = CONTOSO.TEST
`

func refuse(kind string, code int32) func(*testing.T, *world) {
	return func(_ *testing.T, w *world) {
		w.realm.Refuse = func(k string, _ int) int32 {
			if k == kind {
				return code
			}
			return 0
		}
	}
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTheContextEndsTheExchangeWithTheKDC(t *testing.T) {
	for _, kind := range []string{"as", "preauth", "tgs"} {
		t.Run(kind, func(t *testing.T) {
			w := newWorld(t, wsman.AuthKerberos, wsmantest.Options{})
			ctx, cancel := context.WithCancel(t.Context())
			w.realm.Refuse = func(k string, _ int) int32 {
				if k != kind {
					return 0
				}
				cancel()
				return wsmantest.Hang
			}
			_, err := w.conversation(t).Do(ctx, createShell)
			check(t, err, wsman.StageKDC, wsman.ReasonTimeout, "waiting for the KDC")
			if n := w.host.Stats().Requests; n != 0 {
				t.Errorf("got %d requests at the host, want 0", n)
			}
		})
	}
}

// A KDC that took the password and did not answer is not followed by another try at the next one.
func TestThePasswordGoesToOneKDC(t *testing.T) {
	w := newWorld(t, wsman.AuthKerberos, wsmantest.Options{})
	w.config.Kerberos.KDCs = []string{w.realm.KDC(), w.realm.KDC()}
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
	defer cancel()
	w.realm.Refuse = func(kind string, _ int) int32 {
		if kind == "preauth" {
			return wsmantest.Hang
		}
		return 0
	}
	_, err := w.conversation(t).Do(ctx, createShell)
	check(t, err, wsman.StageKDC, wsman.ReasonTimeout, "waiting for the KDC")
	if n := w.realm.Count("preauth"); n != 1 {
		t.Errorf("got %d attempts with the password, want 1", n)
	}
}

func TestAHangingKDCLeavesTimeForTheNext(t *testing.T) {
	w := newWorld(t, wsman.AuthKerberos, wsmantest.Options{})
	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts through its backlog, and never answers
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	w.config.Kerberos.KDCs = []string{silent.Addr().String(), w.realm.KDC()}
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second)
	defer cancel()
	if _, err := w.conversation(t).Do(ctx, createShell); err != nil {
		t.Error(err)
	}
}

func TestTheHostMustProveItself(t *testing.T) {
	for name, reply := range map[string]string{
		"no answer":          "",
		"a bare scheme":      "Negotiate",
		"garbage":            "Negotiate " + base64.StdEncoding.EncodeToString([]byte("garbage")),
		"another mechanism":  "Negotiate oRMwEaADCgEAoQoGCCsGAQQBgjcC",
		"an empty SPNEGO":    "Negotiate oQcwBaADCgEA",
		"a Kerberos token":   "Negotiate " + base64.StdEncoding.EncodeToString([]byte("\x60\x0d\x06\x09\x2a\x86\x48\x86\xf7\x12\x01\x02\x02\x02\x00")),
		"a scheme with text": "Negotiate ???",
	} {
		t.Run(name, func(t *testing.T) {
			i := wsmantest.Interference{Status: 200}
			if reply != "" {
				i.Header = header("Www-Authenticate", reply)
			}
			w := newWorld(t, wsman.AuthKerberos, wsmantest.Options{Interfere: at(wsmantest.StepLogon, i)})
			_, err := w.conversation(t).Do(t.Context(), createShell)
			check(t, err, wsman.StageAuthenticate, wsman.ReasonMalformed, "has not proved who it is")
		})
	}
}

// Exchange's own endpoint: the scheme Kerberos, bare tokens, a boundary with a blank, a cookie that must come back.
func TestExchangesDialect(t *testing.T) {
	for _, subkey := range []bool{true, false} {
		w := newWorld(t, wsman.AuthKerberos, wsmantest.Options{Offer: []string{"Kerberos"}, BlankBoundary: true, Cookie: "MS-WSMAN=x", NoAcceptorSubkey: !subkey})
		_, err := w.conversation(t).Do(t.Context(), createShell)
		check(t, err, wsman.StageAuthenticate, wsman.ReasonUnsupported, "does not offer Negotiate for the kerberos logon, it offers Kerberos")
		w.config.Scheme = wsman.SchemeKerberos
		tr := &transport{conversation: w.conversation(t), ctx: t.Context()}
		if out, _, _, err := tr.run("hostname", "x"); err != nil || out != "hostname|x" { // with the cookie brought back
			t.Errorf("got %q, %v", out, err)
		}
		if s := w.host.Stats(); s.OpenShells != 0 || s.Logons != 1 {
			t.Errorf("got %+v, want no shell and one logon", s)
		}
	}
}

func TestNTLMIsNotWeakened(t *testing.T) {
	for name, flag := range map[string]uint32{"unicode": 1, "sign": 0x10, "seal": 0x20, "extended": 0x80000, "128": 0x20000000, "key": 0x40000000} {
		w := newWorld(t, wsman.AuthNTLM, wsmantest.Options{ChallengeFlags: flag})
		_, err := w.conversation(t).Do(t.Context(), createShell)
		check(t, err, wsman.StageAuthenticate, wsman.ReasonMalformed, "switches off what is needed")
		if s := w.host.Stats(); s.Requests != 1 {
			t.Errorf("%s: got %d requests, want the logon to stop after the first", name, s.Requests)
		}
	}
}

func TestAKDCThatAnnouncesTooMuch(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conn.Write([]byte{0xff, 0xff, 0xff, 0xff})
			io.Copy(io.Discard, conn)
			conn.Close()
		}
	}()
	w := newWorld(t, wsman.AuthKerberos, wsmantest.Options{})
	w.config.Kerberos.KDCs = []string{l.Addr().String()}
	_, err = w.conversation(t).Do(t.Context(), createShell)
	check(t, err, wsman.StageKDC, wsman.ReasonMalformed, "announces an answer of 4294967295 bytes")
}

func TestATGTForAnotherRequestIsRefused(t *testing.T) {
	w := newWorld(t, wsman.AuthKerberos, wsmantest.Options{})
	w.realm.NonceShift = 1
	_, err := w.conversation(t).Do(t.Context(), createShell)
	check(t, err, wsman.StageKDC, wsman.ReasonMalformed, "cannot be read")
	if n := w.realm.Count("tgs"); n != 0 {
		t.Errorf("got %d requests with that ticket, want 0", n)
	}
}

// A realm or domain in the name replaces the one that stands beside it, as a credentials file or PRTG gives it.
func TestTheNameSaysItsDomain(t *testing.T) {
	for _, auth := range []wsman.Auth{wsman.AuthKerberos, wsman.AuthNTLM} {
		t.Run(string(auth), func(t *testing.T) {
			w := newWorld(t, auth, wsmantest.Options{})
			w.config.Domain = "ELSEWHERE"
			if _, err := w.conversation(t).Do(t.Context(), createShell); err != nil {
				t.Error(err)
			}
		})
	}
}
