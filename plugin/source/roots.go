package source

import (
	"crypto/x509"
	"errors"

	"check_exchange_authcert/plugin/authcert"
	"check_exchange_authcert/plugin/wsman"
)

// ReadRoots reads the certificates (PEM) that alone are to be trusted; without
// a path there are none, and the system's are. Its errors are authcert.Problems.
func ReadRoots(path string) (*x509.CertPool, error) {
	config, err := wsman.TLS{CAFile: path}.ClientConfig("")
	var failed *wsman.Error
	if errors.As(err, &failed) {
		return nil, &authcert.Problem{Stage: "preparing TLS", Reason: authcert.Reason(failed.Reason), Message: failed.Err.Error(), Hint: "--ca-file takes one or more certificates in PEM"}
	}
	if err != nil {
		return nil, err
	}
	return config.RootCAs, nil
}
