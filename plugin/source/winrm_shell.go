package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/masterzen/winrm"
	"github.com/masterzen/winrm/soap"

	"check_exchange_authcert/plugin/wsman"
)

// cleanUp is how long after the context's end the command may be terminated
// and the shell deleted.
const cleanUp = 800 * time.Millisecond

// idleTimeout is when Windows deletes a shell that nobody asks any more: what
// remains of a process that was killed.
const idleTimeout = "PT180S"

// operationTimeout is how long the host holds a question for output before it
// says that there is none yet.
const operationTimeout = "PT20S"

// remoteShell is one Windows Remote Shell with one command. masterzen/winrm
// (v0.0.0-20260407182533) drives its life; every message goes through Post, and
// answers are read there.
type remoteShell struct {
	ctx          context.Context
	conversation *wsman.Conversation
	step         string // what was being done, for errors

	shell   *winrm.Shell
	sent    chan struct{} // closed when the input is with the host, or has failed
	grace   context.Context
	release context.CancelFunc

	mutex          sync.Mutex // the library posts from a goroutine of its own
	unsent         error      // why the input did not get through
	panicked       bool       // something has in Post
	command        string     // its name
	stdout, stderr bytes.Buffer
	asked          int  // for output, in a row and in vain
	brought        int  // bytes of the answers to that
	ended          bool // the command has: it needs no signal
}

// run runs a command with one line of input and returns what it wrote.
func (r *remoteShell) run(line, input string) (stdout, stderr []byte, err error) {
	parameters := winrm.NewParameters(operationTimeout, "en-US", 153600)
	parameters.TransportDecorator = func() winrm.Transporter { return r }
	client, err := winrm.NewClientWithParameters(winrm.NewEndpoint("localhost", 5985, false, false, nil, nil, nil, 0), "", "", parameters)
	if err != nil {
		return nil, nil, err
	}
	r.step = "opening a shell"
	if r.shell, err = client.CreateShell(); err != nil {
		return nil, nil, err
	}
	r.step, r.sent = "starting the collector", make(chan struct{})
	command, err := r.shell.ExecuteWithContext(r.ctx, line)
	if err != nil {
		return nil, nil, err
	}
	r.step = "running the collector"
	_, _ = io.WriteString(command.Stdin, input) // what fails here is told in place of the output
	command.Wait()
	_ = command.Close() // terminates it, unless it has ended
	return r.stdout.Bytes(), r.stderr.Bytes(), command.Error()
}

// close deletes the shell. A panic in the library's goroutine, which would have
// ended the process there, goes on here.
func (r *remoteShell) close() {
	if r.shell != nil {
		_ = r.shell.Close() // Windows deletes it after idleTimeout otherwise
	}
	if r.release != nil {
		r.release()
	}
	if r.panicked {
		panic(errPanicked)
	}
}

var errPanicked = errors.New("internal error")

// Transport has nothing to prepare: the conversation is made by then.
func (*remoteShell) Transport(*winrm.Endpoint) error { return nil }

// patch corrects what the library fixes: input comes from a pipe and not from
// a console, no cmd.exe with its limit of 8191 characters stands in between,
// no profile is loaded, and an abandoned shell goes away.
var patch = strings.NewReplacer(
	`"WINRS_CONSOLEMODE_STDIN">TRUE`, `"WINRS_CONSOLEMODE_STDIN">FALSE`,
	`"WINRS_SKIP_CMD_SHELL">FALSE`, `"WINRS_SKIP_CMD_SHELL">TRUE`,
	`"WINRS_NOPROFILE">FALSE`, `"WINRS_NOPROFILE">TRUE`,
	`<rsp:InputStreams>`, `<rsp:IdleTimeOut>`+idleTimeout+`</rsp:IdleTimeOut><rsp:InputStreams>`,
)

// Post sends one message of the library. The input goes out in one message with
// its end, before output is asked for: some hosts answer one question at a
// time. Where it did not get through, the collector would wait for it. What
// panics in it waits for close: the library has goroutines of its own.
func (r *remoteShell) Post(_ *winrm.Client, message *soap.SoapMessage) (answer string, err error) {
	var doing string
	defer func() {
		if recover() != nil {
			answer, err = "", errPanicked
		}
		r.note(doing, err)
	}()
	text := patch.Replace(message.String())
	doing = action(text)
	ctx := r.ctx
	switch doing {
	case "Send":
		text = strings.Replace(text, `Name="stdin"`, `Name="stdin" End="true"`, 1)
	case "Receive":
		select {
		case <-r.sent:
		case <-ctx.Done():
		}
		if err := r.failure(); err != nil {
			return "", err
		}
	case "Signal":
		if r.hasEnded() {
			return "", nil
		}
		ctx = r.graceful()
	case "Delete":
		ctx = r.graceful()
	}
	whole, err := r.conversation.Do(ctx, []byte(text))
	if err != nil {
		return "", err
	}
	return r.read(doing, whole)
}

// note remembers how a message of the library has ended.
func (r *remoteShell) note(doing string, err error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	panicked := errors.Is(err, errPanicked)
	r.panicked = r.panicked || panicked
	if doing != "Send" {
		return
	}
	if panicked || unusable(err) { // a fault says no more than that the command may have ended: its output says why
		r.unsent = err
	}
	close(r.sent)
}

// brief is all that the library is given of an answer: it parses with goxpath
// (v0.0.0-20210404), whose time and memory grow with the square of what a host
// adds: 3,000 names cost it 280 MiB and more than the time that there was.
const brief = `<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://schemas.xmlsoap.org/ws/2004/08/addressing"` +
	` xmlns:rsp="http://schemas.microsoft.com/wbem/wsman/1/windows/shell"><s:Header><a:Action>%s</a:Action></s:Header><s:Body>%s</s:Body></s:Envelope>`

// read takes what is needed out of an answer and writes a brief one.
func (r *remoteShell) read(doing string, answer []byte) (string, error) {
	switch doing {
	case "Create":
		shell, err := createdShell(answer)
		return fmt.Sprintf(brief, transferActions+"CreateResponse", "<rsp:ShellId>"+xmlText(shell)+"</rsp:ShellId>"), err
	case "Command":
		command, err := startedCommand(answer)
		r.mutex.Lock()
		defer r.mutex.Unlock()
		r.command = command
		return fmt.Sprintf(brief, shellActions+"CommandResponse", "<rsp:CommandId>"+xmlText(command)+"</rsp:CommandId>"), err
	case "Receive":
		return r.receive(answer)
	}
	return "", nil
}

// maxReceived is the largest sum of the answers that bring the collector's
// output, in bytes: base64 of 15 MiB.
const maxReceived = 20 << 20

// receive keeps the output in an answer: for the library it has only the
// command's state.
func (r *remoteShell) receive(answer []byte) (string, error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.brought += len(answer); r.brought > maxReceived {
		return "", fmt.Errorf("more than %d MiB with output", maxReceived>>20)
	}
	got, err := parseReceived(answer, r.command)
	if err != nil {
		return "", err
	}
	if r.asked++; len(got.stdout)+len(got.stderr) > 0 {
		r.asked = 0
	}
	if r.asked > maxIdle {
		return "", fmt.Errorf("%d answers in a row without anything in them", r.asked)
	}
	for _, piece := range got.stdout {
		r.stdout.Write(piece)
	}
	for _, piece := range got.stderr {
		r.stderr.Write(piece)
	}
	state := ""
	if got.done {
		r.ended, state = true, `<rsp:CommandState State="`+shellActions+`CommandState/Done"/>`
	}
	return fmt.Sprintf(brief, shellActions+"ReceiveResponse", state), nil
}

// failure is why the input did not get through.
func (r *remoteShell) failure() error {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.unsent
}

func (r *remoteShell) hasEnded() bool {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.ended
}

// graceful is the context for cleaning up, which all of the clean-up shares.
func (r *remoteShell) graceful() context.Context {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.grace == nil {
		r.grace, r.release = withGrace(r.ctx)
	}
	return r.grace
}

// withGrace is a context for cleaning up: it lasts as long as ctx does, and then for cleanUp.
func withGrace(ctx context.Context) (context.Context, context.CancelFunc) {
	grace, release := context.WithCancel(context.WithoutCancel(ctx))
	context.AfterFunc(ctx, func() { time.AfterFunc(cleanUp, release) })
	return grace, release
}

// action takes the last part of the message's wsa:Action.
func action(text string) string {
	_, rest, _ := strings.Cut(text, "Action")
	rest, _, _ = strings.Cut(rest, "</")
	return rest[strings.LastIndexByte(rest, '/')+1:]
}
