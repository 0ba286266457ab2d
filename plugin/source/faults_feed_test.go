package source_test

import (
	"io"
	"testing"
	"time"
)

// feed writes a byte a second, or nothing, and closes when the test ends.
func feed(t *testing.T, f fault, writer io.WriteCloser, text []byte) {
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		defer writer.Close()
		for f == drip && len(text) > 0 {
			_, _ = writer.Write(text[:1])
			text = text[1:]
			select {
			case <-time.After(time.Second):
			case <-stop:
				return
			}
		}
		<-stop
	}()
	t.Cleanup(func() {
		close(stop)
		<-stopped
	})
}
