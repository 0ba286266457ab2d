package psrp

import (
	"fmt"
	"strconv"
	"strings"

	"check_exchange_authcert/plugin/clixml"
)

// ProtocolVersion is the protocol's version, for a transport that has to announce it.
const ProtocolVersion = "2.3"

// PoolState is a runspace pool's state ([MS-PSRP] 2.2.3.4).
type PoolState int

// The states that a server reports.
const (
	PoolOpening PoolState = 1
	PoolOpened  PoolState = 2
	PoolClosed  PoolState = 3
	PoolClosing PoolState = 4
	PoolBroken  PoolState = 5
)

// Pool is a runspace pool with one runspace, seen from the client. Its methods are for one goroutine at a time.
type Pool struct {
	id      ID
	sent    uint64 // messages, each an object with a number of its own
	inbound Defragmenter
	version string
	state   PoolState
	failure *ErrorRecord
}

// NewPool makes a pool that is not open yet.
func NewPool() *Pool { return &Pool{id: NewID(), state: PoolOpening} }

// ID names the pool; a transport may use it as the name of its shell.
func (p *Pool) ID() ID { return p.id }

// State is what the server last said of the pool: PoolOpening until then.
func (p *Pool) State() PoolState { return p.state }

// Failure is why the pool is broken or closed, if the server said so.
func (p *Pool) Failure() *ErrorRecord { return p.failure }

// Version is the protocol's version that the server speaks, "" until it has said so.
func (p *Pool) Version() string { return p.version }

// Open returns the fragments that open the pool, for a WS-Management shell's creationXml: SESSION_CAPABILITY and
// INIT_RUNSPACEPOOL.
func (p *Pool) Open() []byte {
	var w writer
	w.bag("", func() {
		w.version("protocolversion", ProtocolVersion)
		w.version("PSVersion", "2.0")
		w.version("SerializationVersion", "1.1.0.1")
	})
	out := p.pack(Message{Type: SessionCapability, Data: []byte(w.String())})
	w = writer{}
	w.bag("", func() {
		w.i32("MinRunspaces", 1)
		w.i32("MaxRunspaces", 1)
		w.enum("PSThreadOptions", "System.Management.Automation.Runspaces.PSThreadOptions", "Default", 0)
		w.enum("ApartmentState", "System.Threading.ApartmentState", "Unknown", 2)
		w.noHost()
		w.null("ApplicationArguments")
	})
	return append(out, p.pack(Message{Type: InitRunspacePool, Data: []byte(w.String())})...)
}

// noHost says that nobody is there to see prompts or to answer them.
func (w *writer) noHost() {
	w.bag("HostInfo", func() {
		w.boolean("_isHostNull", true)
		w.boolean("_isHostUINull", true)
		w.boolean("_isHostRawUINull", true)
		w.boolean("_useRunspaceHost", true)
	})
}

// pack numbers a message and cuts it into fragments.
func (p *Pool) pack(m Message) []byte {
	m.Pool = p.id
	p.sent++
	return fragments(nil, p.sent, m.encode(), MaxFragment)
}

// Receive takes the next bytes of the pool's own stream. What it returns, if anything, has to be sent back on the
// stream for answers to prompts. Errors mean that the other side breaks the protocol; they are final.
func (p *Pool) Receive(data []byte) (reply []byte, err error) {
	messages, err := p.inbound.Add(data)
	for _, b := range messages {
		answer, problem := p.take(b)
		if problem != nil {
			return reply, problem
		}
		reply = append(reply, answer...)
	}
	return reply, err
}

func (p *Pool) take(b []byte) (reply []byte, err error) {
	m, err := DecodeMessage(b)
	if err != nil {
		return nil, err
	}
	switch m.Type {
	case SessionCapability:
		return nil, p.capability(m)
	case RunspacePoolState:
		return nil, p.changed(m)
	case RunspacePoolHostCall:
		return p.refuse(m)
	}
	return nil, nil // APPLICATION_PRIVATE_DATA, events, and what later versions add
}

func (p *Pool) capability(m Message) error {
	o, err := m.object()
	if err != nil {
		return err
	}
	version, _ := o.Property("protocolversion").Str()
	minor, isTwo := strings.CutPrefix(version, "2.")
	if n, err := strconv.Atoi(minor); err != nil || !isTwo || n < 1 {
		return fmt.Errorf("the server speaks version %.20q of PowerShell remoting, not 2.1 or a later 2.x", version)
	}
	p.version = version
	return nil
}

func (p *Pool) changed(m Message) error {
	o, err := m.object()
	if err != nil {
		return err
	}
	n, ok := o.Property("RunspaceState").Int()
	switch {
	case !ok:
		return fmt.Errorf("a runspace pool's state without a number")
	case PoolState(n) == PoolOpened && p.version == "":
		return fmt.Errorf("a runspace pool that is open before its server has told its version")
	}
	p.state = PoolState(n)
	if record := o.Property("ExceptionAsErrorRecord"); !record.IsNil() {
		p.failure = newErrorRecord(record)
	}
	return nil
}

// object reads a message that holds exactly one object.
func (m Message) object() (*clixml.Object, error) {
	objects, err := clixml.Parse(m.Data)
	if err != nil {
		return nil, fmt.Errorf("a message of type %#08x: %w", uint32(m.Type), err)
	}
	if len(objects) != 1 {
		return nil, fmt.Errorf("a message of type %#08x with %d objects", uint32(m.Type), len(objects))
	}
	return objects[0], nil
}
