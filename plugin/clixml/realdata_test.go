package clixml

import (
	"bytes"
	"crypto/sha1"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"
)

// shared is the folder of recorded data beside the checkout.
func shared(t *testing.T, elements ...string) string {
	t.Helper()
	root := os.Getenv("CHECK_EXCHANGE_AUTHCERT_SHARED")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared")
	}
	path := filepath.Join(append([]string{root}, elements...)...)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("recorded data is not beside the checkout: %v", err)
	}
	return path
}

func parseFile(t *testing.T, path string) []*Object {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	objects, err := Parse(data)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return objects
}

func TestExportsOfExchange(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(shared(t, "realdata", "exchange"), "*", "*.xml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("got %d exports, %v", len(files), err)
	}
	for _, file := range files {
		for _, o := range parseFile(t, file) {
			if len(o.TypeNames) == 0 || len(o.Adapted) == 0 || len(o.Extended) == 0 {
				t.Errorf("%s: got %d type names, %d adapted and %d extended properties, want some of each",
					file, len(o.TypeNames), len(o.Adapted), len(o.Extended))
			}
			walk(t, o)
		}
	}
}

func TestAuthConfigOfExchange(t *testing.T) {
	config := parseFile(t, shared(t, "realdata", "exchange", "contoso-lab", "AuthConfig.xml"))[0]
	for name, want := range map[string]string{
		"CurrentCertificateThumbprint": "E1BDF9AE58C93C75E76C9DD882138FB8FF0FA786",
		"PSComputerName":               "e2k16-1.contoso.lab",
		"Identity":                     "Auth Configuration",
		"Guid":                         "9ed390c2-e6fd-4bd4-a7c0-65ca6bc791d7",
		"Realm":                        "",
	} {
		if got, ok := config.Property(name).Str(); got != want || !ok {
			t.Errorf("%s: got %q, %t, want %q", name, got, ok, want)
		}
	}
	got, _ := config.Property("NextCertificateEffectiveDate").Time()
	if want := time.Date(2023, 2, 3, 14, 16, 2, 0, time.UTC); !got.Equal(want) {
		t.Errorf("NextCertificateEffectiveDate: got %v, want %v", got, want)
	}
	if config.Property("Id") != config.Property("Identity") {
		t.Error("Id is not the object that it refers to")
	}
}

func TestCertificatesOfExchange(t *testing.T) {
	certificates := parseFile(t, shared(t, "realdata", "exchange", "contoso-lab", "ExchangeCertificate.xml"))
	if len(certificates) != 8 {
		t.Errorf("got %d certificates, want 8", len(certificates))
	}
	found := false
	for i, c := range certificates {
		raw, _ := c.Property("RawData").Bytes()
		if _, err := x509.ParseCertificate(raw); err != nil {
			t.Errorf("certificate %d: %v", i, err)
		}
		found = found || fmt.Sprintf("%X", sha1.Sum(raw)) == "E1BDF9AE58C93C75E76C9DD882138FB8FF0FA786"
	}
	if !found {
		t.Error("the current Auth Certificate is not among them")
	}
}

// TestRemotingPayloads reads the messages of recorded conversations that came in one fragment.
func TestRemotingPayloads(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(shared(t, "realdata", "wsman"), "test_psrp_*.yml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("got %d transcripts, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			payloads := wholePayloads(data)
			if len(payloads) == 0 {
				t.Fatal("got no payload")
			}
			for _, payload := range payloads {
				objects, err := Parse(payload)
				if err != nil {
					t.Fatalf("%v in %s", err, payload)
				}
				walk(t, objects[0])
			}
		})
	}
}

var base64Text = regexp.MustCompile(`>([A-Za-z0-9+/]{80,}={0,2})<`)

// wholePayloads returns what the unfragmented messages in a transcript carry ([MS-PSRP] 2.2.1, 2.2.4).
func wholePayloads(transcript []byte) [][]byte {
	const fragmentHeader, messageHeader, startAndEnd = 21, 40, 3
	var payloads [][]byte
	for _, match := range base64Text.FindAllSubmatch(transcript, -1) {
		raw, err := base64.StdEncoding.DecodeString(string(match[1]))
		for err == nil && len(raw) >= fragmentHeader {
			flags, size := raw[16], int(binary.BigEndian.Uint32(raw[17:]))
			raw = raw[fragmentHeader:]
			if size > len(raw) {
				break
			}
			if flags&startAndEnd == startAndEnd && size > messageHeader {
				payloads = append(payloads, bytes.Clone(raw[messageHeader:size]))
			}
			raw = raw[size:]
		}
	}
	return payloads
}
