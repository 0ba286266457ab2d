package source

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"
)

// recording is a connection on which somebody has said so much.
type recording struct {
	net.Conn
	io.Reader
}

func (r recording) Read(p []byte) (int, error) { return r.Reader.Read(p) }

func wireWith(messages ...[]byte) *ldapWire {
	return &ldapWire{Conn: recording{Reader: bytes.NewReader(slices.Concat(messages...))}, left: maxLDAP}
}

// element is one around a content, its length in four bytes.
func element(tag byte, content ...[]byte) []byte {
	whole := slices.Concat(content...)
	return append(binary.BigEndian.AppendUint32([]byte{tag, 0x84}, uint32(len(whole))), whole...)
}

func sequence(content ...[]byte) []byte { return element(0x30, content...) }

// crowdedEntry is a message of 60 KB: an entry of a search with 30,000 values.
func crowdedEntry(id int64) []byte {
	const entry, set = 0x64, 0x31
	attribute := sequence([]byte("\x04\x02cn"), element(set, bytes.Repeat([]byte{4, 0}, 30_000)))
	return sequence([]byte{2, 1, byte(id)}, element(entry, []byte("\x04\x04CN=x"), sequence(attribute)))
}

// nulls is so many elements of two bytes.
func nulls(n int) []byte { return bytes.Repeat([]byte{5, 0}, n) }

// nestedSequences are so many elements in one another.
func nestedSequences(levels int) (content []byte) {
	for range levels {
		content = sequence(content)
	}
	return content
}

func TestLDAPWire(t *testing.T) {
	part := sequence(nulls(maxElements / 4)) // all of it would be too large
	text := func(size int) []byte {
		return sequence(binary.BigEndian.AppendUint32([]byte{4, 0x84}, uint32(size-6)), make([]byte, size-6))
	}
	for _, row := range []struct {
		name     string
		messages [][]byte
		want     error
	}{
		{"nothing", nil, nil},
		{"two messages", [][]byte{sequence(nulls(1)), {0x30, 2, 5, 0}}, nil},
		{"as many elements as there may be", [][]byte{part, part, part, part}, nil},
		{"one more", [][]byte{part, part, part, part, sequence(nulls(1))}, errManyParts},
		{"as large as one may be", [][]byte{text(maxMessage)}, nil},
		{"a byte more", [][]byte{text(maxMessage + 1)}, errLarge},
		{"as deep as it may be", [][]byte{nestedSequences(maxNesting)}, nil},
		{"one deeper", [][]byte{sequence(nestedSequences(maxNesting))}, errManyLevels},
		{"a length without end", [][]byte{{0x30, 0x80, 5, 0, 0, 0}}, errNotLDAP},
		{"one in it", [][]byte{{0x30, 6, 0x30, 0x80, 5, 0, 0, 0}}, errNotLDAP},
		{"a length of five bytes", [][]byte{{0x30, 0x85, 0, 0, 0, 0, 0}}, errNotLDAP},
		{"more than there is room for", [][]byte{{0x30, 2, 4, 9}}, errNotLDAP},
		{"an element cut in its tag", [][]byte{{0x30, 1, 4}}, errNotLDAP},
		{"an element cut in its length", [][]byte{{0x30, 2, 4, 0x81}}, errNotLDAP},
		{"a tag of several bytes", [][]byte{{0x30, 3, 0x1f, 5, 0}}, errNotLDAP},
		{"no sequence", [][]byte{[]byte("HTTP/1.1")}, errNotLDAP},
		{"a message cut in its tag", [][]byte{{0x30}}, io.ErrUnexpectedEOF},
		{"a message cut in its length", [][]byte{{0x30, 0x82, 1}}, io.ErrUnexpectedEOF},
		{"a message cut behind its length", [][]byte{{0x30, 2}}, io.ErrUnexpectedEOF},
		{"a message cut off", [][]byte{{0x30, 2, 5}}, io.ErrUnexpectedEOF},
	} {
		w := wireWith(row.messages...)
		got, err := io.ReadAll(w)
		if !errors.Is(err, row.want) {
			t.Errorf("%s: got %v, want %v", row.name, err, row.want)
		}
		if whole := slices.Concat(row.messages...); row.want == nil && !bytes.Equal(got, whole) {
			t.Errorf("%s: got %d bytes, want all %d", row.name, len(got), len(whole))
		}
	}
}

// FuzzLDAPWire gives away what came, message by message, and nothing that the library is not to see.
func FuzzLDAPWire(f *testing.F) {
	for _, seed := range [][]byte{success(1, 1), sequence(nulls(2000)), nestedSequences(30), sequence([]byte{0x24, 0x80}), {0x30, 0x84, 0x7f, 0xff, 0xff, 0xff}, []byte(strings.Repeat("0\x00", 20))} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		w := wireWith(data)
		got, err := io.ReadAll(w)
		if !bytes.HasPrefix(data, got) || (err == nil && len(got) != len(data)) || w.elements > maxElements+1 {
			t.Fatalf("%d bytes and %d elements of %d bytes, %v", len(got), w.elements, len(data), err)
		}
		for rest := bytes.NewReader(got); rest.Len() > 0; {
			if _, err := ber.ReadPacket(rest); err != nil {
				return // of a value's content nothing is known here
			}
		}
	})
}
