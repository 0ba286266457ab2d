package authcert

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"
)

// keys are made once: RSA keys are slow to make, and nothing here depends on
// whose key it is.
var (
	key2048  = sync.OnceValue(func() *rsa.PrivateKey { return makeKey(2048) })
	key1024  = sync.OnceValue(func() *rsa.PrivateKey { return makeKey(1024) })
	otherKey = sync.OnceValue(func() *rsa.PrivateKey { return makeKey(2048) })
)

func makeKey(bits int) *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		panic(err)
	}
	return key
}

// spec describes a certificate to make; the zero value of a field means the
// usual thing.
type spec struct {
	subject  string // common name; "" is the Auth Certificate's
	from, to time.Time
	key      crypto.Signer // nil is key2048
	issuer   string
	signer   crypto.Signer // signs instead of key
	serial   int64
	dc       string // a domain component in the subject
	dns      string // names in the subject alternative name, separated by commas
}

// made keeps the certificates that were made: signing is slow, and the same
// spec always means the same certificate.
var made sync.Map

func (s spec) der(t testing.TB) []byte {
	t.Helper()
	if der, found := made.Load(s); found {
		return der.([]byte)
	}
	der := s.sign(t)
	made.Store(s, der)
	return der
}

func (s spec) sign(t testing.TB) []byte {
	t.Helper()
	if s.subject == "" {
		s.subject = "Microsoft Exchange Server Auth Certificate"
	}
	if s.key == nil {
		s.key = key2048()
	}
	if s.signer == nil {
		s.signer = s.key
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(s.serial + 1), Subject: pkix.Name{CommonName: s.subject},
		NotBefore: s.from, NotAfter: s.to, KeyUsage: x509.KeyUsageDigitalSignature,
	}
	if s.dc != "" {
		template.Subject = pkix.Name{ExtraNames: []pkix.AttributeTypeAndValue{{Type: oidDomainComponent, Value: s.dc}}}
	}
	if s.dns != "" {
		template.DNSNames = strings.Split(s.dns, ",")
	}
	parent := *template
	if s.issuer != "" {
		parent.Subject = pkix.Name{CommonName: s.issuer}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, &parent, s.key.Public(), s.signer)
	if err != nil {
		t.Fatalf("making the certificate %s: %v", s.subject, err)
	}
	return der
}

// now is the instant at which the tests judge.
var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// in returns the instant so many days after now.
func in(days float64) time.Time { return now.Add(time.Duration(days * 24 * float64(time.Hour))) }

// auth makes an Auth Certificate that has so many days left.
func auth(t testing.TB, daysLeft float64) Certificate {
	t.Helper()
	return Certificate{RawData: spec{from: in(daysLeft - 1826), to: in(daysLeft), serial: int64(daysLeft * 100000)}.der(t), HasPrivateKey: new(true), PrivateKeyExportable: new(true), KeyProvider: "csp"}
}

// own makes the self-signed certificate that setup gives a server.
func own(t testing.TB, server string, daysLeft float64) Certificate {
	t.Helper()
	return Certificate{RawData: spec{subject: server, from: in(daysLeft - 1826), to: in(daysLeft)}.der(t), Services: Services{"IIS", "SMTP"}, HasPrivateKey: new(true)}
}

// organization is a sound one: each server has the current certificate with
// 400 days left and its own self-signed one, nothing is staged.
func organization(t testing.TB, servers ...string) *Snapshot {
	t.Helper()
	current := auth(t, 400)
	snap := &Snapshot{
		Schema: Schema, TakenAt: At(now.Add(-time.Minute)),
		AuthConfig: &AuthConfig{
			CurrentCertificateThumbprint: ThumbprintOf(current.RawData), ServiceName: ExchangeServiceName,
			WhenChangedUTC: At(in(-400)), OriginatingServer: "dc01.contoso.com",
		},
		Hybrid: &Hybrid{Configured: new(false)},
	}
	for _, name := range servers {
		self := own(t, name, 800)
		snap.Servers = append(snap.Servers, Server{
			FQDN: name + ".contoso.com", AdminDisplayVersion: "Version 15.2 (Build 2562.17)", Role: "mailbox",
			InternalTransportCertificateThumbprint: ThumbprintOf(self.RawData),
			Certificates:                           List[Certificate]{current, self},
		})
	}
	return snap
}
