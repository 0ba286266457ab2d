package source

import (
	"context"
	"errors"
	"fmt"
	"time"

	"check_exchange_authcert/plugin/authcert"
)

// Beside is a source beside which Active Directory is asked: AuthConfig is read
// there too, and compared. It also stands in for a source that cannot answer,
// for the certificate in question may have broken the very PowerShell that is
// asked. Then no server's certificates count as read: what is found wrong is
// reported, but neither consistency nor the self-signed certificates are OK.
type Beside struct {
	Source    Source
	Directory LDAP
	// Instead is Active Directory with what the servers publish.
	Instead Source
}

// Snapshot reads from the source and leaves a third of the time to Active
// Directory. A refusal ends it: the same password would be refused again, and
// count again. Where both fail the error is the source's, and tells of the other.
func (b Beside) Snapshot(ctx context.Context) (*authcert.Snapshot, error) {
	snap, err := b.first(ctx)
	var failed *authcert.Problem
	switch {
	case err == nil:
		b.Directory.Compare(ctx, snap)
		return snap, nil
	case !errors.As(err, &failed), failed.Reason == authcert.AccessDenied, ctx.Err() != nil:
		return nil, err
	}
	snap, err = b.Instead.Snapshot(ctx)
	if err != nil {
		told := *failed
		told.Message += fmt.Sprintf("; nor could Active Directory answer instead: %v", err)
		return nil, &told
	}
	snap.Origin.Tried = append(snap.Origin.Tried, failed.Stage+": "+failed.Error())
	for i := range snap.Servers {
		snap.Servers[i].Error = failed
	}
	return snap, nil
}

func (b Beside) first(ctx context.Context) (*authcert.Snapshot, error) {
	if end, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(end)*2/3)
		defer cancel()
	}
	return b.Source.Snapshot(ctx)
}
