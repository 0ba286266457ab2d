package authcert

import "fmt"

// breaks says what stops without a valid current Auth Certificate.
const breaks = "Outlook on the web, the admin center, hybrid features and Exchange PowerShell fail"

// name calls an Auth Certificate by role and thumbprint.
func (c authCert) name() string {
	return fmt.Sprintf("%s Auth Certificate %s", c.role, c.thumbprint.Short())
}

func currentExpired(f *facts) []Finding {
	c := f.current
	if c.x509Cert == nil {
		return f.currentLeftOut()
	}
	if !c.expired(f.now) {
		return nil
	}
	brief := fmt.Sprintf("%s expired %s ago", c.name(), between(c.NotAfter, f.now))
	message := fmt.Sprintf("%s, on %s: %s", brief, At(c.NotAfter), breaks)
	return []Finding{newFinding(Critical, brief, message, f.takeOver()...).about(c.thumbprint)}
}

func currentExpiring(f *facts) []Finding {
	c := f.current
	if c.x509Cert == nil || c.expired(f.now) || f.soundRollover() {
		return nil
	}
	days := c.daysLeft(f.now)
	status := alertState(days, f.policy.Warning, f.policy.Critical)
	if status == OK {
		return nil
	}
	brief := fmt.Sprintf("%s expires in %s", c.name(), between(f.now, c.NotAfter))
	message := fmt.Sprintf("%s, on %s: then %s", brief, At(c.NotAfter), breaks)
	return []Finding{newFinding(status, brief, message, f.succeed()...).about(c.thumbprint)}
}

// alertState evaluates two ranges, the critical one first.
func alertState(days int, warning, critical Range) Status {
	switch {
	case critical.Alerts(days):
		return Critical
	case warning.Alerts(days):
		return Warning
	}
	return OK
}

func currentNotYetValid(f *facts) []Finding {
	c := f.current
	if c.x509Cert == nil || !c.NotBefore.After(f.now) {
		return nil
	}
	brief := fmt.Sprintf("%s is not valid before %s", c.name(), At(c.NotBefore))
	message := fmt.Sprintf("%s: until then %s; or a clock is wrong", brief, breaks)
	remedy := append([]string{"See that the clocks of the servers and of this host are right. If they are:"}, f.takeOver()...)
	return []Finding{newFinding(Critical, brief, message, remedy...).about(c.thumbprint)}
}

func nextExpired(f *facts) []Finding {
	c := f.next
	if c.x509Cert == nil || !c.expired(f.now) {
		return nil
	}
	brief := fmt.Sprintf("%s expired %s ago", c.name(), between(c.NotAfter, f.now))
	message := fmt.Sprintf("%s, on %s; %s", brief, At(c.NotAfter), f.whenCurrent())
	return []Finding{newFinding(stateIf(f.urgent(), Critical, Warning), brief, message, f.anew()...).about(c.thumbprint)}
}

func nextExpiring(f *facts) []Finding {
	c := f.next
	if c.x509Cert == nil || c.expired(f.now) {
		return nil
	}
	var brief string
	switch {
	case f.policy.NextWarning.Alerts(c.daysLeft(f.now)):
		brief = fmt.Sprintf("%s expires in %s", c.name(), between(f.now, c.NotAfter))
	case f.current.x509Cert != nil && c.NotAfter.Before(f.current.NotAfter):
		brief = fmt.Sprintf("%s ends before the current one", c.name())
	default:
		return nil
	}
	message := fmt.Sprintf("%s: it is valid until %s only; rolling over to it gains little", brief, At(c.NotAfter))
	return []Finding{newFinding(Warning, brief, message, f.anew()...).about(c.thumbprint)}
}

func nextNotValidWhenEffective(f *facts) []Finding {
	c, at := f.next, f.effective()
	if c.x509Cert == nil || !at.Known() || !c.NotBefore.After(at.Time) {
		return nil
	}
	brief := fmt.Sprintf("%s is not yet valid when it becomes current", c.name())
	message := fmt.Sprintf("%s: effective on %s, valid from %s", brief, at, At(c.NotBefore))
	return []Finding{newFinding(stateIf(f.urgent(), Critical, Warning), brief, message, f.succeed()...).about(c.thumbprint)}
}
