package authcert

import (
	"fmt"
	"slices"
	"strings"
)

// Remedies are commands for the Exchange Management Shell, one a line, with
// this organization's values filled in. They hold no "|": in a plugin's output
// it would begin the performance data.

// Documentation that findings refer to.
const (
	docMaintain   = "https://learn.microsoft.com/exchange/plan-and-deploy/integration-with-sharepoint-and-skype/maintain-oauth-certificate"
	docExpired    = "https://learn.microsoft.com/exchange/troubleshoot/administration/cannot-access-owa-or-ecp-if-oauth-expired"
	docConfig     = "https://learn.microsoft.com/powershell/module/exchangepowershell/set-authconfig"
	docReadAuth   = "https://learn.microsoft.com/powershell/module/exchangepowershell/get-authconfig"
	docServers    = "https://learn.microsoft.com/powershell/module/exchangepowershell/get-exchangeserver"
	docReadCert   = "https://learn.microsoft.com/powershell/module/exchangepowershell/get-exchangecertificate"
	docCerts      = "https://learn.microsoft.com/exchange/architecture/client-access/certificates"
	docHybrid     = "https://learn.microsoft.com/exchange/hybrid-deployment/deploy-dedicated-hybrid-app"
	docFederation = "https://learn.microsoft.com/exchange/renew-the-federation-certificate-exchange-2013-help"
	docGraph      = "https://learn.microsoft.com/graph/api/application-get"
	docScript     = "https://microsoft.github.io/CSS-Exchange/Admin/MonitorExchangeAuthCertificate/"
)

// GrantRole gives an account the only role that reading needs.
const GrantRole = `New-RoleGroup 'AuthCert Monitoring' -Roles 'View-Only Configuration' -Members ACCOUNT`

const (
	newCertificate = `$new = New-ExchangeCertificate -KeySize 2048 -PrivateKeyExportable $true -SubjectName '` + authSubject +
		`' -FriendlyName 'Microsoft Exchange Server Auth Certificate' -DomainName @()  # answer N: do not overwrite the default SMTP certificate`
	// newThumbprint reads it from the certificate itself: where an expired Auth
	// Certificate has broken the payload signature, objects carry RawData only.
	newThumbprint = `$thumbprint = ([Security.Cryptography.X509Certificates.X509Certificate2]$new.RawData).Thumbprint`
	// newEffective leaves Exchange the 48 hours that it wants for replication.
	newEffective = `(Get-Date).ToUniversalTime().AddHours(49)`
	askPassword  = `$pw = Read-Host -AsSecureString 'A password for the export'`
	// mostNames is how many servers a command names; a longer list is asked
	// from Exchange.
	mostNames  = 8
	allServers = `(@(Get-ExchangeServer).Where({$_.IsMailboxServer -or $_.IsClientAccessServer}).Fqdn)`
	recycle    = `Restart-WebAppPool MSExchangeOWAAppPool; Restart-WebAppPool MSExchangeECPAppPool`
)

// computers writes servers as the value of -ComputerName.
func computers(servers []*server) string {
	if len(servers) == 0 || len(servers) > mostNames {
		return allServers
	}
	names := make([]string, len(servers))
	for i, s := range servers {
		names[i] = Quote(s.FQDN)
	}
	return strings.Join(names, ",")
}

func onServers(servers []*server, commands, comment string) string {
	return fmt.Sprintf("Invoke-Command -ComputerName %s { %s }%s", computers(servers), commands, comment)
}

// upload is what a hybrid organization has to do besides; where it is not known
// to be one, it says so.
func (f *facts) upload(why string) []string {
	switch {
	case f.hybrid():
		return f.uploadNow(why)
	case f.Hybrid == nil || f.Hybrid.Configured == nil:
		return []string{"If the organization is hybrid, run the Hybrid Configuration Wizard again, or ConfigureExchangeHybridApplication.ps1: " + why}
	}
	return nil
}

// uploadNow brings current and next to Entra ID.
func (f *facts) uploadNow(why string) []string {
	if f.Hybrid != nil && known(f.Hybrid.DedicatedApp, true) {
		return []string{`.\ConfigureExchangeHybridApplication.ps1 -UpdateCertificate  # hybrid: ` + why}
	}
	return []string{"Run the Hybrid Configuration Wizard again, or ConfigureExchangeHybridApplication.ps1: " + why}
}

// What an upload is for.
const (
	uploadBefore = "Entra ID must know the certificate before it is current"
	uploadAfter  = "hybrid features fail until Entra ID knows the certificate"
)

// toOtherSites brings a certificate that was just made to every server, when
// they are known to be in more than one Active Directory site.
func (f *facts) toOtherSites() []string {
	sites := map[string]bool{}
	for _, s := range f.servers {
		if s.Site != "" {
			sites[strings.ToLower(s.Site)] = true
		}
	}
	if len(sites) < 2 {
		return nil
	}
	return []string{
		askPassword,
		`$pfx = Export-ExchangeCertificate -Thumbprint $thumbprint -BinaryEncoded -Password $pw`,
		fmt.Sprintf(`foreach ($s in %s) { Import-ExchangeCertificate -Server $s -FileData $pfx.FileData -Password $pw -PrivateKeyExportable $true }  # the servers are in %d sites and Exchange replicates within a site only; one that has it already refuses it`,
			computers(f.servers), len(sites)),
	}
}

// copyTo brings a certificate with its key to servers that lack it: Exchange
// itself replicates within an Active Directory site only. One that has expired
// is replaced instead.
func (f *facts) copyTo(cert authCert, to ...*server) []string { return f.bring(cert, false, to) }

// copyAgain does so for servers that have it already, but not as they should.
func (f *facts) copyAgain(cert authCert, to ...*server) []string { return f.bring(cert, true, to) }

func (f *facts) bring(cert authCert, again bool, to []*server) []string {
	from := cert.exporter(to...)
	if from == nil || cert.expired(f.now) {
		return f.instead(cert)
	}
	steps := []string{
		askPassword,
		fmt.Sprintf(`$pfx = Export-ExchangeCertificate -Server %s -Thumbprint %s -BinaryEncoded -Password $pw`, Quote(from.FQDN), Quote(string(cert.thumbprint))),
	}
	if again {
		steps = append(steps, onServers(to, "Remove-Item "+Quote(`Cert:\LocalMachine\My\`+string(cert.thumbprint)), "  # an import does not replace what is there"))
	}
	for _, s := range to {
		steps = append(steps, fmt.Sprintf(`Import-ExchangeCertificate -Server %s -FileData $pfx.FileData -Password $pw -PrivateKeyExportable $true  # Exchange replicates within a site only`, Quote(s.FQDN)))
	}
	if cert.role == "current" {
		steps = append(steps, onServers(to, recycle, ""))
	}
	return steps
}

// exporter returns a server that can hand the certificate out to others, if
// there is one.
func (c authCert) exporter(to ...*server) *server {
	for _, s := range c.holders {
		cert := s.on(c.thumbprint)
		if !slices.Contains(to, s) && !known(cert.HasPrivateKey, false) && !known(cert.PrivateKeyExportable, false) {
			return s
		}
	}
	return nil
}

// repairKey tries to find a lost key again before the certificate is copied.
func (f *facts) repairKey(cert authCert, s *server) []string {
	return append([]string{
		onServers([]*server{s}, "certutil -repairstore my "+Quote(string(cert.thumbprint)), "  # finds the key again if it is still there; if not:"),
	}, f.copyAgain(cert, s)...)
}
