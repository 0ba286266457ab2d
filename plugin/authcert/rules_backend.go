package authcert

import "fmt"

// backEnd is what port 444 of a server served. A port that could not be
// reached is no evidence and is left out.
func (f *facts) backEnd(visit func(*server, Served, *x509Cert)) {
	for _, s := range f.servers {
		for _, served := range s.Served {
			if served.Port != BackEndPort || served.Error != nil {
				continue
			}
			visit(s, served, f.certs.parse(served.RawData))
		}
	}
}

// backEndBreaks says what stops without a valid certificate on port 444.
const backEndBreaks = "Outlook on the web and Exchange PowerShell fail on that server"

func backEndUnbound(f *facts) []Finding {
	var found []Finding
	f.backEnd(func(s *server, served Served, _ *x509Cert) {
		if len(served.RawData) > 0 {
			return
		}
		message := fmt.Sprintf("port 444 of %s (site Exchange Back End) serves no certificate: %s", s.FQDN, backEndBreaks)
		found = append(found, newFinding(Critical, "Back End without certificate", message, f.rebind(s, false)...).on(s))
	})
	return found
}

func backEndExpired(f *facts) []Finding {
	var found []Finding
	f.backEnd(func(s *server, _ Served, cert *x509Cert) {
		if cert == nil || !cert.expired(f.now) {
			return
		}
		message := fmt.Sprintf("port 444 of %s (site Exchange Back End) serves %s, which expired %s ago: %s", s.FQDN, cert.thumbprint.Short(), span(f.now.Sub(cert.NotAfter)), backEndBreaks)
		found = append(found, newFinding(Critical, "Back End certificate expired", message, f.rebind(s, true)...).about(cert.thumbprint).on(s))
	})
	return found
}

func backEndUnknown(f *facts) []Finding {
	var found []Finding
	f.backEnd(func(s *server, served Served, _ *x509Cert) {
		if len(served.RawData) == 0 || !s.complete {
			return
		}
		thumbprint := ThumbprintOf(served.RawData)
		if s.on(thumbprint) != nil {
			return
		}
		message := fmt.Sprintf("port 444 of %s (site Exchange Back End) serves %s, which is not installed there: %s after the next restart", s.FQDN, thumbprint.Short(), backEndBreaks)
		found = append(found, newFinding(Critical, "Back End certificate unknown", message, f.rebind(s, true)...).about(thumbprint).on(s))
	})
	return found
}
