package source_test

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"unicode/utf16"

	"check_exchange_authcert/plugin"
	"check_exchange_authcert/plugin/authcert"
	"check_exchange_authcert/plugin/wsman"
	"check_exchange_authcert/plugin/wsman/wsmantest"
)

// conversation is a way over WS-Management: the collector in a shell, or Exchange's endpoint.
type conversation struct {
	remoting bool
	tls      bool
	auth     wsman.Auth
	kdc      bool // which the faults are those of
}

// conversations are all of them. Exchange's endpoint has no NTLM.
func conversations() (rows []*origin) {
	for _, c := range []conversation{
		{true, false, wsman.AuthKerberos, false}, {true, true, wsman.AuthKerberos, false}, {true, false, wsman.AuthKerberos, true},
		{false, false, wsman.AuthNTLM, false}, {false, false, wsman.AuthKerberos, false}, {false, true, wsman.AuthNTLM, false}, {false, true, wsman.AuthKerberos, false}, {false, false, wsman.AuthKerberos, true},
	} {
		name := fmt.Sprintf("%s %s %s", map[bool]string{true: "Exchange remoting", false: "WinRM"}[c.remoting], map[bool]string{true: "https", false: "http"}[c.tls],
			map[wsman.Auth]string{wsman.AuthNTLM: "NTLM", wsman.AuthKerberos: "Kerberos"}[c.auth])
		if c.kdc {
			name += ", its KDC"
		}
		rows = append(rows, &origin{name: name, can: c.can, want: c.want, start: c.start})
	}
	return rows
}

// step is what the host is about to answer when the fault happens. NTLM has said all it has to say with its challenge:
// what follows is no logon's answer any more.
func (c conversation) step(at stage, f fault) wsmantest.Step {
	if at == authenticate && c.auth == wsman.AuthNTLM && !isStatus(f) {
		return wsmantest.StepNegotiate
	}
	return steps[at]
}

var steps = map[stage]wsmantest.Step{
	authenticate: wsmantest.StepLogon, create: wsmantest.StepCreate, command: wsmantest.StepCommand, send: wsmantest.StepSend, receive: wsmantest.StepReceive,
}

var statuses = []fault{http302, http400, http401, http403, http404, http429, http500, http503}

// onWire are the faults that need no knowledge of what is said.
var onWire = []fault{reset, hang, drip, truncated, garbled}

// inMessages are those of an answer that arrives as it was sent.
var inMessages = append([]fault{oversized, wrongType, wrongEncoding, empty}, statuses...)

func (c conversation) can(s stage) []fault {
	if c.kdc && s != authenticate {
		return nil // as without
	}
	switch s {
	case authenticate:
		if c.kdc {
			return slices.Concat(connectFaults, onWire, []fault{oversized})
		}
		return slices.Concat([]fault{denied}, onWire, inMessages)
	case resolve:
		return nameFaults
	case connect:
		return connectFaults
	case handshake:
		if c.tls {
			return tlsFaults
		}
		return nil // the first bytes are those of the logon
	case parse:
		return []fault{truncated, oversized, garbled, wrongType, wrongEncoding, empty, endless}
	}
	return slices.Concat(onWire, inMessages, []fault{crowded})
}

// start runs the host behind a wire.
func (c conversation) start(t *testing.T, at stage, f fault) subject {
	var w *wire
	var commands, struck atomic.Bool // one has been started, the fault has happened
	o := wsmantest.Options{TLS: c.tls, Interfere: func(step wsmantest.Step, _ int) *wsmantest.Interference {
		commands.Store(commands.Load() || step == wsmantest.StepCommand)
		if f == noFault || c.kdc || step != c.step(at, f) || (at == receive && !commands.Load()) {
			return nil // before that Exchange says that the session has opened
		}
		i := c.spoiled(at, f)
		if i == nil && f != denied {
			w.strike()
		}
		struck.Store(true)
		return i
	}}
	peer, config, src := c.peer(t, at, f, o)
	address, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(peer.URL(""), "http://"), "https://"), "/")
	w = startWire(t, address, f)
	config.URL = w.through(t, config.URL)
	switch at {
	case resolve:
		config.URL = strings.Replace(config.URL, "localhost", unresolved[f], 1)
	case connect:
		config.URL = strings.Replace(config.URL, w.address()[len("127.0.0.1"):], portOf(t, f), 1)
	case handshake:
		w.certificate = badCertificate(t, f, peer.ServerName())
		w.strike()
	}
	if c.kdc && f != noFault {
		config.Kerberos.KDCs = []string{kdcBehind(t, config.Kerberos.KDCs[0], f)}
	}
	if c.tls {
		config.TLS.CAFile = trusting(t, config.TLS.CAFile)
	}
	if f == denied {
		config.Password = wsman.NewSecret("Geheim of another")
	}
	happened := func() bool { return c.kdc || c.step(at, f) == "" || f == denied || f == noFault || struck.Load() }
	return subject{src(), happened, func() string {
		if s := peer.Stats(); s.OpenShells+s.RunningCommands > 0 && !c.lost(at, f) {
			return fmt.Sprintf("%d shells, %d commands", s.OpenShells, s.RunningCommands)
		}
		return ""
	}}
}

// kdcBehind is the address of a KDC whose first answer suffers a fault.
func kdcBehind(t *testing.T, kdc string, f fault) string {
	if f == refused {
		return "127.0.0.1" + portOf(t, f)
	}
	w := startWire(t, kdc, f)
	w.flood = []byte{0x7f, 0xff, 0xff, 0xff}
	w.strike()
	return w.address()
}

// lost tells whether a shell has to stay until its idle timeout: nobody could learn its name, which for a session with
// Exchange the client gives, or the host refuses the account by now.
func (c conversation) lost(at stage, f fault) bool {
	return (!c.remoting && at == create && !isStatus(f)) || f == http401
}

// peer is the host, its configuration, and how the source is made of it in the end.
func (c conversation) peer(t *testing.T, at stage, f fault, o wsmantest.Options) (*wsmantest.Host, *wsman.Config, func() plugin.Source) {
	if !c.remoting {
		o.Run = func(c wsmantest.Command) wsmantest.Result {
			nonce := nonceIn(c.Stdin)
			if at == parse && f != noFault {
				return wsmantest.Result{Stdout: spoiledAnswer(t, f, nonce, "winrm")}
			}
			return wsmantest.Result{Stdout: answer(t, nonce, soundFacts("winrm"))}
		}
		o.Chunk = 256 << 10
		peer, src := host(t, c.auth, o)
		return peer, &src.Shell, func() plugin.Source { return src }
	}
	e := &exchange{answer: soundCmdlets()}
	result := e.answer["Get-AuthConfig"]
	switch {
	case at == parse && f != noFault:
		result = spoiledObjects(f)
	case at == send: // Exchange sends nothing that wants an answer of its own accord, but a cmdlet may ask its host
		result.Others = []wsmantest.RemotingMessage{{Type: 0x00041100, CLIXML: `<Obj RefId="0"><MS><I64 N="ci">1</I64><Obj N="mi" RefId="1"><ToString>ReadLine</ToString><I32>11</I32></Obj></MS></Obj>`}}
	}
	e.answer["Get-AuthConfig"] = result
	if at == parse && f != noFault {
		e.answer["Get-ExchangeServer"] = wsmantest.CmdletResult{}
	}
	peer, src := endpoint(t, e, o)
	src.Now = faultsNow
	return peer, &src.Endpoint, func() plugin.Source { return src }
}

func isStatus(f fault) bool { return strings.HasPrefix(string(f), "HTTP ") }

// spoiled is how the host answers with a fault of its own, nil for one of the wire.
func (c conversation) spoiled(at stage, f fault) *wsmantest.Interference {
	switch {
	case at == authenticate && f == wrongEncoding:
		return &wsmantest.Interference{Status: http.StatusUnauthorized, Header: http.Header{"Www-Authenticate": {"Negotiate %%%%", "Kerberos %%%%"}}}
	case at == authenticate && f == empty:
		return &wsmantest.Interference{Status: http.StatusOK}
	case isStatus(f):
		status, _ := strconv.Atoi(strings.TrimPrefix(string(f), "HTTP "))
		return &wsmantest.Interference{Status: status, ContentType: "text/html", Body: []byte("<html>said by nobody knows whom</html>"), Header: http.Header{"Location": {"https://elsewhere.contoso.com/x"}}}
	case f == oversized:
		return &wsmantest.Interference{Status: http.StatusOK, ContentType: "application/soap+xml", Body: flood[:20<<20]}
	case f == wrongType:
		return &wsmantest.Interference{Status: http.StatusOK, ContentType: "text/html", Body: []byte("<html>a portal</html>")}
	case f == wrongEncoding:
		return &wsmantest.Interference{Rewrite: utf16Text}
	case f == empty:
		return &wsmantest.Interference{Rewrite: emptied}
	case f == crowded:
		return &wsmantest.Interference{Rewrite: crowd("Body", strings.Repeat("<a/>", 200_000))}
	}
	return nil
}

// flood is more than any answer may have.
var flood = make([]byte, 64<<20)

// utf16Text writes a text in UTF-16 without saying so.
func utf16Text(text []byte) []byte {
	var b bytes.Buffer
	for _, unit := range utf16.Encode([]rune(string(text))) {
		b.Write([]byte{byte(unit), byte(unit >> 8)})
	}
	return b.Bytes()
}

// emptied takes the content out of an envelope's body.
func emptied(text []byte) []byte {
	begin, end := bytes.Index(text, []byte("<s:Body>")), bytes.Index(text, []byte("</s:Body>"))
	if begin < 0 || end < 0 || xml.Unmarshal(text, new(struct{})) != nil {
		panic("no envelope")
	}
	return append(bytes.Clone(text[:begin+len("<s:Body>")]), text[end:]...)
}

// reasons are what most faults are told as.
var reasons = map[fault]authcert.Reason{
	unknown: authcert.Unreachable, denied: authcert.AccessDenied, refused: authcert.Unreachable, reset: authcert.Unreachable, hang: authcert.Timeout, drip: authcert.Timeout,
	truncated: authcert.Unreachable, oversized: authcert.Malformed, garbled: authcert.Malformed, wrongType: authcert.Malformed, wrongEncoding: authcert.Malformed, empty: authcert.Malformed, endless: authcert.Malformed,
	http302: authcert.Unsupported, http400: authcert.Unreadable, http401: authcert.AccessDenied, http403: authcert.AccessDenied, http404: authcert.NotFound, http429: authcert.Throttled,
	http500: authcert.Unreadable, http503: authcert.Unreachable, alerted: authcert.Unreachable, expired: authcert.Unreachable, wrongName: authcert.Unreachable, unknownCA: authcert.Unreachable,
}

// want names the stage in the words of the way.
func (c conversation) want(s stage, f fault) statement {
	service, first := "WinRM", "opening a shell ("
	words := map[stage]string{command: "starting the collector (", send: "running the collector (", receive: "running the collector (", parse: "collector"}
	if c.remoting {
		service, first = "Exchange", "opening a session ("
		words = map[stage]string{command: authcert.StageAuthConfig, send: authcert.StageAuthConfig, receive: authcert.StageAuthConfig, parse: authcert.StageAuthConfig}
	}
	words[resolve], words[connect], words[handshake], words[authenticate], words[create] = "resolving the host (", "connecting to "+service+" (", "TLS with "+service+" (", "logging on to "+service+" (", first
	v := statement{authcert.Unknown, reasons[f], words[s]}
	switch {
	case s == resolve:
		v.reason = nameReason(f)
	case c.kdc, f == denied && c.auth == wsman.AuthKerberos:
		v.stage = "getting a Kerberos ticket ("
	case s == authenticate && c.auth == wsman.AuthKerberos && f == wrongEncoding: // a 401 it is
		v.reason = authcert.AccessDenied
	case s == authenticate && c.auth == wsman.AuthNTLM && (f == wrongType || f == empty): // it has not asked for one
		v.reason = authcert.Unsupported
	case f == http401 && !c.remoting, f == http401 && s == create:
		v.stage = words[authenticate]
	case f == crowded, f == empty && (s == send || (s == command && c.remoting)): // they are receipts, and all facts have come
		return statement{state: authcert.OK}
	case s == parse && f == truncated:
		v.reason = authcert.Malformed
	case s == parse && f == empty && c.remoting:
		v.reason = authcert.NotFound
	case s == parse && f == endless && !c.remoting:
		v.stage = words[receive]
	}
	return v
}
