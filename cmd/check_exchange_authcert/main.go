package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"check_exchange_authcert/plugin/authcert"
)

func main() {
	// A reader that has gone away is an error of the write, not a silent death.
	signal.Ignore(syscall.SIGPIPE)
	// net/http logs what a server did wrong, in that one's own words; nothing belongs on standard error.
	log.SetOutput(io.Discard)
	heeded := slices.DeleteFunc(endings, signal.Ignored) // nohup(1) has SIGHUP ignored, and a shell SIGINT in the background
	ctx, stop := signal.NotifyContext(context.Background(), heeded...)
	// Whoever presses Ctrl-C again does not want to wait for the clean-up. Other
	// signals do not cut it short: timeout(1) sends its own twice.
	context.AfterFunc(ctx, func() { signal.Reset(os.Interrupt) })
	code := program{args: os.Args[1:], env: os.Getenv, stdin: os.Stdin, stdout: os.Stdout, now: time.Now, closed: outputClosed()}.run(ctx)
	stop()
	os.Exit(code)
}

// program is one run: all that it has of the process. Tests make their own.
type program struct {
	args   []string
	env    func(string) string
	stdin  io.Reader
	stdout io.Writer
	now    func() time.Time
	closed bool // standard output was, when the program started
}

// run does what the arguments say, writes one answer and returns the exit
// code, 0 to 3. An answer that could not be written is never OK.
func (p program) run(ctx context.Context) int {
	start := time.Now()
	var c cli
	var out bytes.Buffer
	code := p.answer(ctx, &c, &out)
	wait := max(time.Until(start.Add(time.Duration(c.Timeout))), writeWait)
	err := p.write(ctx, out.Bytes(), wait)
	name, _ := outputIn(p.args)
	lost := p.closed && formByName(name).exitZero // else the exit code tells all
	if (err != nil || lost) && code == authcert.OK.Code() {
		return authcert.Unknown.Code()
	}
	return code
}

// writeWait is how long a reader may take when the time of the run is up.
const writeWait = 2 * time.Second

// write writes the answer. Nobody may read it, and a write knows no deadline:
// it is given up when the time is up, or a signal arrives in it. The answer to
// a signal that came before is written as well, if somebody reads it soon.
func (p program) write(ctx context.Context, answer []byte, wait time.Duration) error {
	signalled := ctx.Done()
	if ctx.Err() != nil {
		signalled, wait = nil, writeWait
	}
	written := make(chan error, 1)
	go func() {
		_, err := p.stdout.Write(answer)
		written <- err
	}()
	select {
	case err := <-written:
		return err
	case <-signalled:
		return ctx.Err()
	case <-time.After(wait):
		return os.ErrDeadlineExceeded
	}
}

// answer writes the answer to out, and the command line to c. A panic is
// UNKNOWN, and what it carried stays inside: it may hold data.
func (p program) answer(ctx context.Context, c *cli, out *bytes.Buffer) (code int) {
	name, _ := outputIn(p.args)
	defer func() {
		if recover() != nil {
			code = formByName(name).refuse(out, "internal error; please report it with the arguments of this call")
		}
	}()
	args, err := p.arguments(ctx)
	name, _ = outputIn(args)
	var done bool
	if err == nil {
		done, err = c.parse(args, p.env, out)
	}
	switch {
	case errors.Is(err, errInterrupted):
		return formByName(name).refuse(out, err.Error())
	case err != nil:
		return formByName(name).refuse(out, fmt.Sprintf("%v (--help shows the options)", err))
	case done:
		return authcert.Unknown.Code()
	case c.ListFindings:
		return listFindings(out)
	case c.Print != "":
		return printDefinition(out, c.Print)
	}
	return p.check(ctx, c, out)
}
