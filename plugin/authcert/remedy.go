package authcert

import (
	"fmt"
	"strings"
)

// Remedies are commands for the Exchange Management Shell, one a line, with
// this organization's values filled in. They hold no "|": in a plugin's output
// it would begin the performance data.

// Documentation that findings refer to.
const (
	docMaintain = "https://learn.microsoft.com/exchange/plan-and-deploy/integration-with-sharepoint-and-skype/maintain-oauth-certificate"
	docExpired  = "https://learn.microsoft.com/exchange/troubleshoot/administration/cannot-access-owa-or-ecp-if-oauth-expired"
	docConfig   = "https://learn.microsoft.com/powershell/module/exchangepowershell/set-authconfig"
	docReadAuth = "https://learn.microsoft.com/powershell/module/exchangepowershell/get-authconfig"
	docServers  = "https://learn.microsoft.com/powershell/module/exchangepowershell/get-exchangeserver"
	docReadCert = "https://learn.microsoft.com/powershell/module/exchangepowershell/get-exchangecertificate"
	docCerts    = "https://learn.microsoft.com/exchange/architecture/client-access/certificates"
	docHybrid   = "https://learn.microsoft.com/exchange/hybrid-deployment/deploy-dedicated-hybrid-app"
	docScript   = "https://microsoft.github.io/CSS-Exchange/Admin/MonitorExchangeAuthCertificate/"
)

const (
	makeCertificate = `$new = New-ExchangeCertificate -KeySize 2048 -PrivateKeyExportable $true -SubjectName '` + authSubject +
		`' -FriendlyName 'Microsoft Exchange Server Auth Certificate' -DomainName @()  # answer N: do not overwrite the default SMTP certificate`
	askPassword = `$pw = Read-Host -AsSecureString 'A password for the export'`
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
		names[i] = quote(s.FQDN)
	}
	return strings.Join(names, ",")
}

func onServers(servers []*server, commands, comment string) string {
	return fmt.Sprintf("Invoke-Command -ComputerName %s { %s }%s", computers(servers), commands, comment)
}

// stage makes a new certificate and lets Exchange roll over to it by itself.
func (f *facts) stage() []string {
	return append([]string{
		makeCertificate,
		`Set-AuthConfig -NewCertificateThumbprint $new.Thumbprint -NewCertificateEffectiveDate (Get-Date).ToUniversalTime().AddHours(49)  # Exchange replicates it within a site and makes it current by itself`,
		onServers(f.servers, recycle, "  # once it is current"),
	}, f.upload()...)
}

// replace makes a new certificate current at once.
func (f *facts) replace() []string {
	return append([]string{
		makeCertificate,
		`Set-AuthConfig -NewCertificateThumbprint $new.Thumbprint -NewCertificateEffectiveDate (Get-Date).ToUniversalTime()  # answer Y`,
	}, f.publish()...)
}

// publish makes the configured next certificate current at once.
func (f *facts) publish() []string {
	return append([]string{
		`Set-AuthConfig -PublishCertificate`,
		`Set-AuthConfig -ClearPreviousCertificate`,
		onServers(f.servers, "Restart-Service MSExchangeServiceHost; "+recycle, "  # it may take an hour until every server signs with it"),
	}, f.upload()...)
}

// takeOver makes next current at once when it is fit for that, else a new
// certificate.
func (f *facts) takeOver() []string {
	next := f.next
	if next.x509Cert == nil || next.expired(f.now) || next.NotBefore.After(f.now) || len(next.noKey) > 0 {
		return f.replace()
	}
	var steps []string
	for _, s := range next.missing {
		steps = append(steps, f.copyTo(next, s)...)
	}
	return append(steps, f.publish()...)
}

// restage configures a certificate as next with a date that can be met.
func (f *facts) restage(thumbprint Thumbprint) []string {
	return append([]string{
		fmt.Sprintf(`Set-AuthConfig -NewCertificateThumbprint %s -NewCertificateEffectiveDate (Get-Date).ToUniversalTime().AddHours(49)`, quote(string(thumbprint))),
	}, f.upload()...)
}

// upload is what a hybrid organization has to do besides.
func (f *facts) upload() []string {
	if !f.hybrid() {
		return nil
	}
	return f.uploadNow()
}

// uploadNow brings current and next to Entra ID.
func (f *facts) uploadNow() []string {
	if f.Hybrid != nil && known(f.Hybrid.DedicatedApp, true) {
		return []string{`.\ConfigureExchangeHybridApplication.ps1 -UpdateCertificate  # hybrid: Entra ID must know the certificate before it is current`}
	}
	return []string{"Run the Hybrid Configuration Wizard again, or ConfigureExchangeHybridApplication.ps1: Entra ID must know the certificate before it is current"}
}

// copyTo brings a certificate with its key to a server. Exchange itself
// replicates within an Active Directory site only.
func (f *facts) copyTo(cert authCert, to *server) []string {
	from := cert.exporter()
	if from == nil {
		return f.replace()
	}
	return []string{
		askPassword,
		fmt.Sprintf(`$pfx = Export-ExchangeCertificate -Server %s -Thumbprint %s -BinaryEncoded -Password $pw`, quote(from.FQDN), quote(string(cert.thumbprint))),
		fmt.Sprintf(`Import-ExchangeCertificate -Server %s -FileData $pfx.FileData -Password $pw -PrivateKeyExportable $true  # Exchange replicates within a site only`, quote(to.FQDN)),
		onServers([]*server{to}, recycle, ""),
	}
}

// exporter returns a server that can hand the certificate out, if there is one.
func (c authCert) exporter() *server {
	for _, s := range c.holders {
		cert := s.on(c.thumbprint)
		if !known(cert.HasPrivateKey, false) && !known(cert.PrivateKeyExportable, false) {
			return s
		}
	}
	return nil
}

// repairKey tries to find a lost key again before the certificate is copied.
func (f *facts) repairKey(cert authCert, s *server) []string {
	return append([]string{
		onServers([]*server{s}, "certutil -repairstore my "+quote(string(cert.thumbprint)), "  # finds the key again if it is still there; if not:"),
	}, f.copyTo(cert, s)...)
}
