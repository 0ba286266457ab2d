package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"check_exchange_authcert/plugin/authcert"
	"check_exchange_authcert/plugin/clixml"
	"check_exchange_authcert/plugin/psrp"
	"check_exchange_authcert/plugin/wsman"
)

// inquiry asks for the facts in one session, a cmdlet after the other.
type inquiry struct {
	session  *remoteSession
	concerns func(*authcert.Server) bool // whose certificates are asked for; nil: everyone's
	snap     *authcert.Snapshot
	stuck    bool  // a cmdlet that was given up is still running in the session
	lost     error // why there is no session any more
	reopens  int
	broken   int // connections, by their loss or by an answer that cannot be believed
}

// maxReopens bounds how often a session that is stuck or lost is replaced: with it Exchange's own limits are kept.
const maxReopens = 3

// briefly is what one cmdlet may take while others wait, unless there is more time for each.
const briefly = 10 * time.Second

// all asks for everything.
func (q *inquiry) all(ctx context.Context) (*authcert.Snapshot, error) {
	err := q.authConfig(ctx)
	servers, listErr := q.servers(ctx)
	if err != nil && listErr != nil {
		return nil, err
	}
	q.note(authcert.StageAuthConfig, err)
	q.note(authcert.StageServers, listErr)
	if listErr != nil {
		servers = []authcert.Server{{FQDN: q.snap.Origin.Host}} // which is one, for its endpoint has answered
	}
	q.snap.Hybrid = q.hybrid(ctx)
	var asked []*authcert.Server
	for i := range servers {
		if q.concerns == nil || q.concerns(&servers[i]) {
			asked = append(asked, &servers[i])
		}
	}
	for i, s := range asked {
		q.certificates(ctx, s, len(asked)-i)
	}
	q.snap.Servers = servers
	return q.snap, nil
}

// note keeps what one step could not read.
func (q *inquiry) note(stage string, err error) {
	var problem *authcert.Problem
	if !errors.As(err, &problem) {
		return
	}
	noted := *problem
	noted.Stage = stage
	q.snap.Errors = append(q.snap.Errors, noted)
}

// ask runs a cmdlet and returns its objects; waiting is how many cmdlets share the time that is left, this one counted.
// A cmdlet that brought objects and an error gives both. Errors are authcert.Problems.
func (q *inquiry) ask(ctx context.Context, waiting int, cmdlet string, parameters ...psrp.Parameter) ([]*clixml.Object, error) {
	command := psrp.Command{Name: cmdlet, Parameters: parameters}
	stage := strings.ToLower(cmdlet)
	for again := true; ; again = false {
		if err := q.ready(ctx); err != nil {
			return nil, q.problem(stage, err)
		}
		pipeline, err := q.session.run(ctx, command, share(ctx, waiting))
		if err == nil {
			return pipeline.Output, cmdletError(cmdlet, pipeline)
		}
		q.stuck = true
		if breaks(err) {
			q.broken++
		}
		if q.broken > 1 { // the conversation's last connection is for closing the session
			q.lost = q.problem(stage, err)
			return nil, q.lost
		}
		if !again || !worthAnother(err) {
			return nil, q.problem(stage, err)
		}
	}
}

// ready makes sure that there is a session that takes a command.
func (q *inquiry) ready(ctx context.Context) error {
	switch {
	case q.lost != nil:
		return q.lost
	case ctx.Err() != nil || remaining(ctx) <= shortWait:
		return &authcert.Problem{Reason: authcert.Timeout, Message: "no time was left for it", Hint: usualHints[authcert.Timeout]}
	case !q.stuck:
		return nil
	case q.reopens >= maxReopens:
		q.lost = &authcert.Problem{Reason: authcert.Timeout, Message: fmt.Sprintf("it was not asked: the session got stuck or lost %d times", maxReopens+1), Hint: usualHints[authcert.Timeout]}
		return q.lost
	}
	q.reopens++
	q.stuck = false
	q.lost = q.session.reopen(ctx)
	return q.lost
}

func (q *inquiry) problem(stage string, err error) *authcert.Problem {
	problem := *remotingProblem(q.session.url, stage, err)
	problem.Stage = stage
	return &problem
}

// sessionGone tells whether Exchange has ended the session, as it does when its application pool is recycled.
func sessionGone(err error) bool {
	var fault *wsman.Fault
	return errors.As(err, &fault) && fault.Code == wsman.CodeShellNotFound
}

// worthAnother tells whether a cmdlet may be asked for again, which as it only reads does no harm: where the session or
// the connection was lost. The conversation connects again twice; the second time is for closing the session.
func worthAnother(err error) bool {
	var failed *wsman.Error
	return sessionGone(err) || errors.As(err, &failed) && failed.Reason == wsman.ReasonUnreachable && mayHaveArrived(err)
}

// breaks tells whether the connection is of no use after an error.
func breaks(err error) bool {
	var failed *wsman.Error
	var fault *wsman.Fault
	return errors.As(err, &failed) && !errors.As(err, &fault)
}

// share is what one of several cmdlets may take.
func share(ctx context.Context, waiting int) time.Duration {
	end, ok := ctx.Deadline()
	if !ok {
		return time.Hour
	}
	left := time.Until(end)
	return max(left/time.Duration(waiting), min(briefly, left/2))
}

// cmdletError is the error that ended a cmdlet, or else the first that it wrote.
func cmdletError(cmdlet string, p *psrp.Pipeline) error {
	switch {
	case p.Failure != nil:
		return cmdletProblem(cmdlet, p.Failure)
	case len(p.Errors) > 0:
		return cmdletProblem(cmdlet, &p.Errors[0])
	case p.State() != psrp.PipelineCompleted:
		return &authcert.Problem{Stage: strings.ToLower(cmdlet), Reason: authcert.Unreadable, Message: cmdlet + " was stopped on the server"}
	}
	return nil
}

// askSome is ask where no object at all is an error. An error beside objects is noted.
func (q *inquiry) askSome(ctx context.Context, waiting int, cmdlet string, parameters ...psrp.Parameter) ([]*clixml.Object, error) {
	found, err := q.ask(ctx, waiting, cmdlet, parameters...)
	found = flatten(found)
	switch {
	case len(found) > 0:
		q.note(strings.ToLower(cmdlet), err)
		return found, nil
	case err == nil:
		err = &authcert.Problem{Stage: strings.ToLower(cmdlet), Reason: authcert.NotFound, Message: cmdlet + " returned nothing", Hint: returnsNothing(cmdlet)}
	}
	return nil, err
}

func returnsNothing(cmdlet string) string {
	return "See in the Exchange Management Shell what " + cmdlet + " returns for this account"
}

func (q *inquiry) authConfig(ctx context.Context) error {
	found, err := q.askSome(ctx, 4, "Get-AuthConfig")
	if err != nil {
		return err
	}
	config, problem := readAuthConfig(found[0], hintSigning)
	switch {
	case config == nil:
		return problem
	case problem != nil:
		q.snap.Errors = append(q.snap.Errors, *problem)
	}
	q.snap.AuthConfig = config
	return nil
}

// servers are all of Exchange's servers, each with the thumbprint of its internal transport certificate.
func (q *inquiry) servers(ctx context.Context) ([]authcert.Server, error) {
	found, err := q.askSome(ctx, 4, "Get-ExchangeServer")
	if err != nil {
		return nil, err
	}
	var e exports
	transport, err := q.ask(ctx, 4, "Get-TransportService")
	q.note("get-transportservice", err)
	for _, o := range flatten(transport) {
		e.addTransport(o)
	}
	servers := make([]authcert.Server, len(found))
	for i, o := range found {
		servers[i] = server(o)
		servers[i].InternalTransportCertificateThumbprint = e.transport[strings.ToLower(cmp.Or(text(o, "Name"), shortName(servers[i].FQDN)))]
	}
	return servers, nil
}

// certificates reads those of one server. What cannot be read is the server's Error.
func (q *inquiry) certificates(ctx context.Context, s *authcert.Server, waiting int) {
	found, err := q.ask(ctx, waiting, "Get-ExchangeCertificate", psrp.Parameter{Name: "Server", Value: s.FQDN})
	found = flatten(found)
	for _, o := range found {
		if raw, ok := o.Property("RawData").Bytes(); ok && len(raw) > 0 {
			s.Certificates = append(s.Certificates, readCertificate(o))
		}
	}
	without := len(found) - len(s.Certificates)
	switch {
	case err != nil:
		errors.As(err, &s.Error)
	case len(found) == 0:
		s.Error = &authcert.Problem{Reason: authcert.NotFound, Message: "Get-ExchangeCertificate returned nothing", Hint: returnsNothing("Get-ExchangeCertificate")}
	case without > 0:
		s.Error = &authcert.Problem{Reason: authcert.Malformed, Message: fmt.Sprintf("%d of %d certificates came without RawData", without, len(found)), Hint: hintSigning}
	}
	if s.Error != nil {
		s.Error.Stage = authcert.StageCertificate
	}
}

// hybrid tells whether the organization shares OAuth with Exchange Online. Without the wizard there is no
// HybridConfiguration, but Entra ID as authorization server and Exchange Online as partner.
func (q *inquiry) hybrid(ctx context.Context) *authcert.Hybrid {
	wizard := q.anyOf(ctx, "Get-HybridConfiguration", func(*clixml.Object) bool { return true })
	cloud := q.anyOf(ctx, "Get-AuthServer", func(o *clixml.Object) bool {
		number, _ := o.Property("Type").Int()
		return isTrue(o, "Enabled") && (slices.Contains([]string{"AzureAD", "MicrosoftACS", "5", "1"}, text(o, "Type")) || number == 5 || number == 1)
	})
	partner := q.anyOf(ctx, "Get-PartnerApplication", func(o *clixml.Object) bool {
		return isTrue(o, "Enabled") && strings.EqualFold(text(o, "ApplicationIdentifier"), authcert.ExchangeServiceName)
	})
	app := q.anyOf(ctx, "Get-SettingOverride", dedicatedApp)
	hybrid := &authcert.Hybrid{DedicatedApp: app}
	switch configured := holds(wizard) || (holds(cloud) && holds(partner)); {
	case configured:
		hybrid.Configured = new(true)
	case wizard != nil && cloud != nil && partner != nil:
		hybrid.Configured = new(false)
	}
	return hybrid
}

func holds(fact *bool) bool { return fact != nil && *fact }

// isTrue reads a bool, also where a broken payload signature has made a string of it.
func isTrue(o *clixml.Object, name string) bool {
	if value := truth(o, name); value != nil {
		return *value
	}
	return strings.EqualFold(text(o, name), "true")
}

// dedicatedApp is the setting that switches the dedicated hybrid application on.
func dedicatedApp(o *clixml.Object) bool {
	if !strings.EqualFold(text(o, "ComponentName"), "Global") || !strings.EqualFold(text(o, "SectionName"), "ExchangeOnpremAsThirdPartyAppId") {
		return false
	}
	return slices.ContainsFunc(o.Property("Parameters").List(), func(p *clixml.Object) bool {
		parameter, _ := p.Str()
		return strings.EqualFold(parameter, "Enabled=true")
	})
}

// anyOf tells whether a cmdlet has an object that passes the test, nil when it cannot be told.
func (q *inquiry) anyOf(ctx context.Context, cmdlet string, test func(*clixml.Object) bool) *bool {
	found, err := q.ask(ctx, 4, cmdlet)
	q.note(strings.ToLower(cmdlet), err)
	if err != nil && len(found) == 0 {
		return nil
	}
	return new(slices.ContainsFunc(flatten(found), test))
}
