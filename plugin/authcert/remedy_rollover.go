package authcert

import (
	"fmt"
	"slices"
	"time"
)

// stage makes a new certificate and lets Exchange roll over to it by itself.
func (f *facts) stage() []string {
	return slices.Concat([]string{
		newCertificate, newThumbprint,
		`Set-AuthConfig -NewCertificateThumbprint $thumbprint -NewCertificateEffectiveDate ` + newEffective + `  # Exchange replicates it within a site and makes it current by itself`,
	}, f.toOtherSites(), f.upload(uploadBefore), []string{
		onServers(f.servers, recycle, "  # once it is current"),
	})
}

// replace makes a new certificate current at once.
func (f *facts) replace() []string {
	return slices.Concat([]string{
		newCertificate, newThumbprint,
		`Set-AuthConfig -NewCertificateThumbprint $thumbprint -NewCertificateEffectiveDate (Get-Date).ToUniversalTime()  # answer Y: the date is meant to be less than 48 hours ahead`,
	}, f.publish(f.toOtherSites()...))
}

// publish makes the configured next certificate current at once.
func (f *facts) publish(andThen ...string) []string {
	return slices.Concat([]string{
		`Set-AuthConfig -PublishCertificate`,
		`Set-AuthConfig -ClearPreviousCertificate`,
	}, andThen, []string{
		onServers(f.servers, "Restart-Service MSExchangeServiceHost; "+recycle, "  # it may take an hour until every server signs with it"),
	}, f.upload(uploadAfter))
}

// endsSoon tells whether a staged rollover would come after the current
// certificate's end.
func (f *facts) endsSoon() bool {
	return f.current.x509Cert != nil && f.current.NotAfter.Sub(f.now) <= leadTime+overdueAfter
}

// takeOver makes next current at once when it is fit for that, else a new
// certificate.
func (f *facts) takeOver() []string {
	next := f.next
	if next.x509Cert == nil || next.expired(f.now) || next.NotBefore.After(f.now) || len(next.noKey) > 0 {
		return f.replace()
	}
	if len(next.missing) == 0 {
		return append(f.lookFor(next), f.publish()...)
	}
	if next.exporter(next.missing...) == nil {
		return f.replace()
	}
	return slices.Concat(f.copyTo(next, next.missing...), f.lookFor(next), f.publish())
}

// lookFor has a certificate looked for where that could not be done: a server
// without it fails as soon as it is current.
func (f *facts) lookFor(cert authCert) []string {
	var unread []*server
	for _, s := range f.servers {
		if !s.complete && s.on(cert.thumbprint) == nil {
			unread = append(unread, s)
		}
	}
	if len(unread) == 0 {
		return nil
	}
	return []string{fmt.Sprintf(`foreach ($s in %s) { Get-ExchangeCertificate -Server $s -Thumbprint %s }  # could not be read; it has to be there first`,
		computers(unread), Quote(string(cert.thumbprint)))}
}

// anew stages a new certificate, or puts it in force where the time for that
// has run out.
func (f *facts) anew() []string {
	if f.endsSoon() {
		return f.replace()
	}
	return f.stage()
}

// instead replaces a certificate that no server can, or should, hand out.
func (f *facts) instead(cert authCert) []string {
	if cert.role == "current" {
		return f.takeOver()
	}
	return f.anew()
}

// succeed sees to it that the current certificate has a successor in time: the
// next one when it will do, with what is wrong about it put right.
func (f *facts) succeed() []string {
	next, at := f.next, f.effective()
	switch {
	case f.soundRollover():
		return []string{fmt.Sprintf("Nothing more: the rollover to %s is staged for %s", next.thumbprint.Short(), at)}
	case f.endsSoon():
		return f.takeOver()
	case !f.nextWillDo():
		return f.stage()
	case f.overdue() && !next.NotBefore.After(f.now):
		return f.takeOver()
	}
	var steps []string
	if len(next.missing) > 0 {
		steps = f.copyTo(next, next.missing...)
	}
	if !f.effectiveInTime() {
		steps = slices.Concat(steps, f.seeDate(), f.restage())
	}
	return steps
}

// seeDate is what to do first where the effective date is there but could not
// be read: it may be as it should.
func (f *facts) seeDate() []string {
	if f.noted(StageEffectiveDate) == nil {
		return nil
	}
	return []string{`(Get-AuthConfig).NextCertificateEffectiveDate  # when it becomes current could not be read: where that is soon enough, nothing else is needed`}
}

// nextWillDo tells whether the next certificate itself is good enough to
// succeed the current one, wherever it is and whatever its date.
func (f *facts) nextWillDo() bool {
	next := f.next
	if next.x509Cert == nil || next.expired(f.now) || len(next.noKey) > 0 {
		return false
	}
	if len(next.missing) > 0 && next.exporter(next.missing...) == nil {
		return false
	}
	current := f.current.x509Cert
	return current == nil || (next.NotAfter.After(current.NotAfter) && next.NotBefore.Before(current.NotAfter))
}

// effectiveInTime tells whether next becomes current while both are valid.
func (f *facts) effectiveInTime() bool {
	next, at := f.next, f.effective()
	return next.x509Cert != nil && at.Known() && !next.NotBefore.After(at.Time) &&
		(f.current.x509Cert == nil || at.Before(f.current.NotAfter))
}

// restage configures next again with a date that can be met: in 49 hours, or
// once the certificate is valid.
func (f *facts) restage() []string {
	date := newEffective
	if valid := f.next.NotBefore; valid.After(f.now.Add(leadTime)) {
		date = fmt.Sprintf(`([datetime]'%s').ToUniversalTime()`, valid.UTC().Add(time.Hour).Format(time.RFC3339))
	}
	return append([]string{
		fmt.Sprintf(`Set-AuthConfig -NewCertificateThumbprint %s -NewCertificateEffectiveDate %s`, Quote(string(f.next.thumbprint)), date),
	}, f.upload(uploadBefore)...)
}
