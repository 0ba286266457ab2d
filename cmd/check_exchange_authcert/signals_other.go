//go:build !windows

package main

import (
	"os"
	"syscall"
)

// endings are the signals that end a run, with an answer. Left to Go (1.26),
// SIGHUP would leave a shell open on the host, SIGQUIT and SIGABRT, which
// systemd's watchdog sends, write the program's stacks and exit with 2, which
// is CRITICAL, and SIGALRM, by which a wrapper limits what it runs, do nothing.
var endings = []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGABRT, syscall.SIGALRM}
