package source

import (
	"regexp"
	"sync"
)

// pattern compiles an expression when it is first used. A check uses few of
// them, and to compile all would take longer than the rest of its start.
func pattern(expression string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expression) })
}
