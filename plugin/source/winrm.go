package source

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"strings"
	"time"

	"check_exchange_authcert/plugin/authcert"
	"check_exchange_authcert/plugin/wsman"
)

// WinRM runs the collector in a Windows Remote Shell.
type WinRM struct {
	Shell    wsman.Config // where the shell is opened
	Exchange Exchange
}

// Exchange is Exchange's own PowerShell endpoint as the collector asks it. The
// zero value means the host it runs on, as whoever runs it.
type Exchange struct {
	URL      string
	Account  Credentials
	Auth     string // "kerberos", "basic" over verified https, or "" for Kerberos
	Insecure bool   // accept any certificate of an https URL
	Ports    []int  // whose certificates are looked at on every server
}

// wayBack is the time that the collector leaves for its answer to arrive.
const wayBack = 2 * time.Second

// Snapshot opens a shell, runs the collector and reads its answer. The shell is
// deleted whatever happens, within a second after the context has ended.
func (w WinRM) Snapshot(ctx context.Context) (*authcert.Snapshot, error) {
	if !w.Exchange.Account.HasPassword() {
		return nil, &authcert.Problem{Stage: "preparing WinRM", Reason: authcert.Unsupported, Message: "a ticket does not go further than the host, and from there Exchange is asked",
			Hint: "Name an account with a password for that with --exchange-credentials, or ask with --via exchange"}
	}
	conversation, err := wsman.New(w.Shell)
	if err != nil {
		return nil, w.problem("", err)
	}
	defer conversation.Close()
	shell := &remoteShell{ctx: ctx, conversation: conversation}
	defer shell.close()
	return w.Exchange.collect(ctx, "winrm", windowsPowerShell, func(args []string, input string) (stdout, stderr []byte, err error) {
		stdout, stderr, err = shell.run(windowsPowerShell+" "+strings.Join(args, " "), input)
		if err != nil {
			return nil, nil, w.problem(shell.step, err)
		}
		return stdout, stderr, nil
	})
}

// collect has the collector run by Windows PowerShell, wherever that is, and reads its answer.
func (e Exchange) collect(ctx context.Context, kind, exe string, run func(args []string, input string) (stdout, stderr []byte, err error)) (*authcert.Snapshot, error) {
	args, err := collectorArgs(exe)
	if err != nil {
		return nil, err
	}
	nonce := newNonce()
	input, err := e.params(ctx, kind, nonce).line()
	if err != nil {
		return nil, &authcert.Problem{Stage: "preparing the collector", Reason: authcert.Unsupported, Message: err.Error()}
	}
	stdout, stderr, err := run(args, input)
	if err != nil {
		return nil, err
	}
	document, err := collected(stdout, stderr, nonce)
	if err != nil {
		return nil, err
	}
	return readCollected(document)
}

// params are what the collector is told. It has to end before the context
// does, so that what it found by then arrives.
func (e Exchange) params(ctx context.Context, kind, nonce string) collectorParams {
	p := collectorParams{
		Nonce: nonce, Kind: kind, URL: e.URL, Auth: e.Auth, Insecure: e.Insecure, Ports: e.Ports,
		Username: e.Account.account(), Password: e.Account.password,
	}
	if end, ok := ctx.Deadline(); ok {
		left := time.Until(end)
		p.Deadline = max(left-wayBack, left/2)
		p.Timeout = p.Deadline / 3 // one server that hangs leaves time for the others
	}
	return p
}

func newNonce() string {
	random := make([]byte, 16)
	rand.Read(random) //nolint:errcheck // never fails
	return hex.EncodeToString(random)
}

// problem names the host and the step in the conversation's error.
func (w WinRM) problem(step string, err error) error {
	problem := conversationProblem("WinRM", w.Shell.URL, step, err)
	if hint := faultHint(err); hint != "" {
		problem.Hint = hint
	}
	return problem
}

// conversationProblem spells a conversation's error for people: what was being done there, and its words.
func conversationProblem(service, url, step string, err error) *authcert.Problem {
	var failed *wsman.Error
	switch {
	case errors.As(err, &failed):
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled): // masterzen/winrm (v0.0.0-20260407182533) may give these alone
		return &authcert.Problem{Stage: cmp.Or(step, "asking "+service) + " (" + url + ")", Reason: authcert.Timeout, Message: "no answer in time", Hint: usualHints[authcert.Timeout]}
	default:
		return &authcert.Problem{Stage: cmp.Or(step, "asking "+service) + " (" + url + ")", Reason: authcert.Malformed, Message: err.Error(), Hint: usualHints[authcert.Malformed]}
	}
	problem := &authcert.Problem{Stage: strings.ReplaceAll(stageWords[failed.Stage], "%s", service), Reason: authcert.Reason(failed.Reason), Message: failed.Err.Error(), Hint: failed.Hint}
	if step != "" && (failed.Stage == wsman.StageSend || failed.Stage == wsman.StageReceive) {
		problem.Stage = step
	}
	problem.Stage += " (" + url + ")"
	problem.Hint = cmp.Or(problem.Hint, usualHints[problem.Reason])
	return problem
}

// usualHints say what to check where nothing more is known than the reason.
var usualHints = map[authcert.Reason]string{
	authcert.Unreachable: "The connection was there and ended: see whether the service was restarted, and what the host's event log and devices on the way say",
	authcert.Timeout:     "See how busy the host is, or give more time with --timeout",
	authcert.Malformed:   "See whether something on the way answers in the host's place, and that the port and the URL are right",
	authcert.Throttled:   "Ask less often, and end stale sessions of this account",
}

// stageWords spells the stages of a conversation with a service for people.
var stageWords = map[wsman.Stage]string{
	wsman.StageConfigure:    "preparing %s",
	wsman.StageResolve:      "resolving the host",
	wsman.StageConnect:      "connecting to %s",
	wsman.StageTLS:          "TLS with %s",
	wsman.StageKDC:          "getting a Kerberos ticket",
	wsman.StageAuthenticate: "logging on to %s",
	wsman.StageSend:         "asking %s",
	wsman.StageReceive:      "asking %s",
}

// faultHint says what to check for the faults that administrators meet.
func faultHint(err error) string {
	var fault *wsman.Fault
	if !errors.As(err, &fault) {
		return ""
	}
	switch fault.Code {
	case wsman.CodeAccessDenied, 5:
		return "The account may log on but not open a shell: it has to be a local administrator, or have Read and Execute in winrm configSDDL default"
	case wsman.CodeMaxShellsPerUser, wsman.CodeMaxConcurrent:
		return "Too many shells are open for this account on that host (MaxShellsPerUser): end stale wsmprovhost.exe and winrshost.exe processes"
	case wsman.CodeFileNotFound:
		return "Windows PowerShell is not at " + windowsPowerShell + " on that host"
	}
	return ""
}
