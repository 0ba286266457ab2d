package source

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// Peak is how much larger the heap becomes while something is done, in bytes. Garbage is collected early meanwhile: it
// is no need.
func Peak(do func()) uint64 {
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
