package source

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"check_exchange_authcert/plugin/authcert"
)

// PowerShell runs the collector on this host.
type PowerShell struct {
	// Exe is Windows PowerShell; where Windows has it when empty.
	Exe      string
	Exchange Exchange
	// Hide names variables of the environment that hold secrets: a child
	// process does not get them.
	Hide []string
}

const stageLocal = "running the collector here"

// maxOutput is how much the collector may write to a stream, in bytes.
const maxOutput = 16 << 20

// Snapshot runs the collector and reads its answer. Where there is no Windows
// it says so.
func (p PowerShell) Snapshot(ctx context.Context) (*authcert.Snapshot, error) {
	exe := p.Exe
	if exe == "" {
		if runtime.GOOS != "windows" {
			return nil, &authcert.Problem{Stage: stageLocal, Reason: authcert.Unsupported, Message: "this is no Windows host, and the collector needs Windows PowerShell",
				Hint: "Run --local on an Exchange server (NRPE, NSClient++, an agent, a PRTG probe), or ask from here with --hostname"}
		}
		exe = filepath.Join(cmp.Or(os.Getenv("SystemRoot"), `C:\Windows`), `System32\WindowsPowerShell\v1.0\powershell.exe`)
	}
	return p.Exchange.collect(ctx, "powershell", exe, func(args []string, input string) (stdout, stderr []byte, err error) {
		return p.run(ctx, exe, args, input)
	})
}

// run starts the process and takes what it writes. Its exit code does not
// matter: without an answer between the markers there is none.
func (p PowerShell) run(ctx context.Context, exe string, args []string, input string) (stdout, stderr []byte, err error) {
	var out, errOut limited
	command := exec.CommandContext(ctx, exe, args...) //nolint:gosec // the path is Windows' own or a test's
	command.Stdin, command.Stdout, command.Stderr = strings.NewReader(input), &out, &errOut
	command.Env = slices.DeleteFunc(os.Environ(), p.hidden)
	command.WaitDelay = 200 * time.Millisecond // a grandchild may hold the pipes
	err = runTree(command)
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return nil, nil, &authcert.Problem{Stage: stageLocal, Reason: authcert.Timeout, Message: "no answer before the deadline",
			Hint: "Give more time with --timeout; Exchange's PowerShell takes up to half a minute after a restart"}
	case out.full || errOut.full:
		return nil, nil, &authcert.Problem{Stage: stageLocal, Reason: authcert.Malformed, Message: fmt.Sprintf("it wrote more than %d MiB", maxOutput>>20), Hint: hintByHand}
	case err == nil, errors.As(err, &exit), errors.Is(err, exec.ErrWaitDelay): // what it left running holds the pipes
		return out.buffer.Bytes(), errOut.buffer.Bytes(), nil
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil, &authcert.Problem{Stage: stageLocal, Reason: authcert.NotFound, Message: exe + " is not there",
			Hint: "Windows PowerShell 5.1 belongs to every Exchange server: is this one?"}
	case errors.Is(err, fs.ErrPermission):
		return nil, nil, &authcert.Problem{Stage: stageLocal, Reason: authcert.AccessDenied, Message: fmt.Sprintf("starting %s: %v", exe, err),
			Hint: "See whether a policy (AppLocker, WDAC) forbids it"}
	}
	return nil, nil, &authcert.Problem{Stage: stageLocal, Reason: authcert.Unreadable, Message: fmt.Sprintf("running %s: %v", exe, err), Hint: hintByHand}
}

// hidden tells whether an environment entry is one that must not be passed on.
// Windows knows no case in names.
func (p PowerShell) hidden(entry string) bool {
	name, _, _ := strings.Cut(entry, "=")
	return slices.ContainsFunc(p.Hide, func(secret string) bool { return strings.EqualFold(name, secret) })
}

// limited is a buffer that refuses to grow beyond maxOutput. The buffer is not
// embedded: io.Copy would find its ReadFrom, which knows no limit.
type limited struct {
	buffer bytes.Buffer
	full   bool
}

func (l *limited) Write(data []byte) (int, error) {
	if l.full = l.full || l.buffer.Len()+len(data) > maxOutput; l.full {
		return 0, fmt.Errorf("more than %d MiB of output", maxOutput>>20)
	}
	return l.buffer.Write(data)
}
