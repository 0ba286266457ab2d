//go:build !windows

package source

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"check_exchange_authcert/plugin/authcert"
)

// TestPowerShellInterrupted has the run end while the collector works here: its
// process is gone at once, also when another one holds its output open.
func TestPowerShellInterrupted(t *testing.T) {
	for name, script := range map[string]string{
		"alone":                `echo $$ >"${0%/*}/pid"; exec sleep 600`,
		"with another one":     `sleep 5 & echo $$ >"${0%/*}/pid"; exec sleep 600`,
		"that does not listen": `trap "" TERM INT; echo $$ >"${0%/*}/pid"; while :; do sleep 1; done`,
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			exe, said := filepath.Join(folder, "powershell"), filepath.Join(folder, "pid")
			if err := os.WriteFile(exe, []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := syscall.Mkfifo(said, 0o600); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			pid := make(chan int, 1)
			go func() {
				text, err := os.ReadFile(said) // waits for the script
				number, numberErr := strconv.Atoi(strings.TrimSpace(string(text)))
				if err != nil || numberErr != nil {
					t.Errorf("the script says %q: %v", text, err)
				}
				pid <- number
				cancel()
			}()
			start := time.Now()
			_, err := PowerShell{Exe: exe}.Snapshot(ctx)
			var problem *authcert.Problem
			if !errors.As(err, &problem) || problem.Stage != stageLocal || time.Since(start) > 15*time.Second {
				t.Errorf("error %v after %s; want one of %q at once", err, time.Since(start), stageLocal)
			}
			if err := syscall.Kill(<-pid, 0); !errors.Is(err, syscall.ESRCH) {
				t.Errorf("the process is still there: %v", err)
			}
		})
	}
}
