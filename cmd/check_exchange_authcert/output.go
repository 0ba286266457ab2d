package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"check_exchange_authcert/plugin/authcert"
	"check_exchange_authcert/plugin/render"
	"check_exchange_authcert/plugin/source"
	"check_exchange_authcert/prtg"
)

// form is one way to write the answer.
type form struct {
	name  string
	write func(io.Writer, authcert.Result, int) error
	// exitZero says that the reader takes the state from the document, and
	// may drop the document of a program that failed.
	exitZero bool
}

// forms are the values of --output; the first is the default.
var forms = []form{
	{name: "nagios", write: render.Nagios},
	{name: "prtg", write: brief(prtg.XML), exitZero: true},
	{name: "prtg-v2", write: brief(prtg.JSON), exitZero: true},
	{name: "zabbix", write: brief(render.Zabbix), exitZero: true},
	{name: "json", write: brief(render.JSON)},
}

// brief is for forms that know no verbosity.
func brief(write func(io.Writer, authcert.Result) error) func(io.Writer, authcert.Result, int) error {
	return func(w io.Writer, result authcert.Result, _ int) error { return write(w, result) }
}

// formByName finds a form; another name is the default's.
func formByName(name string) form {
	for _, f := range forms {
		if f.name == name {
			return f
		}
	}
	return forms[0]
}

// answer writes a result and returns the exit code.
func (f form) answer(out *bytes.Buffer, result authcert.Result, verbosity int) int {
	if err := f.write(out, result, verbosity); err != nil {
		return f.refuse(out, fmt.Sprintf("writing the answer: %v", err))
	}
	return f.code(result.Status)
}

// refuse replaces what is in out by an answer that no check stands behind, in
// the form that its reader expects.
func (f form) refuse(out *bytes.Buffer, why string) int {
	out.Reset()
	if f.name != forms[0].name {
		if f.write(out, authcert.Failed(&authcert.Problem{Message: why}, authcert.Instant{}), 0) == nil {
			return f.code(authcert.Unknown)
		}
		out.Reset()
	}
	fmt.Fprintf(out, "%s - %s\n", authcert.Unknown, render.Line(why))
	return f.code(authcert.Unknown)
}

func (f form) code(status authcert.Status) int {
	if f.exitZero {
		return authcert.OK.Code()
	}
	return status.Code()
}

// definitions are the files that the program carries, by the names that
// --print knows.
var definitions = []struct{ name, content string }{
	{"collector", source.Collector()},
	{"zabbix", render.ZabbixTemplate},
	{"prtg-lookup", prtg.Lookup},
	{"icinga2", render.Icinga2},
	{"director", render.Director},
	{"nagios", render.NagiosObjects},
	{"nrpe", render.NRPE},
	{"mrpe", render.MRPE},
}

// printDefinition writes one of them.
func printDefinition(out *bytes.Buffer, name string) int {
	for _, d := range definitions {
		if d.name == name {
			out.WriteString(d.content)
			return authcert.OK.Code()
		}
	}
	return forms[0].refuse(out, fmt.Sprintf("--print %s: known are %s", name, definitionNames()))
}

func definitionNames() string {
	names := make([]string, len(definitions))
	for i, d := range definitions {
		names[i] = d.name
	}
	return strings.Join(names, ", ")
}
