package authcert

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"math/big"
	"sync"
	"testing"
)

var (
	ecdsaKey = sync.OnceValue(func() *ecdsa.PrivateKey {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			panic(err)
		}
		return key
	})
	key2047 = sync.OnceValue(func() *rsa.PrivateKey { return makeKey(2047) })
)

// usual is a spec of a current certificate with 400 days left.
func usual(change func(*spec)) func(*org) {
	return func(o *org) {
		s := spec{from: in(-1400), to: in(400)}
		change(&s)
		o.setCurrent(authCertificate(o.t, s))
	}
}

func TestCurrentKeyUnsuitable(t *testing.T) {
	is := []verdict{{"current-key-unsuitable", Warning, ""}}
	provider := func(name string) func(*org) {
		return func(o *org) { o.entry(1, o.currentThumbprint()).KeyProvider = name }
	}
	judgeRows(t, []row{
		{name: "RSA 2048", change: usual(func(*spec) {})},
		{name: "RSA 2047", change: usual(func(s *spec) { s.key = key2047() }), want: is, words: []string{"RSA 2047", "2048"}},
		{name: "RSA 1024", change: usual(func(s *spec) { s.key = key1024() }), want: is, words: []string{"RSA 1024"}},
		{name: "ECDSA", change: usual(func(s *spec) { s.key = ecdsaKey() }), want: is, words: []string{"ECDSA"}},
		{name: "a curve that crypto/x509 does not know", change: func(o *org) {
			der := spec{from: in(-1400), to: in(400), key: ecdsaKey()}.der(o.t)
			o.setCurrent(Certificate{RawData: patch(o.t, der, oidP256, oidOtherCurve)})
		}},
		{name: "CSP", change: provider("csp")},
		{name: "not known", change: provider("")},
		{name: "CNG", change: provider("CNG"), want: []verdict{{"current-key-unsuitable", Warning, "ex02"}}, words: []string{"CNG", "ex02.contoso.com"}},
	})
}

func TestCurrentNotExportable(t *testing.T) {
	exportable := func(fact *bool) func(*org) {
		return func(o *org) { o.entry(1, o.currentThumbprint()).PrivateKeyExportable = fact }
	}
	judgeRows(t, []row{
		{name: "exportable", change: exportable(new(true))},
		{name: "not known", change: exportable(nil)},
		{name: "not", change: exportable(new(false)), want: []verdict{{"current-not-exportable", Warning, "ex02"}}, words: []string{"cannot be exported from ex02"}},
	})
}

func TestCurrentNotSelfSigned(t *testing.T) {
	is := []verdict{{"current-not-selfsigned", Warning, ""}}
	resigned := func(change func(der []byte) []byte) func(*org) {
		return func(o *org) {
			der := change(spec{from: in(-1400), to: in(400)}.der(o.t))
			o.setCurrent(Certificate{RawData: der, HasPrivateKey: new(true)})
		}
	}
	judgeRows(t, []row{
		{name: "by itself", change: usual(func(*spec) {})},
		{name: "by itself with SHA-1, as setup does", change: resigned(func(der []byte) []byte { return signWithSHA1(t, der, key2048()) })},
		{name: "by a namesake with SHA-1", change: resigned(func(der []byte) []byte { return signWithSHA1(t, der, otherKey()) }), want: is, words: []string{"own key does not verify"}},
		{name: "by a namesake", change: usual(func(s *spec) { s.signer = otherKey() }), want: is, words: []string{"own key does not verify"}, absent: []string{"issued by"}},
		{name: "by an authority", change: usual(func(s *spec) { s.issuer, s.signer = "Contoso CA", otherKey() }), want: is, words: []string{"issued by CN=Contoso CA", "revocation"}},
		{name: "by an authority with the same key", change: usual(func(s *spec) { s.issuer = "Contoso CA" }), want: is},
		{name: "tampered with", change: resigned(func(der []byte) []byte { return patch(t, der, []byte("Auth"), []byte("Oath")) }), want: is},
	})
}

func TestSignatureThatCannotBeVerifiedIsNoFinding(t *testing.T) {
	short := &rsa.PublicKey{N: big.NewInt(0xffff), E: 65537}
	for name, cert := range map[string]*x509.Certificate{
		"short key":     {SignatureAlgorithm: x509.SHA256WithRSA, PublicKey: short},
		"short, SHA-1":  {SignatureAlgorithm: x509.SHA1WithRSA, PublicKey: short},
		"no key":        {SignatureAlgorithm: x509.SHA256WithRSA},
		"unknown hash":  {SignatureAlgorithm: x509.UnknownSignatureAlgorithm, PublicKey: &key2048().PublicKey},
		"insecure hash": {SignatureAlgorithm: x509.MD5WithRSA, PublicKey: &key2048().PublicKey},
	} {
		if (&x509Cert{Certificate: cert}).foreignSignature() {
			t.Errorf("%s: counts as a foreign signature, want not known", name)
		}
	}
}

func TestCurrentIsTransport(t *testing.T) {
	judgeRows(t, []row{{name: "on one", change: func(o *org) {
		o.Servers[1].InternalTransportCertificateThumbprint = o.currentThumbprint()
	}, want: []verdict{{"current-is-transport", Warning, "ex02"}}, words: []string{"internal transport certificate of ex02.contoso.com"}}})
}

// Certificates that crypto/x509 does not take as they are, or that are unusual
// in another way, are judged like all others.
func TestUnusualCertificates(t *testing.T) {
	negative := func(t testing.TB, daysLeft float64) Certificate {
		der := spec{from: in(daysLeft - 1000), to: in(daysLeft)}.der(t)
		return Certificate{RawData: patch(t, der, []byte{2, 1, 2, 2, 1, 1}, []byte{2, 1, 2, 2, 1, 0xff})}
	}
	expired := []verdict{{"current-expired", Critical, ""}}
	judgeRows(t, []row{
		{name: "negative serial number", change: func(o *org) { o.setCurrent(negative(t, -1)) },
			want: []verdict{{"current-expired", Critical, ""}, {"current-not-selfsigned", Warning, ""}}},
		{name: "unknown curve", change: func(o *org) {
			o.setCurrent(Certificate{RawData: patch(t, spec{from: in(-10), to: in(-1), key: ecdsaKey()}.der(t), oidP256, oidOtherCurve)})
		}, want: expired},
		{name: "unknown curve elsewhere does not hide what is missing", change: func(o *org) {
			o.install(1, Certificate{RawData: patch(t, spec{subject: "exotic", from: in(-10), to: in(900), key: ecdsaKey()}.der(t), oidP256, oidOtherCurve)})
			o.drop(1, o.currentThumbprint())
		}, want: []verdict{{"current-missing", Critical, "ex02"}}},
		{name: "unknown curve with something behind it is no certificate", change: func(o *org) {
			o.install(1, Certificate{RawData: append(patch(t, spec{subject: "exotic", from: in(-10), to: in(900), key: ecdsaKey()}.der(t), oidP256, oidOtherCurve), 0)})
		}, want: []verdict{{"server-unreadable", Unknown, "ex02"}}},
		{name: "another subject", change: usual(func(s *spec) { s.subject = "oauth.contoso.com" })},
		{name: "leftovers of earlier rollovers", change: func(o *org) {
			o.installEverywhere(until(o.t, in(-100)))
			o.installEverywhere(until(o.t, in(-1900)))
			o.AuthConfig.PreviousCertificateThumbprint = ThumbprintOf(until(o.t, in(-100)).RawData)
		}},
	})
}
