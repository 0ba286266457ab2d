package source

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/go-ldap/ldap/v3"

	"check_exchange_authcert/plugin/authcert"
)

// What is asked for, and nothing else: no secret is among it.
var (
	rootAttributes         = []string{"configurationNamingContext", "dnsHostName"}
	organizationAttributes = []string{"objectGUID"}
	authConfigAttributes   = []string{"cn", "msExchAuthCertificateThumbprint", "msExchAuthNextEffectiveDate", "msExchAuthApplicationIdentifier", "msExchAuthRealm", "whenChanged"}
	hybridAttributes       = []string{"cn"}
	serverAttributes       = []string{"cn", "networkAddress", "serialNumber", "msExchCurrentServerRoles", "msExchServerSite", "msExchServerInternalTLSCert"}
)

// pageSize is how many objects are asked for at once; Active Directory gives
// 1000 at most.
const pageSize = 250

// snapshot reads the objects of the organization. What cannot be read is noted,
// unless it is the organization itself.
func (d *directory) snapshot() (*authcert.Snapshot, error) {
	config, server, err := d.root()
	if err != nil {
		return nil, err
	}
	org, err := d.organization(config)
	if err != nil {
		return nil, err
	}
	snap := &authcert.Snapshot{
		Schema:           authcert.Schema,
		Origin:           authcert.Origin{Kind: authcert.KindLDAP, Host: server},
		OrganizationGUID: objectGUID(org.GetRawAttributeValue("objectGUID")),
	}
	configs, problem := d.authConfigs(org, server)
	if problem != nil {
		snap.Errors = append(snap.Errors, *problem)
	} else {
		snap.AuthConfig = configs[0]
		for _, other := range configs[1:] {
			snap.OtherAuthConfigs = append(snap.OtherAuthConfigs, *other)
		}
	}
	if snap.Servers, problem = d.servers(org); problem != nil {
		snap.Errors = append(snap.Errors, *problem)
	}
	// Whether there is none, or this account may not see it, is not known.
	if found, err := d.search(org.DN, ldap.ScopeWholeSubtree, "(objectClass=msExchCoexistenceRelationship)", hybridAttributes); err == nil && len(found) > 0 {
		snap.Hybrid = &authcert.Hybrid{Configured: new(true)}
	}
	return snap, nil
}

// root reads the domain controller's own entry: where the configuration is, and
// what it is called.
func (d *directory) root() (config, server string, err error) {
	request := ldap.NewSearchRequest("", ldap.ScopeBaseObject, ldap.NeverDerefAliases, 0, 0, false, "(objectClass=*)", rootAttributes, nil)
	result, err := d.conn.Search(request)
	if err != nil {
		return "", "", d.problem("reading the root entry", err)
	}
	if len(result.Entries) == 1 {
		config = result.Entries[0].GetAttributeValue("configurationNamingContext")
		server = result.Entries[0].GetAttributeValue("dnsHostName")
	}
	if config == "" {
		return "", "", &authcert.Problem{Stage: "Active Directory (" + d.name + "): reading the root entry", Reason: authcert.Unsupported,
			Message: "it names no configuration partition", Hint: "Name a domain controller of the forest that Exchange is in"}
	}
	if !isHostName(server) {
		server = d.host
	}
	return config, server, nil
}

// organization finds the one Exchange organization of the forest.
func (d *directory) organization(config string) (*ldap.Entry, error) {
	const doing = "looking for the Exchange organization"
	found, err := d.search("CN=Microsoft Exchange,CN=Services,"+config, ldap.ScopeSingleLevel, "(objectClass=msExchOrganizationContainer)", organizationAttributes)
	if err != nil && !ldap.IsErrorWithCode(err, ldap.LDAPResultNoSuchObject) {
		return nil, d.problem(doing, err)
	}
	if len(found) != 1 {
		return nil, &authcert.Problem{Stage: fmt.Sprintf("Active Directory (%s): %s", d.name, doing), Reason: authcert.Unreadable,
			Message: fmt.Sprintf("not found or no permission to read it: %d of them below CN=Microsoft Exchange,CN=Services,%s", len(found), config),
			Hint:    "See that Exchange is in this forest; every domain account may read that object by default"}
	}
	return found[0], nil
}

// authConfigs are the objects that hold AuthConfig, the one with the right name
// first: replication can leave a second one behind.
func (d *directory) authConfigs(org *ldap.Entry, server string) ([]*authcert.AuthConfig, *authcert.Problem) {
	entries, err := d.search(org.DN, ldap.ScopeWholeSubtree, "(objectClass=msExchAuthAuthConfig)", authConfigAttributes)
	if err != nil && !ldap.IsErrorWithCode(err, ldap.LDAPResultNoSuchObject) {
		problem := d.problem("reading AuthConfig", err)
		problem.Stage = authcert.StageAuthConfig
		return nil, problem
	}
	slices.SortStableFunc(entries, func(a, b *ldap.Entry) int {
		return cmp.Compare(len(a.DN), len(b.DN)) // a conflict's name is longer
	})
	var configs []*authcert.AuthConfig
	for _, entry := range entries {
		config, err := ldapAuthConfig(entry)
		if err != nil {
			return nil, &authcert.Problem{Stage: authcert.StageAuthConfig, Reason: authcert.Malformed, Message: err.Error(), Hint: fmt.Sprintf("Get-AuthConfig; repadmin /showobjmeta %s %s", authcert.Quote(server), authcert.Quote(entry.DN))}
		}
		if config == nil {
			return nil, d.unreadable(org)
		}
		config.OriginatingServer = server
		configs = append(configs, config)
	}
	if len(configs) == 0 {
		return nil, d.unreadable(org)
	}
	return configs, nil
}

// unreadable is the problem of an object that is not there for this account,
// which may mean that it is not there.
func (d *directory) unreadable(org *ldap.Entry) *authcert.Problem {
	return &authcert.Problem{
		Stage: authcert.StageAuthConfig, Reason: authcert.Unreadable,
		Message: "CN=Auth Configuration in " + org.DN + ": not found or no permission to read it",
		Hint: fmt.Sprintf(`dsacls %s /G %s  # once, by an administrator: generic read on this object`,
			authcert.Quote("CN=Auth Configuration,"+org.DN), authcert.Quote(cmp.Or(d.user, "ACCOUNT")+":GR")),
	}
}

// servers lists the Exchange servers of all administrative groups.
func (d *directory) servers(org *ldap.Entry) ([]authcert.Server, *authcert.Problem) {
	entries, err := d.search(org.DN, ldap.ScopeWholeSubtree, "(objectClass=msExchExchangeServer)", serverAttributes)
	if err != nil && !ldap.IsErrorWithCode(err, ldap.LDAPResultNoSuchObject) {
		problem := d.problem("reading the servers", err)
		problem.Stage = authcert.StageServers
		return nil, problem
	}
	servers := []authcert.Server{}
	for _, entry := range entries {
		if isServerObject(entry.DN) {
			servers = append(servers, ldapServer(entry))
		}
	}
	if len(servers) == 0 {
		return nil, &authcert.Problem{Stage: authcert.StageServers, Reason: authcert.Unreadable, Message: "no server in " + org.DN + ": not found or no permission to read them",
			Hint: "Every domain account may read them by default"}
	}
	slices.SortFunc(servers, func(a, b authcert.Server) int { return strings.Compare(a.FQDN, b.FQDN) })
	return servers, nil
}

// search reads page by page. Referrals are not followed, and half an answer is
// none.
func (d *directory) search(base string, scope int, filter string, attributes []string) ([]*ldap.Entry, error) {
	request := ldap.NewSearchRequest(base, scope, ldap.NeverDerefAliases, 0, 0, false, filter, attributes, nil)
	result, err := d.conn.SearchWithPaging(request, pageSize)
	if err != nil {
		return nil, err
	}
	return result.Entries, nil
}
