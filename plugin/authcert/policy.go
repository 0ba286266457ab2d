package authcert

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
)

// Facet is one of the three things that are judged.
type Facet string

// The facets.
const (
	Expiry      Facet = "expiry"
	Consistency Facet = "consistency"
	SelfSigned  Facet = "selfsigned"
)

// Facets returns all of them in the order of the catalogue.
func Facets() []Facet { return []Facet{Expiry, Consistency, SelfSigned} }

// Times that Exchange itself sets and the rules rely on.
const (
	// leadTime before a next certificate becomes effective it must be ready
	// everywhere: Microsoft asks for at least 48 h.
	leadTime = 48 * time.Hour
	// overdueAfter the effective date a rollover should have happened: the
	// AuthAdmin servicelet runs every 12 h, so two runs are gone.
	overdueAfter = 24 * time.Hour
	// publishedCache is how long a server may serve an old metadata document.
	publishedCache = 12 * time.Hour
	// cloudLead is when a missing upload of the next certificate starts to matter.
	cloudLead = 14 * 24 * time.Hour
	// clockSkew is how far two clocks may differ before a time counts as future.
	clockSkew = 5 * time.Minute
)

// Policy is what the user wants to be told about. Ranges are in days left.
type Policy struct {
	Warning, Critical                     Range // the current Auth Certificate
	NextWarning                           Range // the next one
	SelfSignedWarning, SelfSignedCritical Range // the other self-signed certificates
	States                                map[string]Status
	Only                                  []Facet
	ExcludeServers                        []string      // globs on the FQDN or the short name
	ReplicationGrace                      time.Duration // after a change of AuthConfig
	MaxAge                                time.Duration // of the snapshot; 0: not judged
}

// DefaultPolicy returns the thresholds that Microsoft's HealthChecker uses.
func DefaultPolicy() Policy {
	return Policy{
		Warning: AtLeast(60), Critical: AtLeast(30), NextWarning: AtLeast(120),
		SelfSignedWarning: AtLeast(60), SelfSignedCritical: AtLeast(30),
		Only:             Facets(),
		ReplicationGrace: 48 * time.Hour,
		MaxAge:           24 * time.Hour,
	}
}

// Validate finds contradictions: a critical minimum above the warning one, an
// unknown finding or facet, a malformed glob.
func (p *Policy) Validate() error {
	if err := ordered("", p.Warning, p.Critical); err != nil {
		return err
	}
	if err := ordered("selfsigned-", p.SelfSignedWarning, p.SelfSignedCritical); err != nil {
		return err
	}
	if p.ReplicationGrace < 0 || p.MaxAge < 0 {
		return fmt.Errorf("--replication-grace %s and --max-age %s: a duration is not negative", p.ReplicationGrace, p.MaxAge)
	}
	for id := range p.States {
		if _, ok := ruleByID(id); !ok {
			return fmt.Errorf("no finding is called %q (--list-findings shows them all)", id)
		}
	}
	for _, facet := range p.Only {
		if !slices.Contains(Facets(), facet) {
			return fmt.Errorf("facet %q: want expiry, consistency or selfsigned", facet)
		}
	}
	for _, glob := range p.ExcludeServers {
		if _, err := path.Match(glob, ""); err != nil {
			return fmt.Errorf("server pattern %q: %w", glob, err)
		}
	}
	return nil
}

// ordered refuses a critical minimum above the warning one: it would never
// warn.
func ordered(prefix string, warning, critical Range) error {
	w, okW := warning.minimum()
	c, okC := critical.minimum()
	if okW && okC && c > w {
		return fmt.Errorf("--%scritical %s is above --%swarning %s: it would never warn; lower the one or raise the other",
			prefix, critical, prefix, warning)
	}
	return nil
}

// judges tells whether a facet was asked for.
func (p *Policy) judges(facet Facet) bool { return slices.Contains(p.Only, facet) }

// Concerns tells whether a server is judged: it is not excluded, and of a kind
// that needs the Auth Certificate.
func (p *Policy) Concerns(s *Server) bool {
	return !p.excludes(strings.TrimSpace(s.FQDN)) && notJudged(s) == ""
}

// excludes tells whether a server, named by its FQDN, was left out.
func (p *Policy) excludes(fqdn string) bool {
	name := strings.ToLower(fqdn)
	short, _, _ := strings.Cut(name, ".")
	return slices.ContainsFunc(p.ExcludeServers, func(glob string) bool {
		glob = strings.ToLower(glob)
		full, _ := path.Match(glob, name)
		host, _ := path.Match(glob, short)
		return full || host
	})
}
