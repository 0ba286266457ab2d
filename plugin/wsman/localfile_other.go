//go:build !windows

package wsman

import (
	"fmt"
	"io/fs"
	"syscall"
)

// openAtOnce has nobody wait for the writer of a FIFO, and no terminal become the process's own.
const openAtOnce = syscall.O_NONBLOCK | syscall.O_NOCTTY

// private refuses a file that every account may read or write.
func private(info fs.FileInfo) error {
	if mode := info.Mode().Perm(); mode&0o007 != 0 {
		return fmt.Errorf("every account can read it (mode %04o); make it private: chmod 640", mode)
	}
	return nil
}
