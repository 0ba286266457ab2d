package authcert

import "bytes"

// JSONParts tells how many values a JSON text holds, from above: each of them,
// and each name, stands behind a brace, a bracket or a comma. encoding/json
// makes up to 500 bytes of one of three, so this is asked before.
func JSONParts(text []byte) (parts int) {
	for _, before := range []string{"{", "[", ","} {
		parts += bytes.Count(text, []byte(before))
	}
	return parts
}

// entries tells how many values a JSON list has, 1 for an empty one.
func entries(list []byte) int {
	n, depth := 1, 0
	for i := 0; i < len(list); i++ {
		switch list[i] {
		case '"':
			i += textLength(list[i:]) - 1
		case '[', '{':
			depth++
		case ']', '}':
			depth--
		case ',':
			if depth == 1 {
				n++
			}
		}
	}
	return n
}

// textLength is the length of the JSON text in quotes that stands there.
func textLength(data []byte) int {
	for at := 1; ; {
		end := bytes.IndexByte(data[at:], '"')
		if end < 0 {
			return len(data)
		}
		at += end + 1
		slashes := len(data[:at-1]) - len(bytes.TrimRight(data[:at-1], `\`))
		if slashes%2 == 0 {
			return at
		}
	}
}
