package source

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"check_exchange_authcert/plugin/authcert"
)

// Host is one way to ask one host.
type Host struct {
	Address string // host:port
	Source  interface {
		Snapshot(context.Context) (*authcert.Snapshot, error)
	}
}

// FirstReachable asks the first of several hosts that can be reached. A host
// that answers and refuses ends the search: a second attempt with the same
// account could lock it.
type FirstReachable []Host

// patience is how long a host may take to accept a connection while there is
// another one to turn to.
const patience = 5 * time.Second

// Snapshot asks the hosts in order and notes those that could not be reached.
func (hosts FirstReachable) Snapshot(ctx context.Context) (*authcert.Snapshot, error) {
	var unreachable []string
	for i, host := range hosts {
		last := i == len(hosts)-1
		err := host.knock(ctx, last)
		if err == nil {
			var snap *authcert.Snapshot
			snap, err = host.Source.Snapshot(ctx)
			if err == nil {
				note(snap, unreachable)
				return snap, nil
			}
		}
		if last || !isUnreachable(err) {
			return nil, withTried(err, unreachable)
		}
		unreachable = append(unreachable, fmt.Sprintf("%s: %v", host.Address, err))
	}
	return nil, &authcert.Problem{Stage: "choosing a host", Reason: authcert.NotFound, Message: "no host is named"}
}

// knock finds out in short time whether a host accepts connections; the last
// one is asked at once, with all the time there is.
func (h Host) knock(ctx context.Context, last bool) error {
	if last {
		return nil
	}
	wait := patience
	if end, ok := ctx.Deadline(); ok {
		wait = min(wait, time.Until(end)/3)
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	connection, err := (&net.Dialer{}).DialContext(ctx, "tcp", h.Address)
	if err != nil {
		return &authcert.Problem{Stage: "connecting", Reason: authcert.Unreachable, Message: err.Error()}
	}
	return connection.Close()
}

func isUnreachable(err error) bool {
	var problem *authcert.Problem
	return errors.As(err, &problem) && problem.Reason == authcert.Unreachable
}

func note(snap *authcert.Snapshot, unreachable []string) {
	for _, text := range unreachable {
		snap.Errors = append(snap.Errors, authcert.Problem{Stage: "choosing a host", Reason: authcert.Unreachable, Message: text})
	}
}

// withTried adds to the last error which hosts could not be reached before.
func withTried(err error, unreachable []string) error {
	var problem *authcert.Problem
	if len(unreachable) == 0 || !errors.As(err, &problem) {
		return err
	}
	told := *problem
	told.Message += "; before that: " + strings.Join(unreachable, "; ")
	return &told
}
