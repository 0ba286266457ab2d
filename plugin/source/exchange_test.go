package source_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"check_exchange_authcert/plugin/authcert"
	"check_exchange_authcert/plugin/source"
	"check_exchange_authcert/plugin/wsman"
	"check_exchange_authcert/plugin/wsman/wsmantest"
)

// exchange plays Exchange's cmdlets: an organization of two servers and an Edge Transport server.
type exchange struct {
	sync.Mutex
	asked  []string
	answer map[string]wsmantest.CmdletResult // by cmdlet, or cmdlet and server
	began  func(cmdlet string)               // told before a cmdlet answers, unless nil
}

func (e *exchange) run(c wsmantest.Cmdlet) wsmantest.CmdletResult {
	e.Lock()
	defer e.Unlock()
	name := strings.TrimSpace(c.Name + " " + c.Parameters["Server"])
	e.asked = append(e.asked, name)
	if e.began != nil {
		e.began(name)
	}
	result, known := e.answer[name]
	if !known {
		result = organization[name]
	}
	return result
}

// outputs are objects that a cmdlet returns.
func outputs(objects ...string) wsmantest.CmdletResult {
	return wsmantest.CmdletResult{Output: objects}
}

var organization = map[string]wsmantest.CmdletResult{
	"Get-AuthConfig": outputs(authConfig(first)),
	"Get-ExchangeServer": outputs(exchangeServer("ex01", "Mailbox"), exchangeServer("ex02", "Mailbox"),
		object("ExchangeServer", `<S N="Fqdn">edge.contoso.com</S><S N="Name">edge</S><S N="ServerRole">Edge</S><B N="IsEdgeServer">true</B>`, "")),
	"Get-TransportService":                     outputs(object("TransportService", `<S N="Name">ex01</S><S N="InternalTransportCertificateThumbprint">`+second+`</S>`, "")),
	"Get-ExchangeCertificate ex01.contoso.com": outputs(certificate("a", "ex01"), certificate("b", "ex01")),
	"Get-ExchangeCertificate ex02.contoso.com": outputs(object("ExchangeCertificate", `<BA N="RawData">Yw==</BA><I32 N="Services">24</I32>`, "")),
}

// cmdlets are what a complete inquiry asks for.
var cmdlets = []string{"Get-AuthConfig", "Get-ExchangeServer", "Get-TransportService", "Get-HybridConfiguration", "Get-AuthServer", "Get-PartnerApplication",
	"Get-SettingOverride", "Get-ExchangeCertificate ex01.contoso.com", "Get-ExchangeCertificate ex02.contoso.com"}

// endpoint starts a host with Exchange's endpoint, as its front end is: Kerberos alone, a boundary with a blank, a cookie.
func endpoint(t testing.TB, e *exchange, o wsmantest.Options) (*wsmantest.Host, source.Remoting) {
	t.Helper()
	realm := wsmantest.StartRealm(t, "CONTOSO.TEST")
	realm.AddUser("monitor", password)
	realm.AddService("HTTP/localhost")
	if o.Offer == nil {
		o.Offer = []string{"Kerberos"}
	}
	o.Realm, o.BlankBoundary, o.Cookie, o.Cmdlet = realm, true, "X-BackEndCookie=abc", e.run
	peer := wsmantest.Start(t, o)
	policy := authcert.DefaultPolicy()
	r := source.Remoting{Now: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC), Concerns: policy.Concerns, Endpoint: wsman.Config{
		URL: peer.URL("/PowerShell/"), Auth: wsman.AuthKerberos, Username: "monitor@CONTOSO.TEST", Password: wsman.NewSecret(password),
		Kerberos: wsman.Kerberos{KDCs: []string{realm.KDC()}},
	}}
	if o.TLS {
		r.Endpoint.TLS = wsman.TLS{CAFile: peer.CAFile(t), ServerName: peer.ServerName()}
	}
	return peer, r
}

func TestRemotingFacts(t *testing.T) {
	var e exchange
	_, r := endpoint(t, &e, wsmantest.Options{})
	snap, err := r.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want, err := source.File{Path: folder(t, map[string]string{
		"AuthConfig.xml": document(organization["Get-AuthConfig"].Output...), "ExchangeServer.xml": document(organization["Get-ExchangeServer"].Output...),
		"TransportService.xml": document(organization["Get-TransportService"].Output...), "ExchangeCertificate-ex01.xml": document(organization["Get-ExchangeCertificate ex01.contoso.com"].Output...),
	})}.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want.TakenAt, want.Origin = authcert.At(r.Now), authcert.Origin{Kind: "exchange", Host: "localhost", Via: "exchange"}
	want.OtherAuthConfigs, want.Hybrid = nil, &authcert.Hybrid{Configured: new(false), DedicatedApp: new(false)}
	want.Servers[1].Error, want.Servers[1].Certificates = nil, authcert.List[authcert.Certificate]{{RawData: []byte("c"), Services: authcert.Services{"IIS", "SMTP"}}}
	want.Servers[2].Error = nil // an Edge Transport server is not asked, and not judged
	if diff := cmp.Diff(want, snap); diff != "" {
		t.Errorf("snapshot (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(cmdlets, e.asked); diff != "" {
		t.Errorf("cmdlets (-want +got):\n%s", diff)
	}
}

// TestRemotingConversation has the two schemes, both encryption protocols and TLS, and counts.
func TestRemotingConversation(t *testing.T) {
	for name, row := range map[string]struct {
		options wsmantest.Options
		more    int // requests
	}{
		"Kerberos":          {wsmantest.Options{}, 0},
		"Negotiate":         {wsmantest.Options{Offer: []string{"Negotiate"}}, 1},
		"TLS":               {wsmantest.Options{TLS: true}, 0},
		"small fragments":   {wsmantest.Options{Fragment: 10}, 0},
		"long output":       {wsmantest.Options{Chunk: 300}, 1000},
		"a key of its own":  {wsmantest.Options{NoAcceptorSubkey: true}, 0},
		"TLS and Negotiate": {wsmantest.Options{TLS: true, Offer: []string{"Negotiate", "Basic"}}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			var e exchange
			peer, r := endpoint(t, &e, row.options)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			snap, err := r.Snapshot(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{"ex01.contoso.com:ab", "ex02.contoso.com:c", "edge.contoso.com:"}, summary(snap)); diff != "" {
				t.Errorf("servers and problems (-want +got):\n%s", diff)
			}
			if s := peer.Stats(); s.Requests > 4+2*len(cmdlets)+row.more || s.Logons != 1 || s.RefusedLogons != 0 || s.OpenShells != 0 || s.ClearBodies != 0 || s.BasicCredentials != 0 {
				t.Errorf("%+v: want at most %d requests, one logon, nothing left and nothing in clear", s, 4+2*len(cmdlets)+row.more)
			}
		})
	}
}

// TestRemotingLeavesOut does not ask for the certificates of a server that nobody wants to know about: it may hang.
func TestRemotingLeavesOut(t *testing.T) {
	e := exchange{answer: map[string]wsmantest.CmdletResult{"Get-ExchangeCertificate ex01.contoso.com": {Hang: true}}}
	_, r := endpoint(t, &e, wsmantest.Options{})
	policy := authcert.DefaultPolicy()
	policy.ExcludeServers = []string{"EX01"}
	r.Concerns = policy.Concerns
	snap, err := r.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"ex01.contoso.com:", "ex02.contoso.com:c", "edge.contoso.com:"}, summary(snap)); diff != "" {
		t.Errorf("servers and problems (-want +got):\n%s", diff)
	}
}

// TestRemotingPartly reads what there is where cmdlets bring less than they should.
func TestRemotingPartly(t *testing.T) {
	denied := wsmantest.CmdletResult{Failure: errorRecord(13, "CommandNotFoundException", "System.Management.Automation.CommandNotFoundException")}
	half := wsmantest.CmdletResult{Output: []string{certificate("a", "ex01")}, Errors: []string{errorRecord(15, "", "System.TimeoutException")}}
	for name, row := range map[string]struct {
		answer map[string]wsmantest.CmdletResult
		want   []string
	}{
		"no list of servers": {map[string]wsmantest.CmdletResult{"Get-ExchangeServer": denied, "Get-ExchangeCertificate localhost": outputs(certificate("a", "localhost"))},
			[]string{"localhost:a", "get-exchangeserver!access-denied"}},
		"no AuthConfig":          {map[string]wsmantest.CmdletResult{"Get-AuthConfig": {}}, []string{"ex01.contoso.com:ab", "ex02.contoso.com:c", "edge.contoso.com:", "get-authconfig!not-found"}},
		"a malformed thumbprint": {map[string]wsmantest.CmdletResult{"Get-AuthConfig": outputs(authConfig("xyz"))}, []string{"ex01.contoso.com:ab", "ex02.contoso.com:c", "edge.contoso.com:", "get-authconfig!malformed"}},
		"a date in words": {map[string]wsmantest.CmdletResult{"Get-AuthConfig": outputs(strings.Replace(authConfig(first), `<Nil N="NextCertificateEffectiveDate" />`, `<S N="NextCertificateEffectiveDate">1. Dezember 2026</S>`, 1))},
			[]string{"ex01.contoso.com:ab", "ex02.contoso.com:c", "edge.contoso.com:", "NextCertificateEffectiveDate!malformed"}},
		"an error beside objects": {map[string]wsmantest.CmdletResult{"Get-ExchangeCertificate ex01.contoso.com": half}, []string{"ex01.contoso.com:a!timeout", "ex02.contoso.com:c", "edge.contoso.com:"}},
		"no certificates":         {map[string]wsmantest.CmdletResult{"Get-ExchangeCertificate ex02.contoso.com": {}}, []string{"ex01.contoso.com:ab", "ex02.contoso.com:!not-found", "edge.contoso.com:"}},
		"a certificate without bytes": {map[string]wsmantest.CmdletResult{"Get-ExchangeCertificate ex02.contoso.com": outputs(certificate("c", ""), object("ExchangeCertificate", `<Nil N="RawData"/>`, ""))},
			[]string{"ex01.contoso.com:ab", "ex02.contoso.com:c!malformed", "edge.contoso.com:"}},
		"a session that ends": {map[string]wsmantest.CmdletResult{"Get-TransportService": {Gone: true}},
			[]string{"ex01.contoso.com:ab", "ex02.contoso.com:c", "edge.contoso.com:", "get-transportservice!unreachable"}},
	} {
		t.Run(name, func(t *testing.T) {
			e := exchange{answer: row.answer}
			peer, r := endpoint(t, &e, wsmantest.Options{})
			snap, err := r.Snapshot(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(row.want, summary(snap)); diff != "" {
				t.Errorf("servers and problems (-want +got):\n%s", diff)
			}
			if s := peer.Stats(); s.OpenShells != 0 || s.Logons != 1 {
				t.Errorf("%+v: want nothing left and one logon", s)
			}
		})
	}
	t.Run("nothing", func(t *testing.T) {
		e := exchange{answer: map[string]wsmantest.CmdletResult{"Get-AuthConfig": denied, "Get-ExchangeServer": denied}}
		_, r := endpoint(t, &e, wsmantest.Options{})
		_, err := r.Snapshot(t.Context())
		wantProblem(t, err, authcert.AccessDenied, "get-authconfig", "New-RoleGroup")
		if len(e.asked) != 2 {
			t.Errorf("asked for %q, want no more than the two", e.asked)
		}
	})
}
