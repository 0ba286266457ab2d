package main

import (
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"check_exchange_authcert/plugin/wsman/wsmantest"
)

// invocation is one call of the executable.
type invocation struct {
	args          []string
	env           map[string]string
	through       []string        // the program that runs it, if there is one
	stdin, stdout *os.File        // nil: none, and one that the test reads
	host          *wsmantest.Host // which is asked, if there is one
}

// stall is a stage of a run with a peer that stops answering there, and says
// when that stage is reached.
type stall struct {
	name  string
	start func(t *testing.T, reached func()) invocation
	stage string // what the answer calls it; empty when there is no answer
}

// stalls are the stages of a run.
var stalls = []stall{
	{"resolving a name", unresolved, "resolving the host (http://ex01.contoso.test:"},
	{"connecting to WinRM", func(t *testing.T, reached func()) invocation {
		return withPassword("-H", "127.0.0.1", "--port", portOf(fullQueue(t, reached)), "--via", "winrm", "--username", "monitor")
	}, "connecting to WinRM (http://127.0.0.1:"},
	{"TLS with WinRM", rawHost("--via", "winrm", "--https"), "TLS with WinRM (https://localhost:"},
	{"NTLM, first message", windows(wsmantest.StepNegotiate, viaNTLM), "logging on to WinRM (http://localhost:"},
	{"NTLM, last message", windows(wsmantest.StepLogon, viaNTLM), "logging on to WinRM (http://localhost:"},
	{"connecting to a KDC", func(t *testing.T, reached func()) invocation {
		call := windows("", viaKerberos)(t, reached)
		call.args[slices.Index(call.args, "--kdc")+1] = fullQueue(t, reached)
		return call
	}, "getting a Kerberos ticket (http://localhost:"},
	{"KDC, first request", windows("as", viaKerberos), "getting a Kerberos ticket (http://localhost:"},
	{"KDC, with the password's key", windows("preauth", viaKerberos), "getting a Kerberos ticket (http://localhost:"},
	{"KDC, ticket for the host", windows("tgs", viaKerberos), "getting a Kerberos ticket (http://localhost:"},
	{"Kerberos logon", windows(wsmantest.StepLogon, viaKerberos), "logging on to WinRM (http://localhost:"},
	{"opening a shell", windows(wsmantest.StepCreate, viaNTLM), "opening a shell (http://localhost:"},
	{"starting the collector", windows(wsmantest.StepCommand, viaNTLM), "starting the collector (http://localhost:"},
	{"sending its parameters", windows(wsmantest.StepSend, viaNTLM), "running the collector (http://localhost:"},
	{"asking for its output", windows(wsmantest.StepReceive, viaKerberos), "running the collector (http://localhost:"},
	{"the collector runs", windows("run", viaNTLM), "running the collector (http://localhost:"},
	{"connecting to Exchange", func(t *testing.T, reached func()) invocation {
		return withPassword(append([]string{"-H", "localhost", "--exchange-url", "http://localhost:" + portOf(fullQueue(t, reached))}, viaExchange...)...)
	}, "connecting to Exchange (http://localhost:"},
	{"TLS with Exchange", func(t *testing.T, reached func()) invocation {
		return withPassword(append([]string{"-H", "localhost", "--exchange-url", "https://localhost:" + portOf(mute(t, loopback(t, "127.0.0.1:0"), reached))}, viaSecureExchange...)...)
	}, "TLS with Exchange (https://localhost:"},
	{"logging on to Exchange", windows(wsmantest.StepLogon, viaSecureExchange), "logging on to Exchange (https://localhost:"},
	{"opening a session", windows(wsmantest.StepCreate, viaExchange), "opening a session (http://localhost:"},
	{"the session opens", windows(wsmantest.StepReceive, viaExchange), "opening a session (http://localhost:"},
	{"sending a cmdlet", windows(wsmantest.StepCommand, viaExchange), "get-authconfig"},
	{"a cmdlet runs", windows("cmdlet", viaExchange), "get-authconfig"},
	{"a later cmdlet runs", windows("Get-TransportService", viaExchange), "reading the facts"},
	{"the first of two ways", windows("cmdlet", viaBoth), "get-authconfig"},
	{"connecting to Active Directory", func(t *testing.T, reached func()) invocation {
		return withPassword("--ldap", "ldap://"+fullQueue(t, reached), "--username", `CONTOSO\monitor`)
	}, "connecting"},
	{"NTLM with Active Directory", directoryLogon(`CONTOSO\monitor`), "logging on"},
	{"Kerberos with Active Directory", directoryLogon("monitor@CONTOSO.TEST"), "logging on"},
	{"StartTLS with Active Directory", directoryAt("ldap", false), "asking for TLS"},
	{"TLS with Active Directory", directoryAt("ldaps", false), "the TLS handshake"},
	{"binding to Active Directory", directoryAt("ldaps", true), "logging on"},
	{"searching Active Directory", directoryAt("ldaps", true, []byte{0x30, 12, 2, 1, 1, 0x61, 7, 10, 1, 0, 4, 0, 4, 0}), "reading the root entry"}, // after a BindResponse that says success
	{"comparing with Active Directory", func(t *testing.T, reached func()) invocation {
		call := directoryAt("ldap", false)(t, reached)
		call.args = append(call.args, "--snapshot", sound, "--at", "2026-11-23")
		return call
	}, "reading the facts"},
	{"TLS with a publisher", func(t *testing.T, reached func()) invocation {
		return invocation{args: []string{"--published", mute(t, loopback(t, "127.0.0.1:0"), reached)}}
	}, "reading the facts"},
	{"a metadata document", func(t *testing.T, reached func()) invocation {
		stage := onStage{t}
		certificate := peer(stage, time.Hour, "localhost")
		return invocation{args: []string{"--published", listen(stage, nil, certificate, hangs(reached)), "--ca-file", caFile(stage, "ca.pem", certificate)}}
	}, "reading the facts"},
	{"a certificate that is served", servedHangs, "reading the facts"},
	{"Entra ID", func(t *testing.T, reached func()) invocation {
		return tenantCall(t, map[string]string{"HTTPS_PROXY": "http://" + mute(t, loopback(t, "127.0.0.1:0"), reached)})
	}, "reading the facts"},
	{"Graph", func(t *testing.T, reached func()) invocation {
		return tenantCall(t, cloud(onStage{t}, func(w http.ResponseWriter, r *http.Request) {
			if r.Host == "graph.microsoft.com" {
				hangs(reached)(w, r)
				return
			}
			answerTenant(w, r)
		}))
	}, "reading the facts"},
	{"a snapshot on standard input", func(t *testing.T, reached func()) invocation {
		return invocation{args: []string{"--snapshot", "-"}, stdin: halfWritten(t, "{", reached)}
	}, "reading the facts"},
	{"a snapshot in a FIFO", fifo, "reading the facts"},
	{"parameters on standard input", func(t *testing.T, reached func()) invocation {
		return invocation{stdin: halfWritten(t, "--snapshot=x ", reached)}
	}, "reading parameters from standard input"},
	{"writing the answer", func(t *testing.T, reached func()) invocation {
		_, writer := unread(t, reached)
		return invocation{args: []string{"--snapshot", sound, "--at", "2026-11-23", "-o", "json"}, stdout: writer}
	}, ""},
}

// withPassword is a call of an account with its password.
func withPassword(args ...string) invocation {
	return invocation{args: args, env: map[string]string{passwordVariable: stallPassword}}
}

// sound is a snapshot without findings on the day on which it was taken.
const sound = "../../testdata/snapshots/healthy.json"

const stallPassword = "Geheim-Pferd-7"

var (
	viaNTLM     = []string{"--via", "winrm", "--username", `CONTOSO\monitor`}
	viaKerberos = []string{"--via", "winrm", "--username", "monitor@CONTOSO.TEST"}
	viaExchange = []string{"--via", "exchange", "--username", "monitor@CONTOSO.TEST"}
	viaBoth     = []string{"--username", "monitor@CONTOSO.TEST"}

	viaSecureExchange = []string{"--via", "exchange", "--username", "monitor@CONTOSO.TEST", "--https"}
)

// windows is a host, with its KDC, that stops answering at one point: a step
// of the conversation, a kind of request to the KDC, when the collector runs
// ("run", or "run, and its end"), with the first cmdlet ("cmdlet") or with the one of that name.
func windows(point wsmantest.Step, login []string) func(*testing.T, func()) invocation {
	return func(t *testing.T, reached func()) invocation {
		realm := wsmantest.StartRealm(t, "CONTOSO.TEST")
		realm.Refuse = func(kind string, _ int) int32 {
			if kind != string(point) {
				return 0
			}
			reached()
			return wsmantest.Hang
		}
		realm.AddUser("monitor", stallPassword)
		realm.AddService("HTTP/localhost")
		secure := slices.Contains(login, "--https")
		host := wsmantest.Start(t, wsmantest.Options{
			TLS: secure, Domain: "CONTOSO", User: "monitor", Password: stallPassword, Realm: realm,
			Interfere: func(step wsmantest.Step, count int) *wsmantest.Interference {
				stuck := point == "run, and its end" && step == wsmantest.StepSignal
				if step != point && !stuck || count > 1 {
					return nil
				}
				reached()
				return &wsmantest.Interference{Hang: true}
			},
			Run: func(c wsmantest.Command) wsmantest.Result {
				_, _ = io.Copy(io.Discard, c.Stdin)
				if strings.HasPrefix(string(point), "run") {
					reached()
					<-t.Context().Done()
				}
				return wsmantest.Result{}
			},
			Cmdlet: func(c wsmantest.Cmdlet) wsmantest.CmdletResult {
				if point == "cmdlet" || point == wsmantest.Step(c.Name) {
					reached()
					return wsmantest.CmdletResult{Hang: true}
				}
				return wsmantest.CmdletResult{Output: []string{cmdletObjects[c.Name]}}
			},
		})
		_, port, _ := strings.Cut(host.URL(""), "localhost:")
		args := append([]string{"-H", "localhost", "--port", port, "--exchange-url", host.URL("/PowerShell/"), "--kdc", realm.KDC()}, login...)
		if secure {
			args = append(args, "--ca-file", host.CAFile(t), "--tls-server-name", host.ServerName())
		}
		return invocation{args: args, env: map[string]string{passwordVariable: stallPassword}, host: host}
	}
}
