package wsmantest

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

const (
	nsShell    = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell"
	nsTransfer = "http://schemas.xmlsoap.org/ws/2004/09/transfer"
)

// The faults of Windows that the host makes by itself.
var (
	faultTimeout     = Fault{Code: 2150858793, Subcode: "w:TimedOut", Reason: "The WS-Management service cannot complete the operation within the time specified in OperationTimeout."}
	faultNoShell     = Fault{Code: 2150858843, Subcode: "w:InvalidSelectors", Reason: "The request for the Windows Remote Shell failed because the shell was not found on the server."}
	faultUnsupported = Fault{Code: 2150858817, Subcode: "wsa:ActionNotSupported", Reason: "The action is not supported."}
)

// shell is a Windows Remote Shell, or a PowerShell session.
type shell struct {
	create   string  // the body of the Create request
	remote   *remote // nil for a Windows Remote Shell
	mu       sync.Mutex
	commands map[string]*command
}

func (s *shell) running() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.remote != nil {
		return s.remote.running()
	}
	n := 0
	for _, c := range s.commands {
		select {
		case <-c.finished:
		default:
			n++
		}
	}
	return n
}

func (s *shell) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.commands {
		c.terminate()
	}
}

// command runs until its function returns or it is terminated.
type command struct {
	stdin      *io.PipeReader
	input      chan []byte // to the pipe; closed at the end of input
	once       sync.Once
	terminated chan struct{}
	finished   chan struct{} // closed when result is there, or after terminate
	result     Result
}

func (c *command) terminate() {
	c.once.Do(func() { close(c.terminated) })
	<-c.finished
}

func (c *command) start(run func(Command) Result, q Command) {
	reader, writer := io.Pipe()
	q.Stdin, c.stdin = reader, reader
	go func() {
		defer writer.Close()
		for {
			select {
			case data, more := <-c.input:
				if !more {
					return
				}
				if _, err := writer.Write(data); err != nil {
					return
				}
			case <-c.finished: // whose input was not ended
				return
			}
		}
	}()
	done := make(chan Result, 1)
	go func() { done <- run(q) }()
	go func() {
		defer close(c.finished)
		select {
		case c.result = <-done:
		case <-c.terminated:
			c.result.ExitCode = 1
		}
		reader.CloseWithError(io.ErrClosedPipe)
	}()
}

// operate carries an operation out.
func (h *Host) operate(ctx context.Context, q *envelope) ([]byte, *Fault) {
	switch remote := q.Resource == exchangeResource; {
	case q.step() != StepCreate:
	case remote:
		return h.createRemote(q)
	default:
		return h.create(q), nil
	}
	id := q.shellID()
	h.mu.Lock()
	s := h.shells[id]
	h.mu.Unlock()
	if s == nil {
		return nil, &faultNoShell
	}
	switch {
	case s.remote != nil && q.Resource != exchangeResource:
		return nil, &faultNoResource
	case s.remote != nil && q.step() != StepDelete:
		return h.operateRemote(ctx, id, s, q)
	}
	switch q.step() {
	case StepCommand:
		return h.command(s, q), nil
	case StepDelete:
		h.mu.Lock()
		delete(h.shells, id)
		h.mu.Unlock()
		s.end()
		return q.answer(nsTransfer+"/DeleteResponse", ""), nil
	}
	s.mu.Lock()
	c := s.commands[q.commandID()]
	s.mu.Unlock()
	if c == nil {
		return nil, &faultNoShell
	}
	switch q.step() {
	case StepSend:
		return c.send(q)
	case StepSignal:
		c.terminate()
		return q.answer(nsShell+"/SignalResponse", "<rsp:SignalResponse/>"), nil
	case StepReceive:
		return c.receive(ctx, q, h.options.Chunk)
	}
	return nil, &faultUnsupported
}

func (h *Host) create(q *envelope) []byte {
	id := rand.Text()
	h.mu.Lock()
	h.shells[id] = &shell{create: q.Body.Inner, commands: map[string]*command{}}
	h.mu.Unlock()
	return q.answer(nsTransfer+"/CreateResponse", fmt.Sprintf("<rsp:Shell><rsp:ShellId>%s</rsp:ShellId></rsp:Shell>", id))
}

func (h *Host) command(s *shell, q *envelope) []byte {
	h.count(func(s *Stats) { s.Commands++ })
	options := map[string]string{}
	for _, o := range q.Options {
		options[o.Name] = o.Value
	}
	line := strings.Join(append([]string{q.Body.Command.Line}, q.Body.Command.Arguments...), " ")
	c := &command{input: make(chan []byte, 1024), terminated: make(chan struct{}), finished: make(chan struct{})}
	c.start(h.options.Run, Command{Line: strings.TrimSpace(line), Options: options, Shell: s.create})
	id := rand.Text()
	s.mu.Lock()
	s.commands[id] = c
	s.mu.Unlock()
	return q.answer(nsShell+"/CommandResponse", fmt.Sprintf("<rsp:CommandResponse><rsp:CommandId>%s</rsp:CommandId></rsp:CommandResponse>", id))
}

func (c *command) send(q *envelope) ([]byte, *Fault) {
	select {
	case <-c.finished:
		return nil, &Fault{Code: 2147942509, Subcode: "w:InternalError", Reason: "The pipe has been ended."}
	default:
	}
	for _, stream := range q.Body.Streams {
		data, err := base64.StdEncoding.DecodeString(stream.Data)
		if err != nil {
			return nil, &Fault{Code: 2150858853, Subcode: "w:EncodingLimit", Reason: "The stream is not base64."}
		}
		c.input <- data
		if strings.EqualFold(stream.End, "true") {
			close(c.input)
		}
	}
	return q.answer(nsShell+"/SendResponse", "<rsp:SendResponse/>"), nil
}

func (c *command) receive(ctx context.Context, q *envelope, chunk int) ([]byte, *Fault) {
	timer := time.NewTimer(q.wait())
	defer timer.Stop()
	select {
	case <-c.finished:
	case <-timer.C:
		return nil, &faultTimeout
	case <-ctx.Done():
		return nil, &faultTimeout
	}
	of := fmt.Sprintf(`CommandId="%s"`, q.commandID())
	var b bytes.Buffer
	for _, stream := range []struct {
		name string
		left *[]byte
	}{{"stdout", &c.result.Stdout}, {"stderr", &c.result.Stderr}} {
		piece := (*stream.left)[:min(chunk, len(*stream.left))]
		*stream.left = (*stream.left)[len(piece):]
		if len(piece) > 0 {
			fmt.Fprintf(&b, `<rsp:Stream Name="%s" %s>%s</rsp:Stream>`, stream.name, of, base64.StdEncoding.EncodeToString(piece))
		}
	}
	if len(c.result.Stdout)+len(c.result.Stderr) > 0 {
		fmt.Fprintf(&b, `<rsp:CommandState %s State="%s/CommandState/Running"/>`, of, nsShell)
	} else {
		fmt.Fprintf(&b, `<rsp:Stream Name="stdout" %s End="true"></rsp:Stream><rsp:Stream Name="stderr" %s End="true"></rsp:Stream>`, of, of)
		fmt.Fprintf(&b, `<rsp:CommandState %s State="%s/CommandState/Done"><rsp:ExitCode>%d</rsp:ExitCode></rsp:CommandState>`, of, nsShell, uint32(c.result.ExitCode))
	}
	return q.answer(nsShell+"/ReceiveResponse", "<rsp:ReceiveResponse>"+b.String()+"</rsp:ReceiveResponse>"), nil
}
