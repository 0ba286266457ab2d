package render

import (
	"strings"
	"unicode"
)

// Line makes one harmless line of a text from outside.
func Line(text string) string { return strings.Join(strings.Fields(clean(text)), " ") }

// clean makes one line of text harmless: "|" would begin performance data,
// angle brackets become markup in web interfaces, control and invisible
// characters move cursors and hide text.
func clean(line string) string {
	line = strings.ToValidUTF8(line, "?")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '|':
			return '/'
		case r == '<':
			return '('
		case r == '>':
			return ')'
		case unicode.IsControl(r), r == '\u2028', r == '\u2029':
			return ' '
		case unicode.Is(unicode.Cf, r):
			return -1
		}
		return r
	}, line)
}
