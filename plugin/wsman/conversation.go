package wsman

import (
	"context"
	"crypto/x509"
	"errors"
	"net/http"
	"net/http/cookiejar"
)

// maxConnections is how often a conversation connects: a second time to go on, and a third to clean up behind itself.
const maxConnections = 3

// maxBody is the largest body that is read, in bytes: 1 MiB. A service keeps to the MaxEnvelopeSize of the question, and
// Windows' own client asks for half of that. More would be too much for encoding/xml (Go 1.26), which makes 170 MiB and
// nine seconds out of 15 MiB of nested elements.
const maxBody = 1 << 20

// sealer encrypts and decrypts messages in the order in which they travel.
type sealer interface {
	seal(message []byte) (signature, data []byte, err error)
	unseal(signature, data []byte) ([]byte, error)
}

// mechanism logs on over a fresh connection. The sealer is nil when TLS protects the messages.
type mechanism interface {
	logon(ctx context.Context, l *link) (sealer, error)
}

// Conversation is one authenticated, encrypted exchange of messages with one URL. The package's comment says what it
// holds to. Its methods may be called from several goroutines.
type Conversation struct {
	target    *target
	mechanism mechanism
	roots     *x509.CertPool
	cookies   http.CookieJar

	turn        chan struct{} // holds one token: whoever has it may use what follows
	link        *link         // nil or broken: no connection
	sealer      sealer        // belongs to link
	connections int           // opened or tried so far
	loggedOn    bool          // a logon has succeeded
	ended       error         // returned by every further Do
}

// New checks the configuration and reads the files that it names. It opens no connection. Errors are an *Error of
// StageConfigure.
func New(config Config) (*Conversation, error) {
	t, err := newTarget(config)
	if err != nil {
		return nil, err
	}
	c := &Conversation{target: t, turn: make(chan struct{}, 1)}
	c.turn <- struct{}{}
	if c.cookies, err = cookiejar.New(nil); err != nil {
		return nil, fail(StageConfigure, ReasonUnsupported, "", "keeping cookies: %w", err)
	}
	if c.roots, err = readRoots(t.TLS.CAFile); err != nil {
		return nil, err
	}
	switch t.Auth {
	case AuthNTLM:
		c.mechanism = &ntlm{target: t}
	case AuthKerberos:
		c.mechanism, err = newKerberos(t)
	case AuthBasic:
		c.mechanism = basic{target: t}
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

func readRoots(path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil // the system's
	}
	pem, err := readConfiguration("CA file", path)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fail(StageConfigure, ReasonMalformed, "it must be PEM", "no certificate in the CA file %s", path)
	}
	return roots, nil
}

// Do sends one SOAP 1.2 envelope (UTF-8) and returns the envelope that answers it, at most 1 MiB. The first call
// connects and logs on. It waits for its turn, and returns when the context ends, wherever the other side hangs.
//
// A fault is returned as an *Error that wraps a *Fault, whatever HTTP status it came with. After a refused or otherwise
// failed first logon every call returns that same error. After a connection lost later, for instance because a context
// ended in the middle of an exchange, the next call reconnects and logs on again, twice in a Conversation's life; the
// message of the interrupted call is not repeated.
func (c *Conversation) Do(ctx context.Context, envelope []byte) ([]byte, error) {
	select {
	case <-c.turn:
		defer func() { c.turn <- struct{}{} }()
	case <-ctx.Done():
		return nil, interrupted(ctx, StageSend, "waiting for an earlier message", ctx.Err())
	}
	if err := ctx.Err(); err != nil {
		if c.loggedOn {
			return nil, interrupted(ctx, StageSend, "sending to "+c.target.addr, err)
		}
		return nil, interrupted(ctx, StageConnect, "connecting", err)
	}
	if err := c.open(ctx); err != nil {
		return nil, err
	}
	return c.exchange(ctx, envelope)
}

// Close ends the connection; Do then returns an error. It waits for a Do that is under way.
func (c *Conversation) Close() error {
	<-c.turn
	defer func() { c.turn <- struct{}{} }()
	c.drop()
	if c.ended == nil {
		c.ended = fail(StageConnect, ReasonUnreachable, "", "the conversation with %s is closed", c.target.addr)
	}
	return nil
}

// String names the URL and nothing else.
func (c *Conversation) String() string { return "conversation with " + c.target.url.Redacted() }

// GoString is String: the fields hold keys.
func (c *Conversation) GoString() string { return c.String() }

// open makes sure that there is a connection with a logon: the first one, or one that replaces it.
func (c *Conversation) open(ctx context.Context) error {
	if c.ended != nil {
		return c.ended
	}
	if c.link != nil && !c.link.broken {
		return nil
	}
	c.drop()
	if c.connections >= maxConnections {
		return fail(StageConnect, ReasonUnreachable, "", "the connection with %s was lost %d times, and it is not opened again", c.target.addr, maxConnections)
	}
	c.connections++
	l, err := dial(ctx, c.target, c.roots, c.cookies)
	if err == nil {
		c.link = l
		c.sealer, err = c.mechanism.logon(ctx, l)
	}
	if err != nil {
		c.drop()
		c.ended = err // a connection is tried once, and so is a logon
		return err
	}
	// Basic has no logon of its own: the first answer is its outcome.
	c.loggedOn = c.loggedOn || c.target.Auth != AuthBasic
	return nil
}

func (c *Conversation) drop() {
	if c.link != nil {
		c.link.close()
	}
	c.link, c.sealer = nil, nil
}

// exchange sends the envelope over the open connection and judges the answer.
func (c *Conversation) exchange(ctx context.Context, envelope []byte) ([]byte, error) {
	r, err := c.post(ctx, envelope)
	if err == nil {
		c.link.broken = c.link.broken || r.closing
		envelope, err = c.answer(r)
	}
	if err != nil {
		return nil, c.judge(err)
	}
	c.loggedOn = true
	return envelope, nil
}

// judge notes what an error means for the messages to come.
func (c *Conversation) judge(err error) error {
	var fault *Fault
	if errors.As(err, &fault) {
		c.loggedOn = true
		return err
	}
	// The sealing contexts may be out of step with the host's, or the host has forgotten the logon.
	c.link.broken = true
	var e *Error
	if !c.loggedOn || (errors.As(err, &e) && e.Stage == StageAuthenticate) {
		c.ended = err
	}
	return err
}

func (c *Conversation) post(ctx context.Context, envelope []byte) (*response, error) {
	q := request{contentType: soapType, body: envelope}
	if c.target.Auth == AuthBasic {
		q.authorization = basicHeader(c.target)
	}
	if c.sealer != nil {
		signature, data, err := c.sealer.seal(envelope)
		if err != nil {
			return nil, fail(StageSend, ReasonUnsupported, "", "encrypting the message: %w", err)
		}
		protocol := c.target.protocol()
		q.contentType = sealedType(protocol)
		q.body = sealed{length: len(envelope), signature: signature, data: data}.encode(protocol)
	}
	return c.link.post(ctx, q)
}
