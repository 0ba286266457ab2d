package plugin_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"check_exchange_authcert/plugin"
	"check_exchange_authcert/plugin/authcert"
)

// source is a function that reads facts.
type source func(context.Context) (*authcert.Snapshot, error)

func (s source) Snapshot(ctx context.Context) (*authcert.Snapshot, error) { return s(ctx) }

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func TestCheckWithoutFacts(t *testing.T) {
	problem := &authcert.Problem{Stage: "opening a shell", Reason: authcert.AccessDenied, Message: "refused", Hint: "check the account"}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancelLate := context.WithDeadline(t.Context(), now.Add(-24*time.Hour))
	defer cancelLate()
	hang := source(func(context.Context) (*authcert.Snapshot, error) { select {} })
	for _, row := range []struct {
		name   string
		ctx    context.Context
		source source
		want   string
		reason authcert.Reason
	}{
		{"a problem", t.Context(), func(context.Context) (*authcert.Snapshot, error) { return nil, problem }, "opening a shell: access denied: refused", authcert.AccessDenied},
		{"a wrapped problem", t.Context(), func(context.Context) (*authcert.Snapshot, error) { return nil, fmt.Errorf("ex01: %w", problem) }, "opening a shell: access denied: refused", authcert.AccessDenied},
		{"another error", t.Context(), func(context.Context) (*authcert.Snapshot, error) { return nil, errors.New("broken") }, "broken", ""},
		{"a panic", t.Context(), func(context.Context) (*authcert.Snapshot, error) { panic("secret data") }, "internal error: ", ""},
		{"neither facts nor an error", t.Context(), func(context.Context) (*authcert.Snapshot, error) { return nil, nil }, "internal error", ""},
		{"the deadline, when the source does not return", late, hang, "reading the facts: timeout: no answer before the deadline", authcert.Timeout},
		{"a signal, when the source does not return", ended, hang, "reading the facts: interrupted by a signal", ""},
		{"a signal, when the source says where it was", ended, func(context.Context) (*authcert.Snapshot, error) {
			return nil, &authcert.Problem{Stage: "running the collector", Reason: authcert.Timeout, Message: "no answer in time: context canceled"}
		}, "running the collector: interrupted by a signal", ""},
		{"a signal, when the source does not", ended, func(context.Context) (*authcert.Snapshot, error) { return nil, errors.New("broken") }, "reading the facts: interrupted by a signal", ""},
		{"a signal, when a part of the facts was there", ended, func(context.Context) (*authcert.Snapshot, error) {
			return &authcert.Snapshot{AuthConfig: &authcert.AuthConfig{}}, nil
		}, "reading the facts: interrupted by a signal", ""},
		{"the deadline, when the source says where it was", late, func(ctx context.Context) (*authcert.Snapshot, error) {
			<-ctx.Done()
			return nil, &authcert.Problem{Stage: "running the collector", Reason: authcert.Timeout, Message: "no answer"}
		}, "running the collector: timeout: no answer", authcert.Timeout},
	} {
		t.Run(row.name, func(t *testing.T) {
			result := plugin.Check(row.ctx, row.source, authcert.DefaultPolicy(), now)
			if result.Status != authcert.Unknown || !strings.HasPrefix(result.Summary, row.want) || result.Failure == nil || result.Failure.Reason != row.reason {
				t.Errorf("%s - %s (%+v); want UNKNOWN, %q and reason %q", result.Status, result.Summary, result.Failure, row.want, row.reason)
			}
			if strings.Contains(result.Summary, "secret") {
				t.Errorf("summary %q shows what the panic carried", result.Summary)
			}
		})
	}
}

func TestCheckJudges(t *testing.T) {
	empty := source(func(context.Context) (*authcert.Snapshot, error) {
		return &authcert.Snapshot{Schema: authcert.Schema, TakenAt: authcert.At(now)}, nil
	})
	result := plugin.Check(t.Context(), empty, authcert.DefaultPolicy(), now)
	if result.Status != authcert.Unknown || result.Failure != nil || len(result.Findings) != 2 {
		t.Errorf("%s with %d findings, failure %v; want the UNKNOWN of authconfig-unreadable and no-servers", result.Status, len(result.Findings), result.Failure)
	}
}
