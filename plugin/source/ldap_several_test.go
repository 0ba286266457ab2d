package source

import (
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"check_exchange_authcert/plugin/authcert"
)

// nowhere is an URL at which nobody listens.
func nowhere(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return "ldaps://" + l.Addr().String()
}

// joined asks several directories; they share one certificate.
func joined(t *testing.T, servers ...*directoryServer) LDAP {
	t.Helper()
	l := servers[0].source("ldaps")
	for _, server := range servers[1:] {
		l.URLs = append(l.URLs, server.source("ldaps").URLs...)
	}
	return l
}

func TestLDAPFirstAnswers(t *testing.T) {
	server := startLDAP(t, true, contoso(1)...)
	source := server.source("ldaps")
	source.URLs = append([]string{nowhere(t)}, source.URLs...)
	snap, err := source.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if snap.AuthConfig == nil || len(snap.Errors) != 1 || snap.Errors[0].Reason != authcert.Unreachable {
		t.Errorf("AuthConfig %v, errors %v; want one, and a note on who was not reached", snap.AuthConfig, snap.Errors)
	}
}

func TestLDAPNoneAnswers(t *testing.T) {
	server := startLDAP(t, true)
	source := server.source("ldaps")
	source.URLs = []string{nowhere(t), nowhere(t)}
	p := refused(t, source, long)
	if p.Reason != authcert.Unreachable || !strings.Contains(p.Message, "before that: Active Directory (127.0.0.1:") {
		t.Errorf("got %s: %s; want both named", p.Reason, p.Message)
	}
}

// TestLDAPHangingFirst has the first accept and say nothing: it may not use up
// the time of the second.
func TestLDAPHangingFirst(t *testing.T) {
	t.Parallel()
	hanging := startLDAP(t, true)
	hanging.fail("bind", directoryFault{hang: true})
	snap, err := snapshotWithin(t, 8*time.Second, joined(t, hanging, startLDAP(t, true, contoso(1)...)))
	if err != nil {
		t.Fatal(err)
	}
	if len(snap.Errors) != 1 || snap.Errors[0].Reason != authcert.Timeout {
		t.Errorf("errors %v; want one, the timeout of the first", snap.Errors)
	}
}

// TestLDAPRefusalEnds has the first refuse the password: nobody else is asked.
func TestLDAPRefusalEnds(t *testing.T) {
	first, second := startLDAP(t, true, contoso(1)...), startLDAP(t, true, contoso(1)...)
	source := joined(t, first, second)
	source.Account = NewCredentials("monitor@EXAMPLE.TEST", "", "Geheim of another")
	if p := refused(t, source, long); p.Reason != authcert.AccessDenied || second.count("connect") != 0 {
		t.Errorf("got %s, and %d connections to the second; want access-denied and none", p.Reason, second.count("connect"))
	}
}

func TestLDAPOthersAreCompared(t *testing.T) {
	differs := startLDAP(t, true, change(ldapAuth, map[string][]string{"msExchAuthCertificateThumbprint": {nextPrint}})...)
	hidden := startLDAP(t, true, change(ldapAuth, nil)...)
	source := joined(t, startLDAP(t, true, contoso(1)...), differs, hidden)
	source.URLs = append(source.URLs, nowhere(t))
	snap, err := source.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	expectCompared(t, snap)
}

// TestLDAPCompare adds a second opinion to facts that came another way.
func TestLDAPCompare(t *testing.T) {
	differs := startLDAP(t, true, change(ldapAuth, map[string][]string{"msExchAuthCertificateThumbprint": {nextPrint}})...)
	hidden := startLDAP(t, true, change(ldapAuth, nil)...)
	source := joined(t, differs, hidden)
	source.URLs = append(source.URLs, nowhere(t))
	snap := &authcert.Snapshot{Schema: 1, Origin: authcert.Origin{Kind: "winrm"}, AuthConfig: &authcert.AuthConfig{CurrentCertificateThumbprint: currentPrint}}
	source.Compare(t.Context(), snap)
	expectCompared(t, snap)
	if snap.OrganizationGUID == "" || snap.Hybrid == nil || snap.Origin.Kind != "winrm" || len(snap.Servers) != 0 {
		t.Errorf("%+v: want organization and hybrid added, nothing else", snap)
	}
	from := &authcert.Origin{Kind: "ldap", Host: "dc01.example.test"}
	if diff := cmp.Diff([]*authcert.Origin{snap.AuthConfig.Origin, snap.OtherAuthConfigs[0].Origin, snap.Hybrid.Origin}, []*authcert.Origin{nil, from, from}); diff != "" {
		t.Errorf("origins of AuthConfig, the other and hybrid (-got +want):\n%s", diff)
	}
}

// TestLDAPStandsIn has a source without AuthConfig, as one is whose PowerShell
// the expired certificate has broken: Active Directory tells it, and what is
// known already stays.
func TestLDAPStandsIn(t *testing.T) {
	differs := startLDAP(t, true, change(ldapAuth, map[string][]string{"msExchAuthCertificateThumbprint": {nextPrint}})...)
	source := joined(t, startLDAP(t, true, contoso(1)...), differs)
	hybrid := &authcert.Hybrid{Configured: new(true), DedicatedApp: new(true)}
	snap := &authcert.Snapshot{Schema: 1, Origin: authcert.Origin{Kind: "winrm"}, Hybrid: hybrid,
		Errors: authcert.List[authcert.Problem]{{Stage: authcert.StageAuthConfig, Reason: authcert.Unreadable, Message: "it failed"}}}
	source.Compare(t.Context(), snap)
	if a := snap.AuthConfig; a == nil || a.CurrentCertificateThumbprint != currentPrint || a.Origin == nil || a.Origin.Kind != "ldap" {
		t.Errorf("AuthConfig %+v, want the first directory's", a)
	}
	if len(snap.OtherAuthConfigs) != 1 || snap.OtherAuthConfigs[0].CurrentCertificateThumbprint != nextPrint || snap.Hybrid != hybrid {
		t.Errorf("others %+v, hybrid %+v; want the second directory's, and what was known", snap.OtherAuthConfigs, snap.Hybrid)
	}
	result := authcert.Judge(snap, authcert.DefaultPolicy(), source.Now)
	for _, finding := range result.Findings {
		if finding.ID == "authconfig-unreadable" {
			t.Errorf("%s: it was read", finding.Message)
		}
	}
	if !slices.Contains(result.Notes, "not known (get-authconfig): it failed") {
		t.Errorf("notes %q hide what failed", result.Notes)
	}
}

// TestLDAPContradicts has Exchange find no hybrid configuration and Active
// Directory hold one: neither wins, and a note says so.
func TestLDAPContradicts(t *testing.T) {
	source := startLDAP(t, true, contoso(1)...).source("ldaps")
	snap := &authcert.Snapshot{Schema: 1, Origin: authcert.Origin{Kind: "exchange", Host: "ex01.contoso.com"}, Hybrid: &authcert.Hybrid{Configured: new(false), DedicatedApp: new(false)}}
	source.Compare(t.Context(), snap)
	if diff := cmp.Diff(snap.Hybrid, &authcert.Hybrid{DedicatedApp: new(false)}); diff != "" {
		t.Errorf("hybrid (-got +want):\n%s", diff)
	}
	const want = "not known (comparing AuthConfig with Active Directory): whether this is a hybrid organization: yes from ldap on dc01.example.test, no from exchange on ex01.contoso.com"
	if notes := authcert.Judge(snap, authcert.DefaultPolicy(), source.Now).Notes; !slices.Contains(notes, want) {
		t.Errorf("notes %q lack %q", notes, want)
	}
	snap.Hybrid = &authcert.Hybrid{DedicatedApp: new(true)} // where the source cannot tell, the directory does
	source.Compare(t.Context(), snap)
	if diff := cmp.Diff(snap.Hybrid, &authcert.Hybrid{Configured: new(true), DedicatedApp: new(true), Origin: &authcert.Origin{Kind: authcert.KindLDAP, Host: "dc01.example.test"}}); diff != "" {
		t.Errorf("hybrid (-got +want):\n%s", diff)
	}
}

// expectCompared wants one other AuthConfig and two notes.
func expectCompared(t *testing.T, snap *authcert.Snapshot) {
	t.Helper()
	if len(snap.OtherAuthConfigs) != 1 || snap.OtherAuthConfigs[0].CurrentCertificateThumbprint != nextPrint || snap.AuthConfig.CurrentCertificateThumbprint != currentPrint {
		t.Errorf("AuthConfig %+v, others %+v; want the source's own, and the other beside it", snap.AuthConfig, snap.OtherAuthConfigs)
	}
	if len(snap.Errors) != 2 || !strings.Contains(snap.Errors[0].Message, "not found or no permission") || !strings.Contains(snap.Errors[1].Message, "unreachable: ") {
		t.Errorf("errors %+v; want what could not be compared", snap.Errors)
	}
	for i := range snap.Errors {
		if snap.Errors[i].Stage != stageCompare {
			t.Errorf("stage %q, want %q: AuthConfig itself was read", snap.Errors[i].Stage, stageCompare)
		}
	}
}

// TestLDAPCompareRefused does not try a refused password elsewhere.
func TestLDAPCompareRefused(t *testing.T) {
	first, second := startLDAP(t, true, contoso(1)...), startLDAP(t, true, contoso(1)...)
	source := joined(t, first, second)
	source.Account = NewCredentials("monitor@EXAMPLE.TEST", "", "Geheim of another")
	snap := &authcert.Snapshot{Schema: 1}
	source.Compare(t.Context(), snap)
	if len(snap.Errors) != 1 || second.count("connect") != 0 {
		t.Errorf("errors %v, and %d connections to the second; want one and none", snap.Errors, second.count("connect"))
	}
}
