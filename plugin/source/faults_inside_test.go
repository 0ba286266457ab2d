package source

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"check_exchange_authcert/plugin/authcert"
)

// What the matrix of faults, which stands outside of this package, needs of the peers and seams inside.

// FaultCertificate makes a certificate for names, self-signed without an issuer.
func FaultCertificate(t testing.TB, issuer *tls.Certificate, ends time.Time, names ...string) tls.Certificate {
	return peerCertificate(t, peerKey(), issuer, ends, names...)
}

// SoundAuthCertificate is an Auth Certificate with an RSA key that ends five years after it has begun.
func SoundAuthCertificate(t testing.TB, ends time.Time) tls.Certificate {
	return peerCertificate(t, clientKey(), nil, ends, "Microsoft Exchange Server Auth Certificate")
}

// MetadataDocument is what a server publishes.
func MetadataDocument(certificates ...[]byte) string { return metadataDocument(certificates...) }

// Dial opens a connection.
type Dial = func(ctx context.Context, network, address string) (net.Conn, error)

// Through leads the check to other addresses.
func (c CheckPublished) Through(dial Dial) CheckPublished {
	c.dial = dial
	return c
}

// Through leads the check to other addresses.
func (c CheckTLS) Through(dial Dial) CheckTLS {
	c.dial = dial
	return c
}

// Over leads the questions another way.
func (e Entra) Over(transport http.RoundTripper) Entra {
	e.transport = transport
	return e
}

// WrongClientSecret is one that Entra ID refuses.
func WrongClientSecret(t testing.TB) ClientLogin { return secretLogin(t, wrongSecret) }

// FaultTenant is Entra ID and Graph for the matrix of faults: the handler of both, and the check that asks them.
func FaultTenant(t testing.TB, certificate []byte) (http.Handler, Entra) {
	cloud := Clouds["public"]
	n := &tenant{t: t, times: map[string]int{}, login: strings.Trim(strings.TrimPrefix(cloud.login, "https://"), "/"), graph: strings.TrimPrefix(cloud.graph, "https://"),
		shared: "[" + keyJSON(string(authcert.ThumbprintOf(certificate)), "null") + "]"}
	return n, Entra{Tenant: tenantID, ClientID: clientID, Login: secretLogin(t, clientSecret), Cloud: cloud}
}
