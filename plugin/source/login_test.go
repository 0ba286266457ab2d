package source

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// clientKey is an RSA key, which Entra ID wants of clients. It is slow to make.
var clientKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// private writes a file for this account's eyes only.
func private(t testing.TB, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func secretLogin(t testing.TB, secret string) ClientLogin {
	t.Helper()
	login, err := ReadClientSecret(private(t, secret+"\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	return login
}

// clientPEM is a client certificate with its key, and the certificate.
func clientPEM(t testing.TB) (string, *x509.Certificate) {
	t.Helper()
	certificate := peerCertificate(t, clientKey(), nil, soon(), "monitoring")
	key, err := x509.MarshalPKCS8PrivateKey(clientKey())
	if err != nil {
		t.Fatal(err)
	}
	text := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})) + string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]}))
	return text, certificate.Leaf
}

func TestClientLogins(t *testing.T) {
	good, _ := clientPEM(t)
	keyAlone, _, _ := strings.Cut(good, "-----BEGIN CERT")
	for _, row := range []struct {
		name, content string
		read          func(string) (ClientLogin, error)
		mode          os.FileMode
		words         string
	}{
		{"a secret", clientSecret + "\n", ReadClientSecret, 0o600, ""},
		{"a secret of Windows' editor", "\xef\xbb\xbf" + clientSecret + "\r\n", ReadClientSecret, 0o640, ""},
		{"an empty secret", " \n", ReadClientSecret, 0o600, "it is empty"},
		{"two lines", clientSecret + "\nmore\n", ReadClientSecret, 0o600, "more than one line"},
		{"a public secret", clientSecret, ReadClientSecret, 0o644, "every account can read it"},
		{"a certificate", good, ReadClientCertificate, 0o600, ""},
		{"a public key file", good, ReadClientCertificate, 0o604, "every account can read it"},
		{"no PEM", clientSecret, ReadClientCertificate, 0o600, "a certificate and one private key"},
		{"a key alone", keyAlone, ReadClientCertificate, 0o600, "a certificate and one private key"},
	} {
		path := private(t, row.content)
		if err := os.Chmod(path, row.mode); err != nil {
			t.Fatal(err)
		}
		login, err := row.read(path)
		switch {
		case row.words == "" && err != nil:
			t.Errorf("%s: %v", row.name, err)
		case row.words != "" && (err == nil || !strings.Contains(err.Error(), row.words)):
			t.Errorf("%s: %v, want %q", row.name, err, row.words)
		}
		for _, form := range []string{"%v", "%+v", "%#v", "%s"} {
			if text := fmt.Sprintf(form, Entra{Login: login}) + fmt.Sprintf(form, err); strings.Contains(text, clientSecret) {
				t.Errorf("%s: %s shows the secret", row.name, form)
			}
		}
	}
	if _, err := ReadClientSecret("missing"); err == nil || !strings.Contains(err.Error(), "not found") {
		t.Errorf("a missing file: %v", err)
	}
}
