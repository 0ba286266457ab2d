package wsmantest

import "crypto/x509"

// Service is a service that is not HTTP, where clients log on by SASL's mechanism GSS-SPNEGO, as they do at LDAP.
type Service struct {
	// Realm has the Kerberos accounts, and SPN is the service in it.
	Realm *Realm
	SPN   string
	// Domain, User and Password are the NTLM account.
	Domain, User, Password string
}

// Logon begins a logon. With the certificate of a TLS connection it is judged as Active Directory does that demands
// channel bindings: it has to be bound to that certificate, and must not want messages sealed as well. Without one (nil) it
// has to want that.
func (s Service) Logon(certificate *x509.Certificate) *Logon {
	l := &Logon{options: Options{Realm: s.Realm, SPN: s.SPN, Domain: s.Domain, User: s.User, Password: s.Password}}
	if certificate != nil {
		l.options.RequireBinding, l.options.unsealed, l.binding = true, true, bindingOf(certificate)
	}
	return l
}

// Logon is the acceptor's side of one logon at a Service.
type Logon struct {
	options Options
	binding []byte
	ntlm    *ntlmAcceptor // between its messages
	sealer  sealer        // after the logon
}

// Step judges a token of the client and makes the answer to it. After an error the logon is over; ErrBinding is one of
// them.
func (l *Logon) Step(token []byte) (reply []byte, done bool, err error) {
	switch ntlmType(token) {
	case ntlmNegotiate:
		l.ntlm = newNTLMAcceptor(l.options, token)
		return l.ntlm.challenge, false, nil
	case ntlmAuthenticate:
		if l.ntlm == nil {
			return nil, false, errRefused
		}
		l.sealer, err = l.ntlm.authenticate(token, l.binding)
		return nil, err == nil, err
	}
	if l.options.Realm == nil {
		return nil, false, errRefused
	}
	l.sealer, reply, err = l.options.acceptKerberos(token, l.binding)
	return reply, err == nil, err
}

// Session is what seals messages from the end of the logon on; nil over TLS, where nothing is sealed.
func (l *Logon) Session() *Session {
	if l.sealer == nil || l.options.unsealed {
		return nil
	}
	return &Session{l.sealer}
}

// Session is the acceptor's side of a sealed connection.
type Session struct{ sealer sealer }

// Accept judges the first token of a sealed Kerberos logon at the service spn, and makes the answer.
func (r *Realm) Accept(spn string, token []byte) (*Session, []byte, error) {
	l := Service{Realm: r, SPN: spn}.Logon(nil)
	reply, _, err := l.Step(token)
	if err != nil {
		return nil, nil, err
	}
	return l.Session(), reply, nil
}

// Seal encrypts a message to the client.
func (s *Session) Seal(message []byte) []byte {
	signature, data := s.sealer.seal(message)
	return append(signature, data...)
}

// Unseal decrypts and verifies a message of the client.
func (s *Session) Unseal(token []byte) ([]byte, error) {
	split := 0 // a Wrap token of Kerberos is put together again
	if _, isNTLM := s.sealer.(*ntlmSealer); isNTLM {
		split = min(16, len(token))
	}
	return s.sealer.unseal(token[:split], token[split:])
}
