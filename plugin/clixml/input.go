package clixml

import (
	"bytes"
	"encoding/binary"
	"io"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxTag bounds what encoding/xml (Go 1.26) gathers for one tag: without it 64 MiB
// of attributes grow to gigabytes. PowerShell's longest tags hold a property name.
const maxTag = 64 << 10 // bytes

// refusal is why a document is not read on, free of the document's own text.
type refusal string

func (r refusal) Error() string { return string(r) }

const (
	errUTF16   refusal = "CLIXML in UTF-16 with half a character at the end"
	errCharset refusal = "an encoding other than UTF-8 and UTF-16 is declared"
	errMarkup  refusal = "a document type, comment or CDATA section, which CLIXML does not have"
	errTag     refusal = "a tag longer than 64 KiB"
)

// toUTF8 goes by the byte order mark. Export-Clixml of Windows PowerShell writes UTF-16.
func toUTF8(data []byte) ([]byte, error) {
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(data, []byte("\xEF\xBB\xBF")):
		return data[3:], nil
	case bytes.HasPrefix(data, []byte("\xFF\xFE")):
		order = binary.LittleEndian
	case bytes.HasPrefix(data, []byte("\xFE\xFF")):
		order = binary.BigEndian
	default:
		return data, nil
	}
	if len(data)%2 != 0 {
		return nil, errUTF16
	}
	text := make([]byte, 0, len(data)/2)
	for i := 2; i < len(data); i += 2 {
		r := rune(order.Uint16(data[i:]))
		if utf16.IsSurrogate(r) && i+3 < len(data) {
			if pair := utf16.DecodeRune(r, rune(order.Uint16(data[i+2:]))); pair != utf8.RuneError {
				r, i = pair, i+2
			}
		}
		text = utf8.AppendRune(text, r) // a lone half becomes U+FFFD
	}
	return text, nil
}

// declaredCharset accepts the XML declaration of a document that toUTF8 has converted already.
func declaredCharset(name string, input io.Reader) (io.Reader, error) {
	if strings.EqualFold(name, "utf-16") {
		return input, nil
	}
	return nil, errCharset
}

// tagReader hands the text to encoding/xml and stops it at markup that CLIXML
// does not have and at tags that never end.
type tagReader struct {
	*bytes.Reader
	text  []byte
	inTag int  // bytes since "<"
	quote byte // of the attribute value that is being read
}

func newTagReader(text []byte) *tagReader {
	return &tagReader{Reader: bytes.NewReader(text), text: text}
}

// ReadByte is what encoding/xml calls, because it finds an io.ByteReader.
func (t *tagReader) ReadByte() (byte, error) {
	b, err := t.Reader.ReadByte()
	switch {
	case err != nil:
		return 0, err
	case t.inTag == 0:
		if b == '<' {
			t.inTag = 1
		}
		return b, nil
	case t.inTag == 1 && b == '!':
		return 0, errMarkup
	case t.inTag == maxTag:
		return 0, errTag
	}
	t.inTag++
	switch {
	case t.quote != 0:
		if b == t.quote {
			t.quote = 0
		}
	case b == '"' || b == '\'':
		t.quote = b
	case b == '>':
		t.inTag = 0
	}
	return b, nil
}

// plainText takes the text up to the next tag without the detour through encoding/xml (Go 1.26), which looks at it byte
// by byte three times over: most of what Exchange sends are a few long base64 texts. It leaves alone what needs more
// than copying: entities, line ends, which count, and what may not stand in XML. It may be called right behind a start
// tag only, for there the decoder has read to the ">" and not further.
func (t *tagReader) plainText() ([]byte, bool) {
	at := len(t.text) - t.Len()
	if at < 2 || t.text[at-1] != '>' || t.text[at-2] == '/' {
		return nil, false // "<S />" has no text, what follows is somebody else's
	}
	end := bytes.IndexByte(t.text[at:], '<')
	if end <= 0 {
		return nil, false
	}
	for _, b := range t.text[at : at+end] {
		if b < ' ' || b == '&' || b == ']' || b >= 0x7f {
			return nil, false
		}
	}
	if _, err := t.Seek(int64(end), io.SeekCurrent); err != nil {
		return nil, false
	}
	return t.text[at : at+end], true
}
