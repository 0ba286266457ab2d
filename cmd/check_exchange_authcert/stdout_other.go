//go:build !linux

package main

import (
	"io"
	"os"
)

// standardOutput is where the answer goes.
func standardOutput() io.Writer { return os.Stdout }
