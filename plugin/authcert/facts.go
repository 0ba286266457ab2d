package authcert

import (
	"fmt"
	"time"
)

// facts is a snapshot made ready for the rules: servers filtered and merged,
// certificates parsed, current and next looked up on every server.
type facts struct {
	*Snapshot
	policy   Policy
	now      time.Time
	servers  []*server // those that are judged
	skipped  []string  // notes on those that are not
	excluded int
	certs    parser

	current, next, previous authCert
}

// authCert is a certificate that AuthConfig names, and where it is.
type authCert struct {
	role       string
	thumbprint Thumbprint
	*x509Cert  // nil when no server showed it
	holders    []*server
	missing    []*server // readable servers without it
	noKey      []*server // holders known to lack the private key
}

// gather makes a snapshot ready for the rules. The snapshot is not changed.
func gather(snap *Snapshot, policy Policy, now time.Time) *facts {
	f := &facts{Snapshot: snap, policy: policy, now: now, certs: parser{}}
	byName := map[string]*server{}
	for i := range snap.Servers {
		f.addServer(&snap.Servers[i], byName)
	}
	for _, s := range f.servers {
		s.complete = s.Error == nil && s.malformed == 0 && len(s.installed) > 0
		f.takePublished(s)
	}
	if a := snap.AuthConfig; a != nil {
		f.current = f.locate("current", a.CurrentCertificateThumbprint)
		f.previous = f.locate("previous", a.PreviousCertificateThumbprint)
		if a.NextCertificateThumbprint != a.CurrentCertificateThumbprint {
			f.next = f.locate("next", a.NextCertificateThumbprint)
		}
	} else if f.withoutStores() {
		f.locatePublished()
	}
	return f
}

// locate looks a thumbprint up on every server.
func (f *facts) locate(role string, thumbprint Thumbprint) authCert {
	found := authCert{role: role, thumbprint: thumbprint}
	if thumbprint == "" {
		return found
	}
	for _, s := range f.servers {
		cert := s.on(thumbprint)
		switch {
		case cert != nil:
			found.x509Cert = cert.x509Cert
			found.holders = append(found.holders, s)
			if known(cert.HasPrivateKey, false) {
				found.noKey = append(found.noKey, s)
			}
		case s.complete:
			found.missing = append(found.missing, s)
		}
	}
	return found
}

// effective is when next becomes current, if that is known.
func (f *facts) effective() Instant {
	if f.AuthConfig == nil {
		return Instant{}
	}
	return f.AuthConfig.NextCertificateEffectiveDate
}

// whenCurrent says when next becomes current, and by then its problem hurts.
func (f *facts) whenCurrent() string {
	at := f.effective()
	switch {
	case !at.Known():
		return "it has no date from which it would be current"
	case at.After(f.now):
		return fmt.Sprintf("it becomes current on %s, in %s", at, between(f.now, at.Time))
	}
	return fmt.Sprintf("it was to become current on %s, %s ago: Exchange may switch to it at any time", at, between(at.Time, f.now))
}

// urgent tells whether next becomes effective within the lead time, or already
// should have.
func (f *facts) urgent() bool {
	at := f.effective()
	return at.Known() && at.Sub(f.now) <= leadTime
}

// overdue tells whether next should long have become current.
func (f *facts) overdue() bool {
	at := f.effective()
	return f.next.thumbprint != "" && at.Known() && f.now.Sub(at.Time) > overdueAfter
}

// soundRollover tells whether the next certificate will take over from the
// current one in time and everywhere, so that its end needs nobody's attention.
func (f *facts) soundRollover() bool {
	next := f.next
	return f.current.x509Cert != nil && next.x509Cert != nil &&
		len(next.missing) == 0 && len(next.noKey) == 0 &&
		f.effectiveInTime() && next.NotAfter.After(f.current.NotAfter) &&
		!f.overdue()
}

// outsideCritical tells whether the current certificate's days are outside
// --critical.
func (f *facts) outsideCritical() bool {
	return f.current.x509Cert != nil && f.policy.Critical.Alerts(f.current.daysLeft(f.now))
}

// hybrid tells whether the organization is known to be one with Exchange Online.
func (f *facts) hybrid() bool { return f.Hybrid != nil && known(f.Hybrid.Configured, true) }

// known tells whether a fact is known and has this value.
func known(fact *bool, value bool) bool { return fact != nil && *fact == value }

// readable counts the servers whose certificates were read whole, or as far as
// they can be where nobody asked for a store.
func (f *facts) readable() int {
	n := 0
	for _, s := range f.servers {
		if s.complete || s.told {
			n++
		}
	}
	return n
}

// problem returns what went wrong in a stage of the collection, or before it
// could be reached; nil when nothing did.
func (f *facts) problem(stage string) *Problem {
	if p := f.noted(stage); p != nil {
		return p
	}
	return f.noted(StageSession)
}

// noted returns what went wrong in one stage itself, or nil.
func (f *facts) noted(stage string) *Problem {
	for i := range f.Errors {
		if f.Errors[i].Stage == stage {
			return &f.Errors[i]
		}
	}
	return nil
}
