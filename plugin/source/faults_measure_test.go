package source_test

import (
	"bytes"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
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

// peak is how much larger the heap becomes while something is done, in bytes. Garbage is collected early meanwhile: it
// is no need.
func peak(do func()) uint64 {
	defer debug.SetGCPercent(debug.SetGCPercent(10))
	runtime.GC()
	before, most := heap(), uint64(0)
	done, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		ticker := time.NewTicker(time.Millisecond)
		defer ticker.Stop()
		for {
			most = max(most, heap())
			select {
			case <-ticker.C:
			case <-done:
				return
			}
		}
	}()
	do()
	close(done)
	<-stopped
	return most - min(most, before)
}

func heap() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}
