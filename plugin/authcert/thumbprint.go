package authcert

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
)

// Thumbprint is the SHA-1 of a certificate's DER as Windows writes it: 40
// upper-case hexadecimal digits, or "" when there is none. In JSON none is null.
type Thumbprint string

const thumbprintLength = 40

// ParseThumbprint reads a thumbprint as people and consoles spell it: in any
// case, with blanks, colons or the invisible marks (U+200E and the like) that
// come along when one is copied from the certificate dialog. Blank text is no
// thumbprint and no error.
func ParseThumbprint(text string) (Thumbprint, error) {
	digits := strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) || r == ':' || r == '-' {
			return -1
		}
		return unicode.ToUpper(r)
	}, text)
	if digits == "" {
		return "", nil
	}
	if len(digits) != thumbprintLength || strings.Trim(digits, "0123456789ABCDEF") != "" {
		return "", fmt.Errorf("thumbprint %.60q: want 40 hexadecimal digits", text)
	}
	return Thumbprint(digits), nil
}

// Short returns the first eight digits and an ellipsis, enough to tell
// certificates apart in a line of text.
func (t Thumbprint) Short() string {
	if len(t) <= 8 {
		return string(t)
	}
	return string(t[:8]) + "…"
}

// MarshalJSON writes null for no thumbprint.
func (t Thumbprint) MarshalJSON() ([]byte, error) {
	if t == "" {
		return []byte("null"), nil
	}
	return json.Marshal(string(t))
}

// UnmarshalJSON reads a string as ParseThumbprint does, and null as none.
func (t *Thumbprint) UnmarshalJSON(data []byte) (err error) {
	if bytes.Equal(data, []byte("null")) {
		*t = ""
		return nil
	}
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return fmt.Errorf("thumbprint: %w", err)
	}
	*t, err = ParseThumbprint(text)
	return err
}
