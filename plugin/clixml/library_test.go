package clixml

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// steps are the tags of a document, each with the text before it, and the text behind the last one.
type steps []string

func (s *steps) add(text, name string, attributes []xml.Attr) {
	line := fmt.Sprintf("%q <%s>", text, name)
	for _, a := range attributes {
		if a.Name.Space == "" { // the others mean nothing
			line += fmt.Sprintf(" %s=%q", a.Name.Local, a.Value)
		}
	}
	*s = append(*s, line)
}

// ownSteps walks through a document as the parser does.
func ownSteps(document string) (all steps, err error) {
	p := newParser([]byte(document))
	if err := p.declaration(); err != nil {
		return nil, err
	}
	for {
		text, err := p.characters()
		if err != nil {
			return nil, err
		}
		whole := !p.bare && len(p.open) == 0 && p.at == len(p.input)
		start, err := p.tag()
		if err != nil {
			return nil, err
		}
		all.add(text, start.Name.Local, start.Attr)
		if whole {
			return all, nil
		}
	}
}

var errElsewhere = errors.New("XML, but no CLIXML")

// librarySteps walks through it with encoding/xml alone. What that takes and PowerShell never writes is refused here:
// comments, CDATA sections and document types, instructions but for one declaration in front, prefixes, and elements of
// another namespace.
func librarySteps(document string) (all steps, err error) {
	d := xml.NewDecoder(strings.NewReader(document))
	d.CharsetReader = declaredCharset
	text := ""
	for {
		at := d.InputOffset()
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			all.add(text, "", nil)
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		raw := document[at:d.InputOffset()]
		switch t := tok.(type) {
		case xml.CharData:
			if text += string(t); strings.HasPrefix(raw, "<!") {
				return nil, errElsewhere
			}
			continue
		case xml.StartElement:
			name := raw[1 : 1+strings.IndexAny(raw[1:], blanks+"/>")]
			if t.Name.Space != "" && t.Name.Space != namespace || strings.Contains(strings.Trim(name, ":"), ":") {
				return nil, errElsewhere
			}
			all.add(text, t.Name.Local, t.Attr)
		case xml.EndElement:
			all.add(text, "", nil)
		case xml.ProcInst:
			if tag, err := cutTag(raw); err != nil || at != int64(len(document)-len(strings.TrimLeft(document, blanks))) || tag != raw {
				return nil, errElsewhere // which may hold ">" and quotes without a second one, too
			}
		default:
			return nil, errElsewhere
		}
		text = ""
	}
}

// FuzzTags has encoding/xml as the judge of what a document's tags and texts are, and of whether it is well-formed.
func FuzzTags(f *testing.F) {
	for _, document := range []string{
		objs(sample), `<?xml version="1.0" encoding="utf-16"?>` + "\r\n" + `<S N="a">x</S>`, `<?xml a=">"?><S/>`, `<?xml a="?>"?><S/>`, `<?a?><?b?><S/>`, "<S/> <?a?>",
		`<a N="b" /><a N='b'/><a N = "b"c="d"></a ><a  N="&lt;&#x41;"/><a N="]]>"/><a N="<"/><a N="b"N="c"/>`, "<a>\r\n\tä&amp;&#10;[x]\r</a>", "<a>]]></a>", "<a>\x00</a>", "<a>\xff</a>",
		`<a/></a>`, `<a><b></a></b>`, `<a//>`, `<a / >`, `< a/>`, `<a`, `<a>`, `</a>`, `<1/>`, `<ä ö="ü"/>`, `<x:a/>`, `<x:a xmlns:x="` + namespace + `"/>`, `<:a/>`, `<a:/>`, `<a xmlns="u"/>`, `<a xmlns=""/>`,
		`<a><!-- --></a>`, `<a><![CDATA[x]]></a>`, `<!DOCTYPE a><a/>`, `<a>&x;</a>`, `<a b=c/>`, `<a b/>`, `<a x:N="b" N="c"/>`,
	} {
		f.Add(document)
	}
	f.Fuzz(func(t *testing.T, document string) {
		if len(document) > maxTag || strings.Count(document, "xmlns") > 1 {
			return // a tag may be too long, or of two declarations in one tag the other count
		}
		got, err := ownSteps(document)
		want, failed := librarySteps(document)
		if (err == nil) != (failed == nil) {
			t.Fatalf("got the error %v, encoding/xml gives %v", err, failed)
		}
		if diff := cmp.Diff(got, want); diff != "" {
			t.Errorf("got -, want +:\n%s", diff)
		}
	})
}
