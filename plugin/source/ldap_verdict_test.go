package source

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"check_exchange_authcert/plugin/authcert"
)

// TestLDAPVerdicts has facts of Active Directory judged: never OK, because
// certificates are not among them. The saved snapshot gives the same verdict.
func TestLDAPVerdicts(t *testing.T) {
	differs := change(ldapAuth, map[string][]string{"msExchAuthCertificateThumbprint": {nextPrint}})
	for _, row := range []struct {
		name          string
		first, second []directoryEntry
		status        authcert.Status
		findings      []string
		remedy        string // of the first finding
	}{
		{"no certificates", contoso(1), nil, authcert.Unknown, []string{"server-unreadable"}, "ex001.example.test"},
		{"two answers", contoso(1), differs, authcert.Warning, []string{"authconfig-differs", "server-unreadable"}, "repadmin /showrepl"},
		{"no right", change(ldapAuth, nil), nil, authcert.Unknown, []string{"authconfig-unreadable", "server-unreadable"}, `dsacls '` + ldapAuth + `' /G 'monitor@EXAMPLE.TEST:GR'`},
		{"no current one", change(ldapAuth, map[string][]string{"msExchAuthCertificateThumbprint": {"1:" + previousPrint}}), nil, authcert.Critical, []string{"current-not-configured", "server-unreadable"}, ""},
		{"another service", change(ldapAuth, map[string][]string{"msExchAuthRealm": {"contoso.com"}}), nil, authcert.Warning, []string{"authconfig-unexpected", "server-unreadable"}, "Set-AuthConfig -Realm $null"},
	} {
		t.Run(row.name, func(t *testing.T) {
			source := startLDAP(t, true, row.first...).source("ldaps")
			if row.second != nil {
				source.URLs = append(source.URLs, startLDAP(t, true, row.second...).source("ldaps").URLs...)
			}
			snap, err := source.Snapshot(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			result := authcert.Judge(snap, authcert.DefaultPolicy(), source.Now)
			var found []string
			for _, finding := range result.Findings {
				found = append(found, finding.ID)
			}
			if diff := cmp.Diff(found, row.findings); diff != "" || result.Status != row.status {
				t.Fatalf("status %v, want %v; findings (-got +want):\n%s", result.Status, row.status, diff)
			}
			if !strings.Contains(result.Findings[0].Remedy, row.remedy) {
				t.Errorf("remedy %q, want …%s", result.Findings[0].Remedy, row.remedy)
			}
			expectSameSaved(t, snap, result)
		})
	}
}

// expectSameSaved judges a snapshot as --save writes it.
func expectSameSaved(t *testing.T, snap *authcert.Snapshot, want authcert.Result) {
	t.Helper()
	data, err := json.Marshal(snap)
	if err != nil {
		t.Fatal(err)
	}
	saved, err := authcert.DecodeSnapshot(data)
	if err != nil {
		t.Fatal(err)
	}
	if saved.OrganizationGUID != snap.OrganizationGUID {
		t.Errorf("organization %s, want %s", saved.OrganizationGUID, snap.OrganizationGUID)
	}
	got := authcert.Judge(saved, authcert.DefaultPolicy(), want.CheckedAt.Time)
	// A hint out of a file is printed as a comment.
	words := func(text string) string { return strings.Join(strings.Fields(strings.ReplaceAll(text, "#", "")), " ") }
	hints := cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Remedy" }, cmp.Comparer(func(a, b string) bool { return words(a) == words(b) }))
	if diff := cmp.Diff(got, want, hints, cmpopts.IgnoreUnexported(authcert.Finding{}, authcert.Range{})); diff != "" {
		t.Errorf("judged again from a file (-got +want):\n%s", diff)
	}
}
