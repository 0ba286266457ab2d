package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// BenchmarkProcess runs the program as a monitoring system does, on a bundled
// snapshot. What it takes of memory testdata/bench/run.sh tells: Linux counts
// a process's peak from the memory of the one that started it.
func BenchmarkProcess(b *testing.B) {
	exe := filepath.Join(b.TempDir(), "check_exchange_authcert")
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", exe, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		b.Fatalf("building: %v: %s", err, output)
	}
	for _, row := range []struct {
		name string
		args []string
	}{
		{"snapshot", []string{"--snapshot", "../../testdata/snapshots/rollover.json", "--at", "2026-11-23"}},
		{"list-findings", []string{"--list-findings"}},
	} {
		b.Run(row.name, func(b *testing.B) {
			for b.Loop() {
				if err := exec.Command(exe, row.args...).Run(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
