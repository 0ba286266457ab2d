//go:build integration

package wsmantest

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Lab is MIT Kerberos and stand-in Windows hosts whose security comes from the system's GSSAPI: nothing on that side was
// written for this project.
type Lab struct {
	KDC string   // host:port
	Env []string // for programs of Kerberos and GSSAPI

	account LabAccount
	dir     string
	harness string
}

// LabRealm is the Kerberos realm.
const LabRealm = "LAB.TEST"

// LabAccount is the account that may log on, with NTLM in Domain and with Kerberos in LabRealm.
type LabAccount struct{ Domain, User, Password string }

// StartLab runs a KDC until the test ends, or skips the test where the programs for it are missing.
func StartLab(t *testing.T, account LabAccount) *Lab {
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
	l := &Lab{account: account, dir: t.TempDir(), harness: harness}
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

// Path is where a file of the lab lies: host.keytab, user.keytab, krb5.conf.
func (l *Lab) Path(name string) string { return filepath.Join(l.dir, name) }

func (l *Lab) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(l.Path(name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Run runs a program in the lab, with this on its standard input, and fails the test when it fails.
func (l *Lab) Run(t *testing.T, input, name string, args ...string) {
	t.Helper()
	command := exec.Command(name, args...)
	command.Env, command.Stdin = l.Env, strings.NewReader(input)
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

func (l *Lab) startKDC(t *testing.T) {
	t.Helper()
	port := freePort(t)
	l.KDC = "127.0.0.1:" + port
	l.write(t, "krb5.conf", fmt.Sprintf("[libdefaults]\n default_realm = %s\n dns_lookup_kdc = false\n dns_canonicalize_hostname = false\n rdns = false\n udp_preference_limit = 1\n[realms]\n %s = {\n  kdc = 127.0.0.1:%s\n }\n[domain_realm]\n localhost = %s\n", LabRealm, LabRealm, port, LabRealm))
	l.write(t, "kdc.conf", fmt.Sprintf("[kdcdefaults]\n kdc_listen = \"\"\n kdc_tcp_listen = 127.0.0.1:%s\n[realms]\n %s = {\n  database_name = %s\n  key_stash_file = %s\n  acl_file = %s\n  supported_enctypes = aes256-cts:normal aes128-cts:normal\n }\n[logging]\n kdc = STDERR\n", port, LabRealm, l.Path("principal"), l.Path("stash"), l.Path("acl")))
	l.Env = append(os.Environ(), "KRB5_CONFIG="+l.Path("krb5.conf"), "KRB5_KDC_PROFILE="+l.Path("kdc.conf"), "KRB5_KTNAME="+l.Path("host.keytab"), "NTLM_USER_FILE="+l.Path("ntlm"), "KRB5CCNAME=FILE:"+l.Path("none"))
	l.write(t, "ntlm", fmt.Sprintf("%s:%s:%s\n", l.account.Domain, l.account.User, l.account.Password))
	l.Run(t, "", "/usr/sbin/kdb5_util", "create", "-s", "-P", "master", "-r", LabRealm)
	l.Run(t, "", "/usr/sbin/kadmin.local", "-q", fmt.Sprintf("addprinc -pw %s +requires_preauth %s", l.account.Password, l.account.User))
	l.Run(t, "", "/usr/sbin/kadmin.local", "-q", "addprinc -pw Geheim-old -pwexpire yesterday +requires_preauth stale")
	l.Run(t, "", "/usr/sbin/kadmin.local", "-q", "addprinc -pw Geheim-locked +requires_preauth -allow_tix locked")
	l.Run(t, "", "/usr/sbin/kadmin.local", "-q", "addprinc -randkey HTTP/localhost")
	l.Run(t, "", "/usr/sbin/kadmin.local", "-q", "ktadd -k "+l.Path("host.keytab")+" HTTP/localhost")
	l.Run(t, "", "/usr/sbin/kadmin.local", "-q", "addprinc -randkey -e aes256-sha2:normal WSMAN/localhost")
	l.Run(t, "", "/usr/sbin/kadmin.local", "-q", "setstr WSMAN/localhost session_enctypes aes256-sha2")
	l.Run(t, "", "/usr/sbin/kadmin.local", "-q", "ktadd -norandkey -k "+l.Path("host.keytab")+" WSMAN/localhost")
	l.Run(t, "", "/usr/sbin/kadmin.local", "-q", "ktadd -norandkey -k "+l.Path("user.keytab")+" "+l.account.User)
	command := exec.Command("/usr/sbin/krb5kdc", "-n", "-P", l.Path("kdc.pid"))
	command.Env = l.Env
	l.start(t, command, "commencing operation")
}

// start runs a program until the test ends, and returns when it has printed the word.
func (l *Lab) start(t *testing.T, command *exec.Cmd, word string) {
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

// LabHost is one stand-in Windows host.
type LabHost struct {
	URL    string // without a path
	CAFile string // the certificate that a client must trust, "" without TLS
	stats  string
}

// Host runs a stand-in Windows host until the test ends, with these arguments of its program besides those for its port.
func (l *Lab) Host(t *testing.T, tls bool, args ...string) *LabHost {
	t.Helper()
	port := freePort(t)
	h := &LabHost{URL: "http://localhost:" + port, stats: filepath.Join(t.TempDir(), "stats")}
	args = append([]string{l.harness, "--port", port, "--stats", h.stats}, args...)
	if tls {
		h.URL, h.CAFile = "https://localhost:"+port, l.certificate(t)
		args = append(args, "--tls", h.CAFile)
	}
	command := exec.Command("/usr/bin/python3", args...)
	command.Env = l.Env
	l.start(t, command, "listening on")
	return h
}

// certificate writes a certificate for localhost with its key into one file.
func (l *Lab) certificate(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	text = append(text, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})...)
	path := filepath.Join(t.TempDir(), "tls.pem")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// LabCount is the host's own statistics: what has happened, and the shells and processes that are alive.
type LabCount struct {
	Requests, Connections, Logons, Commands, Shells, Processes int
	RefusedLogons                                              int `json:"refused_logons"`
	ClearBodies                                                int `json:"clear_bodies"`
	BasicCredentials                                           int `json:"basic_credentials"`
}

// Count reads the statistics, as of the last answer. The host writes them behind it: they are read until they stay.
func (h *LabHost) Count(t *testing.T) LabCount {
	t.Helper()
	for last := h.count(t); ; {
		<-time.After(100 * time.Millisecond)
		next := h.count(t)
		if next == last {
			return next
		}
		last = next
	}
}

func (h *LabHost) count(t *testing.T) LabCount {
	t.Helper()
	b, err := os.ReadFile(h.stats)
	if err != nil {
		t.Fatal(err)
	}
	var c LabCount
	if err := json.Unmarshal(b, &c); err != nil {
		t.Fatal(err)
	}
	return c
}
