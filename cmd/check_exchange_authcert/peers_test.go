package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// stage is what peers need of a test: a script, or a test in Go (see onStage).
type stage interface {
	Check(error)
	Defer(func())
	MkAbs(file string) string
}

// onStage has peers play in a test that is no script.
type onStage struct{ testing.TB }

func (s onStage) Check(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s onStage) Defer(end func()) { s.Cleanup(end) }

func (s onStage) MkAbs(file string) string { return filepath.Join(s.TempDir(), file) }

// peerKey is one for all peers: RSA keys are slow to make.
var peerKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// peer is a key with its self-signed certificate.
func peer(ts stage, lasts time.Duration, names ...string) tls.Certificate {
	key := peerKey()
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	ts.Check(err)
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "Microsoft Exchange Server Auth Certificate"}, DNSNames: names, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv4(127, 0, 0, 93), net.IPv6loopback},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(lasts), BasicConstraintsValid: true, IsCA: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	ts.Check(err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// caFile writes a certificate as a file to trust.
func caFile(ts stage, name string, certificate tls.Certificate) string {
	path := ts.MkAbs(name)
	ts.Check(os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]}), 0o600))
	return path
}

// listen runs a server until the script ends.
func listen(ts stage, listener net.Listener, certificate tls.Certificate, handler http.HandlerFunc) string {
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	if listener != nil {
		server.Listener.Close()
		server.Listener = listener
	}
	server.StartTLS()
	ts.Defer(server.Close)
	return server.Listener.Addr().String()
}

// publish starts a front end that publishes a new certificate: "publish NAME
// 500d" sets $NAME and $NAME_BY_NAME to its address, $NAME_CA to a file with the
// certificate that it serves, and $NAME_THUMBPRINT. An address to listen on may
// follow.
func publish(ts *testscript.TestScript, _ bool, args []string) {
	days, err := time.ParseDuration(strings.Replace(args[1], "d", "h", 1))
	ts.Check(err)
	// an hour more, so that the test does not end on the edge of a day
	certificate := peer(ts, 24*days+time.Hour, "localhost")
	der := certificate.Certificate[0]
	sum := sha1.Sum(der)
	var listener net.Listener
	if len(args) > 2 {
		listener, err = net.Listen("tcp", args[2])
		ts.Check(err)
	}
	address := listen(ts, listener, certificate, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/autodiscover/metadata/json/1" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		fmt.Fprintf(w, `{"keys":[{"usage":"signing","keyinfo":{"x5t":"%s"},"keyvalue":{"type":"x509Certificate","value":"%s"}}]}`,
			base64.RawURLEncoding.EncodeToString(sum[:]), base64.StdEncoding.EncodeToString(der))
	})
	ts.Setenv(args[0], address)
	ts.Setenv(args[0]+"_BY_NAME", strings.Replace(address, "127.0.0.1", "localhost", 1))
	ts.Setenv(args[0]+"_CA", caFile(ts, args[0]+".pem", certificate))
	ts.Setenv(args[0]+"_THUMBPRINT", strings.ToUpper(hex.EncodeToString(sum[:])))
}

// mayServe tells whether this account may serve port 443 here. It is found out
// once: a script's own server takes the port.
var mayServe = map[string]func() bool{
	"lowports":  sync.OnceValue(func() bool { return free("127.0.0.90:443") }),
	"lowports6": sync.OnceValue(func() bool { return free("[::1]:443") }),
}

func free(address string) bool {
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", address)
	if err == nil {
		listener.Close()
	}
	return err == nil
}

// condition knows "lowports" and "lowports6", for IPv6.
func condition(name string) (bool, error) {
	may, known := mayServe[name]
	if !known {
		return false, fmt.Errorf("unknown condition %q", name)
	}
	return may(), nil
}

// serve is an Exchange server at an address of this host: it publishes no
// certificate, and its Back End hangs up on a handshake. "serve ADDRESS FILE"
// writes the sound snapshot with it as the first server.
func serve(ts *testscript.TestScript, _ bool, args []string) {
	front, err := net.Listen("tcp", net.JoinHostPort(args[0], "443"))
	ts.Check(err)
	listen(ts, front, peer(ts, time.Hour), func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"keys":[]}`) })
	back, err := net.Listen("tcp", net.JoinHostPort(args[0], "444"))
	ts.Check(err)
	ts.Defer(func() { back.Close() })
	go accept(back, func(connection net.Conn) { _, _ = connection.Read(make([]byte, 1)) })
	snapshot := strings.Replace(healthy(ts), `"fqdn": "ex01.contoso.com"`, `"fqdn": "`+args[0]+`"`, 1)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(snapshot), 0o600))
}

// accept talks with everyone who connects, until the listener is closed.
func accept(listener net.Listener, talk func(net.Conn)) {
	for {
		connection, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer connection.Close()
			talk(connection)
		}()
	}
}

func healthy(ts *testscript.TestScript) string {
	data, err := os.ReadFile(filepath.Join(ts.Getenv("SNAPSHOTS"), "healthy.json"))
	ts.Check(err)
	return string(data)
}

// tenant has the program find a tenant in its environment.
func tenant(ts *testscript.TestScript, _ bool, _ []string) {
	for name, value := range cloud(ts, answerTenant) {
		ts.Setenv(name, value)
	}
}

// cloud is Entra ID and Graph, and a proxy that leads to them. The program's
// environment names the proxy, and the authority to trust.
func cloud(ts stage, handler http.HandlerFunc) (environment map[string]string) {
	certificate := peer(ts, time.Hour, "login.microsoftonline.com", "graph.microsoft.com", "login.microsoftonline.us", "graph.microsoft.us")
	address := listen(ts, nil, certificate, handler)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { connect(w, r, address) }))
	ts.Defer(proxy.Close)
	return map[string]string{"HTTPS_PROXY": proxy.URL, "SSL_CERT_FILE": caFile(ts, "tenant.pem", certificate)}
}

func answerTenant(w http.ResponseWriter, r *http.Request) {
	status, body := tenantAnswer(r)
	w.WriteHeader(status)
	fmt.Fprint(w, body)
}

// connect is a proxy's tunnel, which leads to one address whatever was asked.
func connect(w http.ResponseWriter, r *http.Request, address string) {
	inner, err := net.Dial("tcp", address)
	if r.Method != http.MethodConnect || err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer inner.Close()
	outer, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer outer.Close()
	fmt.Fprint(outer, "HTTP/1.1 200 Connection established\r\n\r\n")
	go func() {
		_, _ = io.Copy(inner, outer)
		inner.Close()
	}()
	_, _ = io.Copy(outer, inner)
}

// tenantAnswer knows one client with one secret, a dedicated application with
// the sound snapshot's certificate, and another one without. In the cloud of the
// US government there is but one, with another name and no certificate.
func tenantAnswer(r *http.Request) (status int, body string) {
	login := "https://" + r.Host + "/contoso.com"
	filter := r.URL.Query().Get("$filter")
	host, government := strings.CutSuffix(r.Host, ".us")
	if government {
		host += ".com"
	}
	switch path := host + r.URL.Path; {
	case path == "login.microsoftonline.com/contoso.com/v2.0/.well-known/openid-configuration":
		return 200, `{"token_endpoint":"` + login + `/token","authorization_endpoint":"` + login + `/authorize","issuer":"` + login + `/v2.0"}`
	case path == "login.microsoftonline.com/contoso.com/token" && r.FormValue("client_secret") != "Geheim-Richtig":
		return 401, `{"error":"invalid_client","error_description":"AADSTS7000215: ` + r.FormValue("client_secret") + `"}`
	case path == "login.microsoftonline.com/contoso.com/token":
		return 200, `{"token_type":"Bearer","expires_in":3599,"access_token":"Geheim-Richtig"}`
	case r.Header.Get("Authorization") != "Bearer Geheim-Richtig":
		return 401, ``
	case path == "graph.microsoft.com/v1.0/applications" && government:
		return 200, `{"value":[{"id":"2","appId":"b","displayName":"ExchangeServerApp-US"}]}`
	case path == "graph.microsoft.com/v1.0/applications" && strings.Contains(filter, "'other'"):
		return 200, `{"value":[{"id":"2","appId":"b","displayName":"other"}]}`
	case path == "graph.microsoft.com/v1.0/applications":
		return 200, `{"value":[{"id":"1","appId":"a","displayName":"ExchangeServerApp-1"}]}`
	case path == "graph.microsoft.com/v1.0/applications/1":
		return 200, `{"id":"1","keyCredentials":[{"customKeyIdentifier":"4734C9E57577F5493BBEAAF745E40F9FCD08E5C1","key":null,"type":"AsymmetricX509Cert","usage":"Verify"}]}`
	case path == "graph.microsoft.com/v1.0/applications/2":
		return 200, `{"id":"2","keyCredentials":[]}`
	}
	return 404, ``
}

// cmdletObjects are what Exchange says of an organization of one server.
var cmdletObjects = map[string]string{
	"Get-AuthConfig":     `<Obj RefId="0"><Props><S N="CurrentCertificateThumbprint">4734C9E57577F5493BBEAAF745E40F9FCD08E5C1</S></Props></Obj>`,
	"Get-ExchangeServer": `<Obj RefId="0"><Props><S N="Fqdn">ex01.contoso.com</S><S N="Name">ex01</S><S N="ServerRole">Mailbox</S></Props></Obj>`,
}
