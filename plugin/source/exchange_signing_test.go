package source_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"check_exchange_authcert/plugin/authcert"
	"check_exchange_authcert/plugin/wsman/wsmantest"
)

// authCertificate is a self-signed certificate for these dates, and its thumbprint.
func authCertificate(t *testing.T, from, to time.Time) (der []byte, thumbprint string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(from.Unix()), Subject: pkix.Name{CommonName: "Microsoft Exchange Server Auth Certificate"}, NotBefore: from, NotAfter: to}
	der, err = x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return der, fmt.Sprintf("%X", sha1.Sum(der))
}

// TestSigningBreaks has the certificate that is checked break what Exchange serializes: that is a finding which names the
// cause, another way is tried, and where none answers there are findings all the same.
func TestSigningBreaks(t *testing.T) {
	const words = "probably because the Auth Certificate itself is expired or missing: Exchange signs what it serializes with it"
	broken := wsmantest.CmdletResult{Failure: errorRecord(6, "", "System.Runtime.Serialization.SerializationException")}
	expired, _ := authCertificate(t, date(2021, 11, 20), date(2026, 11, 20))
	empty := outputs(object("ExchangeCertificate", `<Nil N="RawData"/>`, ""))
	const one, two, own = "Get-ExchangeCertificate ex01.contoso.com", "Get-ExchangeCertificate ex02.contoso.com", "Get-ExchangeCertificate localhost"
	for name, row := range map[string]struct {
		answer map[string]wsmantest.CmdletResult
		want   []string // findings
	}{
		"AuthConfig and the servers":  {map[string]wsmantest.CmdletResult{"Get-AuthConfig": broken, "Get-ExchangeServer": broken, own: broken}, []string{"authconfig-unreadable", "server-unreadable", "server-unreadable localhost"}},
		"all but a server's own":      {map[string]wsmantest.CmdletResult{"Get-AuthConfig": broken, "Get-ExchangeServer": broken, own: outputs(certificate(string(expired), ""))}, []string{"authconfig-unreadable", "server-unreadable"}},
		"certificates":                {map[string]wsmantest.CmdletResult{one: broken, two: broken}, []string{"server-unreadable ex01.contoso.com", "server-unreadable ex02.contoso.com"}},
		"what is in the certificates": {map[string]wsmantest.CmdletResult{one: empty, two: empty}, []string{"server-unreadable ex01.contoso.com", "server-unreadable ex02.contoso.com"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, r := endpoint(t, &exchange{answer: row.answer}, wsmantest.Options{})
			var asked []string
			hosts := twoWays(r, &asked, nil)
			hosts[0].Ways[1].Source = outcome{reason: authcert.Unreachable, asked: &asked, name: "winrm"}
			snap, err := hosts.Snapshot(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range authcert.Judge(snap, authcert.DefaultPolicy(), r.Now).Findings {
				if f.ID != "authconfig-unreadable" && f.ID != "server-unreadable" {
					continue
				}
				got = append(got, strings.TrimSpace(fmt.Sprint(f.ID, " ", f.Server)))
				if strings.Count(f.Message, words) != 1 {
					t.Errorf("%s: %s: want %q in it once", f.ID, f.Message, words)
				}
			}
			if diff := cmp.Diff(row.want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			if said := fmt.Sprint(authcert.Judge(snap, authcert.DefaultPolicy(), r.Now)); strings.Contains(name, "a server's own") != strings.Contains(said, "if it is current, that is the cause") {
				t.Errorf("%s: want what could be learnt in it", said)
			}
			if len(asked) != 1 || len(snap.Origin.Tried) != 1 || snap.Origin.Via != "exchange" {
				t.Errorf("asked %q, tried %q: want the next way tried, and what Exchange said", asked, snap.Origin.Tried)
			}
		})
	}
}
