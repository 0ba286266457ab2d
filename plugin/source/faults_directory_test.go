package source

import (
	"crypto/tls"
	"slices"
	"testing"

	"github.com/go-ldap/ldap/v3"
)

// FaultDirectory is a domain controller for the matrix of faults.
type FaultDirectory struct {
	Source  LDAP
	Address string // host:port
	Server  string // the Exchange server in it

	server *directoryServer
}

// StartFaultDirectory runs one whose AuthConfig names a certificate. Before is called before it answers a "bind", a
// "search", or the first message of TLS, a "handshake".
func StartFaultDirectory(t testing.TB, scheme, thumbprint string, before func(request string)) FaultDirectory {
	entries := change(ldapAuth, map[string][]string{"msExchAuthCertificateThumbprint": {"0:" + thumbprint}, "msExchAuthNextEffectiveDate": nil})
	for i := range entries {
		if entries[i].dn == "CN=Hybrid Configuration,CN=Hybrid Configuration,"+ldapOrg {
			entries = append(entries[:i:i], entries[i+1:]...)
			break
		}
	}
	s := startLDAP(t, scheme == "ldaps", entries...)
	s.mu.Lock() // every connection begins with it
	defer s.mu.Unlock()
	s.before = before
	s.tls.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		before("handshake")
		return nil, nil
	}
	return FaultDirectory{Source: s.source(scheme), Address: s.listener.Addr().String(), Server: "ex001.example.test", server: s}
}

// Present shows another certificate.
func (d FaultDirectory) Present(certificate tls.Certificate) {
	d.server.mu.Lock()
	defer d.server.mu.Unlock()
	d.server.tls.Certificates = []tls.Certificate{certificate}
}

// Flood answers a request without end.
func (d FaultDirectory) Flood(request string) { d.server.fail(request, directoryFault{flow: true}) }

// Crowd answers a request with entries of very many small parts.
func (d FaultDirectory) Crowd(request string) { d.server.fail(request, directoryFault{crowd: true}) }

// Forget leaves it without servers.
func (d FaultDirectory) Forget() {
	d.server.mu.Lock() // every connection begins with it
	defer d.server.mu.Unlock()
	d.server.entries = slices.DeleteFunc(d.server.entries, func(e directoryEntry) bool {
		return slices.Contains(e.attributes["objectClass"], "msExchExchangeServer")
	})
}

// Refuse answers a request with a result and nothing else.
func (d FaultDirectory) Refuse(request string, code uint16) {
	d.server.fail(request, directoryFault{code: code})
}

// Mistake answers a request as if it were another.
func (d FaultDirectory) Mistake(request string) {
	d.server.fail(request, directoryFault{kind: ldap.ApplicationDelResponse})
}
