package clixml

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"strings"
)

const namespace = "http://schemas.microsoft.com/powershell/2004/04"

// parser walks through a document from tag to tag. What it gives away are pieces of the document, not copies.
type parser struct {
	input   string
	at      int
	open    []string            // elements
	bare    bool                // the last tag was "<a/>": its end comes next
	names   map[uint64][]string // TN by RefId
	objects map[uint64]target   // Obj by RefId
	keys    map[string]*Object  // of dictionaries, by text
	depth   int
	met     int // what a walk over everything read so far meets
}

func newParser(text []byte) *parser {
	return &parser{input: string(text), names: map[uint64][]string{}, objects: map[uint64]target{}, keys: map[string]*Object{}}
}

func (p *parser) errorf(format string, args ...any) error {
	return fmt.Errorf("line %d: %w", 1+strings.Count(p.input[:p.at], "\n"), fmt.Errorf(format, args...))
}

func (p *parser) unexpected(start xml.StartElement) error {
	return p.errorf("unexpected <%.40s>", start.Name.Local)
}

// declaration reads the XML declaration, where there is one.
func (p *parser) declaration() error {
	rest := strings.TrimLeft(p.input, blanks)
	if !strings.HasPrefix(rest, "<?") {
		return nil
	}
	tag, err := cutTag(rest)
	p.at = len(p.input) - len(rest) + len(tag)
	if err == nil {
		_, err = fromLibrary[xml.ProcInst](tag)
	}
	if err != nil {
		return p.errorf("%w", err)
	}
	return nil
}

// element returns the next element within the open one, or one without a name at its end.
func (p *parser) element() (xml.StartElement, error) {
	if !p.bare {
		p.at = len(p.input) - len(strings.TrimLeft(p.input[p.at:], blanks))
	}
	if text, err := p.characters(); err != nil || strings.TrimSpace(text) != "" {
		return xml.StartElement{}, cmp.Or(err, p.errorf("text between the elements of %s", p.within()))
	}
	return p.tag()
}

// within names the open element.
func (p *parser) within() string {
	if len(p.open) == 0 {
		return "the document"
	}
	return "<" + p.open[len(p.open)-1] + ">"
}

// children calls read for each element within the open one.
func (p *parser) children(read func(xml.StartElement) error) error {
	for {
		start, err := p.element()
		if err != nil || start.Name.Local == "" {
			return err
		}
		if err := read(start); err != nil {
			return err
		}
	}
}

// text returns what stands in the element whose start has just been read, which must hold no other.
func (p *parser) text() (string, error) {
	text, err := p.characters()
	if err != nil {
		return "", err
	}
	start, err := p.tag()
	if err == nil && start.Name.Local != "" {
		err = p.unexpected(start)
	}
	return text, err
}

func (p *parser) escapedText() (string, error) {
	text, err := p.text()
	return unescape(text), err
}

// characters returns what the text up to the next tag stands for.
func (p *parser) characters() (string, error) {
	if p.bare {
		return "", nil
	}
	raw, _, _ := strings.Cut(p.input[p.at:], "<")
	if p.at += len(raw); isPlain(raw) {
		return raw, nil
	}
	text, err := fromLibrary[xml.CharData](raw)
	if err != nil {
		return "", p.errorf("%w", err)
	}
	return string(text), nil
}

// tag reads the tag that comes next. An end has no name, nor has the end of a whole document.
func (p *parser) tag() (xml.StartElement, error) {
	last := len(p.open) - 1
	if p.bare || p.at == len(p.input) && last < 0 {
		p.bare = false
		return xml.StartElement{}, nil
	}
	tag, err := cutTag(p.input[p.at:])
	if p.at += len(tag); err != nil {
		return xml.StartElement{}, p.errorf("%w", err)
	}
	if end, ok := strings.CutPrefix(tag, "</"); ok {
		if last < 0 || strings.TrimRight(end[:len(end)-1], blanks) != p.open[last] {
			return xml.StartElement{}, p.errorf("%w", errXML)
		}
		p.open = p.open[:last]
		return xml.StartElement{}, nil
	}
	p.bare = strings.HasSuffix(tag, "/>")
	start, err := startElement(tag)
	space, _ := attribute(start, "xmlns")
	switch {
	case err != nil:
		return start, p.errorf("%w", err)
	case start.Name.Space != "" || space != "" && space != namespace:
		return start, p.errorf("<%.40s> of another namespace", start.Name.Local)
	case !p.bare:
		p.open = append(p.open, start.Name.Local)
	}
	return start, nil
}

// meet counts n more objects or type names.
func (p *parser) meet(n int) error {
	if p.met += n; p.met > MaxObjects {
		return p.errorf("%d objects and type names; the limit is %d", p.met, MaxObjects)
	}
	return nil
}
