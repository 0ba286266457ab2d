package source

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"check_exchange_authcert/plugin/authcert"
)

// thumbs are the thumbprints of what was read, shortened.
func thumbs(e *authcert.Entra) []string {
	var all []string
	for _, k := range e.KeyCredentials {
		all = append(all, k.Thumbprint.Short())
	}
	return all
}

const (
	dedicatedGUID = "99999999-0000-0000-0000-000000000001"
	identifier    = "BB5D1064437D8720A5C53078185E6A361A78B10A" // Microsoft's sample
)

func keyJSON(identifier, key string) string {
	return fmt.Sprintf(`{"customKeyIdentifier":%q,"endDateTime":"2027-01-24T05:35:29Z","keyId":"x","key":%s,"type":"AsymmetricX509Cert","usage":"Verify"}`, identifier, key)
}

func TestEntra(t *testing.T) {
	keys := "[" + keyJSON(identifier, "null") + "]"
	dedicated := app{"obj-1", "aaaaaaaa-0000-0000-0000-000000000001", "ExchangeServerApp-" + dedicatedGUID, keys}
	custom := app{"obj-2", "aaaaaaaa-0000-0000-0000-000000000002", "Contoso's hybrid", "[]"}
	second := app{"obj-3", "aaaaaaaa-0000-0000-0000-000000000003", "ExchangeServerApp-of another forest", "[]"}
	for _, row := range []struct {
		name                   string
		apps                   []app
		shared, given, orgGUID string
		pageSize               int
		want                   []string
		application            string
		isShared               bool
		reason                 authcert.Reason // "": it is read
		words                  string
	}{
		{name: "the dedicated one by its kind", apps: []app{custom, dedicated}, shared: "[]", want: []string{"BB5D1064…"}, application: dedicated.name},
		{name: "by the organization's GUID", apps: []app{second, dedicated}, shared: "[]", orgGUID: dedicatedGUID, want: []string{"BB5D1064…"}, application: dedicated.name},
		{name: "none by that GUID", apps: []app{second}, shared: keys, orgGUID: dedicatedGUID, want: []string{"BB5D1064…"}, application: sharedName, isShared: true},
		{name: "by its name", apps: []app{custom, dedicated}, given: custom.name, application: custom.name},
		{name: "by its ID", apps: []app{custom, dedicated}, given: custom.appID, application: custom.name},
		{name: "none, so the shared one", apps: []app{custom}, shared: keys, want: []string{"BB5D1064…"}, application: sharedName, isShared: true},
		{name: "the shared one is empty", shared: "[]", application: sharedName, isShared: true},
		{name: "on the second page", apps: []app{custom, dedicated}, shared: "[]", pageSize: 1, want: []string{"BB5D1064…"}, application: dedicated.name},
		{name: "several", apps: []app{dedicated, second}, reason: authcert.Unsupported, words: "2 applications may be the dedicated one: " + dedicated.name},
		{name: "several on two pages", apps: []app{dedicated, second}, pageSize: 1, reason: authcert.Unsupported, words: "2 applications"},
		{name: "a name that nobody has", apps: []app{dedicated}, shared: keys, given: "nobody's", reason: authcert.NotFound, words: "no application is called nobody's"},
		{name: "an ID that nobody has", apps: []app{dedicated}, shared: keys, given: dedicatedGUID, reason: authcert.NotFound, words: dedicatedGUID},
		{name: "neither", reason: authcert.NotFound, words: "HTTP 404"},
		{name: "no list of certificates", shared: "null", reason: authcert.Malformed, words: "does not tell"},
		{name: "an odd list of certificates", shared: `"x"`, reason: authcert.Malformed, words: "not what is expected"},
		{name: "keys of another type", shared: `[{"customKeyIdentifier":5}]`, reason: authcert.Malformed, words: "not what is expected"},
	} {
		t.Run(row.name, func(t *testing.T) {
			peer := &tenant{apps: row.apps, shared: row.shared, pageSize: row.pageSize}
			cloud := Clouds["public"]
			check := Entra{Tenant: tenantID, ClientID: clientID, Login: secretLogin(t, clientSecret), Cloud: cloud, Application: row.given, transport: peer.start(t, cloud)}
			snap := servers()
			snap.OrganizationGUID = row.orgGUID
			got := checked(t, t.Context(), snap, check)
			if row.reason != "" {
				wantProblem(t, got, row.reason, row.words)
				return
			}
			if len(got.Errors) > 0 || got.Entra == nil {
				t.Fatalf("problems %+v after %q", got.Errors, peer.requests())
			}
			if diff := cmp.Diff(thumbs(got.Entra), row.want); diff != "" || got.Entra.KeyCredentials == nil {
				t.Errorf("certificates (-got +want):\n%s", diff)
			}
			if got.Entra.Application != row.application || got.Entra.Shared != row.isShared {
				t.Errorf("application %q (shared: %t), want %q", got.Entra.Application, got.Entra.Shared, row.application)
			}
			if asked := slices.ContainsFunc(peer.requests(), func(r string) bool { return strings.Contains(r, "servicePrincipals") }); asked != row.isShared {
				t.Errorf("shared principal asked: %t, want %t", asked, row.isShared)
			}
		})
	}
}

// wantProblem wants one problem with Entra ID, which repeats neither secrets
// nor what the server wrote.
func wantProblem(t *testing.T, snap *authcert.Snapshot, reason authcert.Reason, words string) {
	t.Helper()
	if len(snap.Errors) != 1 || snap.Entra != nil {
		t.Fatalf("problems %+v, Entra %+v; want one problem and nothing else", snap.Errors, snap.Entra)
	}
	p := snap.Errors[0]
	if p.Stage != authcert.StageEntra || p.Reason != reason || !strings.Contains(p.Message, words) {
		t.Errorf("problem %+v, want %s with %q", p, reason, words)
	}
	for _, secret := range []string{clientSecret, accessToken, "raw text", "client_secret"} {
		if strings.Contains(fmt.Sprintf("%+v", p), secret) {
			t.Errorf("problem %+v shows %q", p, secret)
		}
	}
}

func TestEntraClouds(t *testing.T) {
	for name, cloud := range Clouds {
		peer := &tenant{shared: "[]"}
		check := Entra{Tenant: tenantID, ClientID: clientID, Login: secretLogin(t, clientSecret), Cloud: cloud, transport: peer.start(t, cloud)}
		if got := checked(t, t.Context(), servers(), check); got.Entra == nil {
			t.Errorf("%s: %+v", name, got.Errors)
		}
	}
}

func TestEntraWithCertificate(t *testing.T) {
	text, leaf := clientPEM(t)
	login, err := ReadClientCertificate(private(t, text))
	if err != nil {
		t.Fatal(err)
	}
	cloud := Clouds["public"]
	peer := &tenant{shared: "[]", trusts: leaf}
	check := Entra{Tenant: tenantID, ClientID: clientID, Login: login, Cloud: cloud, transport: peer.start(t, cloud)}
	if got := checked(t, t.Context(), servers(), check); got.Entra == nil {
		t.Errorf("%+v", got.Errors)
	}
	other := &tenant{shared: "[]", trusts: peerCertificate(t, clientKey(), nil, soon(), "another").Leaf}
	check.transport = other.start(t, cloud)
	wantProblem(t, checked(t, t.Context(), servers(), check), authcert.AccessDenied, "AADSTS700027, the client certificate is not registered")
}

// TestEntraRefusals has the service refuse, be busy, or answer something else,
// at each step.
func TestEntraRefusals(t *testing.T) {
	const discovery, token, list, shared = "openid-configuration", "/token", "/applications", "/servicePrincipals"
	answer := func(step string, status int, header, body string) func(http.ResponseWriter, *http.Request, int) bool {
		return func(w http.ResponseWriter, r *http.Request, _ int) bool {
			if !strings.Contains(r.URL.Path, step) {
				return false
			}
			if name, value, ok := strings.Cut(header, ": "); ok {
				w.Header().Set(name, value)
			}
			reply(w, status, body)
			return true
		}
	}
	once := func(status int, header string) func(http.ResponseWriter, *http.Request, int) bool {
		return func(w http.ResponseWriter, r *http.Request, count int) bool {
			return count == 1 && answer("", status, header, `{"error":"busy"}`)(w, r, count)
		}
	}
	description := func(text string) string {
		return `{"error":"invalid_client","error_description":"` + text + `: raw text of the server"}`
	}
	silent := func(_ http.ResponseWriter, r *http.Request, _ int) bool {
		<-r.Context().Done()
		return true
	}
	for _, row := range []struct {
		name      string
		interfere func(http.ResponseWriter, *http.Request, int) bool
		secret    string
		reason    authcert.Reason // "": it is read in the end
		words     string
	}{
		{name: "wrong secret", secret: wrongSecret, reason: authcert.AccessDenied, words: "AADSTS7000215, the client secret is wrong"},
		{name: "expired secret", interfere: answer(token, 401, "", description("AADSTS7000222")), reason: authcert.AccessDenied, words: "the client secret has expired"},
		{name: "unknown application", interfere: answer(token, 400, "", description("AADSTS700016")), reason: authcert.AccessDenied, words: "not known in this tenant"},
		{name: "unknown tenant", interfere: answer(discovery, 400, "", description("AADSTS90002")), reason: authcert.AccessDenied, words: "the tenant is not known"},
		{name: "another refusal", interfere: answer(token, 400, "", description("AADSTS99999999")), reason: authcert.AccessDenied, words: "AADSTS99999999"},
		{name: "a refusal without a number", interfere: answer(token, 400, "", "raw text of the server"), reason: authcert.AccessDenied, words: "HTTP 400"},
		{name: "no token in the answer", interfere: answer(token, 200, "", `{"raw text of the server":1}`), reason: authcert.Malformed},
		{name: "no JSON instead of a token", interfere: answer(token, 200, "", "raw text of the server"), reason: authcert.Malformed, words: "not what is expected"},
		{name: "logon busy for a moment", interfere: once(429, "Retry-After: 0")},
		{name: "unavailable for a moment", interfere: once(503, "Retry-After: 0")},
		{name: "busy until a date that has passed", interfere: once(429, "Retry-After: Mon, 02 Jan 2006 15:04:05 GMT")},
		{name: "logon busy for too long", interfere: answer(token, 429, "Retry-After: 3600", ""), reason: authcert.Throttled, words: "HTTP 429"},
		{name: "list busy for too long", interfere: answer(list, 429, "Retry-After: 99999999999999999999", ""), reason: authcert.Throttled, words: "HTTP 429"},
		{name: "certificates busy for too long", interfere: answer(shared, 429, "Retry-After: 3600", ""), reason: authcert.Throttled, words: "reading the certificates of " + sharedName},
		{name: "always busy", interfere: answer(list, 429, "Retry-After: 0", ""), reason: authcert.Throttled, words: "HTTP 429"},
		{name: "token refused", interfere: answer(list, 401, "", "raw text of the server"), reason: authcert.AccessDenied, words: "HTTP 401"},
		{name: "no permission", interfere: answer(list, 403, "", "raw text of the server"), reason: authcert.AccessDenied, words: "HTTP 403"},
		{name: "no permission for principals", interfere: answer(shared, 403, "", ""), reason: authcert.AccessDenied, words: "HTTP 403"},
		{name: "an error of Graph", interfere: answer(list, 500, "", ""), reason: authcert.Unreadable, words: "HTTP 500"},
		{name: "a redirect", interfere: answer(list, 302, "Location: https://elsewhere/", ""), reason: authcert.Unreadable, words: "HTTP 302"},
		{name: "no JSON", interfere: answer(list, 200, "", "<html>raw text of the server"), reason: authcert.Malformed, words: "not what is expected"},
		{name: "no list", interfere: answer(list, 200, "", `{}`), reason: authcert.Malformed, words: "not what is expected"},
		{name: "next page elsewhere", interfere: answer(list, 200, "", `{"value":[],"@odata.nextLink":"https://graph.microsoft.com.elsewhere/v1.0/x"}`), reason: authcert.Malformed, words: "elsewhere"},
		{name: "pages without end", interfere: answer(list, 200, "", `{"value":[],"@odata.nextLink":"https://graph.microsoft.com/v1.0/applications"}`), reason: authcert.Malformed, words: "no end"},
		{name: "too large", interfere: answer(list, 200, "", `{"value":[`+strings.Repeat(" ", maxGraph)+`]}`), reason: authcert.Malformed, words: "larger than 2 MiB"},
		{name: "too large a token", interfere: answer(token, 200, "", strings.Repeat(" ", maxGraph+1)), reason: authcert.Malformed, words: "larger than 2 MiB"},
		{name: "many values", interfere: answer(shared, 200, "", `{"keyCredentials":[],"x":[`+strings.Repeat("0,", mostGraph-4)+`0]}`)},
		{name: "too many values", interfere: answer(shared, 200, "", `{"keyCredentials":[],"x":[`+strings.Repeat("0,", mostGraph-3)+`0]}`), reason: authcert.Malformed, words: "more than 20000 values"},
		{name: "too many values beside a token", interfere: answer(token, 200, "", `{"x":[`+strings.Repeat("0,", mostGraph)+`0]}`), reason: authcert.Malformed, words: "more than 20000 values"},
		{name: "many applications", interfere: answer(list, 200, "", `{"value":[`+strings.Repeat("{},", mostApplications-1)+`{}]}`), reason: authcert.Unsupported, words: "1000 applications may be"},
		{name: "too many applications", interfere: answer(list, 200, "", `{"value":[`+strings.Repeat("{},", mostApplications/2)+`{}],"@odata.nextLink":"https://graph.microsoft.com/v1.0/applications"}`), reason: authcert.Malformed, words: "more than 1000 applications"},
		{name: "silent", interfere: silent, reason: authcert.Timeout, words: "no answer in time"},
	} {
		t.Run(row.name, func(t *testing.T) {
			peer := &tenant{shared: "[]", interfere: row.interfere}
			cloud := Clouds["public"]
			if row.secret == "" {
				row.secret = clientSecret
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			if row.reason == authcert.Timeout {
				cancel()
				ctx, cancel = context.WithTimeout(t.Context(), 300*time.Millisecond)
			}
			defer cancel()
			got := checked(t, ctx, servers(), Entra{Tenant: tenantID, ClientID: clientID, Login: secretLogin(t, row.secret), Cloud: cloud, transport: peer.start(t, cloud)})
			if row.reason != "" {
				wantProblem(t, got, row.reason, row.words)
			} else if got.Entra == nil {
				t.Errorf("problems %+v", got.Errors)
			}
		})
	}
}

func TestEntraUnreachable(t *testing.T) {
	check := Entra{Tenant: tenantID, ClientID: clientID, Login: secretLogin(t, clientSecret), Cloud: Clouds["public"], transport: &http.Transport{DialContext: network{}.dial}}
	wantProblem(t, checked(t, t.Context(), servers(), check), authcert.Unreachable, "no such host")
	address := publisher(t, peerCertificate(t, peerKey(), nil, soon(), "login.microsoftonline.com"), answers(200, "{}"))
	check.transport = &http.Transport{DialContext: network{"login.microsoftonline.com:443": address}.dial}
	wantProblem(t, checked(t, t.Context(), servers(), check), authcert.Unreachable, "TLS certificate is not trusted")
}
