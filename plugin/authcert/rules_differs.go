package authcert

import (
	"cmp"
	"fmt"
	"strings"
	"time"
)

func authConfigDiffers(f *facts) []Finding {
	a := f.AuthConfig
	if a == nil {
		return nil
	}
	var found []Finding
	for i := range f.OtherAuthConfigs {
		b := &f.OtherAuthConfigs[i]
		here, there := f.difference(a, b)
		if len(here) == 0 {
			continue
		}
		brief := "two reads of AuthConfig differ"
		message := fmt.Sprintf("%s: %s from %s; %s from %s%s", brief,
			strings.Join(here, ", "), f.readBy(a), strings.Join(there, ", "), f.readBy(b), f.mayReplicate(a, b))
		compare := "Get-AuthConfig"
		if b.OriginatingServer != "" {
			compare += " -DomainController " + Quote(b.OriginatingServer)
		}
		found = append(found, newFinding(Warning, brief, message,
			"repadmin /showrepl  # Active Directory replicates the change; wait, then compare: "+compare).
			about(b.CurrentCertificateThumbprint))
	}
	return found
}

// sameDate is how far apart two readings of one date may be: the ways to it
// round differently.
const sameDate = time.Second

// difference lists the properties to which two reads of AuthConfig give
// different values, with the value of each. What one of them does not know is
// no difference: ServiceName, which setup writes everywhere, and a date that
// could not be read.
func (f *facts) difference(a, b *AuthConfig) (here, there []string) {
	compare := func(differ bool, property, one, other string) {
		if differ {
			here, there = append(here, property+" "+cmp.Or(one, "none")), append(there, property+" "+cmp.Or(other, "none"))
		}
	}
	thumbprints := func(role string, one, other Thumbprint) { compare(one != other, role, one.Short(), other.Short()) }
	thumbprints("current", a.CurrentCertificateThumbprint, b.CurrentCertificateThumbprint)
	thumbprints("previous", a.PreviousCertificateThumbprint, b.PreviousCertificateThumbprint)
	thumbprints("next", a.NextCertificateThumbprint, b.NextCertificateThumbprint)
	one, other := a.NextCertificateEffectiveDate, b.NextCertificateEffectiveDate
	unread := f.noted(StageEffectiveDate) != nil && !(one.Known() && other.Known())
	compare(one.Sub(other.Time).Abs() > sameDate && !unread, "effective date", one.exact(), other.exact())
	compare(!strings.EqualFold(a.ServiceName, b.ServiceName) && a.ServiceName != "" && b.ServiceName != "", "ServiceName", a.ServiceName, b.ServiceName)
	compare(!strings.EqualFold(a.Realm, b.Realm), "Realm", a.Realm, b.Realm)
	return here, there
}

// exact writes an instant to the second, "" for none.
func (i Instant) exact() string {
	if !i.Known() {
		return ""
	}
	return i.UTC().Format(time.RFC3339)
}

// mayReplicate says so while a change of AuthConfig, of which one of the reads
// knows, may still be on its way to the other domain controller.
func (f *facts) mayReplicate(a, b *AuthConfig) string {
	changed := a.WhenChangedUTC
	if b.WhenChangedUTC.After(changed.Time) {
		changed = b.WhenChangedUTC
	}
	if !f.within(changed, f.policy.ReplicationGrace) {
		return ""
	}
	return fmt.Sprintf("; AuthConfig changed on %s, so replication may still bring it", changed)
}
