package authcert

import (
	"fmt"
	"strings"
)

func authConfigUnreadable(f *facts) []Finding {
	if f.AuthConfig != nil || f.Origin.Kind == KindPublished {
		return nil
	}
	cause := "the snapshot holds none"
	hint := "Get-AuthConfig  # needs the role View-Only Configuration: " + GrantRole
	if p := f.problem(StageAuthConfig); p != nil {
		cause, hint = p.Error(), p.advice(hint)
	}
	brief := "AuthConfig could not be read: " + cause
	message := brief + "; which certificate is current is not known" + f.suspect()
	return []Finding{newFinding(Unknown, brief, message, hint).blocking(Expiry)}
}

// suspect tells of the certificate that is probably current when AuthConfig
// does not: the one of the usual subject that ends last. An expired one breaks
// the very cmdlets that would say so. It is a hint and no verdict, for only
// AuthConfig names the current one.
func (f *facts) suspect() string {
	var last *x509Cert
	var where *server
	for _, s := range f.servers {
		for _, cert := range s.installed {
			if cert.subject == authSubject && (last == nil || cert.NotAfter.After(last.NotAfter)) {
				last, where = cert.x509Cert, s
			}
		}
	}
	switch {
	case last == nil:
		return ""
	case last.expired(f.now):
		return fmt.Sprintf("; the last Auth Certificate on %s, %s, expired %s ago, on %s: if it is current, that is the cause",
			where.FQDN, last.thumbprint.Short(), between(last.NotAfter, f.now), At(last.NotAfter))
	}
	return fmt.Sprintf("; the last Auth Certificate on %s, %s, is valid until %s", where.FQDN, last.thumbprint.Short(), At(last.NotAfter))
}

func snapshotStale(f *facts) []Finding {
	if f.policy.MaxAge == 0 {
		return nil
	}
	age := f.now.Sub(f.TakenAt.Time)
	var brief string
	switch {
	case !f.TakenAt.Known():
		brief = "the snapshot does not say when it was taken"
	case age < -clockSkew:
		brief = fmt.Sprintf("the snapshot is from the future: taken on %s", f.TakenAt)
	case age > f.policy.MaxAge:
		brief = fmt.Sprintf("the snapshot is %s old", span(age))
	default:
		return nil
	}
	message := fmt.Sprintf("%s; the oldest that is believed is %s", brief, span(f.policy.MaxAge))
	remedy := "See that the task that writes the snapshot runs, or judge an old one with --max-age or --at"
	if age < 0 {
		message, remedy = brief+"; here it is "+At(f.now).String(), "Compare the clocks of this host and of the one that took it: one of them is wrong"
	}
	return []Finding{newFinding(Unknown, brief, message, remedy).blocking(Facets()...)}
}

func currentNotConfigured(f *facts) []Finding {
	if f.AuthConfig == nil || f.current.thumbprint != "" {
		return nil
	}
	brief := "AuthConfig names no current certificate"
	return []Finding{newFinding(Critical, brief, brief+": "+breaks, f.takeOver()...).blocking(Expiry)}
}

func nextIsCurrent(f *facts) []Finding {
	if f.AuthConfig == nil || f.current.thumbprint == "" || f.AuthConfig.NextCertificateThumbprint != f.current.thumbprint {
		return nil
	}
	brief := fmt.Sprintf("next Auth Certificate is the current one, %s", f.current.thumbprint.Short())
	message := brief + ": a rollover would change nothing"
	return []Finding{newFinding(Warning, brief, message, f.anew()...).about(f.current.thumbprint)}
}

func nextWithoutDate(f *facts) []Finding {
	if f.next.thumbprint == "" || f.effective().Known() {
		return nil
	}
	if p := f.noted(StageEffectiveDate); p != nil {
		brief := fmt.Sprintf("when %s becomes current could not be read: %s", f.next.name(), p.Error())
		return []Finding{newFinding(Unknown, brief, brief, f.seeDate()...).about(f.next.thumbprint)}
	}
	brief := fmt.Sprintf("%s has no effective date", f.next.name())
	message := brief + ": Exchange will not make it current"
	return []Finding{newFinding(Warning, brief, message, f.succeed()...).about(f.next.thumbprint)}
}

func nextTooLate(f *facts) []Finding {
	at := f.effective()
	if f.next.thumbprint == "" || f.current.x509Cert == nil || !at.Known() || !at.After(f.current.NotAfter) {
		return nil
	}
	brief := fmt.Sprintf("%s becomes current too late, on %s", f.next.name(), at)
	message := fmt.Sprintf("%s, but the end of the current one is %s: in between %s", brief, At(f.current.NotAfter), breaks)
	return []Finding{newFinding(stateIf(f.outsideCritical(), Critical, Warning), brief, message, f.succeed()...).about(f.next.thumbprint)}
}

func rolloverOverdue(f *facts) []Finding {
	if !f.overdue() {
		return nil
	}
	at := f.effective()
	brief := fmt.Sprintf("rollover to %s is overdue for %s", f.next.thumbprint.Short(), between(at.Time, f.now))
	message := fmt.Sprintf("%s: it was due on %s, and the AuthAdmin servicelet (MSExchangeServiceHost, every 12 hours) has not made it current", brief, at)
	remedy := append([]string{
		onServers(f.servers, "Restart-Service MSExchangeServiceHost", "  # the servicelet runs at service start; in a child domain first: Set-OrganizationConfig -EnableAuthAdminReadSession:$true"),
		"If it is still overdue after that:",
	}, f.takeOver()...)
	return []Finding{newFinding(stateIf(f.outsideCritical(), Critical, Warning), brief, message, remedy...).about(f.next.thumbprint)}
}

func authConfigUnexpected(f *facts) []Finding {
	a := f.AuthConfig
	if a == nil {
		return nil
	}
	var wrong, remedy []string
	if a.ServiceName != "" && !strings.EqualFold(a.ServiceName, ExchangeServiceName) {
		wrong = append(wrong, fmt.Sprintf("ServiceName %s instead of %s", a.ServiceName, ExchangeServiceName))
		remedy = append(remedy, "Set-AuthConfig -ServiceName "+Quote(ExchangeServiceName))
	}
	if a.Realm != "" {
		wrong = append(wrong, fmt.Sprintf("Realm %s instead of none", a.Realm))
		remedy = append(remedy, "Set-AuthConfig -Realm $null")
	}
	if len(wrong) == 0 {
		return nil
	}
	brief := "AuthConfig has " + strings.Join(wrong, " and ")
	return []Finding{newFinding(Warning, brief, brief+": tokens may be refused", remedy...)}
}
