package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
	"unicode"
)

// arguments are the command line's. Empty ones do not count. PRTG's Script v2 sensor
// passes its parameters on standard input instead, so that they are read there
// when the command line names nothing but the form of the answer.
func (p program) arguments(ctx context.Context) ([]string, error) {
	args := filled(p.args)
	name, others := outputIn(args)
	if others > 0 || name != "" && name != "prtg-v2" || !piped(p.stdin) {
		return args, nil
	}
	text, err := readSoon(ctx, p.stdin)
	if err != nil {
		return args, err
	}
	more, err := split(text)
	return append(filled(more), args...), err
}

// filled leaves out the arguments that are empty and the options without a
// value, as in "--hostname=": that is what a monitoring system makes of a
// macro that is not set.
func filled(args []string) []string {
	return slices.DeleteFunc(slices.Clone(args), isEmpty)
}

func isEmpty(arg string) bool {
	name, isOption := strings.CutPrefix(arg, "--")
	name, withoutValue := strings.CutSuffix(name, "=")
	return arg == "" || isOption && withoutValue && name != "" && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz-") == ""
}

// outputIn finds the value of --output among arguments that may be wrong
// otherwise, and counts the others.
func outputIn(args []string) (name string, others int) {
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if (arg == "-o" || arg == "--output") && i+1 < len(args) {
			i++
			name = args[i]
			continue
		}
		value, isOutput := strings.CutPrefix(arg, "--output=")
		if !isOutput && !strings.HasPrefix(arg, "--") {
			value, isOutput = strings.CutPrefix(arg, "-o")
		}
		if !isOutput {
			others++
			continue
		}
		name = strings.TrimPrefix(value, "=")
	}
	return name, others
}

// piped tells whether standard input is something that a program left there,
// and no terminal.
func piped(stdin io.Reader) bool {
	file, isFile := stdin.(*os.File)
	if !isFile {
		return stdin != nil
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice == 0
}

// Parameters on standard input are short and there from the start: whoever
// leaves it open and writes nothing has none.
const (
	parameterLimit = 64 << 10
	parameterWait  = 3 * time.Second
)

var errInterrupted = errors.New("reading parameters from standard input: interrupted by a signal")

// readSoon reads standard input to its end, and waits only shortly for it.
func readSoon(ctx context.Context, stdin io.Reader) (string, error) {
	type answer struct {
		data []byte
		err  error
	}
	soon, cancel := context.WithTimeout(ctx, parameterWait)
	defer cancel()
	answers := make(chan answer, 1)
	go func() {
		defer func() {
			if recover() != nil { // in a goroutine of its own it would end the process
				answers <- answer{err: errors.New("internal error")}
			}
		}()
		data, err := io.ReadAll(io.LimitReader(stdin, parameterLimit))
		answers <- answer{data, err}
	}()
	select {
	case a := <-answers:
		if a.err != nil {
			return "", fmt.Errorf("reading parameters from standard input: %w", a.err)
		}
		return string(a.data), nil
	case <-soon.Done():
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return "", errInterrupted
	}
	return "", nil
}

// split takes text apart at blanks, as a shell does. Quotes of either kind
// keep blanks together; a backslash is a character like any other, because
// Windows has it in paths.
func split(text string) ([]string, error) {
	var args []string
	var word strings.Builder
	inWord, quote := false, rune(0)
	for _, r := range strings.TrimPrefix(text, "\ufeff") {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '"' || r == '\''):
			quote, inWord = r, true
		case quote == 0 && unicode.IsSpace(r):
			if inWord {
				args = append(args, word.String())
			}
			word.Reset()
			inWord = false
		default:
			word.WriteRune(r)
			inWord = true
		}
	}
	if quote != 0 {
		return args, errors.New("parameters on standard input: a quote is not closed")
	}
	if inWord {
		args = append(args, word.String())
	}
	return args, nil
}
