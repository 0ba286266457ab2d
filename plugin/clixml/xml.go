package clixml

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
)

const namespace = "http://schemas.microsoft.com/powershell/2004/04"

type parser struct {
	xml     *xml.Decoder
	input   *tagReader          // under it
	names   map[uint64][]string // TN by RefId
	objects map[uint64]target   // Obj by RefId
	depth   int
	met     int // what a walk over everything read so far meets
}

func newParser(text []byte) *parser {
	input := newTagReader(text)
	p := &parser{xml: xml.NewDecoder(input), input: input, names: map[uint64][]string{}, objects: map[uint64]target{}}
	p.xml.CharsetReader = declaredCharset
	return p
}

func (p *parser) errorf(format string, args ...any) error {
	line, _ := p.xml.InputPos()
	return fmt.Errorf("line %d: %w", line, fmt.Errorf(format, args...))
}

func (p *parser) unexpected(start xml.StartElement) error {
	return p.errorf("unexpected <%.40s>", start.Name.Local)
}

// token returns the next token, or io.EOF at the end of a whole document.
func (p *parser) token() (xml.Token, error) {
	tok, err := p.xml.Token()
	if err != nil {
		return nil, p.failure(err)
	}
	if start, ok := tok.(xml.StartElement); ok && start.Name.Space != "" && start.Name.Space != namespace {
		return nil, p.errorf("<%.40s> of another namespace", start.Name.Local)
	}
	return tok, nil
}

// failure puts the decoder's error in words of our own: its words can quote the document.
func (p *parser) failure(err error) error {
	var refused refusal
	var syntax *xml.SyntaxError
	switch {
	case errors.Is(err, io.EOF):
		return io.EOF
	case errors.As(err, &refused):
		return p.errorf("%w", refused)
	case errors.As(err, &syntax) && syntax.Msg == "unexpected EOF":
		return p.errorf("the document ends too early")
	}
	return p.errorf("not well-formed XML")
}

// element returns the next element within parent, or nil at parent's end.
func (p *parser) element(parent string) (*xml.StartElement, error) {
	for {
		tok, err := p.token()
		if err != nil {
			return nil, err
		}
		switch t := tok.(type) {
		case xml.StartElement:
			return &t, nil
		case xml.EndElement:
			return nil, nil
		case xml.CharData:
			if len(bytes.TrimSpace(t)) > 0 {
				return nil, p.errorf("text between the elements of %s", parent)
			}
		}
	}
}

// children calls read for each element within the open one.
func (p *parser) children(parent string, read func(xml.StartElement) error) error {
	for {
		start, err := p.element("<" + parent + ">")
		if err != nil || start == nil {
			return err
		}
		if err := read(*start); err != nil {
			return err
		}
	}
}

// text returns what stands in the element whose start has just been read, which must hold no other.
func (p *parser) text() (string, error) {
	plain, _ := p.input.plainText()
	text := plain[:len(plain):len(plain)] // a copy, once anything is added
	for {
		tok, err := p.token()
		if err != nil {
			return "", err
		}
		switch t := tok.(type) {
		case xml.StartElement:
			return "", p.unexpected(t)
		case xml.EndElement:
			return string(text), nil
		case xml.CharData:
			text = append(text, t...)
		}
	}
}

func (p *parser) escapedText() (string, error) {
	text, err := p.text()
	return unescape(text), err
}

// meet counts n more objects or type names.
func (p *parser) meet(n int) error {
	if p.met += n; p.met > MaxObjects {
		return p.errorf("%d objects and type names; the limit is %d", p.met, MaxObjects)
	}
	return nil
}

func attribute(start xml.StartElement, name string) (string, bool) {
	for _, a := range start.Attr {
		if a.Name.Space == "" && a.Name.Local == name {
			return a.Value, true
		}
	}
	return "", false
}
