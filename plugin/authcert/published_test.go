package authcert

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// publishing is what three servers, ex01 to ex03, publish, and nothing else.
func publishing(t testing.TB, documents ...*Published) *Snapshot {
	t.Helper()
	snap := &Snapshot{Schema: Schema, TakenAt: At(now), Origin: Origin{Kind: KindPublished}}
	for i, document := range documents {
		s := Server{FQDN: []string{"ex01", "ex02", "ex03"}[i] + ".contoso.com", Published: document}
		if document.HTTPStatus != 500 {
			s.Error = document.Error
		}
		snap.Servers = append(snap.Servers, s)
	}
	return snap
}

// document holds certificates in order.
func document(certificates ...Certificate) *Published {
	p := &Published{HTTPStatus: 200, Thumbprints: List[Thumbprint]{}, Certificates: List[DER]{}}
	for _, cert := range certificates {
		p.Thumbprints = append(p.Thumbprints, ThumbprintOf(cert.RawData))
		p.Certificates = append(p.Certificates, cert.RawData)
	}
	return p
}

func TestPublishedAlone(t *testing.T) {
	current, previous, ending, ended := auth(t, 400), auth(t, 90), auth(t, 20), until(t, in(-1))
	silent := &Published{Error: &Problem{Reason: Unreachable, Message: "connection refused"}}
	fails := &Published{HTTPStatus: 500, Error: &Problem{Reason: Unreadable, Message: "HTTP 500"}}
	for _, row := range []struct {
		name      string
		documents []*Published
		only      []Facet
		status    Status
		want      []verdict
		words     string
		current   Certificate
	}{
		{name: "all the same", documents: []*Published{document(current), document(current), document(current)}, status: OK, current: current},
		{name: "with a previous one", documents: []*Published{document(current, previous), document(current, previous), document(current)}, status: OK, current: current},
		{name: "ends soon", documents: []*Published{document(ending), document(ending), document(ending)},
			status: Critical, want: []verdict{{"current-expiring", Critical, ""}}, current: ending},
		{name: "an old document that has since expired", documents: []*Published{document(ended), document(ended), document(ended)},
			status: Critical, want: []verdict{{"current-expired", Critical, ""}}, current: ended},
		{name: "one is behind", documents: []*Published{document(current, previous), document(previous), document(previous)},
			status: Warning, want: []verdict{{"published-differs", Warning, "ex02"}, {"published-differs", Warning, "ex03"}}, words: "and other servers", current: current},
		{name: "most of them", documents: []*Published{document(previous), document(current), document(current)},
			status: Warning, want: []verdict{{"published-differs", Warning, "ex01"}}, current: current},
		{name: "as many", documents: []*Published{document(current), document(previous)},
			status: Warning, want: []verdict{{"published-differs", Warning, "ex01"}}, current: previous},
		{name: "one publishes none", documents: []*Published{document(current), document(), document(current)},
			status: Warning, want: []verdict{{"published-differs", Warning, "ex02"}}, words: "publishes no certificate", current: current},
		{name: "none publishes any", documents: []*Published{document(), document(), document()},
			status: Critical, want: []verdict{{"current-expired", Critical, ""}}, words: "has expired, or will within hours, or none is configured"},
		{name: "one fails", documents: []*Published{document(current), fails, document(current)},
			status: Critical, want: []verdict{{"published-error", Critical, "ex02"}}, current: current},
		{name: "all fail", documents: []*Published{fails, fails, fails}, status: Critical,
			want: []verdict{{"published-error", Critical, "ex01"}, {"published-error", Critical, "ex02"}, {"published-error", Critical, "ex03"}}},
		{name: "one is silent", documents: []*Published{document(current), silent, document(current)},
			status: Unknown, want: []verdict{{"server-unreadable", Unknown, "ex02"}}, words: "connection refused", current: current},
		{name: "all are silent", documents: []*Published{silent}, status: Unknown, want: []verdict{{"server-unreadable", Unknown, "ex01"}}},
		{name: "what it publishes is no certificate", documents: []*Published{document(Certificate{RawData: DER("garbage")})},
			status: Unknown, want: []verdict{{"server-unreadable", Unknown, "ex01"}}},
		{name: "no server", status: Unknown, want: []verdict{{"no-servers", Unknown, ""}}},
		{name: "self-signed ones cannot be judged", documents: []*Published{document(current)}, only: []Facet{SelfSigned}, status: Unknown, current: current},
	} {
		t.Run(row.name, func(t *testing.T) {
			policy := DefaultPolicy()
			if row.only != nil {
				policy.Only = row.only
			}
			snap := publishing(t, row.documents...)
			result := Judge(snap, policy, now)
			checkResult(t, result)
			if diff := cmp.Diff(verdicts(result.Findings), row.want); diff != "" || result.Status != row.status {
				t.Fatalf("%s, want %s; findings (-got +want):\n%s", result.Status, row.status, diff)
			}
			if row.words != "" && !strings.Contains(result.Findings[0].Message, row.words) {
				t.Errorf("message %q lacks %q", result.Findings[0].Message, row.words)
			}
			if row.current.RawData != nil && (len(result.Certificates) == 0 || result.Certificates[0].Thumbprint != ThumbprintOf(row.current.RawData)) {
				t.Errorf("current is not %s: %+v", ThumbprintOf(row.current.RawData), result.Certificates)
			}
			if len(row.documents) > 0 && !slices.ContainsFunc(result.Notes, func(note string) bool { return strings.HasPrefix(note, "AuthConfig was not read") }) {
				t.Errorf("no note says what is not known: %q", result.Notes)
			}
			sameWhenSaved(t, snap, policy, result)
		})
	}
}

// sameWhenSaved judges the snapshot once more as --save would write it.
func sameWhenSaved(t *testing.T, snap *Snapshot, policy Policy, want Result) {
	t.Helper()
	data, err := json.Marshal(snap)
	if err != nil {
		t.Fatal(err)
	}
	saved, err := DecodeSnapshot(data)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Judge(saved, policy, now), want, cmp.AllowUnexported(Finding{}, Range{})); diff != "" {
		t.Errorf("judged again from a file (-got +want):\n%s", diff)
	}
}

// TestDirectoryAndDocuments has AuthConfig from Active Directory, and the
// certificates from what servers publish.
func TestDirectoryAndDocuments(t *testing.T) {
	current, previous, next := auth(t, 400), auth(t, 90), auth(t, 1800)
	config := func(changed time.Duration) *AuthConfig {
		return &AuthConfig{
			CurrentCertificateThumbprint: ThumbprintOf(current.RawData), PreviousCertificateThumbprint: ThumbprintOf(previous.RawData),
			NextCertificateThumbprint: ThumbprintOf(next.RawData), NextCertificateEffectiveDate: At(in(100)), WhenChangedUTC: At(now.Add(-changed)),
		}
	}
	long := 400 * 24 * time.Hour
	for _, row := range []struct {
		name      string
		config    *AuthConfig
		documents []*Published
		status    Status
		want      []verdict
	}{
		{"the next one is not published, and not missed", config(long), []*Published{document(current, previous), document(current)}, OK, nil},
		{"another is published", config(long), []*Published{document(current), document(next)}, Warning, []verdict{{"published-differs", Warning, "ex02"}}},
		{"the previous one alone is published", config(long), []*Published{document(previous), document(previous)}, Critical,
			[]verdict{{"current-expired", Critical, ""}, {"published-differs", Warning, "ex01"}, {"published-differs", Warning, "ex02"}}},
		{"the same after a change, when the document is old", config(time.Hour), []*Published{document(previous)}, Warning,
			[]verdict{{"published-differs", Warning, "ex01"}}},
		{"none is published", config(long), []*Published{document()}, Critical, []verdict{{"current-expired", Critical, ""}, {"published-differs", Warning, "ex01"}}},
		{"AuthConfig cannot be read", nil, []*Published{document(current)}, Unknown, []verdict{{"authconfig-unreadable", Unknown, ""}}},
	} {
		t.Run(row.name, func(t *testing.T) {
			snap := publishing(t, row.documents...)
			snap.Origin.Kind, snap.AuthConfig = KindLDAP, row.config
			result := Judge(snap, DefaultPolicy(), now)
			checkResult(t, result)
			if diff := cmp.Diff(verdicts(result.Findings), row.want); diff != "" || result.Status != row.status {
				t.Errorf("%s, want %s; findings (-got +want):\n%s", result.Status, row.status, diff)
			}
			sameWhenSaved(t, snap, DefaultPolicy(), result)
		})
	}
}

// TestDocumentsAndDirectory has the documents of named servers, and AuthConfig
// from Active Directory beside them.
func TestDocumentsAndDirectory(t *testing.T) {
	current, next := auth(t, 400), auth(t, 1800)
	snap := publishing(t, document(current), document(next))
	snap.AuthConfig = &AuthConfig{CurrentCertificateThumbprint: ThumbprintOf(current.RawData), WhenChangedUTC: At(in(-400)), Origin: &Origin{Kind: KindLDAP, Host: "dc01.contoso.com"}}
	result := Judge(snap, DefaultPolicy(), now)
	if diff := cmp.Diff(verdicts(result.Findings), []verdict{{"published-differs", Warning, "ex02"}}); diff != "" {
		t.Fatalf("findings (-got +want):\n%s", diff)
	}
	if words := "AuthConfig names " + ThumbprintOf(current.RawData).Short() + " as current"; !strings.Contains(result.Findings[0].Message, words) {
		t.Errorf("message %q lacks %q", result.Findings[0].Message, words)
	}
	if slices.ContainsFunc(result.Notes, func(note string) bool { return strings.HasPrefix(note, "AuthConfig was not read") }) {
		t.Errorf("notes %q: it was read", result.Notes)
	}
	sameWhenSaved(t, snap, DefaultPolicy(), result)
}

// TestPublishedStandsIn has servers whose stores were not read although they
// were asked for.
func TestPublishedStandsIn(t *testing.T) {
	unread := func(o *org) Certificate {
		current := o.Servers[0].Certificates[0]
		for i := range o.Servers {
			o.Servers[i].Certificates, o.Servers[i].Error = nil, &Problem{Reason: AccessDenied}
		}
		return current
	}
	three := []verdict{{"server-unreadable", Unknown, "ex01"}, {"server-unreadable", Unknown, "ex02"}, {"server-unreadable", Unknown, "ex03"}}
	judgeRows(t, []row{
		{name: "no store, no document", change: func(o *org) { unread(o) }, want: three},
		{name: "a document tells the expiry", change: func(o *org) {
			soon := until(o.t, in(10))
			o.setCurrent(soon)
			unread(o)
			o.Servers[1].Published = document(soon)
		}, want: append([]verdict{{"current-expiring", Critical, ""}}, three...)},
		{name: "a store that was read is not replaced", change: func(o *org) {
			o.Servers[1].Certificates = o.Servers[1].Certificates[1:]
			o.Servers[1].Published = document(o.Servers[0].Certificates[0])
		}, want: []verdict{{"current-missing", Critical, "ex02"}}},
	})
}

func TestConcerns(t *testing.T) {
	policy := Policy{ExcludeServers: []string{"ex02*"}}
	for _, row := range []struct {
		server Server
		want   bool
	}{
		{Server{FQDN: "ex01.contoso.com"}, true},
		{Server{FQDN: " EX02.contoso.com "}, false},
		{Server{FQDN: "edge.contoso.com", Role: "Edge"}, false},
		{Server{FQDN: "old.contoso.com", AdminDisplayVersion: "Version 14.3 (Build 123.4)"}, false},
	} {
		if got := policy.Concerns(&row.server); got != row.want {
			t.Errorf("%s: %t, want %t", row.server.FQDN, got, row.want)
		}
	}
}

func TestCloudUnreadable(t *testing.T) {
	shared := func(dedicated *bool, held ...KeyCredential) func(*org) {
		return func(o *org) {
			o.Hybrid = &Hybrid{Configured: new(true), DedicatedApp: dedicated}
			o.Entra = &Entra{Application: "shared", Shared: true, KeyCredentials: append(List[KeyCredential]{}, held...)}
		}
	}
	another := KeyCredential{Thumbprint: "ABCDEF0123456789ABCDEF0123456789ABCDEF01"}
	missing := []verdict{{"cloud-missing-current", Critical, ""}}
	judgeRows(t, []row{
		{name: "no answer", change: func(o *org) {
			o.Errors = List[Problem]{{Stage: StageEntra, Reason: AccessDenied, Message: "the client secret has expired"}}
		}, want: []verdict{{"cloud-unreadable", Unknown, ""}}, words: []string{"access denied: the client secret has expired"}},
		{name: "shared and empty, a dedicated one is used", change: shared(new(true))},
		{name: "shared with others, a dedicated one is used", change: shared(new(true), another)},
		{name: "shared and empty, not known whether one is used", change: shared(nil)},
		{name: "shared with others, not known whether one is used", change: shared(nil, another), want: missing},
		{name: "shared and empty, none is used", change: shared(new(false)), want: missing},
	})
}
