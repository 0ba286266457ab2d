// Package source holds the ways to the facts, one file each. Every way returns
// an authcert.Snapshot and maps what can go wrong to an authcert.Problem with
// its stage and reason. Sources judge nothing, print nothing and change
// nothing, and they do not know each other.
package source
