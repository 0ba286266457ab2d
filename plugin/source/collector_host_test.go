package source

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// testCertificate is self-signed and made for the test.
func testCertificate(t *testing.T, name string) (der []byte, key *rsa.PrivateKey) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	if der, err = x509.CreateCertificate(rand.Reader, template, template, key.Public(), key); err != nil {
		t.Fatal(err)
	}
	return der, key
}

// testStore is a home folder with a certificate store, where .NET looks for
// one outside of Windows: the first certificate has its key, the second has not.
func testStore(t *testing.T, withKey []byte, key *rsa.PrivateKey, without []byte) string {
	t.Helper()
	pwsh := collectorShared(t, "powershell", "pwsh")
	home := t.TempDir()
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "store.ps1")
	script := fmt.Sprintf(`$ErrorActionPreference = 'Stop'
$kind = [Security.Cryptography.X509Certificates.X509Certificate2]
$pair = $kind::CreateFromPem('%s', '%s')
$store = [Security.Cryptography.X509Certificates.X509Store]::new('My', 'CurrentUser')
$store.Open('ReadWrite')
$store.Add($kind::new($pair.Export('Pfx'), '', 'Exportable'))
$store.Add($kind::new([Convert]::FromBase64String('%s')))
'stored'`, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: withKey}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), base64.StdEncoding.EncodeToString(without))
	if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), pwsh, "-File", file)
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Skipf("there is no place for the engine to unpack itself: %v", err)
	}
	cmd.Env = append(os.Environ(), "XDG_CACHE_HOME="+cache, "HOME="+home)
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "stored") {
		t.Skipf("no certificate store can be made here: %v: %s", err, out)
	}
	return home
}

// hostListed is Get-ExchangeServer with this host, in capitals, and another one.
const hostListed = `
function Get-ExchangeServer {
    $ip = [Net.NetworkInformation.IPGlobalProperties]::GetIPGlobalProperties()
    $self = "$($ip.HostName).$($ip.DomainName)".Trim([char]'.')
    foreach ($name in $self.ToUpperInvariant(), 'other.lab') { [pscustomobject]@{ Name = $name; Fqdn = $name; IsMailboxServer = $true } }
}
`

// What the host's own store knows goes to its own entry and to no other.
func TestHostStore(t *testing.T) {
	known, key := testCertificate(t, "known")
	bare, _ := testCertificate(t, "without key")
	home := testStore(t, known, key, bare)
	certificate := func(raw []byte, hasKey any) facts {
		return facts{"rawData": raw, "friendlyName": nil, "hasPrivateKey": hasKey}
	}
	asRead := func(raw []byte, hasKey any) facts {
		c := certificate(raw, hasKey)
		c["privateKeyExportable"] = nil
		return c
	}
	local := requested()
	local.Username, local.Password, local.URL = "", "", ""
	brought := hostListed + cmdletHead + "[pscustomobject]@{ RawData = [Convert]::FromBase64String('" + base64.StdEncoding.EncodeToString(known) + "') } }"
	failing := hostListed + cmdletHead + "throw [System.UnauthorizedAccessException]::new('x') }"
	stored := []any{certificate(known, true), certificate(bare, false)}
	table := []struct {
		name      string
		trial     trial
		installed bool
		via       string
		own       any // certificates of this host; nil without an entry
		from      any
		other     any // certificates of other.lab
		stages    map[string]string
	}{
		{"merged", trial{params: requested(), cmdlets: brought}, false, "exchange", []any{asRead(known, true)}, nil, []any{asRead(known, nil)}, map[string]string{}},
		{"in place of a failing cmdlet", trial{params: requested(), cmdlets: failing}, false, "exchange", stored, "store", nil, map[string]string{}},
		{"servers not listed", trial{params: requested(), fail: "Get-ExchangeServer=no"}, true, "exchange", stored, "store", nil, map[string]string{"get-exchangeserver": "unreadable"}},
		{"servers not listed, no Exchange here", trial{params: requested(), fail: "Get-ExchangeServer=no"}, false, "exchange", nil, nil, nil, map[string]string{"get-exchangeserver": "unreadable"}},
		// Outside of Windows it is the library for WSMan that is not found.
		{"no session", trial{params: requested(), endpoint: true}, true, "store", stored, "store", nil, map[string]string{"open-exchange": "not-found"}},
		{"no session and no snap-in", trial{params: local, endpoint: true}, true, "store", stored, "store", nil, map[string]string{"open-exchange": "not-found", "open-snapin": "unreadable"}},
	}
	for _, row := range table {
		t.Run(row.name, func(t *testing.T) {
			params := *row.trial.params
			params.store = "CurrentUser"
			row.trial.params = &params
			row.trial.env = []string{"HOME=" + home}
			if row.installed {
				row.trial.env = append(row.trial.env, "ExchangeInstallPath=C:\\Exchange\\")
			}
			got := row.trial.collect(t)
			origin := got["origin"].(facts)
			if origin["via"] != row.via {
				t.Errorf("via: got %v, want %s", origin["via"], row.via)
			}
			var own, other facts
			for _, server := range list(t, got, "servers") {
				if name, _ := server["fqdn"].(string); strings.EqualFold(name, origin["host"].(string)) {
					own = server
				} else {
					other = server
				}
			}
			sorted := cmp.Transformer("byRawData", byRawData)
			if diff := cmp.Diff(own["certificates"], row.own, sorted); diff != "" {
				t.Errorf("own certificates (-got +want):\n%s", diff)
			}
			if diff := cmp.Diff(other["certificates"], row.other, sorted); diff != "" {
				t.Errorf("other's certificates (-got +want):\n%s", diff)
			}
			if own["certificatesFrom"] != row.from || (row.from != nil && own["error"] == nil) || (own != nil && row.from == nil && own["error"] != nil) {
				t.Errorf("got from %v with error %v, want from %v and an error if so", own["certificatesFrom"], own["error"], row.from)
			}
			if diff := cmp.Diff(reasonsOf(t, got), row.stages); diff != "" {
				t.Errorf("errors (-got +want):\n%s", diff)
			}
		})
	}
}

// byRawData makes the order of a store, which is nobody's, not count.
func byRawData(all []any) map[string]any {
	keyed := map[string]any{}
	for _, item := range all {
		certificate, _ := item.(facts)
		raw, _ := certificate["rawData"].([]byte)
		keyed[base64.StdEncoding.EncodeToString(raw)] = item
	}
	return keyed
}

// listen serves every connection until the test ends.
func listen(t *testing.T, serve func(net.Conn)) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go serve(conn)
		}
	}()
	return listener.Addr().(*net.TCPAddr).Port
}

// The certificates that ports serve, and how those differ that serve none.
func TestServedCertificates(t *testing.T) {
	raw, key := testCertificate(t, "Back End")
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(2), NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: time.Now().Add(-time.Hour)}
	expired, err := x509.CreateCertificate(rand.Reader, template, template, curve.Public(), curve)
	if err != nil {
		t.Fatal(err)
	}
	handshake := func(raw []byte, key any) func(net.Conn) {
		config := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{raw}, PrivateKey: key}}}
		return func(conn net.Conn) {
			defer conn.Close()
			if err := tls.Server(conn, config).Handshake(); err != nil {
				t.Logf("handshake: %v", err)
			}
		}
	}
	ended := make(chan struct{})
	t.Cleanup(func() { close(ended) })
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	ports := []int{
		listen(t, handshake(raw, key)),
		listen(t, handshake(expired, curve)),
		listen(t, func(conn net.Conn) {
			// http.sys reads the greeting, and hangs up without a certificate.
			_, err := conn.Read(make([]byte, 1))
			if err = errors.Join(err, conn.(*net.TCPConn).SetLinger(0), conn.Close()); err != nil {
				t.Logf("hanging up: %v", err)
			}
		}),
		listen(t, func(conn net.Conn) {
			if _, err := conn.Write([]byte("220 no TLS here\r\n")); err != nil {
				t.Logf("greeting: %v", err)
			}
			<-ended
			conn.Close()
		}),
		listen(t, func(conn net.Conn) { <-ended; conn.Close() }),
		closed.Addr().(*net.TCPAddr).Port,
	}
	params := requested()
	params.Ports = ports
	got := trial{params: params, cmdlets: "function Get-ExchangeServer { [pscustomobject]@{ Name = 'LOCALHOST'; Fqdn = 'localhost'; IsMailboxServer = $true } }"}.collect(t)
	served := list(t, serverOf(t, got, "localhost"), "served")
	want := []struct {
		name   string
		raw    any
		reason any
	}{
		{"a certificate", raw, nil},
		{"an expired one", expired, nil},
		{"hangs up", nil, nil},
		{"another protocol", nil, "unreadable"},
		{"silence", nil, "timeout"},
		{"nobody listens", nil, "unreachable"},
	}
	for i, row := range want {
		failure, _ := served[i]["error"].(facts)
		if diff := cmp.Diff(served[i]["rawData"], row.raw); diff != "" || served[i]["port"] != int64(ports[i]) || failure["reason"] != row.reason {
			t.Errorf("%s: got port %v, error %v, want %d, %v; rawData (-got +want):\n%s", row.name, served[i]["port"], served[i]["error"], ports[i], row.reason, diff)
		}
	}
}
