package wsmantest

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
	"time"
)

// Cmdlet is a command that a client of the PowerShell endpoint runs, with its named parameters.
type Cmdlet struct {
	Name       string
	Parameters map[string]string
}

// CmdletResult is what it leaves, as the CLIXML of single objects.
type CmdletResult struct {
	Output  []string
	Errors  []string          // error records that do not end it
	Failure string            // the one that does
	Others  []RemotingMessage // go before the output
	Hang    bool              // it ends only when it is terminated
	Endless bool              // what goes before the output goes on for ever
	Raw     []byte            // takes the place of everything else on the stream
	Gone    bool              // the shell is gone: Command is answered with a fault
}

// RemotingMessage is a message of any type (MS-PSRP 2.2.1).
type RemotingMessage struct {
	Type   uint32
	CLIXML string
}

// The types that the endpoint itself uses.
const (
	messageCapability    = 0x00010002
	messageInitPool      = 0x00010004
	messagePrivateData   = 0x00021009
	messagePoolState     = 0x00021005
	messageCreate        = 0x00021006
	messageOutput        = 0x00041004
	messageError         = 0x00041005
	messagePipelineState = 0x00041006
)

const (
	exchangeResource = "http://schemas.microsoft.com/powershell/Microsoft.Exchange"
	signalTerminate  = nsShell + "/signal/terminate"
)

// Pool is how the runspace pool of a PowerShell session ends up ([MS-PSRP] 2.2.3.4).
type Pool struct {
	State int    // 3 closed, 5 broken
	Error string // the error record's CLIXML, if there is one
}

var (
	faultNoResource = Fault{Code: 2150858811, Subcode: "wsa:DestinationUnreachable", Reason: "The resource URI was not found in the WS-Management catalog."}
	faultCreation   = Fault{Code: 2150858843, Subcode: "w:InvalidParameter", Reason: "creationXml or the OptionSet is wrong."}
)

// remote is a shell with a runspace pool in it.
type remote struct {
	pool     []byte // its GUID as it came
	sent     uint64
	stream   *remoteCommand // the pool's own
	commands map[string]*remoteCommand
}

type remoteCommand struct {
	output     []byte
	endless    []byte
	hang, done bool
}

func (r *remote) running() (n int) {
	for _, c := range r.commands {
		if !c.done {
			n++
		}
	}
	return n
}

// message appends a message from the server in fragments (MS-PSRP 2.2.4).
func (r *remote) message(out []byte, pipeline []byte, limit int, kind uint32, document string) []byte {
	var m bytes.Buffer
	binary.Write(&m, binary.LittleEndian, []uint32{1, kind})
	m.Write(r.pool)
	m.Write(append(bytes.Clone(pipeline), make([]byte, 16)...)[:16]) // none is all zero
	m.WriteString("\xEF\xBB\xBF" + document)
	r.sent++
	var b bytes.Buffer
	for number := uint64(0); m.Len() > 0; number++ {
		piece := m.Next(limit)
		flags := byte(0)
		if number == 0 {
			flags = 1
		}
		if m.Len() == 0 {
			flags |= 2
		}
		binary.Write(&b, binary.BigEndian, r.sent)
		binary.Write(&b, binary.BigEndian, number)
		b.WriteByte(flags)
		binary.Write(&b, binary.BigEndian, uint32(len(piece)))
		b.Write(piece)
	}
	return append(out, b.Bytes()...)
}

// clientMessages takes a client's fragments apart, which must be whole.
func clientMessages(text string) (kinds []uint32, messages [][]byte) {
	data, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	var message []byte
	for err == nil && len(data) >= 21 {
		size := int(binary.BigEndian.Uint32(data[17:]))
		if len(data) < 21+size {
			return nil, nil
		}
		message = append(message, data[21:21+size]...)
		if data[16]&2 != 0 {
			if len(message) < 40 || binary.LittleEndian.Uint32(message) != 2 {
				return nil, nil
			}
			kinds, messages = append(kinds, binary.LittleEndian.Uint32(message[4:])), append(messages, message)
			message = nil
		}
		data = data[21+size:]
	}
	return kinds, messages
}

func (h *Host) createRemote(q *envelope) ([]byte, *Fault) {
	version := ""
	for _, o := range q.Options {
		if o.Name == "protocolversion" && o.MustComply == "true" {
			version = o.Value
		}
	}
	kinds, messages := clientMessages(q.Body.Shell.CreationXML)
	if version != "2.3" || q.Body.Shell.IdleTimeout == "" || len(kinds) != 2 || kinds[0] != messageCapability || kinds[1] != messageInitPool {
		return nil, &faultCreation
	}
	r := &remote{pool: messages[0][8:24], commands: map[string]*remoteCommand{}}
	output := r.message(nil, nil, h.options.Fragment, messageCapability, `<Obj RefId="0"><MS><Version N="protocolversion">2.2</Version><Version N="PSVersion">2.0</Version><Version N="SerializationVersion">1.1.0.1</Version></MS></Obj>`)
	output = r.message(output, nil, h.options.Fragment, messagePrivateData, `<Obj RefId="0"><MS><Nil N="ApplicationPrivateData"/></MS></Obj>`)
	state := `<I32 N="RunspaceState">2</I32>`
	if pool := h.options.Pool; pool != nil {
		state = fmt.Sprintf(`<I32 N="RunspaceState">%d</I32>%s`, pool.State, asErrorRecord(pool.Error))
	}
	output = r.message(output, nil, h.options.Fragment, messagePoolState, `<Obj RefId="99"><MS>`+state+`</MS></Obj>`)
	r.stream = &remoteCommand{output: output, hang: true}
	id := q.Body.Shell.ID
	h.mu.Lock()
	h.shells[id] = &shell{create: q.Body.Inner, remote: r}
	h.mu.Unlock()
	return q.answer(nsTransfer+"/CreateResponse", fmt.Sprintf("<rsp:Shell><rsp:ShellId>%s</rsp:ShellId></rsp:Shell>", escaped(id))), nil
}

// operateRemote carries an operation on a PowerShell session out.
func (h *Host) operateRemote(ctx context.Context, id string, s *shell, q *envelope) ([]byte, *Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.remote
	command := r.commands[q.commandID()]
	switch q.step() {
	case StepCommand:
		return h.cmdlet(id, r, q)
	case StepReceive:
		if q.commandID() == "" {
			return h.receiveRemote(ctx, q, r.stream)
		}
		if command != nil {
			return h.receiveRemote(ctx, q, command)
		}
	case StepSend:
		if command != nil { // what is sent is an answer to a prompt, which no cmdlet here waits for
			return q.answer(nsShell+"/SendResponse", "<rsp:SendResponse/>"), nil
		}
	case StepSignal:
		if command != nil && q.Body.Signal.Code == signalTerminate {
			h.count(func(s *Stats) { s.Signals++ })
			command.done, command.hang = true, false
			return q.answer(nsShell+"/SignalResponse", "<rsp:SignalResponse/>"), nil
		}
	}
	return nil, &faultNoShell
}

func (h *Host) cmdlet(id string, r *remote, q *envelope) ([]byte, *Fault) {
	h.count(func(s *Stats) { s.Commands++ })
	kinds, messages := clientMessages(strings.Join(q.Body.Command.Arguments, ""))
	if len(kinds) != 1 || kinds[0] != messageCreate {
		return nil, &faultCreation
	}
	cmdlet, script := parseCmdlet(messages[0][40:])
	var result CmdletResult
	switch {
	case script:
		result.Failure = `<Obj RefId="0"><ToString>The syntax is not supported by this runspace: it is in no-language mode.</ToString></Obj>`
	case h.options.Cmdlet != nil:
		result = h.options.Cmdlet(cmdlet)
	}
	if result.Gone {
		h.mu.Lock()
		delete(h.shells, id)
		h.mu.Unlock()
		return nil, &faultNoShell
	}
	name := q.Body.Command.ID
	c := &remoteCommand{output: r.result(messages[0][24:40], h.options.Fragment, result), hang: result.Hang || result.Endless}
	if result.Endless {
		c.endless = c.output
	}
	r.commands[name] = c
	return q.answer(nsShell+"/CommandResponse", fmt.Sprintf("<rsp:CommandResponse><rsp:CommandId>%s</rsp:CommandId></rsp:CommandResponse>", escaped(name))), nil
}

// result is a command's whole stream.
func (r *remote) result(pipeline []byte, limit int, result CmdletResult) (out []byte) {
	if result.Raw != nil {
		return result.Raw
	}
	add := func(kind uint32, documents ...string) {
		for _, document := range documents {
			out = r.message(out, pipeline, limit, kind, document)
		}
	}
	for _, other := range result.Others {
		add(other.Type, other.CLIXML)
	}
	add(messageOutput, result.Output...)
	add(messageError, result.Errors...)
	switch {
	case result.Hang, result.Endless:
	case result.Failure != "":
		add(messagePipelineState, `<Obj RefId="99"><MS><I32 N="PipelineState">5</I32>`+asErrorRecord(result.Failure)+`</MS></Obj>`)
	default:
		add(messagePipelineState, `<Obj RefId="0"><MS><I32 N="PipelineState">4</I32></MS></Obj>`)
	}
	return out
}

func asErrorRecord(record string) string {
	return strings.Replace(record, "<Obj ", `<Obj N="ExceptionAsErrorRecord" `, 1)
}

// receiveRemote hands the next piece of a stream out, or waits as long as the client asks for.
func (h *Host) receiveRemote(ctx context.Context, q *envelope, c *remoteCommand) ([]byte, *Fault) {
	of := ""
	if id := q.commandID(); id != "" {
		of = fmt.Sprintf(` CommandId="%s"`, escaped(id))
	}
	if len(c.output) == 0 {
		c.output = c.endless
	}
	if len(c.output) == 0 && c.hang {
		timer := time.NewTimer(q.wait())
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		case <-h.closing.Done():
		}
		return nil, &faultTimeout
	}
	piece := c.output[:min(h.options.Chunk, len(c.output))]
	c.output = c.output[len(piece):]
	body := fmt.Sprintf(`<rsp:Stream Name="stdout"%s>%s</rsp:Stream>`, of, base64.StdEncoding.EncodeToString(piece))
	if of != "" && len(c.output) == 0 && !c.hang {
		c.done = true
		body += fmt.Sprintf(`<rsp:CommandState%s State="%s/CommandState/Done"/>`, of, nsShell)
	}
	return q.answer(nsShell+"/ReceiveResponse", "<rsp:ReceiveResponse>"+body+"</rsp:ReceiveResponse>"), nil
}
