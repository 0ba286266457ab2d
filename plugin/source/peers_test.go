package source

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"check_exchange_authcert/plugin/authcert"
)

// elliptic keys are quick to make, and what kind of key it is matters little
// here.
var peerKey = sync.OnceValue(func() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
})

// peerCertificate makes a certificate for names. Without an issuer it is
// self-signed and an authority.
func peerCertificate(t testing.TB, key crypto.Signer, issuer *tls.Certificate, ends time.Time, names ...string) tls.Certificate {
	t.Helper()
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: names[0]}, NotBefore: ends.AddDate(-5, 0, 0), NotAfter: ends,
		BasicConstraintsValid: true, IsCA: issuer == nil, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	parent, signer := template, key
	if issuer != nil {
		parent, signer = issuer.Leaf, issuer.PrivateKey.(crypto.Signer)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// soon is when peers' certificates end, unless a test says otherwise.
func soon() time.Time { return time.Now().Add(time.Hour) }

// network leads names with ports to listeners on this host. A name that leads
// to "filtered" is never answered.
type network map[string]string

const filtered = "filtered"

func (n network) dial(ctx context.Context, kind, address string) (net.Conn, error) {
	to, known := n[address]
	switch {
	case !known:
		return nil, &net.OpError{Op: "dial", Net: kind, Err: fmt.Errorf("lookup %s: no such host", address)}
	case to == filtered:
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return (&net.Dialer{}).DialContext(ctx, kind, to)
}

// publisher starts a front end.
func publisher(t testing.TB, certificate tls.Certificate, handler http.HandlerFunc) (address string) {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	server.Config.ErrorLog = quiet
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// x5t names a certificate as a metadata document does.
func x5t(der []byte) string {
	sum := sha1.Sum(der)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// metadataKey is an entry of the document, in Exchange's own spelling.
func metadataKey(x5t string, der []byte) string {
	return `{"usage":"signing","keyinfo":{"x5t":"` + x5t + `"},"keyvalue":{"type":"x509Certificate","value":"` + base64.StdEncoding.EncodeToString(der) + `"}}`
}

// metadataDocument is what a server publishes.
func metadataDocument(certificates ...[]byte) string {
	keys := make([]string, len(certificates))
	for i, der := range certificates {
		keys[i] = metadataKey(x5t(der), der)
	}
	return `{"id":"_1","version":"1.0","name":"Exchange","realm":"contoso.com","serviceName":"00000002-0000-0ff1-ce00-000000000000",` +
		`"issuer":"00000002-0000-0ff1-ce00-000000000000@contoso.com","keys":[` + strings.Join(keys, ",") + `],` +
		`"endpoints":[{"location":"https://ex01/autodiscover/metadata/json/1","protocol":"OAuth2","usage":"metadata"}]}`
}

// servers is a snapshot that names servers.
func servers(names ...string) *authcert.Snapshot {
	snap := &authcert.Snapshot{Schema: authcert.Schema}
	for _, name := range names {
		snap.Servers = append(snap.Servers, authcert.Server{FQDN: name})
	}
	return snap
}

// given is a source that has its facts already.
type given struct{ snap *authcert.Snapshot }

func (g given) Snapshot(context.Context) (*authcert.Snapshot, error) { return g.snap, nil }

// checked runs cross-checks to their end.
func checked(t testing.TB, ctx context.Context, snap *authcert.Snapshot, checks ...Check) *authcert.Snapshot {
	t.Helper()
	got, err := Checked{Source: given{snap}, Checks: checks}.Snapshot(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return got
}
