package wsman

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"

	"github.com/bodgit/ntlmssp"
)

// ntlm logs on with NTLMv2 (MS-NLMP). Its tokens travel bare under the scheme Negotiate, as Windows accepts them.
type ntlm struct{ target *target }

func (n *ntlm) logon(ctx context.Context, l *link) (sealer, error) {
	client, err := ntlmssp.NewClient(
		ntlmssp.SetUserInfo(n.target.Username, n.target.Password.value()),
		ntlmssp.SetDomain(n.target.Domain),
		ntlmssp.SetVersion(ntlmssp.DefaultVersion()),
	)
	if err != nil {
		return nil, fail(StageAuthenticate, ReasonUnsupported, "", "NTLM: %w", err)
	}
	token, err := ntlmStep(client, nil, nil)
	if err != nil {
		return nil, fail(StageAuthenticate, ReasonUnsupported, "", "NTLM's first message: %w", err)
	}
	answer, err := n.send(ctx, l, token)
	if err != nil {
		return nil, err
	}
	question, err := n.question(answer)
	if err != nil {
		return nil, err
	}
	var bindings *ntlmssp.ChannelBindings
	if data := endPoint(l.tls); data != nil {
		bindings = &ntlmssp.ChannelBindings{ApplicationData: data}
	}
	if token, err = ntlmStep(client, question, bindings); err != nil {
		return nil, fail(StageAuthenticate, ReasonMalformed, "", "NTLM's challenge from %s: %w", n.target.addr, err)
	}
	if answer, err = n.send(ctx, l, token); err != nil {
		return nil, err
	}
	if err := logonStatus(n.target, answer); err != nil {
		return nil, err
	}
	if !n.target.sealed() {
		return nil, nil
	}
	return &ntlmSealer{session: client.SecuritySession()}, nil
}

func (n *ntlm) send(ctx context.Context, l *link, token []byte) (*response, error) {
	r, err := l.post(ctx, request{authorization: string(n.target.Scheme) + " " + base64.StdEncoding.EncodeToString(token), contentType: soapType})
	return r, atLogon(err)
}

// question is the challenge message in the answer to the first one. What it switches off is refused here, because
// bodgit/ntlmssp v0.0.0-20240506230425 takes the flags as the other side sets them: without the seal flag its Wrap
// returns the message in clear text.
func (n *ntlm) question(r *response) ([]byte, error) {
	if r.status != http.StatusUnauthorized {
		return nil, statusWithoutLogon(n.target, r)
	}
	text, offered := challenge(r.header, n.target.Scheme)
	if !offered {
		return nil, notOffered(n.target, r.header)
	}
	if text == "" {
		return nil, fail(StageAuthenticate, ReasonUnsupported, "NTLM may be switched off on the host or by policy; use Kerberos", "%s takes no NTLM under %s (HTTP 401)", n.target.addr, n.target.Scheme)
	}
	token, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, fail(StageAuthenticate, ReasonMalformed, "", "NTLM's challenge from %s is not base64", n.target.addr)
	}
	if err := checkChallenge(token, n.target.sealed()); err != nil {
		return nil, fail(StageAuthenticate, ReasonMalformed, "", "NTLM's challenge from %s: %w", n.target.addr, err)
	}
	return token, nil
}

// Flags of MS-NLMP 2.2.2.5.
const (
	ntlmUnicode  = 1 << 0
	ntlmSign     = 1 << 4
	ntlmSeal     = 1 << 5
	ntlmExtended = 1 << 19
	ntlm128      = 1 << 29
	ntlmKeyExch  = 1 << 30
)

func checkChallenge(token []byte, sealing bool) error {
	if len(token) < 48 || string(token[:8]) != "NTLMSSP\x00" || binary.LittleEndian.Uint32(token[8:]) != 2 {
		return errors.New("not a challenge message")
	}
	need := uint32(ntlmUnicode | ntlmExtended)
	if sealing {
		need |= ntlmSign | ntlmSeal | ntlm128 | ntlmKeyExch
	}
	if flags := binary.LittleEndian.Uint32(token[20:]); flags&need != need {
		return fmt.Errorf("it switches off what is needed: flags %08x of %08x", flags&need, need)
	}
	return nil
}

// ntlmStep keeps a panic of the library on bytes from outside from ending the program: v0.0.0-20240506230425 reads
// four bytes of an MsvAvFlags that may have fewer.
func ntlmStep(client *ntlmssp.Client, input []byte, bindings *ntlmssp.ChannelBindings) (output []byte, err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("it cannot be taken apart")
		}
	}()
	return client.Authenticate(input, bindings)
}

type ntlmSealer struct{ session *ntlmssp.SecuritySession }

func (s *ntlmSealer) seal(message []byte) (signature, data []byte, err error) {
	data, signature, err = s.session.Wrap(message)
	return signature, data, err
}

func (s *ntlmSealer) unseal(signature, data []byte) ([]byte, error) {
	if len(signature) != 16 {
		return nil, fmt.Errorf("an NTLM signature of %d bytes", len(signature))
	}
	return s.session.Unwrap(data, signature)
}

// logonStatus judges the answer to the last message of a logon.
func logonStatus(t *target, r *response) error {
	if r.status == http.StatusUnauthorized {
		if _, offered := challenge(r.header, t.Scheme); !offered && len(r.header.Values("WWW-Authenticate")) > 0 {
			return notOffered(t, r.header)
		}
		return refused(t)
	}
	if r.status >= 300 {
		return atLogon(statusError(t, r))
	}
	return nil
}

// statusWithoutLogon judges an answer that should have asked for the logon to go on.
func statusWithoutLogon(t *target, r *response) error {
	if r.status >= 300 {
		return atLogon(statusError(t, r))
	}
	return fail(StageAuthenticate, ReasonUnsupported, "check that the URL is that of a WS-Management service", "%s wants no logon (HTTP %d)", t.addr, r.status)
}

// atLogon moves an error of the connection to the stage of the logon.
func atLogon(err error) error {
	var e *Error
	if errors.As(err, &e) && (e.Stage == StageSend || e.Stage == StageReceive) {
		e.Stage = StageAuthenticate
		e.Err = fmt.Errorf("logging on: %w", e.Err)
	}
	return err
}
