package authcert

import (
	"bytes"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // Windows names certificates by SHA-1
	"crypto/x509"
	"encoding/hex"
	"errors"
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
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		parsed = parseOutline(der)
	}
	if parsed != nil {
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

// foreignSignature tells whether the certificate's own key is known not to have
// made its signature. That costs more than parsing the certificate, so only the
// current Auth Certificate is asked; the others count as self-signed when they
// are self-issued, which is how Microsoft's scripts decide. CheckSignature takes
// SHA-1 too, with which Exchange setup signs; what it refuses to verify, for
// its hash or its key, is not known.
func (c *x509Cert) foreignSignature() bool {
	key, isRSA := c.PublicKey.(*rsa.PublicKey)
	if isRSA && key.N.BitLen() < leastVerified {
		return false
	}
	err := c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature)
	var insecure x509.InsecureAlgorithmError
	return err != nil && !errors.As(err, &insecure) && !errors.Is(err, x509.ErrUnsupportedAlgorithm)
}

// leastVerified is the shortest RSA key with which crypto/rsa verifies.
const leastVerified = 1024

// expired tells whether NotAfter has passed; one second counts.
func (c *x509Cert) expired(now time.Time) bool { return now.After(c.NotAfter) }

// daysLeft are whole days until NotAfter, rounded down; negative once expired.
func (c *x509Cert) daysLeft(now time.Time) int { return wholeDays(now, c.NotAfter) }

// keyKnown tells whether the key could be read.
func (c *x509Cert) keyKnown() bool { return c.PublicKey != nil }

// rsaBits returns the key's size, or false when it is no RSA key.
func (c *x509Cert) rsaBits() (int, bool) {
	key, ok := c.PublicKey.(*rsa.PublicKey)
	if !ok {
		return 0, false
	}
	return key.N.BitLen(), true
}
