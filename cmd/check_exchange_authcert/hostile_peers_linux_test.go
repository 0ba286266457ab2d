package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"check_exchange_authcert/plugin"
	"check_exchange_authcert/plugin/authcert"
	"check_exchange_authcert/plugin/wsman/wsmantest"
)

// says is what a peer says now.
type says func() string

// strangers are peers that say a text wherever they can, and how the program is
// called to ask them. What a silent one says is not repeated at all.
var strangers = []struct {
	name   string
	silent bool
	peer   func(*testing.T, says) invocation
}{
	{"a fault of WinRM", false, faulty("winrm")},
	{"a fault of Exchange", false, faulty("exchange")},
	{"the collector's facts", false, collecting(func(t *testing.T, text string, certificate, parameters []byte) wsmantest.Result {
		return wsmantest.Result{Stdout: answerOf(t, parameters, collectorFacts(t, text, certificate))}
	})},
	{"the collector's standard error", false, collecting(func(_ *testing.T, text string, _, _ []byte) wsmantest.Result {
		return wsmantest.Result{Stderr: []byte(text), ExitCode: 1}
	})},
	{"PowerShell's standard error", false, collecting(func(t *testing.T, text string, _, _ []byte) wsmantest.Result {
		return wsmantest.Result{Stderr: []byte("#< CLIXML\r\n" + clixmlRoot + `<S S="Error">` + inCLIXML(t, text) + "</S></Objs>"), ExitCode: 1}
	})},
	{"the collector's standard output", true, collecting(func(_ *testing.T, text string, _, _ []byte) wsmantest.Result {
		return wsmantest.Result{Stdout: []byte(text), ExitCode: 1}
	})},
	{"objects of cmdlets", false, cmdlets(func(t *testing.T, text, name string, certificate []byte) (result wsmantest.CmdletResult) {
		if object, known := exchangeObjects(t, certificate, func(string) string { return text })[name]; known {
			result.Output = []string{object}
		}
		return result
	})},
	{"errors of cmdlets", false, cmdlets(func(t *testing.T, text, _ string, _ []byte) wsmantest.CmdletResult {
		return wsmantest.CmdletResult{Errors: []string{errorRecord(t, text)}}
	})},
	{"the end of cmdlets", false, cmdlets(func(t *testing.T, text, _ string, _ []byte) wsmantest.CmdletResult {
		return wsmantest.CmdletResult{Failure: errorRecord(t, text)}
	})},
	{"Active Directory", false, directoryWith(func(map[string]entry, string) {})},
	{"an AuthConfig that is none", false, directoryWith(func(e map[string]entry, text string) {
		e["msExchAuthAuthConfig"].attributes["msExchAuthCertificateThumbprint"] = []string{"0:" + text}
	})},
	{"a directory with nothing in it", false, directoryWith(func(e map[string]entry, _ string) {
		delete(e, "msExchAuthAuthConfig")
		delete(e, "msExchExchangeServer")
	})},
	{"a refusal of Active Directory", true, func(t *testing.T, say says) invocation {
		return directoryOf(t, func(string, string) ([]entry, *refusal) {
			return nil, &refusal{ldap.LDAPResultInvalidCredentials, say()}
		})
	}},
	{"an error of Active Directory", true, func(t *testing.T, say says) invocation {
		return directoryOf(t, func(request, _ string) ([]entry, *refusal) {
			if request == "bind" {
				return nil, nil
			}
			return nil, &refusal{ldap.LDAPResultUnwillingToPerform, say()}
		})
	}},
	{"a metadata document", true, publishing(func(w http.ResponseWriter, text string) {
		quoted, _ := json.Marshal(text)
		fmt.Fprintf(w, `{"name":%[1]s,"realm":%[1]s,"issuer":%[1]s,%[1]s:%[1]s,"keys":[{"usage":%[1]s},{"usage":"signing","keyinfo":{"x5t":%[1]s},"keyvalue":{"type":"x509Certificate","value":"MAA="}}]}`, quoted)
	})},
	{"a document that is none", true, publishing(func(w http.ResponseWriter, text string) { fmt.Fprint(w, text) })},
	{"an answer that is no HTTP", false, publishing(func(w http.ResponseWriter, text string) {
		if conn, _, err := w.(http.Hijacker).Hijack(); err == nil {
			defer conn.Close()
			fmt.Fprint(conn, strings.ReplaceAll(text, " ", "_"), "\r\n\r\n") // else its second word is what is quoted
		}
	})},
	{"an error page", true, publishing(func(w http.ResponseWriter, text string) {
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, text)
	})},
	{"names in a front end's certificate", false, misnamed},
}

// viaHost is how a host is asked.
func viaHost(t *testing.T, way string, options wsmantest.Options) invocation {
	t.Helper()
	options.Realm = wsmantest.StartRealm(t, "CONTOSO.TEST")
	options.Realm.AddUser("monitor", hostSecret)
	options.Realm.AddService("HTTP/localhost")
	host := wsmantest.Start(t, options)
	_, port, _ := strings.Cut(host.URL(""), "localhost:")
	return invocation{
		args: []string{"-H", "localhost", "--port", port, "--exchange-url", host.URL("/PowerShell/"), "--via", way, "--username", "monitor@CONTOSO.TEST", "--kdc", options.Realm.KDC()},
		env:  map[string]string{passwordVariable: hostSecret},
	}
}

func faulty(way string) func(*testing.T, says) invocation {
	return func(t *testing.T, say says) invocation {
		return viaHost(t, way, wsmantest.Options{Interfere: func(step wsmantest.Step, _ int) *wsmantest.Interference {
			if step != wsmantest.StepCreate {
				return nil
			}
			return &wsmantest.Interference{Fault: &wsmantest.Fault{Code: 5, Subcode: "w:AccessDenied", Reason: say(), Message: say(), Machine: say()}}
		}})
	}
}

func collecting(answer func(t *testing.T, text string, certificate, parameters []byte) wsmantest.Result) func(*testing.T, says) invocation {
	return func(t *testing.T, say says) invocation {
		certificate := peer(onStage{t}, 1000*24*time.Hour).Certificate[0]
		return viaHost(t, "winrm", wsmantest.Options{Run: func(c wsmantest.Command) wsmantest.Result {
			parameters, _ := io.ReadAll(c.Stdin)
			return answer(t, say(), certificate, parameters)
		}})
	}
}

func cmdlets(answer func(t *testing.T, text, name string, certificate []byte) wsmantest.CmdletResult) func(*testing.T, says) invocation {
	return func(t *testing.T, say says) invocation {
		certificate := peer(onStage{t}, 1000*24*time.Hour).Certificate[0]
		return viaHost(t, "exchange", wsmantest.Options{Cmdlet: func(c wsmantest.Cmdlet) wsmantest.CmdletResult { return answer(t, say(), c.Name, certificate) }})
	}
}

// errorRecord is one whose texts are all the same.
func errorRecord(t *testing.T, text string) string {
	text = inCLIXML(t, text)
	var properties strings.Builder
	for _, name := range []string{"FullyQualifiedErrorId", "ErrorCategory_Reason", "ErrorCategory_Activity", "ErrorCategory_TargetName", "ErrorDetails_Message"} {
		fmt.Fprintf(&properties, `<S N="%s">%s</S>`, name, text)
	}
	return `<Obj RefId="0"><ToString>` + text + `</ToString><MS><Obj N="Exception" RefId="1"><TN RefId="0"><T>` + text + `</T></TN><ToString>` + text +
		`</ToString><Props><S N="Message">` + text + `</S></Props></Obj><I32 N="ErrorCategory_Category">1</I32>` + properties.String() + `</MS></Obj>`
}

// directoryWith is an organization whose names are all the same.
func directoryWith(change func(entries map[string]entry, text string)) func(*testing.T, says) invocation {
	const configuration = "CN=Configuration,DC=contoso,DC=com"
	return func(t *testing.T, say says) invocation {
		return directoryOf(t, func(request, _ string) ([]entry, *refusal) {
			text := say()
			name := ldap.EscapeDN(text)
			entries := map[string]entry{
				"*":                           {"", map[string][]string{"configurationNamingContext": {configuration}, "dnsHostName": {text}}},
				"msExchOrganizationContainer": {"CN=" + text + ",CN=Microsoft Exchange,CN=Services," + configuration, map[string][]string{"cn": {text}, "objectGUID": {text}}},
				"msExchAuthAuthConfig": {"CN=Auth Configuration", map[string][]string{"cn": {text}, "msExchAuthCertificateThumbprint": {"0:" + strings.Repeat("AB", 20)},
					"msExchAuthApplicationIdentifier": {text}, "msExchAuthRealm": {text}}},
				"msExchExchangeServer": {"CN=" + name + ",CN=Servers,CN=x", map[string][]string{"cn": {text}, "networkAddress": {"ncacn_ip_tcp:" + text}, "serialNumber": {text},
					"msExchCurrentServerRoles": {text}, "msExchServerSite": {"CN=" + name + ",CN=Sites"}, "msExchServerInternalTLSCert": {text}}},
			}
			change(entries, text)
			if e, is := entries[request]; is {
				return []entry{e}, nil
			}
			return nil, nil
		})
	}
}

// directoryOf is a domain controller that lets everybody in.
func directoryOf(t *testing.T, c controller) invocation {
	t.Helper()
	stage := onStage{t}
	certificate := peer(stage, time.Hour, "localhost")
	listener := tls.NewListener(loopback(t, "127.0.0.1:0"), &tls.Config{Certificates: []tls.Certificate{certificate}})
	go accept(listener, c.serve)
	return invocation{
		args: []string{"--ldap", "ldaps://localhost:" + portOf(listener.Addr().String()), "--auth", "basic", "--username", "monitor", "--ca-file", caFile(stage, "ca.pem", certificate)},
		env:  map[string]string{passwordVariable: stallPassword},
	}
}

// publishing is a front end that answers as it is told.
func publishing(answer func(w http.ResponseWriter, text string)) func(*testing.T, says) invocation {
	return func(t *testing.T, say says) invocation {
		certificate := peer(onStage{t}, time.Hour, "localhost")
		address := listen(onStage{t}, nil, certificate, func(w http.ResponseWriter, _ *http.Request) { answer(w, say()) })
		return invocation{args: []string{"--published", address}}
	}
}

// misnamed is a front end with a certificate for other names than its own, as
// far as a certificate holds them.
func misnamed(t *testing.T, say says) invocation {
	authority := peer(onStage{t}, time.Hour)
	root, err := x509.ParseCertificate(authority.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	config := &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		name := strings.Map(func(r rune) rune {
			if r >= 0x80 {
				return '?'
			}
			return r
		}, say())
		template := &x509.Certificate{SerialNumber: big.NewInt(2), DNSNames: []string{name}, NotBefore: root.NotBefore, NotAfter: root.NotAfter}
		der, err := x509.CreateCertificate(rand.Reader, template, root, peerKey().Public(), peerKey())
		return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: peerKey()}, err
	}}
	server := &http.Server{ErrorLog: log.New(io.Discard, "", 0)}
	listener := tls.NewListener(loopback(t, "127.0.0.1:0"), config)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { server.Close() })
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	return invocation{args: []string{"--published", "localhost:" + port, "--ca-file", caFile(onStage{t}, "ca.pem", authority)}}
}

// TestHostilePeers has every peer say each hostile text wherever it says one:
// the verdict, the shape of every output and what is said to do are those of a
// harmless text.
func TestHostilePeers(t *testing.T) {
	for _, row := range strangers {
		t.Run(row.name, func(t *testing.T) {
			var said atomic.Value
			call := row.peer(t, func() string { return said.Load().(string) })
			said.Store("arrived harmless")
			want, wanted := asked(t, call)
			texts := rawTexts(t)
			if row.silent || testing.Short() {
				texts = texts[len(texts)-1:] // all in one
			}
			for _, text := range texts {
				said.Store("arrived " + text)
				got, written := asked(t, call)
				compareAnswers(t, fmt.Sprintf("%.40q", text), want, got, wanted, written)
				if arrived := strings.Contains(written["nagiosvv"], "arrived"); arrived == row.silent {
					t.Errorf("%.40q arrived: %t in\n%s", text, arrived, written["nagiosvv"])
				}
			}
		})
	}
}

// asked is the verdict of the program, in all forms.
func asked(t *testing.T, call invocation) (authcert.Result, map[string]string) {
	t.Helper()
	var c cli
	p := program{args: call.args, env: func(name string) string { return call.env[name] }, now: func() time.Time { return today }}
	if _, err := c.parse(p.args, p.env, io.Discard); err != nil {
		t.Fatal(err)
	}
	chosen, err := p.source(&c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	return inEveryForm(t, plugin.Check(ctx, chosen, c.policy(), today))
}
