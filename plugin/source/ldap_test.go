package source

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"check_exchange_authcert/plugin/authcert"
	"check_exchange_authcert/plugin/wsman"
)

// Names of the organization in the tests.
const (
	ldapConfiguration = "CN=Configuration,DC=example,DC=test"
	ldapExchange      = "CN=Microsoft Exchange,CN=Services," + ldapConfiguration
	ldapOrg           = "CN=Contoso Labs," + ldapExchange
	ldapAuth          = "CN=Auth Configuration," + ldapOrg
	ldapGroup         = "CN=Exchange Administrative Group (FYDIBOHF23SPDLT),CN=Administrative Groups," + ldapOrg
)

// Thumbprints of certificates that need not exist.
const (
	currentPrint  = "E1BDF9AE58C93C75E76C9DD882138FB8FF0FA786"
	previousPrint = "D0D6BAA255F51F106760CE3BB869A0FE8C9FC298"
	nextPrint     = "BC6BF924D6EF046E64F8D1987DC1D7D2F4C0042A"
)

// contoso is an organization with so many servers, by DN.
func contoso(servers int) []directoryEntry {
	entries := []directoryEntry{
		{"", map[string][]string{"configurationNamingContext": {ldapConfiguration}, "dnsHostName": {"dc01.example.test"}}},
		{ldapExchange, map[string][]string{"objectClass": {"container"}}},
		{ldapOrg, map[string][]string{"objectClass": {"msExchOrganizationContainer"}, "cn": {"Contoso Labs"},
			"objectGUID": {"\x33\x22\x11\x00\x55\x44\x77\x66\x88\x99\xaa\xbb\xcc\xdd\xee\xff"}}},
		{ldapAuth, map[string][]string{"objectClass": {"msExchAuthAuthConfig"}, "whenChanged": {"20261001080000.0Z"},
			"msExchAuthCertificateThumbprint": {"2:" + nextPrint, "0:" + currentPrint, "1:" + previousPrint},
			"msExchAuthNextEffectiveDate":     {"20261201000000.0Z"}, "msExchAuthApplicationIdentifier": {authcert.ExchangeServiceName}}},
		{"CN=Hybrid Configuration,CN=Hybrid Configuration," + ldapOrg, map[string][]string{"objectClass": {"msExchCoexistenceRelationship"}}},
	}
	for i := range servers {
		name := fmt.Sprintf("ex%03d", i+1)
		entries = append(entries, directoryEntry{"CN=" + name + ",CN=Servers," + ldapGroup, map[string][]string{
			"objectClass": {"msExchExchangeServer"}, "cn": {name}, "networkAddress": {"netbios:" + name, "ncacn_ip_tcp:" + name + ".example.test"},
			"serialNumber": {"Version 15.2 (Build 32562.17)"}, "msExchCurrentServerRoles": {"16439"},
			"msExchServerSite": {"CN=Berlin,CN=Sites," + ldapConfiguration}, "msExchServerInternalTLSCert": {"\x30\x03abc"},
		}})
	}
	// What lies below a server is not one, whatever its class says.
	return append(entries, directoryEntry{"CN=Frontend,CN=ex001,CN=Servers," + ldapGroup, map[string][]string{"objectClass": {"msExchExchangeServer"}, "cn": {"Frontend"}}})
}

// source asks this directory with a simple bind; secure says how it listens.
func (s *directoryServer) source(scheme string) LDAP {
	return LDAP{
		URLs: []string{scheme + "://localhost:" + s.port()}, Auth: wsman.AuthBasic, Account: NewCredentials("monitor@EXAMPLE.TEST", "", ldapPassword),
		Kerberos: wsman.Kerberos{KDCs: []string{s.realm.KDC()}}, TLS: wsman.TLS{CAFile: s.ca, ServerName: "example.com"}, // httptest's certificate
		Now: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC),
	}
}

// as asks it with another logon.
func (s *directoryServer) as(auth wsman.Auth, scheme string) LDAP {
	l := s.source(scheme)
	l.Auth = auth
	if auth == wsman.AuthNTLM {
		l.Account = NewCredentials("monitor", "EXAMPLE", ldapPassword)
	}
	return l
}

func TestLDAP(t *testing.T) {
	want := &authcert.Snapshot{
		Schema: 1, TakenAt: authcert.At(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)), Origin: authcert.Origin{Kind: "ldap", Host: "dc01.example.test"},
		OrganizationGUID: "00112233-4455-6677-8899-aabbccddeeff",
		AuthConfig: &authcert.AuthConfig{CurrentCertificateThumbprint: currentPrint, PreviousCertificateThumbprint: previousPrint, NextCertificateThumbprint: nextPrint,
			NextCertificateEffectiveDate: authcert.At(time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)), ServiceName: authcert.ExchangeServiceName,
			WhenChangedUTC: authcert.At(time.Date(2026, 10, 1, 8, 0, 0, 0, time.UTC)), OriginatingServer: "dc01.example.test"},
		Hybrid: &authcert.Hybrid{Configured: new(true)},
	}
	for i := range 2 {
		want.Servers = append(want.Servers, authcert.Server{FQDN: fmt.Sprintf("ex%03d.example.test", i+1), AdminDisplayVersion: "Version 15.2 (Build 2562.17)", Site: "Berlin",
			Role: "mailbox", InternalTransportCertificateThumbprint: "FB81716E387A08E37BBE2C9DEF07E19722CD0448"})
	}
	for _, row := range []struct {
		scheme string
		auth   wsman.Auth
	}{
		{"ldaps", wsman.AuthBasic}, {"ldap", wsman.AuthBasic}, {"ldap", wsman.AuthKerberos}, {"ldaps", wsman.AuthKerberos}, {"ldap", wsman.AuthNTLM}, {"ldaps", wsman.AuthNTLM},
	} {
		t.Run(fmt.Sprintf("%s over %s", row.auth, row.scheme), func(t *testing.T) {
			server := startLDAP(t, row.scheme == "ldaps", contoso(2)...)
			got, err := server.as(row.auth, row.scheme).Snapshot(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(got, want); diff != "" {
				t.Errorf("snapshot (-got +want):\n%s", diff)
			}
			asked := slices.Sorted(maps.Keys(server.asked))
			known := slices.Compact(slices.Sorted(slices.Values(slices.Concat(rootAttributes, organizationAttributes, authConfigAttributes, hybridAttributes, serverAttributes))))
			if diff := cmp.Diff(asked, known); diff != "" {
				t.Errorf("attributes asked for (-got +want):\n%s", diff)
			}
		})
	}
}

// TestLDAPPages has more servers than a domain controller sends in one answer:
// asked without pages, it would send the first ones and code 4.
func TestLDAPPages(t *testing.T) {
	server := startLDAP(t, true, contoso(2*pageSize+1)...)
	snap, err := server.source("ldaps").Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got, want := len(snap.Servers), 2*pageSize+1; got != want {
		t.Errorf("%d servers, want %d", got, want)
	}
}

// change gives the organization with one entry changed; nil removes it.
func change(dn string, attributes map[string][]string) []directoryEntry {
	var entries []directoryEntry
	for _, entry := range contoso(1) {
		if entry.dn == dn {
			if attributes == nil {
				continue
			}
			entry.attributes = maps.Clone(entry.attributes)
			maps.Copy(entry.attributes, attributes)
		}
		entries = append(entries, entry)
	}
	return entries
}

func TestLDAPAuthConfigUnread(t *testing.T) {
	hidden := map[string][]string{"msExchAuthCertificateThumbprint": nil, "msExchAuthApplicationIdentifier": nil}
	for _, row := range []struct {
		name    string
		entries []directoryEntry
		reason  authcert.Reason
		message string
	}{
		{"no such object", change(ldapAuth, nil), authcert.Unreadable, "not found or no permission to read it"},
		{"attributes hidden", change(ldapAuth, hidden), authcert.Unreadable, "not found or no permission to read it"},
		{"a slot twice", change(ldapAuth, map[string][]string{"msExchAuthCertificateThumbprint": {"0:" + currentPrint, "0:" + nextPrint}}), authcert.Malformed, "two values that begin with 0:"},
		{"no time", change(ldapAuth, map[string][]string{"msExchAuthNextEffectiveDate": {"tomorrow"}}), authcert.Malformed, `msExchAuthNextEffectiveDate: "tomorrow" is no time`},
	} {
		t.Run(row.name, func(t *testing.T) {
			snap, err := startLDAP(t, true, row.entries...).secureSnapshot(t)
			if err != nil {
				t.Fatal(err)
			}
			if snap.AuthConfig != nil || len(snap.Errors) != 1 {
				t.Fatalf("AuthConfig %v, errors %v; want none and one", snap.AuthConfig, snap.Errors)
			}
			p := snap.Errors[0]
			if p.Stage != authcert.StageAuthConfig || p.Reason != row.reason || !strings.Contains(p.Error(), row.message) {
				t.Errorf("got %s, %s: %v; want %s: …%s", p.Stage, p.Reason, &p, row.reason, row.message)
			}
			if row.reason == authcert.Unreadable && !strings.HasPrefix(p.Hint, `dsacls '`+ldapAuth+`' /G 'monitor@EXAMPLE.TEST:GR'`) {
				t.Errorf("hint %q does not give the right to delegate", p.Hint)
			}
		})
	}
}

// secureSnapshot reads over ldaps.
func (s *directoryServer) secureSnapshot(t *testing.T) (*authcert.Snapshot, error) {
	return s.source("ldaps").Snapshot(t.Context())
}

func TestLDAPWithoutOrganization(t *testing.T) {
	_, err := startLDAP(t, true, change(ldapOrg, nil)...).secureSnapshot(t)
	var p *authcert.Problem
	if !errors.As(err, &p) || p.Reason != authcert.Unreadable || !strings.Contains(p.Message, "not found or no permission to read it") {
		t.Errorf("got %v, want that it is not found or not readable", err)
	}
}

func TestLDAPWithoutServers(t *testing.T) {
	snap, err := startLDAP(t, true, contoso(0)...).secureSnapshot(t)
	if err != nil {
		t.Fatal(err)
	}
	if len(snap.Servers) != 0 || len(snap.Errors) != 1 || snap.Errors[0].Stage != authcert.StageServers {
		t.Errorf("servers %v, errors %v; want none, and one error that says so", snap.Servers, snap.Errors)
	}
}

// TestLDAPConflict has replication leave a second object behind.
func TestLDAPConflict(t *testing.T) {
	conflict := directoryEntry{"CN=Auth Configuration\\0ACNF:0b1f3d3e-0000-0000-0000-000000000000," + ldapOrg, map[string][]string{
		"objectClass": {"msExchAuthAuthConfig"}, "msExchAuthCertificateThumbprint": {"0:" + nextPrint}}}
	snap, err := startLDAP(t, true, append([]directoryEntry{conflict}, contoso(1)...)...).secureSnapshot(t)
	if err != nil {
		t.Fatal(err)
	}
	if snap.AuthConfig.CurrentCertificateThumbprint != currentPrint || len(snap.OtherAuthConfigs) != 1 || snap.OtherAuthConfigs[0].CurrentCertificateThumbprint != nextPrint {
		t.Errorf("AuthConfig %+v, others %+v; want the object with the right name first", snap.AuthConfig, snap.OtherAuthConfigs)
	}
}
