package render

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"unicode"
	"unicode/utf16"

	"check_exchange_authcert/plugin/authcert"
)

// JSON writes the whole result, indented. Characters that are markup in HTML,
// and those that a terminal obeys, are escaped.
func JSON(w io.Writer, result authcert.Result) error {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(result); err != nil {
		return err
	}
	_, err := w.Write(inert(out.Bytes()))
	return err
}

// inert escapes what encoding/json leaves as it is: DEL, the controls of ISO
// 6429 from U+0080 on, and the marks that turn the direction of text around.
// In JSON they can only be inside of a string.
func inert(document []byte) []byte {
	out := make([]byte, 0, len(document))
	for _, r := range string(document) {
		if r == '\n' || !unicode.In(r, unicode.Cc, unicode.Cf) {
			out = append(out, string(r)...)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			out = fmt.Appendf(out, `\u%04x`, unit)
		}
	}
	return out
}
