package authcert

import (
	"strings"
	"testing"
	"time"
)

func TestAuthConfigUnreadable(t *testing.T) {
	noSession := func(o *org) {
		o.AuthConfig, o.Servers = nil, o.Servers[:1]
		o.Errors = List[Problem]{{Stage: StageSession, Reason: AccessDenied, Message: "no session"}}
	}
	is := []verdict{{"authconfig-unreadable", Unknown, ""}}
	judgeRows(t, []row{
		{name: "refused", change: func(o *org) {
			o.AuthConfig = nil
			o.Errors = List[Problem]{{Stage: StageAuthConfig, Reason: AccessDenied, Message: "not allowed", Hint: "see your role"}}
		}, want: is, words: []string{"access denied: not allowed", "which certificate is current is not known"}},
		{name: "absent", change: func(o *org) { o.AuthConfig = nil }, want: is, words: []string{"holds none"}},
		{name: "an Auth Certificate in the store", change: func(o *org) { o.AuthConfig = nil }, want: is, words: []string{"the last Auth Certificate on ex01.contoso.com", "is valid until"}},
		{name: "an expired Auth Certificate in the store", change: func(o *org) {
			o.setCurrent(until(o.t, in(-3)))
			o.AuthConfig = nil
		}, want: is, words: []string{"expired 3 days ago", "if it is current, that is the cause"}},
		{name: "no session, only the host's own store", change: noSession, want: []verdict{{"authconfig-unreadable", Unknown, ""}, {"server-unreadable", Unknown, ""}},
			words: []string{"access denied: no session"}, absent: []string{"holds none"}},
		{name: "no session and no server", change: func(o *org) {
			noSession(o)
			o.Servers = nil
		}, want: []verdict{{"authconfig-unreadable", Unknown, ""}, {"no-servers", Unknown, ""}}},
		// Of the other servers nothing is known: that was once OK.
		{name: "no session, only the self-signed ones wanted", change: noSession, policy: func(p *Policy) { p.Only = []Facet{SelfSigned} },
			want: []verdict{{"server-unreadable", Unknown, ""}}},
		{name: "an expired certificate all the same", change: func(o *org) {
			o.AuthConfig = nil
			o.install(0, own(o.t, "old", -10))
		}, want: []verdict{{"selfsigned-expired", Critical, "ex01"}, {"authconfig-unreadable", Unknown, ""}}},
	})
}

func TestCurrentNotConfigured(t *testing.T) {
	judgeRows(t, []row{
		{name: "neither", change: func(o *org) { *o.AuthConfig = AuthConfig{} }, want: []verdict{{"current-not-configured", Critical, ""}}},
		{name: "a next one", change: func(o *org) {
			o.setNext(until(o.t, in(1800)), in(20))
			o.AuthConfig.CurrentCertificateThumbprint = ""
		}, want: []verdict{{"current-not-configured", Critical, ""}}},
	})
}

func TestNextIsCurrent(t *testing.T) {
	judgeRows(t, []row{{name: "same", change: func(o *org) {
		o.AuthConfig.NextCertificateThumbprint = o.currentThumbprint()
		o.AuthConfig.NextCertificateEffectiveDate = At(in(-10))
	}, want: []verdict{{"next-is-current", Warning, ""}}}})
}

func TestNextWithoutDate(t *testing.T) {
	judgeRows(t, []row{
		{name: "no date", change: func(o *org) { o.setNext(until(o.t, in(1800)), time.Time{}) }, want: []verdict{{"next-without-date", Warning, ""}}},
		{name: "year 1", change: func(o *org) {
			o.setNext(until(o.t, in(1800)), time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC))
		}, want: []verdict{{"next-without-date", Warning, ""}}},
		{name: "year 1601", change: func(o *org) {
			o.setNext(until(o.t, in(1800)), time.Date(1601, 1, 1, 0, 0, 0, 0, time.UTC))
		}, want: []verdict{{"next-without-date", Warning, ""}}},
		{name: "one that cannot be read", change: func(o *org) {
			o.setNext(until(o.t, in(1800)), time.Time{})
			o.Errors = append(o.Errors, Problem{Stage: StageEffectiveDate, Reason: Malformed, Message: `date "12/1/2026"`})
		}, want: []verdict{{"next-without-date", Unknown, ""}}, words: []string{"could not be read", "12/1/2026"}},
		{name: "one that cannot be read, without next", change: func(o *org) {
			o.Errors = append(o.Errors, Problem{Stage: StageEffectiveDate, Reason: Malformed, Message: `date "12/1/2026"`})
		}},
		{name: "a date without next is a note", change: func(o *org) { o.AuthConfig.NextCertificateEffectiveDate = At(in(5)) }},
	})
}

func TestNextTooLate(t *testing.T) {
	next := func(ends, effective time.Time) func(*org) {
		return func(o *org) {
			o.setCurrent(until(o.t, ends))
			o.setNext(until(o.t, in(1800)), effective)
		}
	}
	judgeRows(t, []row{
		{name: "effective when current ends", change: next(in(100), in(100))},
		{name: "a second later", change: next(in(100), in(100).Add(time.Second)), want: []verdict{{"next-too-late", Warning, ""}},
			words: []string{"on 2027-03-03 12:00", "end of the current one is 2027-03-03 12:00", "Outlook on the web"}},
		{name: "30 days", change: next(in(30), in(31)), want: []verdict{{"current-expiring", Warning, ""}, {"next-too-late", Warning, ""}}},
		{name: "30 days less a second", change: next(in(30).Add(-time.Second), in(31)), want: []verdict{{"current-expiring", Critical, ""}, {"next-too-late", Critical, ""}}},
		{name: "never", change: next(in(100), time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)), want: []verdict{{"next-too-late", Warning, ""}}},
	})
}

func TestRolloverOverdue(t *testing.T) {
	next := func(ends, effective time.Time) func(*org) {
		return func(o *org) {
			o.setCurrent(until(o.t, ends))
			o.setNext(until(o.t, in(1800)), effective)
		}
	}
	is := func(status Status) []verdict { return []verdict{{"rollover-overdue", status, ""}} }
	judgeRows(t, []row{
		{name: "two hours ago", change: next(in(200), now.Add(-2*time.Hour))},
		{name: "24 hours ago", change: next(in(200), now.Add(-overdueAfter))},
		{name: "a second more", change: next(in(200), now.Add(-overdueAfter-time.Second)), want: is(Warning), words: []string{"overdue for 24 hours", "2026-11-22 11:59", "AuthAdmin"}},
		{name: "three days ago", change: next(in(200), in(-3)), want: is(Warning), words: []string{"overdue for 3 days"}},
		{name: "current nowhere to be seen", change: func(o *org) {
			next(in(200), in(-3))(o)
			for i := range o.Servers {
				o.drop(i, o.currentThumbprint())
			}
		}, want: []verdict{{"current-missing", Critical, ""}, {"rollover-overdue", Warning, ""}}},
		{name: "30 days left", change: next(in(30), in(-3)), want: []verdict{{"current-expiring", Warning, ""}, {"rollover-overdue", Warning, ""}}},
		{name: "less", change: next(in(30).Add(-time.Second), in(-3)), want: []verdict{{"current-expiring", Critical, ""}, {"rollover-overdue", Critical, ""}}},
	})
}

func TestAuthConfigUnexpected(t *testing.T) {
	is := []verdict{{"authconfig-unexpected", Warning, ""}}
	judgeRows(t, []row{
		{name: "in capitals", change: func(o *org) { o.AuthConfig.ServiceName = "00000002-0000-0FF1-CE00-000000000000" }},
		{name: "not known", change: func(o *org) { o.AuthConfig.ServiceName = "" }},
		{name: "another service", change: func(o *org) { o.AuthConfig.ServiceName = "other" }, want: is, words: []string{"ServiceName other instead of 00000002"}, absent: []string{"Realm"}},
		{name: "a realm", change: func(o *org) { o.AuthConfig.Realm = "contoso.com" }, want: is, words: []string{"Realm contoso.com instead of none"}, absent: []string{"ServiceName"}},
		{name: "both", change: func(o *org) { o.AuthConfig.ServiceName, o.AuthConfig.Realm = "other", "contoso.com" }, want: is, words: []string{"ServiceName", "Realm"}},
	})
}

func TestAuthConfigDiffers(t *testing.T) {
	other := func(change func(*AuthConfig)) func(*org) {
		return func(o *org) {
			second := *o.AuthConfig
			second.OriginatingServer = "dc02.contoso.com"
			o.Origin = Origin{Kind: "winrm", Host: "ex01.contoso.com", Via: "exchange", Tried: []string{"ex00"}}
			change(&second)
			o.OtherAuthConfigs = List[AuthConfig]{second}
		}
	}
	dates := func(here, there time.Duration) func(*org) {
		return func(o *org) {
			o.AuthConfig.NextCertificateEffectiveDate = At(in(5).Add(here))
			other(func(a *AuthConfig) { a.NextCertificateEffectiveDate = At(in(5).Add(there)) })(o)
		}
	}
	services := func(here, there string, changes ...func(*AuthConfig)) func(*org) {
		return func(o *org) {
			o.AuthConfig.ServiceName = here
			other(func(a *AuthConfig) {
				a.ServiceName = there
				for _, change := range changes {
					change(a)
				}
			})(o)
		}
	}
	is := []verdict{{"authconfig-differs", Warning, ""}}
	judgeRows(t, []row{
		{name: "the same", change: other(func(*AuthConfig) {})},
		{name: "another current", change: other(func(a *AuthConfig) { a.CurrentCertificateThumbprint = "AB" }), want: is, words: []string{"dc01.contoso.com", "current AB", "dc02.contoso.com"}},
		{name: "another next", change: other(func(a *AuthConfig) { a.NextCertificateThumbprint = "AB" }), want: is, words: []string{
			"next none from winrm via exchange on ex01.contoso.com, domain controller dc01.contoso.com; ", "next AB from winrm via exchange on ex01.contoso.com, domain controller dc02.contoso.com"}, absent: []string{"ex00"}},
		{name: "read another way", change: other(func(a *AuthConfig) {
			a.NextCertificateThumbprint, a.Origin = "AB", &Origin{Kind: KindLDAP, Host: "dc02.contoso.com"}
		}), want: is, words: []string{"next none from winrm via exchange on ex01.contoso.com, domain controller dc01.contoso.com; ", "next AB from ldap on dc02.contoso.com"}, absent: []string{"domain controller dc02"}},
		{name: "unnamed", change: other(func(a *AuthConfig) { a.NextCertificateThumbprint, a.OriginatingServer = "AB", "" }), want: is, words: []string{"an unnamed domain controller"}},
		{name: "another previous", change: other(func(a *AuthConfig) { a.PreviousCertificateThumbprint = "AB" }), want: is, words: []string{"differ: previous none from ", "; previous AB from "}, absent: []string{"current", "next", "may still bring"}},
		{name: "another date", change: other(func(a *AuthConfig) { a.NextCertificateEffectiveDate = At(in(5)) }), want: is, words: []string{"effective date none from ", "effective date 2026-11-28T12:00:00Z from "}},
		{name: "two seconds apart", change: dates(0, 2*time.Second), want: is, words: []string{"effective date 2026-11-28T12:00:00Z from ", "effective date 2026-11-28T12:00:02Z from "}},
		{name: "two seconds before", change: dates(2*time.Second, 0), want: is},
		{name: "a second apart", change: dates(0, time.Second)},
		{name: "a second before", change: dates(time.Second, 0)},
		{name: "a date that could not be read", change: func(o *org) {
			dates(0, 0)(o)
			o.AuthConfig.NextCertificateEffectiveDate = Instant{}
			o.Errors = List[Problem]{{Stage: StageEffectiveDate, Reason: Malformed, Message: "no date"}}
		}},
		{name: "another service", change: services(ExchangeServiceName, "other"), want: is, words: []string{"ServiceName " + ExchangeServiceName + " from ", "ServiceName other from "}},
		{name: "the service in capitals", change: services(ExchangeServiceName, strings.ToUpper(ExchangeServiceName))},
		{name: "a service that is not known here", change: services("", ExchangeServiceName)},
		{name: "a service that is not known there", change: services(ExchangeServiceName, "")},
		{name: "a realm", change: other(func(a *AuthConfig) { a.Realm = "contoso.com" }), want: is, words: []string{"Realm none from ", "Realm contoso.com from "}},
		{name: "the realm in capitals", change: func(o *org) {
			o.AuthConfig.Realm = "contoso.com"
			other(func(a *AuthConfig) { a.Realm = "Contoso.com" })(o)
		}, want: []verdict{{"authconfig-unexpected", Warning, ""}}},
		{name: "all of it", change: services(ExchangeServiceName, "other", func(a *AuthConfig) {
			*a = AuthConfig{CurrentCertificateThumbprint: "AB", PreviousCertificateThumbprint: "CD", NextCertificateThumbprint: "EF", NextCertificateEffectiveDate: At(in(5)), ServiceName: a.ServiceName, Realm: "contoso.com"}
		}), want: is, words: []string{"; current AB, previous CD, next EF, effective date 2026-11-28T12:00:00Z, ServiceName other, Realm contoso.com from "}},
		{name: "changed a while ago", change: other(func(a *AuthConfig) {
			a.PreviousCertificateThumbprint, a.WhenChangedUTC = "AB", At(now.Add(-time.Hour))
		}), want: is, words: []string{"; AuthConfig changed on 2026-11-23 11:00 UTC, so replication may still bring it"}},
	})
}

func TestSnapshotStale(t *testing.T) {
	taken := func(ago time.Duration) func(*org) { return func(o *org) { o.TakenAt = At(now.Add(-ago)) } }
	is := []verdict{{"snapshot-stale", Unknown, ""}}
	judgeRows(t, []row{
		{name: "24 hours old", change: taken(24 * time.Hour)},
		{name: "a second older", change: taken(24*time.Hour + time.Second), want: is, words: []string{"24 hours old", "the oldest that is believed is 24 hours"}},
		{name: "a week old", change: taken(7 * 24 * time.Hour), want: is, words: []string{"7 days old"}},
		{name: "five minutes ahead", change: taken(-clockSkew)},
		{name: "a second more", change: taken(-clockSkew - time.Second), want: is, words: []string{"from the future", "; here it is 2026-11-23 12:00 UTC"}},
		{name: "unknown", change: func(o *org) { o.TakenAt = Instant{} }, want: is, words: []string{"does not say when"}},
		{name: "not judged", change: taken(1000 * time.Hour), policy: func(p *Policy) { p.MaxAge = 0 }},
		{name: "own age", change: taken(time.Hour + time.Second), policy: func(p *Policy) { p.MaxAge = time.Hour }, want: is},
	})
}
