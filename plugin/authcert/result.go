package authcert

// Result is the verdict on one snapshot, ready to be rendered.
type Result struct {
	Schema       int                 `json:"schema"`
	Status       Status              `json:"status"`
	StatusCode   int                 `json:"statusCode"`
	Summary      string              `json:"summary"` // one line without the status
	CheckedAt    Instant             `json:"checkedAt"`
	Origin       Origin              `json:"origin"`
	Origins      []FactOrigin        `json:"origins"` // of each kind of fact
	TakenAt      Instant             `json:"takenAt"`
	AuthConfig   *AuthConfig         `json:"authConfig"`
	Certificates []CertificateResult `json:"certificates"`
	Servers      []ServerResult      `json:"servers"`
	Findings     []Finding           `json:"findings"` // worst first
	Notes        []string            `json:"notes"`
	Metrics      []Metric            `json:"metrics"`
	// Failure is set when no facts could be had at all.
	Failure *Problem `json:"failure,omitempty"`
}

// CertificateResult is one certificate and where it is. Role is "current",
// "next", "previous" or "selfsigned".
type CertificateResult struct {
	Role         string     `json:"role"`
	Thumbprint   Thumbprint `json:"thumbprint"`
	Subject      string     `json:"subject"`
	NotBefore    Instant    `json:"notBefore"`
	NotAfter     Instant    `json:"notAfter"`
	NotAfterUnix *int64     `json:"notAfterUnix"` // seconds since 1970
	DaysLeft     *int       `json:"daysLeft"`     // whole days, rounded down; negative once expired
	PresentOn    []string   `json:"presentOn"`    // FQDNs
	MissingOn    []string   `json:"missingOn"`    // FQDNs of readable servers without it
}

// ServerResult is one judged server.
type ServerResult struct {
	FQDN         string `json:"fqdn"`
	Readable     bool   `json:"readable"`
	Reason       Reason `json:"reason,omitempty"` // why not
	Certificates int    `json:"certificates"`     // how many were read
	HasCurrent   *bool  `json:"hasCurrent"`       // nil: not known
	HasNext      *bool  `json:"hasNext"`
}

// Failed is the verdict when no facts could be had: UNKNOWN, with the stage
// and the cause.
func Failed(problem *Problem, now Instant) Result {
	summary := problem.Error()
	if problem.Stage != "" {
		summary = problem.Stage + ": " + summary
	}
	return Result{
		Schema: Schema, Status: Unknown, StatusCode: Unknown.Code(), Summary: truncate(oneLine(summary), summaryLimit), CheckedAt: now,
		Certificates: []CertificateResult{}, Servers: []ServerResult{}, Findings: []Finding{}, Notes: []string{}, Metrics: []Metric{}, Origins: []FactOrigin{},
		Failure: problem,
	}
}

func (f *facts) certificateResults() []CertificateResult {
	found := []CertificateResult{}
	for _, c := range []authCert{f.current, f.next, f.previous} {
		if c.thumbprint == "" {
			continue
		}
		result := CertificateResult{Role: c.role, Thumbprint: c.thumbprint, PresentOn: names(c.holders), MissingOn: names(c.missing)}
		result.fill(c.x509Cert, f)
		found = append(found, result)
	}
	index := map[Thumbprint]int{}
	f.eachOther(func(*installed) bool { return true }, func(s *server, cert *installed) {
		at, seen := index[cert.thumbprint]
		if !seen {
			at = len(found)
			index[cert.thumbprint] = at
			result := CertificateResult{Role: "selfsigned", Thumbprint: cert.thumbprint, MissingOn: []string{}}
			result.fill(cert.x509Cert, f)
			found = append(found, result)
		}
		found[at].PresentOn = append(found[at].PresentOn, s.FQDN)
	})
	return found
}

func (r *CertificateResult) fill(cert *x509Cert, f *facts) {
	if cert == nil {
		return
	}
	days, unix := cert.daysLeft(f.now), cert.NotAfter.Unix()
	r.Subject, r.NotBefore, r.NotAfter = cert.subject, At(cert.NotBefore), At(cert.NotAfter)
	r.NotAfterUnix, r.DaysLeft = &unix, &days
}

func (f *facts) serverResults() []ServerResult {
	found := make([]ServerResult, 0, len(f.servers))
	for _, s := range f.servers {
		result := ServerResult{
			FQDN: s.FQDN, Readable: s.complete || s.told, Certificates: len(s.installed),
			HasCurrent: f.current.isOn(s), HasNext: f.next.isOn(s),
		}
		switch {
		case result.Readable:
		case s.Error != nil:
			result.Reason = s.Error.Reason
		case s.malformed > 0:
			result.Reason = Malformed
		default:
			result.Reason = Unreadable
		}
		found = append(found, result)
	}
	return found
}

// isOn tells whether a server has the certificate; nil when that is not known.
func (c authCert) isOn(s *server) *bool {
	switch {
	case c.thumbprint == "":
		return nil
	case s.on(c.thumbprint) != nil:
		return new(true)
	case s.complete:
		return new(false)
	}
	return nil
}

func names(servers []*server) []string {
	all := make([]string, len(servers))
	for i, s := range servers {
		all[i] = s.FQDN
	}
	return all
}
