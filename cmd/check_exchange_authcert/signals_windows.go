package main

import (
	"os"
	"syscall"
)

// endings are the signals that end a run, with an answer: Ctrl-C and
// Ctrl-Break; the end of the console, the session or the system.
var endings = []os.Signal{os.Interrupt, syscall.SIGTERM}
