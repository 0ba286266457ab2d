package psrp

import (
	"encoding/binary"
	"fmt"
)

const (
	// MaxMessage is the longest message that is put together, in bytes. Windows' own limit for what a server takes is
	// 10 MiB.
	MaxMessage = 16 << 20
	// MaxFragment is the longest piece of a message that is sent in one fragment, in bytes. In base64 it fits into the
	// smallest envelope that Windows has had as its default, 150 KiB.
	MaxFragment = 32 << 10

	fragmentHeader = 21 // object id (8), fragment id (8), flags (1), length (4): [MS-PSRP] 2.2.4
	flagStart      = 1
	flagEnd        = 2
)

// fragments appends a message in fragments of at most limit bytes each.
func fragments(out []byte, object uint64, message []byte, limit int) []byte {
	for number := uint64(0); ; number++ {
		piece := message[:min(limit, len(message))]
		message = message[len(piece):]
		flags := byte(0)
		if number == 0 {
			flags |= flagStart
		}
		if len(message) == 0 {
			flags |= flagEnd
		}
		out = binary.BigEndian.AppendUint64(out, object)
		out = binary.BigEndian.AppendUint64(out, number)
		out = append(out, flags)
		out = binary.BigEndian.AppendUint32(out, uint32(len(piece)))
		out = append(out, piece...)
		if len(message) == 0 {
			return out
		}
	}
}

// Defragmenter puts the messages of one stream together. The zero value is ready for the stream's first byte.
type Defragmenter struct {
	pending []byte // a fragment that has not arrived whole
	message []byte // of the fragments so far
	open    bool   // a message has begun and not ended
	object  uint64
	next    uint64 // fragment
	failed  error
}

// Add takes the next bytes of the stream, cut anywhere, and returns the messages that they complete, in order. They may
// share memory with data. An error is final: where the next message begins is not known any more.
func (d *Defragmenter) Add(data []byte) ([][]byte, error) {
	if d.failed != nil {
		return nil, d.failed
	}
	if len(d.pending) > 0 {
		data = append(d.pending, data...)
		d.pending = nil
	}
	var messages [][]byte
	for len(data) >= fragmentHeader {
		length := binary.BigEndian.Uint32(data[17:])
		if length > MaxMessage {
			return messages, d.fail("a fragment of %d bytes; the limit is %d", length, MaxMessage)
		}
		if len(data)-fragmentHeader < int(length) {
			break
		}
		message, err := d.fragment(data[:fragmentHeader], data[fragmentHeader:fragmentHeader+int(length)])
		if err != nil {
			return messages, err
		}
		if message != nil {
			messages = append(messages, message)
		}
		data = data[fragmentHeader+int(length):]
	}
	if len(data) > 0 {
		d.pending = append([]byte(nil), data...)
	}
	return messages, nil
}

// Pending tells whether a message has begun that has not arrived whole.
func (d *Defragmenter) Pending() bool { return d.open || len(d.pending) > 0 }

// fragment takes one whole fragment, and returns the message that it completes.
func (d *Defragmenter) fragment(header, piece []byte) ([]byte, error) {
	object, number, flags := binary.BigEndian.Uint64(header), binary.BigEndian.Uint64(header[8:]), header[16]
	switch start := flags&flagStart != 0; {
	case start && d.open:
		return nil, d.fail("message %d begins before message %d has ended", object, d.object)
	case start && number != 0:
		return nil, d.fail("message %d begins with fragment %d", object, number)
	case start:
		d.open, d.object, d.next, d.message = true, object, 0, nil
	case !d.open:
		return nil, d.fail("fragment %d of message %d, which has not begun", number, object)
	case object != d.object || number != d.next:
		return nil, d.fail("fragment %d of message %d instead of fragment %d of message %d", number, object, d.next, d.object)
	}
	d.next++
	if len(d.message)+len(piece) > MaxMessage {
		return nil, d.fail("a message of more than %d bytes", MaxMessage)
	}
	if flags&flagEnd == 0 {
		d.message = append(d.message, piece...)
		return nil, nil
	}
	d.open = false
	if number == 0 {
		return piece, nil
	}
	d.message = append(d.message, piece...)
	return d.message, nil
}

func (d *Defragmenter) fail(format string, args ...any) error {
	d.failed = fmt.Errorf(format, args...)
	d.pending, d.message = nil, nil
	return d.failed
}
