package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// TestIcinga2 keeps the CheckCommand's arguments equal to the command line's
// options. -update rewrites them.
func TestIcinga2(t *testing.T) {
	const path = "../../plugin/render/definitions/icinga2.conf"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var arguments strings.Builder
	for _, f := range checking(t) {
		a := argumentOf(f)
		fmt.Fprintf(&arguments, "    \"--%s\" = {\n", f.Name)
		if a.SetIf != "" {
			fmt.Fprintf(&arguments, "      set_if = %s\n", quoted(a.SetIf))
		}
		if a.Value != "" {
			fmt.Fprintf(&arguments, "      value = %s\n", quoted(a.Value))
		}
		if a.SkipKey {
			fmt.Fprint(&arguments, "      skip_key = true\n")
		}
		if a.RepeatKey {
			fmt.Fprint(&arguments, "      repeat_key = true\n")
		}
		fmt.Fprintf(&arguments, "      description = %s\n    }\n", quoted(a.Description))
	}
	written(t, path, between(t, string(text), "// arguments", "// end arguments", arguments.String()))
}

// quoted writes a string of Icinga's language. A macro is meant by what stands
// between dollar signs; no help has any.
func quoted(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}

// argument is an argument of a command, as Icinga 2 and Director know it.
type argument struct {
	Value       string `json:"value,omitempty"`
	SetIf       string `json:"set_if,omitempty"`
	SetIfFormat string `json:"set_if_format,omitempty"`
	SkipKey     bool   `json:"skip_key,omitempty"`
	RepeatKey   bool   `json:"repeat_key,omitempty"`
	Description string `json:"description"`
}

func argumentOf(f *kong.Flag) argument {
	a := argument{Description: f.Help, Value: "$" + variable(f) + "$"}
	switch {
	case f.IsBool():
		a.SetIf, a.SetIfFormat, a.Value = a.Value, "string", ""
	case f.IsCounter(): // a number, as in --verbose=2
		a.Value, a.SkipKey = "--"+f.Name+"="+a.Value, true
	case repeatable(f):
		a.RepeatKey = true
	}
	return a
}

// basket is what Icinga Director restores. The names are its own.
type basket struct {
	Command   map[string]basketCommand
	Datafield map[string]datafield
}

type basketCommand struct {
	Arguments  map[string]argument `json:"arguments"`
	Command    string              `json:"command"`
	Fields     []basketField       `json:"fields"`
	Execute    string              `json:"methods_execute"`
	ObjectName string              `json:"object_name"`
	ObjectType string              `json:"object_type"`
	Timeout    string              `json:"timeout"` // seconds
}

type basketField struct {
	ID       int     `json:"datafield_id"`
	Required string  `json:"is_required"`
	Filter   *string `json:"var_filter"`
}

type datafield struct {
	Name        string   `json:"varname"`
	Caption     string   `json:"caption"`
	Description string   `json:"description"`
	Type        string   `json:"datatype"`
	Format      *string  `json:"format"`
	Settings    struct{} `json:"settings"`
	ID          string   `json:"originalId"`
}

// TestDirector keeps the basket equal to the command line's options. -update
// rewrites it.
func TestDirector(t *testing.T) {
	command := basketCommand{
		ObjectName: "exchange_authcert", ObjectType: "object", Execute: "PluginCheck",
		Command: "check_exchange_authcert", Timeout: "60", Arguments: map[string]argument{},
	}
	fields := map[string]datafield{}
	for i, f := range checking(t) {
		id := i + 1
		command.Arguments["--"+f.Name] = argumentOf(f)
		command.Fields = append(command.Fields, basketField{ID: id, Required: "n"})
		fields[strconv.Itoa(id)] = datafield{
			ID: strconv.Itoa(id), Name: variable(f), Caption: "Exchange Auth Certificate: " + f.Name, Description: f.Help,
			Type: `Icinga\Module\Director\DataType\DataType` + dataType(f),
		}
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(basket{map[string]basketCommand{command.ObjectName: command}, fields}); err != nil {
		t.Fatal(err)
	}
	written(t, "../../plugin/render/definitions/director.json", out.String())
}

func dataType(f *kong.Flag) string {
	switch {
	case f.IsBool():
		return "Boolean"
	case f.IsCounter():
		return "Number"
	case repeatable(f):
		return "Array"
	}
	return "String"
}
