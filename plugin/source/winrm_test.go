package source_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
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

const password = "Geheim-Horse-7"

// record is what the collector was called with.
type record struct {
	sync.Mutex
	texts []string
}

func (r *record) add(texts ...string) {
	r.Lock()
	defer r.Unlock()
	r.texts = append(r.texts, texts...)
}

// collector plays powershell.exe with the collector: it reads the parameters
// as the script does and answers with these facts.
func collector(t testing.TB, saw *record) func(wsmantest.Command) wsmantest.Result {
	return func(c wsmantest.Command) wsmantest.Result {
		line, err := io.ReadAll(c.Stdin)
		if err != nil {
			return wsmantest.Result{Stderr: []byte(err.Error()), ExitCode: 1}
		}
		text, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(line)))
		if err != nil {
			return wsmantest.Result{Stderr: []byte(err.Error()), ExitCode: 1}
		}
		saw.add(c.Line, string(text))
		_, nonce, _ := strings.Cut(string(text), "nonce=")
		nonce, _, _ = strings.Cut(nonce, "\n")
		return wsmantest.Result{Stdout: answer(t, nonce, facts("winrm")), Stderr: []byte("warning: ü")}
	}
}

// host starts a host and returns the source that asks it.
func host(t testing.TB, auth wsman.Auth, o wsmantest.Options) (*wsmantest.Host, source.WinRM) {
	t.Helper()
	realm := wsmantest.StartRealm(t, "CONTOSO.TEST")
	realm.AddUser("monitor", password)
	realm.AddService("HTTP/localhost")
	o.Domain, o.User, o.Password, o.Realm = "CONTOSO", "monitor", password, realm
	peer := wsmantest.Start(t, o)
	w := source.WinRM{
		Shell: wsman.Config{
			URL: peer.URL("/wsman"), Auth: auth, Username: map[wsman.Auth]string{wsman.AuthNTLM: `CONTOSO\monitor`, wsman.AuthKerberos: "monitor@CONTOSO.TEST"}[auth],
			Password: wsman.NewSecret(password), Kerberos: wsman.Kerberos{KDCs: []string{realm.KDC()}},
		},
		Exchange: source.Exchange{Account: source.NewCredentials(`CONTOSO\monitor`, "", password), Ports: []int{444}},
	}
	if o.TLS {
		w.Shell.TLS = wsman.TLS{CAFile: peer.CAFile(t), ServerName: peer.ServerName()}
	}
	return peer, w
}

func TestWinRM(t *testing.T) {
	for _, auth := range []wsman.Auth{wsman.AuthNTLM, wsman.AuthKerberos} {
		for _, tls := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s tls=%v", auth, tls), func(t *testing.T) {
				var saw record
				peer, w := host(t, auth, wsmantest.Options{TLS: tls, Run: collector(t, &saw)})
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				snap, err := w.Snapshot(ctx)
				if err != nil {
					t.Fatal(err)
				}
				want := []string{"ex01.contoso.com:a", "ex02.contoso.com:!unreachable", "ex03.contoso.com:c", "get-transportservice!throttled", "get-exchangecertificate!unreadable"}
				if diff := cmp.Diff(want, summary(snap)); diff != "" {
					t.Errorf("servers and problems (-want +got):\n%s", diff)
				}
				s := peer.Stats()
				if s.Requests > 7 || s.Logons != 1 || s.OpenShells != 0 || s.RunningCommands != 0 || s.ClearBodies != 0 {
					t.Errorf("%+v: want at most 7 requests, one logon, nothing left and nothing in clear", s)
				}
				if !strings.HasPrefix(saw.texts[0], `C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe -NoLogo -NoProfile -NonInteractive`) || strings.Contains(saw.texts[0], password) {
					t.Errorf("command line %.200q: want powershell.exe by its path and no password", saw.texts[0])
				}
				for _, want := range []string{"kind=winrm", `username=CONTOSO\monitor`, "password=" + password, "ports=444", "deadline=5"} {
					if !strings.Contains(saw.texts[1], want) {
						t.Errorf("parameters %q: want %q", strings.ReplaceAll(saw.texts[1], password, "…"), want)
					}
				}
			})
		}
	}
}

func TestWinRMFacts(t *testing.T) {
	var saw record
	_, w := host(t, wsman.AuthNTLM, wsmantest.Options{Run: collector(t, &saw)})
	snap, err := w.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := &authcert.Snapshot{
		Schema: 1, TakenAt: authcert.At(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)),
		Origin:     authcert.Origin{Kind: "winrm", Host: "ex01.contoso.com", Via: "exchange"},
		AuthConfig: &authcert.AuthConfig{CurrentCertificateThumbprint: first, ServiceName: "service"},
		Hybrid:     &authcert.Hybrid{Configured: new(true)},
		Servers: authcert.List[authcert.Server]{
			{FQDN: "ex01.contoso.com", Role: "mailbox", AdminDisplayVersion: "Version 15.2 (Build 2562.17)", InternalTransportCertificateThumbprint: second,
				Certificates: authcert.List[authcert.Certificate]{{RawData: []byte("a"), Services: authcert.Services{"IIS", "SMTP"}, HasPrivateKey: new(true), KeyProvider: "csp"}},
				Served:       authcert.List[authcert.Served]{{Port: 444, RawData: []byte("b")}}},
			{FQDN: "ex02.contoso.com", Error: &authcert.Problem{Reason: authcert.Unreachable, Message: "RPC"}},
			{FQDN: "ex03.contoso.com", Certificates: authcert.List[authcert.Certificate]{{RawData: []byte("c")}},
				Origin: &authcert.Origin{Kind: "winrm", Host: "ex01.contoso.com", Via: "store"}},
		},
		Errors: authcert.List[authcert.Problem]{
			{Stage: "get-transportservice", Reason: authcert.Throttled, Message: "budget"},
			{Stage: authcert.StageCertificate, Reason: authcert.Unreadable, Message: "signing (the certificates of ex03.contoso.com were read from its own store instead)"},
		},
	}
	if diff := cmp.Diff(want, snap); diff != "" {
		t.Errorf("snapshot (-want +got):\n%s", diff)
	}
}

// at interferes with one step, once.
func at(step wsmantest.Step, with wsmantest.Interference) func(wsmantest.Step, int) *wsmantest.Interference {
	return func(s wsmantest.Step, count int) *wsmantest.Interference {
		if s == step && count == 1 {
			return &with
		}
		return nil
	}
}

// TestWinRMProblems has the host, or what it runs, go wrong in every way that
// administrators meet.
func TestWinRMProblems(t *testing.T) {
	says := func(stdout, stderr string) func(wsmantest.Command) wsmantest.Result {
		return func(wsmantest.Command) wsmantest.Result {
			return wsmantest.Result{Stdout: []byte(stdout), Stderr: []byte(stderr), ExitCode: 1}
		}
	}
	for _, row := range []struct {
		name    string
		options wsmantest.Options
		change  func(*source.WinRM)
		reason  authcert.Reason
		stage   string
		words   string // in message or hint
	}{
		{"unknown host", wsmantest.Options{}, func(w *source.WinRM) { w.Shell.URL = "http://no-such-host.invalid:5985/wsman" }, authcert.Unreachable, "resolving the host", "no-such-host.invalid"},
		{"refused port", wsmantest.Options{}, func(w *source.WinRM) { w.Shell.URL = "http://localhost:1/wsman" }, authcert.Unreachable, "connecting to WinRM", "refused"},
		{"wrong name in the TLS certificate", wsmantest.Options{TLS: true}, func(w *source.WinRM) { w.Shell.TLS.ServerName = "ex01.contoso.com" }, authcert.Unreachable, "TLS with WinRM", "ex01.contoso.com"},
		{"self-signed TLS certificate", wsmantest.Options{TLS: true}, func(w *source.WinRM) { w.Shell.TLS.CAFile = "" }, authcert.Unreachable, "TLS with WinRM", "certificate"},
		{"wrong password", wsmantest.Options{}, func(w *source.WinRM) { w.Shell.Password = wsman.NewSecret("Geheim of another") }, authcert.AccessDenied, "logging on to WinRM", "password"},
		{"no rights to open a shell", wsmantest.Options{Interfere: at(wsmantest.StepCreate, wsmantest.Interference{Fault: &wsmantest.Fault{Code: wsman.CodeAccessDenied, Subcode: "w:AccessDenied", Reason: "Zugriff verweigert"}})}, nil, authcert.AccessDenied, "opening a shell", "winrm configSDDL"},
		{"too many shells", wsmantest.Options{Interfere: at(wsmantest.StepCreate, wsmantest.Interference{Fault: &wsmantest.Fault{Code: wsman.CodeMaxShellsPerUser, Subcode: "w:QuotaLimit", Reason: "quota"}})}, nil, authcert.Throttled, "opening a shell", "MaxShellsPerUser"},
		{"powershell.exe missing", wsmantest.Options{Interfere: at(wsmantest.StepCommand, wsmantest.Interference{Fault: &wsmantest.Fault{Code: wsman.CodeFileNotFound, Subcode: "w:InternalError", Reason: "not found"}})}, nil, authcert.NotFound, "starting the collector", "Windows PowerShell is not at"},
		{"connection lost", wsmantest.Options{Interfere: at(wsmantest.StepReceive, wsmantest.Interference{Drop: true})}, nil, authcert.Unreachable, "running the collector", ""},
		{"an answer in clear", wsmantest.Options{Interfere: at(wsmantest.StepCreate, wsmantest.Interference{Clear: true})}, nil, authcert.Malformed, "opening a shell", "clear"},
		{"Basic only", wsmantest.Options{Offer: []string{"Basic"}}, nil, authcert.Unsupported, "logging on to WinRM", "Basic"},
		{"no answer", wsmantest.Options{Run: says("Access restricted by policy", "")}, nil, authcert.Malformed, "collector", "no answer"},
		{"an error of PowerShell", wsmantest.Options{Run: says("", "#< CLIXML\r\n<Objs Version=\"1.1.0.1\" xmlns=\"http://schemas.microsoft.com/powershell/2004/04\"><S S=\"Error\">Der Ausdruck_x000D__x000A_</S></Objs>")}, nil, authcert.Malformed, "collector", "Der Ausdruck"},
		{"constrained language", wsmantest.Options{Run: says("check_exchange_authcert refused: PowerShell 5.1.17763.1, ConstrainedLanguage", "")}, nil, authcert.Unsupported, "collector", "ConstrainedLanguage"},
		{"another request's answer", wsmantest.Options{Run: says("-----BEGIN AUTHCERT 0123456789-----\r\n-----END AUTHCERT 0123456789-----", "")}, nil, authcert.Malformed, "collector", "another request"},
		{"parameters did not arrive", wsmantest.Options{Run: says("-----BEGIN AUTHCERT local-----\r\n-----END AUTHCERT local-----", "")}, nil, authcert.Malformed, "collector", "standard input"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var saw record
			if row.options.Run == nil {
				row.options.Run = collector(t, &saw)
			}
			peer, w := host(t, wsman.AuthNTLM, row.options)
			if row.change != nil {
				row.change(&w)
			}
			_, err := w.Snapshot(t.Context())
			var problem *authcert.Problem
			if !errors.As(err, &problem) {
				t.Fatalf("error %v, want a problem", err)
			}
			said := problem.Message + " " + problem.Hint
			if problem.Reason != row.reason || !strings.HasPrefix(problem.Stage, row.stage) || !strings.Contains(said, row.words) {
				t.Errorf("%s: %s: %s; want stage %q, reason %s and %q", problem.Stage, problem.Reason, said, row.stage, row.reason, row.words)
			}
			if strings.Contains(said, password) || strings.Contains(said, "\n") {
				t.Errorf("%q: a password, or more than one line", said)
			}
			lost := row.name == "an answer in clear" // nobody knows the name of the shell: its idle timeout has to do
			if s := peer.Stats(); (s.OpenShells != 0 && !lost) || s.RunningCommands != 0 || s.Logons+s.RefusedLogons > 2 || s.BasicCredentials != 0 {
				t.Errorf("%+v: want nothing left behind and no second attempt", s)
			}
		})
	}
}

// TestWinRMHangs has the host stop answering at every step: the deadline
// counts, and what was opened is closed once the host answers again.
func TestWinRMHangs(t *testing.T) {
	for _, step := range []wsmantest.Step{wsmantest.StepCreate, wsmantest.StepCommand, wsmantest.StepSend, wsmantest.StepReceive} {
		t.Run(string(step), func(t *testing.T) {
			var saw record
			hung := make(chan struct{})
			interfere := at(step, wsmantest.Interference{Hang: true})
			peer, w := host(t, wsman.AuthKerberos, wsmantest.Options{Run: collector(t, &saw), Interfere: func(s wsmantest.Step, count int) *wsmantest.Interference {
				i := interfere(s, count)
				if i != nil {
					close(hung)
				}
				return i
			}})
			ctx, cancel := context.WithCancelCause(t.Context())
			go func() { <-hung; cancel(context.DeadlineExceeded) }()
			_, err := w.Snapshot(ctx)
			var problem *authcert.Problem
			if !errors.As(err, &problem) || problem.Reason != authcert.Timeout {
				t.Errorf("error %v, want a timeout", err)
			}
			if s := peer.Stats(); step != wsmantest.StepCreate && (s.OpenShells != 0 || s.RunningCommands != 0) {
				t.Errorf("%+v: want no shell and no command left behind", s)
			}
		})
	}
}

func TestWinRMLeavesNothing(t *testing.T) {
	var saw record
	c := cutter{steps: []wsmantest.Step{wsmantest.StepCommand, wsmantest.StepSend, wsmantest.StepReceive}}
	peer, w := host(t, wsman.AuthNTLM, wsmantest.Options{Run: collector(t, &saw), Interfere: c.interfere})
	c.runs(t, w, func(int, wsmantest.Step) {})
	if s := peer.Stats(); s.OpenShells != 0 || s.RunningCommands != 0 {
		t.Errorf("%+v: want no shell and no command left behind", s)
	}
}

// BenchmarkWinRM is a whole check's conversation with a host in this process:
// logon, shell, command, input, output and clean-up.
func BenchmarkWinRM(b *testing.B) {
	for _, auth := range []wsman.Auth{wsman.AuthNTLM, wsman.AuthKerberos} {
		b.Run(string(auth), func(b *testing.B) {
			var saw record
			_, w := host(b, auth, wsmantest.Options{Run: collector(b, &saw)})
			for b.Loop() {
				if _, err := w.Snapshot(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
