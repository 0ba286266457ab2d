package source

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // x5t is a SHA-1: the name of a certificate
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"

	"check_exchange_authcert/plugin/authcert"
)

// metadata is the part of an OAuth metadata document that tells which
// certificates sign. Field names come in any case ("keyvalue", "keyValue"),
// which encoding/json accepts.
type metadata struct {
	Keys *[]struct {
		Usage   string
		KeyInfo struct{ X5T string }
		Value   struct{ Type, Value string } `json:"keyvalue"`
	}
}

const (
	// mostMetadata is how many values and names a document may have; Exchange's
	// has some 60, 10 of them for each key.
	mostMetadata = 1000
	// maxCertificates is how long its certificates may be in base64, together:
	// they are kept, of every server.
	maxCertificates = 64 << 10
)

// parseMetadata returns the signing certificates of a document in their order,
// or says why it is none.
func parseMetadata(document []byte) (authcert.List[authcert.Thumbprint], authcert.List[authcert.DER], string) {
	if parts := authcert.JSONParts(document); parts > mostMetadata {
		return nil, nil, fmt.Sprintf("the answer holds %d values and names; the limit is %d", parts, mostMetadata)
	}
	var m metadata
	if err := json.Unmarshal(bytes.TrimPrefix(document, []byte("\xef\xbb\xbf")), &m); err != nil {
		return nil, nil, "the answer is no JSON, or of another shape"
	}
	if m.Keys == nil {
		return nil, nil, "the answer is no OAuth metadata document: it has no keys"
	}
	long := 0
	thumbprints, certificates := authcert.List[authcert.Thumbprint]{}, authcert.List[authcert.DER]{}
	for i, key := range *m.Keys {
		if !strings.EqualFold(key.Usage, "signing") || !strings.EqualFold(key.Value.Type, "x509Certificate") {
			continue
		}
		if long += len(key.Value.Value); long > maxCertificates {
			return nil, nil, fmt.Sprintf("its certificates are larger than %d KiB", maxCertificates>>10)
		}
		der, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(key.Value.Value), ""))
		if err != nil || len(der) == 0 {
			return nil, nil, fmt.Sprintf("key %d of %d: its certificate is no base64", i+1, len(*m.Keys))
		}
		sum := sha1.Sum(der) //nolint:gosec // see above
		if strings.TrimRight(key.KeyInfo.X5T, "=") != base64.RawURLEncoding.EncodeToString(sum[:]) {
			return nil, nil, fmt.Sprintf("key %d of %d: its x5t is not that of the certificate beside it", i+1, len(*m.Keys))
		}
		thumbprints = append(thumbprints, authcert.ThumbprintOf(der))
		certificates = append(certificates, der)
	}
	return thumbprints, certificates, ""
}
