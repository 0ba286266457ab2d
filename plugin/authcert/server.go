package authcert

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// server is one judged server.
type server struct {
	*Server
	short     string // for people
	installed []*installed
	malformed int  // entries whose RawData is no certificate
	complete  bool // the list was read whole: what is not in it is not there
	told      bool // its metadata document stands in for a list that nobody asked for
}

// installed is one certificate on one server.
type installed struct {
	*Certificate
	*x509Cert
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

// addServer takes one server in, unless it is excluded or not of a kind that
// needs the Auth Certificate. A server that is listed twice is judged once, on
// all that was found: an error on either entry stands.
func (f *facts) addServer(facts *Server, byName map[string]*server) {
	name := strings.ToLower(strings.TrimSpace(facts.FQDN))
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
		merged.FQDN = strings.TrimSpace(facts.FQDN)
		short, _, _ := strings.Cut(name, ".")
		if _, err := netip.ParseAddr(name); err == nil {
			short = name
		}
		s = &server{Server: &merged, short: short}
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

// merge takes over what a second entry of the same server knows. Where the two
// contradict each other neither is believed: the server counts as not read.
func (s *server) merge(other *Server) {
	if s.Error == nil {
		s.Error = other.Error
	}
	if s.Error == nil {
		s.Error = s.contradicts(other)
	}
	if s.InternalTransportCertificateThumbprint == "" {
		s.InternalTransportCertificateThumbprint = other.InternalTransportCertificateThumbprint
	}
	if s.Published == nil {
		s.Published = other.Published
	}
	s.Served = append(slices.Clone(s.Served), other.Served...)
}

// contradicts says which fact of a second entry cannot be true beside this
// one's; nil when there is none.
func (s *server) contradicts(other *Server) *Problem {
	for _, fact := range []struct{ name, one, two string }{
		{"AdminDisplayVersion", s.AdminDisplayVersion, other.AdminDisplayVersion},
		{"role", s.Role, other.Role},
		{"internal transport certificate", string(s.InternalTransportCertificateThumbprint), string(other.InternalTransportCertificateThumbprint)},
	} {
		if fact.one != "" && fact.two != "" && !strings.EqualFold(fact.one, fact.two) {
			return &Problem{Reason: Unreadable, Message: fmt.Sprintf("its two entries contradict each other: %s %s and %s", fact.name, fact.one, fact.two)}
		}
	}
	return nil
}

func (f *facts) addCertificate(s *server, cert *Certificate) {
	parsed := f.certs.parse(cert.RawData)
	if parsed == nil {
		s.malformed++
		return
	}
	if first := s.on(parsed.thumbprint); first != nil {
		first.merge(cert)
		return
	}
	own := *cert
	s.installed = append(s.installed, &installed{&own, parsed})
}

// merge takes over what a second entry of the same certificate knows. Where
// the two contradict each other, the worse is believed.
func (cert *installed) merge(other *Certificate) {
	cert.HasPrivateKey = bothTrue(cert.HasPrivateKey, other.HasPrivateKey)
	cert.PrivateKeyExportable = bothTrue(cert.PrivateKeyExportable, other.PrivateKeyExportable)
	if cert.KeyProvider == "" || strings.EqualFold(other.KeyProvider, "cng") {
		cert.KeyProvider = other.KeyProvider
	}
	for _, service := range other.Services {
		if !slices.Contains(cert.Services, service) {
			cert.Services = append(slices.Clip(cert.Services), service)
		}
	}
	if cert.Services == nil {
		cert.Services = other.Services
	}
}

// bothTrue combines two readings of one fact; either may be unknown.
func bothTrue(a, b *bool) *bool {
	if a == nil || (b != nil && !*b) {
		return b
	}
	return a
}

// otherRoles are the roles that need no Auth Certificate, as ServerRole spells
// them.
var otherRoles = []string{"edge", "hubtransport", "unifiedmessaging", "provisionedserver", "none"}

// notJudged says why a server needs no Auth Certificate: it is an Edge
// Transport server or older than 2013. What cannot be read does not drop it.
func notJudged(s *Server) string {
	roles := strings.FieldsFunc(strings.ToLower(s.Role), func(r rune) bool { return r == ',' || r == ' ' })
	needs := func(role string) bool { return !slices.Contains(otherRoles, role) }
	if len(roles) > 0 && !slices.ContainsFunc(roles, needs) {
		return fmt.Sprintf("its role is %s, not mailbox or client access", s.Role)
	}
	version := strings.TrimPrefix(strings.ToLower(strings.TrimSpace(s.AdminDisplayVersion)), "version ")
	number, _, _ := strings.Cut(version, ".")
	if major, err := strconv.Atoi(number); err == nil && major > 0 && major < 15 {
		return fmt.Sprintf("%s is older than Exchange 2013", s.AdminDisplayVersion)
	}
	return ""
}
