package psrp

import (
	"fmt"
	"slices"
)

// Command is one command of a pipeline, by its name.
type Command struct {
	Name       string
	Parameters []Parameter
}

// Parameter is one parameter of a command. Value is a string, bool, int32, int64, []string or nil, which is $null; a
// bool also stands for a switch that is given or not. Without a Name the value is positional.
type Parameter struct {
	Name  string
	Value any
}

// psObjects is the type that PowerShell's own client gives its lists of commands and of arguments.
var psObjects = []string{
	"System.Collections.Generic.List`1[[System.Management.Automation.PSObject, System.Management.Automation, Version=1.0.0.0, Culture=neutral, PublicKeyToken=31bf3856ad364e35]]",
	"System.Object",
}

const resultTypes = "System.Management.Automation.Runspaces.PipelineResultTypes"

// merges are the redirections of a command's streams, of which none is asked for.
var merges = []string{"MergeMyResult", "MergeToResult", "MergePreviousResults", "MergeError", "MergeWarning", "MergeVerbose", "MergeDebug", "MergeInformation"}

// createPipeline is the body of a CREATE_PIPELINE message.
func createPipeline(commands []Command) ([]byte, error) {
	var w writer
	var failed error
	w.bag("", func() {
		w.boolean("NoInput", true)
		w.enum("ApartmentState", "System.Threading.ApartmentState", "Unknown", 2)
		w.enum("RemoteStreamOptions", "System.Management.Automation.RemoteStreamOptions", "0", 0)
		w.boolean("AddToHistory", false)
		w.noHost()
		w.bag("PowerShell", func() {
			w.boolean("IsNested", false)
			w.null("ExtraCmds")
			w.list("Cmds", psObjects, func() {
				for _, c := range commands {
					if err := w.command(c); err != nil && failed == nil {
						failed = err
					}
				}
			})
			w.null("History")
			w.boolean("RedirectShellErrorOutputPipe", false)
		})
		w.boolean("IsNested", false)
	})
	return []byte(w.String()), failed
}

func (w *writer) command(c Command) error {
	var failed error
	w.bag("", func() {
		w.str("Cmd", c.Name)
		w.boolean("IsScript", false)
		w.null("UseLocalScope")
		for _, name := range merges {
			w.enum(name, resultTypes, "None", 0)
		}
		w.list("Args", psObjects, func() {
			for _, p := range c.Parameters {
				w.bag("", func() {
					if p.Name == "" {
						w.null("N")
					} else {
						w.str("N", p.Name)
					}
					if err := w.value("V", p.Value); err != nil && failed == nil {
						failed = fmt.Errorf("%s: parameter %s: %w", c.Name, p.Name, err)
					}
				})
			}
		})
	})
	return failed
}

func (w *writer) value(name string, value any) error {
	switch v := value.(type) {
	case nil:
		w.null(name)
	case string:
		w.str(name, v)
	case bool:
		w.boolean(name, v)
	case int32:
		w.i32(name, v)
	case int64:
		w.i64(name, v)
	case []string:
		w.list(name, []string{"System.String[]", "System.Array", "System.Object"}, func() {
			for s := range slices.Values(v) {
				w.str("", s)
			}
		})
	default:
		return fmt.Errorf("a value of type %T cannot be sent", value)
	}
	return nil
}
