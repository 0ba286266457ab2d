package source

import (
	"encoding/json"
	"math"
	"net"
	"net/http"
	"slices"
	"testing"
	"time"

	"check_exchange_authcert/plugin"
	"check_exchange_authcert/plugin/authcert"
	"check_exchange_authcert/plugin/wsman"
	"check_exchange_authcert/plugin/wsman/wsmantest"
)

// soakFault is what goes wrong in a run, and what the answer has to be then.
// Each kind of peer looks at its own fields; the zero value is no fault.
type soakFault struct {
	name string
	want func(authcert.Status) soakOutcome // by the organization's state; nil: that state

	hangs                        bool // the deadline passes
	wrong, closed, lacks, silent bool // password; port; Entra ID has not the certificate; standard input
	signal                       bool // arrives at the step

	step   wsmantest.Step // of a Windows host
	with   wsmantest.Interference
	once   bool
	kdc    int32
	result *wsmantest.Result // of the collector

	request string // to a directory
	answer  directoryFault

	path    string // of a web site, or a file's name
	handler http.HandlerFunc
	peer    func(net.Conn) // on port 444
	spoil   func(string) string
}

// soakOutcome is a verdict, or the failure instead of one: its reason, else its
// message.
type soakOutcome struct {
	status  authcert.Status
	failure string
}

func fails(failure string) func(authcert.Status) soakOutcome {
	return func(authcert.Status) soakOutcome { return soakOutcome{authcert.Unknown, failure} }
}

// finds is a fault that is a finding itself, beside those of the state.
func finds(status authcert.Status) func(authcert.Status) soakOutcome {
	return func(state authcert.Status) soakOutcome { return soakOutcome{status: authcert.Worst(state, status)} }
}

// only is a fault that hides the state.
func only(status authcert.Status) func(authcert.Status) soakOutcome {
	return func(authcert.Status) soakOutcome { return soakOutcome{status: status} }
}

// within is the deadline of the run, which leaves it much more time than it
// needs. Where a host or its KDC hangs it passes when that point is reached;
// otherwise it is short: nothing is left behind wherever it comes.
func (f soakFault) within() time.Duration {
	if f.hangs && f.step == "" && f.kdc == 0 {
		return 100 * time.Millisecond
	}
	return time.Minute
}

func (f soakFault) times() int {
	if f.once {
		return 1
	}
	return math.MaxInt
}

func (f soakFault) spoilt(text string) string {
	if f.spoil == nil {
		return text
	}
	return f.spoil(text)
}

// soakWay is a way to the facts, and what may go wrong on it.
type soakWay struct {
	name   string
	source func(*soakWorker, *organization, soakFault) plugin.Source
	faults []soakFault
	judged map[authcert.Status]authcert.Status // where the way shows less than the state
}

// soapFault is a WS-Management fault.
func soapFault(code uint32, subcode string) wsmantest.Interference {
	return wsmantest.Interference{Fault: &wsmantest.Fault{Code: code, Subcode: subcode, Reason: "Zugriff verweigert"}}
}

func httpStatus(code int) wsmantest.Interference {
	return wsmantest.Interference{Status: code, ContentType: "text/html", Body: []byte("<html>")}
}

func firstHalf(data []byte) []byte { return data[:len(data)/2] }
func halfText(text string) string  { return text[:len(text)/2] }

// hostFaults go wrong on any Windows host.
var hostFaults = []soakFault{
	{name: "nobody listens", closed: true, want: fails("unreachable")},
	{name: "connection dropped", step: wsmantest.StepAccept, with: wsmantest.Interference{Drop: true}, want: fails("unreachable")},
	{name: "silent connection", step: wsmantest.StepAccept, with: wsmantest.Interference{Hang: true}, hangs: true, want: fails("timeout")},
	{name: "silent logon", step: wsmantest.StepLogon, with: wsmantest.Interference{Hang: true}, hangs: true, want: fails("timeout")},
	{name: "silent at Create", step: wsmantest.StepCreate, with: wsmantest.Interference{Hang: true}, hangs: true, want: fails("timeout")},
	{name: "silent at Command", step: wsmantest.StepCommand, with: wsmantest.Interference{Hang: true}, hangs: true, want: fails("timeout")},
	{name: "silent at Receive", step: wsmantest.StepReceive, with: wsmantest.Interference{Hang: true}, hangs: true, want: fails("timeout")},
	{name: "wrong password", wrong: true, want: fails("access-denied")},
	{name: "no right", step: wsmantest.StepCreate, with: soapFault(wsman.CodeAccessDenied, "w:AccessDenied"), want: fails("access-denied")},
	{name: "quota", step: wsmantest.StepCreate, with: soapFault(wsman.CodeMaxShellsPerUser, "w:QuotaLimit"), want: fails("throttled")},
	{name: "HTTP 404", step: wsmantest.StepCreate, with: httpStatus(404), want: fails("not-found")},
	{name: "HTTP 429", step: wsmantest.StepCreate, with: httpStatus(429), want: fails("throttled")},
	{name: "HTTP 500", step: wsmantest.StepCreate, with: httpStatus(500), want: fails("unreadable")},
	{name: "HTTP 503", step: wsmantest.StepCreate, with: httpStatus(503), want: fails("unreachable")},
	{name: "garbage", step: wsmantest.StepCreate, with: httpStatus(200), want: fails("malformed")},
	{name: "truncated", step: wsmantest.StepReceive, with: wsmantest.Interference{Mangle: firstHalf}, want: fails("malformed")},
	{name: "a signal", step: wsmantest.StepReceive, with: wsmantest.Interference{Hang: true}, once: true, signal: true, want: fails("interrupted by a signal")},
}

var kerberosFaults = []soakFault{
	{name: "silent KDC", kdc: wsmantest.Hang, hangs: true, want: fails("timeout")},
	{name: "locked account", kdc: 18, want: fails("access-denied")},
}

var shellFaults = []soakFault{
	{name: "no collector", result: &wsmantest.Result{Stdout: []byte("Access restricted by policy")}, want: fails("malformed")},
	{name: "constrained language", result: &wsmantest.Result{Stdout: []byte("check_exchange_authcert refused: PowerShell 5.1.17763.1, ConstrainedLanguage")}, want: fails("unsupported")},
	{name: "no PowerShell", step: wsmantest.StepCommand, with: soapFault(wsman.CodeFileNotFound, "w:InternalError"), want: fails("not-found")},
	{name: "connection lost", step: wsmantest.StepReceive, with: wsmantest.Interference{Drop: true}, once: true, want: fails("unreachable")},
}

var siteFaults = []soakFault{
	{name: "silent", handler: waits(""), hangs: true},
	{name: "half an answer", handler: waits(`{"value":[`), hangs: true},
	{name: "reset", handler: resets},
	{name: "garbage", handler: answers(200, "<html>")},
	{name: "HTTP 404", handler: answers(404, "")},
}

var soakWays = []soakWay{
	{name: "exchange", source: func(w *soakWorker, _ *organization, f soakFault) plugin.Source { return w.remoting(f) },
		faults: slices.Concat(hostFaults, kerberosFaults, []soakFault{
			{name: "connection lost once", step: wsmantest.StepCommand, with: wsmantest.Interference{Drop: true}, once: true},
		})},
	{name: "winrm with NTLM", source: func(w *soakWorker, _ *organization, f soakFault) plugin.Source { return w.winrm(wsman.AuthNTLM, f) },
		faults: slices.Concat(hostFaults, shellFaults)},
	{name: "winrm with Kerberos", source: func(w *soakWorker, _ *organization, f soakFault) plugin.Source { return w.winrm(wsman.AuthKerberos, f) },
		faults: slices.Concat(hostFaults, kerberosFaults, shellFaults)},
	{name: "local", source: (*soakWorker).local, faults: []soakFault{
		{name: "silent", path: "receive-hang", hangs: true, want: fails("timeout")},
		{name: "a byte a second", path: "receive-drip", hangs: true, want: fails("timeout")},
		{name: "without end", path: "receive-without end", want: fails("malformed")},
		{name: "ends at once", path: "send-reset", want: fails("malformed")},
		{name: "truncated", spoil: halfText, want: fails("malformed")},
		{name: "garbage", spoil: func(string) string { return "\x7fELF" }, want: fails("malformed")},
	}},
	{name: "exchange, then winrm", source: func(w *soakWorker, _ *organization, f soakFault) plugin.Source { return w.both(f) },
		faults: []soakFault{
			{name: "nobody listens first", closed: true},
			{name: "HTTP 503 first", step: wsmantest.StepCreate, with: httpStatus(503), once: true},
			{name: "truncated first", step: wsmantest.StepReceive, with: wsmantest.Interference{Mangle: firstHalf}, once: true},
			{name: "no right first", step: wsmantest.StepCreate, with: soapFault(wsman.CodeAccessDenied, "w:AccessDenied"), once: true, want: fails("access-denied")},
			{name: "HTTP 503", step: wsmantest.StepCreate, with: httpStatus(503), want: fails("unreachable")},
			{name: "silent", step: wsmantest.StepCreate, with: wsmantest.Interference{Hang: true}, hangs: true, want: fails("timeout")},
			{name: "a signal", step: wsmantest.StepCreate, with: wsmantest.Interference{Hang: true}, once: true, signal: true, want: fails("interrupted by a signal")},
		}},
	{name: "published", source: func(w *soakWorker, _ *organization, _ soakFault) plugin.Source {
		return Published{Hosts: w.publishers, Now: soakTime}
	}, faults: append(expecting(siteFaults, only(authcert.Unknown)), soakFault{name: "HTTP 500", handler: answers(500, ""), want: only(authcert.Critical)})},
	{name: "ldap", source: (*soakWorker).directory, judged: map[authcert.Status]authcert.Status{authcert.OK: authcert.Unknown}, faults: []soakFault{
		{name: "silent", request: "connect", answer: directoryFault{hang: true}, hangs: true, want: fails("timeout")},
		{name: "silent at the bind", request: "bind", answer: directoryFault{hang: true}, hangs: true, want: fails("timeout")},
		{name: "silent at the search", request: "search", answer: directoryFault{hang: true}, hangs: true, want: fails("timeout")},
		{name: "closes at the search", request: "search", answer: directoryFault{drop: true}, want: fails("unreachable")},
		{name: "no TLS", request: "connect", answer: directoryFault{send: []byte("HTTP/1.1 400 Bad Request\r\n\r\n")}, want: fails("malformed")},
		{name: "garbage", request: "search", answer: directoryFault{send: []byte{0x30, 0x03, 0x02, 0x01, 0x01}}, want: fails("malformed")},
		{name: "wrong password", wrong: true, want: fails("access-denied")},
		{name: "busy", request: "search", answer: directoryFault{code: 51}, want: fails("throttled")},
	}},
	{name: "tls", source: (*soakWorker).tls, faults: []soakFault{
		{name: "silent", peer: reads, hangs: true},
		{name: "no TLS", peer: func(c net.Conn) { _, _ = c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")); reads(c) }},
		{name: "hangs up", peer: hangsUp, want: finds(authcert.Critical)},
		{name: "resets", peer: resetsTLS, want: finds(authcert.Critical)},
	}},
	{name: "graph", source: (*soakWorker).graph, faults: slices.Concat(
		expecting(under("login.", siteFaults), finds(authcert.Unknown)), expecting(under("graph.", siteFaults), finds(authcert.Unknown)), []soakFault{
			{name: "wrong secret", wrong: true, want: finds(authcert.Unknown)},
			{name: "busy", path: "graph.", handler: answers(503, ""), hangs: true, want: finds(authcert.Unknown)},
			{name: "lacks the certificate", lacks: true, want: finds(authcert.Critical)},
		})},
	{name: "snapshot", source: (*soakWorker).file, faults: []soakFault{
		{name: "truncated", spoil: halfText, want: fails("malformed")},
		{name: "garbage", spoil: func(string) string { return "\x7fELF" }, want: fails("malformed")},
		{name: "missing", spoil: func(string) string { return "" }, want: fails("not-found")},
		{name: "silent", silent: true, hangs: true, want: fails("timeout")},
	}},
	{name: "export", source: (*soakWorker).export, faults: []soakFault{
		{name: "AuthConfig truncated", path: "AuthConfig", spoil: halfText, want: only(authcert.Unknown)},
		{name: "a server's certificates truncated", path: "ExchangeCertificate-ex01", spoil: halfText, want: finds(authcert.Unknown)},
	}},
}

func expecting(faults []soakFault, want func(authcert.Status) soakOutcome) (all []soakFault) {
	for _, f := range faults {
		f.want = want
		all = append(all, f)
	}
	return all
}

func under(path string, faults []soakFault) (all []soakFault) {
	for _, f := range faults {
		f.name, f.path = f.name+" at "+path, path
		all = append(all, f)
	}
	return all
}

// snapshotText is an organization as --save writes it.
func snapshotText(t *testing.T, o *organization) string {
	t.Helper()
	data, err := json.Marshal(o.snapshot())
	if err != nil {
		t.Error(err)
	}
	return string(data)
}
