package source

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"

	"check_exchange_authcert/plugin/authcert"
)

// servedPorts are those of Exchange's web sites: the front end and the Back
// End.
var servedPorts = []int{443, authcert.BackEndPort}

// CheckTLS looks which certificates every server of a snapshot serves. Nothing
// is verified and nothing is sent: a handshake is all.
type CheckTLS struct {
	Concerns func(*authcert.Server) bool // which servers are asked; nil: all

	dial dialer // nil but in tests
}

// Look shakes hands with every port of every server twice, with the server's
// name (SNI) and without: they may be bound to different certificates.
func (c CheckTLS) Look(ctx context.Context, snap *authcert.Snapshot) func(*authcert.Snapshot) {
	names := asked(snap, c.Concerns)
	limit := perServer(ctx)
	found := make([][]authcert.Served, len(names))
	atOnce(len(names), mostAtOnce, func(i int) {
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		found[i] = c.server(ctx, names[i])
	})
	return func(snap *authcert.Snapshot) {
		for i, name := range names {
			if s := serverNamed(snap, name); s != nil {
				s.Served = mergeServed(s.Served, found[i])
			}
		}
	}
}

// server looks at all ports of a server at once.
func (c CheckTLS) server(ctx context.Context, name string) []authcert.Served {
	seen := make([]authcert.Served, 2*len(servedPorts))
	for i := range seen {
		seen[i] = authcert.Served{Port: servedPorts[i/2], Error: &authcert.Problem{Stage: stageServed, Message: "internal error; please report it"}}
	}
	atOnce(len(seen), len(seen), func(i int) {
		asName := ""
		if i%2 == 1 {
			asName = name
		}
		seen[i].RawData, seen[i].Error = c.handshake(ctx, net.JoinHostPort(name, strconv.Itoa(servedPorts[i/2])), asName)
	})
	var found []authcert.Served
	for i := 0; i < len(seen); i += 2 {
		found = append(found, bothServed(seen[i], seen[i+1], name)...)
	}
	for i := range found {
		found[i].Origin = &authcert.Origin{Kind: authcert.KindTLS}
	}
	return found
}

// bothServed puts the answers without and with a name together: two entries
// when they are different certificates, else one. A certificate is worth more
// than none, and an answer that is not known more than a port without one.
func bothServed(without, with authcert.Served, name string) []authcert.Served {
	with.ServerName = name
	unnamed, named := len(without.RawData) > 0, len(with.RawData) > 0
	switch {
	case unnamed && named && !slices.Equal(without.RawData, with.RawData):
		return []authcert.Served{without, with}
	case named && !unnamed:
		return []authcert.Served{with}
	case !unnamed && without.Error == nil:
		without.Error = with.Error
	}
	return []authcert.Served{without}
}

// mergeServed adds answers to those that are there already. The same
// certificate is told once, and a port that told one is not also one that
// could not be read.
func mergeServed(known, found []authcert.Served) authcert.List[authcert.Served] {
	var all authcert.List[authcert.Served]
	for _, served := range slices.Concat(known, found) {
		samePort := func(other authcert.Served) bool { return other.Port == served.Port }
		unread := func(other authcert.Served) bool { return samePort(other) && other.Error != nil }
		same := func(other authcert.Served) bool {
			return samePort(other) && other.Error == nil && slices.Equal(other.RawData, served.RawData)
		}
		switch {
		case served.Error != nil && slices.ContainsFunc(all, samePort), served.Error == nil && slices.ContainsFunc(all, same):
			continue
		case served.Error == nil:
			all = slices.DeleteFunc(all, unread)
		}
		all = append(all, served)
	}
	return all
}

const stageServed = "looking at served certificates"

// handshake returns the certificate that an address serves under a name, nil
// when it hangs up instead: then none is bound to it.
func (c CheckTLS) handshake(ctx context.Context, address, name string) (authcert.DER, *authcert.Problem) {
	connection, err := c.dial.connect(ctx, "tcp", address)
	if err != nil {
		return nil, servedProblem(err, "no connection in time")
	}
	defer connection.Close()
	heard := &listening{Conn: connection}
	var leaf authcert.DER
	config := anyTLS()
	config.ServerName = name
	config.VerifyConnection = func(state tls.ConnectionState) error {
		leaf = state.PeerCertificates[0].Raw
		return nil
	}
	err = tls.Client(heard, config).HandshakeContext(ctx)
	if leaf != nil || err == nil || (!heard.anything && hungUp(err)) {
		return leaf, nil // what comes after the certificate does not matter
	}
	return nil, servedProblem(err, "no certificate in time")
}

// listening takes down whether the other side has said anything.
type listening struct {
	net.Conn
	anything bool
}

func (l *listening) Read(p []byte) (int, error) {
	n, err := l.Conn.Read(p)
	l.anything = l.anything || n > 0
	return n, err
}

// hungUp tells whether the other side ended the connection without a word.
// Windows does that when a port has no certificate.
func hungUp(err error) bool {
	var network *net.OpError
	return !isTimeout(err) && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || (errors.As(err, &network) && network.Op == "read"))
}

func servedProblem(err error, late string) *authcert.Problem {
	problem := &authcert.Problem{Stage: stageServed, Reason: authcert.Unreachable, Message: err.Error(),
		Hint: "See with openssl s_client -connect SERVER:PORT what this host is told there; a firewall may keep it from port 444"}
	var noTLS tls.RecordHeaderError
	var network *net.OpError
	switch {
	case isTimeout(err):
		problem.Reason, problem.Message = authcert.Timeout, late
	case errors.As(err, &noTLS):
		problem.Reason, problem.Message = authcert.Unsupported, "it does not speak TLS"
	case errors.As(err, &network) && network.Op == "remote error":
		problem.Reason, problem.Message = authcert.Unsupported, fmt.Sprintf("it refused the handshake: %v", network.Err)
	}
	return problem
}

// anyTLS verifies nothing and speaks whatever the other side can: it is for
// looking at public facts only, and old servers speak old TLS.
func anyTLS() *tls.Config {
	config := &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10} //nolint:gosec // see above
	for _, suite := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		config.CipherSuites = append(config.CipherSuites, suite.ID)
	}
	return config
}
