package source

import (
	"context"
	"errors"
	"testing"

	"check_exchange_authcert/plugin/authcert"
)

// TestForeignErrors has the library, and not the conversation, say what went
// wrong: it knows of contexts, and ends with their errors when it is the first
// to see them.
func TestForeignErrors(t *testing.T) {
	for _, row := range []struct {
		err    error
		reason authcert.Reason
	}{
		{context.DeadlineExceeded, authcert.Timeout},
		{context.Canceled, authcert.Timeout},
		{errors.New("XML syntax error"), authcert.Malformed},
	} {
		problem := conversationProblem("WinRM", "http://ex01:5985/wsman", "running the collector", row.err)
		if problem.Reason != row.reason || problem.Stage != "running the collector (http://ex01:5985/wsman)" || problem.Hint == "" {
			t.Errorf("%v: %s: %s, %q; want %s and a hint", row.err, problem.Stage, problem.Reason, problem.Hint, row.reason)
		}
	}
}
