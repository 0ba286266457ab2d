package source

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"check_exchange_authcert/plugin/authcert"
	"check_exchange_authcert/plugin/clixml"
)

// fail notes that a file could not be read, and whose facts that costs.
func (e *exports) fail(name string, err error) {
	problem := authcert.Problem{Stage: stageSnapshot, Reason: authcert.Malformed, Message: err.Error(), Hint: hintAnew}
	var known *authcert.Problem
	if errors.As(err, &known) {
		problem = *known
	}
	lower := strings.ToLower(name)
	switch {
	case strings.Contains(lower, "authconfig"):
		problem.Stage = authcert.StageAuthConfig
	case strings.Contains(lower, "exchangeserver"):
		problem.Stage = authcert.StageServers
	case serverOfFile(name) != "":
		problem.Stage = authcert.StageCertificate
		if e.failed == nil {
			e.failed = map[string]*authcert.Problem{}
		}
		e.failed[serverOfFile(name)] = &problem
		return
	case strings.Contains(lower, certificatePrefix):
		problem.Stage = authcert.StageCertificate
	}
	e.problems = append(e.problems, problem)
}

// snapshot puts the facts together. name is the file's or the folder's.
func (e *exports) snapshot(name string) (*authcert.Snapshot, error) {
	if len(e.authConfigs) == 0 && len(e.servers) == 0 && len(e.certificates) == 0 && len(e.failed) == 0 {
		if len(e.problems) > 0 {
			return nil, &e.problems[0]
		}
		return nil, malformed(name, errors.New("none of these objects comes from Get-AuthConfig, Get-ExchangeServer or Get-ExchangeCertificate"))
	}
	snap := &authcert.Snapshot{
		Schema: authcert.Schema, TakenAt: e.taken,
		Origin:  authcert.Origin{Kind: "clixml", Host: e.host},
		Servers: e.withCertificates(),
		Errors:  e.problems,
	}
	if len(e.authConfigs) > 0 {
		snap.AuthConfig = &e.authConfigs[0]
		snap.OtherAuthConfigs = e.authConfigs[1:]
	} else if !hasStage(e.problems, authcert.StageAuthConfig) {
		snap.Errors = append(snap.Errors, authcert.Problem{Stage: authcert.StageAuthConfig, Reason: authcert.NotFound, Message: "the export has no AuthConfig.xml",
			Hint: "Get-AuthConfig; Export-Clixml AuthConfig.xml -InputObject (Get-AuthConfig)"})
	}
	if e.hybrid {
		snap.Hybrid = &authcert.Hybrid{Configured: new(true)}
	}
	if !e.listed && !hasStage(e.problems, authcert.StageServers) {
		snap.Errors = append(snap.Errors, authcert.Problem{Stage: "export", Reason: authcert.NotFound, Message: "no ExchangeServer.xml, so servers without a certificate file are not known of"})
	}
	return snap, nil
}

func hasStage(problems []authcert.Problem, stage string) bool {
	for _, p := range problems {
		if p.Stage == stage {
			return true
		}
	}
	return false
}

// withCertificates gives each listed server its certificates, and adds servers
// that only a certificate file names. A listed server without certificates is
// unreadable, not empty.
func (e *exports) withCertificates() []authcert.Server {
	servers := e.servers
	taken := map[string]bool{}
	for i := range servers {
		s := &servers[i]
		for _, host := range e.order {
			if sameHost(host, s.FQDN) || (host == "" && len(servers) == 1) {
				s.Certificates = append(s.Certificates, e.certificates[host]...)
				taken[host] = true
			}
		}
		s.InternalTransportCertificateThumbprint = e.transport[shortName(s.FQDN)]
		e.excuse(s)
	}
	for _, host := range e.order {
		if taken[host] {
			continue
		}
		s := authcert.Server{FQDN: host, Certificates: e.certificates[host]}
		if host == "" {
			s.FQDN = unnamed
			s.Error = &authcert.Problem{Stage: authcert.StageCertificate, Reason: authcert.Malformed,
				Message: "these certificates do not say from which server they are", Hint: "Name the file ExchangeCertificate-SERVER.xml"}
		}
		servers = append(servers, s)
	}
	for _, host := range slices.Sorted(maps.Keys(e.failed)) {
		if !listed(servers, host) {
			servers = append(servers, authcert.Server{FQDN: host, Error: e.failed[host]})
		}
	}
	return servers
}

// unnamed stands for a server whose name is not known.
const unnamed = "(unnamed)"

// excuse says why a listed server has no certificates here.
func (e *exports) excuse(s *authcert.Server) {
	for host, problem := range e.failed {
		if sameHost(host, s.FQDN) {
			s.Error = problem
			return
		}
	}
	if len(s.Certificates) == 0 {
		s.Error = &authcert.Problem{Stage: authcert.StageCertificate, Reason: authcert.NotFound,
			Message: fmt.Sprintf("the export has no ExchangeCertificate-%s.xml", shortName(s.FQDN))}
	}
}

func listed(servers []authcert.Server, host string) bool {
	for i := range servers {
		if sameHost(host, servers[i].FQDN) {
			return true
		}
	}
	return false
}

func shortName(host string) string {
	short, _, _ := strings.Cut(strings.ToLower(host), ".")
	return short
}

// sameHost compares a name, short or full, with an FQDN.
func sameHost(name, fqdn string) bool {
	return strings.EqualFold(name, fqdn) || (!strings.Contains(name, ".") && name == shortName(fqdn))
}

// server reads one object of Get-ExchangeServer. Where payload signing is
// broken its properties are plain strings.
func server(object *clixml.Object) authcert.Server {
	s := authcert.Server{
		FQDN:                cmp.Or(text(object, "Fqdn"), text(object, "Name"), unnamed),
		AdminDisplayVersion: text(object, "AdminDisplayVersion"),
		Site:                cmp.Or(text(object.Property("Site"), "Name"), lastPart(text(object, "Site"))),
		Role:                strings.ToLower(text(object, "ServerRole")),
	}
	for _, flag := range []struct{ property, role string }{
		{"IsEdgeServer", "edge"}, {"IsClientAccessServer", "clientaccess"}, {"IsMailboxServer", "mailbox"},
	} {
		if is := truth(object, flag.property); is != nil && *is {
			s.Role = flag.role
		}
	}
	return s
}

// lastPart takes "Berlin" out of "contoso.com/Configuration/Sites/Berlin".
func lastPart(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

// text, truth and instant read a property that may be absent; an instant also as text.
func text(object *clixml.Object, name string) string {
	value, _ := object.Property(name).Str()
	return value
}

func truth(object *clixml.Object, name string) *bool {
	if value, ok := object.Property(name).Bool(); ok {
		return &value
	}
	return nil
}

func instant(object *clixml.Object, name string) (authcert.Instant, error) {
	if value, ok := object.Property(name).Time(); ok {
		return authcert.At(value), nil
	}
	return authcert.ParseInstant(text(object, name))
}
