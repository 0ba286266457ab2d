package source

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"check_exchange_authcert/plugin/authcert"
)

// Host is one host and the ways in which it is asked, the first that answers
// first.
type Host struct {
	Name string
	Ways []Way
}

// Way is one way to ask a host.
type Way struct {
	Name    string // "exchange", "winrm"
	Address string // host:port
	Source  Source
}

// Hosts asks the first of several hosts that can be reached. A host that
// answers and refuses ends the search: a second attempt with the same account
// could lock it.
type Hosts []Host

// patience is how long a host may take to accept a connection while there is
// another one to turn to.
const patience = 5 * time.Second

// Snapshot asks the hosts in order and says which were tried in vain.
func (hosts Hosts) Snapshot(ctx context.Context) (*authcert.Snapshot, error) {
	var tried []string
	var err error = &authcert.Problem{Stage: "choosing a host", Reason: authcert.NotFound, Message: "no host is named"}
	for i, host := range hosts {
		another := i < len(hosts)-1
		if another {
			err = host.knock(ctx)
		}
		if !another || err == nil {
			var snap *authcert.Snapshot
			if snap, err = host.ask(ctx, &tried); err == nil {
				snap.Origin.Tried = tried
				return snap, nil
			}
		}
		if !hasReason(err, authcert.Unreachable) || ctx.Err() != nil {
			break
		}
		if another {
			tried = append(tried, fmt.Sprintf("%s: %v", host.Name, err))
		}
	}
	return nil, withTried(err, tried)
}

// knock finds out in short time whether a host accepts connections in any way.
func (h Host) knock(ctx context.Context) error {
	wait := patience
	if end, ok := ctx.Deadline(); ok {
		wait = min(wait, time.Until(end)/3)
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	var err error
	for _, way := range h.Ways {
		var connection net.Conn
		if connection, err = (&net.Dialer{}).DialContext(ctx, "tcp", way.Address); err == nil {
			return connection.Close()
		}
	}
	return &authcert.Problem{Stage: "connecting", Reason: authcert.Unreachable, Message: err.Error()}
}

// ask takes the ways in order. The next one is taken when one cannot answer, or
// learnt no more than the failure of Exchange's PowerShell, which the very
// certificate in question may have caused; never after a refusal, be it of one
// cmdlet. What was learnt is returned where no other way learnt more, and a way
// that is not open to this account (unsupported) hides no better reason.
func (h Host) ask(ctx context.Context, tried *[]string) (*authcert.Snapshot, error) {
	var little *authcert.Snapshot
	var err error
	var failures []string
	decisive := 0
	for i, way := range h.Ways {
		last := i == len(h.Ways)-1
		snap, failed := way.ask(ctx, last)
		switch {
		case failed == nil && (tells(snap) || lacksRight(snap) || last && !tellsLess(snap, little)):
			*tried = append(*tried, failures...)
			return snap, nil
		case failed == nil && little == nil:
			little, decisive = snap, i
			failed = missed(snap)
		case failed == nil:
			failed = missed(snap)
		case little == nil && (err == nil || !hasReason(failed, authcert.Unsupported)):
			err, decisive = failed, i
		}
		failures = append(failures, fmt.Sprintf("%s via %s: %v", h.Name, way.Name, failed))
		if hasReason(failed, authcert.AccessDenied) || ctx.Err() != nil {
			break
		}
	}
	*tried = append(*tried, slices.Delete(failures, decisive, decisive+1)...)
	if little != nil {
		return little, nil
	}
	return nil, err
}

// wayOut is what a way takes to end behind its time: to clean up, and a moment.
const wayOut = cleanUp + 200*time.Millisecond

// ask leaves a third of the time to the ways behind this one.
func (w Way) ask(ctx context.Context, last bool) (*authcert.Snapshot, error) {
	if end, ok := ctx.Deadline(); ok && !last {
		left := time.Until(end)
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, max(left*2/3-wayOut, left/3))
		defer cancel()
	}
	return w.Source.Snapshot(ctx)
}

// tellsLess tells whether a snapshot lacks the AuthConfig that an earlier one has.
func tellsLess(snap, earlier *authcert.Snapshot) bool {
	return earlier != nil && earlier.AuthConfig != nil && snap.AuthConfig == nil
}

// tells whether a snapshot has what the check is about: AuthConfig, the list of
// servers, and the certificates of at least one.
func tells(snap *authcert.Snapshot) bool {
	if snap.AuthConfig == nil || hasStage(snap.Errors, authcert.StageServers) {
		return false
	}
	for i := range snap.Servers {
		if len(snap.Servers[i].Certificates) > 0 {
			return true
		}
	}
	return false
}

// missed is what a snapshot that does not tell lacks.
func missed(snap *authcert.Snapshot) error {
	p := &authcert.Problem{Stage: "asking Exchange", Reason: authcert.Unreadable, Message: "no server's certificates could be read"}
	switch {
	case snap.AuthConfig == nil:
		p.Message = "AuthConfig could not be read"
	case hasStage(snap.Errors, authcert.StageServers):
		p.Message = "the list of servers could not be read"
	}
	return p
}

// lacksRight tells whether this account may not do what the check is about: read
// AuthConfig, the list of servers, or the certificates of any server that was
// asked.
func lacksRight(snap *authcert.Snapshot) bool {
	for i := range snap.Errors {
		stage := snap.Errors[i].Stage
		if (stage == authcert.StageAuthConfig || stage == authcert.StageServers) && snap.Errors[i].Reason == authcert.AccessDenied {
			return true
		}
	}
	denied := false
	for i := range snap.Servers {
		switch s := &snap.Servers[i]; {
		case len(s.Certificates) > 0 || (s.Error != nil && s.Error.Reason != authcert.AccessDenied):
			return false
		case s.Error != nil:
			denied = true
		}
	}
	return denied
}

func hasReason(err error, reason authcert.Reason) bool {
	var problem *authcert.Problem
	return errors.As(err, &problem) && problem.Reason == reason
}

// withTried adds to the error that counts what else was tried.
func withTried(err error, tried []string) error {
	var problem *authcert.Problem
	if len(tried) == 0 || !errors.As(err, &problem) {
		return err
	}
	told := *problem
	for i, text := range tried {
		told.Message += []string{"; also tried: ", "; "}[min(i, 1)] + text
	}
	return &told
}
