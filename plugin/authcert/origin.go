package authcert

import "fmt"

// Kinds of Origin that the rules know; a source may have others.
const (
	KindPublished = "published" // the documents that servers publish
	KindLDAP      = "ldap"      // Active Directory
	KindTLS       = "tls"       // handshakes with servers
	KindGraph     = "graph"     // Entra ID
)

// Origin says where facts come from.
type Origin struct {
	Kind string `json:"kind"`           // the source: "winrm", "clixml", "snapshot", …
	Host string `json:"host,omitempty"` // the server that was asked
	Via  string `json:"via,omitempty"`  // the way that worked: "exchange", "snapin", …
	// Tried are the hosts and ways that were tried before in vain, and why.
	Tried []string `json:"tried,omitempty"`
}

// String is "winrm via exchange on ex01.contoso.com", as far as that is known.
func (o Origin) String() string {
	text := o.Kind
	if text == "" {
		text = "an unnamed source"
	}
	if o.Via != "" {
		text += " via " + o.Via
	}
	if o.Host != "" {
		text += " on " + o.Host
	}
	return text
}

// FactOrigin is one kind of fact and where it comes from.
type FactOrigin struct {
	Fact string `json:"fact"` // "AuthConfig", "certificates of ex01.contoso.com", …
	Origin
}

// from is where a fact comes from: the snapshot's own origin unless it has
// another one.
func (f *facts) from(another *Origin) Origin {
	if another != nil {
		return *another
	}
	return f.Origin
}

// origins lists the facts that the snapshot holds and where each comes from.
func (f *facts) origins() []FactOrigin {
	all, told := []FactOrigin{}, map[string]bool{}
	add := func(fact string, origin Origin) {
		if key := fact + "\n" + origin.String(); !told[key] {
			told[key] = true
			origin.Tried = nil
			all = append(all, FactOrigin{fact, origin})
		}
	}
	if f.AuthConfig != nil {
		add("AuthConfig", f.from(f.AuthConfig.Origin))
	}
	for i := range f.OtherAuthConfigs {
		add("another AuthConfig", f.from(f.OtherAuthConfigs[i].Origin))
	}
	if f.Hybrid != nil {
		add("hybrid", f.from(f.Hybrid.Origin))
	}
	if f.OrganizationGUID != "" {
		add("organization GUID", f.directory())
	}
	for i := range f.Servers {
		f.serverOrigins(&f.Servers[i], add)
	}
	if f.Entra != nil {
		add("Entra ID", Origin{Kind: KindGraph, Via: f.Entra.Application})
	}
	return all
}

// serverOrigins tells where the facts about one server come from.
func (f *facts) serverOrigins(s *Server, add func(string, Origin)) {
	listed := f.from(nil)
	if s.Origin != nil && s.Origin.Kind == KindLDAP { // which holds no certificates
		listed = *s.Origin
	}
	add("servers", listed)
	if s.InternalTransportCertificateThumbprint != "" {
		add("internal transport certificates", listed)
	}
	switch {
	case s.Origin != nil && s.Origin.Kind != KindLDAP:
		add("certificates of "+s.FQDN, *s.Origin)
	case len(s.Certificates) > 0:
		add("certificates", f.from(nil))
	}
	for _, served := range s.Served {
		add("served certificates", f.from(served.Origin))
	}
	if s.Published != nil {
		add("published metadata", Origin{Kind: KindPublished})
	}
}

// directory is Active Directory: nothing else tells an organization's GUID.
func (f *facts) directory() Origin {
	if f.Origin.Kind == KindLDAP {
		return f.from(nil)
	}
	return Origin{Kind: KindLDAP}
}

// readBy says who read AuthConfig, and from which domain controller.
func (f *facts) readBy(a *AuthConfig) string {
	origin := f.from(a.Origin)
	switch a.OriginatingServer {
	case "":
		return origin.String() + ", an unnamed domain controller"
	case origin.Host:
		return origin.String()
	}
	return fmt.Sprintf("%s, domain controller %s", origin, a.OriginatingServer)
}
