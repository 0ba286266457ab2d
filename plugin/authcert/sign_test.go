package authcert

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // what Exchange setup signs with
	"crypto/x509/pkix"
	"encoding/asn1"
	"testing"
)

// signed is a certificate taken apart to its signature.
type signed struct {
	TBS       asn1.RawValue
	Algorithm pkix.AlgorithmIdentifier
	Signature asn1.BitString
}

// Object identifiers of signatures, in DER.
var (
	oidSHA256WithRSA = []byte{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0b}
	oidSHA1WithRSA   = []byte{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x05}
	oidP256          = []byte{0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07}
	oidOtherCurve    = []byte{0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x06}
)

// signWithSHA1 signs a certificate anew as Exchange setup does; crypto/x509
// makes no such signatures.
func signWithSHA1(t testing.TB, der []byte, key *rsa.PrivateKey) []byte {
	t.Helper()
	var cert signed
	if _, err := asn1.Unmarshal(der, &cert); err != nil {
		t.Fatal(err)
	}
	tbs := bytes.ReplaceAll(cert.TBS.FullBytes, oidSHA256WithRSA, oidSHA1WithRSA)
	sum := sha1.Sum(tbs) //nolint:gosec // see above
	signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA1, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	again, err := asn1.Marshal(signed{
		TBS:       asn1.RawValue{FullBytes: tbs},
		Algorithm: pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 5}, Parameters: asn1.NullRawValue},
		Signature: asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)},
	})
	if err != nil {
		t.Fatal(err)
	}
	return again
}

// patch replaces bytes of a certificate by as many others; its signature does
// not fit any more.
func patch(t testing.TB, der, old, by []byte) []byte {
	t.Helper()
	if len(old) != len(by) || !bytes.Contains(der, old) {
		t.Fatalf("cannot replace %x by %x", old, by)
	}
	return bytes.Replace(der, old, by, 1)
}
