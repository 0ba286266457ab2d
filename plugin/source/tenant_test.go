package source

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	tenantID     = "contoso.onmicrosoft.com"
	clientID     = "11111111-2222-3333-4444-555555555555"
	clientSecret = "Zk8Q~Geheim-of-the-client"
	wrongSecret  = "Geheim-of-another"
	accessToken  = "Geheim-access-token"
)

// app is an application of the tenant; keys is the JSON of its keyCredentials.
type app struct{ id, appID, name, keys string }

// tenant is Entra ID and Microsoft Graph, on one server, as their documentation
// describes them: the certificates of an application are told for a single one
// only, and lists come in pages.
type tenant struct {
	t        testing.TB
	login    string // hosts
	graph    string
	apps     []app
	shared   string            // keyCredentials of the shared service principal; "": there is none
	trusts   *x509.Certificate // of the client; nil: the secret counts
	pageSize int
	// interfere answers a request instead, when it returns true.
	interfere func(w http.ResponseWriter, r *http.Request, count int) bool

	lock  sync.Mutex
	seen  []string
	times map[string]int
}

// start runs the tenant and returns the way there.
func (n *tenant) start(t testing.TB, cloud Cloud) http.RoundTripper {
	t.Helper()
	n.t, n.times = t, map[string]int{}
	n.login = strings.Trim(strings.TrimPrefix(cloud.login, "https://"), "/")
	n.graph = strings.TrimPrefix(cloud.graph, "https://")
	authority := peerCertificate(t, peerKey(), nil, soon(), "Test CA")
	server := httptest.NewUnstartedServer(n)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{peerCertificate(t, peerKey(), &authority, soon(), n.login, n.graph)}}
	server.Config.ErrorLog = quiet
	server.StartTLS()
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(authority.Leaf)
	address := server.Listener.Addr().String()
	hosts := network{n.login + ":443": address, n.graph + ":443": address}
	transport := &http.Transport{DialContext: hosts.dial, TLSClientConfig: &tls.Config{RootCAs: roots}}
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}

// requests lists what was asked, without the hosts.
func (n *tenant) requests() []string {
	n.lock.Lock()
	defer n.lock.Unlock()
	return append([]string(nil), n.seen...)
}

func (n *tenant) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n.lock.Lock()
	n.seen = append(n.seen, r.Method+" "+r.URL.Path)
	n.times[r.URL.Path]++
	count := n.times[r.URL.Path]
	n.lock.Unlock()
	if n.interfere != nil && n.interfere(w, r, count) {
		return
	}
	switch {
	case r.Host == n.login && r.URL.Path == "/"+tenantID+"/v2.0/.well-known/openid-configuration":
		base := "https://" + n.login + "/" + tenantID
		reply(w, 200, `{"token_endpoint":"`+base+`/oauth2/v2.0/token","authorization_endpoint":"`+base+`/oauth2/v2.0/authorize","issuer":"`+base+`/v2.0"}`)
	case r.Host == n.login && r.URL.Path == "/"+tenantID+"/oauth2/v2.0/token" && r.Method == http.MethodPost:
		n.token(w, r)
	case r.Host == n.graph && r.Header.Get("Authorization") != "Bearer "+accessToken:
		reply(w, 401, `{"error":{"code":"InvalidAuthenticationToken","message":"raw text of the server"}}`)
	case r.Host == n.graph && r.URL.Path == "/v1.0/applications":
		n.list(w, r)
	case r.Host == n.graph && strings.HasPrefix(r.URL.Path, "/v1.0/"):
		n.single(w, r)
	default:
		reply(w, 404, `{"error":"no such page"}`)
	}
}

func reply(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprint(w, body)
}

// token gives a token to whoever proves to be the client.
func (n *tenant) token(w http.ResponseWriter, r *http.Request) {
	err := r.ParseForm()
	form := r.PostForm
	switch {
	case err != nil || form.Get("grant_type") != "client_credentials" || form.Get("client_id") != clientID || !strings.Contains(form.Get("scope"), "https://"+n.graph+"/.default"):
		reply(w, 400, `{"error":"invalid_request","error_description":"AADSTS900144: raw text of the server"}`)
	case n.trusts == nil && form.Get("client_secret") != clientSecret:
		reply(w, 401, `{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided. raw text of the server"}`)
	case n.trusts != nil && n.verify(form.Get("client_assertion")) != nil:
		reply(w, 401, `{"error":"invalid_client","error_description":"AADSTS700027: raw text of the server"}`)
	default:
		reply(w, 200, `{"token_type":"Bearer","expires_in":3599,"access_token":"`+accessToken+`"}`)
	}
}

// verify checks a client assertion: its signature with the certificate's key,
// who it is from and for, and that it has not expired.
func (n *tenant) verify(assertion string) error {
	parts := strings.Split(assertion, ".")
	if len(parts) != 3 {
		return fmt.Errorf("%d parts", len(parts))
	}
	var decoded [3][]byte
	for i, part := range parts {
		var err error
		if decoded[i], err = base64.RawURLEncoding.DecodeString(part); err != nil {
			return err
		}
	}
	var header struct {
		Alg  string `json:"alg"`
		X5T  string `json:"x5t#S256"`
		Type string `json:"typ"`
	}
	var claims struct {
		Aud, Iss, Sub string
		Exp           int64
	}
	if err := json.Unmarshal(decoded[0], &header); err != nil {
		return err
	}
	if err := json.Unmarshal(decoded[1], &claims); err != nil {
		return err
	}
	name := sha256.Sum256(n.trusts.Raw)
	endpoint := "https://" + n.login + "/" + tenantID + "/oauth2/v2.0/token"
	if header.Alg != "PS256" || header.X5T != base64.StdEncoding.EncodeToString(name[:]) || // not base64url: so the library writes it, and Entra ID takes it
		claims.Aud != endpoint || claims.Iss != clientID || claims.Sub != clientID || claims.Exp < time.Now().Unix() {
		return fmt.Errorf("header %+v, claims %+v", header, claims)
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	return rsa.VerifyPSS(n.trusts.PublicKey.(*rsa.PublicKey), crypto.SHA256, sum[:], decoded[2], nil)
}

var filterForm = regexp.MustCompile(`^(?:(appId|displayName) eq '(.*)'|startswith\(displayName,'(.*)'\))$`)

// list answers with a page of the applications that match, without their
// certificates.
func (n *tenant) list(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	match := filterForm.FindStringSubmatch(query.Get("$filter"))
	if match == nil {
		reply(w, 400, `{"error":{"code":"BadRequest","message":"raw text of the server"}}`)
		return
	}
	value, prefix := strings.ReplaceAll(match[2], "''", "'"), match[3]
	found := []string{}
	for _, a := range n.apps {
		if match[1] == "appId" && a.appID == value || match[1] == "displayName" && a.name == value || match[1] == "" && strings.HasPrefix(a.name, prefix) {
			found = append(found, fmt.Sprintf(`{"id":%q,"appId":%q,"displayName":%q}`, a.id, a.appID, a.name))
		}
	}
	skip, _ := strconv.Atoi(query.Get("$skiptoken")) // 0 on the first page
	next := ""
	if n.pageSize > 0 && skip+n.pageSize < len(found) {
		query.Set("$skiptoken", fmt.Sprint(skip+n.pageSize))
		next = `,"@odata.nextLink":"https://` + n.graph + r.URL.Path + "?" + query.Encode() + `"`
		found = found[:skip+n.pageSize]
	}
	reply(w, 200, `{"@odata.context":"x","value":[`+strings.Join(found[skip:], ",")+`]`+next+`}`)
}

// single answers with one application or service principal.
func (n *tenant) single(w http.ResponseWriter, r *http.Request) {
	selected := strings.Contains(r.URL.Query().Get("$select"), "keyCredentials")
	path := strings.TrimPrefix(r.URL.Path, "/v1.0/")
	if path == "servicePrincipals(appId='00000002-0000-0ff1-ce00-000000000000')" && n.shared != "" && selected {
		reply(w, 200, `{"id":"sp","keyCredentials":`+n.shared+`}`)
		return
	}
	for _, a := range n.apps {
		if path == "applications/"+a.id && selected {
			reply(w, 200, fmt.Sprintf(`{"id":%q,"keyCredentials":%s}`, a.id, a.keys))
			return
		}
	}
	reply(w, 404, `{"error":{"code":"Request_ResourceNotFound","message":"raw text of the server"}}`)
}
