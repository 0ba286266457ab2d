package psrp

import (
	"encoding/binary"
	"fmt"
)

// MessageType says what a message is ([MS-PSRP] 2.2.1).
type MessageType uint32

// The messages that this package makes or reads.
const (
	SessionCapability    MessageType = 0x00010002
	InitRunspacePool     MessageType = 0x00010004
	RunspacePoolState    MessageType = 0x00021005
	CreatePipeline       MessageType = 0x00021006
	RunspacePoolHostCall MessageType = 0x00021100
	RunspacePoolHostResp MessageType = 0x00021101
	PipelineOutput       MessageType = 0x00041004
	PipelineError        MessageType = 0x00041005
	PipelineStateMessage MessageType = 0x00041006
	DebugRecord          MessageType = 0x00041007
	VerboseRecord        MessageType = 0x00041008
	WarningRecord        MessageType = 0x00041009
	ProgressRecord       MessageType = 0x00041010
	InformationRecord    MessageType = 0x00041011
	PipelineHostCall     MessageType = 0x00041100
	PipelineHostResp     MessageType = 0x00041101
)

const (
	toClient      = 1
	toServer      = 2
	messageHeader = 40
)

// Message is one message, put together. Data is CLIXML in UTF-8, with a byte order mark or without.
type Message struct {
	Type     MessageType
	Pool     ID // zero where the server does not know it yet
	Pipeline ID // zero for a message of the pool
	Data     []byte
}

// encode appends the message as it goes to a server.
func (m Message) encode() []byte {
	out := make([]byte, 0, messageHeader+len(m.Data))
	out = binary.LittleEndian.AppendUint32(out, toServer)
	out = binary.LittleEndian.AppendUint32(out, uint32(m.Type))
	pool, pipeline := m.Pool.swapped(), m.Pipeline.swapped()
	out = append(out, pool[:]...)
	out = append(out, pipeline[:]...)
	return append(out, m.Data...)
}

// DecodeMessage takes a message to the client apart. Data shares memory with it.
func DecodeMessage(b []byte) (Message, error) {
	if len(b) < messageHeader {
		return Message{}, fmt.Errorf("a message of %d bytes; its header alone has %d", len(b), messageHeader)
	}
	if to := binary.LittleEndian.Uint32(b); to != toClient {
		return Message{}, fmt.Errorf("a message that is not for the client: destination %d", to)
	}
	m := Message{Type: MessageType(binary.LittleEndian.Uint32(b[4:])), Data: b[messageHeader:]}
	m.Pool, m.Pipeline = ID(b[8:24]).swapped(), ID(b[24:40]).swapped()
	return m, nil
}
