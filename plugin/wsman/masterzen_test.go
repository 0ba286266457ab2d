package wsman_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/masterzen/winrm"
	"github.com/masterzen/winrm/soap"

	"check_exchange_authcert/plugin/wsman"
	"check_exchange_authcert/plugin/wsman/wsmantest"
)

const (
	testUser     = "monitor"
	testPassword = "Geheim-Horse-7"
	testDomain   = "CONTOSO"
	testRealm    = "CONTOSO.TEST"
)

// transport is how masterzen/winrm v0.0.0-20260407182533 can be driven through a Conversation. It patches what the
// library fixes, sends standard input in one message before it asks for output, and leaves out the signal for a command
// that has ended.
type transport struct {
	conversation *wsman.Conversation
	ctx          context.Context
	sent         chan struct{} // closed once the input is with the host; nil without input
	done         bool
}

func (*transport) Transport(*winrm.Endpoint) error { return nil }

func (t *transport) Post(_ *winrm.Client, message *soap.SoapMessage) (string, error) {
	text := strings.NewReplacer(
		`"WINRS_CONSOLEMODE_STDIN">TRUE`, `"WINRS_CONSOLEMODE_STDIN">FALSE`,
		`"WINRS_SKIP_CMD_SHELL">FALSE`, `"WINRS_SKIP_CMD_SHELL">TRUE`,
		`"WINRS_NOPROFILE">FALSE`, `"WINRS_NOPROFILE">TRUE`,
		`<rsp:InputStreams>`, `<rsp:IdleTimeOut>PT180S</rsp:IdleTimeOut><rsp:InputStreams>`,
	).Replace(message.String())
	ctx := t.ctx
	switch action(text) {
	case "Send":
		defer close(t.sent)
		text = strings.Replace(text, `Name="stdin"`, `Name="stdin" End="true"`, 1)
	case "Receive":
		if t.sent != nil {
			select {
			case <-t.sent:
			case <-ctx.Done():
			}
		}
	case "Signal", "Delete":
		if t.done && action(text) == "Signal" {
			return "", nil
		}
		grace, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		ctx = grace
	}
	answer, err := t.conversation.Do(ctx, []byte(text))
	if err == nil && bytes.Contains(answer, []byte("CommandState/Done")) {
		t.done = true
	}
	return string(answer), err
}

func action(text string) string {
	_, rest, _ := strings.Cut(text, "Action")
	rest, _, _ = strings.Cut(rest, "</")
	return rest[strings.LastIndexByte(rest, '/')+1:]
}

// run does what the library's RunWithContextWithInput does, with the input in one message.
func (t *transport) run(line, input string) (stdout, stderr string, code int, err error) {
	parameters := winrm.NewParameters("PT20S", "en-US", 153600)
	parameters.TransportDecorator = func() winrm.Transporter { return t }
	client, err := winrm.NewClientWithParameters(winrm.NewEndpoint("localhost", 5985, false, false, nil, nil, nil, 0), "", "", parameters)
	if err != nil {
		return "", "", 0, err
	}
	shell, err := client.CreateShell()
	if err != nil {
		return "", "", 0, err
	}
	defer shell.Close()
	if input != "" {
		t.sent = make(chan struct{})
	}
	command, err := shell.ExecuteWithContext(t.ctx, line)
	if err != nil {
		return "", "", 0, err
	}
	var out, errOut bytes.Buffer
	copied := make(chan struct{}, 2)
	go func() { io.Copy(&out, command.Stdout); copied <- struct{}{} }()
	go func() { io.Copy(&errOut, command.Stderr); copied <- struct{}{} }()
	if input != "" {
		io.WriteString(command.Stdin, input) // the library loses this error; the next Receive has it
	}
	command.Wait()
	<-copied
	<-copied
	command.Close()
	return out.String(), errOut.String(), command.ExitCode(), command.Error()
}

// echo plays a command that repeats its input and its command line.
func echo(c wsmantest.Command) wsmantest.Result {
	input, err := io.ReadAll(c.Stdin)
	if err != nil {
		return wsmantest.Result{Stderr: []byte(err.Error()), ExitCode: 99}
	}
	return wsmantest.Result{Stdout: append([]byte(c.Line+"|"), input...), Stderr: []byte("warning: ü"), ExitCode: 3}
}

// world is a host and a realm, and the configuration that leads there.
type world struct {
	host   *wsmantest.Host
	realm  *wsmantest.Realm
	config wsman.Config
}

func newWorld(t *testing.T, auth wsman.Auth, o wsmantest.Options) *world {
	t.Helper()
	w := &world{realm: wsmantest.StartRealm(t, testRealm)}
	w.realm.AddUser(testUser, testPassword)
	w.realm.AddService("HTTP/localhost")
	o.Domain, o.User, o.Password, o.Realm = testDomain, testUser, testPassword, w.realm
	if o.Run == nil {
		o.Run = echo
	}
	w.host = wsmantest.Start(t, o)
	w.config = wsman.Config{
		URL:      w.host.URL("/wsman"),
		Auth:     auth,
		Username: map[wsman.Auth]string{wsman.AuthKerberos: testUser + "@contoso.test", wsman.AuthNTLM: testDomain + `\` + testUser, wsman.AuthBasic: testUser}[auth],
		Password: wsman.NewSecret(testPassword),
		Kerberos: wsman.Kerberos{KDCs: []string{w.realm.KDC()}},
	}
	if o.TLS {
		w.config.TLS = wsman.TLS{CAFile: w.host.CAFile(t), ServerName: w.host.ServerName()}
	}
	return w
}

func (w *world) conversation(t *testing.T) *wsman.Conversation {
	t.Helper()
	c, err := wsman.New(w.config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestMasterzenRunsACommandWithInput(t *testing.T) {
	for _, auth := range []wsman.Auth{wsman.AuthNTLM, wsman.AuthKerberos} {
		for _, tls := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/tls=%v", auth, tls), func(t *testing.T) {
				var seen wsmantest.Command
				w := newWorld(t, auth, wsmantest.Options{TLS: tls, RequireBinding: true, Run: func(c wsmantest.Command) wsmantest.Result {
					seen = c
					return echo(c)
				}})
				tr := &transport{conversation: w.conversation(t), ctx: t.Context()}
				out, errOut, code, err := tr.run(`powershell.exe -File "a & b"`, "first line\nü\n")
				if err != nil {
					t.Fatal(err)
				}
				if want := "powershell.exe -File \"a & b\"|first line\nü\n"; out != want || errOut != "warning: ü" || code != 3 {
					t.Errorf("got %q, %q, %d, want %q, %q, 3", out, errOut, code, want, "warning: ü")
				}
				s := w.host.Stats()
				if s.Requests > 7 || s.Logons != 1 || s.Connections != 1 || s.ClearBodies != 0 || s.OpenShells != 0 || s.RunningCommands != 0 {
					t.Errorf("got %+v, want at most 7 requests, one logon and connection, nothing in clear or left behind", s)
				}
				if seen.Options["WINRS_CONSOLEMODE_STDIN"] != "FALSE" || seen.Options["WINRS_SKIP_CMD_SHELL"] != "TRUE" {
					t.Errorf("got the options %v", seen.Options)
				}
				if !strings.Contains(seen.Shell, "PT180S") {
					t.Errorf("got the shell %s, want an idle timeout", seen.Shell)
				}
			})
		}
	}
}

func TestMasterzenPollsOnOperationTimeout(t *testing.T) {
	w := newWorld(t, wsman.AuthNTLM, wsmantest.Options{Interfere: func(step wsmantest.Step, count int) *wsmantest.Interference {
		if step == wsmantest.StepReceive && count <= 3 {
			return &wsmantest.Interference{Fault: &wsmantest.Fault{Code: wsman.CodeOperationTimeout, Subcode: "w:TimedOut", Reason: "Zeit abgelaufen"}}
		}
		return nil
	}})
	tr := &transport{conversation: w.conversation(t), ctx: t.Context()}
	out, _, code, err := tr.run("hostname", "x")
	if err != nil || out != "hostname|x" || code != 3 {
		t.Errorf("got %q, %d, %v", out, code, err)
	}
}

func TestMasterzenSeesFaultsAndLongOutput(t *testing.T) {
	text := strings.Repeat("größer als ein Stück €𝄞 ", 4000)
	for _, chunk := range []int{1 << 10, 1<<10 + 1, 1<<15 - 1} {
		w := newWorld(t, wsman.AuthKerberos, wsmantest.Options{Chunk: chunk, Run: func(wsmantest.Command) wsmantest.Result {
			return wsmantest.Result{Stdout: []byte(text)}
		}})
		tr := &transport{conversation: w.conversation(t), ctx: t.Context()}
		out, _, _, err := tr.run("type", "")
		if err != nil || out != text {
			t.Errorf("pieces of %d: got %d bytes, %v, want %d", chunk, len(out), err, len(text))
		}
	}
	w := newWorld(t, wsman.AuthNTLM, wsmantest.Options{Interfere: func(step wsmantest.Step, _ int) *wsmantest.Interference {
		if step == wsmantest.StepReceive {
			return &wsmantest.Interference{Fault: &wsmantest.Fault{Code: wsman.CodeShellNotFound, Subcode: "w:InvalidSelectors", Reason: "gone, says OperationTimeout"}}
		}
		return nil
	}})
	tr := &transport{conversation: w.conversation(t), ctx: t.Context()}
	_, _, _, err := tr.run("hostname", "x")
	var fault *wsman.Fault
	if !errors.As(err, &fault) || fault.Code != wsman.CodeShellNotFound {
		t.Errorf("got %v, want the fault for a missing shell", err)
	}
}

// A host that stops answering at any step costs the deadline and no more, and no shell stays behind when it answers the
// clean-up.
func TestMasterzenCleansUpAfterTheDeadline(t *testing.T) {
	for _, auth := range []wsman.Auth{wsman.AuthNTLM, wsman.AuthKerberos} {
		t.Run(string(auth), func(t *testing.T) {
			hung := make(chan struct{})
			w := newWorld(t, auth, wsmantest.Options{Interfere: func(step wsmantest.Step, count int) *wsmantest.Interference {
				if step == wsmantest.StepReceive && count == 1 {
					close(hung)
					return &wsmantest.Interference{Hang: true}
				}
				return nil
			}})
			ctx, cancel := context.WithCancel(t.Context())
			go func() { <-hung; cancel() }()
			tr := &transport{conversation: w.conversation(t), ctx: ctx}
			_, _, _, err := tr.run("hostname", "x")
			if !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want the context's error", err)
			}
			s := w.host.Stats()
			if s.Logons != 2 || s.Connections != 2 || s.OpenShells != 0 || s.RunningCommands != 0 {
				t.Errorf("got %+v, want a second logon, and nothing left behind", s)
			}
			if auth == wsman.AuthKerberos && w.realm.Count("tgs") != 1 {
				t.Errorf("got %d requests for a service ticket, want 1", w.realm.Count("tgs"))
			}
		})
	}
}
