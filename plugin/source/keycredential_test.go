package source

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"check_exchange_authcert/plugin/authcert"
)

func TestKeyCredential(t *testing.T) {
	der := peerCertificate(t, peerKey(), nil, soon(), "current").Certificate[0]
	thumbprint, key := authcert.ThumbprintOf(der), base64.StdEncoding.EncodeToString(der)
	raw, _ := base64.StdEncoding.DecodeString("ZEPpP/+KJe2fVDBNaPNOTDoJMac=")
	for _, row := range []struct {
		name, identifier, key string
		want                  authcert.Thumbprint
	}{
		{"the certificate itself", "", key, thumbprint},
		{"it counts before the identifier", identifier, key, thumbprint},
		{"hexadecimal", identifier, "", identifier},
		{"in lower case", strings.ToLower(identifier), "", identifier},
		{"base64 of bytes", "ZEPpP/+KJe2fVDBNaPNOTDoJMac=", "", authcert.Thumbprint(fmt.Sprintf("%X", raw))},
		{"base64 of digits", base64.StdEncoding.EncodeToString([]byte(identifier)), "", identifier},
		{"a key that is no certificate", identifier, base64.StdEncoding.EncodeToString([]byte("key")), identifier},
		{"a key that is no base64", identifier, "*", identifier},
		{"base64 of something else", base64.StdEncoding.EncodeToString([]byte("CN=Exchange")), "", ""},
		{"odd", "*", "", ""},
		{"39 digits", identifier[1:], "", ""},
		{"nothing", "", "", ""},
	} {
		if got := (keyCredential{CustomKeyIdentifier: row.identifier, Key: row.key}).thumbprint(); got != row.want {
			t.Errorf("%s: %q, want %q", row.name, got, row.want)
		}
	}
	read := readKeyCredentials([]keyCredential{
		{CustomKeyIdentifier: identifier, Type: "AsymmetricX509Cert", Usage: "Verify", EndDateTime: "2027-01-24T05:35:29Z"},
		{CustomKeyIdentifier: identifier, Type: "X509CertAndPassword", Usage: "Sign"},
		{CustomKeyIdentifier: identifier, Usage: "sign"},
		{EndDateTime: "soon"},
	})
	if len(read) != 2 || read[0].EndDateTime.Unix() != 1800768929 || read[1].EndDateTime.Known() || read[1].Thumbprint != "" {
		t.Errorf("%+v", read)
	}
}

// FuzzGraph has Graph answer anything for both requests.
func FuzzGraph(f *testing.F) {
	for _, seed := range []string{`{"value":[]}`, `{"value":[{"id":"x","displayName":"ExchangeServerApp-1"}],"keyCredentials":[` + keyJSON(identifier, "null") + `]}`, `{"keyCredentials":null}`, `[]`,
		`{"value":[],"@odata.nextLink":"https://graph.microsoft.com/v1.0/x"}`, `{"value":[` + strings.Repeat("{},", mostApplications) + `{}]}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		g := graph{client: &http.Client{Transport: always(body)}, base: "https://graph.microsoft.com/v1.0", token: accessToken}
		found, problem := g.trusted(t.Context(), "", "")
		if (found == nil) == (problem == nil) {
			t.Fatalf("%+v and %+v", found, problem)
		}
		if problem != nil {
			return
		}
		for _, k := range found.KeyCredentials {
			if k.Thumbprint != "" && len(k.Thumbprint) != 40 {
				t.Fatalf("thumbprint %q", k.Thumbprint)
			}
		}
	})
}

// always answers every request with the same body.
type always []byte

func (a always) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(bytes.NewReader(a)), Request: r}, nil
}
