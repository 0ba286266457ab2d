package source

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"time"

	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/confidential"
	msal "github.com/AzureAD/microsoft-authentication-library-for-go/apps/errors"

	"check_exchange_authcert/plugin/authcert"
)

// Entra asks Microsoft Graph which certificates Entra ID trusts for this
// organization. It reads only, and needs the permission Application.Read.All.
type Entra struct {
	Tenant   string // a GUID or a domain
	ClientID string // of the application that asks
	Login    ClientLogin
	Cloud    Cloud
	// Application is the dedicated application's display name or application
	// ID. When empty it is the one that is called ExchangeServerApp-<GUID>, and
	// when there is none the service principal that all of Exchange Online shares.
	Application string

	assumed   string            // the name that the organization's GUID gives it
	transport http.RoundTripper // nil but in tests
}

// Cloud is where Entra ID and Graph are.
type Cloud struct{ login, graph string }

// Clouds are Microsoft's national clouds, by the name that the command line
// knows.
var Clouds = map[string]Cloud{
	"public": {"https://login.microsoftonline.com/", "https://graph.microsoft.com"},
	"usgov":  {"https://login.microsoftonline.us/", "https://graph.microsoft.us"},
	"usdod":  {"https://login.microsoftonline.us/", "https://dod-graph.microsoft.us"},
	"china":  {"https://login.partner.microsoftonline.cn/", "https://microsoftgraph.chinacloudapi.cn"},
}

// Look logs on and reads the application. What goes wrong is noted for the
// stage authcert.StageEntra.
func (e Entra) Look(ctx context.Context, snap *authcert.Snapshot) func(*authcert.Snapshot) {
	if e.Application == "" && snap.OrganizationGUID != "" {
		e.assumed = dedicatedName + snap.OrganizationGUID
	}
	found, err := e.read(ctx)
	return func(snap *authcert.Snapshot) {
		var note string
		snap.Entra, note = mergeEntra(snap.Entra, found, err)
		retell(snap, "what Entra ID trusts", note)
		snap.Errors = slices.DeleteFunc(snap.Errors, func(p authcert.Problem) bool { return p.Stage == authcert.StageEntra }) // of an earlier read
		if err != nil {
			snap.Errors = append(snap.Errors, *err)
		}
	}
}

func (e Entra) read(ctx context.Context) (*authcert.Entra, *authcert.Problem) {
	client := e.client()
	defer client.CloseIdleConnections()
	for try := 1; ; try++ {
		token, throttled, problem := e.token(ctx, client)
		if problem == nil {
			found, problem := graph{client: client, base: e.Cloud.graph + "/v1.0", token: token}.trusted(ctx, e.Application, e.assumed)
			for _, said := range []any{found, problem} { // names of applications are quoted
				hideIn(reflect.ValueOf(said), spellings(shortest, token), spellings(shortest, token))
			}
			return found, problem
		}
		if throttled == nil || !waitTurn(ctx, throttled, try) {
			return nil, problem
		}
	}
}

// client follows no redirects, which would carry the token elsewhere, and reads
// no more than an answer can have. Unlike the other ways it uses the proxy that
// the environment names: this way leads to the Internet, and TLS is verified.
func (e Entra) client() *http.Client {
	transport := e.transport
	if transport == nil {
		transport = &http.Transport{
			Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, MaxResponseHeaderBytes: 64 << 10,
			TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12},
		}
	}
	return &http.Client{
		Transport:     shortAnswers{transport},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// token logs on as the application. The library keeps it in memory, and takes
// it from there only.
func (e Entra) token(ctx context.Context, client *http.Client) (token string, throttled http.Header, problem *authcert.Problem) {
	app, err := confidential.New(e.Cloud.login+e.Tenant, e.ClientID, e.Login.credential(),
		confidential.WithHTTPClient(client),
		confidential.WithInstanceDiscovery(false),              // the hosts are known
		confidential.WithAzureRegion("DisableMsalForceRegion"), // no variable of the environment leads elsewhere
	)
	if err != nil {
		return "", nil, &authcert.Problem{Stage: authcert.StageEntra, Reason: authcert.Unsupported, Message: "the library refuses tenant, client or credential", Hint: hintLogin}
	}
	result, err := app.AcquireTokenByCredential(ctx, []string{e.Cloud.graph + "/.default"})
	if err == nil {
		return result.AccessToken, nil, nil
	}
	header, problem := loginProblem(err)
	return "", header, problem
}

const hintLogin = "Check --tenant, --client-id, --cloud and the application's secret or certificate in the Entra admin center: App registrations"

// loginCodes are the refusals that administrators meet, by Entra ID's own
// numbers.
var loginCodes = map[string]string{
	"AADSTS700016":  "the application is not known in this tenant",
	"AADSTS7000215": "the client secret is wrong",
	"AADSTS7000222": "the client secret has expired",
	"AADSTS700027":  "the client certificate is not registered there, or has expired",
	"AADSTS7000112": "the application is disabled",
	"AADSTS90002":   "the tenant is not known in this cloud",
	"AADSTS900023":  "the tenant is not known in this cloud",
	"AADSTS53003":   "Conditional Access blocks it",
}

var loginCode = pattern(`AADSTS\d{4,9}`)

// loginProblem says why Entra ID gave no token. The library's error repeats the
// whole answer; only the number in it is passed on.
func loginProblem(err error) (throttled http.Header, problem *authcert.Problem) {
	problem = &authcert.Problem{Stage: authcert.StageEntra, Reason: authcert.AccessDenied, Hint: hintLogin}
	var refused msal.CallErr
	if !errors.As(err, &refused) || refused.Resp == nil {
		return nil, cloudProblem("logging on to Entra ID", err)
	}
	status := refused.Resp.StatusCode
	if isBusy(status) {
		problem.Reason, problem.Message = authcert.Throttled, fmt.Sprintf("Entra ID answers the logon with HTTP %d: too many requests, or busy", status)
		return refused.Resp.Header, problem
	}
	problem.Message = fmt.Sprintf("Entra ID answers the logon with HTTP %d", status)
	switch {
	case status == http.StatusNotFound:
		problem.Reason = authcert.NotFound
	case status >= http.StatusInternalServerError, status < http.StatusBadRequest:
		problem.Reason = authcert.Unreadable
	}
	if code := loginCode().FindString(err.Error()); code != "" {
		problem.Reason, problem.Message = authcert.AccessDenied, "logon refused: "+code
		if words := loginCodes[code]; words != "" {
			problem.Message += ", " + words
		}
	}
	return nil, problem
}

// cloudProblem names why there was no answer at all, without quoting one.
func cloudProblem(doing string, err error) *authcert.Problem {
	problem := &authcert.Problem{Stage: authcert.StageEntra, Reason: authcert.Unreachable, Hint: "See that this host reaches login and Graph hosts over HTTPS (HTTPS_PROXY is used) and that its clock is right"}
	var untrusted *tls.CertificateVerificationError
	var large *http.MaxBytesError
	var noTLS tls.RecordHeaderError
	var inURL *url.Error
	switch {
	case isTimeout(err):
		problem.Reason, problem.Message = authcert.Timeout, doing+": no answer in time"
	case errors.As(err, &untrusted):
		problem.Message = doing + ": the TLS certificate is not trusted: " + untrusted.Err.Error()
	case errors.As(err, &noTLS):
		problem.Reason, problem.Message = authcert.Malformed, doing+": it does not speak TLS"
	case errors.As(err, &large):
		problem.Reason, problem.Message = authcert.Malformed, fmt.Sprintf("%s: the answer is larger than %d MiB", doing, maxGraph>>20)
	case errors.Is(err, errManyValues):
		problem.Reason, problem.Message = authcert.Malformed, doing+": "+errManyValues.Error()
	case errors.Is(err, io.ErrUnexpectedEOF):
		problem.Reason, problem.Message = authcert.Malformed, doing+": the answer was cut off"
	case errors.As(err, &inURL):
		problem.Message = doing + ": " + plainError(err)
	default:
		problem.Reason, problem.Message = authcert.Malformed, doing+": the answer is not what is expected"
	}
	return problem
}

// isBusy tells whether a status asks to come again later.
func isBusy(status int) bool {
	return status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable
}

// mostTries is how often a busy service is asked.
const mostTries = 5

// waitTurn waits as long as a busy service asks for. It returns false at once
// when that is beyond the deadline, or was asked for too often.
func waitTurn(ctx context.Context, header http.Header, try int) bool {
	wait := retryAfter(header, time.Duration(try)*time.Second)
	end, limited := ctx.Deadline()
	if try >= mostTries || (limited && time.Until(end) <= wait) {
		return false
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
