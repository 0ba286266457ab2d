package source_test

import (
	"context"
	"testing"
	"time"

	"check_exchange_authcert/plugin/wsman/wsmantest"
)

// TestRemotingDeletesLateSession is cut off while the host makes the session, which is there only after its end has been
// asked for.
func TestRemotingDeletesLateSession(t *testing.T) {
	for _, late := range []time.Duration{time.Millisecond, 300 * time.Millisecond} {
		ctx, cancel := context.WithCancel(t.Context())
		peer, r := endpoint(t, &exchange{}, wsmantest.Options{Interfere: func(step wsmantest.Step, _ int) *wsmantest.Interference {
			if step != wsmantest.StepCreate {
				return nil
			}
			cancel()
			return &wsmantest.Interference{Late: late}
		}})
		if _, err := r.Snapshot(ctx); err == nil {
			t.Error("no error")
		}
		for peer.Stats().Late == 0 {
			<-time.After(10 * time.Millisecond)
		}
		if s := peer.Stats(); s.OpenShells != 0 || s.Logons != 2 {
			t.Errorf("%s late: %+v: want no session left behind", late, s)
		}
	}
}
