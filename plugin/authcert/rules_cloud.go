package authcert

// cloudUnreadable reports a question to Entra ID that was not answered: it was
// asked for, so that silence is no consent.
func cloudUnreadable(f *facts) []Finding {
	p := f.noted(StageEntra)
	if p == nil {
		return nil
	}
	brief := "Entra ID not checked: " + p.Error()
	hint := p.Hint
	if hint == "" {
		hint = "See that this host reaches Entra ID and Microsoft Graph, and that the application may log on"
	}
	return []Finding{newFinding(Unknown, brief, brief+"; hybrid features fail where it lacks the current certificate", hint)}
}

// dedicatedElsewhere tells whether the shared service principal was looked at,
// but its certificates say nothing: it is right that it holds none once the
// organization uses a dedicated application, which may have any name.
func (f *facts) dedicatedElsewhere() bool {
	if !f.Entra.Shared {
		return false
	}
	var dedicated *bool
	if f.Hybrid != nil {
		dedicated = f.Hybrid.DedicatedApp
	}
	return known(dedicated, true) || (dedicated == nil && len(f.Entra.KeyCredentials) == 0)
}

// whereElse says where the answer may be found.
func (f *facts) whereElse() string {
	if !f.dedicatedElsewhere() {
		return ""
	}
	return ": no application ExchangeServerApp-… was found, and the shared service principal rightly holds none once there is one; name it with --application"
}
