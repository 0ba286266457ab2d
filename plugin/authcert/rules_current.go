package authcert

import (
	"fmt"
	"strings"
)

func currentKeyUnsuitable(f *facts) []Finding {
	c := f.current
	if c.x509Cert == nil {
		return nil
	}
	if bits, isRSA := c.rsaBits(); c.keyKnown() && (!isRSA || bits < minimumBits) {
		brief := fmt.Sprintf("%s has an unsuitable key: %s", c.name(), c.keyName())
		message := fmt.Sprintf("%s; Exchange needs RSA with at least %d bits", brief, minimumBits)
		return []Finding{newFinding(Warning, brief, message, f.succeed()...).about(c.thumbprint)}
	}
	var found []Finding
	for _, s := range c.holders {
		if strings.EqualFold(s.on(c.thumbprint).KeyProvider, "cng") {
			message := fmt.Sprintf("%s has its key in a CNG provider on %s; Exchange signs with keys of a CSP (legacy provider) only", c.name(), s.FQDN)
			found = append(found, newFinding(Warning, "current certificate's key is CNG", message, f.succeed()...).about(c.thumbprint).on(s))
		}
	}
	return found
}

// minimumBits is the shortest RSA key that is not weak.
const minimumBits = 2048

func (c *x509Cert) keyName() string {
	if bits, isRSA := c.rsaBits(); isRSA {
		return fmt.Sprintf("RSA %d", bits)
	}
	return c.PublicKeyAlgorithm.String()
}

func currentNotExportable(f *facts) []Finding {
	c := f.current
	var found []Finding
	for _, s := range c.holders {
		if !known(s.on(c.thumbprint).PrivateKeyExportable, false) {
			continue
		}
		message := fmt.Sprintf("%s cannot be exported from %s: Exchange cannot replicate it from there to a new server", c.name(), s.FQDN)
		remedy := f.succeed()
		if c.exporter(s) != nil {
			remedy = f.copyAgain(c, s)
		}
		found = append(found, newFinding(Warning, "current certificate not exportable", message, remedy...).about(c.thumbprint).on(s))
	}
	return found
}

func currentNotSelfSigned(f *facts) []Finding {
	c := f.current
	if c.x509Cert == nil || (c.selfIssued && !c.foreignSignature()) {
		return nil
	}
	why := "its own key does not verify its signature, so it was tampered with or made by another authority of the same name"
	if !c.selfIssued {
		why = fmt.Sprintf("it was issued by %s; every server has to reach that chain and its revocation lists", c.Issuer)
	}
	brief := fmt.Sprintf("%s is not self-signed", c.name())
	message := fmt.Sprintf("%s: %s", brief, why)
	return []Finding{newFinding(Warning, brief, message, f.succeed()...).about(c.thumbprint)}
}

func currentIsTransport(f *facts) []Finding {
	c := f.current
	var found []Finding
	for _, s := range f.servers {
		if c.thumbprint == "" || s.InternalTransportCertificateThumbprint != c.thumbprint {
			continue
		}
		message := fmt.Sprintf("%s is the internal transport certificate of %s too: it was made with the answer Yes to overwriting the default SMTP certificate", c.name(), s.FQDN)
		found = append(found, newFinding(Warning, "current certificate is the transport certificate", message, newTransport(s)).about(c.thumbprint).on(s))
	}
	return found
}

// newTransport makes a server's own default SMTP certificate.
func newTransport(s *server) string {
	return fmt.Sprintf(`New-ExchangeCertificate -Server %s -PrivateKeyExportable $true -DomainName %s,%s -Services SMTP  # answer Y: overwrite the default SMTP certificate`,
		Quote(s.FQDN), Quote(s.short), Quote(s.FQDN))
}
