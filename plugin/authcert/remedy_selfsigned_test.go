package authcert

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func selfSignedRemedyRows() []remedyRow {
	const (
		create  = `$new = New-ExchangeCertificate -Server 'ex02.contoso.com' -PrivateKeyExportable $true -SubjectName 'CN=another' -DomainName 'ex02','ex02.contoso.com'  # answer `
		no      = create + `N: do not overwrite the default SMTP certificate` + "\n" + print1
		yes     = create + `Y: overwrite the default SMTP certificate` + "\n" + print1
		enable  = `Enable-ExchangeCertificate -Server 'ex02.contoso.com' -Thumbprint $thumbprint -Services `
		look    = `Get-ExchangeCertificate -Server 'ex02.contoso.com' -Thumbprint 'ANOTHER'  # see which services use it`
		remove  = `Remove-ExchangeCertificate -Server 'ex02.contoso.com' -Thumbprint 'ANOTHER'  # when nothing uses it any more`
		binding = on2 + `{ $b = Get-WebBinding -Name 'Exchange Back End' -Protocol https -Port 444; `
		fresh   = `$new = New-ExchangeCertificate -Server 'ex02.contoso.com' -PrivateKeyExportable $true -DomainName 'ex02','ex02.contoso.com'`
		trust   = `$new = New-ExchangeCertificate -DomainName 'Federation' -FriendlyName 'Exchange Delegation Federation' -Services Federation -SubjectKeyIdentifier ([guid]::NewGuid().ToString('N')) -PrivateKeyExportable $true
` + print1 + `
Set-FederationTrust 'Microsoft Federation Gateway' -Thumbprint $thumbprint -RefreshMetadata
Get-FederatedDomainProof -DomainName DOMAIN  # for each federated domain: its TXT record gets the proof of OrgNextCertificate
Test-FederationTrustCertificate  # Exchange brings it to every server
Set-FederationTrust 'Microsoft Federation Gateway' -PublishFederationCertificate  # when every server has it`
	)
	with := func(services Services, then func(*org)) func(*org) {
		return func(o *org) {
			another(func(_ *spec, c *Certificate) { c.Services = services })(o)
			then(o)
		}
	}
	soon := func(services Services) func(*org) {
		return another(func(s *spec, c *Certificate) { s.to, c.Services = in(20), services })
	}
	nothing := func(*org) {}
	transport := func(o *org) { o.Servers[1].InternalTransportCertificateThumbprint = ThumbprintOf(third(o)) }
	return []remedyRow{
		{"unused", "selfsigned-expired", with(Services{}, nothing), []string{remove}},
		{"use not known", "selfsigned-expired", with(nil, nothing), []string{look, no, enable + `SERVICES  # those of the old one`, remove}},
		{"services", "selfsigned-expired", with(Services{"IIS", "SMTP"}, nothing), []string{no, enable + `'IIS','SMTP'`, remove}},
		{"transport", "selfsigned-expired", with(Services{"IIS", "SMTP"}, transport), []string{yes, enable + `'IIS','SMTP'`, remove}},
		{"transport, use not known", "selfsigned-expired", with(nil, transport), []string{look, yes, enable + `'SMTP'`, remove}},
		{"an old Auth Certificate as transport", "selfsigned-expired", func(o *org) {
			o.install(1, until(o.t, in(-1)))
			transport(o)
		}, []string{look, strings.Replace(yes, "CN=another", "CN=ex02", 1), enable + `'SMTP'`, remove}},
		{"federation, expired", "selfsigned-expired", with(Services{"Federation"}, nothing), []string{
			`The federation trust has to be made anew, for it takes no successor of an expired certificate: https://learn.microsoft.com/exchange/renew-the-federation-certificate-exchange-2013-help`}},
		{"federation", "selfsigned-expiring", soon(Services{"SMTP", "Federation"}), []string{trust}},
		{"federation and more", "selfsigned-expiring", soon(Services{"SMTP", "Federation", "IIS"}), []string{trust, strings.Replace(no, "CN=another", "CN=ex02", 1), enable + `'SMTP','IIS'`, remove}},
		{"Back End site", "selfsigned-expired", with(Services{}, func(o *org) {
			o.Servers[1].Served = List[Served]{{Port: 444, RawData: third(o)}}
		}), []string{no, binding + `$b.RemoveSslCertificate(); $b.AddSslCertificate($using:thumbprint, 'My') }`, remove}},
		{"the names of the old one", "selfsigned-expired", another(func(s *spec, c *Certificate) { s.dns, c.Services = "mail.contoso.com,o'brien", Services{"IIS"} }), []string{
			strings.Replace(no, "'ex02','ex02.contoso.com'", "'mail.contoso.com','o''brien'", 1), enable + `'IIS'`, remove}},
		{"IIS Manager's own", "selfsigned-expired", another(func(s *spec, c *Certificate) { s.subject, c.Services = "WMSvc-SHA2-EX02", nil }), []string{
			`In IIS Manager on 'ex02.contoso.com', Management Service, choose another certificate; then there: Remove-Item 'Cert:\LocalMachine\My\ANOTHER'`}},
		{"weak", "selfsigned-weak", another(func(s *spec, c *Certificate) { s.to, s.key, c.Services = in(900), key1024(), Services{"IMAP"} }), []string{no, enable + `'IMAP'`, remove}},
		{"no transport certificate", "transport-missing", func(o *org) { o.Servers[1].InternalTransportCertificateThumbprint = "AB" }, []string{
			strings.TrimPrefix(fresh, "$new = ") + ` -Services SMTP  # answer Y: overwrite the default SMTP certificate`}},
		{"Auth Certificate as transport", "current-is-transport", func(o *org) { o.Servers[1].InternalTransportCertificateThumbprint = o.currentThumbprint() }, []string{
			strings.TrimPrefix(fresh, "$new = ") + ` -Services SMTP  # answer Y: overwrite the default SMTP certificate`}},
		{"Back End unbound", "backend-unbound", func(o *org) { o.Servers[1].Served = List[Served]{{Port: 444}} }, []string{
			binding + `$b.AddSslCertificate('OWN', 'My') }`}},
		{"Back End unbound, nothing to bind", "backend-unbound", func(o *org) {
			o.Servers[1].Served = List[Served]{{Port: 444}}
			o.own(1).HasPrivateKey = new(false)
		}, []string{fresh, print1, binding + `$b.AddSslCertificate($using:thumbprint, 'My') }`}},
		{"Back End unbound, and only IIS Manager's there", "backend-unbound", func(o *org) {
			o.Servers[1].Served = List[Served]{{Port: 444}}
			o.own(1).Services = Services{}
		}, []string{fresh, print1, binding + `$b.AddSslCertificate($using:thumbprint, 'My') }`}},
		{"Back End expired", "backend-expired", with(Services{}, func(o *org) {
			o.Servers[1].Served = List[Served]{{Port: 444, RawData: third(o)}}
		}), []string{binding + `$b.RemoveSslCertificate(); $b.AddSslCertificate('OWN', 'My') }`}},
	}
}

// third is the certificate that a row gave the second server besides its own.
func third(o *org) DER { return o.Servers[1].Certificates[2].RawData }

func TestSelfSignedRemedies(t *testing.T) {
	for _, tt := range selfSignedRemedyRows() {
		t.Run(tt.name, func(t *testing.T) {
			o := newOrg(t)
			own := ThumbprintOf(o.own(1).RawData)
			tt.change(o)
			var another Thumbprint
			if len(o.Servers[1].Certificates) > 2 {
				another = ThumbprintOf(third(o))
			}
			fill := strings.NewReplacer("ANOTHER", string(another), "OWN", string(own))
			got := remedyOf(t, judgeOnly(t, o.Snapshot, DefaultPolicy()), tt.id)
			if diff := cmp.Diff(got, fill.Replace(strings.Join(tt.want, "\n"))); diff != "" {
				t.Errorf("remedy (-got +want):\n%s", diff)
			}
		})
	}
}

// Text from outside ends up in commands that people paste.
func TestQuoteIsInert(t *testing.T) {
	for text, want := range map[string]string{
		"ex01.contoso.com":           `'ex01.contoso.com'`,
		"x'; Remove-Mailbox":         `'x''; Remove-Mailbox'`,
		"\u2018a\u2019\u201ab\u201b": "'\u2018\u2018a\u2019\u2019\u201a\u201ab\u201b\u201b'",
		"$(calc)`n":                  "'$(calc)`n'",
		"a\r\nb\x1b[2J\u202ec\u200e": `'ab[2Jc'`,
		"":                           `''`,
	} {
		if got := Quote(text); got != want {
			t.Errorf("Quote(%q) = %s, want %s", text, got, want)
		}
	}
}
