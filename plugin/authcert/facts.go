package authcert

import (
	"fmt"
	"slices"
	"strings"
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

// server is one judged server.
type server struct {
	*Server
	short     string // for people
	installed []*installed
	malformed int  // entries whose RawData is no certificate
	complete  bool // the list was read whole: what is not in it is not there
}

// installed is one certificate on one server.
type installed struct {
	*Certificate
	*x509Cert
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

// on finds a certificate by thumbprint.
func (s *server) on(thumbprint Thumbprint) *installed {
	for _, cert := range s.installed {
		if cert.thumbprint == thumbprint {
			return cert
		}
	}
	return nil
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
	}
	if a := snap.AuthConfig; a != nil {
		f.current = f.locate("current", a.CurrentCertificateThumbprint)
		f.previous = f.locate("previous", a.PreviousCertificateThumbprint)
		if a.NextCertificateThumbprint != a.CurrentCertificateThumbprint {
			f.next = f.locate("next", a.NextCertificateThumbprint)
		}
	}
	return f
}

// addServer takes one server in, unless it is excluded or not of a kind that
// needs the Auth Certificate. A server that is listed twice is judged once, on
// all that was found: an error on either entry stands.
func (f *facts) addServer(facts *Server, byName map[string]*server) {
	name := strings.ToLower(facts.FQDN)
	if f.policy.excludes(name) {
		f.excluded++
		f.skipped = append(f.skipped, facts.FQDN+" is excluded")
		return
	}
	if why := notJudged(facts); why != "" {
		f.skipped = append(f.skipped, fmt.Sprintf("%s is skipped: %s", facts.FQDN, why))
		return
	}
	s := byName[name]
	if s == nil {
		merged := *facts
		short, _, _ := strings.Cut(facts.FQDN, ".")
		s = &server{Server: &merged, short: strings.ToLower(short)}
		byName[name] = s
		f.servers = append(f.servers, s)
	} else {
		f.skipped = append(f.skipped, facts.FQDN+" is listed twice: judged once, on both entries")
		s.merge(facts)
	}
	for i := range facts.Certificates {
		f.addCertificate(s, &facts.Certificates[i])
	}
}

// merge takes over what a second entry of the same server knows.
func (s *server) merge(other *Server) {
	if s.Error == nil {
		s.Error = other.Error
	}
	if s.InternalTransportCertificateThumbprint == "" {
		s.InternalTransportCertificateThumbprint = other.InternalTransportCertificateThumbprint
	}
	if s.Published == nil {
		s.Published = other.Published
	}
	s.Served = append(slices.Clone(s.Served), other.Served...)
}

func (f *facts) addCertificate(s *server, cert *Certificate) {
	parsed := f.certs.parse(cert.RawData)
	switch {
	case parsed == nil:
		s.malformed++
	case s.on(parsed.thumbprint) == nil:
		s.installed = append(s.installed, &installed{cert, parsed})
	}
}

// notJudged says why a server needs no Auth Certificate: it is an Edge
// Transport server or older than 2013. What cannot be read does not drop it.
func notJudged(s *Server) string {
	roles := strings.FieldsFunc(strings.ToLower(s.Role), func(r rune) bool { return r == ',' || r == ' ' })
	if len(roles) > 0 && !slices.Contains(roles, "mailbox") && !slices.Contains(roles, "clientaccess") {
		return fmt.Sprintf("its role is %s, not mailbox or client access", s.Role)
	}
	version := strings.TrimPrefix(strings.ToLower(s.AdminDisplayVersion), "version ")
	major, _, found := strings.Cut(version, ".")
	if found && major != "15" && strings.Trim(major, "0123456789") == "" {
		return fmt.Sprintf("%s is not Exchange 2013 or later", s.AdminDisplayVersion)
	}
	return ""
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
	next, at := f.next, f.effective()
	return f.current.x509Cert != nil && next.x509Cert != nil && at.Known() &&
		len(next.missing) == 0 && len(next.noKey) == 0 &&
		!next.NotBefore.After(at.Time) &&
		at.Before(f.current.NotAfter) &&
		next.NotAfter.After(f.current.NotAfter) &&
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

// readable counts the servers whose certificates were read whole.
func (f *facts) readable() int {
	n := 0
	for _, s := range f.servers {
		if s.complete {
			n++
		}
	}
	return n
}

// problem returns what went wrong in a stage of the collection, or nil.
func (f *facts) problem(stage string) *Problem {
	for i := range f.Errors {
		if f.Errors[i].Stage == stage {
			return &f.Errors[i]
		}
	}
	return nil
}
