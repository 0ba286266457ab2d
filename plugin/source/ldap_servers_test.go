package source

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"check_exchange_authcert/plugin/authcert"
)

// TestLDAPServers has Active Directory list servers that another source does
// not tell of.
func TestLDAPServers(t *testing.T) {
	exchange := authcert.Origin{Kind: "winrm", Via: "exchange", Host: "ex001.example.test"}
	const role = "mailbox"
	for _, row := range []struct {
		name    string
		origin  authcert.Origin
		servers []authcert.Server
		errors  []authcert.Problem
		want    []string // servers that are added
		note    string
	}{
		{"all", exchange, []authcert.Server{{FQDN: "EX001.example.test", Role: role}, {FQDN: "ex002", Role: role}, {FQDN: "ex003.example.test", Role: role}}, nil, nil, ""},
		{"not one", exchange, []authcert.Server{{FQDN: "ex001.example.test", Role: role}, {FQDN: "ex003.example.test"}}, nil, []string{"ex002.example.test"}, ""},
		{"not two", exchange, []authcert.Server{{FQDN: "ex001", AdminDisplayVersion: "Version 15.2 (Build 2562.17)"}}, nil, []string{"ex002.example.test", "ex003.example.test"}, ""},
		{"no list", exchange, []authcert.Server{{FQDN: "ex001.example.test"}}, []authcert.Problem{{Stage: authcert.StageServers}}, []string{"ex002.example.test", "ex003.example.test"}, ""},
		{"no session", exchange, []authcert.Server{{FQDN: "ex001.example.test"}}, []authcert.Problem{{Stage: authcert.StageSession}}, []string{"ex002.example.test", "ex003.example.test"}, ""},
		{"an export of a part", authcert.Origin{Kind: "clixml"}, []authcert.Server{{FQDN: "ex001"}}, nil, nil, "does not tell of, and they are not judged: ex002.example.test, ex003.example.test"},
		{"named ones only", authcert.Origin{Kind: authcert.KindPublished}, []authcert.Server{{FQDN: "ex001.example.test"}, {FQDN: "ex003.example.test"}}, nil, nil, "not judged: ex002.example.test"},
	} {
		t.Run(row.name, func(t *testing.T) {
			l := joined(t, startLDAP(t, true, contoso(5)...), startLDAP(t, true, contoso(5)...)) // the second has nothing to add
			policy := authcert.DefaultPolicy()
			policy.ExcludeServers = []string{"ex005"}
			l.Concerns = func(s *authcert.Server) bool {
				return policy.Concerns(s) && s.FQDN != "ex004.example.test"
			}
			snap := &authcert.Snapshot{Schema: authcert.Schema, Origin: row.origin, Servers: row.servers, Errors: row.errors}
			before := len(snap.Servers)
			l.Compare(t.Context(), snap)
			var added []string
			for _, s := range snap.Servers[before:] {
				added = append(added, s.FQDN)
				why := "in Active Directory (dc01.example.test), but not in what winrm via exchange on ex001.example.test lists"
				if row.errors != nil {
					why = "in Active Directory (dc01.example.test), and was not asked, for the list of servers could not be read from winrm via exchange on ex001.example.test"
				}
				if s.Error == nil || !strings.Contains(s.Error.Message, why) || (row.errors != nil && s.Error.Hint != row.errors[0].Hint) || s.Origin.Kind != authcert.KindLDAP || s.Site != "Berlin" {
					t.Errorf("%+v, error %v: want what the directory knows of it, and why it is not read", s, s.Error)
				}
			}
			if diff := cmp.Diff(added, row.want); diff != "" {
				t.Errorf("added (-got +want):\n%s", diff)
			}
			notes := strings.Join(snap.Notes, "\n")
			if !strings.Contains(notes, row.note) || (row.note == "") != (notes == "") || len(snap.Notes) > 1 {
				t.Errorf("notes %q, want one with %q", snap.Notes, row.note)
			}
			if unread := snap.Errors[len(row.errors):]; len(unread) != 0 {
				t.Errorf("errors %v, want none", unread)
			}
			expectUnread(t, snap, l, row.want)
		})
	}
}

// expectUnread wants a finding for each server that was added, also when it is
// judged from a file, and its origin.
func expectUnread(t *testing.T, snap *authcert.Snapshot, l LDAP, added []string) {
	t.Helper()
	result := authcert.Judge(snap, authcert.DefaultPolicy(), l.Now)
	found := map[string]bool{}
	for _, finding := range result.Findings {
		found[finding.ID+" "+finding.Server] = finding.Status == authcert.Unknown
	}
	for _, server := range added {
		if !found["server-unreadable "+server] {
			t.Errorf("%s: want it UNKNOWN among %v", server, found)
		}
	}
	from := authcert.FactOrigin{Fact: "servers", Origin: authcert.Origin{Kind: authcert.KindLDAP, Host: "dc01.example.test"}}
	told := false
	for _, origin := range result.Origins {
		told = told || cmp.Equal(origin, from)
	}
	if told != (len(added) > 0) {
		t.Errorf("origins %v; want the directory's servers told: %t", result.Origins, len(added) > 0)
	}
	expectSameSaved(t, snap, result)
}

// TestLDAPServersWithoutAuthConfig has an account that may read the servers, as
// every account may, but not AuthConfig.
func TestLDAPServersWithoutAuthConfig(t *testing.T) {
	l := startLDAP(t, true, change(ldapAuth, nil)...).source("ldaps")
	snap := &authcert.Snapshot{Schema: authcert.Schema, Servers: []authcert.Server{{FQDN: "ex009.example.test", Role: "mailbox"}}}
	l.Compare(t.Context(), snap)
	if len(snap.Servers) != 2 || snap.AuthConfig != nil || snap.Hybrid == nil || len(snap.Errors) != 1 {
		t.Errorf("%+v: want its servers and that it is a hybrid, and AuthConfig noted", snap)
	}
}

// TestLDAPServersOfAnother has the second domain controller of a source list
// one server more: it is asked what it publishes, as the others are.
func TestLDAPServersOfAnother(t *testing.T) {
	snap, err := joined(t, startLDAP(t, true, contoso(1)...), startLDAP(t, true, contoso(2)...)).Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(snap.Servers) != 2 || snap.Servers[1].Error != nil {
		t.Errorf("servers %+v, want both, and no error", snap.Servers)
	}
}

// TestLDAPConflictBeside has the second read hold AuthConfig twice: both are
// compared.
func TestLDAPConflictBeside(t *testing.T) {
	conflict := directoryEntry{"CN=Auth Configuration\\0ACNF:0b1f3d3e-0000-0000-0000-000000000000," + ldapOrg, map[string][]string{
		"objectClass": {"msExchAuthAuthConfig"}, "msExchAuthCertificateThumbprint": {"0:" + nextPrint}}}
	l := startLDAP(t, true, append([]directoryEntry{conflict}, contoso(1)...)...).source("ldaps")
	snap := &authcert.Snapshot{Schema: authcert.Schema, AuthConfig: &authcert.AuthConfig{CurrentCertificateThumbprint: currentPrint}}
	l.Compare(t.Context(), snap)
	if len(snap.OtherAuthConfigs) != 2 || snap.OtherAuthConfigs[1].CurrentCertificateThumbprint != nextPrint {
		t.Errorf("others %+v, want both objects", snap.OtherAuthConfigs)
	}
	snap.AuthConfig, snap.OtherAuthConfigs = nil, nil
	l.Compare(t.Context(), snap)
	if len(snap.OtherAuthConfigs) != 1 || snap.OtherAuthConfigs[0].CurrentCertificateThumbprint != nextPrint {
		t.Errorf("others %+v, want the one that does not stand in", snap.OtherAuthConfigs)
	}
}

// TestLDAPComparesAnew has a saved snapshot hold what another domain controller
// said then: what this one says now stands in its place, unless it says nothing.
func TestLDAPComparesAnew(t *testing.T) {
	saved := func() *authcert.Snapshot {
		return &authcert.Snapshot{Schema: authcert.Schema, AuthConfig: &authcert.AuthConfig{CurrentCertificateThumbprint: currentPrint},
			OtherAuthConfigs: authcert.List[authcert.AuthConfig]{
				{CurrentCertificateThumbprint: nextPrint, Origin: &authcert.Origin{Kind: authcert.KindLDAP, Host: "dc09.example.test"}}, {CurrentCertificateThumbprint: previousPrint}},
			Errors: authcert.List[authcert.Problem]{{Stage: stageCompare, Message: "of then"}}}
	}
	said := func(snap *authcert.Snapshot) (all []authcert.Thumbprint) {
		for _, c := range snap.OtherAuthConfigs {
			all = append(all, c.CurrentCertificateThumbprint)
		}
		return all
	}
	now, l := saved(), startLDAP(t, true, contoso(1)...).source("ldaps")
	l.Compare(t.Context(), now)
	if diff := cmp.Diff([]authcert.Thumbprint{previousPrint, currentPrint}, said(now)); diff != "" || len(now.Errors) != 0 {
		t.Errorf("errors %v, others (-want +got):\n%s", now.Errors, diff)
	}
	again := saved()
	l.URLs = []string{nowhere(t)}
	l.Compare(t.Context(), again)
	if diff := cmp.Diff([]authcert.Thumbprint{nextPrint, previousPrint}, said(again)); diff != "" || len(again.Errors) != 1 || again.Errors[0].Message == "of then" {
		t.Errorf("errors %v, others (-want +got):\n%s", again.Errors, diff)
	}
}
