package main

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"check_exchange_authcert/plugin"
	"check_exchange_authcert/plugin/source"
)

// crosschecks are ways to facts that need no PowerShell. They are compared with
// those of the source.
type crosschecks struct {
	CheckPublished    bool   `group:"crosschecks" help:"Ask every server for the OAuth metadata document that it publishes (https, without an account)."`
	CheckTLS          bool   `group:"crosschecks" name:"check-tls" help:"Look which certificates every server serves on ports 443 and 444."`
	Tenant            string `group:"crosschecks" placeholder:"NAME" help:"Ask Entra ID which certificates it trusts: the tenant's domain or ID."`
	ClientID          string `group:"crosschecks" name:"client-id" placeholder:"ID" help:"The application that asks; it has the permission Application.Read.All."`
	ClientSecretFile  string `group:"crosschecks" placeholder:"FILE" help:"Its secret; not readable by every account."`
	ClientCertificate string `group:"crosschecks" placeholder:"FILE" help:"Or its certificate with the RSA key (PEM, not encrypted); not readable by every account."`
	Application       string `group:"crosschecks" placeholder:"NAME" help:"The dedicated hybrid application's name or ID (ExchangeServerApp-…, else the shared principal)."`
	Cloud             string `group:"crosschecks" default:"public" placeholder:"CLOUD" help:"public, usgov, usdod or china (${default})."`
}

// crossChecked adds to a source what the command line wants its facts compared
// with.
func (c *cli) crossChecked(base plugin.Source, login source.ClientLogin) (plugin.Source, error) {
	policy := c.policy()
	var checks []source.Check
	if c.CheckPublished && len(c.Published) == 0 && !c.directoryAlone() {
		roots, err := source.ReadRoots(c.CAFile)
		if err != nil {
			return nil, err
		}
		checks = append(checks, source.CheckPublished{Roots: roots, Concerns: policy.Concerns})
	}
	if c.CheckTLS {
		checks = append(checks, source.CheckTLS{Concerns: policy.Concerns})
	}
	if c.Tenant != "" {
		checks = append(checks, source.Entra{Tenant: c.Tenant, ClientID: c.ClientID, Login: login, Cloud: source.Clouds[c.Cloud], Application: c.Application})
	}
	if len(checks) == 0 {
		return base, nil
	}
	return source.Checked{Source: base, Checks: checks}, nil
}

// login is how the application logs on, if there is a tenant.
func (c *crosschecks) login() (source.ClientLogin, error) {
	switch {
	case c.Tenant == "":
		return source.ClientLogin{}, nil
	case c.ClientSecretFile != "":
		return source.ReadClientSecret(c.ClientSecretFile)
	}
	return source.ReadClientCertificate(c.ClientCertificate)
}

const tenantName = `^[0-9A-Za-z][0-9A-Za-z.-]*$`

// validateEntra finds contradictions among the options for Entra ID.
func (c *crosschecks) validateEntra() error {
	_, known := source.Clouds[c.Cloud]
	switch {
	case c.Tenant == "" && (c.ClientID != "" || c.ClientSecretFile != "" || c.ClientCertificate != "" || c.Application != ""):
		return errors.New("--client-id, --client-secret-file, --client-certificate and --application need --tenant")
	case !known:
		return fmt.Errorf("--cloud %s: known are %s", c.Cloud, strings.Join(slices.Sorted(maps.Keys(source.Clouds)), ", "))
	case c.Tenant == "":
		return nil
	case !regexp.MustCompile(tenantName).MatchString(c.Tenant):
		return fmt.Errorf("--tenant %q: want a domain, as in contoso.onmicrosoft.com, or an ID", c.Tenant)
	case c.ClientID == "":
		return errors.New("--tenant needs --client-id: the application that asks")
	case (c.ClientSecretFile == "") == (c.ClientCertificate == ""):
		return errors.New("--tenant needs --client-secret-file or --client-certificate, one of them")
	}
	return nil
}
