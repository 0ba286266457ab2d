package authcert

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestStateOverrides(t *testing.T) {
	states := func(pairs map[string]Status) func(*Policy) { return func(p *Policy) { p.States = pairs } }
	dropCurrent := func(o *org) { o.drop(2, o.currentThumbprint()) }
	judgeRows(t, []row{
		{name: "worse", change: func(o *org) { o.unreadable(2, Timeout) }, policy: states(map[string]Status{"server-unreadable": Critical}), want: []verdict{{"server-unreadable", Critical, "ex03"}}},
		{name: "better", change: dropCurrent, policy: states(map[string]Status{"current-missing": Warning}), want: []verdict{{"current-missing", Warning, "ex03"}}},
		{name: "fine, and still told", change: dropCurrent, policy: states(map[string]Status{"current-missing": OK}), want: []verdict{{"current-missing", OK, "ex03"}}},
		{name: "the order follows the new states", change: func(o *org) { dropCurrent(o); o.AuthConfig.Realm = "x" },
			policy: states(map[string]Status{"authconfig-unexpected": Critical, "current-missing": Warning}),
			want:   []verdict{{"authconfig-unexpected", Critical, ""}, {"current-missing", Warning, "ex03"}}},
		{name: "another finding's", change: dropCurrent, policy: states(map[string]Status{"next-missing": OK}), want: []verdict{{"current-missing", Critical, "ex03"}}},
	})
}

// Whatever is accepted, what was not seen does not become OK.
func TestNothingUnjudgedBecomesOK(t *testing.T) {
	everything := map[string]Status{}
	for _, rule := range Catalogue() {
		everything[rule.ID] = OK
	}
	tests := []struct {
		name    string
		change  func(*org)
		only    []Facet
		want    Status
		summary string
	}{
		{"sound", func(*org) {}, Facets(), OK, "is valid for 400 days, until 2027-12-28 (3 of 3 servers checked)"},
		{"AuthConfig unreadable", func(o *org) { o.AuthConfig = nil }, Facets(), Unknown, "expiry, consistency could not be judged"},
		{"sound, asked for self-signed only", func(*org) {}, []Facet{SelfSigned}, OK, "no problem found (selfsigned) (3 of 3 servers checked)"},
		{"AuthConfig unreadable, asked for self-signed only", func(o *org) { o.AuthConfig = nil }, []Facet{SelfSigned}, OK, "no problem found (selfsigned)"},
		{"no servers", func(o *org) { o.Servers = nil }, Facets(), Unknown, "expiry, consistency, selfsigned could not be judged (0 of 0"},
		{"all unreadable", func(o *org) {
			for i := range o.Servers {
				o.unreadable(i, Timeout)
			}
		}, Facets(), Unknown, "could not be judged (0 of 3"},
		{"all unreadable, asked for one facet", func(o *org) {
			for i := range o.Servers {
				o.unreadable(i, Timeout)
			}
		}, []Facet{SelfSigned}, Unknown, "selfsigned could not be judged"},
		{"one unreadable, which was accepted", func(o *org) { o.unreadable(2, Timeout) }, Facets(), OK, "(2 of 3 servers checked)"},
		{"current not configured", func(o *org) { o.AuthConfig.CurrentCertificateThumbprint = "" }, Facets(), Unknown, "expiry could not be judged"},
		{"current nowhere", func(o *org) {
			for i := range o.Servers {
				o.drop(i, o.currentThumbprint())
			}
		}, Facets(), Unknown, "expiry could not be judged"},
		{"nothing asked for", func(*org) {}, nil, Unknown, "nothing was asked for"},
		{"expired, which was accepted", func(o *org) { o.setCurrent(until(o.t, in(-3))) }, Facets(), OK, "expired 3 days ago, which counts as OK here"},
		{"not yet valid, which was accepted", usual(func(s *spec) { s.from = in(3) }), Facets(), OK, "not valid before 2026-11-26 12:00 UTC, which counts as OK here"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := newOrg(t)
			tt.change(o)
			policy := DefaultPolicy()
			policy.States, policy.Only = everything, tt.only
			result := Judge(o.Snapshot, policy, now)
			if result.Status != tt.want || !strings.Contains(result.Summary, tt.summary) {
				t.Errorf("%s - %s, want %s - …%s…", result.Status, result.Summary, tt.want, tt.summary)
			}
			checkResult(t, result)
		})
	}
}

func TestOnly(t *testing.T) {
	only := func(facets ...Facet) func(*Policy) { return func(p *Policy) { p.Only = facets } }
	everything := func(o *org) {
		o.setCurrent(until(o.t, in(40)))
		o.AuthConfig.Realm = "x"
		another(func(*spec, *Certificate) {})(o)
	}
	unreadable := []verdict{{"server-unreadable", Unknown, "ex03"}}
	judgeRows(t, []row{
		{name: "all", change: everything, want: []verdict{{"current-expiring", Warning, ""}, {"authconfig-unexpected", Warning, ""}, {"selfsigned-expired", Warning, "ex02"}}},
		{name: "expiry", change: everything, policy: only(Expiry), want: []verdict{{"current-expiring", Warning, ""}}},
		{name: "consistency", change: everything, policy: only(Consistency), want: []verdict{{"authconfig-unexpected", Warning, ""}}},
		{name: "self-signed", change: everything, policy: only(SelfSigned), want: []verdict{{"selfsigned-expired", Warning, "ex02"}}},
		{name: "two", change: everything, policy: only(SelfSigned, Expiry), want: []verdict{{"current-expiring", Warning, ""}, {"selfsigned-expired", Warning, "ex02"}}},
		{name: "an unreadable server stands in the way of self-signed", change: func(o *org) { o.unreadable(2, Timeout) }, policy: only(SelfSigned), want: unreadable},
		{name: "not in the way of expiry when current was seen", change: func(o *org) { o.unreadable(2, Timeout) }, policy: only(Expiry)},
		{name: "in the way of expiry when current was not seen", change: func(o *org) {
			o.Servers = o.Servers[2:]
			o.unreadable(0, Timeout)
		}, policy: only(Expiry), want: unreadable},
		{name: "in the way of expiry when next was not seen", change: func(o *org) {
			o.AuthConfig.NextCertificateThumbprint = "AB"
			o.AuthConfig.NextCertificateEffectiveDate = At(in(20))
			o.unreadable(2, Timeout)
		}, policy: only(Expiry), want: []verdict{{"next-missing", Warning, ""}, {"server-unreadable", Unknown, "ex03"}}},
		{name: "current nowhere stands in the way of expiry", change: func(o *org) { o.AuthConfig.CurrentCertificateThumbprint = "AB" }, policy: only(Expiry), want: []verdict{{"current-missing", Critical, ""}}},
		{name: "current missing somewhere does not", change: func(o *org) { o.drop(2, o.currentThumbprint()) }, policy: only(Expiry)},
		{name: "no current", change: func(o *org) { o.AuthConfig.CurrentCertificateThumbprint = "" }, policy: only(Expiry), want: []verdict{{"current-not-configured", Critical, ""}}},
		{name: "no AuthConfig stands in the way of expiry", change: func(o *org) { o.AuthConfig = nil }, policy: only(Expiry), want: []verdict{{"authconfig-unreadable", Unknown, ""}}},
		{name: "not of self-signed", change: func(o *org) { o.AuthConfig = nil }, policy: only(SelfSigned)},
		{name: "no servers", change: func(o *org) { o.Servers = nil }, policy: only(SelfSigned), want: []verdict{{"no-servers", Unknown, ""}}},
		{name: "old facts", change: func(o *org) { o.TakenAt = At(in(-9)) }, policy: only(SelfSigned), want: []verdict{{"snapshot-stale", Unknown, ""}}},
	})
}

func TestExcludeServers(t *testing.T) {
	policy := Policy{ExcludeServers: []string{"EX01", "*.lab.contoso.com", "mail[0-9]"}}
	for name, want := range map[string]bool{
		"ex01.contoso.com": true, "Ex01": true, "ex011.contoso.com": false, "ex02.contoso.com": false,
		"ex09.LAB.contoso.com": true, "lab.contoso.com": false, "mail7.contoso.com": true, "mail77": false, "": false,
	} {
		if got := policy.excludes(name); got != want {
			t.Errorf("excludes(%q) = %t, want %t", name, got, want)
		}
	}
}

func TestExcludedServersAreTold(t *testing.T) {
	o := newOrg(t)
	o.unreadable(2, Timeout)
	policy := DefaultPolicy()
	policy.ExcludeServers = []string{"ex03"}
	result := Judge(o.Snapshot, policy, now)
	if !slices.Contains(result.Notes, "ex03.contoso.com is excluded") || !strings.HasSuffix(result.Summary, "(2 of 2 servers checked, 1 excluded)") {
		t.Errorf("summary %q, notes %q", result.Summary, result.Notes)
	}
}

func TestValidate(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Policy)
		want   string // a part of the error; "" is none
	}{
		{"as it comes", func(*Policy) {}, ""},
		{"equal minima", func(p *Policy) { p.Critical = AtLeast(60) }, ""},
		{"critical above warning", func(p *Policy) { p.Critical = AtLeast(61) }, "--critical 61: is above --warning 60:"},
		{"self-signed critical above warning", func(p *Policy) { p.SelfSignedCritical = AtLeast(61) }, "--selfsigned-critical 61: is above --selfsigned-warning 60:"},
		{"ranges that cannot be compared", func(p *Policy) { p.Critical = mustRange(t, "@0:100") }, ""},
		{"no minimum", func(p *Policy) { p.Warning = mustRange(t, "~:10") }, ""},
		{"an unknown finding", func(p *Policy) { p.States = map[string]Status{"current-lost": OK} }, `no finding is called "current-lost"`},
		{"a known finding", func(p *Policy) { p.States = map[string]Status{"current-missing": OK} }, ""},
		{"an unknown facet", func(p *Policy) { p.Only = []Facet{"colour"} }, `facet "colour"`},
		{"a malformed pattern", func(p *Policy) { p.ExcludeServers = []string{"ex[0"} }, `server pattern "ex[0"`},
		{"a negative grace", func(p *Policy) { p.ReplicationGrace = -time.Second }, "not negative"},
		{"a negative age", func(p *Policy) { p.MaxAge = -time.Second }, "not negative"},
	}
	for _, tt := range tests {
		policy := DefaultPolicy()
		tt.change(&policy)
		err := policy.Validate()
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("%s: %v, want no error", tt.name, err)
		case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("%s: %v, want an error with %q", tt.name, err, tt.want)
		}
	}
}
