// Package source holds the ways to the facts. Every way returns an
// authcert.Snapshot and maps what can go wrong to an authcert.Problem with its
// stage and reason. Sources judge nothing, print nothing and change nothing. A
// way that asks does not know the others: Hosts, Checked, Beside and Discreet
// put ways together.
package source

import (
	"context"

	"check_exchange_authcert/plugin/authcert"
)

// Source is one way to the facts, as package plugin asks for it: some ways lead
// through others.
type Source interface {
	Snapshot(ctx context.Context) (*authcert.Snapshot, error)
}
