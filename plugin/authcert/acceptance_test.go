package authcert

import (
	"testing"
	"time"
)

// TestAcceptance holds the situations that an operator may meet, each with all
// that is reported of it.
func TestAcceptance(t *testing.T) {
	life := func(daysLeft float64) func(*org) {
		return func(o *org) { o.setCurrent(until(o.t, in(daysLeft))) }
	}
	and := func(changes ...func(*org)) func(*org) {
		return func(o *org) {
			for _, change := range changes {
				change(o)
			}
		}
	}
	next := func(daysLeft float64, effective time.Time) func(*org) {
		return func(o *org) { o.setNext(until(o.t, in(daysLeft)), effective) }
	}
	current3 := func(o *org) { o.drop(2, o.currentThumbprint()) }
	next3 := func(o *org) { o.drop(2, o.nextThumbprint()) }
	expiring := func(status Status) verdict { return verdict{"current-expiring", status, ""} }
	all := func(change func(*org, int)) func(*org) {
		return func(o *org) {
			for i := range o.Servers {
				change(o, i)
			}
		}
	}
	judgeRows(t, []row{
		{name: "400 days left, nothing staged", change: life(400)},
		{name: "61 days left, nothing staged", change: life(61)},
		{name: "29 days left, nothing staged", change: life(29), want: []verdict{expiring(Critical)}},
		{name: "29 days left, a sound rollover staged", change: and(life(29), next(1800, in(5)))},
		{name: "29 days left, the rollover comes after the end", change: and(life(29), next(1800, in(35))), want: []verdict{expiring(Critical), {"next-too-late", Critical, ""}}},
		{name: "200 days left, the rollover was due three days ago", change: and(life(200), next(1800, in(-3))), want: []verdict{{"rollover-overdue", Warning, ""}}},
		{name: "the rollover was due two hours ago", change: and(life(200), next(1800, now.Add(-2*time.Hour)))},
		{name: "ends today in 11 hours", change: life(11.0 / 24), want: []verdict{expiring(Critical)}, words: []string{"expires in 11 hours"}},
		{name: "ended an hour ago", change: life(-1.0 / 24), want: []verdict{{"current-expired", Critical, ""}}},
		{name: "ended 400 days ago", change: life(-400), want: []verdict{{"current-expired", Critical, ""}}},
		{name: "expired, next becomes effective later", change: and(life(-1), next(1800, in(3))), want: []verdict{{"current-expired", Critical, ""}, {"next-too-late", Critical, ""}}},
		{name: "current and next expired", change: and(life(-3), next(-2, in(-10))), want: []verdict{{"current-expired", Critical, ""}, {"next-expired", Critical, ""}, {"rollover-overdue", Critical, ""}}},
		{name: "300 days left, next expired", change: and(life(300), next(-2, in(20))), want: []verdict{{"next-expired", Warning, ""}}},
		{name: "300 days left, next ends before current", change: and(life(300), next(200, in(20))), want: []verdict{{"next-expiring", Warning, ""}}},
		{name: "300 days left, next is current", change: func(o *org) {
			life(300)(o)
			o.AuthConfig.NextCertificateThumbprint = o.currentThumbprint()
		}, want: []verdict{{"next-is-current", Warning, ""}}},
		{name: "missing on one server", change: and(life(300), current3), want: []verdict{{"current-missing", Critical, "ex03"}}},
		{name: "missing on one server, an hour after a change", change: and(life(300), current3, func(o *org) { o.AuthConfig.WhenChangedUTC = At(now.Add(-time.Hour)) }),
			want: []verdict{{"current-missing", Warning, "ex03"}}},
		{name: "45 days left and missing on one server", change: and(life(45), current3), want: []verdict{{"current-missing", Critical, "ex03"}, expiring(Warning)}},
		{name: "next missing, effective in 20 days", change: and(next(1800, in(20)), next3), want: []verdict{{"next-missing", Warning, "ex03"}}},
		{name: "next missing, effective in 12 hours", change: and(next(1800, in(0.5)), next3), want: []verdict{{"next-missing", Critical, "ex03"}}},
		{name: "current nowhere", change: all(func(o *org, i int) { o.drop(i, o.currentThumbprint()) }), want: []verdict{{"current-missing", Critical, ""}}, words: []string{"on no server"}},
		{name: "no current configured", change: func(o *org) { o.AuthConfig.CurrentCertificateThumbprint = "" }, want: []verdict{{"current-not-configured", Critical, ""}}},
		{name: "AuthConfig refused", change: func(o *org) {
			o.AuthConfig, o.Errors = nil, List[Problem]{{Stage: StageAuthConfig, Reason: AccessDenied}}
		}, want: []verdict{{"authconfig-unreadable", Unknown, ""}}},
		{name: "no servers returned", change: func(o *org) { o.Servers = nil }, want: []verdict{{"no-servers", Unknown, ""}}},
		{name: "one server unreachable", change: func(o *org) { o.unreadable(2, Unreachable) }, want: []verdict{{"server-unreadable", Unknown, "ex03"}}},
		{name: "all servers unreachable", change: all(func(o *org, i int) { o.unreadable(i, Unreachable) }),
			want: []verdict{{"server-unreadable", Unknown, "ex01"}, {"server-unreadable", Unknown, "ex02"}, {"server-unreadable", Unknown, "ex03"}}},
		{name: "the unreachable server is excluded", change: func(o *org) { o.unreadable(2, Unreachable) }, policy: func(p *Policy) { p.ExcludeServers = []string{"ex03.*"} }},
		{name: "one unreachable, current expired elsewhere", change: and(life(-1), func(o *org) { o.unreadable(2, Unreachable) }),
			want: []verdict{{"current-expired", Critical, ""}, {"server-unreadable", Unknown, "ex03"}}},
		{name: "an Edge server", change: func(o *org) { o.Servers[2].Role, o.Servers[2].Certificates = "Edge", nil }},
		{name: "an Exchange 2010 server", change: func(o *org) {
			o.Servers[2].AdminDisplayVersion, o.Servers[2].Certificates = "Version 14.3 (Build 123.4)", nil
		}},
		{name: "version as text, site unknown", change: func(o *org) { o.Servers[2].AdminDisplayVersion, o.Servers[2].Site = "15.02.2562.017", "" }},
		{name: "only raw data", change: all(func(o *org, i int) {
			for j, c := range o.Servers[i].Certificates {
				o.Servers[i].Certificates[j] = Certificate{RawData: c.RawData}
			}
		})},
		{name: "neither thumbprint nor raw data", change: func(o *org) { o.Servers[2].Certificates = List[Certificate]{{}, {}} }, want: []verdict{{"server-unreadable", Unknown, "ex03"}}, words: []string{"2 of 2 entries are no certificates"}},
		{name: "every list empty, session not elevated", change: all(func(o *org, i int) { o.Servers[i].Certificates = List[Certificate]{} }),
			want: []verdict{{"server-unreadable", Unknown, "ex01"}, {"server-unreadable", Unknown, "ex02"}, {"server-unreadable", Unknown, "ex03"}}},
		{name: "one list empty", change: func(o *org) { o.Servers[2].Certificates = List[Certificate]{} }, want: []verdict{{"server-unreadable", Unknown, "ex03"}}},
		{name: "several certificates of that subject", change: and(func(o *org) { o.installEverywhere(until(o.t, in(700))) }, func(o *org) { o.installEverywhere(until(o.t, in(900))) })},
		{name: "old ones expired in the store", change: func(o *org) { o.installEverywhere(until(o.t, in(-900))) }},
		{name: "previous still set, long after the rollover", change: func(o *org) {
			o.installEverywhere(until(o.t, in(-60)))
			o.AuthConfig.PreviousCertificateThumbprint = ThumbprintOf(until(o.t, in(-60)).RawData)
		}},
		{name: "no private key on one server", change: func(o *org) { o.entry(1, o.currentThumbprint()).HasPrivateKey = new(false) }, want: []verdict{{"current-no-private-key", Critical, "ex02"}}},
		{name: "not exportable", change: func(o *org) { o.entry(1, o.currentThumbprint()).PrivateKeyExportable = new(false) }, want: []verdict{{"current-not-exportable", Warning, "ex02"}}},
		{name: "key in a CNG provider", change: func(o *org) { o.entry(1, o.currentThumbprint()).KeyProvider = "cng" }, want: []verdict{{"current-key-unsuitable", Warning, "ex02"}}},
		{name: "issued by an authority", change: usual(func(s *spec) { s.issuer, s.signer = "Contoso CA", otherKey() }), want: []verdict{{"current-not-selfsigned", Warning, ""}}},
		{name: "self-issued, signed by another key", change: usual(func(s *spec) { s.signer = otherKey() }), want: []verdict{{"current-not-selfsigned", Warning, ""}}},
		{name: "another subject", change: usual(func(s *spec) { s.subject = "oauth.contoso.com" })},
		{name: "made by setup with SHA-1, 200 days left", change: func(o *org) {
			o.setCurrent(Certificate{RawData: signWithSHA1(o.t, spec{from: in(-1600), to: in(200)}.der(o.t), key2048()), HasPrivateKey: new(true)})
		}},
		{name: "RSA 1024", change: usual(func(s *spec) { s.key = key1024() }), want: []verdict{{"current-key-unsuitable", Warning, ""}}},
		{name: "current not yet valid", change: usual(func(s *spec) { s.from = in(0.1) }), want: []verdict{{"current-not-yet-valid", Critical, ""}}},
		{name: "hybrid, current not uploaded", change: cloud(func(*org) {}, "AB"), want: []verdict{{"cloud-missing-current", Critical, ""}}},
		{name: "hybrid, next not uploaded, effective in 10 days", change: cloud(next(1800, in(10)), "current"), want: []verdict{{"cloud-missing-next", Warning, ""}}},
		{name: "hybrid, cloud not asked, a rollover pending", change: and(next(1800, in(10)), func(o *org) { o.Hybrid.Configured = new(true) })},
		{name: "internal transport certificate is current", change: func(o *org) { o.Servers[0].InternalTransportCertificateThumbprint = o.currentThumbprint() }, want: []verdict{{"current-is-transport", Warning, "ex01"}}},
		{name: "internal transport certificate expired", change: func(o *org) {
			o.Servers[0].Certificates[1] = own(o.t, "ex01", -1)
			o.Servers[0].InternalTransportCertificateThumbprint = ThumbprintOf(o.Servers[0].Certificates[1].RawData)
		}, want: []verdict{{"selfsigned-expired", Critical, "ex01"}}},
		{name: "Back End binding without a certificate", change: func(o *org) { o.Servers[0].Served = List[Served]{{Port: 444}} }, want: []verdict{{"backend-unbound", Critical, "ex01"}}},
		{name: "another service name", change: func(o *org) { o.AuthConfig.ServiceName = "other" }, want: []verdict{{"authconfig-unexpected", Warning, ""}}},
		{name: "a realm", change: func(o *org) { o.AuthConfig.Realm = "contoso.com" }, want: []verdict{{"authconfig-unexpected", Warning, ""}}},
		{name: "made for 365 days, 80 left", change: usual(func(s *spec) { s.from, s.to = in(80-365), in(80) })},
		{name: "next without a date", change: next(1800, time.Time{}), want: []verdict{{"next-without-date", Warning, ""}}},
		{name: "a date without next", change: func(o *org) { o.AuthConfig.NextCertificateEffectiveDate = At(in(-3)) }},
		{name: "date in another time zone", change: and(life(200), next(1800, now.Add(-23*time.Hour).In(time.FixedZone("UTC+13", 13*3600))))},
		{name: "renewed an hour ago", change: func(o *org) { o.AuthConfig.WhenChangedUTC = At(now.Add(-time.Hour)) }},
		{name: "facts two days old", change: func(o *org) { o.TakenAt = At(in(-2)) }, want: []verdict{{"snapshot-stale", Unknown, ""}}},
		{name: "two domain controllers disagree", change: func(o *org) {
			o.OtherAuthConfigs = List[AuthConfig]{{CurrentCertificateThumbprint: "AB", OriginatingServer: "dc02.contoso.com"}}
		}, want: []verdict{{"authconfig-differs", Warning, ""}}, words: []string{"dc01.contoso.com", "dc02.contoso.com"}},
	})
}
