package psrp

import (
	"errors"
	"fmt"

	"check_exchange_authcert/plugin/clixml"
)

const (
	// MaxStream is how much one pipeline may bring in all, in bytes.
	MaxStream = 20 << 20
	// MaxRecords is how many errors, and how many records of each other kind, are kept. The first ones are.
	MaxRecords = 100
	// MaxCreate is the longest CREATE_PIPELINE message, in bytes: it goes in one fragment.
	MaxCreate = MaxFragment
)

// ErrTooMuch is a command that brings more than MaxStream.
var ErrTooMuch = fmt.Errorf("a command that brings more than %d MiB", MaxStream>>20)

// PipelineState is a pipeline's state ([MS-PSRP] 2.2.3.5).
type PipelineState int

// The states that a server reports. The first one is the client's own.
const (
	PipelineNotStarted PipelineState = 0
	PipelineRunning    PipelineState = 1
	PipelineStopping   PipelineState = 2
	PipelineStopped    PipelineState = 3
	PipelineCompleted  PipelineState = 4
	PipelineFailed     PipelineState = 5
)

// Pipeline is one run of one or several commands. Its fields grow while Receive takes what arrives; nobody but Receive
// writes to them.
type Pipeline struct {
	Output   []*clixml.Object
	Errors   []ErrorRecord // those that did not end it
	Failure  *ErrorRecord  // the one that did
	Warnings []string
	// The streams that serve to follow a command's work.
	Verbose, Debug, Information, Progress []string

	pool     *Pool
	id       ID
	create   []byte
	inbound  Defragmenter
	output   clixml.Reader
	received int
	state    PipelineState
}

// NewPipeline prepares a pipeline of commands, each taking the output of the one before it.
func (p *Pool) NewPipeline(commands ...Command) (*Pipeline, error) {
	if len(commands) == 0 {
		return nil, errors.New("a pipeline without a command")
	}
	body, err := createPipeline(commands)
	if err != nil {
		return nil, err
	}
	if len(body)+messageHeader > MaxCreate {
		return nil, fmt.Errorf("commands and parameters of %d bytes; the limit is %d", len(body), MaxCreate-messageHeader)
	}
	pipeline := &Pipeline{pool: p, id: NewID()}
	pipeline.create = p.pack(Message{Type: CreatePipeline, Pipeline: pipeline.id, Data: body})
	return pipeline, nil
}

// ID names the pipeline; a WS-Management command must have the same name.
func (p *Pipeline) ID() ID { return p.id }

// Create returns the one fragment that starts the pipeline.
func (p *Pipeline) Create() []byte { return p.create }

// State is what the server last said of the pipeline.
func (p *Pipeline) State() PipelineState { return p.state }

// Done tells whether the pipeline has ended, in whatever way.
func (p *Pipeline) Done() bool { return p.state >= PipelineStopped && p.state <= PipelineFailed }

// Receive takes the next bytes of the pipeline's stream. What it returns, if anything, has to be sent back on the
// stream for answers to prompts. Errors mean that the other side breaks the protocol or a limit; they are final.
func (p *Pipeline) Receive(data []byte) (reply []byte, err error) {
	if p.received += len(data); p.received > MaxStream {
		return nil, ErrTooMuch
	}
	messages, err := p.inbound.Add(data)
	for _, b := range messages {
		answer, problem := p.take(b)
		if problem != nil {
			return reply, problem
		}
		reply = append(reply, answer...)
	}
	if err == nil && p.Done() && p.inbound.Pending() {
		err = errors.New("a message that breaks off behind the command's end")
	}
	return reply, err
}

func (p *Pipeline) take(b []byte) (reply []byte, err error) {
	m, err := DecodeMessage(b)
	if err != nil {
		return nil, err
	}
	if m.Pipeline != p.id || m.Pool != p.pool.id {
		return nil, fmt.Errorf("a message for pipeline %s of pool %s, not for this one", m.Pipeline, m.Pool)
	}
	switch m.Type {
	case PipelineOutput:
		objects, err := p.output.Parse(m.Data)
		if err != nil {
			return nil, fmt.Errorf("an object of the output: %w", err)
		}
		p.Output = append(p.Output, objects...)
	case PipelineError:
		o, err := m.object()
		if err == nil && len(p.Errors) < MaxRecords {
			p.Errors = append(p.Errors, *newErrorRecord(o))
		}
		return nil, err
	case PipelineStateMessage:
		return nil, p.changed(m)
	case PipelineHostCall:
		return p.pool.refuse(m)
	default:
		return nil, p.note(m)
	}
	return nil, nil
}

func (p *Pipeline) changed(m Message) error {
	o, err := m.object()
	if err != nil {
		return err
	}
	n, ok := o.Property("PipelineState").Int()
	if !ok {
		return errors.New("a pipeline's state without a number")
	}
	p.state = PipelineState(n)
	if record := o.Property("ExceptionAsErrorRecord"); !record.IsNil() {
		p.Failure = newErrorRecord(record)
	}
	return nil
}

// note keeps the words of a record for people. Messages of other types are skipped.
func (p *Pipeline) note(m Message) error {
	var stream *[]string
	property := "InformationalRecord_Message"
	switch m.Type {
	case WarningRecord:
		stream = &p.Warnings
	case VerboseRecord:
		stream = &p.Verbose
	case DebugRecord:
		stream = &p.Debug
	case InformationRecord:
		stream, property = &p.Information, "MessageData"
	case ProgressRecord:
		stream, property = &p.Progress, "Activity"
	}
	if stream == nil || len(*stream) >= MaxRecords {
		return nil
	}
	o, err := m.object()
	if err != nil {
		return err
	}
	text, ok := o.Property(property).Str()
	if !ok {
		text = o.Text
	}
	*stream = append(*stream, text)
	return nil
}
