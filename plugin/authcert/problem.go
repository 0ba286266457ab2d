package authcert

import (
	"fmt"
	"strings"
)

// Reason says why a fact is not known. The list is published: callers match a
// Reason, never a message, because messages come in the server's language.
type Reason string

// The reasons.
const (
	Unreachable  Reason = "unreachable"
	Timeout      Reason = "timeout"
	AccessDenied Reason = "access-denied"
	NotFound     Reason = "not-found"
	Malformed    Reason = "malformed"
	Unsupported  Reason = "unsupported"
	Throttled    Reason = "throttled"
	Unreadable   Reason = "unreadable"
)

// Problem is one thing that could not be read. Stage names the step
// ("get-authconfig", "open-shell", …), Hint what to check next.
type Problem struct {
	Stage   string `json:"stage,omitempty"`
	Reason  Reason `json:"reason"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

// Stages that the rules look for. Without a session with Exchange none of the
// cmdlets was asked.
const (
	StageSession     = "open-exchange"
	StageAuthConfig  = "get-authconfig"
	StageServers     = "get-exchangeserver"
	StageCertificate = "get-exchangecertificate"
	StageEntra       = "asking Entra ID"
)

// Error gives the reason in words and the message.
func (p *Problem) Error() string {
	if p.Message == "" {
		return p.Reason.words()
	}
	if p.Reason == "" || p.Reason == Unreadable {
		return p.Message
	}
	return fmt.Sprintf("%s: %s", p.Reason.words(), p.Message)
}

// words spells the reason for people: "access denied".
func (r Reason) words() string {
	if r == "" {
		r = Unreadable
	}
	return strings.ReplaceAll(string(r), "-", " ")
}

// advice is what to check next: the problem's own hint, or what helps in its
// stage, or the rule's usual one. There may be no problem.
func (p *Problem) advice(usual string) string {
	switch {
	case p == nil:
		return usual
	case p.Hint != "":
		return p.Hint
	case p.Stage == StageSession:
		return "See that Exchange's PowerShell endpoint answers on that server (Test-NetConnection SERVER -Port 80, application pool MSExchangePowerShellAppPool) and that the account has the role View-Only Configuration; an expired Auth Certificate breaks it too"
	}
	return usual
}
