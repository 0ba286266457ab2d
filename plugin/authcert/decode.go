package authcert

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// List is a JSON array; a single value where an array is expected is a list of
// one, because PowerShell unrolls arrays of one. null is nil: not known.
type List[T any] []T

// What a snapshot may hold at most. A thousand servers with ten certificates
// each have 100,000 values.
const (
	maxParts   = 400_000 // values and names
	maxEntries = 10_000  // values of one list
)

// UnmarshalJSON reads an array, a single value or null. An array of which
// appending would make several copies gets its memory at once.
func (l *List[T]) UnmarshalJSON(data []byte) error {
	switch {
	case bytes.Equal(data, []byte("null")):
		*l = nil
		return nil
	case data[0] == '[':
		n := entries(data)
		if n > maxEntries {
			return fmt.Errorf("a list of %d entries; the limit is %d", n, maxEntries)
		}
		*l = make([]T, 0, n)
		return json.Unmarshal(data, (*[]T)(l))
	}
	var one T
	if err := json.Unmarshal(data, &one); err != nil {
		return err
	}
	*l = List[T]{one}
	return nil
}

// DER is a certificate's bytes, base64 in JSON. Text that is not base64 stays
// as it is: one certificate that is none must not cost the whole snapshot, nor
// look like none at all.
type DER []byte

// UnmarshalJSON reads base64 text, blanks in it ignored, and null. Most of a
// snapshot is plain base64 in quotes, which needs no look at JSON's escapes.
func (d *DER) UnmarshalJSON(data []byte) error {
	if len(data) > 2 && data[0] == '"' {
		if raw, err := base64.StdEncoding.AppendDecode(nil, data[1:len(data)-1]); err == nil {
			*d = raw
			return nil
		}
	}
	var text *string
	if err := json.Unmarshal(data, &text); err != nil {
		return fmt.Errorf("rawData: %w", err)
	}
	*d = nil
	if text == nil || strings.TrimSpace(*text) == "" {
		return nil
	}
	raw, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(*text), ""))
	if err != nil {
		raw = []byte(*text)
	}
	*d = raw
	return nil
}

// Services are the Exchange services that use a certificate; nil is not known,
// empty is none.
type Services []string

// ParseServices reads Exchange's own form, "IIS, SMTP"; "None" and "" are none.
func ParseServices(text string) Services {
	services := Services{}
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" && !strings.EqualFold(part, "None") {
			services = append(services, part)
		}
	}
	return services
}

// UnmarshalJSON reads an array of names, Exchange's own form as one string, or
// null.
func (s *Services) UnmarshalJSON(data []byte) error {
	var names List[string]
	if err := json.Unmarshal(data, &names); err != nil {
		return fmt.Errorf("services: %w", err)
	}
	*s = nil
	if names != nil {
		*s = ParseServices(strings.Join(names, ","))
	}
	return nil
}

// DecodeSnapshot reads one snapshot in JSON: strict on shape, forgiving on
// spelling. Unknown fields are ignored. An error says what is wrong and, where
// it can, in which line.
func DecodeSnapshot(data []byte) (*Snapshot, error) {
	data = plainUTF8(data)
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, errors.New("the snapshot is empty")
	}
	if parts := JSONParts(data); parts > maxParts {
		return nil, fmt.Errorf("the snapshot holds %d values and names; the limit is %d", parts, maxParts)
	}
	var snap *Snapshot
	if err := json.Unmarshal(data, &snap); err != nil {
		return nil, explainJSON(data, err)
	}
	if err := validate(snap); err != nil {
		return nil, err
	}
	return snap, nil
}

// plainUTF8 takes away what Windows puts around text: editors begin it with a
// byte order mark, and ">" of Windows PowerShell writes UTF-16.
func plainUTF8(data []byte) []byte {
	if rest, marked := bytes.CutPrefix(data, []byte("\xff\xfe")); marked {
		text := make([]byte, 0, len(rest)/2)
		for ; len(rest) > 1; rest = rest[2:] {
			r := rune(binary.LittleEndian.Uint16(rest))
			if utf16.IsSurrogate(r) && len(rest) > 3 {
				if pair := utf16.DecodeRune(r, rune(binary.LittleEndian.Uint16(rest[2:]))); pair != utf8.RuneError {
					r, rest = pair, rest[2:]
				}
			}
			text = utf8.AppendRune(text, r) // half a pair becomes U+FFFD
		}
		return text
	}
	return bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
}

// explainJSON turns the decoder's errors into a line number and plain words. It
// goes by the words of encoding/json (Go 1.26), whose Decoder says more but keeps
// up to three copies of its input.
func explainJSON(data []byte, err error) error {
	var syntax *json.SyntaxError
	var wrongType *json.UnmarshalTypeError
	switch isSyntax := errors.As(err, &syntax); {
	case isSyntax && err.Error() == "unexpected end of JSON input":
		return fmt.Errorf("line %d: the JSON ends in the middle: was it cut off?", lineAt(data, int64(len(data))))
	case isSyntax && strings.HasSuffix(err.Error(), "after top-level value"):
		return fmt.Errorf("line %d: more than one JSON document", lineAt(data, syntax.Offset))
	case isSyntax:
		return fmt.Errorf("line %d: not JSON: %w", lineAt(data, syntax.Offset), err)
	case errors.As(err, &wrongType):
		return explainType(wrongType, err)
	}
	return err
}

// explainType names the field as well as it can: one that reads itself (a date,
// a thumbprint, a list) hides where it is, and then err says what it is.
func explainType(e *json.UnmarshalTypeError, err error) error {
	where := "in the snapshot"
	switch {
	case e.Field != "":
		where = fmt.Sprintf("in %q", e.Field)
	case err.Error() != e.Error(): // it was wrapped with the name of its kind
		what, _, _ := strings.Cut(err.Error(), ":")
		where = "for " + what
	}
	return fmt.Errorf("%s where %s was expected %s", article(e.Value), jsonKind(e.Type), where)
}

func jsonKind(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Struct, reflect.Pointer:
		return "an object"
	case reflect.Slice:
		return "a list"
	case reflect.Int:
		return "a whole number"
	}
	return article(t.Kind().String())
}

// article turns the decoder's name of a JSON value into words: "array" is "a
// list", "bool" is "true or false".
func article(value string) string {
	switch value {
	case "array":
		return "a list"
	case "object":
		return "an object"
	case "bool":
		return "true or false"
	}
	return "a " + value
}

func lineAt(data []byte, offset int64) int {
	return 1 + bytes.Count(data[:min(int(offset), len(data))], []byte("\n"))
}

// validate refuses what no rule could judge.
func validate(snap *Snapshot) error {
	switch {
	case snap == nil:
		return errors.New("the snapshot is null")
	case snap.Schema == 0:
		return errors.New(`not a snapshot: it has no "schema"`)
	case snap.Schema != Schema:
		return fmt.Errorf("snapshot schema %d: this version reads schema %d", snap.Schema, Schema)
	}
	for i := range snap.Servers {
		if strings.TrimSpace(snap.Servers[i].FQDN) == "" {
			return fmt.Errorf("server %d of %d has no fqdn", i+1, len(snap.Servers))
		}
	}
	return nil
}
