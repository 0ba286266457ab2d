package main

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/asn1"
	"encoding/json"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"check_exchange_authcert/plugin/authcert"
)

// named makes a self-signed certificate with a name in its subject, issuer and
// subject alternative name, whatever bytes it has.
func named(t *testing.T, name string) authcert.DER {
	t.Helper()
	wrap := func(tag int, content []byte) []byte {
		der, err := asn1.Marshal(asn1.RawValue{Tag: tag, IsCompound: tag != asn1.TagUTF8String, Bytes: content})
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	commonName := append([]byte{asn1.TagOID, 3, 0x55, 4, 3}, wrap(asn1.TagUTF8String, []byte(name))...)
	subject := wrap(asn1.TagSequence, wrap(asn1.TagSet, wrap(asn1.TagSequence, commonName)))
	template := &x509.Certificate{SerialNumber: big.NewInt(1), RawSubject: subject, NotBefore: start.AddDate(-4, 0, 0), NotAfter: start.AddDate(1, 0, 0)}
	if !strings.ContainsFunc(name, func(r rune) bool { return r >= 0x80 }) {
		template.DNSNames = []string{name}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, peerKey().Public(), peerKey())
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// TestHostileCertificates has the current certificate and others of every
// server carry a hostile name. Bytes that are no UTF-8 make no certificate, and
// everything else is a certificate like any other.
func TestHostileCertificates(t *testing.T) {
	with := func(name string) (authcert.Result, map[string]string) {
		snap := snapshots(t)["healthy"]
		current, own := named(t, name), named(t, name+"-own")
		old := snap.AuthConfig.CurrentCertificateThumbprint
		snap.AuthConfig.CurrentCertificateThumbprint = authcert.ThumbprintOf(current)
		for i := range snap.Servers {
			certificates := snap.Servers[i].Certificates
			for j := range certificates {
				switch {
				case authcert.ThumbprintOf(certificates[j].RawData) == old:
					certificates[j].RawData, certificates[j].FriendlyName = current, name
				case j == 0:
					certificates[j].RawData = own
					snap.Servers[i].InternalTransportCertificateThumbprint = authcert.ThumbprintOf(own)
				}
			}
		}
		return answers(t, document(t, snap), "")
	}
	withoutThumbprint := func(result authcert.Result) []string {
		all := []string{result.Status.String()}
		for _, f := range result.Findings {
			all = append(all, fmt.Sprint(f.ID, " ", f.Status))
		}
		return all
	}
	want, wanted := with("benign")
	if want.Status != authcert.OK {
		t.Fatalf("%+v, want OK", want.Findings)
	}
	for _, text := range hostileTexts {
		var name string
		if json.Unmarshal([]byte(`"`+text+`"`), &name) != nil {
			t.Fatalf("%q is no JSON", text)
		}
		got, written := with(name)
		if diff := cmp.Diff(withoutThumbprint(want), withoutThumbprint(got)); diff != "" {
			t.Errorf("%.40q: verdict (-benign +hostile):\n%s", name, diff)
		}
		for form, output := range written {
			if problem := outOfShape(form, output, got); problem != "" {
				t.Errorf("%.40q: %s: %s", name, form, problem)
			}
			if diff := cmp.Diff(skeleton(form, wanted[form]), skeleton(form, output)); diff != "" {
				t.Errorf("%.40q: %s (-benign +hostile):\n%s", name, form, diff)
			}
		}
	}
	for _, name := range []string{"\xff\xfe|<\x1b[2J", "\xed\xa0\x80"} {
		got, written := with(name)
		if got.Status == authcert.OK && got.Certificates[0].Subject == "" {
			t.Errorf("%q: OK with a certificate without a subject", name)
		}
		for form, output := range written {
			if problem := outOfShape(form, output, got); problem != "" {
				t.Errorf("%q: %s: %s", name, form, problem)
			}
		}
	}
}
