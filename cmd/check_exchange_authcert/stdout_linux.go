package main

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// outputClosed tells whether the program was started without standard output.
// Go (1.26) then opens /dev/null in its place, for reading as well; a shell's
// >/dev/null is for writing only. Python's DEVNULL and Node's "ignore" cannot
// be told from that: who starts it so is content with the exit code.
func outputClosed() bool {
	var file unix.Stat_t
	mode, err := unix.FcntlInt(uintptr(syscall.Stdout), unix.F_GETFL, 0)
	return err == nil && mode&unix.O_ACCMODE == unix.O_RDWR && unix.Fstat(syscall.Stdout, &file) == nil &&
		file.Mode&unix.S_IFMT == unix.S_IFCHR && file.Rdev == unix.Mkdev(1, 3)
}
