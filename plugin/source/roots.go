package source

import (
	"crypto/x509"
	"errors"

	"check_exchange_authcert/plugin/authcert"
	"check_exchange_authcert/plugin/wsman"
)

// maxRoots is the largest file of certificates that is read, in bytes: a whole
// system's are a tenth of it.
const maxRoots = 4 << 20

// ReadRoots reads the certificates (PEM) that alone are to be trusted; without
// a path there are none.
func ReadRoots(path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil
	}
	data, err := wsman.ReadRegular(path, maxRoots)
	roots := x509.NewCertPool()
	if err != nil {
		err = fileProblem(path, err)
	} else if !roots.AppendCertsFromPEM(data) {
		err = malformed(path, errors.New("it holds no certificate in PEM"))
	}
	if err == nil {
		return roots, nil
	}
	var problem *authcert.Problem
	if !errors.As(err, &problem) {
		return nil, err
	}
	problem.Stage, problem.Hint = "reading the CA file", "--ca-file takes one or more certificates in PEM"
	return nil, problem
}
