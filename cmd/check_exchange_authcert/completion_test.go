package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// TestCompletion keeps the completions of three shells equal to the command
// line. -update rewrites them.
func TestCompletion(t *testing.T) {
	const path = "../../.release/check_exchange_authcert."
	written(t, path+"bash", bashCompletion(flags(t)))
	written(t, path+"zsh", zshCompletion(flags(t)))
	written(t, path+"fish", fishCompletion(flags(t)))
}

// choices are the values that an option knows, if they can be listed.
func choices(f *kong.Flag) []string {
	if f.Name == "print" {
		return strings.Split(definitionNames(), ", ")
	}
	if f.Enum == "" {
		return nil
	}
	values := f.EnumSlice()
	for i, value := range values {
		values[i] = strings.TrimSpace(value)
	}
	return values
}

func takesFile(f *kong.Flag) bool { return f.PlaceHolder == "FILE" || f.PlaceHolder == "PATH" }

func takesHost(f *kong.Flag) bool { return f.PlaceHolder == "HOST" }

// words are what a user types for an option.
func words(f *kong.Flag) []string {
	if f.Short == 0 {
		return []string{"--" + f.Name}
	}
	return []string{"-" + string(f.Short), "--" + f.Name}
}

func bashCompletion(flags []*kong.Flag) string {
	var values strings.Builder
	var options, files, hosts, others []string
	for _, f := range flags {
		options = append(options, "--"+f.Name)
		switch {
		case !takesValue(f):
		case len(choices(f)) > 0:
			fmt.Fprintf(&values, "    %s) COMPREPLY=($(compgen -W '%s' -- \"$word\")) ;;\n", strings.Join(words(f), "|"), strings.Join(choices(f), " "))
		case takesFile(f):
			files = append(files, words(f)...)
		case takesHost(f):
			hosts = append(hosts, words(f)...)
		default:
			others = append(others, words(f)...)
		}
	}
	return `# bash completion for check_exchange_authcert
_check_exchange_authcert() {
    local word=${COMP_WORDS[COMP_CWORD]} option=${COMP_WORDS[COMP_CWORD-1]}
    COMPREPLY=()
    if [[ $word == = ]]; then
        word=
    elif [[ $option == = ]]; then
        option=${COMP_WORDS[COMP_CWORD-2]}
    fi
    case $option in
` + values.String() + `    ` + strings.Join(files, "|") + `) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
    ` + strings.Join(hosts, "|") + `) COMPREPLY=($(compgen -A hostname -- "$word")) ;;
    ` + strings.Join(others, "|") + `) ;;
    *) COMPREPLY=($(compgen -W '` + strings.Join(options, " ") + `' -- "$word")) ;;
    esac
}
complete -F _check_exchange_authcert check_exchange_authcert
`
}

func zshCompletion(flags []*kong.Flag) string {
	help := strings.NewReplacer("'", `'\''`, "[", `\[`, "]", `\]`, ":", `\:`)
	text := "#compdef check_exchange_authcert\n_arguments -s"
	for _, f := range flags {
		action := ""
		switch {
		case !takesValue(f):
		case len(choices(f)) > 0:
			action = ":" + f.PlaceHolder + ":(" + strings.Join(choices(f), " ") + ")"
		case takesFile(f):
			action = ":" + f.PlaceHolder + ":_files"
		case takesHost(f):
			action = ":" + f.PlaceHolder + ":_hosts"
		default:
			action = ":" + f.PlaceHolder + ": "
		}
		for _, word := range words(f) {
			if takesValue(f) && strings.HasPrefix(word, "--") {
				word += "=" // the value may follow in a word of its own as well
			}
			text += " \\\n  '*" + word + "[" + help.Replace(f.Help) + "]" + action + "'"
		}
	}
	return text + "\n"
}

func fishCompletion(flags []*kong.Flag) string {
	quoted := strings.NewReplacer(`\`, `\\`, "'", `\'`)
	text := "# fish completion for check_exchange_authcert\ncomplete -c check_exchange_authcert -f\n"
	for _, f := range flags {
		text += "complete -c check_exchange_authcert"
		if f.Short != 0 {
			text += " -s " + string(f.Short)
		}
		text += " -l " + f.Name
		switch {
		case !takesValue(f):
		case len(choices(f)) > 0:
			text += " -x -a '" + strings.Join(choices(f), " ") + "'"
		case takesFile(f):
			text += " -r -F"
		case takesHost(f):
			text += " -x -a '(__fish_print_hostnames)'"
		default:
			text += " -x"
		}
		text += " -d '" + quoted.Replace(f.Help) + "'\n"
	}
	return text
}
