package wsman

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"net/netip"
	"strings"

	"github.com/bodgit/ntlmssp"
	"github.com/jcmturner/gokrb5/v8/types"
)

// LogonConfig says who logs on where with a Logon. Its fields mean what they mean in Config.
type LogonConfig struct {
	// Service is the first part of the service principal name, as in "ldap".
	Service string
	// Host is the host's name as its service principal name has it.
	Host string
	// Auth is AuthKerberos or AuthNTLM.
	Auth     Auth
	Username string
	Domain   string
	Password Secret
	Kerberos Kerberos
}

// Logon is one logon by SASL's mechanism GSS-SPNEGO, for protocols other than HTTP: it makes and reads the tokens, the
// caller carries them. It is for one connection and one goroutine. As in a Conversation nothing falls back, and a
// password is tried once. Errors are an *Error.
type Logon struct {
	target   *target
	kerberos *kerberos            // nil: NTLM
	sent     *types.Authenticator // Kerberos: what the answer has to prove knowledge of
	ntlm     *ntlmssp.Client
	state    *tls.ConnectionState
	sealer   sealer
}

// NewLogon checks the configuration and reads the files that it names.
func NewLogon(c LogonConfig) (*Logon, error) {
	if c.Auth != AuthKerberos && c.Auth != AuthNTLM {
		return nil, fail(StageConfigure, ReasonUnsupported, "", "no such logon: %q", c.Auth)
	}
	host := strings.ToLower(strings.TrimSuffix(c.Host, "."))
	if c.Auth == AuthKerberos && c.Kerberos.SPN == "" {
		if _, err := netip.ParseAddr(host); err == nil {
			return nil, fail(StageConfigure, ReasonUnsupported, "give the host's full DNS name, as in its service principal name", "Kerberos needs a host name, not the address %s", host)
		}
		c.Kerberos.SPN = c.Service + "/" + host
	}
	t := &target{host: host, addr: host, Config: Config{
		Scheme: SchemeNegotiate, Auth: c.Auth, Username: c.Username, Domain: c.Domain, Password: c.Password, Kerberos: c.Kerberos,
	}}
	if err := t.check(); err != nil {
		return nil, err
	}
	l := &Logon{target: t}
	if c.Auth == AuthKerberos {
		source, err := newTicketSource(t)
		if err != nil {
			return nil, err
		}
		l.kerberos = &kerberos{target: t, source: *source}
	}
	return l, nil
}

// Start gives the first token; for Kerberos it gets a ticket from the KDC. With the state of a TLS connection the logon
// is bound to the server's certificate and nothing is sealed, because Active Directory takes no second layer under TLS.
// Without one (nil) everything after the logon has to be sealed.
func (l *Logon) Start(ctx context.Context, connection *tls.ConnectionState) ([]byte, error) {
	l.state = connection
	if l.kerberos == nil {
		return l.startNTLM()
	}
	held, err := l.kerberos.source.serviceTicket(ctx)
	if err != nil {
		return nil, err
	}
	l.kerberos.held = held
	flags := uint32(sealFlags)
	if connection != nil {
		flags = logonFlags
	}
	sent, token, err := l.kerberos.request(connection, flags)
	if err != nil {
		return nil, fail(StageAuthenticate, ReasonUnsupported, "", "Kerberos: building the logon: %w", err)
	}
	l.sent = sent
	return spnegoInit(token), nil
}

// ntlmRequestTarget asks for the server's name and what comes with it. Windows sends that unasked, Samba does not.
const ntlmRequestTarget = 1 << 2

// startNTLM changes the first message's flags, for which bodgit/ntlmssp v0.0.0-20240506230425 has no option: it asks
// for the target's name, and takes signing and sealing back when TLS protects the connection. The library keeps this
// very slice for the message integrity code.
func (l *Logon) startNTLM() ([]byte, error) {
	client, token, err := startNTLM(l.target)
	if err != nil {
		return nil, err
	}
	l.ntlm = client
	flags := binary.LittleEndian.Uint32(token[12:]) | ntlmRequestTarget
	if l.state != nil {
		flags &^= ntlmSign | ntlmSeal
	}
	binary.LittleEndian.PutUint32(token[12:], flags)
	return token, nil
}

// Continue takes the server's token. Without a further one to send (nil) the client's part is done: the server has
// proved who it is (Kerberos), or its acceptance has only to arrive (NTLM).
func (l *Logon) Continue(token []byte) ([]byte, error) {
	if l.kerberos == nil {
		return l.continueNTLM(token)
	}
	seal, err := l.kerberos.verify(l.sent, token)
	if err != nil {
		return nil, fail(StageAuthenticate, ReasonMalformed, "the host may not be the one that was meant; check the name, and the service principal name's account",
			"%s has not proved who it is: %w", l.target.addr, err)
	}
	if l.state == nil {
		l.sealer = seal
	}
	return nil, nil
}

func (l *Logon) continueNTLM(token []byte) ([]byte, error) {
	if l.ntlm.Complete() {
		return nil, nil // what comes with the acceptance says nothing more
	}
	if err := checkChallenge(token, l.state == nil); err != nil {
		return nil, fail(StageAuthenticate, ReasonMalformed, "", "NTLM's challenge from %s: %w", l.target.addr, err)
	}
	answer, err := ntlmStep(l.ntlm, token, ntlmBindings(l.state))
	if err != nil {
		return nil, fail(StageAuthenticate, ReasonMalformed, "", "NTLM's challenge from %s: %w", l.target.addr, err)
	}
	if l.state == nil {
		l.sealer = &ntlmSealer{session: l.ntlm.SecuritySession()}
	}
	return answer, nil
}

// Sealed tells whether everything after the logon goes through Seal and Unseal.
func (l *Logon) Sealed() bool { return l.sealer != nil }

// Seal encrypts a message. Messages have to be sent in the order in which they were sealed.
func (l *Logon) Seal(message []byte) ([]byte, error) {
	signature, data, err := l.sealer.seal(message)
	return append(bytes.Clone(signature), data...), err
}

// ntlmSignature is the length of an NTLM signature, in bytes.
const ntlmSignature = 16

// Unseal decrypts a message of the server and verifies it, in the order of arrival.
func (l *Logon) Unseal(token []byte) ([]byte, error) {
	split := min(ntlmSignature, len(token)) // a Wrap token of Kerberos is put together again, so any place will do
	message, err := l.sealer.unseal(token[:split], token[split:])
	if err != nil {
		return nil, fail(StageReceive, ReasonMalformed, "", "%s sent what cannot be decrypted: %w", l.target.addr, err)
	}
	return message, nil
}

// ClientConfig is the configuration for a TLS connection with host, for those who make one themselves. It reads CAFile.
func (t TLS) ClientConfig(host string) (*tls.Config, error) {
	roots, err := readRoots(t.CAFile)
	if err != nil {
		return nil, err
	}
	name := t.ServerName
	if name == "" {
		name = host
	}
	return &tls.Config{ServerName: name, RootCAs: roots, InsecureSkipVerify: t.Insecure, MinVersion: tls.VersionTLS12}, nil //nolint:gosec // when the user wants that
}
