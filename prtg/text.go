package prtg

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"

	"check_exchange_authcert/plugin/authcert"
)

// textLimit is how many characters of a message PRTG shows. It counts as
// Windows does, in UTF-16.
const textLimit = 2000

// text is the sensor's message: the verdict in one line, then the findings,
// worst first, as many as fit.
func text(result authcert.Result) string {
	if failure := result.Failure; failure != nil {
		return cut(clean(failureText(result.Status, failure)))
	}
	message := clean(result.Status.String() + " - " + result.Summary + ".")
	for i, finding := range result.Findings {
		next := " " + clean(fmt.Sprintf("[%s] %s (%s).", finding.Status, finding.Message, finding.ID))
		more := fmt.Sprintf(" And %d more findings.", len(result.Findings)-i)
		if length(message)+length(next)+length(more) > textLimit {
			return cut(message + more)
		}
		message += next
	}
	return cut(message)
}

// failureText says why there are no facts, and what to check.
func failureText(status authcert.Status, failure *authcert.Problem) string {
	words := status.String() + " - "
	if failure.Stage != "" {
		words += failure.Stage + ": "
	}
	words += failure.Error()
	if failure.Hint != "" {
		words += ". " + failure.Hint
	}
	return words
}

// clean makes text from outside one harmless line. PRTG clips a message at the
// first "#", shows angle brackets as markup or braces, and has been seen to
// garble what is not ASCII, so that our own ellipsis is spelled out.
func clean(line string) string {
	line = strings.ToValidUTF8(line, "?")
	line = strings.ReplaceAll(line, "…", "...")
	line = strings.Map(func(r rune) rune {
		switch {
		case r == '#':
			return '*'
		case r == '<':
			return '('
		case r == '>':
			return ')'
		case unicode.IsControl(r), unicode.IsSpace(r), r == '\uFFFE', r == '\uFFFF':
			return ' '
		case unicode.Is(unicode.Cf, r):
			return -1
		}
		return r
	}, line)
	return strings.Join(strings.Fields(line), " ")
}

func length(s string) int { return len(utf16.Encode([]rune(s))) }

// cut shortens text to what PRTG shows.
func cut(s string) string {
	if length(s) <= textLimit {
		return s
	}
	kept, room := []rune{}, textLimit-len("...")
	for _, r := range s {
		if room -= utf16.RuneLen(r); room < 0 {
			break
		}
		kept = append(kept, r)
	}
	return string(kept) + "..."
}
