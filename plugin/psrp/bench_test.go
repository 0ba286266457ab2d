package psrp

import (
	"bytes"
	"encoding/base64"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// certificate is the shape of what Get-ExchangeCertificate sends over remoting: mostly two long byte arrays.
var certificate = `<Obj RefId="0"><TN RefId="0"><T>Deserialized.Microsoft.Exchange.Management.SystemConfigurationTasks.ExchangeCertificate</T><T>Deserialized.System.Object</T></TN>` +
	`<ToString>[Subject]_x000D__x000A_  CN=Microsoft Exchange Server Auth Certificate</ToString><Props><BA N="RawData">` + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{0x30, 0x82, 7}, 260)) +
	`</BA></Props><MS><S N="PSComputerName">ex01.contoso.com</S><G N="RunspaceId">9ed390c2-e6fd-4bd4-a7c0-65ca6bc791d7</G><BA N="SerializationData">` +
	base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{1, 0, 255}, 1400)) + `</BA></MS></Obj>`

// properties has many small properties, as Get-ExchangeServer sends them.
var properties = `<Obj RefId="0"><TN RefId="0"><T>Deserialized.Microsoft.Exchange.Data.Directory.Management.ExchangeServer</T></TN><Props>` +
	strings.Repeat(`<S N="Fqdn">ex01.contoso.com</S><B N="IsMailboxServer">true</B><Nil N="ExchangeTrialPeriod" /><S N="DistinguishedName">CN=EX01,CN=Servers,CN=Exchange Administrative Group</S>`, 25) + `</Props></Obj>`

// exported is what real Exchange servers serialized, a document for each cmdlet, without the indentation of files.
func exported(b *testing.B) []string {
	b.Helper()
	files, err := filepath.Glob(filepath.Join(shared(b, "realdata", "exchange"), "*", "*.xml"))
	if err != nil || len(files) == 0 {
		b.Fatalf("got %d exports, %v", len(files), err)
	}
	indentation := regexp.MustCompile(`>\s+<`)
	var documents []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			b.Fatal(err)
		}
		documents = append(documents, indentation.ReplaceAllString(string(text), "><"))
	}
	return documents
}

func BenchmarkReceive(b *testing.B) {
	for _, row := range []struct {
		name      string
		documents func(*testing.B) []string
	}{
		{"certificates", func(*testing.B) []string { return []string{certificate} }},
		{"properties", func(*testing.B) []string { return []string{properties} }},
		{"real", exported},
	} {
		b.Run(row.name, func(b *testing.B) {
			documents := row.documents(b)
			p, s := pipeline(b)
			var data []byte
			for len(data) < 1<<20 {
				for _, document := range documents {
					data = append(data, s.message(PipelineOutput, document)...)
				}
			}
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				run := *p
				if _, err := run.Receive(data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
