package source

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"

	"check_exchange_authcert/plugin/authcert"
)

// Checked adds what other ways tell to the facts of a source.
type Checked struct {
	Source Source
	Checks []Check
}

// Check is one cross-check of facts that a source brought. Look must not change
// the snapshot, for several checks look at once; it returns what is to be added
// to it. What could not be found out is added as an authcert.Problem: a check
// never costs the facts that are there.
type Check interface {
	Look(ctx context.Context, snap *authcert.Snapshot) (add func(*authcert.Snapshot))
}

// Snapshot reads the source, then lets all checks look at once, and adds what
// they found in their order.
func (c Checked) Snapshot(ctx context.Context) (*authcert.Snapshot, error) {
	snap, err := c.Source.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	additions := make([]func(*authcert.Snapshot), len(c.Checks))
	for i, check := range c.Checks {
		additions[i] = failed(check)
	}
	atOnce(len(c.Checks), len(c.Checks), func(i int) { additions[i] = c.Checks[i].Look(ctx, snap) })
	for _, add := range additions {
		add(snap)
	}
	return snap, nil
}

// failed is what a check that panics adds.
func failed(check Check) func(*authcert.Snapshot) {
	return func(snap *authcert.Snapshot) {
		snap.Errors = append(snap.Errors, authcert.Problem{Stage: "internal error", Message: fmt.Sprintf("%T failed; please report it", check)})
	}
}

// mostAtOnce is how many servers are asked at the same time.
const mostAtOnce = 16

// atOnce calls visit for 0 to n-1, so many at the same time, and returns when
// all are done. A visit that panics ends alone, and what it carried stays
// inside.
func atOnce(n, most int, visit func(int)) {
	var all sync.WaitGroup
	free := make(chan struct{}, max(most, 1))
	for i := range n {
		free <- struct{}{}
		all.Go(func() {
			defer func() {
				_ = recover()
				<-free
			}()
			visit(i)
		})
	}
	all.Wait()
}

// longestAnswer is how long one server may take to answer. It is more than
// Exchange needs after its application pools were recycled.
const longestAnswer = 15 * time.Second

// perServer is how long one of many servers may take: some that hang must leave
// time for the others.
func perServer(ctx context.Context) time.Duration {
	if end, limited := ctx.Deadline(); limited {
		return min(longestAnswer, time.Until(end)/3)
	}
	return longestAnswer
}

// asked lists the names of the servers that concern a check, each once.
func asked(snap *authcert.Snapshot, concerns func(*authcert.Server) bool) []string {
	var names []string
	seen := map[string]bool{}
	for i := range snap.Servers {
		s := &snap.Servers[i]
		name := serverName(s)
		if name == "" || name == unnamed || seen[name] || (concerns != nil && !concerns(s)) {
			continue
		}
		seen[name] = true
		names = append(names, name)
	}
	return names
}

// dialer opens connections; nil is the ordinary one.
type dialer func(ctx context.Context, network, address string) (net.Conn, error)

// connectWait is how long a server may take to accept a connection: a port that
// is filtered never does, and there may be many.
const connectWait = 3 * time.Second

func (d dialer) connect(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectWait)
	defer cancel()
	if d == nil {
		d = (&net.Dialer{}).DialContext
	}
	return d(ctx, network, address)
}
