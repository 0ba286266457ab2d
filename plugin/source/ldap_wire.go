package source

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"check_exchange_authcert/plugin/wsman"
)

// ldapWire is the connection under LDAP messages: it counts what comes in,
// carries SASL's layer once there is one, and gives away whole messages only.
type ldapWire struct {
	net.Conn
	left     int64        // bytes that may still come in
	logon    *wsman.Logon // not nil: messages are sealed
	opened   []byte       // unsealed and not yet looked at
	ready    []byte       // of a message that may be read
	elements int          // so far
	failed   error        // why reading ended, where that was decided here
	sent     int64        // message identifiers so far
}

// What messages may hold. A server is a message of 3 KiB with some 40 elements,
// in one another six deep.
const (
	maxMessage  = 256 << 10 // bytes
	maxElements = 60_000    // in all messages of a connection
	maxNesting  = 20
)

var (
	errTooMuch    = errors.New("the answers are larger than any organization's")
	errLarge      = fmt.Errorf("an answer is larger than %d KiB", maxMessage>>10)
	errManyParts  = fmt.Errorf("the answers have more than %d elements", maxElements)
	errManyLevels = fmt.Errorf("an answer is nested more than %d deep", maxNesting)
)

// Read reads what was sent, unsealed if the logon said so.
func (w *ldapWire) Read(p []byte) (int, error) {
	if len(w.ready) == 0 {
		if err := w.message(); err != nil {
			return 0, err
		}
	}
	n := copy(p, w.ready)
	w.ready = w.ready[n:]
	return n, nil
}

// message reads one message and counts its elements: the library (asn1-ber
// v1.5.8) makes 200 bytes of one of two, and copies what is in it at each level.
func (w *ldapWire) message() error {
	message := make([]byte, 2, 6)
	if _, err := io.ReadFull(plaintext{w}, message); err != nil {
		return err
	}
	if message[0] != 0x30 {
		return w.fail(errNotLDAP)
	}
	if more := lengthBytes(message[1]); more > 0 {
		message = message[:2+min(more, 4)]
		if err := w.fill(message[2:]); err != nil {
			return err
		}
	}
	size, ok := berLength(message[1:])
	switch {
	case !ok:
		return w.fail(errNotLDAP)
	case size > maxMessage:
		return w.fail(errLarge)
	}
	head := len(message)
	message = append(message, make([]byte, size)...)
	if err := w.fill(message[head:]); err != nil {
		return err
	}
	if err := w.count(message[head:], 1); err != nil {
		return w.fail(err)
	}
	w.ready = message
	return nil
}

// fill reads what belongs to a message that has begun.
func (w *ldapWire) fill(p []byte) error {
	_, err := io.ReadFull(plaintext{w}, p)
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// fail notes why nothing more is read.
func (w *ldapWire) fail(err error) error {
	w.failed = err
	return err
}

// count counts elements that stand one behind the other, and those in them.
func (w *ldapWire) count(content []byte, depth int) error {
	if depth > maxNesting {
		return errManyLevels
	}
	for len(content) > 0 {
		if w.elements++; w.elements > maxElements {
			return errManyParts
		}
		const constructed, longTag = 0x20, 0x1f
		tag := content[0]
		size, ok := berLength(content[1:])
		if !ok || tag&longTag == longTag {
			return errNotLDAP
		}
		content = content[2+lengthBytes(content[1]):]
		if size > len(content) {
			return errNotLDAP
		}
		if tag&constructed != 0 {
			if err := w.count(content[:size], depth+1); err != nil {
				return err
			}
		}
		content = content[size:]
	}
	return nil
}

// lengthBytes is how many bytes of a length follow its first one.
func lengthBytes(first byte) int {
	if first < 0x80 {
		return 0
	}
	return int(first & 0x7f)
}

// berLength reads a length, of which LDAP has only definite ones (RFC 4511 5.1).
func berLength(b []byte) (size int, ok bool) {
	if len(b) == 0 || b[0] == 0x80 || len(b) <= lengthBytes(b[0]) || lengthBytes(b[0]) > 4 {
		return 0, false
	}
	if b[0] < 0x80 {
		return int(b[0]), true
	}
	for _, digits := range b[1 : 1+lengthBytes(b[0])] {
		size = size<<8 | int(digits)
	}
	return size, size >= 0
}

// plaintext reads a wire's bytes, unsealed if the logon said so.
type plaintext struct{ wire *ldapWire }

func (r plaintext) Read(p []byte) (int, error) {
	w := r.wire
	if w.logon == nil {
		return w.receive(p)
	}
	if len(w.opened) == 0 {
		if err := w.unseal(); err != nil {
			return 0, err
		}
	}
	n := copy(p, w.opened)
	w.opened = w.opened[n:]
	return n, nil
}

// receive reads from the network, up to the limit.
func (w *ldapWire) receive(p []byte) (int, error) {
	if w.left <= 0 {
		return 0, w.fail(errTooMuch)
	}
	n, err := w.Conn.Read(p[:min(int64(len(p)), w.left)])
	w.left -= int64(n)
	var noTLS tls.RecordHeaderError
	if w.failed == nil && errors.As(err, &noTLS) {
		w.failed = errors.New("it has stopped speaking TLS")
	}
	return n, err
}

// exchange sends one request and waits for its answer, for use before the
// bind.
func (w *ldapWire) exchange(request *ber.Packet, want ber.Tag) (*ber.Packet, error) {
	w.sent++
	envelope := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSequence, nil, "")
	envelope.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, w.sent, ""))
	envelope.AppendChild(request)
	if _, err := w.Write(envelope.Bytes()); err != nil {
		return nil, err
	}
	answer, err := ber.ReadPacket(w)
	if err != nil {
		return nil, notLDAP(err)
	}
	if len(answer.Children) < 2 || answer.Children[0].Value != w.sent || answer.Children[1].ClassType != ber.ClassApplication || answer.Children[1].Tag != want {
		return nil, fmt.Errorf("%w: it answers something else", errNotLDAP)
	}
	return answer.Children[1], ldap.GetLDAPError(answer)
}
