package authcert

import (
	"fmt"
	"net/http"
)

// notes are facts worth knowing that ask for nothing: they never change the
// state.
func (f *facts) notes() []string {
	notes := []string{}
	add := func(format string, values ...any) { notes = append(notes, fmt.Sprintf(format, values...)) }
	f.rolloverNotes(add)
	f.certificateNotes(add)
	f.frontEndNotes(add)
	f.evidenceNotes(add)
	return append(notes, f.skipped...)
}

func (f *facts) rolloverNotes(add func(string, ...any)) {
	at := f.effective()
	switch {
	case f.soundRollover() && at.After(f.now):
		add("rollover is staged: %s becomes current on %s", f.next.name(), at)
	case f.soundRollover():
		add("rollover was due on %s: Exchange makes %s current within 12 hours", at, f.next.name())
	}
	if f.next.thumbprint != "" && f.hybrid() && f.Entra == nil {
		add("hybrid: before the rollover upload the next certificate (Hybrid Configuration Wizard or ConfigureExchangeHybridApplication.ps1); what Entra ID trusts was not checked")
	}
	if at.Known() && f.AuthConfig.NextCertificateThumbprint == "" {
		add("an effective date (%s) is left over without a next certificate", at)
	}
	if f.previous.thumbprint != "" {
		add("previous Auth Certificate %s is still configured; Set-AuthConfig -ClearPreviousCertificate removes it", f.previous.thumbprint.Short())
	}
	if f.AuthConfig != nil && f.AuthConfig.WhenChangedUTC.Known() && f.inReplicationGrace() {
		add("AuthConfig changed recently, on %s: servers and application pools may still use what was before", f.AuthConfig.WhenChangedUTC)
	}
}

func (f *facts) certificateNotes(add func(string, ...any)) {
	if c := f.current.x509Cert; c != nil {
		if c.subject != authSubject {
			add("the current certificate has an unusual subject: %s", c.subject)
		}
		if c.SignatureAlgorithm.String() == "SHA1-RSA" {
			add("the current certificate is signed with SHA-1, as Exchange setup does; the next one will have SHA-256")
		}
		lifetime := wholeDays(c.NotBefore, c.NotAfter)
		if least, ok := f.policy.Warning.minimum(); ok && float64(lifetime) <= least {
			add("--warning %s is not less than the %d days for which the current certificate was made: it always warns", f.policy.Warning, lifetime)
		}
	}
	leftovers := map[Thumbprint]bool{}
	for _, s := range f.servers {
		for _, cert := range s.installed {
			switch cert.thumbprint {
			case f.current.thumbprint, f.next.thumbprint, f.previous.thumbprint:
				continue
			}
			if f.leftover(cert.x509Cert) && !s.usesElsewhere(cert) {
				leftovers[cert.thumbprint] = true
			}
		}
	}
	if len(leftovers) > 0 && !f.withoutStores() && f.current.thumbprint != "" { // else one of them may be it
		add("%s of earlier rollovers in the stores; nothing uses them", plural(len(leftovers), "Auth Certificate"))
	}
}

// evidenceNotes say what was not looked at.
func (f *facts) evidenceNotes(add func(string, ...any)) {
	for _, tried := range f.Origin.Tried {
		add("asked %s via %s; this failed: %s", f.Origin.Host, f.Origin.Kind, tried)
	}
	for i := range f.Errors {
		p := &f.Errors[i]
		if p.Stage == StageServers || p.Stage == StageEntra || (p.Stage == StageEffectiveDate && f.next.thumbprint != "") || ((p.Stage == StageAuthConfig || p.Stage == StageSession) && f.AuthConfig == nil) {
			continue // a finding says so
		}
		add("not known (%s): %s", p.Stage, p.Error())
	}
	for _, note := range f.Notes {
		add("%s", note)
	}
	f.publishedNotes(add)
	f.keyNotes(f.current, add)
	f.keyNotes(f.next, add)
	for _, s := range f.servers {
		for _, served := range s.Served {
			if why := f.unread(served); why != "" {
				add("port %d of %s not checked: %s", served.Port, s.FQDN, why)
			}
		}
		if p := s.Published; p != nil && !f.withoutStores() && !p.Told() {
			add("published metadata of %s not checked: %s", s.FQDN, p.Why())
		}
	}
	if f.Entra != nil && f.entraHolds(f.current.thumbprint) == trustUnknown {
		add("whether Entra ID trusts the current certificate is not known%s", f.whereElse())
	}
}

// keyNotes say what is not known of a certificate's key.
func (f *facts) keyNotes(c authCert, add func(string, ...any)) {
	unknown := 0
	for _, s := range c.holders {
		if s.on(c.thumbprint).HasPrivateKey == nil {
			unknown++
		}
	}
	if unknown > 0 {
		add("private key of the %s certificate not checked on %s", c.role, plural(unknown, "server"))
	}
	if c.x509Cert != nil && !c.keyKnown() {
		add("public key of the %s certificate not checked: it is of a kind that this program cannot read", c.role)
	}
}

// unread says why a handshake told nothing, if so.
func (f *facts) unread(served Served) string {
	switch {
	case served.Error != nil:
		return served.Error.Error()
	case len(served.RawData) > 0 && f.certs.parse(served.RawData) == nil:
		return "what it served is no certificate"
	}
	return ""
}

// Why says why an answer does not tell anything; see Told.
func (p *Published) Why() string {
	switch {
	case p.Error != nil:
		return p.Error.Error()
	case p.HTTPStatus == http.StatusOK:
		return "which certificate it names is not known"
	}
	return fmt.Sprintf("HTTP %d", p.HTTPStatus)
}
