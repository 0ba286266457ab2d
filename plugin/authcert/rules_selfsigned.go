package authcert

import (
	"fmt"
	"slices"
	"strings"
)

// others tells whether a certificate belongs to the self-signed facet: it is
// self-signed, neither current nor next nor a leftover of a rollover, and
// nothing that Windows renews by itself. A leftover counts all the same while
// something but OAuth uses it.
func (f *facts) others(s *server, cert *installed) bool {
	if !cert.selfIssued || cert.foreign() {
		return false
	}
	switch cert.thumbprint {
	case f.current.thumbprint, f.next.thumbprint:
		return false
	}
	return !f.leftover(cert.x509Cert) || s.usesElsewhere(cert)
}

// leftover recognises an Auth Certificate that is no longer current: the
// previous one, or one that AuthConfig does not name any more.
func (f *facts) leftover(cert *x509Cert) bool {
	if cert.thumbprint == f.previous.thumbprint || (cert.selfIssued && cert.subject == authSubject) {
		return true
	}
	return f.current.x509Cert != nil && cert.selfIssued && cert.subject == f.current.subject
}

// usesElsewhere tells whether the transport, the Back End site or a service
// uses a certificate. SMTP in the list of services says nothing: every Auth
// Certificate has it.
func (s *server) usesElsewhere(cert *installed) bool { return s.usesBesides(cert, "SMTP") }

// usesBesides tells the same of services other than these.
func (s *server) usesBesides(cert *installed, these ...string) bool {
	if s.InternalTransportCertificateThumbprint == cert.thumbprint || s.servesBackEnd(cert.thumbprint) {
		return true
	}
	return slices.ContainsFunc(cert.Services, func(service string) bool {
		return !slices.ContainsFunc(these, func(one string) bool { return strings.EqualFold(service, one) })
	})
}

func (s *server) servesBackEnd(thumbprint Thumbprint) bool {
	for _, served := range s.Served {
		if served.Port == BackEndPort && len(served.RawData) > 0 && ThumbprintOf(served.RawData) == thumbprint {
			return true
		}
	}
	return false
}

// uses lists in words what uses a certificate; ok is false when nothing is
// known to.
func (s *server) uses(cert *installed) (words string, ok bool) {
	users := append([]string(nil), cert.Services...)
	if s.InternalTransportCertificateThumbprint == cert.thumbprint {
		users = append(users, "internal transport")
	}
	if s.servesBackEnd(cert.thumbprint) {
		users = append(users, "Back End site")
	}
	switch {
	case len(users) > 0:
		return "used by " + strings.Join(users, ", "), true
	case cert.Services == nil:
		return "whether a service uses it is not known", false
	}
	return "no service uses it", false
}

// eachOther calls visit for every certificate of the self-signed facet that
// matches.
func (f *facts) eachOther(matches func(*installed) bool, visit func(*server, *installed)) {
	for _, s := range f.servers {
		for _, cert := range s.installed {
			if matches(cert) && f.others(s, cert) {
				visit(s, cert)
			}
		}
	}
}

// title calls a self-signed certificate by its subject and thumbprint.
func (cert *installed) title() string {
	return fmt.Sprintf("self-signed certificate %s (%s)", cert.subject, cert.thumbprint.Short())
}

func selfSignedExpired(f *facts) []Finding {
	var found []Finding
	f.eachOther(func(cert *installed) bool { return cert.expired(f.now) }, func(s *server, cert *installed) {
		words, used := s.uses(cert)
		message := fmt.Sprintf("%s on %s expired %s ago, on %s; %s", cert.title(), s.FQDN, between(cert.NotAfter, f.now), At(cert.NotAfter), words)
		found = append(found, newFinding(stateIf(used, Critical, Warning), "self-signed certificate expired", message, f.renew(s, cert)...).about(cert.thumbprint).on(s))
	})
	return found
}

func selfSignedExpiring(f *facts) []Finding {
	var found []Finding
	state := func(cert *installed) Status {
		return alertState(cert.daysLeft(f.now), f.policy.SelfSignedWarning, f.policy.SelfSignedCritical)
	}
	expiring := func(cert *installed) bool { return !cert.expired(f.now) && state(cert) != OK }
	f.eachOther(expiring, func(s *server, cert *installed) {
		status := state(cert)
		words, used := s.uses(cert)
		if !used {
			status = Warning
		}
		left := between(f.now, cert.NotAfter)
		message := fmt.Sprintf("%s on %s expires in %s, on %s; %s", cert.title(), s.FQDN, left, At(cert.NotAfter), words)
		found = append(found, newFinding(status, "self-signed certificate expires in "+left, message, f.renew(s, cert)...).about(cert.thumbprint).on(s))
	})
	return found
}

func selfSignedWeak(f *facts) []Finding {
	var found []Finding
	weak := func(cert *installed) bool {
		bits, isRSA := cert.rsaBits()
		return isRSA && bits < minimumBits
	}
	f.eachOther(weak, func(s *server, cert *installed) {
		words, _ := s.uses(cert)
		message := fmt.Sprintf("%s on %s has a weak key, %s; %s", cert.title(), s.FQDN, cert.keyName(), words)
		found = append(found, newFinding(Warning, "self-signed certificate weak", message, f.renew(s, cert)...).about(cert.thumbprint).on(s))
	})
	return found
}

func transportMissing(f *facts) []Finding {
	var found []Finding
	for _, s := range f.servers {
		thumbprint := s.InternalTransportCertificateThumbprint
		if thumbprint == "" || !s.complete || s.on(thumbprint) != nil {
			continue
		}
		message := fmt.Sprintf("the internal transport certificate %s of %s is not on that server: mail between servers loses its encryption or stops", thumbprint.Short(), s.FQDN)
		found = append(found, newFinding(Critical, "transport certificate missing", message, newTransport(s)).about(thumbprint).on(s))
	}
	return found
}
