package source

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"check_exchange_authcert/plugin/authcert"
)

// asking is a source that does what it is told.
type asking func(context.Context) (*authcert.Snapshot, error)

func (a asking) Snapshot(ctx context.Context) (*authcert.Snapshot, error) { return a(ctx) }

// TestBesideStandsIn has the source fail: what is wrong is reported, what is not is never OK.
func TestBesideStandsIn(t *testing.T) {
	t.Parallel()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	certificate := peerCertificate(t, key, nil, time.Date(2028, 1, 1, 0, 0, 0, 0, time.UTC), "ex001.example.test")
	der := certificate.Certificate[0]
	broken := func(context.Context) (*authcert.Snapshot, error) {
		return nil, &authcert.Problem{Stage: "asking Exchange", Reason: authcert.Unreadable, Message: "it cannot sign what it sends"}
	}
	hangs := func(ctx context.Context) (*authcert.Snapshot, error) {
		<-ctx.Done()
		return nil, &authcert.Problem{Stage: "asking Exchange", Reason: authcert.Timeout, Message: "no answer in time"}
	}
	for _, row := range []struct {
		name     string
		ask      asking
		status   int
		document string
		want     authcert.Status
		finding  string
	}{
		{"all else is well", broken, 200, metadataDocument(der), authcert.Unknown, "server-unreadable"},
		{"it hangs", hangs, 200, metadataDocument(der), authcert.Unknown, "server-unreadable"},
		{"the current one has expired", broken, 200, `{"keys":[]}`, authcert.Critical, "current-expired"},
		{"it is not there", broken, 500, "", authcert.Critical, "published-error"},
		{"nothing else answers", broken, 404, "", authcert.Unknown, "server-unreadable"},
	} {
		t.Run(row.name, func(t *testing.T) {
			thumbprints := map[string][]string{"msExchAuthCertificateThumbprint": {"0:" + string(authcert.ThumbprintOf(der))}, "msExchAuthNextEffectiveDate": nil}
			l := startLDAP(t, true, change(ldapAuth, thumbprints)...).source("ldaps")
			names := network{"ex001.example.test:443": publisher(t, certificate, answers(row.status, row.document))}
			beside := Beside{Source: row.ask, Directory: l, Instead: Checked{Source: l, Checks: []Check{CheckPublished{dial: names.dial}}}}
			ctx, cancel := context.WithTimeout(t.Context(), 12*time.Second)
			defer cancel()
			snap, err := beside.Snapshot(ctx)
			if err != nil {
				t.Fatal(err)
			}
			result := authcert.Judge(snap, authcert.DefaultPolicy(), l.Now)
			ids := make([]string, len(result.Findings))
			for i, f := range result.Findings {
				ids[i] = f.ID
			}
			if result.Status != row.want || !slices.Contains(ids, row.finding) || !slices.Contains(ids, "server-unreadable") {
				t.Errorf("%v with %v, want %v with %s: no server's certificates were read", result.Status, ids, row.want, row.finding)
			}
			if notes := strings.Join(result.Notes, "\n"); !strings.Contains(notes, "via ldap; this failed: asking Exchange: ") {
				t.Errorf("the notes do not say that the source failed:\n%s", notes)
			}
			expectSameSaved(t, snap, result)
		})
	}
}

// TestBesideLeavesIt has Active Directory not stand in.
func TestBesideLeavesIt(t *testing.T) {
	server := startLDAP(t, true, contoso(1)...)
	l := server.source("ldaps")
	lost := l
	lost.URLs = []string{nowhere(t)}
	sound := &authcert.Snapshot{Schema: authcert.Schema, AuthConfig: &authcert.AuthConfig{CurrentCertificateThumbprint: currentPrint}}
	for _, row := range []struct {
		name      string
		source    Beside
		connected int // to the directory
		message   string
	}{
		{"the source answers", Beside{Source: given{sound}, Directory: l, Instead: l}, 1, ""},
		{"a refused logon", Beside{Source: failing(authcert.AccessDenied), Directory: l, Instead: l}, 0, "HTTP 401"},
		{"neither answers", Beside{Source: failing(authcert.Unreachable), Directory: lost, Instead: lost}, 0, "HTTP 401; nor could Active Directory answer instead: unreachable: "},
	} {
		t.Run(row.name, func(t *testing.T) {
			before := server.count("connect")
			snap, err := row.source.Snapshot(t.Context())
			var p *authcert.Problem
			switch {
			case row.message == "" && (err != nil || snap != sound || len(snap.OtherAuthConfigs) != 1):
				t.Errorf("%+v, %v: want the source's facts, and AuthConfig read twice", snap, err)
			case row.message != "" && (!errors.As(err, &p) || p.Stage != "asking" || !strings.HasPrefix(p.Message, row.message)):
				t.Errorf("got %v, want the source's own: %s", err, row.message)
			}
			if got := server.count("connect") - before; got != row.connected {
				t.Errorf("%d connections to the domain controller, want %d", got, row.connected)
			}
		})
	}
}

func failing(reason authcert.Reason) asking {
	return func(context.Context) (*authcert.Snapshot, error) {
		return nil, &authcert.Problem{Stage: "asking", Reason: reason, Message: "HTTP 401"}
	}
}
