package wsman

import (
	"mime"
	"net/http"
	"net/url"
	"strings"
)

// answer is the envelope in an HTTP answer, decrypted where messages are sealed, or the error that the answer means.
func (c *Conversation) answer(r *response) ([]byte, error) {
	media, _, _ := mime.ParseMediaType(r.header.Get("Content-Type"))
	envelope := r.body
	switch {
	case c.sealer != nil && media == sealedMedia:
		var err error
		if envelope, err = c.unseal(r); err != nil {
			return nil, err
		}
	case c.sealer != nil && r.status < 300:
		return nil, fail(StageReceive, ReasonMalformed, "an answer in clear text is never believed", "HTTP %d and an answer that is not encrypted", r.status)
	case c.sealer != nil || (media != soapMedia && media != "text/xml"):
		// What came in clear text where it must not is not read: anybody could have written it.
		return nil, statusError(c.target, r)
	}
	fault, err := ParseFault(envelope)
	if err != nil && r.status < 300 {
		return nil, fail(StageReceive, ReasonMalformed, "", "HTTP %d and an answer that cannot be read: %w", r.status, err)
	}
	if fault != nil {
		fault.Status = r.status
		return nil, &Error{Stage: StageReceive, Reason: fault.reason(), Hint: faultHints[fault.reason()], Err: fault}
	}
	if r.status >= 300 {
		return nil, statusError(c.target, r)
	}
	return envelope, nil
}

func (c *Conversation) unseal(r *response) ([]byte, error) {
	s, err := decodeSealed(r.header.Get("Content-Type"), c.target.protocol(), r.body)
	if err != nil {
		return nil, fail(StageReceive, ReasonMalformed, "", "HTTP %d and an encrypted answer that cannot be taken apart: %w", r.status, err)
	}
	envelope, err := c.sealer.unseal(s.signature, s.data)
	if err != nil {
		return nil, fail(StageReceive, ReasonMalformed, "something on the way may have changed it", "HTTP %d and an answer that cannot be decrypted: %w", r.status, err)
	}
	if len(envelope) != s.length {
		return nil, fail(StageReceive, ReasonMalformed, "", "an answer of %d bytes that was announced with %d", len(envelope), s.length)
	}
	return envelope, nil
}

var faultHints = map[Reason]string{
	ReasonAccessDenied: "check the account's rights on the service: Remote Management Users, and the configuration's own access list",
	ReasonThrottled:    "earlier shells may have been left open; they end at their idle timeout",
}

// statusError is the meaning of an HTTP status without a SOAP fault.
func statusError(t *target, r *response) error {
	path := cut(t.url.EscapedPath(), 80)
	switch {
	case r.status < 300:
		return fail(StageReceive, ReasonMalformed, "check that the URL is that of a WS-Management service",
			"HTTP %d and an answer of the type %q", r.status, cut(oneLine(r.header.Get("Content-Type")), 60))
	case r.status < 400:
		return fail(StageReceive, ReasonUnsupported, "give the URL that it leads to, if that is to be trusted",
			"HTTP %d: %s redirects to %s, and redirects are not followed", r.status, t.addr, redirectHost(r))
	case r.status == http.StatusUnauthorized:
		return refused(t)
	case r.status == http.StatusForbidden:
		return fail(StageReceive, ReasonAccessDenied, "check the account's rights, and whether the site wants TLS or a client certificate", "HTTP 403: %s refuses %s", t.addr, path)
	case r.status == http.StatusNotFound:
		return fail(StageReceive, ReasonNotFound, "check the URL's path", "HTTP 404: %s has nothing at %s", t.addr, path)
	case r.status == http.StatusTooManyRequests:
		return fail(StageReceive, ReasonThrottled, "", "HTTP 429: %s has too many requests", t.addr)
	case r.status == http.StatusServiceUnavailable:
		return fail(StageReceive, ReasonUnreachable, "check that the service or its application pool runs", "HTTP 503: %s serves nothing at %s at the moment", t.addr, path)
	}
	return fail(StageReceive, ReasonUnreadable, "the host's event log (Windows Remote Management) says more", "HTTP %d from %s without a fault that could be trusted", r.status, t.addr)
}

// redirectHost is scheme and host of the Location header; the rest may hold anything.
func redirectHost(r *response) string {
	u, err := url.Parse(r.header.Get("Location"))
	if err != nil || u.Host == "" {
		return "another path"
	}
	return cut(oneLine(u.Scheme+"://"+u.Host), 100)
}

func refused(t *target) error {
	return fail(StageAuthenticate, ReasonAccessDenied, "check user, password and domain; it is not tried again, so that no account is locked",
		"%s refused the %s logon (HTTP 401)", t.addr, t.Auth)
}

// challenge is the token behind the scheme in an answer's WWW-Authenticate headers, and whether the scheme is offered.
func challenge(header http.Header, scheme Scheme) (token string, offered bool) {
	for _, value := range header.Values("WWW-Authenticate") {
		for part := range strings.SplitSeq(value, ",") {
			name, rest, _ := strings.Cut(strings.TrimSpace(part), " ")
			if strings.EqualFold(name, string(scheme)) {
				return strings.TrimSpace(rest), true
			}
		}
	}
	return "", false
}

// notOffered says which schemes an answer with status 401 offers instead of the wanted one.
func notOffered(t *target, header http.Header) error {
	var names []string
	for _, value := range header.Values("WWW-Authenticate") {
		for part := range strings.SplitSeq(value, ",") {
			name, _, _ := strings.Cut(strings.TrimSpace(part), " ")
			if name != "" && len(name) <= 20 && len(names) < 8 && !strings.Contains(name, "=") {
				names = append(names, oneLine(name))
			}
		}
	}
	offers := "nothing"
	if len(names) > 0 {
		offers = strings.Join(names, ", ")
	}
	return fail(StageAuthenticate, ReasonUnsupported, "nothing else is tried in its place; check the service's authentication settings",
		"%s does not offer %s for the %s logon, it offers %s (HTTP 401)", t.addr, t.Scheme, t.Auth, offers)
}
