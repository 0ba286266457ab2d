package source_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"check_exchange_authcert/plugin"
	"check_exchange_authcert/plugin/authcert"
	"check_exchange_authcert/plugin/wsman"
	"check_exchange_authcert/plugin/wsman/wsmantest"
)

// trap is a context that panics once after it was set.
type trap struct {
	context.Context
	set atomic.Bool
}

func (c *trap) Done() <-chan struct{} {
	if c.set.CompareAndSwap(true, false) {
		panic(password)
	}
	return c.Context.Done()
}

// TestWinRMPanics has something panic while a message is on its way, among others in the goroutine of masterzen/winrm
// that asks for output, where nobody but Post can catch it.
func TestWinRMPanics(t *testing.T) {
	for _, step := range []wsmantest.Step{wsmantest.StepCreate, wsmantest.StepCommand, wsmantest.StepSend, wsmantest.StepReceive} {
		t.Run(string(step), func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			trap := &trap{Context: ctx}
			var saw record
			peer, src := host(t, wsman.AuthNTLM, wsmantest.Options{Chunk: 100, Run: collector(t, &saw), Interfere: func(s wsmantest.Step, count int) *wsmantest.Interference {
				if s == step && count == 1 {
					trap.set.Store(true) // it is asked next when the answer is there
				}
				return nil
			}})
			begin := time.Now()
			result := plugin.Check(trap, src, authcert.DefaultPolicy(), faultsNow)
			if result.Status != authcert.Unknown || result.Failure == nil || result.Failure.Stage != "internal error" {
				t.Errorf("%s, %v; want UNKNOWN and an internal error", result.Status, result.Failure)
			}
			if text := fmt.Sprint(result.Failure); len(text) > 300 || time.Since(begin) > 10*time.Second {
				t.Errorf("%s after %s", text, time.Since(begin))
			}
			lost := step == wsmantest.StepCreate // its answer was not read
			if s := peer.Stats(); s.OpenShells+s.RunningCommands > 0 && !lost {
				t.Errorf("%+v: want nothing left behind", s)
			}
		})
	}
}
