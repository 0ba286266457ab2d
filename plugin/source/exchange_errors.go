package source

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"check_exchange_authcert/plugin/authcert"
	"check_exchange_authcert/plugin/psrp"
	"check_exchange_authcert/plugin/wsman"
)

// causes tell what went wrong by types, categories and codes, as the collector does: messages are localised. The first
// pattern that matches counts.
var causes = []struct {
	reason  authcert.Reason
	pattern func() *regexp.Regexp
}{
	{authcert.Timeout, pattern(`Timeout|TimedOut|Canceled|#80338(029|126)|#800705B4`)},
	{authcert.Throttled, pattern(`OverBudget|Throttl|Limits|Quota|ResourceBusy|#803381A[4-6]`)},
	{authcert.AccessDenied, pattern(`Unauthorized|Security|AuthenticationE|Authoriz|Denied|CommandNotFound|#(0000|8007)(0005|05(1F|2[0EF]|3[0-3])|077[35])|#800903(0C|22)|#80338(0E[245]|10[CE])`)},
	{authcert.NotFound, pattern(`NotFound|#80338(002|03B|113)`)},
	{authcert.Unreachable, pattern(`Socket|Rpc|Connect|Network|Unavailable|ServerDown|OpenError|Trans|#80090(303|311)|#800706BA`)},
	{authcert.Unsupported, pattern(`NotSupp|NotImpl|NotInst|SnapIn|PSArgument`)},
	{authcert.Malformed, pattern(`Format|Xml|InvalidData|Parser|Serialization`)},
}

func reasonOf(facts string) authcert.Reason {
	facts = strings.ReplaceAll(facts, "HostNotFound", "SocketError") // a name that DNS does not know is no missing object
	for _, cause := range causes {
		if cause.pattern().MatchString(facts) {
			return cause.reason
		}
	}
	return authcert.Unreadable
}

// failureCategory is how Exchange names a kind of failure in an error's identifier and in front of a fault's text.
var failureCategory = pattern(`\[FailureCategory=([A-Za-z0-9_.-]{1,80})\]`)

// limitName is how Exchange names the limit of a throttling policy in a fault's text, in every language.
var limitName = pattern(`\b(PowerShell)?Max(Tenant)?(Concurrency|Runspaces|Cmdlets)\b`)

// cmdletProblem classifies an error record of a cmdlet.
func cmdletProblem(cmdlet string, e *psrp.ErrorRecord) *authcert.Problem {
	facts := []string{e.Category, e.Reason}
	if m := failureCategory().FindStringSubmatch(e.ID); m != nil {
		facts = append(facts, m[1])
	} else if id, _, _ := strings.Cut(e.ID, ","); !strings.ContainsAny(id, "[ ") {
		facts = append(facts, id)
	}
	for _, cause := range e.Causes {
		if len(cause.Types) > 0 {
			facts = append(facts, lastName(cause.Types[0]))
		}
		facts = append(facts, cause.Detail, fmt.Sprintf("#%08X #%08X", uint32(cause.HResult), uint32(cause.Code)))
	}
	p := &authcert.Problem{Stage: strings.ToLower(cmdlet), Reason: reasonOf(strings.Join(facts, " ")), Message: firstWords(innermost(e))}
	switch {
	case e.Reason == "CommandNotFoundException":
		p.Message, p.Hint = cmdlet+" is unknown in this session: the account lacks the role View-Only Configuration", hintRole
	case p.Reason == authcert.AccessDenied:
		p.Hint = hintRole
	case p.Reason == authcert.Throttled:
		p.Hint = hintThrottled
	case p.Reason == authcert.Malformed || p.Reason == authcert.Unreadable:
		return signing(p)
	}
	return p
}

// signing adds what is probably behind a cmdlet that fails without a cause of its own, or brings only half of an object.
func signing(p *authcert.Problem) *authcert.Problem {
	p.Message += "; probably because the Auth Certificate itself is expired or missing: Exchange signs what it serializes with it"
	p.Hint = hintSigning
	return p
}

// isSigning tells whether that is behind an error.
func isSigning(err error) bool {
	var problem *authcert.Problem
	return errors.As(err, &problem) && problem.Hint == hintSigning
}

// innermost is what the last exception in the chain says, as a rule the cause; else the record's own words.
func innermost(e *psrp.ErrorRecord) string {
	for i := len(e.Causes) - 1; i >= 0; i-- {
		if e.Causes[i].Message != "" {
			return e.Causes[i].Message
		}
	}
	return e.Message
}

func lastName(name string) string { return name[strings.LastIndexByte(name, '.')+1:] }

const (
	hintRole      = "Exchange Management Shell: " + authcert.GrantRole
	hintRemote    = hintRole + `; and Set-User ACCOUNT -RemotePowerShellEnabled $true`
	hintThrottled = "Exchange limits the sessions and cmdlets of an account (Get-ThrottlingPolicy: PowerShellMaxConcurrency and its siblings): end stale sessions, or give the account a policy of its own"
	hintSigning   = "See the Auth Certificate itself on the server, or ask with --via winrm, whose collector reads the host's own store"
	hintInWords   = "A server on which the Auth Certificate is expired or missing may write properties in words: see what Get-AuthConfig returns there, or ask with --via winrm"
	hintNoHost    = "Is it an Exchange server? Its PowerShell endpoint is http://SERVER/PowerShell/ unless --exchange-url says otherwise"
	hintSPN       = "Ask a server by its own full name. A load-balanced name has a service principal name only if the alternate service account got it: setspn -S HTTP/NAME ACCOUNT$"
	hintConnect   = "Check host, port and firewall, and that the site and its application pool MSExchangePowerShellFrontEndAppPool run"
)

// remotingProblem spells an error of a session for people, and says by its Reason whether another way may do better.
func remotingProblem(url, step string, err error) *authcert.Problem {
	var known *authcert.Problem
	if errors.As(err, &known) {
		return known
	}
	p := conversationProblem("Exchange", url, step, err)
	var pool *poolError
	switch {
	case errors.As(err, &pool):
		p.Reason, p.Hint = authcert.Unreadable, hintRemote
		if failure := pool.pool.Failure(); failure != nil {
			known := cmdletProblem("", failure)
			p.Reason, p.Hint = known.Reason, cmp.Or(known.Hint, p.Hint)
		}
	case errors.Is(err, psrp.ErrTooMuch): // some 370 servers from Get-ExchangeServer
		p.Hint = "Ask with --via winrm: its collector brings what is needed only"
	case errors.Is(err, errImpatient):
		p.Reason = authcert.Timeout
	case sessionGone(err):
		p.Reason, p.Message = authcert.Unreachable, "Exchange has ended the session: "+p.Message
		return p
	}
	var fault *wsman.Fault
	if errors.As(err, &fault) {
		faultProblem(p, fault)
		return p
	}
	var failed *wsman.Error
	if errors.As(err, &failed) {
		hintConnection(p, failed)
	}
	return p
}

// faultProblem looks at what Exchange adds to a fault: where it refuses a session, the code alone says little.
func faultProblem(p *authcert.Problem, fault *wsman.Fault) {
	said := fault.Message + " " + fault.Reason
	if p.Reason == authcert.Unreadable {
		facts := fmt.Sprintf("#%08X", fault.Code)
		if m := failureCategory().FindStringSubmatch(said); m != nil {
			facts += " " + m[1]
		}
		p.Reason = reasonOf(facts)
	}
	if limitName().MatchString(said) {
		p.Reason = authcert.Throttled
	}
	switch p.Reason {
	case authcert.AccessDenied, authcert.Unreadable:
		p.Hint = hintRemote
	case authcert.Throttled:
		p.Hint = hintThrottled
	case authcert.NotFound:
		p.Hint = hintNoHost
	}
}

// hintConnection says what to check where Exchange's endpoint differs from others.
func hintConnection(p *authcert.Problem, failed *wsman.Error) {
	switch {
	case failed.Stage == wsman.StageKDC && failed.Reason == wsman.ReasonNotFound:
		p.Hint = hintSPN
	case failed.Reason == wsman.ReasonNotFound:
		p.Hint = hintNoHost
	case failed.Stage == wsman.StageConnect && failed.Reason == wsman.ReasonUnreachable:
		p.Hint = hintConnect
	}
}
