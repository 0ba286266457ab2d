package authcert

import (
	"testing"
	"time"
)

func TestPublishedDiffers(t *testing.T) {
	publishes := func(p Published, thumbprints ...Thumbprint) func(*org) {
		return func(o *org) {
			for _, thumbprint := range thumbprints {
				if thumbprint == "current" {
					thumbprint = o.currentThumbprint()
				}
				p.Thumbprints = append(p.Thumbprints, thumbprint)
			}
			o.Servers[1].Published = &p
		}
	}
	const other = Thumbprint("ABCDEF0123456789ABCDEF0123456789ABCDEF01")
	answered := Published{HTTPStatus: 200}
	is := []verdict{{"published-differs", Warning, "ex02"}}
	changed := func(ago time.Duration) func(*org) {
		return func(o *org) {
			publishes(answered, other)(o)
			o.AuthConfig.WhenChangedUTC = At(now.Add(-ago))
		}
	}
	judgeRows(t, []row{
		{name: "current", change: publishes(answered, "current")},
		{name: "current, then previous", change: publishes(answered, "current", other)},
		{name: "another", change: publishes(answered, other), want: is, words: []string{"publishes ABCDEF01…", "partners refuse"}, absent: []string{"stale"}},
		{name: "another, then current", change: publishes(answered, other, "current"), want: is},
		{name: "none", change: publishes(answered), want: is, words: []string{"publishes no certificate"}},
		{name: "one that is not known", change: publishes(answered, "")},
		{name: "an answer that could not be read", change: publishes(Published{HTTPStatus: 200, Error: &Problem{Reason: Malformed}})},
		{name: "not found", change: publishes(Published{HTTPStatus: 404})},
		{name: "no answer", change: publishes(Published{Error: &Problem{Reason: Unreachable}})},
		{name: "a second less than 12 hours after a change", change: changed(publishedCache - time.Second), want: is, words: []string{"probably stale", "12 hours"}},
		{name: "12 hours after a change", change: changed(publishedCache), want: is, absent: []string{"stale"}},
		{name: "an expired current is left out of the document", change: func(o *org) {
			o.setCurrent(until(o.t, in(-1)))
			publishes(answered)(o)
		}, want: []verdict{{"current-expired", Critical, ""}}},
		{name: "no current", change: func(o *org) {
			o.AuthConfig.CurrentCertificateThumbprint = ""
			publishes(answered)(o)
		}, want: []verdict{{"current-not-configured", Critical, ""}}},
	})
}

func TestPublishedError(t *testing.T) {
	judgeRows(t, []row{
		{name: "500", change: func(o *org) { o.Servers[1].Published = &Published{HTTPStatus: 500} },
			want: []verdict{{"published-error", Critical, "ex02"}}, words: []string{"HTTP 500", "ex02.contoso.com"}},
		{name: "503", change: func(o *org) { o.Servers[1].Published = &Published{HTTPStatus: 503} }},
	})
}

// cloud gives the organization an application in Entra ID.
func cloud(change func(*org), held ...Thumbprint) func(*org) {
	return func(o *org) {
		o.Hybrid = &Hybrid{Configured: new(true), DedicatedApp: new(true)}
		change(o)
		o.Entra = &Entra{Application: "ExchangeServerApp", KeyCredentials: List[KeyCredential]{}}
		for _, thumbprint := range held {
			switch thumbprint {
			case "current":
				thumbprint = o.currentThumbprint()
			case "next":
				thumbprint = o.nextThumbprint()
			}
			o.Entra.KeyCredentials = append(o.Entra.KeyCredentials, KeyCredential{Thumbprint: thumbprint, EndDateTime: At(in(100))})
		}
	}
}

func TestCloudMissingCurrent(t *testing.T) {
	nothing := func(*org) {}
	ends := func(at time.Time) func(*org) {
		return func(o *org) {
			cloud(nothing, "current")(o)
			o.Entra.KeyCredentials[0].EndDateTime = At(at)
		}
	}
	is := []verdict{{"cloud-missing-current", Critical, ""}}
	judgeRows(t, []row{
		{name: "held", change: cloud(nothing, "AB", "current")},
		{name: "not held", change: cloud(nothing, "AB"), want: is, words: []string{"application ExchangeServerApp", "free/busy"}},
		{name: "nothing held", change: cloud(nothing), want: is},
		{name: "one that cannot be told apart", change: cloud(nothing, "AB", "")},
		{name: "not asked", change: func(o *org) { o.Hybrid.Configured = new(true) }},
		{name: "the answer holds no list", change: func(o *org) { o.Hybrid.Configured, o.Entra = new(true), &Entra{} }},
		{name: "no hybrid", change: func(o *org) {
			cloud(nothing, "AB")(o)
			o.Hybrid.Configured = new(false)
		}},
		{name: "not known whether hybrid", change: func(o *org) {
			cloud(nothing, "AB")(o)
			o.Hybrid = nil
		}, want: is},
		{name: "held until now", change: ends(now)},
		{name: "held until a second ago", change: ends(now.Add(-time.Second)), want: is},
		{name: "held, end not known", change: ends(time.Time{})},
		{name: "expired anyway", change: cloud(func(o *org) { o.setCurrent(until(o.t, in(-1))) }, "AB"), want: []verdict{{"current-expired", Critical, ""}}},
		{name: "unnamed application", change: func(o *org) {
			cloud(nothing)(o)
			o.Entra.Application = ""
		}, want: is, words: []string{"the application does not hold it"}},
	})
}

func TestCloudMissingNext(t *testing.T) {
	next := func(effective time.Time) func(*org) {
		return func(o *org) { o.setNext(until(o.t, in(1800)), effective) }
	}
	is := func(status Status) []verdict { return []verdict{{"cloud-missing-next", status, ""}} }
	judgeRows(t, []row{
		{name: "held", change: cloud(next(in(1)), "current", "next")},
		{name: "a second more than 14 days", change: cloud(next(in(14).Add(time.Second)), "current")},
		{name: "14 days", change: cloud(next(in(14)), "current"), want: is(Warning), words: []string{"becomes current on 2026-12-07"}},
		{name: "a second before the lead", change: cloud(next(now.Add(leadTime+time.Second)), "current"), want: is(Warning)},
		{name: "within the lead", change: cloud(next(now.Add(leadTime)), "current"), want: is(Critical)},
		{name: "date passed", change: cloud(next(now.Add(-time.Hour)), "current"), want: is(Critical)},
		{name: "without a date", change: cloud(func(o *org) { o.setNext(until(o.t, in(1800)), time.Time{}) }, "current"), want: []verdict{{"next-without-date", Warning, ""}}},
		{name: "expired, to be replaced anyway", change: cloud(func(o *org) { o.setNext(until(o.t, in(-1)), in(1)) }, "current"), want: []verdict{{"next-expired", Critical, ""}}},
	})
}
