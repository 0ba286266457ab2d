//go:build integration && linux

package source

import (
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"check_exchange_authcert/plugin/authcert"
	"check_exchange_authcert/plugin/wsman"
)

// exchangeAttributes are the attributes that Exchange adds and that are read,
// and the two that must never be asked for; networkAddress and serialNumber are
// in Windows' own schema. Names and syntaxes are Microsoft's. Object identifiers
// are made up, because Microsoft publishes a list of those and a list of names,
// not which has which:
// https://learn.microsoft.com/exchange/plan-and-deploy/active-directory/ad-schema-changes.
var exchangeAttributes = []struct {
	name, syntax, om string
	multi            bool
}{
	{"msExchAuthCertificateThumbprint", "2.5.5.12", "64", true},
	{"msExchAuthNextEffectiveDate", "2.5.5.11", "24", false},
	{"msExchAuthApplicationIdentifier", "2.5.5.12", "64", false},
	{"msExchAuthRealm", "2.5.5.12", "64", false},
	{"msExchAuthAppSecret", "2.5.5.12", "64", false},
	{"msExchCurrentServerRoles", "2.5.5.9", "2", false},
	{"msExchServerSite", "2.5.5.1", "127", false},
	{"msExchServerInternalTLSCert", "2.5.5.10", "4", false},
	{"msExchCoexistenceDomains", "2.5.5.12", "64", true},
}

// exchangeClasses are Exchange's classes. Those that everybody may read say so;
// the others are for administrators until rights are given. Object identifiers
// are Microsoft's where they are known by name, from the reference of Exchange
// 2003, https://msdn.microsoft.com/en-us/library/aa484958(v=exchg.65).aspx, and from
// OpenChange's schema, which agrees with it, setup/AD/oc_provision_schema_*.ldif in
// https://github.com/openchange/openchange; otherwise they are made up as above.
var exchangeClasses = []struct {
	name, oid, may string
	public         bool
}{
	{"msExchOrganizationContainer", "1.2.840.113556.1.5.7000.62.50020", "", true},
	{"msExchContainer", "1.2.840.113556.1.5.7000.62.50010", "", true},
	{"msExchAuthAuthConfig", madeUp + ".2.1", "msExchAuthCertificateThumbprint msExchAuthNextEffectiveDate msExchAuthApplicationIdentifier msExchAuthRealm msExchAuthAppSecret", false},
	{"msExchExchangeServer", "1.2.840.113556.1.5.7000.62.50009", "networkAddress serialNumber msExchCurrentServerRoles msExchServerSite msExchServerInternalTLSCert", true},
	{"msExchCoexistenceRelationship", madeUp + ".2.2", "msExchCoexistenceDomains", false},
}

// madeUp is an arc that no other part of the schema uses.
const madeUp = "1.3.6.1.4.1.99999"

const everybodyReads = "D:(A;;RPWPCRCCDCLCLORCWOWDSDDTSW;;;DA)(A;;RPWPCRCCDCLCLORCWOWDSDDTSW;;;SY)(A;;RPLCLORC;;;AU)"

const schemaNow = "dn:\nchangetype: modify\nadd: schemaUpdateNow\nschemaUpdateNow: 1\n\n"

// extendSchema adds what Exchange's setup would add, as far as it is read.
func extendSchema(s *samba) {
	var attributes, classes strings.Builder
	for i, a := range exchangeAttributes {
		fmt.Fprintf(&attributes, "dn: CN=%[1]s,CN=Schema,CN=Configuration,%[2]s\nchangetype: add\nobjectClass: attributeSchema\ncn: %[1]s\nlDAPDisplayName: %[1]s\nattributeID: %[7]s.1.%[3]d\nattributeSyntax: %[4]s\noMSyntax: %[5]s\nisSingleValued: %[6]s\n",
			a.name, sambaRoot, i+1, a.syntax, a.om, strings.ToUpper(fmt.Sprint(!a.multi)), madeUp)
		if a.om == "127" {
			attributes.WriteString("oMObjectClass:: KwwCh3McAIVK\n") // a distinguished name
		}
		attributes.WriteString("\n")
	}
	for _, c := range exchangeClasses {
		fmt.Fprintf(&classes, "dn: CN=%[1]s,CN=Schema,CN=Configuration,%[2]s\nchangetype: add\nobjectClass: classSchema\ncn: %[1]s\nlDAPDisplayName: %[1]s\ngovernsID: %[3]s\nobjectClassCategory: 1\nsubClassOf: container\nrDNAttID: cn\npossSuperiors: container\ndefaultObjectCategory: CN=%[1]s,CN=Schema,CN=Configuration,%[2]s\n",
			c.name, sambaRoot, c.oid)
		for attribute := range strings.FieldsSeq(c.may) {
			fmt.Fprintf(&classes, "mayContain: %s\n", attribute)
		}
		if c.public {
			fmt.Fprintf(&classes, "defaultSecurityDescriptor: %s\n", everybodyReads)
		}
		classes.WriteString("\n")
	}
	s.modify(attributes.String() + schemaNow)
	s.modify(classes.String() + schemaNow)
}

const (
	sambaServices = "CN=Services,CN=Configuration," + sambaRoot
	sambaOrg      = "CN=Contoso Labs,CN=Microsoft Exchange," + sambaServices
	sambaConfig   = "CN=Auth Configuration," + sambaOrg
	sambaHybrid   = "CN=Hybrid Configuration,CN=Hybrid Configuration," + sambaOrg
	sambaGroups   = "CN=Administrative Groups," + sambaOrg
)

// organize adds an organization with so many servers.
func organize(s *samba, servers int) {
	var ldif strings.Builder
	object := func(dn, class string, lines ...string) {
		fmt.Fprintf(&ldif, "dn: %s\nchangetype: add\nobjectClass: %s\n%s\n\n", dn, class, strings.Join(lines, "\n"))
	}
	object("CN=Microsoft Exchange,"+sambaServices, "msExchConfigurationContainer")
	object(sambaOrg, "msExchOrganizationContainer")
	object(sambaConfig, "msExchAuthAuthConfig", "msExchAuthCertificateThumbprint: 2:"+nextPrint, "msExchAuthCertificateThumbprint: 0:"+currentPrint,
		"msExchAuthCertificateThumbprint: 1:"+previousPrint, "msExchAuthNextEffectiveDate: 20261201000000.0Z",
		"msExchAuthApplicationIdentifier: "+authcert.ExchangeServiceName, "msExchAuthAppSecret: never asked for")
	object("CN=Hybrid Configuration,"+sambaOrg, "msExchContainer")
	object(sambaHybrid, "msExchCoexistenceRelationship")
	object(sambaGroups, "msExchContainer")
	group := "CN=Exchange Administrative Group (FYDIBOHF23SPDLT)," + sambaGroups
	object(group, "msExchContainer")
	object("CN=Servers,"+group, "msExchContainer")
	for i := range servers {
		name := fmt.Sprintf("EX%03d", i+1)
		object(fmt.Sprintf("CN=%s,CN=Servers,%s", name, group), "msExchExchangeServer", "networkAddress: ncacn_vns_spp:"+name, "networkAddress: netbios:"+name,
			"networkAddress: ncacn_ip_tcp:"+strings.ToLower(name)+".example.test", "serialNumber: Version 15.2 (Build 32562.17)", "msExchCurrentServerRoles: 16439",
			"msExchServerSite: CN=Default-First-Site-Name,CN=Sites,CN=Configuration,"+sambaRoot, "msExchServerInternalTLSCert:: "+base64.StdEncoding.EncodeToString(append([]byte{0x30}, make([]byte, 1200)...)))
	}
	s.modify(ldif.String())
	s.modify("dn: CN=" + strings.ToUpper(s.name) + ",OU=Domain Controllers," + s.domainDN() + "\nchangetype: modify\nadd: servicePrincipalName\nservicePrincipalName: ldap/" + s.host() + "\n\n")
}

// furnish gives a domain an organization and three accounts: reader, to whom the
// one right was given that the hint names, hybrid, who has the same right to the
// hybrid configuration too, and plain, to whom none was given.
func furnish(s *samba, servers int) {
	s.t.Helper()
	extendSchema(s)
	organize(s, servers)
	for user, objects := range map[string][]string{"reader": {sambaConfig}, "hybrid": {sambaConfig, sambaHybrid}, "plain": nil} {
		s.inside("samba-tool", "user", "create", user, "Geheim-Pass1!", "-s", s.dir+"/dc/etc/smb.conf")
		sid := s.inside("ldbsearch", "-H", s.dir+"/dc/private/sam.ldb", "(sAMAccountName="+user+")", "objectSid")
		_, sid, _ = strings.Cut(sid, "objectSid: ")
		sid, _, _ = strings.Cut(sid, "\n")
		for _, object := range objects {
			s.inside("samba-tool", "dsacl", "set", "-s", s.dir+"/dc/etc/smb.conf", "-H", s.dir+"/dc/private/sam.ldb", "--objectdn="+object, "--sddl=(A;;RPLCLORC;;;"+sid+")")
		}
	}
}

// as is a source that asks the domain controller over a scheme.
func (s *samba) as(user string, auth wsman.Auth, scheme string) LDAP {
	l := LDAP{
		URLs: []string{scheme + "://" + s.address}, Auth: auth, Now: time.Now(),
		Account:  NewCredentials(user+"@"+s.realm, "", "Geheim-Pass1!"),
		Kerberos: wsman.Kerberos{KDCs: []string{s.address}, SPN: "ldap/" + s.host()},
		TLS:      wsman.TLS{CAFile: s.ca},
	}
	if auth == wsman.AuthNTLM {
		l.Account = NewCredentials(user, s.workgroup, "Geheim-Pass1!")
	}
	return l
}

// keytab exports an account's keys.
func (s *samba) keytab(user string) string {
	s.t.Helper()
	path := s.dir + "/" + user + ".keytab"
	s.inside("samba-tool", "domain", "exportkeytab", path, "--principal="+user, "-s", s.dir+"/dc/etc/smb.conf")
	return path
}

// thumbprints replaces AuthConfig's values.
func (s *samba) thumbprints(values []string) {
	s.t.Helper()
	s.modify("dn: " + sambaConfig + "\nchangetype: modify\nreplace: msExchAuthCertificateThumbprint\nmsExchAuthCertificateThumbprint: " +
		strings.Join(values, "\nmsExchAuthCertificateThumbprint: ") + "\n\n")
}

// version is "Version 4.17.12-Debian" or the like.
func (s *samba) version() string {
	s.t.Helper()
	return s.inside("samba", "--version")
}
