package source

import (
	"fmt"
	"slices"
	"strings"

	"check_exchange_authcert/plugin/authcert"
)

const stageCompare = "comparing AuthConfig with Active Directory"

// adopt takes over what a second read knows, and says where it is from. Nothing
// that is known is replaced.
func (l LDAP) adopt(snap, other *authcert.Snapshot) {
	if other.AuthConfig != nil {
		configs := append([]authcert.AuthConfig{*other.AuthConfig}, other.OtherAuthConfigs...)
		for i := range configs {
			configs[i].Origin = &other.Origin
		}
		if snap.AuthConfig == nil {
			snap.AuthConfig, configs = &configs[0], configs[1:]
		}
		snap.OtherAuthConfigs = append(snap.OtherAuthConfigs, configs...)
	}
	if snap.OrganizationGUID == "" {
		snap.OrganizationGUID = other.OrganizationGUID
	}
	adoptHybrid(snap, other)
	l.adoptServers(snap, other)
}

// adoptHybrid takes over whether it is a hybrid organization. A directory that
// holds its configuration contradicts a source that found none: then it is not
// known, so that the answer of Entra ID counts, and no finding of its own is
// needed.
func adoptHybrid(snap, other *authcert.Snapshot) {
	switch {
	case other.Hybrid == nil:
	case snap.Hybrid == nil:
		snap.Hybrid = &authcert.Hybrid{Configured: other.Hybrid.Configured, Origin: &other.Origin}
	case snap.Hybrid.Configured == nil:
		snap.Hybrid = &authcert.Hybrid{Configured: other.Hybrid.Configured, DedicatedApp: snap.Hybrid.DedicatedApp, Origin: &other.Origin}
	case !*snap.Hybrid.Configured:
		snap.Hybrid = &authcert.Hybrid{DedicatedApp: snap.Hybrid.DedicatedApp, Origin: snap.Hybrid.Origin}
		snap.Errors = append(snap.Errors, authcert.Problem{Stage: stageCompare, Reason: authcert.Unreadable,
			Message: fmt.Sprintf("whether this is a hybrid organization: yes from %s, no from %s", other.Origin, snap.Origin)})
	}
}

// adoptServers lists the servers that only the directory knows. Beside a list of
// servers that is a contradiction, and such a server counts as not read: it may
// be one that nobody looks after any more, or one that nobody has looked at. A
// source that has no such list was asked about a part, and a note says what else
// there is.
func (l LDAP) adoptServers(snap, other *authcert.Snapshot) {
	lists := listsServers(snap)
	var unasked []string
	for _, s := range other.Servers {
		if s.FQDN == unnamed || namesServer(snap.Servers, s.FQDN) || (l.Concerns != nil && !l.Concerns(&s)) {
			continue
		}
		if !lists {
			unasked = append(unasked, s.FQDN)
			continue
		}
		s.Origin = &other.Origin
		if snap.Origin.Kind != authcert.KindLDAP { // else it is asked what it publishes, as the others are
			s.Error = onlyInDirectory(snap, other, s.FQDN)
		}
		snap.Servers = append(snap.Servers, s)
	}
	if len(unasked) == 0 {
		return
	}
	if most := 5; len(unasked) > most {
		unasked = append(unasked[:most], fmt.Sprintf("… and %d more", len(unasked)-most))
	}
	note := "in Active Directory are servers that this source does not tell of, and they are not judged: " + strings.Join(unasked, ", ")
	if !slices.Contains(snap.Notes, note) {
		snap.Notes = append(snap.Notes, note)
	}
}

// onlyInDirectory says why a server counts as not read: the list does not have
// it, or there is none.
func onlyInDirectory(snap, other *authcert.Snapshot, fqdn string) *authcert.Problem {
	for _, p := range snap.Errors {
		if p.Stage == authcert.StageServers || p.Stage == authcert.StageSession {
			return &authcert.Problem{Stage: stageCompare, Reason: authcert.Unreadable, Hint: p.Hint,
				Message: fmt.Sprintf("it is in Active Directory (%s), and was not asked, for the list of servers could not be read from %s", other.Origin.Host, snap.Origin)}
		}
	}
	return &authcert.Problem{Stage: stageCompare, Reason: authcert.Unreadable,
		Message: fmt.Sprintf("it is in Active Directory (%s), but not in what %s lists", other.Origin.Host, snap.Origin),
		Hint:    fmt.Sprintf("Get-ExchangeServer %s  # if it is gone for good, an administrator removes what is left of it in Active Directory; --exclude-server leaves it out", authcert.Quote(fqdn))}
}

// listsServers tells whether a source listed the organization's servers, or
// tried to: of those that were merely named neither role nor version is known.
func listsServers(snap *authcert.Snapshot) bool {
	return hasStage(snap.Errors, authcert.StageServers) || hasStage(snap.Errors, authcert.StageSession) ||
		slices.ContainsFunc(snap.Servers, func(s authcert.Server) bool { return s.Role != "" || s.AdminDisplayVersion != "" })
}

// namesServer tells whether a server is among others, by whichever of its names.
func namesServer(servers []authcert.Server, name string) bool {
	name = strings.ToLower(name)
	return slices.ContainsFunc(servers, func(s authcert.Server) bool {
		known := serverName(&s)
		return sameHost(known, name) || sameHost(name, known)
	})
}
