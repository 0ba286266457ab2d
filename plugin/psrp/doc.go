// Package psrp speaks the client's side of the PowerShell Remoting Protocol ([MS-PSRP]) as far as running commands with
// parameters needs it: one runspace pool, and pipelines of commands within it.
//
// It does no I/O. A Pool and a Pipeline make the bytes that a transport has to carry, and take the bytes that it
// brought; when to send and to receive is the transport's business, and what the objects mean is the caller's. Commands
// are named, never written as script text, so that they run where a session accepts no language.
//
// The runspace has no host. What a server asks of one (a prompt, a password, a choice) is refused; messages that this
// package does not know are skipped. Every length from outside has a limit.
package psrp
