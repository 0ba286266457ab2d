package source_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"check_exchange_authcert/plugin/authcert"
	"check_exchange_authcert/plugin/source"
	"check_exchange_authcert/plugin/wsman"
	"check_exchange_authcert/plugin/wsman/wsmantest"
)

// errorRecord is the CLIXML of an error record.
func errorRecord(category int, id string, types ...string) string {
	exception := `<Nil N="Exception"/>`
	reason := ""
	for i := len(types) - 1; i >= 0; i-- {
		exception = fmt.Sprintf(`<Obj N="%s" RefId="%d"><TN RefId="%d"><T>%s</T><T>System.Exception</T></TN><Props><S N="Message">Zugriff: %s</S>%s</Props></Obj>`,
			map[bool]string{true: "Exception", false: "InnerException"}[i == 0], i+1, i, types[i], types[i], exception)
		reason = types[i][strings.LastIndexByte(types[i], '.')+1:]
	}
	return fmt.Sprintf(`<Obj RefId="0"><ToString>Es ging nicht.</ToString><MS>%s<S N="FullyQualifiedErrorId">%s</S><I32 N="ErrorCategory_Category">%d</I32><S N="ErrorCategory_Reason">%s</S></MS></Obj>`,
		exception, id, category, reason)
}

// TestRemotingCmdletErrors has cmdlets fail: the reason is told by types and categories, the rest is read on.
func TestRemotingCmdletErrors(t *testing.T) {
	const exchangeID = "[Server=TIMEOUT,RequestId=1,TimeStamp=1] [FailureCategory=Cmdlet-%s] 1A2B3C,Microsoft.Exchange.Management.SystemConfigurationTasks.GetExchangeCertificate"
	for name, row := range map[string]struct {
		record string
		reason authcert.Reason
		hint   string
	}{
		"no role":                 {errorRecord(13, "CommandNotFoundException", "System.Management.Automation.CommandNotFoundException"), authcert.AccessDenied, "View-Only Configuration"},
		"another server's RPC":    {errorRecord(7, fmt.Sprintf(exchangeID, "InvalidOperationException"), "System.InvalidOperationException", "Microsoft.Exchange.Rpc.RpcException"), authcert.Unreachable, ""},
		"a name unknown to DNS":   {errorRecord(0, "HostNotFound", "System.Net.Sockets.SocketException"), authcert.Unreachable, ""},
		"socket":                  {errorRecord(0, "", "System.Net.Sockets.SocketException"), authcert.Unreachable, ""},
		"timeout":                 {errorRecord(15, "", "System.TimeoutException"), authcert.Timeout, ""},
		"budget":                  {errorRecord(0, fmt.Sprintf(exchangeID, "OverBudgetException"), "Microsoft.Exchange.Data.Directory.OverBudgetException"), authcert.Throttled, "Get-ThrottlingPolicy"},
		"not found":               {errorRecord(13, "", "Microsoft.Exchange.Configuration.Tasks.ManagementObjectNotFoundException"), authcert.NotFound, ""},
		"denied":                  {errorRecord(18, "", "System.UnauthorizedAccessException"), authcert.AccessDenied, "View-Only Configuration"},
		"signing":                 {errorRecord(6, "", "System.Runtime.Serialization.SerializationException"), authcert.Malformed, "Auth Certificate"},
		"anything":                {errorRecord(0, "", "System.NullReferenceException"), authcert.Unreadable, "Auth Certificate"},
		"a name that is no cause": {errorRecord(7, fmt.Sprintf(exchangeID, "InvalidOperationException"), "System.InvalidOperationException"), authcert.Unreadable, ""},
		"nothing but its words":   {`<Obj RefId="0"><ToString>kaputt</ToString></Obj>`, authcert.Unreadable, ""},
	} {
		for _, terminating := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s terminating=%t", name, terminating), func(t *testing.T) {
				result := wsmantest.CmdletResult{Errors: []string{row.record}}
				if terminating {
					result = wsmantest.CmdletResult{Failure: row.record}
				}
				e := exchange{answer: map[string]wsmantest.CmdletResult{"Get-ExchangeCertificate ex01.contoso.com": result, "Get-AuthServer": result}}
				_, r := endpoint(t, &e, wsmantest.Options{})
				snap, err := r.Snapshot(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				got := snap.Servers[0].Error
				if got == nil || got.Reason != row.reason || got.Stage != authcert.StageCertificate || !strings.Contains(got.Hint, row.hint) || got.Message == "" {
					t.Errorf("%+v: want reason %s, and %q in the hint", got, row.reason, row.hint)
				}
				if snap.Servers[1].Error != nil || len(snap.Servers[1].Certificates) != 1 {
					t.Errorf("the other server: %+v", snap.Servers[1])
				}
				if len(snap.Errors) != 1 || snap.Errors[0].Stage != "get-authserver" || snap.Errors[0].Reason != row.reason || snap.Hybrid.Configured != nil {
					t.Errorf("errors %+v, hybrid %+v: want that of Get-AuthServer, and hybrid not known", snap.Errors, snap.Hybrid)
				}
			})
		}
	}
}

func wantProblem(t *testing.T, err error, reason authcert.Reason, stage, words string) {
	t.Helper()
	var problem *authcert.Problem
	if !errors.As(err, &problem) {
		t.Fatalf("error %v, want a problem", err)
	}
	said := problem.Message + " " + problem.Hint
	if problem.Reason != reason || !strings.HasPrefix(problem.Stage, stage) || !strings.Contains(said, words) {
		t.Errorf("%s: %s: %s; want stage %q, reason %s and %q", problem.Stage, problem.Reason, said, stage, reason, words)
	}
	if strings.Contains(said, password) || strings.Contains(said, "\n") {
		t.Errorf("%q: a password, or more than one line", said)
	}
}

// message is one message of a server in one fragment, for streams that break the protocol.
func message(kind uint32, body string) []byte {
	b := binary.LittleEndian.AppendUint32([]byte{1, 0, 0, 0}, kind)
	b = append(append(b, make([]byte, 32)...), body...)
	head := append(make([]byte, 16), 3)
	return append(binary.BigEndian.AppendUint32(head, uint32(len(b))), b...)
}

// TestRemotingProblems has the host, its endpoint or the protocol go wrong in every way that administrators meet.
func TestRemotingProblems(t *testing.T) {
	fault := func(step wsmantest.Step, code uint32, subcode, text string) wsmantest.Options {
		return wsmantest.Options{Interfere: at(step, wsmantest.Interference{Fault: &wsmantest.Fault{Code: code, Subcode: subcode, Reason: text}})}
	}
	const plugin = 2150858819 // what WinRM answers for whatever Exchange refuses a session for
	const prefix = "[Server=EX01,RequestId=1,TimeStamp=1] "
	for _, row := range []struct {
		name    string
		options wsmantest.Options
		change  func(*source.Remoting)
		reason  authcert.Reason
		stage   string
		words   string // in message or hint
	}{
		{"NTLM", wsmantest.Options{}, func(r *source.Remoting) { r.Endpoint.Auth = wsman.AuthNTLM }, authcert.Unsupported, "preparing PowerShell remoting", "--via winrm"},
		{"unknown host", wsmantest.Options{}, func(r *source.Remoting) { r.Endpoint.URL = "http://no-such-host.invalid/PowerShell/" }, authcert.Unreachable, "resolving the host", "no-such-host.invalid"},
		{"refused port", wsmantest.Options{}, func(r *source.Remoting) { r.Endpoint.URL = "http://localhost:1/PowerShell/" }, authcert.Unreachable, "connecting to Exchange", "MSExchangePowerShellFrontEndAppPool"},
		{"wrong password", wsmantest.Options{}, func(r *source.Remoting) { r.Endpoint.Password = wsman.NewSecret("Geheim of another") }, authcert.AccessDenied, "getting a Kerberos ticket", "password"},
		{"no SPN", wsmantest.Options{}, func(r *source.Remoting) { r.Endpoint.Kerberos.SPN = "HTTP/mail.contoso.com" }, authcert.NotFound, "getting a Kerberos ticket", "setspn -S"},
		{"neither scheme", wsmantest.Options{Offer: []string{"NTLM", "Basic"}}, nil, authcert.Unsupported, "logging on to Exchange", "offers NTLM, Basic"},
		{"a self-signed TLS certificate", wsmantest.Options{TLS: true}, func(r *source.Remoting) { r.Endpoint.TLS.CAFile = "" }, authcert.Unreachable, "TLS with Exchange", "certificate"},
		{"no Exchange server", wsmantest.Options{Interfere: at(wsmantest.StepLogon, wsmantest.Interference{Status: 404})}, nil, authcert.NotFound, "logging on to Exchange", "Is it an Exchange server?"},
		{"a redirect", wsmantest.Options{Interfere: at(wsmantest.StepCreate, wsmantest.Interference{Status: 302, Header: map[string][]string{"Location": {"https://elsewhere.contoso.com/x"}}})}, nil, authcert.Unsupported, "opening a session", "elsewhere.contoso.com"},
		{"WinRM in its place", fault(wsmantest.StepCreate, wsman.CodeResourceNotFound, "wsa:DestinationUnreachable", "resource URI"), nil, authcert.NotFound, "opening a session", "Is it an Exchange server?"},
		{"no role at all", fault(wsmantest.StepCreate, plugin, "w:InternalError", prefix+"[FailureCategory=AuthZ-CmdletAccessDeniedException] Zugriff"), nil, authcert.AccessDenied, "opening a session", "RemotePowerShellEnabled"},
		{"access denied", fault(wsmantest.StepCreate, wsman.CodeAccessDenied, "w:AccessDenied", prefix+"Zugriff"), nil, authcert.AccessDenied, "opening a session", "New-RoleGroup"},
		{"a refusal without a category", fault(wsmantest.StepCreate, plugin, "w:InternalError", prefix+"Zugriff"), nil, authcert.Unreadable, "opening a session", "RemotePowerShellEnabled"},
		{"too many sessions", fault(wsmantest.StepCreate, plugin, "w:InternalError", prefix+"connections allowed : 18 for the policy party : MaxConcurrency"), nil, authcert.Throttled, "opening a session", "Get-ThrottlingPolicy"},
		{"too many shells", fault(wsmantest.StepCreate, wsman.CodeMaxShellsPerUser, "w:QuotaLimit", "quota"), nil, authcert.Throttled, "opening a session", "Get-ThrottlingPolicy"},
		{"broken", wsmantest.Options{Pool: &wsmantest.Pool{State: 5}}, nil, authcert.Unreadable, "opening a session", "RemotePowerShellEnabled"},
		{"closed", wsmantest.Options{Pool: &wsmantest.Pool{State: 3}}, nil, authcert.Unreadable, "opening a session", "did not open (state 3)"},
		{"broken with access denied", wsmantest.Options{Pool: &wsmantest.Pool{State: 5, Error: errorRecord(18, "", "System.UnauthorizedAccessException")}}, nil, authcert.AccessDenied, "opening a session", "(state 5): Zugriff: System.UnauthorizedAccessException"},
		{"connection lost", wsmantest.Options{Interfere: at(wsmantest.StepCreate, wsmantest.Interference{Drop: true})}, nil, authcert.Unreachable, "opening a session", ""},
		{"an answer in clear", wsmantest.Options{Interfere: at(wsmantest.StepReceive, wsmantest.Interference{Clear: true})}, nil, authcert.Malformed, "opening a session", "clear"},
		{"an answer that is changed", wsmantest.Options{Interfere: at(wsmantest.StepReceive, wsmantest.Interference{Mangle: func(b []byte) []byte { b[len(b)/2] ^= 1; return b }})}, nil, authcert.Malformed, "opening a session", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			var e exchange
			peer, r := endpoint(t, &e, row.options)
			if row.change != nil {
				row.change(&r)
			}
			_, err := r.Snapshot(t.Context())
			wantProblem(t, err, row.reason, row.stage, row.words)
			if s := peer.Stats(); s.OpenShells != 0 || s.Logons > 2 || s.BasicCredentials+s.ClearBodies != 0 {
				t.Errorf("%+v: want nothing left behind, nothing in clear and no further attempt", s)
			}
		})
	}
}

// TestRemotingBrokenStreams has one cmdlet's stream break the protocol: the next ones are read in another session.
func TestRemotingBrokenStreams(t *testing.T) {
	huge := append(message(0x00041004, "")[:17], 0x03, 0, 0, 0) // 50 MB are announced
	for name, raw := range map[string][]byte{
		"another's pipeline":    message(0x00041004, "<S>x</S>"),
		"an announced 50 MB":    huge,
		"half a fragment":       message(0x00041004, "<S>x</S>")[:40],
		"no fragment":           []byte("HTTP/1.1 500 Internal Server Error"),
		"nothing and then Done": {},
	} {
		t.Run(name, func(t *testing.T) {
			e := exchange{answer: map[string]wsmantest.CmdletResult{"Get-ExchangeCertificate ex01.contoso.com": {Raw: raw}}}
			peer, r := endpoint(t, &e, wsmantest.Options{})
			snap, err := r.Snapshot(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{"ex01.contoso.com:!malformed", "ex02.contoso.com:c", "edge.contoso.com:"}, summary(snap)); diff != "" {
				t.Errorf("servers and problems (-want +got):\n%s", diff)
			}
			if s := peer.Stats(); s.OpenShells != 0 || s.Logons != 1 {
				t.Errorf("%+v: want nothing left and one logon", s)
			}
		})
	}
}

// TestRemotingGivesUpOneServer has one server's cmdlet never end: it is given up in time for the others.
func TestRemotingGivesUpOneServer(t *testing.T) {
	progress := wsmantest.RemotingMessage{Type: 0x00041010, CLIXML: `<Obj RefId="0"><MS><S N="Activity">busy</S></MS></Obj>`}
	for name, result := range map[string]wsmantest.CmdletResult{
		"in silence":    {Hang: true, Output: []string{certificate("a", "ex01")}},
		"with progress": {Endless: true, Others: []wsmantest.RemotingMessage{progress}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := exchange{answer: map[string]wsmantest.CmdletResult{"Get-ExchangeCertificate ex01.contoso.com": result}}
			peer, r := endpoint(t, &e, wsmantest.Options{})
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			snap, err := r.Snapshot(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{"ex01.contoso.com:!timeout", "ex02.contoso.com:c", "edge.contoso.com:"}, summary(snap)); diff != "" {
				t.Errorf("servers and problems (-want +got):\n%s", diff)
			}
			if s := peer.Stats(); ctx.Err() != nil || s.OpenShells != 0 || s.Logons != 1 || s.Signals != 1 {
				t.Errorf("%+v, context %v: want the command ended, nothing left, one logon and an answer in time", s, ctx.Err())
			}
		})
	}
}
