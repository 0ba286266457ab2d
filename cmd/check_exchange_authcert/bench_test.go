package main

import (
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// BenchmarkProcess runs the program as a monitoring system does, on a bundled
// snapshot. peak-MB is the largest memory of any run, where the system tells.
func BenchmarkProcess(b *testing.B) {
	exe := filepath.Join(b.TempDir(), "check_exchange_authcert")
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", exe, ".")
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
			var peak int64
			for b.Loop() {
				command := exec.Command(exe, row.args...)
				if err := command.Run(); err != nil {
					b.Fatal(err)
				}
				peak = max(peak, peakMemory(command.ProcessState.SysUsage()))
			}
			if runtime.GOOS == "linux" {
				b.ReportMetric(float64(peak)/(1<<20), "peak-MB")
			}
		})
	}
}
