package psrp

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// piece is one fragment, built by hand.
func piece(object, number uint64, flags byte, data string) []byte {
	b := []byte{0, 0, 0, 0, 0, 0, 0, byte(object), 0, 0, 0, 0, 0, 0, 0, byte(number), flags}
	return append(append(b, byte(len(data)>>24), byte(len(data)>>16), byte(len(data)>>8), byte(len(data))), data...)
}

func TestFragments(t *testing.T) {
	for _, size := range []int{0, 1, 9, 10, 11, 99, 100, 101} {
		message := bytes.Repeat([]byte("x"), size)
		out := fragments(nil, 7, message, 10)
		if want := max(1, (size+9)/10)*fragmentHeader + size; len(out) != want {
			t.Errorf("%d bytes: got %d in fragments, want %d", size, len(out), want)
		}
		for _, step := range []int{1, 20, 21, 22, 1000} {
			var d Defragmenter
			var got [][]byte
			for at := 0; at < len(out); at += step {
				messages, err := d.Add(out[at:min(at+step, len(out))])
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, messages...)
			}
			if len(got) != 1 || !bytes.Equal(got[0], message) || d.Pending() {
				t.Errorf("%d bytes in steps of %d: got %q, want the message again", size, step, got)
			}
		}
	}
}

func TestFragmentOnTheWire(t *testing.T) {
	got := fragments(nil, 0x0102030405060708, []byte("abc"), 2)
	want := "\x01\x02\x03\x04\x05\x06\x07\x08" + "\x00\x00\x00\x00\x00\x00\x00\x00" + "\x01" + "\x00\x00\x00\x02" + "ab" +
		"\x01\x02\x03\x04\x05\x06\x07\x08" + "\x00\x00\x00\x00\x00\x00\x00\x01" + "\x02" + "\x00\x00\x00\x01" + "c"
	if string(got) != want {
		t.Errorf("got %x, want %x", got, want)
	}
}

func TestDefragmenterRefuses(t *testing.T) {
	long := piece(1, 0, flagStart, strings.Repeat("x", MaxMessage/2))
	for name, row := range map[string]struct {
		data []byte
		want string
	}{
		"no start":         {piece(1, 0, flagEnd, "x"), "has not begun"},
		"a later start":    {piece(1, 3, flagStart, "x"), "begins with fragment 3"},
		"start twice":      {append(piece(1, 0, flagStart, "x"), piece(2, 0, flagStart, "x")...), "begins before message 1 has ended"},
		"a missing one":    {append(piece(1, 0, flagStart, "x"), piece(1, 2, flagEnd, "x")...), "instead of fragment 1"},
		"another's object": {append(piece(1, 0, flagStart, "x"), piece(2, 1, flagEnd, "x")...), "of message 2 instead"},
		"a huge length":    {append(piece(1, 0, 3, "")[:17], 0xff, 0xff, 0xff, 0xff), "the limit is"},
		"a huge message":   {append(append(bytes.Clone(long), piece(1, 1, 0, strings.Repeat("x", MaxMessage/2))...), piece(1, 2, flagEnd, "x")...), "more than"},
	} {
		t.Run(name, func(t *testing.T) {
			var d Defragmenter
			_, err := d.Add(row.data)
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Fatalf("got %v, want %q", err, row.want)
			}
			if _, again := d.Add(piece(1, 0, 3, "x")); !errors.Is(again, err) {
				t.Errorf("afterwards got %v, want the same error", again)
			}
		})
	}
}

func TestID(t *testing.T) {
	const text = "0F8FAD5B-D9CB-469F-A165-70867728950E"
	id, err := ParseID("{" + strings.ToLower(text) + "}")
	if err != nil || id.String() != text {
		t.Errorf("got %s, %v, want %s", id, err, text)
	}
	m := Message{Type: CreatePipeline, Pool: id, Data: []byte("x")}
	b := m.encode()
	if want := "\x5b\xad\x8f\x0f\xcb\xd9\x9f\x46\xa1\x65\x70\x86\x77\x28\x95\x0e"; string(b[8:24]) != want {
		t.Errorf("on the wire got %x, want %x", b[8:24], want)
	}
	b[0] = toClient
	if got, err := DecodeMessage(b); err != nil || got.Pool != id || got.Type != CreatePipeline || string(got.Data) != "x" {
		t.Errorf("got %+v, %v, want what was encoded", got, err)
	}
	for _, bad := range []string{"", "0F8FAD5B", strings.Repeat("-", 36), text + "0", "0F8FAD5B-D9CB-469F-A165-70867728950G"} {
		if _, err := ParseID(bad); err == nil {
			t.Errorf("%q: got no error", bad)
		}
	}
	if a, b := NewID(), NewID(); a == b || a[6]>>4 != 4 {
		t.Errorf("got %s and %s, want two random IDs", a, b)
	}
}
