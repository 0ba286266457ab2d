package authcert

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Range is a threshold range of the Monitoring Plugins guidelines,
// "[@]start:end": a value outside start..end alerts; with @ a value inside
// does. Both ends belong to the range. The zero Range is 0..0.
type Range struct {
	start, end float64
	inside     bool
}

// AtLeast is the range "n:": it alerts below n.
func AtLeast(n float64) Range { return Range{start: n, end: math.Inf(1)} }

// ParseDaysRange reads a threshold for days left. A bare number N means "N:",
// at least N days, because that is what users of every certificate plugin
// type; everything else is read as the guidelines say. Malformed text is an
// error, never a guess.
func ParseDaysRange(text string) (Range, error) {
	body, inside := strings.CutPrefix(text, "@")
	lower, upper, isRange := strings.Cut(body, ":")
	switch {
	case lower == "" && upper == "", lower == "~" && !isRange:
		return Range{}, fmt.Errorf("range %q: want a number of days, as in 60, or [@]start:end, as in 60:90", text)
	case !isRange && strings.HasPrefix(lower, "-"):
		return Range{}, fmt.Errorf("range %q: a number of days is not negative (a range may be: %q)", text, lower+":")
	case !isRange && inside:
		lower, upper = "0", body // @N means @0:N; N alone means N:
	}
	r := Range{inside: inside}
	var err error
	if r.start, err = rangeEnd(lower, "~", math.Inf(-1), 0); err != nil {
		return Range{}, fmt.Errorf("range %q: start: %w", text, err)
	}
	if r.end, err = rangeEnd(upper, "", math.Inf(1), math.Inf(1)); err != nil {
		return Range{}, fmt.Errorf("range %q: end: %w", text, err)
	}
	if r.start > r.end {
		return Range{}, fmt.Errorf("range %q: start %s is above end %s", text, lower, upper)
	}
	return r, nil
}

// rangeEnd reads one end of a range: empty text means absent, the word
// infinite means infinity.
func rangeEnd(text, infinite string, infinity, absent float64) (float64, error) {
	switch {
	case text == "":
		return absent, nil
	case text == infinite:
		return infinity, nil
	case !isNumber(text):
		return 0, fmt.Errorf("%q is not a number", text)
	}
	n, err := strconv.ParseFloat(text, 64)
	return n + 0, err // -0 is 0
}

// isNumber recognises a number without an exponent.
func isNumber(text string) bool {
	whole, fraction, hasPoint := strings.Cut(strings.TrimPrefix(text, "-"), ".")
	return areDigits(whole, 15) && (!hasPoint || areDigits(fraction, 6))
}

// areDigits tells whether text has 1 to most digits and nothing else.
func areDigits(text string, most int) bool {
	return text != "" && len(text) <= most && strings.Trim(text, "0123456789") == ""
}

// Alerts tells whether a value violates the range.
func (r Range) Alerts(value int) bool {
	v := float64(value)
	outside := v < r.start || v > r.end
	return outside != r.inside
}

// minimum returns the least value that does not alert, when the range is of
// the form "N:".
func (r Range) minimum() (float64, bool) {
	return r.start, !r.inside && math.IsInf(r.end, 1) && !math.IsInf(r.start, -1)
}

// String writes the range as the guidelines spell it, for example "30:", "~:10"
// or "@10:20".
func (r Range) String() string {
	var b strings.Builder
	if r.inside {
		b.WriteByte('@')
	}
	if math.IsInf(r.start, -1) {
		b.WriteByte('~')
	} else {
		b.WriteString(strconv.FormatFloat(r.start, 'f', -1, 64))
	}
	b.WriteByte(':')
	if !math.IsInf(r.end, 1) {
		b.WriteString(strconv.FormatFloat(r.end, 'f', -1, 64))
	}
	return b.String()
}

// MarshalText writes the range as String does.
func (r Range) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads a range as ParseDaysRange does.
func (r *Range) UnmarshalText(text []byte) (err error) {
	*r, err = ParseDaysRange(string(text))
	return err
}
