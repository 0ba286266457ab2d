package authcert

import (
	"fmt"
	"net/http"
	"slices"
)

func publishedDiffers(f *facts) []Finding {
	c := f.current
	if c.thumbprint == "" || (c.x509Cert != nil && c.expired(f.now)) {
		return nil // an expired certificate is left out of the document
	}
	var found []Finding
	for _, s := range f.servers {
		p := s.Published
		if p == nil || p.unread() || p.HTTPStatus != http.StatusOK || (len(p.Thumbprints) > 0 && p.Thumbprints[0] == c.thumbprint) {
			continue
		}
		published := "no certificate"
		if len(p.Thumbprints) > 0 {
			published = p.Thumbprints[0].Short()
		}
		message := fmt.Sprintf("%s publishes %s, %s: partners refuse its tokens%s", s.FQDN, published, f.namedBy(), f.mayBeStale())
		found = append(found, newFinding(Warning, "another certificate published", message,
			onServers([]*server{s}, "Restart-WebAppPool MSExchangeAutodiscoverAppPool", "")).about(c.thumbprint).on(s))
	}
	return found
}

// Told tells whether the answer says which certificates the server can sign
// with: it names them, or HTTP 500 says that the current one is missing.
func (p *Published) Told() bool {
	return p != nil && (p.HTTPStatus == http.StatusInternalServerError || (p.HTTPStatus == http.StatusOK && !p.unread()))
}

// unread tells whether the document says nothing: it could not be read, or its
// first certificate is not known by thumbprint.
func (p *Published) unread() bool {
	return p.Error != nil || (len(p.Thumbprints) > 0 && p.Thumbprints[0] == "")
}

// mayBeStale says so while a server may still show the document from before a
// change of AuthConfig.
func (f *facts) mayBeStale() string {
	if !f.changedWithin(publishedCache) {
		return ""
	}
	return fmt.Sprintf("; AuthConfig changed on %s and the document is cached up to 12 hours: it is probably stale", f.AuthConfig.WhenChangedUTC)
}

func publishedError(f *facts) []Finding {
	var found []Finding
	for _, s := range f.servers {
		if s.Published == nil || s.Published.HTTPStatus != http.StatusInternalServerError {
			continue
		}
		message := fmt.Sprintf("the OAuth metadata document of %s answers HTTP 500: the current Auth Certificate or its private key is missing there, %s", s.FQDN, breaks)
		remedy := []string{"Get-ExchangeCertificate -Server " + Quote(s.FQDN)}
		switch {
		case slices.Contains(f.current.holders, s):
			remedy = f.repairKey(f.current, s)
		case slices.Contains(f.current.missing, s):
			remedy = f.copyTo(f.current, s)
		}
		found = append(found, newFinding(Critical, "OAuth metadata fails", message, remedy...).about(f.current.thumbprint).on(s))
	}
	return found
}

// trust is the answer to whether Entra ID holds a certificate.
type trust int

const (
	trustUnknown trust = iota
	trusted
	notTrusted
)

// entraHolds looks a certificate up among the credentials. One that cannot be
// told apart might be it, so its absence is then not known.
func (f *facts) entraHolds(thumbprint Thumbprint) trust {
	if f.Entra == nil || f.Entra.KeyCredentials == nil || thumbprint == "" || (f.Hybrid != nil && known(f.Hybrid.Configured, false)) {
		return trustUnknown
	}
	answer := notTrusted
	if f.dedicatedElsewhere() {
		answer = trustUnknown
	}
	for _, credential := range f.Entra.KeyCredentials {
		ended := credential.EndDateTime.Known() && f.now.After(credential.EndDateTime.Time)
		switch {
		case ended:
			continue
		case credential.Thumbprint == thumbprint:
			return trusted
		case credential.Thumbprint == "":
			answer = trustUnknown
		}
	}
	return answer
}

func cloudMissingCurrent(f *facts) []Finding {
	c := f.current
	if f.entraHolds(c.thumbprint) != notTrusted || (c.x509Cert != nil && c.expired(f.now)) {
		return nil
	}
	brief := fmt.Sprintf("Entra ID does not trust %s", c.name())
	message := fmt.Sprintf("%s: %s does not hold it, so hybrid free/busy, mail tips and archives fail", brief, f.application())
	return []Finding{newFinding(Critical, brief, message, f.uploadNow(uploadAfter)...).about(c.thumbprint)}
}

func cloudMissingNext(f *facts) []Finding {
	c, at := f.next, f.effective()
	if f.entraHolds(c.thumbprint) != notTrusted || !at.Known() || at.Sub(f.now) > cloudLead {
		return nil
	}
	if c.x509Cert != nil && c.expired(f.now) {
		return nil // it is to be replaced, not uploaded
	}
	brief := fmt.Sprintf("Entra ID does not trust %s", c.name())
	message := fmt.Sprintf("%s: %s does not hold it, and it becomes current on %s", brief, f.application(), at)
	return []Finding{newFinding(stateIf(f.urgent(), Critical, Warning), brief, message, f.uploadNow(uploadBefore)...).about(c.thumbprint)}
}

func (f *facts) application() string {
	if f.Entra.Application == "" {
		return "the application"
	}
	return "application " + f.Entra.Application
}
