package authcert

import (
	"testing"
	"time"
)

func TestNoServers(t *testing.T) {
	is := []verdict{{"no-servers", Unknown, ""}}
	judgeRows(t, []row{
		{name: "none", change: func(o *org) { o.Servers = nil }, want: is, words: []string{"no mailbox server"}, absent: []string{"excluded", "role"}},
		{name: "the list could not be read", change: func(o *org) {
			o.Servers = nil
			o.Errors = List[Problem]{{Stage: StageServers, Reason: AccessDenied, Message: "not in a role"}}
		}, want: is, words: []string{"access denied: not in a role"}},
		{name: "all excluded", policy: func(p *Policy) { p.ExcludeServers = []string{"ex0*"} }, want: is, words: []string{"all are excluded"}},
		{name: "Edge only", change: func(o *org) {
			for i := range o.Servers {
				o.Servers[i].Role = "Edge"
			}
		}, want: is, words: []string{"none has the mailbox or client access role"}},
	})
}

func TestServersThatAreSkipped(t *testing.T) {
	like := func(role, version string) func(*org) {
		return func(o *org) {
			o.Servers[2].Role, o.Servers[2].AdminDisplayVersion = role, version
			o.unreadable(2, Unreachable)
		}
	}
	judged := []verdict{{"server-unreadable", Unknown, "ex03"}}
	judgeRows(t, []row{
		{name: "mailbox", change: like("mailbox", "Version 15.2 (Build 1.2)"), want: judged},
		{name: "several roles", change: like("Mailbox, ClientAccess", "Version 15.0 (Build 1497.2)"), want: judged},
		{name: "client access", change: like("ClientAccess", "15.1.2507.6"), want: judged},
		{name: "role not known", change: like("", "Version 15.2 (Build 1.2)"), want: judged},
		{name: "role that is no name", change: like("16439", "Version 15.2 (Build 1.2)"), want: judged},
		{name: "Edge", change: like("Edge", "Version 15.2 (Build 1.2)")},
		{name: "Edge in small letters", change: like("edge", "Version 15.2 (Build 1.2)")},
		{name: "hub transport", change: like("HubTransport", "")},
		{name: "2010", change: like("Mailbox", "Version 14.3 (Build 123.4)")},
		{name: "2007", change: like("Mailbox", "8.3.83.6")},
		{name: "newer", change: like("Mailbox", "Version 16.0 (Build 1.2)"), want: judged},
		{name: "version empty", change: like("Mailbox", ""), want: judged},
		{name: "version unreadable", change: like("Mailbox", "Exchange2016"), want: judged},
		{name: "version without a number", change: like("Mailbox", ".5"), want: judged},
		{name: "version zero", change: like("Mailbox", "Version 0.0 (Build 0.0)"), want: judged},
		{name: "excluded", change: like("Mailbox", ""), policy: func(p *Policy) { p.ExcludeServers = []string{"EX03"} }},
	})
}

func TestServerUnreadable(t *testing.T) {
	is := []verdict{{"server-unreadable", Unknown, "ex02"}}
	judgeRows(t, []row{
		{name: "unreachable", change: func(o *org) { o.unreadable(1, Unreachable) }, want: is, words: []string{"ex02.contoso.com", "unreachable: the RPC server"}},
		{name: "empty list", change: func(o *org) { o.Servers[1].Certificates = List[Certificate]{} }, want: is, words: []string{"empty"}},
		{name: "no list", change: func(o *org) { o.Servers[1].Certificates = nil }, want: is, words: []string{"empty"}},
		{name: "an entry without data", change: func(o *org) { o.install(1, Certificate{}) }, want: is, words: []string{"1 of 3 entries"}},
		{name: "only an entry of garbage", change: func(o *org) {
			o.Servers[1].Certificates = List[Certificate]{{RawData: DER("garbage")}}
		}, want: is, words: []string{"1 of 1 entries"}},
		{name: "an error and yet certificates", change: func(o *org) { o.Servers[1].Error = &Problem{Reason: Timeout} }, want: is, words: []string{"timeout"}},
		{name: "an error without words", change: func(o *org) { o.Servers[1].Error = &Problem{} }, want: is, words: []string{"unreadable"}},
		{name: "what the error says to check", change: func(o *org) {
			o.Servers[1].Error = &Problem{Reason: AccessDenied, Hint: "Test-WSMan ex02"}
		}, want: is},
		{name: "absent from an unreadable list is not missing", change: func(o *org) {
			o.drop(1, o.currentThumbprint())
			o.install(1, Certificate{RawData: DER("garbage")})
		}, want: is},
		{name: "the list of servers is cut off", change: func(o *org) {
			o.Errors = List[Problem]{{Stage: StageServers, Reason: Timeout, Message: "gave up"}}
		}, want: []verdict{{"server-unreadable", Unknown, ""}}, words: []string{"list of servers", "gave up"}},
		{name: "all of them", change: func(o *org) {
			for i := range o.Servers {
				o.unreadable(i, Unreachable)
			}
		}, want: []verdict{{"server-unreadable", Unknown, "ex01"}, {"server-unreadable", Unknown, "ex02"}, {"server-unreadable", Unknown, "ex03"}}},
	})
}

func TestCurrentMissing(t *testing.T) {
	dropOn := func(servers ...int) func(*org) {
		return func(o *org) {
			for _, s := range servers {
				o.drop(s, o.currentThumbprint())
			}
		}
	}
	changed := func(ago time.Duration, change func(*org)) func(*org) {
		return func(o *org) {
			change(o)
			o.AuthConfig.WhenChangedUTC = At(now.Add(-ago))
		}
	}
	on := func(status Status, server string) []verdict { return []verdict{{"current-missing", status, server}} }
	judgeRows(t, []row{
		{name: "on one", change: dropOn(2), want: on(Critical, "ex03"), words: []string{"missing on ex03.contoso.com", "Outlook on the web"}, absent: []string{"replication"}},
		{name: "on two", change: dropOn(1, 2), want: []verdict{{"current-missing", Critical, "ex02"}, {"current-missing", Critical, "ex03"}}},
		{name: "on all", change: dropOn(0, 1, 2), want: on(Critical, ""), words: []string{"is on no server (3 servers looked at)"}},
		{name: "on all that could be read", change: func(o *org) {
			dropOn(0, 1)(o)
			o.unreadable(2, Timeout)
		}, want: []verdict{{"current-missing", Critical, ""}, {"server-unreadable", Unknown, "ex03"}}, words: []string{"on no server that could be read (2 servers looked at)"}},
		{name: "an hour after a change", change: changed(time.Hour, dropOn(2)), want: on(Warning, "ex03"), words: []string{"AuthConfig changed on 2026-11-23 11:00", "replication"}},
		{name: "a second before the grace ends", change: changed(48*time.Hour-time.Second, dropOn(2)), want: on(Warning, "ex03")},
		{name: "when the grace ends", change: changed(48*time.Hour, dropOn(2)), want: on(Critical, "ex03")},
		{name: "changed a little in the future", change: changed(-time.Minute, dropOn(2)), want: on(Warning, "ex03")},
		{name: "changed far in the future", change: changed(-time.Hour, dropOn(2)), want: on(Critical, "ex03")},
		{name: "not known when it changed", change: func(o *org) {
			dropOn(2)(o)
			o.AuthConfig.WhenChangedUTC = Instant{}
		}, want: on(Critical, "ex03")},
		{name: "no grace for all", change: changed(time.Hour, dropOn(0, 1, 2)), want: on(Critical, "")},
		{name: "own grace", change: changed(2*time.Hour, dropOn(2)), policy: func(p *Policy) { p.ReplicationGrace = time.Hour }, want: on(Critical, "ex03")},
		{name: "no grace at all", change: changed(0, dropOn(2)), policy: func(p *Policy) { p.ReplicationGrace = 0 }, want: on(Critical, "ex03")},
	})
}

func TestNextMissing(t *testing.T) {
	next := func(effective time.Time, servers ...int) func(*org) {
		return func(o *org) {
			o.setNext(until(o.t, in(1800)), effective)
			for _, s := range servers {
				o.drop(s, o.nextThumbprint())
			}
		}
	}
	on := func(status Status, server string) []verdict { return []verdict{{"next-missing", status, server}} }
	judgeRows(t, []row{
		{name: "time left", change: next(in(20), 2), want: on(Warning, "ex03"), words: []string{"missing on ex03.contoso.com", "in 20 days"}},
		{name: "a second before the lead", change: next(now.Add(leadTime+time.Second), 2), want: on(Warning, "ex03")},
		{name: "within the lead", change: next(now.Add(leadTime), 2), want: on(Critical, "ex03")},
		{name: "effective a second ago", change: next(now.Add(-time.Second), 2), want: on(Critical, "ex03"), words: []string{"at any time"}},
		{name: "on all", change: next(in(20), 0, 1, 2), want: on(Warning, ""), words: []string{"on no server (3 servers looked at)"}},
		{name: "on all, within the lead", change: next(in(1), 0, 1, 2), want: on(Critical, "")},
		{name: "on an unreadable server it is not known", change: func(o *org) {
			next(in(20))(o)
			o.unreadable(2, Timeout)
		}, want: []verdict{{"server-unreadable", Unknown, "ex03"}}},
	})
}

func TestPrivateKeyMissing(t *testing.T) {
	judgeRows(t, []row{
		{name: "current", change: func(o *org) { o.entry(1, o.currentThumbprint()).HasPrivateKey = new(false) },
			want: []verdict{{"current-no-private-key", Critical, "ex02"}}, words: []string{"no private key on ex02.contoso.com", "cannot sign"}},
		{name: "not known", change: func(o *org) { o.entry(1, o.currentThumbprint()).HasPrivateKey = nil }},
		{name: "next, time left", change: func(o *org) {
			o.setNext(until(o.t, in(1800)), in(20))
			o.entry(1, o.nextThumbprint()).HasPrivateKey = new(false)
		}, want: []verdict{{"next-no-private-key", Warning, "ex02"}}},
		{name: "next, a second before the lead", change: func(o *org) {
			o.setNext(until(o.t, in(1800)), now.Add(leadTime+time.Second))
			o.entry(1, o.nextThumbprint()).HasPrivateKey = new(false)
		}, want: []verdict{{"next-no-private-key", Warning, "ex02"}}},
		{name: "next, within the lead", change: func(o *org) {
			o.setNext(until(o.t, in(1800)), now.Add(leadTime))
			o.entry(1, o.nextThumbprint()).HasPrivateKey = new(false)
		}, want: []verdict{{"next-no-private-key", Critical, "ex02"}}},
	})
}
