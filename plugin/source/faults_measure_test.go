package source_test

import (
	"bytes"
	"runtime"
	"runtime/pprof"
	"testing"
	"time"
)

// goroutines is how many there are.
func goroutines() int { return runtime.NumGoroutine() }

// expectGoroutines waits until there are no more than before, and shows those that stay.
func expectGoroutines(t *testing.T, before int) {
	t.Helper()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for end := time.Now().Add(10 * time.Second); goroutines() > before; <-ticker.C {
		if time.Now().After(end) {
			var stacks bytes.Buffer
			_ = pprof.Lookup("goroutine").WriteTo(&stacks, 1)
			t.Errorf("%d goroutines, %d before:\n%s", goroutines(), before, stacks.String())
			return
		}
	}
}
