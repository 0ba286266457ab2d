package authcert

import (
	"fmt"
	"time"
)

const readServers = "Get-ExchangeServer  # needs the role View-Only Configuration"

func noServers(f *facts) []Finding {
	if len(f.servers) > 0 {
		return nil
	}
	brief := "no mailbox server to judge"
	p := f.problem(StageServers)
	switch {
	case p != nil:
		brief += ": " + p.Error()
	case f.excluded > 0:
		brief += ": all are excluded"
	case len(f.skipped) > 0:
		brief += ": none has the mailbox or client access role"
	}
	message := brief + "; where the certificate is installed is not known"
	return []Finding{newFinding(Unknown, brief, message, p.advice(readServers)).blocking(Facets()...)}
}

func serverUnreadable(f *facts) []Finding {
	var found []Finding
	if p := f.problem(StageServers); p != nil && len(f.servers) > 0 {
		brief := "the list of servers could not be read: " + p.Error()
		message := brief + "; servers that are not known are not judged"
		found = append(found, newFinding(Unknown, brief, message, p.advice(readServers)).blocking(SelfSigned))
	}
	for _, s := range f.servers {
		if s.complete || s.told || f.answersError(s) {
			continue
		}
		cause, hint := s.whyUnreadable()
		finding := newFinding(Unknown, "certificates not readable", fmt.Sprintf("certificates of %s could not be read: %s", s.FQDN, cause), hint).
			on(s).blocking(SelfSigned)
		if f.current.x509Cert == nil || (f.next.thumbprint != "" && f.next.x509Cert == nil) {
			finding.blocks = Facets() // it may be the one that has the certificate
		}
		found = append(found, finding)
	}
	return found
}

// whyUnreadable gives the cause and what to do about it.
func (s *server) whyUnreadable() (cause, hint string) {
	hint = "Get-ExchangeCertificate -Server " + Quote(s.FQDN)
	switch {
	case s.Error != nil:
		return s.Error.Error(), s.Error.advice(hint)
	case s.malformed > 0:
		return fmt.Sprintf("%d of %d entries are no certificates", s.malformed, s.malformed+len(s.installed)),
			hint + "  # only RawData counts; a broken payload signature empties the objects"
	}
	return "the list is empty, and every Exchange server has certificates", hint + "  # in an elevated shell: without elevation it shows none"
}

func currentMissing(f *facts) []Finding {
	c := f.current
	if len(c.missing) == 0 {
		return nil
	}
	if len(c.holders) == 0 {
		brief := c.name() + " is on no server" + f.readOnly()
		message := fmt.Sprintf("%s (%s looked at): %s", brief, plural(len(c.missing), "server"), breaks)
		return []Finding{newFinding(Critical, brief, message, f.takeOver()...).about(c.thumbprint).blocking(Expiry)}
	}
	status, note := Critical, ""
	if f.inReplicationGrace() {
		status, note = Warning, fmt.Sprintf("; AuthConfig changed on %s, so replication may still bring it", f.AuthConfig.WhenChangedUTC)
	}
	var found []Finding
	for _, s := range c.missing {
		message := fmt.Sprintf("%s is missing on %s: there %s%s", c.name(), s.FQDN, breaks, note)
		found = append(found, newFinding(status, "current certificate missing", message, f.copyTo(c, s)...).about(c.thumbprint).on(s))
	}
	return found
}

// readOnly limits a statement about all servers when some could not be read.
func (f *facts) readOnly() string {
	if f.readable() < len(f.servers) {
		return " that could be read"
	}
	return ""
}

// inReplicationGrace tells whether AuthConfig changed so recently that a
// server may still wait for a certificate.
func (f *facts) inReplicationGrace() bool { return f.changedWithin(f.policy.ReplicationGrace) }

// changedWithin tells whether AuthConfig is known to have changed in so long a
// time before now.
func (f *facts) changedWithin(period time.Duration) bool {
	if f.AuthConfig == nil {
		return false
	}
	return f.within(f.AuthConfig.WhenChangedUTC, period)
}

// within tells whether an instant lies in so long a time before now.
func (f *facts) within(at Instant, period time.Duration) bool {
	age := f.now.Sub(at.Time)
	return at.Known() && age > -clockSkew && age < period
}

func nextMissing(f *facts) []Finding {
	c := f.next
	status := stateIf(f.urgent(), Critical, Warning)
	if len(c.missing) > 0 && len(c.holders) == 0 {
		brief := c.name() + " is on no server" + f.readOnly()
		message := fmt.Sprintf("%s (%s looked at); %s", brief, plural(len(c.missing), "server"), f.whenCurrent())
		return []Finding{newFinding(status, brief, message, f.anew()...).about(c.thumbprint).blocking(Expiry)}
	}
	var found []Finding
	for _, s := range c.missing {
		message := fmt.Sprintf("%s is missing on %s; %s", c.name(), s.FQDN, f.whenCurrent())
		found = append(found, newFinding(status, "next certificate missing", message, f.copyTo(c, s)...).about(c.thumbprint).on(s))
	}
	return found
}

func currentNoPrivateKey(f *facts) []Finding {
	return f.noPrivateKey(f.current, Critical, "it cannot sign: "+breaks)
}

func nextNoPrivateKey(f *facts) []Finding {
	return f.noPrivateKey(f.next, stateIf(f.urgent(), Critical, Warning), f.whenCurrent())
}

func (f *facts) noPrivateKey(c authCert, status Status, consequence string) []Finding {
	var found []Finding
	for _, s := range c.noKey {
		message := fmt.Sprintf("%s has no private key on %s: %s", c.name(), s.FQDN, consequence)
		found = append(found, newFinding(status, c.role+" certificate without private key", message, f.repairKey(c, s)...).about(c.thumbprint).on(s))
	}
	return found
}
