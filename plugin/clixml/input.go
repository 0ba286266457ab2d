package clixml

import (
	"bytes"
	"encoding/binary"
	"io"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// refusal is why a document is not read on, free of the document's own text.
type refusal string

func (r refusal) Error() string { return string(r) }

const (
	errUTF16   refusal = "CLIXML in UTF-16 with half a character at the end"
	errCharset refusal = "an encoding other than UTF-8 and UTF-16 is declared"
	errMarkup  refusal = "a document type, comment or CDATA section, which CLIXML does not have"
	errTag     refusal = "a tag longer than 64 KiB"
	errEnd     refusal = "the document ends too early"
	errXML     refusal = "not well-formed XML"
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
