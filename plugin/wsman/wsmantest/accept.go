package wsmantest

// Session is the acceptor's side of a sealed Kerberos logon at a service that is not HTTP.
type Session struct{ sealer sealer }

// Accept judges the first token of such a logon at the service spn, and makes the answer.
func (r *Realm) Accept(spn string, token []byte) (*Session, []byte, error) {
	host := &Host{options: Options{Realm: r, SPN: spn}}
	s, reply, err := host.acceptKerberos(token)
	if err != nil {
		return nil, nil, err
	}
	return &Session{s}, reply, nil
}

// Seal encrypts a message to the client.
func (s *Session) Seal(message []byte) []byte {
	signature, data := s.sealer.seal(message)
	return append(signature, data...)
}

// Unseal decrypts and verifies a message of the client.
func (s *Session) Unseal(token []byte) ([]byte, error) { return s.sealer.unseal(nil, token) }
