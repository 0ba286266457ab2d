package authcert

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // Windows names certificates by SHA-1, and setup signs the Auth Certificate with it
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"math"
	"strings"
	"time"
)

// x509Cert is what can be computed from a certificate's DER.
type x509Cert struct {
	*x509.Certificate
	thumbprint Thumbprint
	subject    string
	selfIssued bool // issuer and subject are equal, byte for byte
}

// ThumbprintOf returns the SHA-1 of a certificate's DER.
func ThumbprintOf(der []byte) Thumbprint {
	sum := sha1.Sum(der) //nolint:gosec // the name of a certificate, not a proof
	return Thumbprint(strings.ToUpper(hex.EncodeToString(sum[:])))
}

// parser parses each certificate once: the same Auth Certificate lies on every
// server. A nil entry is a certificate that is none.
type parser map[Thumbprint]*x509Cert

func (p parser) parse(der []byte) *x509Cert {
	thumbprint := ThumbprintOf(der)
	cert, seen := p[thumbprint]
	if seen {
		return cert
	}
	if parsed, err := x509.ParseCertificate(der); err == nil {
		cert = &x509Cert{
			Certificate: parsed,
			thumbprint:  thumbprint,
			subject:     parsed.Subject.String(),
			selfIssued:  bytes.Equal(parsed.RawIssuer, parsed.RawSubject),
		}
	}
	p[thumbprint] = cert
	return cert
}

// selfSigned tells whether the certificate's own key made its signature. That
// costs more than parsing the certificate, so only the current Auth
// Certificate is asked; the others count as self-signed when they are
// self-issued, which is how Microsoft's scripts decide.
func (c *x509Cert) selfSigned() bool { return c.selfIssued && c.ownSignature() }

// ownSignature verifies SHA-1 signatures too: crypto/x509 refuses them, and
// every Auth Certificate that setup made has one.
func (c *x509Cert) ownSignature() bool {
	key, isRSA := c.PublicKey.(*rsa.PublicKey)
	if c.SignatureAlgorithm == x509.SHA1WithRSA && isRSA {
		sum := sha1.Sum(c.RawTBSCertificate) //nolint:gosec // see above
		return rsa.VerifyPKCS1v15(key, crypto.SHA1, sum[:], c.Signature) == nil
	}
	return c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) == nil
}

// expired tells whether NotAfter has passed; one second counts.
func (c *x509Cert) expired(now time.Time) bool { return now.After(c.NotAfter) }

// daysLeft are whole days until NotAfter, rounded down; negative once expired.
func (c *x509Cert) daysLeft(now time.Time) int {
	return int(math.Floor(c.NotAfter.Sub(now).Hours() / 24))
}

// rsaBits returns the key's size, or false when it is no RSA key.
func (c *x509Cert) rsaBits() (int, bool) {
	key, ok := c.PublicKey.(*rsa.PublicKey)
	if !ok {
		return 0, false
	}
	return key.N.BitLen(), true
}

// authSubject is the subject that setup and Microsoft's instructions give an
// Auth Certificate. It serves to recognise leftovers only: which certificate
// is current or next, AuthConfig alone tells.
const authSubject = "CN=Microsoft Exchange Server Auth Certificate"

// foreign recognises self-signed certificates that Windows and Azure put into
// the store by themselves and renew by themselves.
func (c *x509Cert) foreign() bool {
	for _, name := range []string{c.subject, c.Issuer.String()} {
		if strings.HasPrefix(name, "CN=MS-Organization-P2P-Access [") {
			return true
		}
	}
	return hasDomainComponent(c, "Windows Azure CRP Certificate Generator")
}

var oidDomainComponent = asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 25}

func hasDomainComponent(c *x509Cert, value string) bool {
	for _, name := range append(c.Subject.Names, c.Issuer.Names...) {
		if name.Type.Equal(oidDomainComponent) && name.Value == value {
			return true
		}
	}
	return false
}
