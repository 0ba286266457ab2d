package clixml

import (
	"encoding/xml"
	"errors"
	"strings"
)

// streams are the values of the S attribute. powershell.exe writes "Error" and
// "Output" so, and the others in lower case.
var streams = []string{"Error", "Warning", "Verbose", "Debug", "Information", "Progress", "Output"}

// document reads <Objs> or a single object, and the end after it.
func (p *parser) document() ([]*Object, error) {
	if err := p.declaration(); err != nil {
		return nil, err
	}
	start, err := p.element()
	if err != nil {
		return nil, err
	}
	if start.Name.Local == "" {
		return nil, errors.New("no CLIXML: the document holds no element")
	}
	objects, err := p.topLevel(start)
	if err == nil {
		err = p.children(p.unexpected) // nothing may follow
	}
	if err != nil {
		return nil, err
	}
	return objects, nil
}

func (p *parser) topLevel(start xml.StartElement) (objects []*Object, err error) {
	read := func(start xml.StartElement) error {
		o, err := p.value(start)
		if err != nil {
			return err
		}
		if start.Name.Local != "Ref" { // which is an object that was met before
			stream, _ := attribute(start, "S")
			o.Stream = streamName(stream)
		}
		objects = append(objects, o)
		return nil
	}
	if start.Name.Local != "Objs" {
		err = read(start)
		return objects, err
	}
	err = p.children(read)
	return objects, err
}

func streamName(text string) string {
	for _, name := range streams {
		if strings.EqualFold(name, text) {
			return name
		}
	}
	return ""
}

// nest counts one object and calls read one level deeper.
func (p *parser) nest(read func() error) error {
	if p.depth++; p.depth > MaxDepth {
		return p.errorf("objects %d deep; the limit is %d", p.depth, MaxDepth)
	}
	if err := p.meet(1); err != nil {
		return err
	}
	err := read()
	p.depth--
	return err
}

// value reads any element that stands for a value.
func (p *parser) value(start xml.StartElement) (o *Object, err error) {
	err = p.nest(func() error {
		o, err = p.dispatch(start)
		return err
	})
	return o, err
}

func (p *parser) dispatch(start xml.StartElement) (*Object, error) {
	switch start.Name.Local {
	case "Obj":
		return p.object(start)
	case "Ref":
		return p.reference(start)
	case "PR":
		return p.progress()
	case "Nil":
		return &Object{Type: "Nil"}, p.children(p.unexpected)
	case "SS":
		return p.secureString()
	}
	return p.primitive(start)
}

func (p *parser) object(start xml.StartElement) (*Object, error) {
	o := &Object{Type: "Obj"}
	id, named, err := p.refID(start)
	if err != nil {
		return nil, err
	}
	if named {
		p.objects[id] = target{object: o}
	}
	before, wrapped := p.met-1, false
	err = p.children(func(part xml.StartElement) error {
		known, err := p.describe(o, part)
		if known || err != nil {
			return err
		}
		if wrapped {
			return p.errorf("<Obj> with a second value, <%.40s>", part.Name.Local)
		}
		wrapped = true
		return p.wrap(o, part)
	})
	if named {
		p.objects[id] = target{object: o, weight: p.met - before}
	}
	return o, err
}

// describe reads the parts that say something about the object.
func (p *parser) describe(o *Object, part xml.StartElement) (known bool, err error) {
	switch part.Name.Local {
	case "TN":
		o.TypeNames, err = p.typeNames(part)
	case "TNRef":
		o.TypeNames, err = p.typeNamesRef(part)
	case "ToString":
		o.Text, err = p.escapedText()
	case "Props":
		o.Adapted, err = p.members("Props", o.Adapted)
	case "MS":
		o.Extended, err = p.members("MS", o.Extended)
	default:
		return false, nil
	}
	return true, err
}

// wrap reads what the object is around: a container, a primitive or another <Obj>.
func (p *parser) wrap(o *Object, part xml.StartElement) (err error) {
	switch part.Name.Local {
	case "LST", "IE", "QUE", "STK":
		o.Items, err = p.items()
		return err
	case "DCT":
		o.Entries, err = p.entries()
		return err
	case "Ref", "Nil":
		return p.unexpected(part)
	}
	inner, err := p.value(part)
	if err == nil {
		err = p.meet(len(inner.Adapted) + len(inner.Extended)) // they are copied
	}
	if err != nil {
		return err
	}
	o.Value, o.Items, o.Entries = inner.Value, inner.Items, inner.Entries
	o.Adapted = append(o.Adapted, inner.Adapted...)
	o.Extended = append(o.Extended, inner.Extended...)
	if o.TypeNames == nil {
		o.TypeNames = inner.TypeNames
	}
	if o.Text == "" {
		o.Text = inner.Text
	}
	return nil
}

func (p *parser) items() ([]*Object, error) {
	items := []*Object{}
	err := p.children(func(start xml.StartElement) error {
		o, err := p.value(start)
		items = append(items, o)
		return err
	})
	return items, err
}

func (p *parser) entries() ([]Entry, error) {
	var entries []Entry
	err := p.children(func(start xml.StartElement) error {
		if start.Name.Local != "En" {
			return p.unexpected(start)
		}
		pair, err := p.members("En", nil)
		if err != nil {
			return err
		}
		if len(pair) != 2 || pair[0].Name != "Key" || pair[1].Name != "Value" || pair[0].Value.IsNil() {
			return p.errorf("<En> that is not a Key and a Value")
		}
		entries = append(entries, Entry{p.key(pair[0].Value), pair[1].Value})
		return nil
	})
	return entries, err
}

// key gives the key that was read before, if it is the same text: a document has the same few everywhere.
func (p *parser) key(o *Object) *Object {
	if o.Type != "S" {
		return o
	}
	if known, met := p.keys[o.Text]; met {
		p.met--
		return known
	}
	p.keys[o.Text] = o
	return o
}

// members appends the named values within the open element.
func (p *parser) members(parent string, members []Member) ([]Member, error) {
	err := p.children(func(start xml.StartElement) error {
		name, named := attribute(start, "N")
		if !named {
			return p.errorf("<%.40s> in <%s> without a name", start.Name.Local, parent)
		}
		read := p.value
		if parent == "MS" && start.Name.Local == "MS" {
			read = p.memberSet
		}
		o, err := read(start)
		members = append(members, Member{unescape(name), o})
		return err
	})
	return members, err
}

func (p *parser) memberSet(xml.StartElement) (*Object, error) {
	o := &Object{Type: "MS"}
	err := p.nest(func() (err error) {
		o.Extended, err = p.members("MS", nil)
		return err
	})
	return o, err
}

// progress reads a progress record, whose elements all hold plain text.
func (p *parser) progress() (*Object, error) {
	o := &Object{Type: "PR"}
	err := p.children(func(part xml.StartElement) error {
		text, err := p.escapedText()
		if part.Name.Local == "AV" {
			o.Text = text
		}
		return err
	})
	return o, err
}

// secureString reads over the text: it is encrypted for one user of one machine, or not at all.
func (p *parser) secureString() (*Object, error) {
	_, err := p.text()
	return &Object{Type: "SS"}, err
}
