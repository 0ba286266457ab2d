package authcert

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"time"
)

// outline is the part of a certificate that the rules need of every one.
type outline struct {
	TBS struct {
		Raw       asn1.RawContent
		Version   int `asn1:"optional,explicit,default:0,tag:0"`
		Serial    *big.Int
		Algorithm asn1.RawValue
		Issuer    asn1.RawValue
		Validity  struct{ NotBefore, NotAfter time.Time }
		Subject   asn1.RawValue
	}
}

// parseOutline reads names and dates of a certificate that crypto/x509 refuses,
// for a curve that it does not know or an extension that it finds malformed.
// Such a certificate stays without a key; it must not hide that the others of
// its server were read. The result is nil for what is no certificate at all.
func parseOutline(der []byte) *x509.Certificate {
	var o outline
	if rest, err := asn1.Unmarshal(der, &o); err != nil || len(rest) > 0 {
		return nil
	}
	cert := &x509.Certificate{
		Raw: der, RawTBSCertificate: o.TBS.Raw, SerialNumber: o.TBS.Serial,
		RawIssuer: o.TBS.Issuer.FullBytes, RawSubject: o.TBS.Subject.FullBytes,
		NotBefore: o.TBS.Validity.NotBefore.UTC(), NotAfter: o.TBS.Validity.NotAfter.UTC(),
	}
	var issuer, subject pkix.RDNSequence
	if _, err := asn1.Unmarshal(cert.RawIssuer, &issuer); err != nil {
		return nil
	}
	if _, err := asn1.Unmarshal(cert.RawSubject, &subject); err != nil {
		return nil
	}
	cert.Issuer.FillFromRDNSequence(&issuer)
	cert.Subject.FillFromRDNSequence(&subject)
	return cert
}
