package source

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"check_exchange_authcert/plugin/authcert"
)

// Published asks servers that are named for the OAuth metadata document that
// they publish, and nothing else.
type Published struct {
	Hosts []string // host or host:port (443)
	// Roots, when there are any, are what the servers' TLS certificates must
	// lead to. Otherwise they are not verified: the document is public and
	// holds no secret, and servers are asked by names that their certificate
	// seldom has.
	Roots *x509.CertPool
	Now   time.Time // when it is asked
}

// Snapshot asks all servers. Those that do not tell are listed with their
// problem.
func (p Published) Snapshot(ctx context.Context) (*authcert.Snapshot, error) {
	snap := &authcert.Snapshot{
		Schema: authcert.Schema, TakenAt: authcert.At(p.Now), Origin: authcert.Origin{Kind: authcert.KindPublished},
	}
	seen := map[string]bool{}
	var addresses []string
	for _, host := range p.Hosts {
		name, port, ok := ParseHost(host)
		if !ok {
			return nil, &authcert.Problem{Stage: stagePublished, Reason: authcert.Unsupported, Message: fmt.Sprintf("%q is no host", host),
				Hint: "Name Exchange servers as in ex01.contoso.com, ex01.contoso.com:8443, 2001:db8::10 or [2001:db8::10]:8443"}
		}
		if !seen[strings.ToLower(name)] {
			seen[strings.ToLower(name)] = true
			addresses = append(addresses, net.JoinHostPort(name, cmp.Or(port, "443")))
			snap.Servers = append(snap.Servers, authcert.Server{FQDN: name})
		}
	}
	for i, found := range askPublished(ctx, addresses, p.Roots, nil) {
		snap.Servers[i].Published = found
		if found.HTTPStatus != http.StatusInternalServerError {
			snap.Servers[i].Error = found.Error
		}
	}
	return snap, nil
}

// CheckPublished asks every server of a snapshot for the document that it
// publishes.
type CheckPublished struct {
	Roots    *x509.CertPool              // see Published
	Concerns func(*authcert.Server) bool // which servers are asked; nil: all

	dial dialer // nil but in tests
}

// Look asks every server by its own name.
func (c CheckPublished) Look(ctx context.Context, snap *authcert.Snapshot) func(*authcert.Snapshot) {
	names := asked(snap, c.Concerns)
	addresses := make([]string, len(names))
	for i, name := range names {
		addresses[i] = net.JoinHostPort(name, "443")
	}
	found := askPublished(ctx, addresses, c.Roots, c.dial)
	return func(snap *authcert.Snapshot) {
		for i, name := range names {
			if s := serverNamed(snap, name); s != nil {
				addPublished(snap, s, found[i])
			}
		}
	}
}

// addPublished adds a document to a server. Once it was read, a server whose
// document was all that was asked for is no longer one that could not be read.
func addPublished(snap *authcert.Snapshot, s *authcert.Server, found *authcert.Published) {
	var note string
	s.Published, note = mergePublished(s.Published, found)
	retell(snap, "published metadata of "+s.FQDN, note)
	if s.Error != nil && s.Error.Stage == stagePublished && found.Told() {
		s.Error = nil
	}
}

// serverName is a server's name as it is compared and asked.
func serverName(s *authcert.Server) string { return strings.ToLower(strings.TrimSpace(s.FQDN)) }

// serverNamed finds a server.
func serverNamed(snap *authcert.Snapshot, name string) *authcert.Server {
	for i := range snap.Servers {
		if serverName(&snap.Servers[i]) == name {
			return &snap.Servers[i]
		}
	}
	return nil
}

const (
	stagePublished = "reading published metadata"
	metadataPath   = "/autodiscover/metadata/json/1"
	// maxMetadata is the largest document that is read, in bytes; a real one
	// has less than 10 KiB.
	maxMetadata = 1 << 20
)

// askPublished asks all addresses and returns an answer for each.
func askPublished(ctx context.Context, addresses []string, roots *x509.CertPool, dial dialer) []*authcert.Published {
	client := metadataClient(roots, dial)
	defer client.CloseIdleConnections()
	limit := perServer(ctx)
	found := make([]*authcert.Published, len(addresses))
	for i := range found {
		found[i] = &authcert.Published{Error: &authcert.Problem{Stage: stagePublished, Message: "internal error; please report it"}}
	}
	atOnce(len(addresses), mostAtOnce, func(i int) {
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		answer := askMetadata(ctx, client, addresses[i])
		if answer.HTTPStatus != 0 {
			answer.TLSVerified = new(roots != nil)
		}
		found[i] = answer
	})
	return found
}

// metadataClient speaks to one server after another: no proxy, no redirects,
// no credentials, and no connection that is kept.
func metadataClient(roots *x509.CertPool, dial dialer) *http.Client {
	config := &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	if roots == nil {
		config = anyTLS()
	}
	return &http.Client{
		Transport: &http.Transport{
			DialContext: dial.connect, TLSClientConfig: config, DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// askMetadata asks one server.
func askMetadata(ctx context.Context, client *http.Client, address string) *authcert.Published {
	document := url.URL{Scheme: "https", Host: strings.TrimSuffix(address, ":443"), Path: metadataPath}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, document.String(), http.NoBody)
	if err != nil {
		return &authcert.Published{Error: publishedProblem(err)}
	}
	request.Header.Set("User-Agent", "check_exchange_authcert")
	response, err := client.Do(request)
	if err != nil {
		return &authcert.Published{Error: publishedProblem(err)}
	}
	defer response.Body.Close()
	answer := &authcert.Published{HTTPStatus: response.StatusCode}
	if response.StatusCode != http.StatusOK {
		answer.Error = refusedDocument(response.StatusCode)
		return answer
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxMetadata+1))
	switch {
	case err != nil:
		answer.Error = publishedProblem(err)
	case len(body) > maxMetadata:
		answer.Error = malformedMetadata(fmt.Sprintf("it is larger than %d MiB", maxMetadata>>20))
	default:
		answer.Thumbprints, answer.Certificates, answer.Error = parsedMetadata(ctx, body)
	}
	return answer
}

// parsedMetadata parses a document that was read to its end, as far as that can
// be told: a server that sees the client give up may end it in the middle.
func parsedMetadata(ctx context.Context, body []byte) (authcert.List[authcert.Thumbprint], authcert.List[authcert.DER], *authcert.Problem) {
	thumbprints, certificates, why := parseMetadata(body)
	switch {
	case why == "":
		return thumbprints, certificates, nil
	case ctx.Err() != nil:
		return nil, nil, publishedProblem(ctx.Err())
	}
	return nil, nil, malformedMetadata(why)
}

// refusedDocument says what another status than 200 means.
func refusedDocument(status int) *authcert.Problem {
	problem := &authcert.Problem{Stage: stagePublished, Reason: authcert.Unreadable, Message: fmt.Sprintf("HTTP %d", status), Hint: hintPublished}
	switch {
	case status == http.StatusInternalServerError:
		problem.Message += ": the certificate or its key is missing there"
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		problem.Reason = authcert.AccessDenied
	case status == http.StatusNotFound:
		problem.Reason = authcert.NotFound
	case status == http.StatusTooManyRequests:
		problem.Reason = authcert.Throttled
	case status >= 300 && status < 400:
		problem.Message += ", a redirect that was not followed: is this an Exchange server's own name?"
	}
	return problem
}

const hintPublished = "Open https://SERVER" + metadataPath + " on this host: each Exchange server answers it by its own name, without logging on"

func malformedMetadata(why string) *authcert.Problem {
	return &authcert.Problem{Stage: stagePublished, Reason: authcert.Malformed, Message: why, Hint: hintPublished}
}

// publishedProblem names why a server gave no answer.
func publishedProblem(err error) *authcert.Problem {
	problem := &authcert.Problem{Stage: stagePublished, Reason: authcert.Unreachable, Message: plainError(err), Hint: hintPublished}
	var untrusted *tls.CertificateVerificationError
	var noTLS tls.RecordHeaderError
	switch {
	case isTimeout(err):
		problem.Reason, problem.Message = authcert.Timeout, "no answer in time"
	case errors.As(err, &noTLS):
		problem.Reason, problem.Message = authcert.Malformed, "it does not speak TLS"
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		problem.Reason, problem.Message = authcert.Malformed, "the answer was cut off"
	case errors.As(err, &untrusted):
		problem.Message = "its TLS certificate is not trusted: " + untrusted.Err.Error()
		problem.Hint = "Let --ca-file hold the CA of the front end's certificate, which has to name the server; without --ca-file it is not verified"
	}
	return problem
}

// isTimeout tells whether time ran out, the deadline's or the connection's.
func isTimeout(err error) bool {
	var network net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || (errors.As(err, &network) && network.Timeout())
}

// plainError leaves out the URL that net/http puts before an error.
func plainError(err error) string {
	var inURL *url.Error
	if errors.As(err, &inURL) {
		err = inURL.Err
	}
	return err.Error()
}
