package source

import (
	"encoding/base64"
	"strings"
	"testing"

	"check_exchange_authcert/plugin/authcert"
)

func TestParseMetadata(t *testing.T) {
	one := peerCertificate(t, peerKey(), nil, soon(), "one").Certificate[0]
	two := peerCertificate(t, peerKey(), nil, soon(), "two").Certificate[0]
	good := metadataDocument(one)
	swap := strings.NewReplacer
	for _, row := range []struct {
		name, document string
		want           int
		words          string // "" when it is one
	}{
		{"Exchange's spelling", good, 1, ""},
		{"another spelling", swap("keyvalue", "keyValue", "keyinfo", "keyInfo", `"keys"`, `"Keys"`, "x5t", "X5T").Replace(good), 1, ""},
		{"other words", swap("signing", "Signing", "x509Certificate", "X509certificate").Replace(good), 1, ""},
		{"a byte order mark", "\xef\xbb\xbf" + good, 1, ""},
		{"lines in base64", swap(`"value":"MII`, `"value":"MI\r\n I`).Replace(good), 1, ""},
		{"padding", strings.Replace(good, x5t(one), x5t(one)+"=", 1), 1, ""},
		{"keys for something else", `{"keys":[{"usage":"encryption"},{"usage":"signing","keyvalue":{"type":"rsa","value":"!"}},` + metadataKey(x5t(one), one) + `]}`, 1, ""},
		{"two", metadataDocument(one, two), 2, ""},
		{"none", `{"keys":[]}`, 0, ""},
		{"x5t of another", `{"keys":[` + metadataKey(x5t(two), one) + `]}`, 0, "key 1 of 1: its x5t"},
		{"x5t in another case", strings.Replace(good, x5t(one), strings.ToUpper(x5t(one)), 1), 0, "its x5t"},
		{"x5t in plain base64 of other bytes", strings.Replace(good, x5t(one), "AAAA", 1), 0, "its x5t"},
		{"no x5t", `{"keys":[` + metadataKey("", one) + `]}`, 0, "its x5t"},
		{"second one wrong", `{"keys":[` + metadataKey(x5t(one), one) + `,` + metadataKey(x5t(one), two) + `]}`, 0, "key 2 of 2"},
		{"garbage for base64", strings.Replace(good, `"value":"`, `"value":"*`, 1), 0, "no base64"},
		{"no certificate", `{"keys":[` + metadataKey("", nil) + `]}`, 0, "no base64"},
		{"truncated", good[:len(good)/2], 0, "no JSON"},
		{"two documents", good + good, 0, "no JSON"},
		{"no keys", `{"id":"_1"}`, 0, "no keys"},
		{"null", `null`, 0, "no keys"},
		{"keys are null", `{"keys":null}`, 0, "no keys"},
		{"keys are no list", `{"keys":{"usage":"signing"}}`, 0, "another shape"},
		{"as many values as there may be", `{"keys":[],"x":[` + strings.Repeat("0,", mostMetadata-4) + `0]}`, 0, ""},
		{"one more", `{"keys":[],"x":[` + strings.Repeat("0,", mostMetadata-3) + `0]}`, 0, "holds 1001 values and names; the limit is 1000"},
		{"certificates as long as they may be", metadataDocument(make([]byte, maxCertificates/4*3)), 1, ""},
		{"and longer", metadataDocument(make([]byte, maxCertificates/4*3), one), 0, "larger than 64 KiB"},
		{"a list", `[]`, 0, "another shape"},
		{"nothing", ``, 0, "no JSON"},
	} {
		thumbprints, certificates, why := parseMetadata([]byte(row.document))
		if (why == "") != (row.words == "") || !strings.Contains(why, row.words) {
			t.Errorf("%s: %q, want %q", row.name, why, row.words)
		}
		if len(thumbprints) != row.want || len(certificates) != row.want || (row.words == "" && thumbprints == nil) {
			t.Errorf("%s: %d thumbprints and %d certificates, want %d", row.name, len(thumbprints), len(certificates), row.want)
		}
	}
}

// TestKnownX5T holds x5t against the sample that Microsoft's documentation of
// Outlook add-ins shows for Exchange Online's certificate.
func TestKnownX5T(t *testing.T) {
	sum, err := base64.RawURLEncoding.DecodeString("enh9BJrVPU5ijV1qjZjV-fL2bco")
	if err != nil {
		t.Fatal(err)
	}
	got := (keyCredential{CustomKeyIdentifier: base64.StdEncoding.EncodeToString(sum)}).thumbprint()
	if want := authcert.Thumbprint("7A787D049AD53D4E628D5D6A8D98D5F9F2F66DCA"); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func FuzzMetadata(f *testing.F) {
	der := peerCertificate(f, peerKey(), nil, soon(), "one").Certificate[0]
	for _, seed := range []string{metadataDocument(der), metadataDocument(der, der), `{"keys":[]}`, `{"keys":null}`, `{"Keys":[{"keyValue":{}}]}`, "\xef\xbb\xbf{}", "<html>", `{"keys":[` + strings.Repeat("{},", mostMetadata) + `{}]}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		thumbprints, certificates, why := parseMetadata(document)
		if len(thumbprints) != len(certificates) || (why != "" && thumbprints != nil) {
			t.Fatalf("%d thumbprints, %d certificates, %q", len(thumbprints), len(certificates), why)
		}
		for i, der := range certificates {
			if thumbprints[i] != authcert.ThumbprintOf(der) || len(der) == 0 {
				t.Fatalf("key %d is not the certificate's", i)
			}
		}
	})
}
