package authcert

import (
	"fmt"
	"slices"
	"time"
)

// Judge gives the verdict on a snapshot as of now. It changes nothing, and the
// same arguments give the same result.
func Judge(snap *Snapshot, policy Policy, now time.Time) Result {
	f := gather(snap, policy, now.UTC())
	findings := f.findings()
	result := Result{
		Schema:       Schema,
		Status:       f.status(findings),
		CheckedAt:    At(now),
		Origin:       snap.Origin,
		Origins:      f.origins(),
		TakenAt:      snap.TakenAt,
		AuthConfig:   snap.AuthConfig,
		Certificates: f.certificateResults(),
		Servers:      f.serverResults(),
		Findings:     findings,
		Notes:        f.notes(),
		Metrics:      f.metrics(findings),
	}
	result.StatusCode = result.Status.Code()
	result.Summary = f.summary(result.Status, findings)
	return result
}

// findings applies every rule and sorts worst first; within a state the order
// is the catalogue's, then the servers'.
func (f *facts) findings() []Finding {
	found := []Finding{}
	for _, rule := range rules {
		for _, finding := range rule.apply(f) {
			if !f.wanted(rule, finding) {
				continue
			}
			if state, overridden := f.policy.States[rule.ID]; overridden && !finding.internal {
				finding.Status = state
			}
			found = append(found, finding)
		}
	}
	slices.SortStableFunc(found, func(a, b Finding) int { return b.Status.severity() - a.Status.severity() })
	return found
}

// apply runs one rule. A rule that panics has found out nothing: that is
// UNKNOWN, and says which rule it was.
func (r Rule) apply(f *facts) (found []Finding) {
	defer func() {
		if recover() != nil {
			brief := "internal error in the rule " + r.ID
			failed := newFinding(Unknown, brief, brief+": what it judges is not known", "Please report it with the snapshot that --save writes").blocking(Facets()...)
			failed.internal = true
			found = []Finding{failed}
		}
		for i := range found {
			found[i].ID, found[i].Facet, found[i].Reference = r.ID, r.Facet, r.Reference
		}
	}()
	return r.check(f)
}

// wanted tells whether a finding belongs to the facets that were asked for, or
// stands in the way of judging one of them.
func (f *facts) wanted(rule Rule, finding Finding) bool {
	return f.policy.judges(rule.Facet) || slices.ContainsFunc(finding.blocks, f.policy.judges)
}

// status is the worst finding's. Without a finding it is OK only for facets
// that could be judged at all.
func (f *facts) status(findings []Finding) Status {
	status := OK
	for _, finding := range findings {
		status = Worst(status, finding.Status)
	}
	if len(f.unjudged()) > 0 || len(f.policy.Only) == 0 {
		status = Worst(status, Unknown)
	}
	return status
}

// unjudged lists the facets that were asked for and have no evidence.
func (f *facts) unjudged() []Facet {
	evidence := map[Facet]bool{
		Expiry:      f.current.x509Cert != nil,
		Consistency: (f.AuthConfig != nil || f.Origin.Kind == KindPublished) && f.readable() > 0,
		SelfSigned:  f.stores() > 0 || (f.withoutStores() && f.readable() > 0 && len(f.policy.Only) == len(Facets())),
	}
	var missing []Facet
	for _, facet := range f.policy.Only {
		if !evidence[facet] {
			missing = append(missing, facet)
		}
	}
	return missing
}

// checked counts the servers for people: "(2 of 4 servers checked)".
func (f *facts) checked() string {
	text := fmt.Sprintf("%d of %s checked", f.readable(), plural(len(f.servers), "server"))
	if f.excluded > 0 {
		text += fmt.Sprintf(", %d excluded", f.excluded)
	}
	return "(" + text + ")"
}
