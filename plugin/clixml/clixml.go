// Package clixml reads what PowerShell serializes (CLIXML, [MS-PSRP] 2.2.5):
// what Export-Clixml and PSSerializer write, the error stream of powershell.exe,
// and the payload of a remoting message. It only reads, keeps no secure string,
// follows nothing outside the document, and knows nothing of what the objects mean.
package clixml

import (
	"bytes"
	"fmt"
)

// What one document may hold at most. PowerShell itself writes and reads 49 levels.
const (
	MaxSize    = 64 << 20 // bytes, as they arrive
	MaxDepth   = 64       // objects inside one another
	MaxObjects = 150_000  // objects and type names; one behind a reference counts again each time, a dictionary's key once
)

// header is the line that powershell.exe writes before a serialized stream.
const header = "#< CLIXML"

// Parse reads one document and returns its top-level objects in order. It takes
// UTF-8 with or without a byte order mark and UTF-16 with one, a "#< CLIXML"
// line in front, and objects without the enclosing <Objs>. Whatever departs from
// the format or exceeds a limit is an error of one line that says where and quotes
// nothing from the document but element names and reference numbers.
//
// The objects form no cycle: a reference from inside the object that it names
// becomes an object of Type "Ref" with nothing in it. Any other reference gives
// the object itself, so one object may be met at several places; a walk over
// everything meets at most MaxObjects, the keys of dictionaries aside.
func Parse(data []byte) ([]*Object, error) { return new(Reader).Parse(data) }

// Reader reads documents that belong together, as those of one stream do: those
// that it returns hold at most MaxObjects in all, because one of 4 bytes takes 300.
type Reader struct{ met int }

// Parse reads one more document, as the function Parse does.
func (r *Reader) Parse(data []byte) ([]*Object, error) {
	if len(data) > MaxSize {
		return nil, fmt.Errorf("CLIXML of %d bytes; the limit is %d", len(data), MaxSize)
	}
	text, err := toUTF8(data)
	if err != nil {
		return nil, err
	}
	if bytes.HasPrefix(text, []byte(header)) {
		// The line break stays, so that errors count this line too.
		text = bytes.TrimLeft(text[len(header):], " \t")
	}
	p := newParser(text)
	p.met = r.met
	objects, err := p.document()
	if err == nil {
		r.met = p.met
	}
	return objects, err
}
