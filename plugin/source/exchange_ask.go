package source

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"check_exchange_authcert/plugin/authcert"
	"check_exchange_authcert/plugin/clixml"
	"check_exchange_authcert/plugin/psrp"
	"check_exchange_authcert/plugin/wsman"
)

const (
	// maxSessions bounds how often a session that is stuck or lost is replaced. An account may have 18 open at a time
	// unless its throttling policy says otherwise (PowerShellMaxConcurrency), and one that got stuck may take a while to
	// end though it has been deleted.
	maxSessions = 12
	// briefly is what one cmdlet may take while others wait, unless there is more time for each.
	briefly = 10 * time.Second
	// least is what is kept for each of those that wait: a server nearby answers in less.
	least = 2 * time.Second
	// late is how much longer a host may take to answer than it was asked to.
	late = time.Second
	// spare is how many connections of a conversation may break; the one behind them is for closing the session.
	spare = 1
)

// ask runs a cmdlet and returns its objects; waiting is how many cmdlets share the time that is left, this one counted.
// A cmdlet that brought objects and an error gives both. Errors are authcert.Problems.
func (q *inquiry) ask(ctx context.Context, waiting int, cmdlet string, parameters ...psrp.Parameter) ([]*clixml.Object, error) {
	command := psrp.Command{Name: cmdlet, Parameters: parameters}
	stage := strings.ToLower(cmdlet)
	for again := true; ; again = false {
		if err := q.ready(ctx); err != nil {
			return nil, q.problem(stage, err)
		}
		pipeline, err := q.session.run(ctx, command, share(ctx, waiting))
		if err == nil {
			return pipeline.Output, cmdletError(cmdlet, pipeline)
		}
		q.stuck = true
		if unusable(err) {
			q.broken++
		}
		if !again || !worthAnother(err) {
			return nil, q.problem(stage, err)
		}
	}
}

// ready makes sure that there is a session that takes a command.
func (q *inquiry) ready(ctx context.Context) error {
	switch {
	case q.lost != nil:
		return q.lost
	case ctx.Err() != nil || remaining(ctx) <= shortWait:
		return &authcert.Problem{Reason: authcert.Timeout, Message: "no time was left for it", Hint: usualHints[authcert.Timeout]}
	case !q.stuck:
		return nil
	case q.sessions >= maxSessions:
		q.lost = &authcert.Problem{Reason: authcert.Timeout, Message: fmt.Sprintf("it was not asked: the session got stuck or lost %d times", maxSessions+1), Hint: usualHints[authcert.Timeout]}
		return q.lost
	}
	q.sessions++
	q.stuck = false
	anew := q.broken > spare
	if anew {
		q.broken = 0
	}
	q.lost = q.session.reopen(ctx, anew)
	return q.lost
}

func (q *inquiry) problem(stage string, err error) *authcert.Problem {
	problem := *remotingProblem(q.session.config.URL, stage, err)
	problem.Stage = stage
	return &problem
}

// sessionGone tells whether Exchange has ended the session, as it does when its application pool is recycled.
func sessionGone(err error) bool {
	var fault *wsman.Fault
	return errors.As(err, &fault) && fault.Code == wsman.CodeShellNotFound
}

// worthAnother tells whether a cmdlet may be asked for again, which as it only reads does no harm: where the session or
// the connection was lost.
func worthAnother(err error) bool {
	var failed *wsman.Error
	return sessionGone(err) || errors.As(err, &failed) && failed.Reason == wsman.ReasonUnreachable && mayHaveArrived(err)
}

// unusable tells whether the connection is of no use after an error.
func unusable(err error) bool {
	var failed *wsman.Error
	var fault *wsman.Fault
	return errors.As(err, &failed) && !errors.As(err, &fault)
}

// share is what one of several cmdlets may take: as much as each could, or briefly where that leaves the least that the
// others need, and never less than that least: of many servers nearly all are quick.
func share(ctx context.Context, waiting int) time.Duration {
	end, ok := ctx.Deadline()
	if !ok {
		return time.Hour
	}
	left := time.Until(end)
	return max(left/time.Duration(waiting), min(briefly, max(least, left-least*time.Duration(waiting-1))))
}
