package main

import (
	"time"

	"check_exchange_authcert/plugin"
	"check_exchange_authcert/plugin/source"
	"check_exchange_authcert/plugin/wsman"
)

// directory is how Active Directory is asked; the account is the connection's.
type directory struct {
	LDAP []string `group:"source" name:"ldap" sep:"none" placeholder:"URL" help:"A domain controller, as ldaps://dc01.contoso.com: AuthConfig and the servers from Active Directory. Repeatable: the first that answers is used, the others are compared. With another source AuthConfig is read here too and compared; where that source cannot answer, this does."`
}

// directoryAlone tells whether Active Directory is the source.
func (c *cli) directoryAlone() bool {
	return len(c.LDAP) > 0 && c.primaries() == 0
}

// ldap is Active Directory as the command line names it.
func (c *cli) ldap(a accounts, now time.Time) (source.LDAP, error) {
	policy := c.policy()
	l := source.LDAP{
		URLs: c.LDAP, Auth: c.auth(a.host.Username), Account: a.host, Now: now,
		Kerberos: wsman.Kerberos{KDCs: c.Kdc, Keytab: c.Keytab, CCache: c.Ccache, ConfigFile: c.Krb5Conf},
		TLS:      wsman.TLS{CAFile: c.CAFile, ServerName: c.TLSServerName, Insecure: c.Insecure},
		Concerns: policy.Concerns,
	}
	if err := c.usable(a.host); err != nil {
		return l, err
	}
	return l, l.Check()
}

// withDocuments adds what each server publishes to Active Directory, which holds
// no certificates.
func (c *cli) withDocuments(l source.LDAP) (plugin.Source, error) {
	roots, err := source.ReadRoots(c.CAFile)
	policy := c.policy()
	return source.Checked{Source: l, Checks: []source.Check{source.CheckPublished{Roots: roots, Concerns: policy.Concerns}}}, err
}

// withDirectory adds Active Directory to a source, or makes it the source where
// there is none.
func (p program) withDirectory(c *cli, chosen plugin.Source, a accounts) (plugin.Source, error) {
	if len(c.LDAP) == 0 {
		return chosen, nil
	}
	l, err := c.ldap(a, p.now())
	switch {
	case err != nil:
		return nil, err
	case chosen == nil:
		return c.withDocuments(l)
	}
	instead, err := c.withDocuments(l)
	return source.Beside{Source: chosen, Directory: l, Instead: instead}, err
}
