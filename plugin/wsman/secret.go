package wsman

import "fmt"

// Secret holds a password and does not show it: not with any verb of package fmt, not as JSON, not as text, not as a
// field of a struct that is printed. The zero value is the empty secret.
type Secret struct {
	// A closure, because fmt and debuggers' dumps print the fields of nested structs without asking their methods.
	reveal func() string
}

// NewSecret wraps value.
func NewSecret(value string) Secret {
	return Secret{reveal: func() string { return value }}
}

// Empty says whether there is nothing in it.
func (s Secret) Empty() bool { return s.value() == "" }

func (s Secret) value() string {
	if s.reveal == nil {
		return ""
	}
	return s.reveal()
}

// Format prints a placeholder for every verb.
func (s Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, "(secret)") }

// MarshalText returns a placeholder.
func (s Secret) MarshalText() ([]byte, error) { return []byte("(secret)"), nil }
