//go:build integration

package wsman_test

import (
	"bufio"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"check_exchange_authcert/plugin/wsman"
)

// lab is MIT Kerberos and stand-in Windows hosts whose security comes from the system's GSSAPI: nothing on that side was
// written for this project.
type lab struct {
	dir     string
	harness string
	kdc     string
	env     []string
}

const labRealm = "LAB.TEST"

func newLab(t *testing.T) *lab {
	t.Helper()
	shared := os.Getenv("CHECK_EXCHANGE_AUTHCERT_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "..", "shared")
	}
	harness, err := filepath.Abs(filepath.Join(shared, "harness", "windows_host.py"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(harness); err != nil {
		t.Skipf("no stand-in Windows host: %v", err)
	}
	for _, need := range [][]string{{"/usr/sbin/krb5kdc", "-h"}, {"/usr/sbin/kadmin.local", "-h"}, {"/usr/bin/kinit", "-V", "-h"}} {
		if _, err := os.Stat(need[0]); err != nil {
			missing(t, need[0])
		}
	}
	if exec.Command("/usr/bin/python3", "-c", "import gssapi; gssapi.OID.from_int_seq('1.3.6.1.4.1.311.2.2.10')").Run() != nil {
		missing(t, "python3-gssapi")
	}
	if found, _ := filepath.Glob("/usr/lib/*/gssntlmssp/gssntlmssp.so"); len(found) == 0 {
		missing(t, "gss-ntlmssp")
	}
	l := &lab{dir: t.TempDir(), harness: harness}
	l.startKDC(t)
	return l
}

// missing skips on a developer's machine, and fails where everything must have been installed.
func missing(t *testing.T, what string) {
	t.Helper()
	text := "not installed: " + what + " (apt-get install python3-gssapi gss-ntlmssp krb5-kdc krb5-admin-server krb5-user)"
	if os.Getenv("CI") != "" {
		t.Fatal(text)
	}
	t.Skip(text)
}

func (l *lab) path(name string) string { return filepath.Join(l.dir, name) }

func (l *lab) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(l.path(name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (l *lab) run(t *testing.T, input, name string, args ...string) {
	t.Helper()
	command := exec.Command(name, args...)
	command.Env, command.Stdin = l.env, strings.NewReader(input)
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func (l *lab) startKDC(t *testing.T) {
	t.Helper()
	port := freePort(t)
	l.kdc = "127.0.0.1:" + port
	l.write(t, "krb5.conf", fmt.Sprintf("[libdefaults]\n default_realm = %s\n dns_lookup_kdc = false\n dns_canonicalize_hostname = false\n rdns = false\n udp_preference_limit = 1\n[realms]\n %s = {\n  kdc = 127.0.0.1:%s\n }\n[domain_realm]\n localhost = %s\n", labRealm, labRealm, port, labRealm))
	l.write(t, "kdc.conf", fmt.Sprintf("[kdcdefaults]\n kdc_listen = \"\"\n kdc_tcp_listen = 127.0.0.1:%s\n[realms]\n %s = {\n  database_name = %s\n  key_stash_file = %s\n  acl_file = %s\n  supported_enctypes = aes256-cts:normal aes128-cts:normal\n }\n[logging]\n kdc = STDERR\n", port, labRealm, l.path("principal"), l.path("stash"), l.path("acl")))
	l.env = append(os.Environ(), "KRB5_CONFIG="+l.path("krb5.conf"), "KRB5_KDC_PROFILE="+l.path("kdc.conf"), "KRB5_KTNAME="+l.path("host.keytab"), "NTLM_USER_FILE="+l.path("ntlm"), "KRB5CCNAME=FILE:"+l.path("none"))
	l.write(t, "ntlm", fmt.Sprintf("%s:%s:%s\n", testDomain, testUser, testPassword))
	l.run(t, "", "/usr/sbin/kdb5_util", "create", "-s", "-P", "master", "-r", labRealm)
	l.run(t, "", "/usr/sbin/kadmin.local", "-q", fmt.Sprintf("addprinc -pw %s +requires_preauth %s", testPassword, testUser))
	l.run(t, "", "/usr/sbin/kadmin.local", "-q", "addprinc -pw old-password -pwexpire yesterday +requires_preauth stale")
	l.run(t, "", "/usr/sbin/kadmin.local", "-q", "addprinc -pw locked-password +requires_preauth -allow_tix locked")
	l.run(t, "", "/usr/sbin/kadmin.local", "-q", "addprinc -randkey HTTP/localhost")
	l.run(t, "", "/usr/sbin/kadmin.local", "-q", "ktadd -k "+l.path("host.keytab")+" HTTP/localhost")
	l.run(t, "", "/usr/sbin/kadmin.local", "-q", "addprinc -randkey -e aes256-sha2:normal WSMAN/localhost")
	l.run(t, "", "/usr/sbin/kadmin.local", "-q", "setstr WSMAN/localhost session_enctypes aes256-sha2")
	l.run(t, "", "/usr/sbin/kadmin.local", "-q", "ktadd -norandkey -k "+l.path("host.keytab")+" WSMAN/localhost")
	l.run(t, "", "/usr/sbin/kadmin.local", "-q", "ktadd -norandkey -k "+l.path("user.keytab")+" "+testUser)
	command := exec.Command("/usr/sbin/krb5kdc", "-n", "-P", l.path("kdc.pid"))
	command.Env = l.env
	l.start(t, command, "commencing operation")
}

// start runs a program until the test ends, and returns when it has printed the word.
func (l *lab) start(t *testing.T, command *exec.Cmd, word string) {
	t.Helper()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	command.Stdout, command.Stderr = writer, writer
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	writer.Close()
	t.Cleanup(func() {
		command.Process.Signal(os.Interrupt)
		command.Wait()
		reader.Close()
	})
	lines := bufio.NewScanner(reader)
	for lines.Scan() {
		if strings.Contains(lines.Text(), word) {
			go func() {
				for lines.Scan() {
				}
			}()
			return
		}
	}
	t.Fatalf("%s ended before it was ready", command.Path)
}

// labHost is one stand-in Windows host.
type labHost struct {
	lab    *lab
	url    string
	stats  string
	config wsman.TLS
}

func (l *lab) host(t *testing.T, tls bool, args ...string) *labHost {
	t.Helper()
	port := freePort(t)
	h := &labHost{lab: l, url: "http://localhost:" + port, stats: filepath.Join(t.TempDir(), "stats")}
	args = append([]string{l.harness, "--port", port, "--stats", h.stats}, args...)
	if tls {
		h.url = "https://localhost:" + port
		h.config = wsman.TLS{CAFile: l.certificate(t)}
		args = append(args, "--tls", h.config.CAFile)
	}
	command := exec.Command("/usr/bin/python3", args...)
	command.Env = l.env
	l.start(t, command, "listening on")
	return h
}

// certificate writes a certificate for localhost with its key into one file.
func (l *lab) certificate(t *testing.T) string {
	t.Helper()
	pair := ownCertificate(t)
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]})
	text = append(text, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})...)
	path := filepath.Join(t.TempDir(), "tls.pem")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// count is the host's own statistics.
type count struct {
	Requests, Connections, Logons, Commands, Shells, Processes int
	RefusedLogons                                              int `json:"refused_logons"`
	ClearBodies                                                int `json:"clear_bodies"`
	BasicCredentials                                           int `json:"basic_credentials"`
}

func (h *labHost) count(t *testing.T) count {
	t.Helper()
	b, err := os.ReadFile(h.stats)
	if err != nil {
		t.Fatal(err)
	}
	var c count
	if err := json.Unmarshal(b, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// client is a configuration that logs on at the host.
func (h *labHost) client(auth wsman.Auth) wsman.Config {
	user := map[wsman.Auth]string{wsman.AuthKerberos: testUser + "@" + labRealm, wsman.AuthNTLM: testDomain + `\` + testUser}[auth]
	return wsman.Config{
		URL: h.url + "/wsman", Auth: auth, Username: user, Password: wsman.NewSecret(testPassword),
		Kerberos: wsman.Kerberos{KDCs: []string{h.lab.kdc}}, TLS: h.config,
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
