// Package plugin is the check from end to end: it takes the facts from a
// [Source], has them judged by package authcert, and always answers in time,
// whatever the source does. It neither knows where facts come from nor how the
// answer is written.
package plugin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"check_exchange_authcert/plugin/authcert"
)

// Source is one way to the facts. An error that is or wraps an
// *authcert.Problem names its stage and reason; a source that could read
// something returns it and notes the rest in the snapshot.
type Source interface {
	Snapshot(ctx context.Context) (*authcert.Snapshot, error)
}

// grace is how long after the deadline a source may take to clean up behind
// itself before the answer is given without it.
const grace = time.Second

// Check judges the source's facts as of now. It answers within the context's
// deadline and a second; what could not be read by then, and a panic, are
// UNKNOWN. So is a run that was cancelled: it was not read to its end, and
// whoever ended it is told so instead of a verdict on a part.
func Check(ctx context.Context, source Source, policy authcert.Policy, now time.Time) authcert.Result {
	snap, err := collect(ctx, source)
	if errors.Is(ctx.Err(), context.Canceled) {
		err = bySignal(err)
	}
	if err != nil {
		return authcert.Failed(asProblem(err), authcert.At(now))
	}
	return authcert.Judge(snap, policy, now)
}

// collect runs the source in a goroutine of its own, because reading a file or
// standard input cannot be interrupted.
func collect(ctx context.Context, source Source) (*authcert.Snapshot, error) {
	type answer struct {
		snap *authcert.Snapshot
		err  error
	}
	answers := make(chan answer, 1)
	go func() {
		defer func() {
			if recover() != nil {
				answers <- answer{err: &authcert.Problem{Stage: "internal error", Message: fmt.Sprintf("reading the facts (%T) failed; please report it", source)}}
			}
		}()
		snap, err := source.Snapshot(ctx)
		if snap == nil && err == nil {
			panic("a source gives facts or an error")
		}
		answers <- answer{snap, err}
	}()
	select {
	case a := <-answers:
		return a.snap, a.err
	case <-ctx.Done():
	}
	select {
	case a := <-answers:
		return a.snap, a.err
	case <-time.After(grace):
		return nil, late
	}
}

// late is a source that did not return.
var late = &authcert.Problem{Stage: "reading the facts", Reason: authcert.Timeout, Message: "no answer before the deadline",
	Hint: "Give more time with --timeout, and keep it below the monitoring system's own limit"}

// bySignal keeps where a source was when a signal came. What it says of the
// end of its context is no timeout.
func bySignal(err error) error {
	problem := &authcert.Problem{Stage: late.Stage, Message: "interrupted by a signal"}
	if err != nil {
		problem.Stage = cmp.Or(asProblem(err).Stage, problem.Stage)
	}
	return problem
}

func asProblem(err error) *authcert.Problem {
	var problem *authcert.Problem
	if errors.As(err, &problem) {
		return problem
	}
	return &authcert.Problem{Message: err.Error()}
}
