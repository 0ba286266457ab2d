package authcert

import (
	"crypto/x509"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// furtherRows are for the findings that the tables of remedies leave out.
func furtherRows() []remedyRow {
	change := func(id string, change func(*org)) remedyRow { return remedyRow{name: id, id: id, change: change} }
	return []remedyRow{
		change("authconfig-unreadable", func(o *org) { o.AuthConfig = nil }),
		{"authconfig-unreadable, with a hint", "authconfig-unreadable", func(o *org) {
			o.AuthConfig, o.Errors = nil, List[Problem]{{Stage: StageAuthConfig, Reason: AccessDenied, Message: "x", Hint: "x"}}
		}, nil},
		{"no list of servers, with a hint", "server-unreadable", func(o *org) {
			o.Errors = List[Problem]{{Stage: StageServers, Reason: AccessDenied, Message: "x", Hint: "x"}}
		}, nil},
		{"an empty list", "server-unreadable", func(o *org) { o.Servers[1].Certificates = nil }, nil},
		{"no certificates", "server-unreadable", func(o *org) { o.Servers[1].Certificates = List[Certificate]{{}} }, nil},
		change("snapshot-stale", func(o *org) { o.TakenAt = At(in(-9)) }),
		change("authconfig-differs", func(o *org) { o.OtherAuthConfigs = List[AuthConfig]{{OriginatingServer: "dc02.contoso.com"}} }),
		change("cloud-unreadable", func(o *org) { o.Errors = List[Problem]{{Stage: StageEntra, Message: "x", Hint: "x"}} }),
		change("current-not-selfsigned", usual(func(s *spec) { s.issuer, s.signer = "Contoso CA", otherKey() })),
		change("next-no-private-key", func(o *org) {
			o.setNext(until(o.t, in(1800)), in(20))
			o.entry(1, o.nextThumbprint()).HasPrivateKey = new(false)
		}),
		change("selfsigned-expiring", another(func(s *spec, _ *Certificate) { s.to = in(5) })),
		change("backend-unknown", func(o *org) {
			o.Servers[1].Served = List[Served]{{Port: BackEndPort, RawData: until(o.t, in(9)).RawData}}
		}),
	}
}

// RemedyResults judges an organization for each thing that is said to do, with
// a text in every name and value that comes from outside. It fails the test
// when a finding of the catalogue is not among the results.
func RemedyResults(t testing.TB, text string) map[string]Result {
	t.Helper()
	results, seen := map[string]Result{}, map[string]bool{}
	for table, rows := range map[string][]remedyRow{"organization": remedyRows(), "self-signed": selfSignedRemedyRows(), "further": furtherRows()} {
		for _, row := range rows {
			o := newOrg(t)
			row.change(o)
			result := Judge(o.spoilt(text), DefaultPolicy(), now)
			results[table+", "+row.name] = result
			for _, f := range result.Findings {
				seen[f.ID] = true
			}
		}
	}
	for _, rule := range Catalogue() {
		if !seen[rule.ID] {
			t.Errorf("no row brings the finding %s", rule.ID)
		}
	}
	return results
}

// spoilt puts the text into the organization's names. What decides by its value, as a role does, stays as it is.
func (o *org) spoilt(text string) *Snapshot {
	o.t.Helper()
	o.Origin.Host, o.Origin.Via, o.Origin.Tried = text, text, []string{text}
	if a := o.AuthConfig; a != nil {
		a.OriginatingServer = text
		if a.Realm != "" {
			a.Realm, a.ServiceName = text, text
		}
	}
	for i := range o.OtherAuthConfigs {
		o.OtherAuthConfigs[i].OriginatingServer = text
	}
	if o.Entra != nil {
		o.Entra.Application = text
	}
	for i := range o.Errors {
		spoilProblem(o.t, &o.Errors[i], text)
	}
	renamed := map[Thumbprint]DER{}
	for i := range o.Servers {
		s := &o.Servers[i]
		s.FQDN = fmt.Sprintf("%s %d", text, i)
		if s.Site != "" {
			s.Site += text
		}
		if s.Error != nil {
			spoilProblem(o.t, s.Error, text)
		}
		for j := range s.Certificates {
			spoilCertificate(o.t, &s.Certificates[j], text, renamed)
		}
		if der, found := renamed[s.InternalTransportCertificateThumbprint]; found {
			s.InternalTransportCertificateThumbprint = ThumbprintOf(der)
		}
		for j := range s.Served {
			if der, found := renamed[ThumbprintOf(s.Served[j].RawData)]; found {
				s.Served[j].RawData = der
			}
		}
	}
	return o.Snapshot
}

// spoilProblem puts the text into a problem as a snapshot's file would bring
// it.
func spoilProblem(t testing.TB, p *Problem, text string) {
	t.Helper()
	if p.Hint != "" {
		p.Hint = text
	}
	p.Message = text
	data, err := json.Marshal(p)
	if err == nil {
		err = json.Unmarshal(data, p)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// spoilCertificate puts the text into the names of a certificate, unless it is
// an Auth Certificate, and notes the new one by the old one's thumbprint.
func spoilCertificate(t testing.TB, cert *Certificate, text string, renamed map[Thumbprint]DER) {
	t.Helper()
	cert.FriendlyName = text
	if len(cert.Services) > 0 {
		cert.Services = append(Services{}, append(cert.Services, strings.ReplaceAll(text, ",", ""))...)
	}
	parsed, err := x509.ParseCertificate(cert.RawData)
	if err != nil || parsed.Subject.String() == authSubject {
		return
	}
	s := spec{subject: parsed.Subject.CommonName + text, from: parsed.NotBefore, to: parsed.NotAfter}
	if bits, isRSA := (&x509Cert{Certificate: parsed}).rsaBits(); isRSA && bits < 2048 {
		s.key = key1024()
	}
	if ascii := strings.Trim(text, " "); len(parsed.DNSNames) > 0 && isASCII(ascii) {
		s.dns = "mail," + strings.ReplaceAll(ascii, ",", "")
	} else if len(parsed.DNSNames) > 0 {
		s.dns = "mail,host"
	}
	der := DER(s.der(t))
	renamed[ThumbprintOf(cert.RawData)] = der
	cert.RawData = der
}

func isASCII(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r >= 0x80 })
}
