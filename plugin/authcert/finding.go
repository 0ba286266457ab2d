package authcert

// Finding is one rule that was violated, once per server and certificate.
type Finding struct {
	ID         string     `json:"id"`
	Facet      Facet      `json:"facet"`
	Status     Status     `json:"status"`
	Server     string     `json:"server,omitempty"`     // FQDN; "" when it concerns the organization
	Thumbprint Thumbprint `json:"thumbprint,omitempty"` // of the certificate it is about
	Message    string     `json:"message"`              // what is wrong, where, and what it breaks
	Remedy     string     `json:"remedy"`               // what to do, one command or sentence a line
	Reference  string     `json:"reference"`

	// brief is the message for the first line of output, without the server's
	// name; findings of one rule with the same brief share it.
	brief string
	// short is the server's name for people.
	short string
	// blocks are the facets that cannot be judged while this stands: it is
	// reported even when its own facet was not asked for.
	blocks []Facet
	// internal marks a rule that failed: no override of its state applies.
	internal bool
}

// newFinding starts a finding; the rule table fills in ID, Facet and Reference.
func newFinding(status Status, brief, message string, remedy ...string) Finding {
	return Finding{Status: status, brief: brief, Message: message, Remedy: lines(remedy)}
}

func (f Finding) on(s *server) Finding {
	f.Server, f.short = s.FQDN, s.short
	return f
}

func (f Finding) about(thumbprint Thumbprint) Finding {
	f.Thumbprint = thumbprint
	return f
}

func (f Finding) blocking(facets ...Facet) Finding {
	f.blocks = facets
	return f
}

// stateIf picks the state: worse when the condition holds, else usual.
func stateIf(worse bool, then, usual Status) Status {
	if worse {
		return then
	}
	return usual
}
