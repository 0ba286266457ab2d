package source_test

import (
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"check_exchange_authcert/plugin/authcert"
	"check_exchange_authcert/plugin/source"
	"check_exchange_authcert/plugin/wsman/wsmantest"
)

// faultsNow is when the sources are asked.
var faultsNow = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// sound is made once, because keys take their time: the current Auth Certificate of an organization with one server, in
// which all is well, and the authority of the peers' own certificates.
var sound struct {
	certificate []byte
	pair        tls.Certificate // the same with its key
	authority   tls.Certificate
}

func makeSound(t *testing.T) {
	t.Helper()
	sound.pair = source.SoundAuthCertificate(t, faultsNow.AddDate(4, 0, 0))
	sound.certificate = sound.pair.Certificate[0]
	bomb()
	sound.authority = source.FaultCertificate(t, nil, time.Now().Add(time.Hour), "Contoso CA")
}

func soundThumbprint() string { return string(authcert.ThumbprintOf(sound.certificate)) }

// soundFacts are what the collector finds.
func soundFacts(kind string) dictionary {
	return dictionary{
		{"schema", 1}, {"takenAt", faultsNow}, {"origin", dictionary{{"kind", kind}, {"host", "ex01.contoso.com"}, {"via", "exchange"}}},
		{"authConfig", dictionary{{"currentCertificateThumbprint", soundThumbprint()}, {"serviceName", authcert.ExchangeServiceName}}},
		{"servers", []any{dictionary{{"fqdn", "ex01.contoso.com"}, {"role", "mailbox"}, {"adminDisplayVersion", "Version 15.2 (Build 2562.17)"},
			{"certificates", []any{dictionary{{"rawData", sound.certificate}, {"hasPrivateKey", true}}}}, {"error", nil}}}},
		{"errors", []any{}},
	}
}

// soundCmdlets are what Exchange's cmdlets return.
func soundCmdlets() map[string]wsmantest.CmdletResult {
	return map[string]wsmantest.CmdletResult{
		"Get-AuthConfig":                           outputs(authConfig(soundThumbprint())),
		"Get-ExchangeServer":                       outputs(exchangeServer("ex01", "Mailbox")),
		"Get-TransportService":                     {},
		"Get-ExchangeCertificate ex01.contoso.com": outputs(certificate(string(sound.certificate), "ex01")),
	}
}

// soundSnapshot is the same in JSON.
func soundSnapshot(t testing.TB) []byte {
	t.Helper()
	data, err := json.Marshal(authcert.Snapshot{
		Schema: authcert.Schema, TakenAt: authcert.At(faultsNow), Origin: authcert.Origin{Kind: "winrm", Host: "ex01.contoso.com"},
		AuthConfig: &authcert.AuthConfig{CurrentCertificateThumbprint: authcert.ThumbprintOf(sound.certificate), ServiceName: authcert.ExchangeServiceName},
		Hybrid:     &authcert.Hybrid{Configured: new(false)},
		Servers: authcert.List[authcert.Server]{{FQDN: "ex01.contoso.com", Role: "mailbox", AdminDisplayVersion: "Version 15.2 (Build 2562.17)",
			Certificates: authcert.List[authcert.Certificate]{{RawData: sound.certificate, HasPrivateKey: new(true)}}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// written is a file with that in it.
func written(t testing.TB, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, faultsNow, faultsNow); err != nil {
		t.Fatal(err)
	}
	return path
}

// nonceIn is the number that the collector is told on its standard input, and repeats.
func nonceIn(stdin io.Reader) string {
	line, _ := io.ReadAll(stdin)
	text, _ := base64.StdEncoding.DecodeString(strings.TrimSpace(string(line)))
	_, nonce, _ := strings.Cut(string(text), "nonce=")
	nonce, _, _ = strings.Cut(nonce, "\n")
	return nonce
}

// badCertificate is what a server of that name shows that must not be trusted.
func badCertificate(t testing.TB, f fault, name string) tls.Certificate {
	authority := &sound.authority
	switch f {
	case expired:
		return source.FaultCertificate(t, authority, time.Now().Add(-time.Hour), name)
	case wrongName:
		return source.FaultCertificate(t, authority, time.Now().Add(time.Hour), "another.contoso.com")
	case unknownCA:
		return source.FaultCertificate(t, nil, time.Now().Add(time.Hour), name)
	}
	return tls.Certificate{}
}

// trusting adds the authority to a file of them.
func trusting(t testing.TB, path string) string {
	t.Helper()
	known, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: sound.authority.Certificate[0]})
	return written(t, "ca.pem", append(known, block...))
}
