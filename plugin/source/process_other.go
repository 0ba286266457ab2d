//go:build !windows

package source

import "os/exec"

// runTree runs a command to its end. Only a test does so here: the collector
// is for Windows.
func runTree(command *exec.Cmd) error { return command.Run() }
