package source

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"check_exchange_authcert/plugin/authcert"
	"check_exchange_authcert/plugin/clixml"
	"check_exchange_authcert/plugin/psrp"
)

// inquiry asks for the facts in one session, a cmdlet after the other.
type inquiry struct {
	session  *remoteSession
	concerns func(*authcert.Server) bool // whose certificates are asked for; nil: everyone's
	snap     *authcert.Snapshot
	stuck    bool  // a cmdlet that was given up is still running in the session
	lost     error // why there is no session any more
	sessions int   // that took another's place
	broken   int   // connections of this conversation, by their loss or by an answer that cannot be believed
}

const (
	essential     = 3 // AuthConfig, the list of servers, and the certificates of one
	hybridCmdlets = 4
)

// all asks for everything. Where neither AuthConfig nor the servers can be read there is nothing to judge, unless it is
// the certificate itself that keeps them from being read.
func (q *inquiry) all(ctx context.Context) (*authcert.Snapshot, error) {
	err := q.authConfig(ctx)
	servers, listErr := q.servers(ctx)
	switch {
	case err == nil || listErr == nil:
	case hasReason(listErr, authcert.AccessDenied) && !hasReason(err, authcert.AccessDenied):
		return nil, listErr
	case !isSigning(err):
		return nil, err
	}
	q.note(authcert.StageAuthConfig, err)
	q.note(authcert.StageServers, listErr)
	if listErr != nil {
		servers = []authcert.Server{{FQDN: q.snap.Origin.Host}} // which is one, for its endpoint has answered
	}
	var asked []*authcert.Server
	for i := range servers {
		if q.concerns == nil || q.concerns(&servers[i]) {
			asked = append(asked, &servers[i])
		}
	}
	q.snap.Hybrid = q.hybrid(ctx, len(asked))
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
	found, err := q.askSome(ctx, essential, "Get-AuthConfig")
	if err != nil {
		return err
	}
	config, problem := readAuthConfig(found[0], hintInWords)
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
	found, err := q.askSome(ctx, essential, "Get-ExchangeServer")
	if err != nil {
		return nil, err
	}
	var e exports
	transport, err := q.ask(ctx, 1+hybridCmdlets+len(found), "Get-TransportService")
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
		s.Error = signing(&authcert.Problem{Reason: authcert.Malformed, Message: fmt.Sprintf("%d of %d certificates came without RawData", without, len(found))})
	}
	if s.Error != nil {
		s.Error.Stage = authcert.StageCertificate
	}
}

// hybrid tells whether the organization shares OAuth with Exchange Online. Without the wizard there is no
// HybridConfiguration, but Entra ID as authorization server and Exchange Online as partner. Servers is how many wait to be
// asked behind it.
func (q *inquiry) hybrid(ctx context.Context, servers int) *authcert.Hybrid {
	wizard := q.anyOf(ctx, servers+hybridCmdlets, "Get-HybridConfiguration", func(*clixml.Object) bool { return true })
	cloud := q.anyOf(ctx, servers+hybridCmdlets-1, "Get-AuthServer", func(o *clixml.Object) bool {
		number, _ := o.Property("Type").Int()
		return isTrue(o, "Enabled") && (slices.Contains([]string{"AzureAD", "MicrosoftACS", "5", "1"}, text(o, "Type")) || number == 5 || number == 1)
	})
	partner := q.anyOf(ctx, servers+hybridCmdlets-2, "Get-PartnerApplication", func(o *clixml.Object) bool {
		return isTrue(o, "Enabled") && strings.EqualFold(text(o, "ApplicationIdentifier"), authcert.ExchangeServiceName)
	})
	app := q.anyOf(ctx, servers+hybridCmdlets-3, "Get-SettingOverride", dedicatedApp)
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
func (q *inquiry) anyOf(ctx context.Context, waiting int, cmdlet string, test func(*clixml.Object) bool) *bool {
	found, err := q.ask(ctx, waiting, cmdlet)
	q.note(strings.ToLower(cmdlet), err)
	if err != nil && len(found) == 0 {
		return nil
	}
	return new(slices.ContainsFunc(flatten(found), test))
}
