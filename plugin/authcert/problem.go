package authcert

import (
	"encoding/json"
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
	Reason  Reason `json:"reason,omitempty"` // none where no fact was asked for: usage, a signal
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

// Stages that the rules look for. Without a session with Exchange none of the
// cmdlets was asked.
const (
	StageSession       = "open-exchange"
	StageAuthConfig    = "get-authconfig"
	StageEffectiveDate = "NextCertificateEffectiveDate" // of an AuthConfig whose thumbprints could be read
	StageServers       = "get-exchangeserver"
	StageCertificate   = "get-exchangecertificate"
	StageEntra         = "asking Entra ID"
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

// UnmarshalJSON reads a problem as it was written, but for its hint, which
// whoever wrote the file may have chosen: a hint is printed as what to do, next
// to our own commands. It becomes a comment, which does nothing when it is
// pasted.
func (p *Problem) UnmarshalJSON(data []byte) error {
	type fields Problem
	if err := json.Unmarshal(data, (*fields)(p)); err != nil {
		return fmt.Errorf("problem: %w", err)
	}
	if hint := strings.TrimLeft(oneLine(p.Hint), "# "); hint != "" {
		p.Hint = "# " + hint
	}
	return nil
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
