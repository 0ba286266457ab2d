package authcert

import "strings"

// Metric is one measured value. Only what is known is measured.
type Metric struct {
	Name     string  `json:"name"`
	Value    float64 `json:"value"`
	Unit     string  `json:"unit,omitempty"` // "s" or none
	Warning  *Range  `json:"warning,omitempty"`
	Critical *Range  `json:"critical,omitempty"`
}

// metrics measures in a fixed order; names are part of the contract with those
// who draw graphs of them.
func (f *facts) metrics(findings []Finding) []Metric {
	var all []Metric
	days := func(name string, cert *x509Cert, warning, critical *Range) {
		if cert != nil {
			all = append(all, Metric{Name: name, Value: float64(cert.daysLeft(f.now)), Warning: warning, Critical: critical})
		}
	}
	count := func(name string, n int) { all = append(all, Metric{Name: name, Value: float64(n)}) }

	p := f.policy
	days("current_days", f.current.x509Cert, &p.Warning, &p.Critical)
	days("next_days", f.next.x509Cert, &p.NextWarning, nil)
	days("selfsigned_days", f.shortestOther(), &p.SelfSignedWarning, &p.SelfSignedCritical)
	count("servers", len(f.servers))
	count("servers_unreadable", len(f.servers)-f.readable())
	if f.current.thumbprint != "" && f.stores() > 0 {
		count("servers_without_current", len(f.current.missing))
	}
	if f.next.thumbprint != "" && f.stores() > 0 {
		count("servers_without_next", len(f.next.missing))
	}
	for _, status := range []Status{Critical, Warning, Unknown} {
		n := 0
		for _, finding := range findings {
			if finding.Status == status {
				n++
			}
		}
		count("findings_"+strings.ToLower(status.String()), n)
	}
	return all
}

// shortestOther returns the self-signed certificate that ends first.
func (f *facts) shortestOther() *x509Cert {
	var shortest *x509Cert
	sooner := func(cert *installed) bool { return shortest == nil || cert.NotAfter.Before(shortest.NotAfter) }
	f.eachOther(sooner, func(_ *server, cert *installed) { shortest = cert.x509Cert })
	return shortest
}
