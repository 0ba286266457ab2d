package source

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"time"

	"check_exchange_authcert/plugin/authcert"
)

// keyCredential is a certificate of an application as Graph tells it.
type keyCredential struct {
	CustomKeyIdentifier, Key, Type, Usage, EndDateTime string
}

// readKeyCredentials reads those that verify what their owner signs.
func readKeyCredentials(all []keyCredential) authcert.List[authcert.KeyCredential] {
	found := authcert.List[authcert.KeyCredential]{}
	for _, k := range all {
		if k.Type != "" && !strings.EqualFold(k.Type, "AsymmetricX509Cert") || strings.EqualFold(k.Usage, "Sign") {
			continue
		}
		credential := authcert.KeyCredential{Thumbprint: k.thumbprint()}
		if end, err := time.Parse(time.RFC3339, k.EndDateTime); err == nil {
			credential.EndDateTime = authcert.At(end)
		}
		found = append(found, credential)
	}
	return found
}

// thumbprint tells which certificate it is: by the certificate itself where it
// is told, else by the identifier, which is the thumbprint in hexadecimal
// digits, or in base64 its bytes or those digits; "" when none of them.
func (k keyCredential) thumbprint() authcert.Thumbprint {
	if der, err := base64.StdEncoding.DecodeString(k.Key); err == nil {
		if _, err := x509.ParseCertificate(der); err == nil {
			return authcert.ThumbprintOf(der)
		}
	}
	identifier := strings.TrimSpace(k.CustomKeyIdentifier)
	if thumbprint, err := authcert.ParseThumbprint(identifier); err == nil {
		return thumbprint
	}
	decoded, err := base64.StdEncoding.DecodeString(identifier)
	if err != nil {
		return ""
	}
	if len(decoded) == sha1Length {
		return authcert.Thumbprint(strings.ToUpper(hex.EncodeToString(decoded)))
	}
	thumbprint, err := authcert.ParseThumbprint(string(decoded))
	if err != nil {
		return ""
	}
	return thumbprint
}

// sha1Length is that of a thumbprint in bytes.
const sha1Length = 20
