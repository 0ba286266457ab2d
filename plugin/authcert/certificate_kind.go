package authcert

import (
	"encoding/asn1"
	"strings"
)

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
