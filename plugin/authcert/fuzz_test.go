package authcert

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func FuzzParseDaysRange(f *testing.F) {
	for _, text := range []string{"60", "30:", ":10", "~:10", "@10:20", "@~:-1", "1.5:2.25", "-0:0", "@", "~", "=-5:10"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ParseDaysRange(text)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\r\n") {
				t.Errorf("%q: error of several lines: %q", text, err)
			}
			return
		}
		if r.start > r.end {
			t.Errorf("%q: start above end", text)
		}
		again, err := ParseDaysRange(r.String())
		if err != nil || again != r {
			t.Errorf("%q is written %q and read again as %v, %v", text, r.String(), again, err)
		}
	})
}

func FuzzParseThumbprint(f *testing.F) {
	for _, text := range []string{"", "E1BDF9AE58C93C75E76C9DD882138FB8FF0FA786", "\u200ee1 bd f9 ae 58c93c75e76c9dd882138fb8ff0fa786", "E1:BD", "\xff"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		thumbprint, err := ParseThumbprint(text)
		if err != nil {
			return
		}
		if thumbprint != "" && (len(thumbprint) != thumbprintLength || strings.Trim(string(thumbprint), "0123456789ABCDEF") != "") {
			t.Errorf("%q is read as %q", text, thumbprint)
		}
		if again, err := ParseThumbprint(string(thumbprint)); err != nil || again != thumbprint {
			t.Errorf("%q is read again as %q, %v", thumbprint, again, err)
		}
	})
}

func FuzzParseInstant(f *testing.F) {
	for _, text := range []string{"", "2026-12-01T00:00:00Z", "2026-12-01T00:00:00.1234567+13:00", "2026-12-01", "2026-12-01 00:00:00Z", "/Date(1795435200000)/", "/Date(-1+0100)/", "9999-12-31T23:59:59-12:00"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		i, err := ParseInstant(text)
		if err != nil {
			return
		}
		if i.Known() && (i.Year() < 1602 || i.Year() > 9999 || i.Location() != time.UTC) {
			t.Errorf("%q is read as %v", text, i)
		}
		var again Instant
		if err := again.UnmarshalJSON([]byte(marshal(t, i))); err != nil || again != i {
			t.Errorf("%q: %v is read again as %v, %v", text, i, again, err)
		}
	})
}

// A certificate that is the same in every process, and short: the fuzzer
// compares what its processes find, and long inputs slow it down.
const (
	smallCertificate = "MIIBbDCCARGgAwIBAgIBATAKBggqhkjOPQQDAjA1MTMwMQYDVQQDEypNaWNyb3NvZnQgRXhjaGFuZ2UgU2VydmVyIEF1dGggQ2VydGlmaWNhdGUwHhcNMjQwMjI3MTIwMDAwWhcNMjcxMjI4MTIwMDAwWjA1MTMwMQYDVQQDEypNaWNyb3NvZnQgRXhjaGFuZ2UgU2VydmVyIEF1dGggQ2VydGlmaWNhdGUwWTATBgcqhkjOPQIBBg" +
		"gqhkjOPQMBBwNCAASatSF1s3etUQf/ngnE3/vE2hDdwywGOM2DwG2QC0Kg/qgLuQ9frcfDXGxrtN3GbOEi+MnTmnD6OJSo0EjbLXrooxIwEDAOBgNVHQ8BAf8EBAMCB4AwCgYIKoZIzj0EAwIDSQAwRgIhAInz1q31VCX1DQpSBc7+b+KLt5xIQLopjfhSCzqePJXrAiEAgLYfI4ZyMXzX0le+w97ASXScz3cDrzZPbVDbTLhEBRg="
	smallThumbprint = "2D078E088269C0C43B3DEEF6B510312D25469D2F"
)

// FuzzDecodeSnapshot reads, judges and writes whatever is a snapshot.
func FuzzDecodeSnapshot(f *testing.F) {
	for _, text := range []string{
		`{"schema":1,"takenAt":"2026-11-23T11:00:00Z","authConfig":{"currentCertificateThumbprint":"CERT","nextCertificateThumbprint":null,"whenChangedUTC":null},"hybrid":{"configured":true,"dedicatedApp":null},"servers":[{"fqdn":"ex01","role":"mailbox","certificates":[{"rawData":"DER","services":"IIS, SMTP","hasPrivateKey":false,"keyProvider":"cng"}],"error":null}]}`,
		`{"schema":1,"takenAt":"/Date(1795435200000)/","authConfig":{"currentCertificateThumbprint":null,"nextCertificateThumbprint":"CERT","nextCertificateEffectiveDate":"2026-11-20"},"servers":[{"fqdn":"a.b","internalTransportCertificateThumbprint":"CERT","certificates":{"rawData":"DER"},"served":[{"port":444,"rawData":"DER"},{"port":444,"rawData":null}]},{"fqdn":"A.b","error":{"reason":"timeout","message":"m"}}],"errors":[{"stage":"get-exchangeserver","reason":"","message":""}]}`,
		`{"schema":1,"authConfig":{"currentCertificateThumbprint":"CERT","realm":"r"},"otherAuthConfigs":[{}],"servers":[{"fqdn":"x","adminDisplayVersion":"Version 14.3"},{"fqdn":"y","role":"Edge"},{"fqdn":"z","certificates":[{"rawData":"DER"}],"published":{"thumbprints":["CERT"],"httpStatus":500}}],"entra":{"application":"","keyCredentials":[{"thumbprint":"CERT","endDateTime":"2026-11-01"}]}}`,
	} {
		f.Add([]byte(strings.NewReplacer("DER", smallCertificate, "CERT", smallThumbprint).Replace(text)))
	}
	f.Add([]byte(`{"schema":1,"servers":{"fqdn":"ex01","certificates":{"rawData":"MAA="},"published":{"thumbprints":"","httpStatus":200}},"errors":{}}`))
	f.Add([]byte("\xff\xfe{\x00}\x00"))
	f.Add([]byte(`{"schema":1,"servers":[` + strings.Repeat("{},", 2000) + `{}],"errors":["\\\",[",{}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		snap, err := DecodeSnapshot(data)
		if err != nil {
			if snap != nil || err.Error() == "" {
				t.Errorf("error %v with the snapshot %+v", err, snap)
			}
			return
		}
		result := Judge(snap, DefaultPolicy(), now)
		if len([]rune(result.Status.String()+" - "+result.Summary)) >= 160 || result.Summary == "" || strings.ContainsAny(result.Summary, "\r\n") {
			t.Errorf("summary %q", result.Summary)
		}
		if result.Status == OK && (snap.AuthConfig == nil || len(snap.Servers) == 0) {
			t.Errorf("OK without evidence: %s", data)
		}
		marshal(t, result)
		again, err := DecodeSnapshot([]byte(marshal(t, snap)))
		if err != nil {
			t.Fatalf("what was written cannot be read again: %v", err)
		}
		if diff := cmp.Diff(marshal(t, again), marshal(t, snap)); diff != "" {
			t.Errorf("read again it differs (-got +want):\n%s", diff)
		}
	})
}

// FuzzCertificate parses what crypto/x509 refuses, too.
func FuzzCertificate(f *testing.F) {
	exotic := patch(f, spec{from: in(-10), to: in(900), key: ecdsaKey()}.der(f), oidP256, oidOtherCurve)
	f.Add(exotic)
	f.Add([]byte{0x30, 0})
	f.Fuzz(func(t *testing.T, der []byte) {
		cert := parser{}.parse(der)
		if cert == nil {
			return
		}
		if cert.thumbprint != ThumbprintOf(der) || cert.NotAfter.Location() != time.UTC {
			t.Errorf("thumbprint %s, ends %s", cert.thumbprint, cert.NotAfter)
		}
		cert.foreign()
		cert.foreignSignature()
		cert.rsaBits()
		cert.daysLeft(now)
	})
}
