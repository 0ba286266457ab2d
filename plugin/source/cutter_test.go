package source_test

import (
	"context"
	"sync"
	"testing"

	"check_exchange_authcert/plugin/source"
	"check_exchange_authcert/plugin/wsman/wsmantest"
)

// cutter has every second of a hundred runs cut off, at each of some steps in
// turn: there the host hangs, and the run's context ends.
type cutter struct {
	steps []wsmantest.Step
	mutex sync.Mutex
	cut   func()
	at    wsmantest.Step
}

func (c *cutter) interfere(step wsmantest.Step, _ int) *wsmantest.Interference {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if step != c.at {
		return nil
	}
	c.at = ""
	c.cut()
	return &wsmantest.Interference{Hang: true}
}

// runs makes the runs of a source, which fail exactly when they are cut off, and
// has each looked at behind it.
func (c *cutter) runs(t *testing.T, s source.Source, look func(run int, at wsmantest.Step)) {
	t.Helper()
	for i := range 100 {
		ctx, cancel := context.WithCancel(t.Context())
		at := wsmantest.Step("")
		if i%2 == 1 {
			at = c.steps[i/2%len(c.steps)]
		}
		c.mutex.Lock()
		c.cut, c.at = cancel, at
		c.mutex.Unlock()
		snap, err := s.Snapshot(ctx)
		cancel()
		if (err != nil || snap == nil) != (at != "") {
			t.Fatalf("run %d: error %v", i, err)
		}
		look(i, at)
	}
}
