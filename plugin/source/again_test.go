package source

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"check_exchange_authcert/plugin/authcert"
)

// TestReadAgain judges a snapshot again that holds already what is to be read,
// while nobody answers any more: what it holds is judged.
func TestReadAgain(t *testing.T) {
	snap := servers("ex01.contoso.com")
	snap.Servers[0].Published = &authcert.Published{HTTPStatus: http.StatusInternalServerError}
	snap.AuthConfig = &authcert.AuthConfig{CurrentCertificateThumbprint: currentPrint}
	snap.Entra = &authcert.Entra{Application: "ExchangeServerApp-1", KeyCredentials: authcert.List[authcert.KeyCredential]{{Thumbprint: nextPrint}}}
	entra := Entra{Tenant: tenantID, ClientID: clientID, Login: secretLogin(t, clientSecret), Cloud: Clouds["public"], transport: &http.Transport{DialContext: network{}.dial}}
	got := checked(t, t.Context(), snap, CheckPublished{dial: network{}.dial}, entra)
	result := authcert.Judge(got, authcert.DefaultPolicy(), time.Now().Truncate(time.Second))
	var found []string
	for _, finding := range result.Findings {
		found = append(found, finding.ID)
	}
	for _, id := range []string{"published-error", "cloud-missing-current", "cloud-unreadable"} {
		if !slices.Contains(found, id) {
			t.Errorf("findings %q lack %s", found, id)
		}
	}
	notes := strings.Join(result.Notes, "\n")
	for _, want := range []string{
		"published metadata of ex01.contoso.com was read again in vain (unreachable: dial tcp: lookup ex01.contoso.com:443: no such host): what was known before is judged",
		"what Entra ID trusts was read again in vain (unreachable: ",
	} {
		if !strings.Contains(notes, want) {
			t.Errorf("notes lack %q:\n%s", want, notes)
		}
	}
	expectSameSaved(t, got, result)
}

// TestReadAtLast has both answer where they did not before.
func TestReadAtLast(t *testing.T) {
	der := peerCertificate(t, peerKey(), nil, soon(), "current").Certificate[0]
	snap := servers("ex01.contoso.com")
	failed := &authcert.Problem{Stage: stagePublished, Reason: authcert.Timeout}
	snap.Servers[0].Published, snap.Servers[0].Error = &authcert.Published{Error: failed}, failed
	snap.Errors = authcert.List[authcert.Problem]{{Stage: authcert.StageEntra, Reason: authcert.Timeout}, {Stage: "another"}}
	snap.Notes = []string{"published metadata of ex01.contoso.com " + readInVain("x"), "what Entra ID trusts " + readAgain("y")} // of times between
	peer, cloud := &tenant{shared: "[]"}, Clouds["public"]
	entra := Entra{Tenant: tenantID, ClientID: clientID, Login: secretLogin(t, clientSecret), Cloud: cloud, transport: peer.start(t, cloud)}
	front := publisher(t, peerCertificate(t, peerKey(), nil, soon(), "front"), answers(200, metadataDocument(der)))
	got := checked(t, t.Context(), snap, CheckPublished{dial: network{"ex01.contoso.com:443": front}.dial}, entra)
	if s := got.Servers[0]; s.Published.Error != nil || s.Error != nil {
		t.Errorf("%+v, error %v: want it read", s.Published, s.Error)
	}
	if got.Entra == nil || len(got.Errors) != 1 || got.Errors[0].Stage != "another" || len(got.Notes) != 0 {
		t.Errorf("Entra %v, errors %v, notes %q: want it read, and no word of what failed before", got.Entra, got.Errors, got.Notes)
	}
}

func TestMergePublished(t *testing.T) {
	failed := func(status int) *authcert.Published {
		return &authcert.Published{HTTPStatus: status, Error: &authcert.Problem{Reason: authcert.Unreachable, Message: "no such host"}}
	}
	names := func(thumbprints ...authcert.Thumbprint) *authcert.Published {
		return &authcert.Published{HTTPStatus: 200, Thumbprints: thumbprints}
	}
	a, b := names(currentPrint), names(previousPrint, nextPrint)
	missing, unreached, refused, nameless, none := failed(500), failed(0), failed(404), names(""), names()
	for _, row := range []struct {
		name               string
		known, found, want *authcert.Published
		note               string
	}{
		{"new", nil, a, a, ""},
		{"never read", nil, unreached, unreached, ""},
		{"still not read", refused, unreached, unreached, ""},
		{"read now", unreached, a, a, ""},
		{"fails now", refused, missing, missing, ""},
		{"said nothing before", nameless, a, a, ""},
		{"read before", a, unreached, a, "was read again in vain (unreachable: no such host): what was known before is judged"},
		{"refused now", a, refused, a, "was read again in vain"},
		{"says nothing now", a, nameless, a, "was read again in vain (which certificate it names is not known)"},
		{"failed before, not read now", missing, unreached, missing, "was read again in vain"},
		{"the same", names(currentPrint), a, a, ""},
		{"the same failure", failed(500), missing, missing, ""},
		{"another", b, a, a, "was read again: it named " + authcert.Thumbprint(previousPrint).Short() + ", " + authcert.Thumbprint(nextPrint).Short() + " before; what was read now is judged"},
		{"mended", missing, a, a, "it answered HTTP 500 before"},
		{"broken", a, missing, missing, "it named " + authcert.Thumbprint(currentPrint).Short() + " before"},
		{"none before", none, a, a, "it named no certificate before"},
	} {
		got, note := mergePublished(row.known, row.found)
		if got != row.want || !strings.Contains(note, row.note) || (note == "") != (row.note == "") {
			t.Errorf("%s: %+v and %q; want %+v and %q", row.name, got, note, row.want, row.note)
		}
	}
}

func TestMergeEntra(t *testing.T) {
	trusts := func(application string, thumbprints ...authcert.Thumbprint) *authcert.Entra {
		e := &authcert.Entra{Application: application, KeyCredentials: authcert.List[authcert.KeyCredential]{}}
		for _, thumbprint := range thumbprints {
			e.KeyCredentials = append(e.KeyCredentials, authcert.KeyCredential{Thumbprint: thumbprint})
		}
		return e
	}
	one := trusts("app", currentPrint, nextPrint)
	renewed := trusts("app", currentPrint, nextPrint)
	renewed.KeyCredentials[1].EndDateTime = authcert.At(time.Now())
	problem := &authcert.Problem{Reason: authcert.Unreachable, Message: "no such host"}
	for _, row := range []struct {
		name               string
		known, found, want *authcert.Entra
		note               string
	}{
		{"new", nil, one, one, ""},
		{"never read", nil, nil, nil, ""},
		{"read before", one, nil, one, "was read again in vain (unreachable: no such host): what was known before is judged"},
		{"the same", trusts("app", nextPrint, currentPrint), one, one, ""},
		{"said nothing before", &authcert.Entra{Application: "app"}, one, one, ""},
		{"another end", renewed, one, one, "was read again: before it was app with "},
		{"fewer", trusts("app", nextPrint), one, one, "before it was app with " + authcert.Thumbprint(nextPrint).Short() + ";"},
		{"none", trusts("app"), one, one, "before it was app with no certificate; what was read now is judged"},
		{"another application", trusts("other", currentPrint, nextPrint), one, one, "before it was other with "},
		{"one that it cannot tell", trusts("app", currentPrint, ""), one, one, "with one that is not known by thumbprint, " + authcert.Thumbprint(currentPrint).Short() + ";"},
	} {
		p := problem
		if row.found != nil {
			p = nil
		}
		got, note := mergeEntra(row.known, row.found, p)
		if got != row.want || !strings.Contains(note, row.note) || (note == "") != (row.note == "") {
			t.Errorf("%s: %+v and %q; want %+v and %q", row.name, got, note, row.want, row.note)
		}
	}
}
