package authcert

import (
	"fmt"
	"slices"
	"strings"
)

// renew replaces one self-signed certificate that is no Auth Certificate.
func (f *facts) renew(s *server, cert *installed) []string {
	if strings.HasPrefix(strings.ToUpper(cert.subject), "CN=WMSVC") {
		return []string{fmt.Sprintf(`In IIS Manager on %s, Management Service, choose another certificate; then there: Remove-Item %s`,
			Quote(s.FQDN), Quote(`Cert:\LocalMachine\My\`+string(cert.thumbprint)))}
	}
	services := slices.Clone(cert.Services)
	if !slices.Contains(services, federation) {
		return cert.replaceOn(s, services)
	}
	services = slices.DeleteFunc(services, func(service string) bool { return service == federation })
	steps := newFederation
	if cert.expired(f.now) {
		steps = federationAnew
	}
	if !s.usesBesides(cert, "SMTP", federation) {
		return steps // the same for every server, so that it is told once
	}
	return slices.Concat(steps, cert.replaceOn(s, services))
}

// Federation's certificate belongs to the organization: Exchange brings it to
// every server, and it may change in the trust only while it is valid.
const federation = "Federation"

var (
	newFederation = []string{
		`$new = New-ExchangeCertificate -DomainName 'Federation' -FriendlyName 'Exchange Delegation Federation' -Services Federation -SubjectKeyIdentifier ([guid]::NewGuid().ToString('N')) -PrivateKeyExportable $true`,
		newThumbprint,
		`Set-FederationTrust 'Microsoft Federation Gateway' -Thumbprint $thumbprint -RefreshMetadata`,
		`Get-FederatedDomainProof -DomainName DOMAIN  # for each federated domain: its TXT record gets the proof of OrgNextCertificate`,
		`Test-FederationTrustCertificate  # Exchange brings it to every server`,
		`Set-FederationTrust 'Microsoft Federation Gateway' -PublishFederationCertificate  # when every server has it`,
	}
	federationAnew = []string{"The federation trust has to be made anew, for it takes no successor of an expired certificate: " + docFederation}
)

// replaceOn gives these services of a server a new certificate.
func (cert *installed) replaceOn(s *server, services Services) []string {
	thumbprint := Quote(string(cert.thumbprint))
	remove := fmt.Sprintf(`Remove-ExchangeCertificate -Server %s -Thumbprint %s  # when nothing uses it any more`, Quote(s.FQDN), thumbprint)
	if _, used := s.uses(cert); !used && cert.Services != nil {
		return []string{remove}
	}
	answer := "N: do not overwrite"
	if s.InternalTransportCertificateThumbprint == cert.thumbprint {
		answer = "Y: overwrite"
		if !slices.Contains(services, "SMTP") {
			services = append(services, "SMTP")
		}
	}
	var steps []string
	if cert.Services == nil {
		steps = append(steps, fmt.Sprintf(`Get-ExchangeCertificate -Server %s -Thumbprint %s  # see which services use it`, Quote(s.FQDN), thumbprint))
	}
	steps = append(steps, fmt.Sprintf(`$new = New-ExchangeCertificate -Server %s -PrivateKeyExportable $true -SubjectName %s -DomainName %s  # answer %s the default SMTP certificate`,
		Quote(s.FQDN), Quote(cert.successor(s)), cert.domainNames(s), answer), newThumbprint)
	switch {
	case len(services) > 0:
		steps = append(steps, fmt.Sprintf(`Enable-ExchangeCertificate -Server %s -Thumbprint $thumbprint -Services %s`,
			Quote(s.FQDN), strings.Join(quoteAll(services), ",")))
	case cert.Services == nil:
		steps = append(steps, fmt.Sprintf(`Enable-ExchangeCertificate -Server %s -Thumbprint $thumbprint -Services SERVICES  # those of the old one`, Quote(s.FQDN)))
	}
	if s.servesBackEnd(cert.thumbprint) {
		steps = append(steps, onServers([]*server{s}, backEndBinding+unbindBackEnd+`$b.AddSslCertificate($using:thumbprint, 'My')`, ""))
	}
	return append(steps, remove)
}

// What gives the Back End site another certificate, in a session on its server.
const (
	backEndBinding = `$b = Get-WebBinding -Name 'Exchange Back End' -Protocol https -Port 444; `
	unbindBackEnd  = `$b.RemoveSslCertificate(); `
)

// misplaced tells whether a certificate serves where one of the server belongs:
// an old Auth Certificate, or the organization's for federation.
func (cert *installed) misplaced() bool {
	return cert.subject == authSubject || slices.Contains(cert.Services, federation)
}

// successor is the subject of the new certificate: that of the old one, unless
// that is another's.
func (cert *installed) successor(s *server) string {
	if cert.misplaced() {
		return "CN=" + s.short
	}
	return cert.subject
}

// domainNames writes the names that the new certificate should carry: those of
// the old one, else the server's.
func (cert *installed) domainNames(s *server) string {
	if !cert.misplaced() && len(cert.DNSNames) > 0 && len(cert.DNSNames) <= mostNames {
		return strings.Join(quoteAll(cert.DNSNames), ",")
	}
	return Quote(s.short) + "," + Quote(s.FQDN)
}

func quoteAll(names []string) []string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = Quote(name)
	}
	return quoted
}

// rebind gives the Back End site a certificate that is there, valid and already
// IIS's. Exchange's own self-signed one will do: only other servers connect to
// it.
func (f *facts) rebind(s *server, bound bool) []string {
	site := backEndBinding
	if bound {
		site += unbindBackEnd
	}
	for _, cert := range s.installed {
		if slices.Contains(cert.Services, "IIS") && f.others(s, cert) && !cert.expired(f.now) && !known(cert.HasPrivateKey, false) {
			return []string{onServers([]*server{s}, site+`$b.AddSslCertificate(`+Quote(string(cert.thumbprint))+`, 'My')`, "")}
		}
	}
	return []string{
		fmt.Sprintf(`$new = New-ExchangeCertificate -Server %s -PrivateKeyExportable $true -DomainName %s,%s`, Quote(s.FQDN), Quote(s.short), Quote(s.FQDN)),
		newThumbprint,
		onServers([]*server{s}, site+`$b.AddSslCertificate($using:thumbprint, 'My')`, ""),
	}
}
