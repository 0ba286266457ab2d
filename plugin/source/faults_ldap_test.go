package source_test

import (
	"slices"
	"strings"
	"testing"

	"check_exchange_authcert/plugin/authcert"
	"check_exchange_authcert/plugin/source"
	"check_exchange_authcert/plugin/wsman"
)

// ldapWay is a way to log on to Active Directory.
type ldapWay struct {
	name, scheme string
	auth         wsman.Auth
	kdc          bool // which the faults are those of
}

// ldapRows read AuthConfig from Active Directory, and the certificates from what the servers publish.
func ldapRows() (rows []*origin) {
	for _, way := range []ldapWay{
		{"LDAPS simple bind", "ldaps", wsman.AuthBasic, false}, {"LDAP StartTLS simple bind", "ldap", wsman.AuthBasic, false}, {"LDAP Kerberos", "ldap", wsman.AuthKerberos, false},
	} {
		rows = append(rows, &origin{way.name, way.can, way.want, way.start})
	}
	return rows
}

func (l ldapWay) can(s stage) []fault {
	switch s {
	case resolve:
		return nameFaults
	case connect:
		return connectFaults
	case handshake:
		if l.auth == wsman.AuthKerberos {
			return nil // it seals its messages itself
		}
		return tlsFaults
	case authenticate:
		return append([]fault{denied, oversized, wrongType}, onWire...)
	case receive:
		return append([]fault{oversized, wrongType, empty, crowded, denied, busy}, onWire...)
	case parse:
		return []fault{truncated, garbled, wrongType, wrongEncoding, empty}
	}
	return nil // a connection is a session, and a question is its command
}

func (l ldapWay) want(s stage, f fault) statement {
	v := statement{authcert.Unknown, reasons[f], "Active Directory ("}
	switch {
	case s == resolve:
		v.reason = nameReason(f)
	case l.kdc:
	case s == parse && f == empty: // no server
		v.reason, v.stage = authcert.Unreadable, authcert.StageServers
	case s == parse:
		v.reason, v.stage = authcert.Malformed, authcert.StageAuthConfig
	case f == crowded:
		v.reason = authcert.Malformed
	case s == receive && f == wrongType: // go-ldap (v3.4.15) waits for another
		v.reason = authcert.Timeout
	case f == empty:
		v.reason = authcert.Unsupported // it names no configuration partition
	case f == busy:
		v.reason = authcert.Throttled
	}
	return v
}

// start runs a domain controller behind a wire, and the server that publishes.
func (l ldapWay) start(t *testing.T, at stage, f fault) subject {
	var w *wire
	request := map[stage]string{authenticate: "bind", receive: "search", handshake: "handshake"}[at]
	d := source.StartFaultDirectory(t, l.scheme, thumbprintValue(at, f), func(asked string) {
		if asked == request && !l.kdc && (at == handshake || slices.Contains(onWire, f)) {
			w.strike()
		}
	})
	w = startWire(t, d.Address, f)
	w.flood = []byte{22, 3, 3, 0xff, 0xff}
	ldap := d.Source
	ldap.Now, ldap.Auth, ldap.URLs = faultsNow, l.auth, []string{w.through(t, ldap.URLs[0])}
	switch at {
	case resolve:
		ldap.URLs = []string{strings.Replace(ldap.URLs[0], "localhost", unresolved[f], 1)}
	case connect:
		ldap.URLs = []string{l.scheme + "://localhost" + portOf(t, f)}
	case handshake:
		ldap.TLS.CAFile = trusting(t, ldap.TLS.CAFile)
		if certificate := badCertificate(t, f, ldap.TLS.ServerName); certificate.Certificate != nil {
			d.Present(certificate)
		}
	case parse:
		if f == empty {
			d.Forget()
		}
	case authenticate, receive:
		if l.kdc {
			ldap.Kerberos.KDCs = []string{kdcBehind(t, ldap.Kerberos.KDCs[0], f)}
			break
		}
		l.spoil(d, request, f)
		if at == authenticate && f == denied {
			ldap.Account = source.NewCredentials("monitor@EXAMPLE.TEST", "", "Geheim of another")
		}
	}
	published, roots := web(t, parse, noFault, metadataServer(parse, noFault), trusted(t, d.Server))
	check := source.CheckPublished{Roots: roots}.Through(leads(t, published, parse, noFault))
	return subject{source: source.Checked{Source: ldap, Checks: []source.Check{check}}}
}

// thumbprintValue is what AuthConfig says of the current certificate.
func thumbprintValue(at stage, f fault) string {
	whole := soundThumbprint()
	switch {
	case at != parse:
		return whole
	case f == truncated:
		return whole[:len(whole)/2]
	case f == garbled:
		return string(noise)
	case f == wrongType: // the certificate itself
		return string(sound.certificate)
	case f == wrongEncoding:
		return string(utf16Text([]byte(whole)))
	}
	return whole
}

// spoil has the domain controller answer with a fault of its own.
func (l ldapWay) spoil(d source.FaultDirectory, request string, f fault) {
	const busyResult, noRight = 51, 50
	switch {
	case f == oversized:
		d.Flood(request)
	case f == crowded:
		d.Crowd(request)
	case f == wrongType:
		d.Mistake(request)
	case f == empty:
		d.Refuse(request, 0)
	case f == busy:
		d.Refuse(request, busyResult)
	case f == denied && request == "search":
		d.Refuse(request, noRight)
	}
}
