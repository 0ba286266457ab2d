package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// TestManual keeps the options of the man page equal to the command line's.
// -update rewrites them.
func TestManual(t *testing.T) {
	const path = "../../.release/check_exchange_authcert.1"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var options strings.Builder
	group := ""
	for _, f := range flags(t) {
		if f.Group != nil && f.Group.Title != group {
			group = f.Group.Title
			fmt.Fprintf(&options, ".SS %s\n", roff(strings.TrimSuffix(group, ":")))
		}
		fmt.Fprint(&options, ".TP\n")
		if f.Short != 0 {
			fmt.Fprintf(&options, `\fB\-%c\fR, `, f.Short)
		}
		fmt.Fprintf(&options, `\fB\-\-%s\fR`, roff(f.Name))
		if takesValue(f) {
			fmt.Fprintf(&options, `=\fI%s\fR`, roff(f.PlaceHolder))
		}
		fmt.Fprintf(&options, "\n%s\n", roff(f.Help))
	}
	written(t, path, between(t, string(text), `.\" options`, `.\" end options`, options.String()))
}

// roff writes text so that none of it is a request or an escape.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "…", "...").Replace(text)
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		return `\&` + text
	}
	return text
}

func takesValue(f *kong.Flag) bool { return !f.IsBool() && !f.IsCounter() }
