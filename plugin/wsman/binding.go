package wsman

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"

	"github.com/bodgit/ntlmssp"
)

// endPoint is the application data of the channel binding tls-server-end-point (RFC 5929): the prefix and the hash of
// the server's certificate. It is nil without TLS, and for signature algorithms that have no hash of their own
// (Ed25519), for which the RFC defines none.
func endPoint(state *tls.ConnectionState) []byte {
	if state == nil || len(state.PeerCertificates) == 0 {
		return nil
	}
	certificate := state.PeerCertificates[0]
	hash, ok := bindingHash[certificate.SignatureAlgorithm]
	if !ok {
		return nil
	}
	h := hash.New()
	h.Write(certificate.Raw)
	return h.Sum([]byte(ntlmssp.TLSServerEndPoint + ":"))
}

// bindingHash is the certificate signature's hash, with SHA-256 in place of MD5 and SHA-1.
var bindingHash = map[x509.SignatureAlgorithm]crypto.Hash{
	x509.MD5WithRSA:       crypto.SHA256,
	x509.SHA1WithRSA:      crypto.SHA256,
	x509.DSAWithSHA1:      crypto.SHA256,
	x509.ECDSAWithSHA1:    crypto.SHA256,
	x509.SHA256WithRSA:    crypto.SHA256,
	x509.SHA256WithRSAPSS: crypto.SHA256,
	x509.DSAWithSHA256:    crypto.SHA256,
	x509.ECDSAWithSHA256:  crypto.SHA256,
	x509.SHA384WithRSA:    crypto.SHA384,
	x509.SHA384WithRSAPSS: crypto.SHA384,
	x509.ECDSAWithSHA384:  crypto.SHA384,
	x509.SHA512WithRSA:    crypto.SHA512,
	x509.SHA512WithRSAPSS: crypto.SHA512,
	x509.ECDSAWithSHA512:  crypto.SHA512,
}
