package clixml

import (
	"encoding/xml"
	"errors"
	"strings"
)

// maxTag bounds a tag. PowerShell's longest ones hold a property's name.
const maxTag = 64 << 10 // bytes

const blanks = " \t\r\n"

// cutTag returns the tag at the start, or as much as was read of none.
func cutTag(s string) (string, error) {
	window := s[:min(len(s), maxTag)]
	if strings.HasPrefix(window, "<!") {
		return "", errMarkup
	}
	quote := byte(0)
	for i := range len(window) {
		switch c := window[i]; {
		case c == quote:
			quote = 0
		case quote != 0:
		case c == '"' || c == '\'':
			quote = c
		case c == '>':
			return window[:i+1], nil
		}
	}
	if len(window) == maxTag {
		return window, errTag
	}
	return window, errEnd
}

// startElement reads a start tag. Nearly all of them hold a name alone, or a property's name too, and are cut up here.
// The others go to encoding/xml.
func startElement(tag string) (xml.StartElement, error) {
	inside := strings.TrimSuffix(tag[1:len(tag)-1], "/")
	name, rest, named := strings.Cut(strings.TrimRight(inside, " "), ` N="`)
	value, closed := strings.CutSuffix(rest, `"`)
	switch {
	case closed != named, !isWord(name), !isPlain(value), strings.Contains(value, `"`):
		return fromLibrary[xml.StartElement](tag)
	case named:
		return xml.StartElement{Name: xml.Name{Local: name}, Attr: []xml.Attr{{Name: xml.Name{Local: "N"}, Value: value}}}, nil
	}
	return xml.StartElement{Name: xml.Name{Local: name}}, nil
}

func attribute(start xml.StartElement, name string) (string, bool) {
	for _, a := range start.Attr {
		if a.Name.Space == "" && a.Name.Local == name {
			return a.Value, true
		}
	}
	return "", false
}

func isWord(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && (c < '0' || c > '9' || i == 0) {
			return false
		}
	}
	return s != ""
}

// isPlain tells a text that stands for itself. The others hold entities, line ends, characters beyond ASCII, or what may
// not stand in XML.
func isPlain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\n' && c != '\t' || c == '&' || c == '<' || c == '>' || c >= 0x7f {
			return false
		}
	}
	return true
}

// fromLibrary has encoding/xml read one token, which is all of s.
func fromLibrary[T xml.Token](s string) (T, error) {
	d := xml.NewDecoder(strings.NewReader(s))
	d.CharsetReader = declaredCharset
	tok, err := d.RawToken()
	t, ok := tok.(T)
	switch {
	case errors.Is(err, errCharset):
		return t, errCharset
	case !ok || d.InputOffset() != int64(len(s)):
		return t, errXML
	}
	return t, nil
}
