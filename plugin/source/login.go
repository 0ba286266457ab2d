package source

import (
	"bytes"
	"errors"
	"strings"

	"github.com/AzureAD/microsoft-authentication-library-for-go/apps/confidential"

	"check_exchange_authcert/plugin/authcert"
	"check_exchange_authcert/plugin/wsman"
)

// ClientLogin is how an application logs on to Entra ID. It does not show its
// secret when printed.
type ClientLogin struct {
	credential func() confidential.Credential
	text       func() string // the client secret; nil where there is none
}

func (l ClientLogin) secret() string {
	if l.text == nil {
		return ""
	}
	return l.text()
}

// ReadClientSecret reads a file that holds a client secret and nothing else. A
// file that every account may read is refused.
func ReadClientSecret(path string) (ClientLogin, error) {
	data, err := wsman.ReadPrivate(path, maxCredentials)
	secret := strings.TrimSpace(string(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))))
	switch {
	case err != nil:
	case secret == "":
		err = errors.New("it is empty")
	case strings.ContainsAny(secret, "\r\n\x00"):
		err = errors.New("it holds more than one line of text")
	}
	if err != nil {
		return ClientLogin{}, loginFile(path, err, "The file holds the client secret's value on one line, and has mode 0600")
	}
	login, err := newLogin(confidential.NewCredFromSecret(secret))
	login.text = func() string { return secret }
	return login, err
}

// ReadClientCertificate reads a file with a certificate and its private RSA key,
// both in PEM, the key not encrypted. A file that every account may read is
// refused.
func ReadClientCertificate(path string) (ClientLogin, error) {
	const hint = "The file holds the certificate and its RSA key in PEM, the key not encrypted, and has mode 0600; from a .pfx: openssl pkcs12 -in client.pfx -nodes -out client.pem"
	data, err := wsman.ReadPrivate(path, maxCredentials)
	if err != nil {
		return ClientLogin{}, loginFile(path, err, hint)
	}
	certificates, key, err := confidential.CertFromPEM(data, "")
	if err != nil {
		return ClientLogin{}, loginFile(path, errors.New("it does not hold a certificate and one private key that can be read"), hint)
	}
	login, err := newLogin(confidential.NewCredFromCert(certificates, key))
	if err != nil {
		return ClientLogin{}, loginFile(path, err, hint)
	}
	return login, nil
}

func newLogin(credential confidential.Credential, err error) (ClientLogin, error) {
	return ClientLogin{credential: func() confidential.Credential { return credential }}, err
}

func loginFile(path string, err error, hint string) *authcert.Problem {
	problem := fileProblem(path, err)
	problem.Stage, problem.Hint = "reading the application's credential", hint
	return problem
}
