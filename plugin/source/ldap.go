package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"check_exchange_authcert/plugin/authcert"
	"check_exchange_authcert/plugin/wsman"
)

// LDAP reads AuthConfig and the list of servers from the configuration
// partition of Active Directory. It holds no certificates: every server comes
// without, and says so.
type LDAP struct {
	// URLs are domain controllers, as in ldaps://dc01.contoso.com or
	// ldap://dc01.contoso.com:389. The first that answers is the source; the
	// others are read too and compared.
	URLs []string
	// Auth is wsman.AuthKerberos, AuthNTLM, or AuthBasic for a simple bind.
	// Over ldap the first two encrypt what follows; a simple bind switches to
	// TLS first, and is sent to nobody but a verified server.
	Auth     wsman.Auth
	Account  Credentials
	Kerberos wsman.Kerberos
	TLS      wsman.TLS
	Now      time.Time // dates the snapshot
	// Concerns tells which servers matter that another source does not list;
	// nil: all.
	Concerns func(*authcert.Server) bool
}

// Snapshot asks the domain controllers in order until one answers. One that
// answers and refuses ends the search: a second attempt with the same password
// could lock the account.
func (l LDAP) Snapshot(ctx context.Context) (*authcert.Snapshot, error) {
	var missed []authcert.Problem
	for i, url := range l.URLs {
		left := len(l.URLs) - i
		snap, err := l.read(ctx, url, portion(ctx, left))
		if err == nil {
			snap.Errors = append(snap.Errors, missed...)
			l.compare(ctx, snap, l.URLs[i+1:])
			return snap, nil
		}
		problem := asLDAPProblem(err)
		if left == 1 || ctx.Err() != nil || (problem.Reason != authcert.Unreachable && problem.Reason != authcert.Timeout) {
			return nil, withMissed(problem, missed)
		}
		missed = append(missed, *problem)
	}
	return nil, &authcert.Problem{Stage: "choosing a domain controller", Reason: authcert.NotFound, Message: "none is named"}
}

// Compare reads AuthConfig and the servers once more, from every named domain
// controller, and adds what it finds to a snapshot that came another way; where
// that has no AuthConfig this one stands in. What could not be read is noted: it
// is a second opinion and costs nothing else.
func (l LDAP) Compare(ctx context.Context, snap *authcert.Snapshot) {
	saved := snap.OtherAuthConfigs // with what was compared when the snapshot was saved
	snap.OtherAuthConfigs = nil
	snap.Errors = slices.DeleteFunc(snap.Errors, func(p authcert.Problem) bool { return p.Stage == stageCompare })
	l.compare(ctx, snap, l.URLs)
	if len(snap.OtherAuthConfigs) > 0 {
		saved = slices.DeleteFunc(saved, func(c authcert.AuthConfig) bool { return c.Origin != nil && c.Origin.Kind == authcert.KindLDAP })
	}
	snap.OtherAuthConfigs = append(saved, snap.OtherAuthConfigs...)
}

func (l LDAP) compare(ctx context.Context, snap *authcert.Snapshot, urls []string) {
	for i, url := range urls {
		other, err := l.read(ctx, url, portion(ctx, len(urls)-i+1))
		if err == nil {
			l.adopt(snap, other)
			for _, unread := range other.Errors {
				snap.Errors = append(snap.Errors, notCompared(url, &unread))
			}
			continue
		}
		problem := asLDAPProblem(err)
		snap.Errors = append(snap.Errors, notCompared(url, problem))
		if problem.Reason == authcert.AccessDenied {
			return // the same password would be refused again, and count again
		}
	}
}

// notCompared is a problem as a second opinion has it: the stage that failed
// was read another way.
func notCompared(url string, problem *authcert.Problem) authcert.Problem {
	noted := *problem
	noted.Stage = stageCompare
	noted.Message = fmt.Sprintf("%s: %s", url, problem.Error())
	noted.Reason = authcert.Unreadable // the message has it in words
	return noted
}

// longest is how long one domain controller may take while there is another
// one to turn to.
const longest = 15 * time.Second

// portion divides the time that is left among those that may still be asked; the
// last one gets all of it (0).
func portion(ctx context.Context, among int) time.Duration {
	end, limited := ctx.Deadline()
	if among <= 1 {
		return 0
	}
	if !limited {
		return longest
	}
	return min(longest, time.Until(end)/time.Duration(among))
}

// read asks one domain controller, in so much time (0: all there is).
func (l LDAP) read(ctx context.Context, url string, limit time.Duration) (*authcert.Snapshot, error) {
	if limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	d, err := l.open(ctx, url)
	if err != nil {
		return nil, err
	}
	defer d.close()
	snap, err := d.snapshot()
	if err != nil {
		return nil, err
	}
	snap.TakenAt = authcert.At(l.Now)
	return snap, nil
}

func asLDAPProblem(err error) *authcert.Problem {
	var problem *authcert.Problem
	if errors.As(err, &problem) {
		return problem
	}
	return &authcert.Problem{Stage: "asking Active Directory", Reason: authcert.Unreadable, Message: err.Error()}
}

// withMissed adds to the last error which domain controllers gave no answer
// before.
func withMissed(problem *authcert.Problem, missed []authcert.Problem) error {
	if len(missed) == 0 {
		return problem
	}
	var before []string
	for i := range missed {
		before = append(before, missed[i].Stage+": "+missed[i].Error())
	}
	told := *problem
	told.Message = cmp.Or(told.Message, "no answer") + "; before that: " + strings.Join(before, "; ")
	return &told
}
