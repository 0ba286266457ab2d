package source_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"

	"check_exchange_authcert/plugin/authcert"
	"check_exchange_authcert/plugin/source"
)

// document wraps objects in what Export-Clixml writes around them.
func document(objects ...string) string {
	return `<Objs Version="1.1.0.1" xmlns="http://schemas.microsoft.com/powershell/2004/04">` + strings.Join(objects, "") + `</Objs>`
}

func object(typeName, properties, notes string) string {
	return fmt.Sprintf(`<Obj RefId="0"><TN RefId="0"><T>%s</T><T>System.Object</T></TN><Props>%s</Props><MS>%s</MS></Obj>`, typeName, properties, notes)
}

func certificate(raw, computer string) string {
	return object("Deserialized.Microsoft.Exchange.Management.SystemConfigurationTasks.ExchangeCertificate",
		`<BA N="RawData">`+base64.StdEncoding.EncodeToString([]byte(raw))+`</BA>`, `<S N="PSComputerName">`+computer+`</S>`)
}

const (
	first  = "E1BDF9AE58C93C75E76C9DD882138FB8FF0FA786"
	second = "BC6BF924D6EF046E64F8D1987DC1D7D2F4C0042A"
)

func authConfig(current string) string {
	return object("Deserialized.Microsoft.Exchange.Data.Directory.SystemConfiguration.AuthConfig",
		`<S N="CurrentCertificateThumbprint">`+current+`</S><S N="PreviousCertificateThumbprint"></S><S N="NextCertificateThumbprint"></S>`+
			`<Nil N="NextCertificateEffectiveDate" /><DT N="WhenChangedUTC">2026-10-01T08:00:00Z</DT>`, `<S N="PSComputerName">ex01.contoso.com</S>`)
}

func exchangeServer(name, role string) string {
	return object("Deserialized.Microsoft.Exchange.Data.Directory.Management.ExchangeServer",
		`<S N="Fqdn">`+name+`.contoso.com</S><S N="AdminDisplayVersion">Version 15.2 (Build 2562.17)</S><S N="ServerRole">`+role+`</S><S N="Site">Berlin</S>`, "")
}

func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// summary tells a snapshot's servers in short: "ex01:a,b" or "ex02!reason".
func summary(snap *authcert.Snapshot) []string {
	var all []string
	for _, s := range snap.Servers {
		text := s.FQDN + ":"
		for _, c := range s.Certificates {
			text += string(c.RawData)
		}
		if s.Error != nil {
			text += "!" + string(s.Error.Reason)
		}
		all = append(all, text)
	}
	for _, p := range snap.Errors {
		all = append(all, p.Stage+"!"+string(p.Reason))
	}
	return all
}

func TestExportFolder(t *testing.T) {
	servers := document(exchangeServer("ex01", "Mailbox"), exchangeServer("ex02", "Mailbox"))
	for _, row := range []struct {
		name  string
		files map[string]string
		want  []string
	}{
		{"one file of certificates, by PSComputerName", map[string]string{
			"AuthConfig.xml": document(authConfig(first)), "ExchangeServer.xml": servers,
			"ExchangeCertificate.xml": document(certificate("a", "ex01.contoso.com"), certificate("b", "ex02.contoso.com"), certificate("c", "EX01.contoso.com")),
		}, []string{"ex01.contoso.com:ac", "ex02.contoso.com:b"}},
		{"the file's name wins over PSComputerName", map[string]string{
			"AuthConfig.xml": document(authConfig(first)), "ExchangeServer.xml": servers,
			"ExchangeCertificate-ex01.xml":             document(certificate("a", "ex01.contoso.com")),
			"ExchangeCertificate-EX02.contoso.com.xml": document(certificate("b", "ex01.contoso.com")),
		}, []string{"ex01.contoso.com:a", "ex02.contoso.com:b"}},
		{"a listed server without a file", map[string]string{
			"AuthConfig.xml": document(authConfig(first)), "ExchangeServer.xml": servers,
			"ExchangeCertificate-ex01.xml": document(certificate("a", "ex01.contoso.com")),
		}, []string{"ex01.contoso.com:a", "ex02.contoso.com:!not-found"}},
		{"no list of servers", map[string]string{
			"AuthConfig.xml": document(authConfig(first)), "ExchangeCertificate.xml": document(certificate("a", "ex01.contoso.com")),
		}, []string{"ex01.contoso.com:a", "export!not-found"}},
		{"no AuthConfig.xml", map[string]string{
			"ExchangeServer.xml": servers, "ExchangeCertificate.xml": document(certificate("a", "ex01.contoso.com"), certificate("b", "ex02.contoso.com")),
		}, []string{"ex01.contoso.com:a", "ex02.contoso.com:b", "get-authconfig!not-found"}},
		{"AuthConfig.xml cut off", map[string]string{
			"AuthConfig.xml": document(authConfig(first))[:200], "ExchangeServer.xml": document(exchangeServer("ex01", "Mailbox")),
			"ExchangeCertificate.xml": document(certificate("a", "ex01.contoso.com")),
		}, []string{"ex01.contoso.com:a", "get-authconfig!malformed"}},
		{"a thumbprint that is none", map[string]string{
			"AuthConfig.xml": document(authConfig("none")), "ExchangeServer.xml": document(exchangeServer("ex01", "Mailbox")),
			"ExchangeCertificate.xml": document(certificate("a", "ex01.contoso.com")),
		}, []string{"ex01.contoso.com:a", "get-authconfig!malformed"}},
		{"one server's file cut off", map[string]string{
			"AuthConfig.xml": document(authConfig(first)), "ExchangeServer.xml": servers,
			"ExchangeCertificate-ex01.xml": document(certificate("a", "ex01.contoso.com")), "ExchangeCertificate-ex02.xml": "<Objs",
			"ExchangeCertificate-ex03.xml": "",
		}, []string{"ex01.contoso.com:a", "ex02.contoso.com:!malformed", "ex03:!malformed"}},
		{"certificates of nobody", map[string]string{
			"AuthConfig.xml": document(authConfig(first)), "ExchangeServer.xml": servers, "ExchangeCertificate.xml": document(certificate("a", "")),
		}, []string{"ex01.contoso.com:!not-found", "ex02.contoso.com:!not-found", "(unnamed):a!malformed"}},
		{"an object without RawData is an entry all the same", map[string]string{
			"AuthConfig.xml": document(authConfig(first)), "ExchangeServer.xml": document(exchangeServer("ex01", "Mailbox")),
			"ExchangeCertificate-ex01.xml": document(object("Deserialized.Microsoft.Exchange.Management.SystemConfigurationTasks.ExchangeCertificate", "", "")),
		}, []string{"ex01.contoso.com:"}},
		{"an exported array", map[string]string{
			"AuthConfig.xml": document(authConfig(first)), "ExchangeServer.xml": document(`<Obj RefId="9"><LST>` + exchangeServer("ex01", "Mailbox") + `</LST></Obj>`),
			"ExchangeCertificate.xml": document(`<Obj RefId="9"><LST>` + certificate("a", "ex01.contoso.com") + `</LST></Obj>`),
		}, []string{"ex01.contoso.com:a"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			snap, err := source.File{Path: folder(t, row.files)}.Snapshot(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(row.want, summary(snap)); diff != "" {
				t.Errorf("servers and problems (-want +got):\n%s", diff)
			}
		})
	}
}

// TestExportFacts checks every property that is taken over.
func TestExportFacts(t *testing.T) {
	config := object("Microsoft.Exchange.Data.Directory.SystemConfiguration.AuthConfig",
		`<S N="CurrentCertificateThumbprint">`+strings.ToLower(first)+`</S><S N="PreviousCertificateThumbprint"></S><S N="NextCertificateThumbprint">`+second+`</S>`+
			`<DT N="NextCertificateEffectiveDate">2026-12-01T02:00:00+02:00</DT><S N="ServiceName">service</S><S N="Realm">realm</S>`+
			`<DT N="WhenChangedUTC">2026-10-01T08:00:00Z</DT><S N="OriginatingServer">dc01.contoso.com</S>`, `<S N="PSComputerName">ex01.contoso.com</S>`)
	cert := object("Microsoft.Exchange.Management.SystemConfigurationTasks.ExchangeCertificate",
		`<BA N="RawData">YQ==</BA><S N="FriendlyName">friend</S><B N="HasPrivateKey">true</B><B N="PrivateKeyExportable">false</B><S N="Services">IIS, SMTP</S>`, `<S N="PSComputerName">ex01.contoso.com</S>`)
	transport := object("Microsoft.Exchange.Data.Directory.Management.TransportService", `<S N="Name">EX01</S><S N="InternalTransportCertificateThumbprint">`+second+`</S>`, "")
	edge := object("Microsoft.Exchange.Data.Directory.Management.ExchangeServer", `<S N="Fqdn">edge.contoso.com</S><B N="IsEdgeServer">true</B><B N="IsMailboxServer">false</B>`, "")
	snap, err := source.File{Path: folder(t, map[string]string{
		"a.xml": document(config), "b.xml": document(exchangeServer("ex01", "Mailbox"), edge), "c.xml": document(cert), "d.xml": document(transport),
		"e.xml": document(object("Microsoft.Exchange.Data.Directory.SystemConfiguration.HybridConfiguration", "", "")),
	})}.Snapshot(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	taken := snap.TakenAt
	want := &authcert.Snapshot{
		Schema: 1, TakenAt: taken, Origin: authcert.Origin{Kind: "clixml", Host: "ex01.contoso.com"},
		AuthConfig: &authcert.AuthConfig{
			CurrentCertificateThumbprint: first, NextCertificateThumbprint: second, ServiceName: "service", Realm: "realm",
			NextCertificateEffectiveDate: authcert.At(time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)),
			WhenChangedUTC:               authcert.At(time.Date(2026, 10, 1, 8, 0, 0, 0, time.UTC)), OriginatingServer: "dc01.contoso.com",
		},
		OtherAuthConfigs: authcert.List[authcert.AuthConfig]{},
		Hybrid:           &authcert.Hybrid{Configured: new(true)},
		Servers: authcert.List[authcert.Server]{
			{FQDN: "ex01.contoso.com", AdminDisplayVersion: "Version 15.2 (Build 2562.17)", Role: "mailbox", Site: "Berlin", InternalTransportCertificateThumbprint: second,
				Certificates: authcert.List[authcert.Certificate]{{RawData: []byte("a"), FriendlyName: "friend", HasPrivateKey: new(true), PrivateKeyExportable: new(false), Services: authcert.Services{"IIS", "SMTP"}}}},
			{FQDN: "edge.contoso.com", Role: "edge", Error: &authcert.Problem{Stage: authcert.StageCertificate, Reason: authcert.NotFound, Message: "the export has no ExchangeCertificate-edge.xml"}},
		},
	}
	if diff := cmp.Diff(want, snap); diff != "" {
		t.Errorf("snapshot (-want +got):\n%s", diff)
	}
	if age := time.Since(taken.Time); age < -time.Minute || age > time.Hour {
		t.Errorf("taken %s ago: want the age of the files", age)
	}
}

// TestExportUnreadableDate has a date that a server wrote in its own language:
// the thumbprints are read all the same.
func TestExportUnreadableDate(t *testing.T) {
	config := strings.Replace(authConfig(first), `<Nil N="NextCertificateEffectiveDate" />`, `<S N="NextCertificateEffectiveDate">12/1/2026 12:00:00 AM</S>`, 1)
	snap, err := source.File{Path: folder(t, map[string]string{"a.xml": document(config), "b.xml": document(certificate("a", "ex01.contoso.com")), "c.xml": document(exchangeServer("ex01", "Mailbox"))})}.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if snap.AuthConfig == nil || snap.AuthConfig.CurrentCertificateThumbprint != first || snap.AuthConfig.NextCertificateEffectiveDate.Known() {
		t.Errorf("AuthConfig %+v, want the thumbprint and no date", snap.AuthConfig)
	}
	if len(snap.Errors) != 1 || snap.Errors[0].Stage != authcert.StageEffectiveDate || !strings.Contains(snap.Errors[0].Message, "12/1/2026 12:00:00 AM") {
		t.Errorf("errors %+v, want one that quotes the date", snap.Errors)
	}
}

func TestSingleExport(t *testing.T) {
	text := document(authConfig(first))
	utf16le := []byte{0xff, 0xfe}
	for _, unit := range utf16.Encode([]rune(text)) {
		utf16le = append(utf16le, byte(unit), byte(unit>>8))
	}
	for name, data := range map[string]string{"UTF-8": text, "with a byte order mark": "\xef\xbb\xbf" + text, "UTF-16": string(utf16le)} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(folder(t, map[string]string{"AuthConfig.xml": data}), "AuthConfig.xml")
			snap, err := source.File{Path: file}.Snapshot(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			if snap.AuthConfig == nil || snap.AuthConfig.CurrentCertificateThumbprint != first || !snap.TakenAt.Known() {
				t.Errorf("AuthConfig %+v, taken %s", snap.AuthConfig, snap.TakenAt)
			}
		})
	}
}

// TestFileProblems checks the reason of every kind of unreadable path.
func TestFileProblems(t *testing.T) {
	for _, row := range []struct {
		name  string
		files map[string]string
		path  string
		want  authcert.Reason
	}{
		{"missing", nil, "missing.json", authcert.NotFound},
		{"empty", map[string]string{"a.json": " \n"}, "a.json", authcert.Malformed},
		{"no JSON", map[string]string{"a.json": "hello"}, "a.json", authcert.Malformed},
		{"no objects of ours", map[string]string{"a.xml": document("<S>hello</S>")}, "a.xml", authcert.Malformed},
		{"no such folder of exports", map[string]string{"a.txt": "x"}, ".", authcert.NotFound},
		{"only files that cannot be read", map[string]string{"AuthConfig.xml": "<Objs"}, ".", authcert.Malformed},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := source.File{Path: filepath.Join(folder(t, row.files), row.path)}.Snapshot(context.Background())
			var problem *authcert.Problem
			if !errors.As(err, &problem) || problem.Reason != row.want || problem.Stage == "" || problem.Message == "" {
				t.Errorf("error %#v, want a problem with reason %s", err, row.want)
			}
		})
	}
}

func FuzzExport(f *testing.F) {
	f.Add(document(authConfig(first), exchangeServer("ex01", "Mailbox"), certificate("a", "ex01.contoso.com")))
	f.Add(document(certificate("", "")))
	f.Add("{}")
	f.Fuzz(func(t *testing.T, text string) {
		snap, err := source.File{Path: "-", Stdin: strings.NewReader(text)}.Snapshot(context.Background())
		if (snap == nil) == (err == nil) {
			t.Fatalf("snapshot %v, error %v: want one of them", snap, err)
		}
		if err != nil {
			return
		}
		result := authcert.Judge(snap, authcert.DefaultPolicy(), time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC))
		if result.Status == authcert.OK && (snap.AuthConfig == nil || len(snap.Servers) == 0) {
			t.Errorf("OK without evidence: %s", result.Summary)
		}
	})
}
