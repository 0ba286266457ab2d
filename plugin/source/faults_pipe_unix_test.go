//go:build unix

package source_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// pipe is the path of a named pipe that somebody writes to slowly, or not at all.
func pipe(t *testing.T, f fault, name string, text []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	writer, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	feed(t, f, writer, text)
	return path
}
