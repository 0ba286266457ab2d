// Package authcert decides whether the OAuth certificate of an Exchange
// organization (the "Microsoft Exchange Server Auth Certificate") is in order.
//
// It is the pure middle of the program: a [Snapshot] of facts and a [Policy]
// go in, a [Result] comes out. It does no I/O, reads no clock, knows no
// monitoring system and imports the standard library only; every other package
// of this module may import it, and it imports none of them.
//
// Facts carry Microsoft's property names, results carry the words of the
// Monitoring Plugins guidelines. A fact that is not known is absent, and what
// is not known is never OK.
package authcert
