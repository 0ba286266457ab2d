package main

import (
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"check_exchange_authcert/plugin/wsman/wsmantest"
)

const (
	hostSecret     = "Geheim-Host+7/ü"
	exchangeSecret = "Geheim-Exchange&8"
	wrongSecret    = "Geheim-Falsch=9"
	clientSecret   = "Geheim-Richtig" // what answerTenant takes, and the token that it gives
	tenantToken    = "Geheim-Marke&5" // what repeatTenant gives
)

// parrot is a TLS server that says what it is told; it has the certificate of
// every httptest server.
func parrot(t *testing.T) string {
	t.Helper()
	web := httptest.NewTLSServer(nil)
	certificate := web.TLS.Certificates[0]
	web.Close()
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go accept(listener, func(connection net.Conn) { _, _ = io.Copy(connection, connection) })
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	return port
}

// telltale is a host that has the account and tells in every way what it was
// told: in faults, in what PowerShell writes, and in the clear.
func telltale(t *testing.T, realm *wsmantest.Realm, options wsmantest.Options) *wsmantest.Host {
	t.Helper()
	options.Domain, options.User, options.Password, options.Realm = "CONTOSO", "monitor", hostSecret, realm
	if options.Run == nil {
		options.Run = func(c wsmantest.Command) wsmantest.Result {
			line, _ := io.ReadAll(c.Stdin)
			text, _ := base64.StdEncoding.DecodeString(strings.TrimSpace(string(line)))
			said := append(append([]byte("x "), line...), text[max(0, len(text)-120):]...)
			said = append(said, " "+hostSecret+" "+exchangeSecret...)
			return wsmantest.Result{Stdout: said, Stderr: said, ExitCode: 1}
		}
	}
	known := options.Cmdlet
	if known == nil {
		known = func(c wsmantest.Cmdlet) wsmantest.CmdletResult {
			return wsmantest.CmdletResult{Output: []string{cmdletObjects[c.Name]}}
		}
	}
	options.Cmdlet = func(c wsmantest.Cmdlet) wsmantest.CmdletResult {
		if result := known(c); result.Output[0] != "" {
			return result
		}
		said := `<Obj RefId="0"><ToString>no: ` + hostSecret + `</ToString><MS><Nil N="Exception"/><S N="FullyQualifiedErrorId">x</S><I32 N="ErrorCategory_Category">1</I32></MS></Obj>`
		return wsmantest.CmdletResult{Errors: []string{said}}
	}
	return wsmantest.Start(t, options)
}

// repeatTenant is a tenant whose applications are named for all that it was
// told, and that it describes in errors.
func repeatTenant(w http.ResponseWriter, r *http.Request) {
	switch {
	case strings.HasSuffix(r.URL.Path, "/token"):
		fmt.Fprintf(w, `{"token_type":"Bearer","expires_in":3599,"access_token":%q}`, tenantToken)
	case strings.HasSuffix(r.URL.Path, "/applications"):
		fmt.Fprintf(w, `{"value":[{"id":"1","appId":%[1]q,"displayName":%[1]q},{"id":"2","appId":%[1]q,"displayName":%[1]q}]}`, clientSecret+" "+r.Header.Get("Authorization"))
	default:
		answerTenant(w, r)
	}
}

// spelt are the forms in which a secret may come out.
func spelt(secret string) [][]byte {
	wide := []byte{}
	for _, unit := range utf16.Encode([]rune(secret)) {
		wide = append(wide, byte(unit), byte(unit>>8))
	}
	var all [][]byte
	for _, data := range [][]byte{[]byte(secret), wide} {
		all = append(all, data, []byte(hex.EncodeToString(data)), []byte(strings.ToUpper(hex.EncodeToString(data))))
		for before := range 3 {
			text := base64.RawStdEncoding.EncodeToString(append(make([]byte, before), data...))
			all = append(all, []byte(text[(before*8+5)/6:(before+len(data))*8/6]))
		}
	}
	return append(all, []byte(url.QueryEscape(secret)), []byte(url.PathEscape(secret)))
}

// environment is a set of variables as a process takes it.
func environment(values map[string]string) (all []string) {
	for name, value := range values {
		all = append(all, name+"="+value)
	}
	return all
}

// TestSecrets runs the program as a process of its own, in every way in which
// it logs on, with hosts that let it in, refuse it and tell on it: none of the
// secrets is in what it writes, anywhere.
func TestSecrets(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	file := func(name, user, password string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte("username = "+user+"\npassword = "+password+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	realm := wsmantest.StartRealm(t, "CONTOSO.TEST")
	realm.AddUser("monitor", hostSecret)
	realm.AddService("HTTP/localhost")
	keytab, ccache := realm.Keytab(t, "monitor"), realm.CCache(t, "monitor", "krbtgt/CONTOSO.TEST", time.Hour)
	secrets := map[string]string{"client secret and token": clientSecret, "password": hostSecret, "Exchange's password": exchangeSecret, "token": tenantToken, "word that all have in common": "Geheim", "wrong password": wrongSecret}
	for name, path := range map[string]string{"key of the keytab": keytab, "the cache": ccache} {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		secrets[name] = string(data[len(data)-16:])
	}
	ntlm, kerberos := file("ntlm", `CONTOSO\monitor`, hostSecret), file("kerberos", "monitor@CONTOSO.TEST", hostSecret)
	wrong, exchange, bare := file("wrong", `CONTOSO\monitor`, wrongSecret), file("exchange", `CONTOSO\second`, exchangeSecret), file("bare", "monitor", hostSecret)
	fault := &wsmantest.Interference{Fault: &wsmantest.Fault{Code: 5, Subcode: "w:AccessDenied", Reason: "no: " + hostSecret + " and " + base64.StdEncoding.EncodeToString([]byte(hostSecret))}}
	faults := wsmantest.Options{Interfere: func(step wsmantest.Step, _ int) *wsmantest.Interference {
		if step == wsmantest.StepCreate {
			return fault
		}
		return nil
	}}
	secure := faults
	secure.TLS, secure.Offer = true, []string{"Basic"}
	silent := wsmantest.Options{Interfere: func(step wsmantest.Step, _ int) *wsmantest.Interference {
		if step == wsmantest.StepCreate {
			return &wsmantest.Interference{Fault: &wsmantest.Fault{Code: 5, Subcode: "w:AccessDenied", Reason: "no"}}
		}
		return nil
	}}
	certificate := peer(onStage{t}, 1000*24*time.Hour).Certificate[0]
	objects := exchangeObjects(t, certificate, func(string) string { return "x " + hostSecret })
	factual := wsmantest.Options{
		Run: func(c wsmantest.Command) wsmantest.Result {
			line, _ := io.ReadAll(c.Stdin)
			return wsmantest.Result{Stdout: answerOf(t, line, collectorFacts(t, "x "+hostSecret+" "+exchangeSecret, certificate))}
		},
		Cmdlet: func(c wsmantest.Cmdlet) wsmantest.CmdletResult {
			return wsmantest.CmdletResult{Output: []string{objects[c.Name]}}
		},
	}
	plain := telltale(t, realm, silent) // who logs on with a key has no password to look for
	talks, states, refuses, web := telltale(t, realm, wsmantest.Options{}), telltale(t, realm, factual), telltale(t, realm, faults), telltale(t, realm, secure)
	port := func(h *wsmantest.Host) string {
		_, port, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(h.URL(""), "https://"), "http://"), ":")
		return port
	}
	echo := parrot(t)
	at := func(h *wsmantest.Host, args ...string) []string {
		return append([]string{"-H", "localhost", "-p", port(h), "--exchange-url", h.URL("/PowerShell/"), "--kdc", realm.KDC()}, args...)
	}
	entra := []string{"--snapshot", "../../testdata/snapshots/healthy.json", "--at", "2026-11-23", "--tenant", "contoso.com", "--client-id", "11111111-2222-3333-4444-555555555555", "--client-secret-file"}
	tenants := environment(cloud(onStage{t}, answerTenant))
	right, bad := filepath.Join(folder, "right"), filepath.Join(folder, "bad")
	for path, secret := range map[string]string{right: clientSecret, bad: wrongSecret} {
		if err := os.WriteFile(path, []byte(secret), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, row := range []struct {
		name  string
		args  []string
		env   []string
		words string // in the answer: it came as far as it should
	}{
		{"Exchange answers", at(telltale(t, realm, wsmantest.Options{}), "--via", "exchange", "--credentials", kerberos), nil, "ex01"},
		{"the collector's facts: it answers", at(states, "--via", "winrm", "--credentials", ntlm, "--exchange-credentials", exchange), nil, "(secret)"},
		{"Exchange's facts: it answers", at(states, "--via", "exchange", "--credentials", kerberos), nil, "(secret)"},
		{"Entra ID repeats what it was told, and answers", append(slices.Clone(entra), right), environment(cloud(onStage{t}, repeatTenant)), "(secret)"},
		{"Entra ID answers", append(slices.Clone(entra), right), tenants, "4734C9E5"},
		{"Entra ID refuses", append(slices.Clone(entra), bad), tenants, "AADSTS7000215"},
		{"collector", at(talks, "--via", "winrm", "--credentials", ntlm, "--exchange-credentials", exchange), nil, "(secret)"},
		{"collector, the account's own", at(talks, "--via", "winrm", "--credentials", kerberos), nil, "(secret)"},
		{"wrong password", at(talks, "--via", "winrm", "--credentials", wrong), nil, "access denied"},
		{"a fault", at(refuses, "--via", "winrm", "--credentials", ntlm), nil, "(secret)"},
		{"a fault of Exchange", at(refuses, "--via", "exchange", "--credentials", kerberos), nil, "(secret)"},
		{"both ways, Exchange answers", at(talks, "--credentials", kerberos), nil, "ex01"},
		{"keytab", at(plain, "--via", "exchange", "-u", "monitor@CONTOSO.TEST", "--keytab", keytab), nil, "access denied"},
		{"cache", at(plain, "--via", "exchange", "--ccache", ccache), nil, "access denied"},
		{"keytab for a cache", at(plain, "--via", "exchange", "--ccache", keytab), nil, "credential cache"},
		{"cache for a keytab", at(plain, "--via", "exchange", "-u", "monitor@CONTOSO.TEST", "--keytab", ccache), nil, "keytab"},
		{"password file for a keytab", at(plain, "--via", "exchange", "-u", "monitor@CONTOSO.TEST", "--keytab", kerberos), nil, "keytab"},
		{"basic", at(web, "--via", "winrm", "--auth", "basic", "--credentials", bare, "--https", "--ca-file", web.CAFile(t), "--tls-server-name", web.ServerName()), nil, "(secret)"},
		{"environment", at(talks, "--via", "winrm", "-u", `CONTOSO\monitor`), []string{passwordVariable + "=" + hostSecret}, "(secret)"},
		{"PRTG's environment", at(talks, "--via", "winrm"), []string{"prtg_windowsuser=monitor", "prtg_windowsdomain=CONTOSO", prtgPasswordVariable + "=" + hostSecret}, "(secret)"},
		{"a simple bind", []string{"--ldap", "ldaps://localhost:" + echo, "--auth", "basic", "--credentials", ntlm, "--ca-file", web.CAFile(t), "--tls-server-name", web.ServerName()}, nil, "UNKNOWN"},
		{"not HTTP", []string{"-H", "localhost", "-p", echo, "--via", "winrm", "--auth", "basic", "--https", "--credentials", ntlm, "--ca-file", web.CAFile(t), "--tls-server-name", web.ServerName()}, nil, "UNKNOWN"},
		{"a password for a port", []string{"-H", "localhost", "-p", hostSecret}, nil, "UNKNOWN"},
		{"a password in an URL", []string{"--ldap", "ldap://monitor:" + url.PathEscape(hostSecret) + "@localhost", "--credentials", ntlm}, nil, "UNKNOWN"},
		{"a password in Exchange's URL", []string{"-H", "localhost", "--exchange-url", "http://monitor:" + url.PathEscape(hostSecret) + "@localhost/", "--credentials", kerberos, "--via", "exchange"}, nil, "UNKNOWN"},
	} {
		for _, form := range [][]string{{"-vv"}, {"-o", "json"}, {"-o", "zabbix"}, {"-o", "prtg"}, {"-o", "prtg-v2"}} {
			temporary, saved := t.TempDir(), filepath.Join(t.TempDir(), "saved.json")
			var stdout, stderr bytes.Buffer
			command := exec.CommandContext(t.Context(), program)
			command.Args = append(append([]string{"check_exchange_authcert", "--save", saved, "-t", "60"}, form...), row.args...)
			command.Env = append(append(os.Environ(), "TMPDIR="+temporary), row.env...)
			command.Stdout, command.Stderr = &stdout, &stderr
			_ = command.Run() // the exit code is the form's
			if err := keep("", command.Args, stdout.String(), stderr.String()); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(stdout.String(), row.words) || stderr.Len() > 0 {
				t.Errorf("%s %v: standard error %q, output without %q:\n%s", row.name, form, stderr.String(), row.words, stdout.String())
			}
			written := map[string][]byte{"the output": stdout.Bytes(), "standard error": stderr.Bytes()}
			data, err := os.ReadFile(saved)
			if answers := strings.HasSuffix(row.name, " answers"); answers != (err == nil) && row.name != "Entra ID refuses" {
				t.Errorf("%s: the snapshot: %v", row.name, err)
			}
			written["the snapshot"] = data
			_ = filepath.WalkDir(temporary, func(path string, entry fs.DirEntry, _ error) error {
				if !entry.IsDir() {
					written[path], _ = os.ReadFile(path)
				}
				return nil
			})
			for what, secret := range secrets {
				for where, data := range written {
					for _, spelling := range spelt(secret) {
						if bytes.Contains(data, spelling) {
							t.Errorf("%s %v: the %s is in %s, as %q", row.name, form, what, where, spelling)
						}
					}
				}
			}
		}
	}
}
