package authcert

import "fmt"

// backEnd is what port 444 of a server served. A port that could not be
// reached, or whose certificate could not be read, is no evidence and is left
// out; one that served nothing has no certificate.
func (f *facts) backEnd(visit func(*server, *x509Cert)) {
	for _, s := range f.servers {
		for _, served := range s.Served {
			if served.Port == BackEndPort && f.unread(served) == "" {
				visit(s, f.certs.parse(served.RawData))
			}
		}
	}
}

// backEndBreaks says what stops without a valid certificate on port 444.
const backEndBreaks = "Outlook on the web and Exchange PowerShell fail on that server"

func backEndUnbound(f *facts) []Finding {
	var found []Finding
	f.backEnd(func(s *server, cert *x509Cert) {
		if cert != nil {
			return
		}
		message := fmt.Sprintf("port 444 of %s (site Exchange Back End) serves no certificate: %s", s.FQDN, backEndBreaks)
		found = append(found, newFinding(Critical, "Back End without certificate", message, f.rebind(s, false)...).on(s))
	})
	return found
}

func backEndExpired(f *facts) []Finding {
	var found []Finding
	f.backEnd(func(s *server, cert *x509Cert) {
		if cert == nil || !cert.expired(f.now) {
			return
		}
		message := fmt.Sprintf("port 444 of %s (site Exchange Back End) serves %s, which expired %s ago: %s", s.FQDN, cert.thumbprint.Short(), between(cert.NotAfter, f.now), backEndBreaks)
		found = append(found, newFinding(Critical, "Back End certificate expired", message, f.rebind(s, true)...).about(cert.thumbprint).on(s))
	})
	return found
}

func backEndUnknown(f *facts) []Finding {
	var found []Finding
	f.backEnd(func(s *server, cert *x509Cert) {
		if cert == nil || !s.complete || s.on(cert.thumbprint) != nil {
			return
		}
		message := fmt.Sprintf("port 444 of %s (site Exchange Back End) serves %s, which is not installed there: %s after the next restart", s.FQDN, cert.thumbprint.Short(), backEndBreaks)
		found = append(found, newFinding(Critical, "Back End certificate unknown", message, f.rebind(s, true)...).about(cert.thumbprint).on(s))
	})
	return found
}
