package render

import (
	"fmt"
	"strings"

	"check_exchange_authcert/plugin/authcert"
)

// certificateTable has a line per certificate.
func certificateTable(result authcert.Result) []string {
	var lines []string
	for _, c := range result.Certificates {
		line := fmt.Sprintf("- %-10s %s", c.Role, c.Thumbprint)
		if c.DaysLeft == nil {
			lines = append(lines, line+"  on no server that could be read")
			continue
		}
		line += fmt.Sprintf("  until %s (%d days)  %s", c.NotAfter, *c.DaysLeft, c.Subject)
		if c.Role == "selfsigned" {
			line += "  on " + strings.Join(c.PresentOn, ", ")
		}
		lines = append(lines, line)
	}
	return lines
}

// serverTable has a line per server: what it has, or why that is not known.
func serverTable(result authcert.Result) []string {
	var lines []string
	for _, s := range result.Servers {
		if !s.Readable {
			lines = append(lines, fmt.Sprintf("- %s  not readable: %s", s.FQDN, s.Reason))
			continue
		}
		line := fmt.Sprintf("- %s  current %s", s.FQDN, presence(s.HasCurrent))
		if s.HasNext != nil {
			line += ", next " + presence(s.HasNext)
		}
		lines = append(lines, line+fmt.Sprintf(", certificates: %d", s.Certificates))
	}
	return lines
}

func presence(has *bool) string {
	switch {
	case has == nil:
		return "not known"
	case *has:
		return "there"
	}
	return "MISSING"
}

// origin says where the facts come from and when they were taken.
func origin(result authcert.Result) []string {
	lines := []string{fmt.Sprintf("- %s, taken %s", result.Origin, result.TakenAt)}
	if a := result.AuthConfig; a != nil {
		lines = append(lines, fmt.Sprintf("- AuthConfig: current %s, next %s from %s, previous %s, changed %s on %s",
			orNone(a.CurrentCertificateThumbprint), orNone(a.NextCertificateThumbprint), a.NextCertificateEffectiveDate,
			orNone(a.PreviousCertificateThumbprint), a.WhenChangedUTC, a.OriginatingServer))
	}
	for _, o := range result.Origins {
		lines = append(lines, fmt.Sprintf("- %s: from %s", o.Fact, o.Origin))
	}
	return lines
}

func orNone(t authcert.Thumbprint) string {
	if t == "" {
		return "none"
	}
	return string(t)
}
