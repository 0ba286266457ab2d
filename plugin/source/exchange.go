package source

import (
	"context"
	"errors"
	"net/url"
	"time"

	"check_exchange_authcert/plugin/authcert"
	"check_exchange_authcert/plugin/wsman"
)

// Remoting asks an Exchange server over its own PowerShell endpoint: one logon, no right on Windows, only the role
// View-Only Configuration.
type Remoting struct {
	// Endpoint is where, as whom and with what TLS. The logon is Kerberos', or Basic where somebody has switched that
	// on; Exchange offers no NTLM. Without a Scheme the one that Exchange offers is used.
	Endpoint wsman.Config
	// Now is when the facts are taken.
	Now time.Time
	// Concerns tells whose certificates are asked for; nil: everyone's.
	Concerns func(*authcert.Server) bool
}

// reserve is the time before the deadline at which the facts so far have to do: for closing the session and for the
// answer.
const reserve = 1500 * time.Millisecond

// Snapshot opens a session, asks for AuthConfig, the servers, what tells a hybrid organization, and each server's
// certificates, and closes the session, at the latest a second after the context has ended. What it could read by then
// is in the snapshot, what it could not in its Errors and in the servers' own. It gives an error, with its Reason, when
// there was no session, or when neither AuthConfig nor the servers could be read in it for another cause than the
// certificate's own.
func (r Remoting) Snapshot(ctx context.Context) (*authcert.Snapshot, error) {
	if r.Endpoint.Auth == wsman.AuthNTLM {
		return nil, &authcert.Problem{Stage: "preparing PowerShell remoting", Reason: authcert.Unsupported,
			Message: "Exchange's PowerShell endpoint offers no NTLM", Hint: "Log on with Kerberos, as user@REALM, or ask with --via winrm"}
	}
	work, cancel := early(ctx)
	defer cancel()
	session, err := r.session(work)
	if err != nil {
		return nil, err
	}
	defer func() {
		grace, release := withGrace(ctx)
		defer release()
		session.close(grace)
	}()
	q := &inquiry{session: session, concerns: r.Concerns, snap: &authcert.Snapshot{
		Schema: authcert.Schema, TakenAt: authcert.At(r.Now),
		Origin: authcert.Origin{Kind: "exchange", Host: r.host(), Via: "exchange"},
	}}
	return q.all(work)
}

// early is a context that ends some time before ctx does.
func early(ctx context.Context) (context.Context, context.CancelFunc) {
	end, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, end.Add(-min(reserve, time.Until(end)/4)))
}

func (r Remoting) host() string {
	u, err := url.Parse(r.Endpoint.URL)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// session opens a session. Exchange offers the scheme Kerberos; a site on which Windows authentication has been
// switched on offers Negotiate in its place, and refusing one for the other costs no attempt to log on. Where neither is
// offered the error is the first one's, else that of the one that was.
func (r Remoting) session(ctx context.Context) (*remoteSession, error) {
	schemes := []wsman.Scheme{r.Endpoint.Scheme}
	if r.Endpoint.Scheme == "" && r.Endpoint.Auth == wsman.AuthKerberos {
		schemes = []wsman.Scheme{wsman.SchemeKerberos, wsman.SchemeNegotiate}
	}
	var failed error
	for _, scheme := range schemes {
		config := r.Endpoint
		config.Scheme = scheme
		conversation, err := wsman.New(config)
		if err != nil {
			return nil, remotingProblem(config.URL, "", err)
		}
		session := &remoteSession{conversation: conversation, config: config}
		if err = session.open(ctx); err == nil {
			return session, nil
		}
		session.abandon(ctx)
		offered := !notOffered(err)
		if failed == nil || offered {
			failed = remotingProblem(config.URL, "opening a session", err)
		}
		if offered {
			break
		}
	}
	return nil, failed
}

func notOffered(err error) bool {
	var failed *wsman.Error
	return errors.As(err, &failed) && failed.Stage == wsman.StageAuthenticate && failed.Reason == wsman.ReasonUnsupported
}
