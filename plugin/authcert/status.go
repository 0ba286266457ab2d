package authcert

import (
	"fmt"
	"strings"
)

// Status is a plugin state. The zero value is Unknown, so that whatever was
// forgotten is not OK.
type Status uint8

// The four states of the Monitoring Plugins guidelines.
const (
	Unknown Status = iota
	OK
	Warning
	Critical
)

// statuses holds, per Status, its label, its exit code and its severity. The
// severity is ours, not the guidelines': a known problem outranks an unanswered
// question.
var statuses = [...]struct {
	label    string
	code     int
	severity int
}{
	Unknown:  {"UNKNOWN", 3, 1},
	OK:       {"OK", 0, 0},
	Warning:  {"WARNING", 1, 2},
	Critical: {"CRITICAL", 2, 3},
}

// String returns the label in capitals: OK, WARNING, CRITICAL or UNKNOWN.
func (s Status) String() string { return s.known().label() }

// Code returns the plugin exit code, 0 to 3.
func (s Status) Code() int { return statuses[s.known()].code }

func (s Status) label() string { return statuses[s].label }

func (s Status) severity() int { return statuses[s.known()].severity }

// known maps values outside the four states to Unknown.
func (s Status) known() Status {
	if int(s) >= len(statuses) {
		return Unknown
	}
	return s
}

// Worst returns the more severe of two states: CRITICAL > WARNING > UNKNOWN > OK.
func Worst(a, b Status) Status {
	if b.severity() > a.severity() {
		return b
	}
	return a
}

// ParseStatus reads a state's label in any case; it is an error for anything
// but the four.
func ParseStatus(text string) (Status, error) {
	for s := range statuses {
		if strings.EqualFold(text, statuses[s].label) {
			return Status(s), nil
		}
	}
	return Unknown, fmt.Errorf("state %q: want ok, warning, critical or unknown", text)
}

// MarshalText writes the label.
func (s Status) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a label as ParseStatus does.
func (s *Status) UnmarshalText(text []byte) (err error) {
	*s, err = ParseStatus(string(text))
	return err
}
