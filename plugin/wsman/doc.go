// Package wsman is the HTTP layer under WinRM: one authenticated, encrypted conversation with one URL.
//
// A Conversation carries SOAP envelopes to a WS-Management service and brings its answers back. It owns the TCP
// connection, the TLS handshake, the logon (NTLM, Kerberos or Basic) and the message encryption; it does not know what
// the envelopes say. Windows Remote Shell and PowerShell remoting are both built on top of it.
//
// # What it holds to
//
//   - One connection, one logon, one message at a time. Do may be called from several goroutines; calls wait for their turn.
//   - The context bounds everything, name resolution and the exchange with the KDC included.
//   - Over http every message is sealed in both directions, and an answer that is not is refused. Over https TLS 1.2 or
//     newer is verified, and the logon is bound to the server's certificate (tls-server-end-point).
//   - Nothing falls back: not to clear text, not to Basic, not from Kerberos to NTLM or back. Redirects are refused,
//     proxies named in the environment are ignored.
//   - A password is tried once. A first logon that failed, for whatever reason, ends the Conversation: every later Do
//     returns the same error without touching the network, so that no retry locks an account.
//
// # After a deadline
//
// NTLM's and Kerberos' message encryption belong to the TCP connection. When a context ends in the middle of an
// exchange that connection cannot be used any more, yet a shell may be open on the other side. A Conversation whose
// first logon succeeded therefore reconnects: the next Do, with a fresh context, opens another connection and logs on
// again with the credentials that have been accepted (Kerberos: with the ticket it holds, so the KDC is not asked). It
// does so twice in its life, to go on and to clean up; when a third connection is lost, or a logon over one of them
// fails, Do returns an error for ever. A message is never sent twice: the caller of an interrupted Do learns of it, and decides what to clean up.
//
// # Errors
//
// Everything that goes wrong is an *Error with a Stage and a Reason; callers match those, never a text. A SOAP fault is
// a *Fault inside it, found with errors.As. No error holds a password, a token or an answer's body.
package wsman
