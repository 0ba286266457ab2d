package source

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"check_exchange_authcert/plugin/authcert"
)

// The largest inputs that are read, in bytes: a thousand servers with ten
// certificates each are half of maxSnapshot, in UTF-16 nearly all of it, and 370
// servers of Get-ExchangeServer two thirds of maxFile, in UTF-16 more than it. How large a file is, it
// tells before it is read; a stream does not, and what is read of it in vain
// takes memory.
const (
	maxFile     = 64 << 20 // of CLIXML
	maxSnapshot = 32 << 20
	maxStream   = 16 << 20 // and of what the collector printed
)

const stageSnapshot = "reading the snapshot"

// File reads facts that somebody saved: a snapshot in JSON, what the collector
// printed, one file or a folder of Export-Clixml output, or "-" for Stdin.
type File struct {
	Path  string
	Stdin io.Reader
}

// Snapshot reads the file or folder. What it is, its content tells.
func (f File) Snapshot(context.Context) (*authcert.Snapshot, error) {
	if f.Path == "-" {
		data, err := readStream(f.Stdin, "standard input")
		if err != nil {
			return nil, err
		}
		return decode(data, "standard input", authcert.Instant{})
	}
	info, err := os.Stat(f.Path)
	if err != nil {
		return nil, fileProblem(f.Path, err)
	}
	if info.IsDir() {
		return readExports(f.Path)
	}
	data, err := readFile(f.Path)
	if err != nil {
		return nil, err
	}
	return decode(data, f.Path, authcert.At(info.ModTime()))
}

// decode reads one document: what the collector printed, JSON or CLIXML. CLIXML
// does not say when it was written, so the file's time has to.
func decode(data []byte, name string, written authcert.Instant) (*authcert.Snapshot, error) {
	switch {
	case isCLIXML(data):
		exports := exports{taken: written}
		exports.add(data, name)
		return exports.snapshot(name)
	case len(data) > maxSnapshot:
		return nil, tooLarge(name, maxSnapshot)
	case isCollected(data) && len(data) > maxStream:
		return nil, tooLarge(name, maxStream)
	case isCollected(data):
		document, err := collected(data, nil, "")
		if err != nil {
			return nil, err
		}
		return readCollected(document)
	}
	snap, err := authcert.DecodeSnapshot(data)
	if err != nil {
		return nil, malformed(name, err)
	}
	return snap, nil
}

// isCLIXML recognises XML in UTF-8 or UTF-16, with a byte order mark or
// without, and the header that PowerShell puts before it on a stream.
func isCLIXML(data []byte) bool {
	for _, mark := range []string{"\xef\xbb\xbf", "\xff\xfe", "\xfe\xff"} {
		data = bytes.TrimPrefix(data, []byte(mark))
	}
	data = bytes.TrimLeft(data, "\x00 \t\r\n")
	return bytes.HasPrefix(data, []byte("<")) || bytes.HasPrefix(data, []byte("#< CLIXML"))
}

func readFile(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fileProblem(path, err)
	}
	defer file.Close()
	info, err := file.Stat()
	switch {
	case err != nil:
		return nil, fileProblem(path, err)
	case !info.Mode().IsRegular():
		return readStream(file, path)
	case info.Size() > maxFile:
		return nil, tooLarge(path, maxFile)
	}
	return readSized(file, path, int(info.Size()))
}

// readStream reads what does not tell its size.
func readStream(r io.Reader, name string) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxStream+1))
	return readWhole(data, name, maxStream, err)
}

// readSized reads a file into one piece of memory of its size.
func readSized(file io.Reader, name string, size int) ([]byte, error) {
	var buffer bytes.Buffer
	buffer.Grow(size + bytes.MinRead)
	_, err := buffer.ReadFrom(io.LimitReader(file, maxFile+1))
	return readWhole(buffer.Bytes(), name, maxFile, err)
}

// readWhole looks at what was read, which may be a byte more than the limit.
func readWhole(data []byte, name string, limit int, err error) ([]byte, error) {
	switch {
	case err != nil:
		return nil, fileProblem(name, err)
	case len(data) > limit:
		return nil, tooLarge(name, limit)
	case len(bytes.TrimSpace(data)) == 0:
		return nil, malformed(name, errors.New("it is empty"))
	}
	return data, nil
}

func tooLarge(name string, limit int) *authcert.Problem {
	return malformed(name, fmt.Errorf("it is larger than %d MiB", limit>>20))
}

func malformed(name string, err error) *authcert.Problem {
	return &authcert.Problem{Stage: stageSnapshot, Reason: authcert.Malformed, Message: fmt.Sprintf("%s: %v", name, err),
		Hint: hintAnew}
}

const hintAnew = "Write it anew with --save, the collector, or Export-Clixml"

// fileProblem says what the operating system said, without its own wording of
// the operation.
func fileProblem(path string, err error) *authcert.Problem {
	problem := &authcert.Problem{Stage: stageSnapshot, Reason: authcert.Unreadable, Hint: "See that the path is right and that this account may read it"}
	var cause *fs.PathError
	if errors.As(err, &cause) {
		err = cause.Err
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		problem.Reason = authcert.NotFound
	case errors.Is(err, fs.ErrPermission):
		problem.Reason = authcert.AccessDenied
	}
	problem.Message = fmt.Sprintf("%s: %v", path, err)
	return problem
}

// oldest returns the earlier of two instants; an unknown one does not count.
func oldest(a authcert.Instant, b time.Time) authcert.Instant {
	if !a.Known() || b.Before(a.Time) {
		return authcert.At(b)
	}
	return a
}
