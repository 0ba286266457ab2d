package authcert

import (
	"testing"
	"time"
)

// another installs one more self-signed certificate on ex02.
func another(change func(*spec, *Certificate)) func(*org) {
	return func(o *org) {
		s := spec{subject: "another", from: in(-1000), to: in(-1)}
		cert := Certificate{Services: Services{}}
		change(&s, &cert)
		cert.RawData = s.der(o.t)
		o.install(1, cert)
	}
}

func TestSelfSignedExpired(t *testing.T) {
	is := func(status Status) []verdict { return []verdict{{"selfsigned-expired", status, "ex02"}} }
	judgeRows(t, []row{
		{name: "unused", change: another(func(*spec, *Certificate) {}), want: is(Warning), words: []string{"CN=another", "ex02.contoso.com", "expired 24 hours ago", "no service uses it"}},
		{name: "use not known", change: another(func(_ *spec, c *Certificate) { c.Services = nil }), want: is(Warning), words: []string{"not known"}},
		{name: "a service", change: another(func(_ *spec, c *Certificate) { c.Services = Services{"IIS", "SMTP"} }), want: is(Critical), words: []string{"used by IIS, SMTP"}},
		{name: "a second ago", change: another(func(s *spec, _ *Certificate) { s.to = now.Add(-time.Second) }), want: is(Warning), words: []string{"expired 1 second ago"}},
		{name: "now", change: another(func(s *spec, _ *Certificate) { s.to = now }), want: []verdict{{"selfsigned-expiring", Warning, "ex02"}}},
		{name: "the transport", change: func(o *org) {
			another(func(*spec, *Certificate) {})(o)
			o.Servers[1].InternalTransportCertificateThumbprint = ThumbprintOf(o.Servers[1].Certificates[2].RawData)
		}, want: is(Critical), words: []string{"used by internal transport"}},
		{name: "the Back End site", change: func(o *org) {
			another(func(*spec, *Certificate) {})(o)
			o.Servers[1].Served = List[Served]{{Port: BackEndPort, RawData: o.Servers[1].Certificates[2].RawData}}
		}, want: []verdict{{"selfsigned-expired", Critical, "ex02"}, {"backend-expired", Critical, "ex02"}}, words: []string{"used by Back End site"}},
		{name: "another port says nothing of its use", change: func(o *org) {
			another(func(*spec, *Certificate) {})(o)
			o.Servers[1].Served = List[Served]{{Port: 443, RawData: o.Servers[1].Certificates[2].RawData}}
		}, want: is(Warning)},
		{name: "on every server that has it", change: func(o *org) {
			o.installEverywhere(Certificate{RawData: spec{subject: "Federation", from: in(-1000), to: in(-1)}.der(o.t), Services: Services{"Federation"}})
		}, want: []verdict{{"selfsigned-expired", Critical, "ex01"}, {"selfsigned-expired", Critical, "ex02"}, {"selfsigned-expired", Critical, "ex03"}}},
	})
}

func TestWhatIsNotOfTheSelfSignedFacet(t *testing.T) {
	judgeRows(t, []row{
		{name: "issued by an authority", change: another(func(s *spec, _ *Certificate) { s.issuer, s.signer = "Contoso CA", otherKey() })},
		{name: "device registration", change: another(func(s *spec, _ *Certificate) { s.subject = "MS-Organization-P2P-Access [2026]" })},
		{name: "Azure", change: another(func(s *spec, _ *Certificate) { s.dc = "Windows Azure CRP Certificate Generator" })},
		{name: "a namesake of them", change: another(func(s *spec, _ *Certificate) { s.subject = "Windows Azure CRP Certificate Generator" }),
			want: []verdict{{"selfsigned-expired", Warning, "ex02"}}},
		{name: "a leftover of a rollover", change: another(func(s *spec, c *Certificate) { s.subject, c.Services = "", Services{"SMTP"} })},
		{name: "a leftover that IIS uses", change: another(func(s *spec, c *Certificate) { s.subject, c.Services = "", Services{"IIS", "SMTP"} }),
			want: []verdict{{"selfsigned-expired", Critical, "ex02"}}},
		{name: "a leftover with the unusual subject of the current one", change: func(o *org) {
			usual(func(s *spec) { s.subject = "another" })(o)
			another(func(*spec, *Certificate) {})(o)
		}},
		{name: "previous", change: func(o *org) {
			another(func(*spec, *Certificate) {})(o)
			o.AuthConfig.PreviousCertificateThumbprint = ThumbprintOf(o.Servers[1].Certificates[2].RawData)
		}},
		{name: "previous that the transport uses", change: func(o *org) {
			another(func(*spec, *Certificate) {})(o)
			o.AuthConfig.PreviousCertificateThumbprint = ThumbprintOf(o.Servers[1].Certificates[2].RawData)
			o.Servers[1].InternalTransportCertificateThumbprint = o.AuthConfig.PreviousCertificateThumbprint
		}, want: []verdict{{"selfsigned-expired", Critical, "ex02"}}},
		{name: "next", change: func(o *org) {
			o.setNext(authCertificate(o.t, spec{subject: "another", from: in(-1), to: in(119)}), in(20))
		}, policy: func(p *Policy) { p.SelfSignedWarning, p.NextWarning = AtLeast(500), AtLeast(10) },
			want: []verdict{{"next-expiring", Warning, ""}}},
	})
}

func TestSelfSignedExpiring(t *testing.T) {
	ends := func(to time.Time, services Services) func(*org) {
		return another(func(s *spec, c *Certificate) { s.to, c.Services = to, services })
	}
	is := func(status Status) []verdict { return []verdict{{"selfsigned-expiring", status, "ex02"}} }
	used, unused := Services{"IIS"}, Services{}
	judgeRows(t, []row{
		{name: "60 days", change: ends(in(60), used)},
		{name: "60 days less a second", change: ends(in(60).Add(-time.Second), used), want: is(Warning), words: []string{"expires in 59 days", "used by IIS"}},
		{name: "30 days", change: ends(in(30), used), want: is(Warning)},
		{name: "30 days less a second", change: ends(in(30).Add(-time.Second), used), want: is(Critical)},
		{name: "unused", change: ends(in(3), unused), want: is(Warning), words: []string{"no service uses it"}},
		{name: "own thresholds", change: ends(in(15), used), policy: func(p *Policy) { p.SelfSignedWarning, p.SelfSignedCritical = AtLeast(14), AtLeast(7) }},
		{name: "not the ones of the Auth Certificate", change: ends(in(100), used), policy: func(p *Policy) { p.Warning = AtLeast(200) }},
	})
}

func TestSelfSignedWeak(t *testing.T) {
	key := func(change func(*spec)) func(*org) {
		return another(func(s *spec, _ *Certificate) { s.to = in(900); change(s) })
	}
	is := []verdict{{"selfsigned-weak", Warning, "ex02"}}
	judgeRows(t, []row{
		{name: "RSA 2048", change: key(func(*spec) {})},
		{name: "RSA 2047", change: key(func(s *spec) { s.key = key2047() }), want: is, words: []string{"RSA 2047"}},
		{name: "RSA 1024", change: key(func(s *spec) { s.key = key1024() }), want: is},
		{name: "ECDSA", change: key(func(s *spec) { s.key = ecdsaKey() })},
	})
}

func TestTransportMissing(t *testing.T) {
	is := []verdict{{"transport-missing", Critical, "ex02"}}
	elsewhere := func(o *org) { o.Servers[1].InternalTransportCertificateThumbprint = ThumbprintOf([]byte("elsewhere")) }
	judgeRows(t, []row{
		{name: "not on the server", change: elsewhere, want: is, words: []string{"ex02.contoso.com", "mail between servers"}},
		{name: "not known", change: func(o *org) { o.Servers[1].InternalTransportCertificateThumbprint = "" }},
		{name: "the list is not whole", change: func(o *org) {
			elsewhere(o)
			o.install(1, Certificate{})
		}, want: []verdict{{"server-unreadable", Unknown, "ex02"}}},
	})
}

func TestBackEnd(t *testing.T) {
	serves := func(served Served) func(*org) {
		return func(o *org) { o.Servers[1].Served = List[Served]{served} }
	}
	stranger := spec{subject: "stranger", from: in(-10), to: in(10)}.der(t)
	gone := spec{subject: "gone", from: in(-10), to: now.Add(-time.Second)}.der(t)
	is := func(id string) []verdict { return []verdict{{id, Critical, "ex02"}} }
	judgeRows(t, []row{
		{name: "its own certificate", change: func(o *org) { serves(Served{Port: 444, RawData: o.own(1).RawData})(o) }},
		{name: "nothing", change: serves(Served{Port: 444}), want: is("backend-unbound"), words: []string{"port 444 of ex02.contoso.com", "serves no certificate"}},
		{name: "nothing on 443", change: serves(Served{Port: 443})},
		{name: "not reached", change: serves(Served{Port: 444, Error: &Problem{Reason: Timeout}})},
		{name: "garbage", change: serves(Served{Port: 444, RawData: DER("garbage")})},
		{name: "one that is not installed", change: serves(Served{Port: 444, RawData: stranger}), want: is("backend-unknown"), words: []string{"not installed there"}},
		{name: "one that is not installed on an unreadable server", change: func(o *org) {
			serves(Served{Port: 444, RawData: stranger})(o)
			o.unreadable(1, Timeout)
		}, want: []verdict{{"server-unreadable", Unknown, "ex02"}}},
		{name: "an expired one", change: serves(Served{Port: 444, RawData: gone}),
			want: []verdict{{"backend-expired", Critical, "ex02"}, {"backend-unknown", Critical, "ex02"}}, words: []string{"expired 1 second ago"}},
	})
}
