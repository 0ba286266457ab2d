package authcert

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// A sound rollover silences the coming end of the current certificate. Each
// row breaks one of its conditions.
func TestSoundRollover(t *testing.T) {
	staged := func(o *org) {
		o.setCurrent(until(o.t, in(29)))
		o.setNext(until(o.t, in(1800)), in(5))
	}
	but := func(change func(*org)) func(*org) {
		return func(o *org) { staged(o); change(o) }
	}
	with := func(cert Certificate, effective time.Time) func(*org) {
		return func(o *org) {
			o.setCurrent(until(o.t, in(29)))
			o.setNext(cert, effective)
		}
	}
	expiring := verdict{"current-expiring", Critical, ""}
	judgeRows(t, []row{
		{name: "sound", change: staged},
		{name: "sound, key facts not known", change: but(func(o *org) { o.entry(1, o.nextThumbprint()).HasPrivateKey = nil })},
		{name: "sound, date passed two hours ago", change: but(func(o *org) { o.AuthConfig.NextCertificateEffectiveDate = At(now.Add(-2 * time.Hour)) })},
		{name: "sound, valid from its date", change: with(authCertificate(t, spec{from: in(5), to: in(1800)}), in(5))},
		{name: "not on one server", change: but(func(o *org) { o.drop(1, o.nextThumbprint()) }), want: []verdict{expiring, {"next-missing", Warning, "ex02"}}},
		{name: "not on any server", change: but(func(o *org) {
			for i := range o.Servers {
				o.drop(i, o.nextThumbprint())
			}
		}), want: []verdict{expiring, {"next-missing", Warning, ""}}},
		{name: "without its key on one server", change: but(func(o *org) { o.entry(1, o.nextThumbprint()).HasPrivateKey = new(false) }), want: []verdict{expiring, {"next-no-private-key", Warning, "ex02"}}},
		{name: "without a date", change: but(func(o *org) { o.AuthConfig.NextCertificateEffectiveDate = Instant{} }), want: []verdict{expiring, {"next-without-date", Warning, ""}}},
		{name: "not valid from its date", change: with(authCertificate(t, spec{from: in(5).Add(time.Second), to: in(1800)}), in(5)), want: []verdict{expiring, {"next-not-valid-when-effective", Warning, ""}}},
		{name: "effective a second before current ends", change: with(until(t, in(1800)), in(29).Add(-time.Second))},
		{name: "effective only when current ends", change: with(until(t, in(1800)), in(29)), want: []verdict{expiring}},
		{name: "effective after current ends", change: with(until(t, in(1800)), in(29).Add(time.Second)), want: []verdict{expiring, {"next-too-late", Critical, ""}}},
		{name: "ends with the current one", change: with(authCertificate(t, spec{from: in(-10), to: in(29), serial: 9}), in(5)), want: []verdict{expiring, {"next-expiring", Warning, ""}}},
		{name: "outlives the current one by a second", change: with(until(t, in(29).Add(time.Second)), in(5)), want: []verdict{{"next-expiring", Warning, ""}}},
		{name: "overdue", change: but(func(o *org) { o.AuthConfig.NextCertificateEffectiveDate = At(in(-3)) }), want: []verdict{expiring, {"rollover-overdue", Critical, ""}}},
		{name: "no current to be seen", change: but(func(o *org) {
			for i := range o.Servers {
				o.drop(i, o.currentThumbprint())
			}
		}), want: []verdict{{"current-missing", Critical, ""}}},
		{name: "an unreadable server is not counted on", change: but(func(o *org) { o.unreadable(1, Timeout) }), want: []verdict{{"server-unreadable", Unknown, "ex02"}}},
	})
}

func TestNotes(t *testing.T) {
	staged := func(at time.Time) func(*org) {
		return func(o *org) { o.setNext(until(o.t, in(1800)), at) }
	}
	tests := []struct {
		name   string
		change func(*org)
		want   string // a part of one note
	}{
		{"staged", staged(in(5)), "becomes current on 2026-11-28 12:00 UTC"},
		{"due", staged(now.Add(-time.Hour)), "within 12 hours"},
		{"hybrid with a rollover", func(o *org) { staged(in(5))(o); o.Hybrid.Configured = new(true) }, "Hybrid Configuration Wizard"},
		{"a date left over", func(o *org) { o.AuthConfig.NextCertificateEffectiveDate = At(in(5)) }, "left over without a next certificate"},
		{"previous", func(o *org) { o.AuthConfig.PreviousCertificateThumbprint = "ABCDEF0123" }, "previous Auth Certificate ABCDEF01… is still configured"},
		{"changed recently", func(o *org) { o.AuthConfig.WhenChangedUTC = At(now.Add(-time.Hour)) }, "changed recently, on 2026-11-23 11:00 UTC"},
		{"unusual subject", usual(func(s *spec) { s.subject = "oauth" }), "unusual subject: CN=oauth"},
		{"made by setup", func(o *org) {
			o.setCurrent(Certificate{RawData: signWithSHA1(o.t, spec{from: in(-10), to: in(400)}.der(o.t), key2048())})
		}, "signed with SHA-1"},
		{"short life", usual(func(s *spec) { s.from, s.to = now, in(60) }), "not less than the 60 days"},
		{"leftovers", func(o *org) { o.installEverywhere(until(o.t, in(-5))) }, "1 Auth Certificate of earlier rollovers"},
		{"key not checked", func(o *org) { o.entry(0, o.currentThumbprint()).HasPrivateKey = nil }, "private key of the current certificate not checked on 1 server"},
		{"next key not checked", func(o *org) { staged(in(5))(o); o.entry(0, o.nextThumbprint()).HasPrivateKey = nil }, "private key of the next certificate not checked on 1 server"},
		{"key of an unknown kind", func(o *org) {
			o.setCurrent(Certificate{RawData: patch(o.t, spec{from: in(-10), to: in(400), key: ecdsaKey()}.der(o.t), oidP256, oidOtherCurve)})
		}, "public key of the current certificate not checked"},
		{"handshake failed", func(o *org) {
			o.Servers[0].Served = List[Served]{{Port: 444, Error: &Problem{Reason: Timeout, Message: "no answer"}}}
		}, "port 444 of ex01.contoso.com not checked: timeout: no answer"},
		{"handshake brought garbage", func(o *org) { o.Servers[0].Served = List[Served]{{Port: 444, RawData: DER("x")}} }, "no certificate"},
		{"metadata refused", func(o *org) { o.Servers[0].Published = &Published{HTTPStatus: 403} }, "published metadata of ex01.contoso.com not checked: HTTP 403"},
		{"metadata unreachable", func(o *org) { o.Servers[0].Published = &Published{Error: &Problem{Reason: Unreachable}} }, "not checked: unreachable"},
		{"metadata not understood", func(o *org) { o.Servers[0].Published = &Published{HTTPStatus: 200, Thumbprints: List[Thumbprint]{""}} }, "which certificate it names is not known"},
		{"cloud not known", cloud(func(*org) {}, ""), "whether Entra ID trusts the current certificate is not known"},
		{"another stage failed", func(o *org) { o.Errors = List[Problem]{{Stage: "get-hybridconfiguration", Reason: AccessDenied}} }, "not known (get-hybridconfiguration): access denied"},
		{"a second read of AuthConfig failed", func(o *org) { o.Errors = List[Problem]{{Stage: StageAuthConfig, Reason: Timeout}} }, "not known (get-authconfig): timeout"},
		{"another way was tried before", func(o *org) {
			o.Origin = Origin{Kind: "winrm", Host: "ex01", Tried: []string{"ex01 via exchange: timeout"}}
		}, "asked ex01 via winrm; this failed: ex01 via exchange: timeout"},
		{"listed twice", func(o *org) { o.Servers = append(o.Servers, o.Servers[0]) }, "ex01.contoso.com is listed twice"},
		{"Edge", func(o *org) { o.Servers[0].Role = "Edge" }, "ex01.contoso.com is skipped: its role is Edge"},
		{"old", func(o *org) { o.Servers[0].AdminDisplayVersion = "Version 14.3 (Build 1.2)" }, "is older than Exchange 2013"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := newOrg(t)
			before := Judge(o.Snapshot, DefaultPolicy(), now)
			tt.change(o)
			after := Judge(o.Snapshot, DefaultPolicy(), now)
			has := func(notes []string) bool {
				return slices.ContainsFunc(notes, func(note string) bool { return strings.Contains(note, tt.want) })
			}
			if has(before.Notes) {
				t.Errorf("a sound organization has the note %q", tt.want)
			}
			if !has(after.Notes) {
				t.Errorf("notes %q, want one with %q", after.Notes, tt.want)
			}
			if after.Status != OK {
				t.Errorf("status %s, want OK: a note does not change it", after.Status)
			}
		})
	}
}

// A note that nothing uses a certificate must not stand beside what uses it,
// nor speak of one that may be current.
func TestLeftoversThatAreNone(t *testing.T) {
	for name, change := range map[string]func(*org){
		"used as transport certificate": func(o *org) {
			old := until(o.t, in(900))
			o.install(1, old)
			o.Servers[1].InternalTransportCertificateThumbprint = ThumbprintOf(old.RawData)
		},
		"known from documents, and no store was read": func(o *org) {
			o.installEverywhere(until(o.t, in(900)))
			o.Origin.Kind = KindLDAP
		},
		"no current certificate configured": func(o *org) { o.AuthConfig.CurrentCertificateThumbprint = "" },
	} {
		o := newOrg(t)
		change(o)
		for _, note := range Judge(o.Snapshot, DefaultPolicy(), now).Notes {
			if strings.Contains(note, "nothing uses them") {
				t.Errorf("%s: note %q", name, note)
			}
		}
	}
}
