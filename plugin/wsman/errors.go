package wsman

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
)

// Stage says how far a conversation had come when something went wrong.
type Stage string

// The stages, in their order.
const (
	StageConfigure    Stage = "configure"    // settings that cannot work, files that cannot be read; nothing was sent
	StageResolve      Stage = "resolve"      // looking up the host's address
	StageConnect      Stage = "connect"      // the TCP connection, also when it was lost and may not be opened again
	StageTLS          Stage = "tls"          // the TLS handshake and the server's certificate
	StageKDC          Stage = "kdc"          // finding a Kerberos KDC and getting a ticket from it
	StageAuthenticate Stage = "authenticate" // the logon at the host
	StageSend         Stage = "send"         // sending a message
	StageReceive      Stage = "receive"      // waiting for an answer, decrypting it, and what it says
)

// Reason is the kind of a failure. The list is closed; callers match it and never a text.
type Reason string

// The reasons.
const (
	ReasonUnreachable  Reason = "unreachable"   // no name, no route, no listener, no trusted TLS, a connection lost
	ReasonTimeout      Reason = "timeout"       // the context ended, or the service's own operation timeout
	ReasonAccessDenied Reason = "access-denied" // a logon refused, or no right to the service
	ReasonNotFound     Reason = "not-found"     // no such URL, resource, shell or command
	ReasonMalformed    Reason = "malformed"     // an answer that breaks the protocol or a limit
	ReasonUnsupported  Reason = "unsupported"   // settings or offers that this package does not do, or refuses to
	ReasonThrottled    Reason = "throttled"     // a quota of the service
	ReasonUnreadable   Reason = "unreadable"    // any other fault, or a local file that cannot be read
)

// Error is every error of this package.
type Error struct {
	Stage  Stage
	Reason Reason
	// Err is one line that says what is wrong, with its numbers. It wraps a *Fault, a context's or a network's error
	// where there is one.
	Err error
	// Hint is one line that says what to check; it may be empty.
	Hint string
}

// Error is Err's text and the hint behind it, in one line. The word "OperationTimeout", by which masterzen/winrm knows
// that it shall poll again, is in it for the service's operation timeout and for nothing else.
func (e *Error) Error() string {
	text := oneLine(e.Err.Error())
	if !e.OperationTimeout() {
		text = strings.ReplaceAll(text, operationTimeoutWord, "operation timeout")
	}
	if e.Hint == "" {
		return text
	}
	return text + "; " + e.Hint
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// OperationTimeout says that the service had nothing to report within the message's OperationTimeout: the ordinary
// answer to a Receive while a command is still running.
func (e *Error) OperationTimeout() bool {
	var fault *Fault
	return errors.As(e.Err, &fault) && fault.OperationTimeout()
}

func fail(stage Stage, reason Reason, hint, format string, args ...any) *Error {
	return &Error{Stage: stage, Reason: reason, Hint: hint, Err: fmt.Errorf(format, args...)}
}

// interrupted is the error of a wait that ended in err: the context's end if that was the cause.
func interrupted(ctx context.Context, stage Stage, doing string, err error) *Error {
	if cause := ctx.Err(); cause != nil {
		return fail(stage, ReasonTimeout, "", "%s: no answer in time: %w", doing, cause)
	}
	var wait net.Error
	if errors.As(err, &wait) && wait.Timeout() {
		return fail(stage, ReasonTimeout, "", "%s: no answer in time: %w", doing, err)
	}
	return fail(stage, ReasonUnreachable, "", "%s: %w", doing, err)
}

// oneLine makes a text from outside fit for one line of output.
func oneLine(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
	return strings.Join(strings.Fields(text), " ")
}
