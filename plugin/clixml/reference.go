package clixml

import (
	"encoding/xml"
	"strconv"
)

// target is what a Ref may name. The weight, what a walk over it meets, is 0
// while the object is still being read.
type target struct {
	object *Object
	weight int
}

func (p *parser) refID(start xml.StartElement) (id uint64, present bool, err error) {
	text, present := attribute(start, "RefId")
	if !present {
		return 0, false, nil
	}
	if id, err = strconv.ParseUint(text, 10, 32); err != nil {
		return 0, true, p.errorf("<%s> with a RefId that is no number", start.Name.Local)
	}
	return id, true, nil
}

// neededRefID is refID where the format demands one.
func (p *parser) neededRefID(start xml.StartElement) (uint64, error) {
	id, present, err := p.refID(start)
	if err == nil && !present {
		err = p.errorf("<%s> without a RefId", start.Name.Local)
	}
	return id, err
}

// reference gives the object that was read under the same RefId; of several the last.
func (p *parser) reference(start xml.StartElement) (*Object, error) {
	id, err := p.neededRefID(start)
	if err != nil {
		return nil, err
	}
	to, found := p.objects[id]
	if !found {
		return nil, p.errorf("<Ref> to object %d, which does not stand before it", id)
	}
	if err := p.children(p.unexpected); err != nil {
		return nil, err
	}
	if to.weight == 0 {
		return &Object{Type: "Ref"}, nil
	}
	return to.object, p.meet(to.weight)
}

func (p *parser) typeNames(start xml.StartElement) ([]string, error) {
	var names []string
	err := p.children(func(start xml.StartElement) error {
		if start.Name.Local != "T" {
			return p.unexpected(start)
		}
		name, err := p.escapedText()
		if err != nil {
			return err
		}
		names = append(names, name)
		return p.meet(1)
	})
	if err == nil {
		err = p.meet(1) // an empty <TN> is kept too
	}
	if err != nil {
		return nil, err
	}
	id, named, err := p.refID(start)
	if named {
		p.names[id] = names
	}
	return names, err
}

func (p *parser) typeNamesRef(start xml.StartElement) ([]string, error) {
	id, err := p.neededRefID(start)
	if err != nil {
		return nil, err
	}
	names, found := p.names[id]
	if !found {
		return nil, p.errorf("<TNRef> to type names %d, which do not stand before it", id)
	}
	return names, p.children(p.unexpected)
}
