package main

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf16"

	"check_exchange_authcert/plugin/authcert"
)

// inCLIXML writes a text as PowerShell does: control characters, what XML
// cannot hold and an underscore before an x as _xHHHH_.
func inCLIXML(t testing.TB, text string) string {
	t.Helper()
	var units, escaped strings.Builder
	for i, r := range text {
		if !unicode.IsControl(r) && r < 0xfffe && !strings.HasPrefix(text[i:], "_x") {
			units.WriteRune(r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&units, "_x%04X_", unit)
		}
	}
	if err := xml.EscapeText(&escaped, []byte(units.String())); err != nil {
		t.Fatal(err)
	}
	return escaped.String()
}

const clixmlRoot = `<Objs Version="1.1.0.1" xmlns="http://schemas.microsoft.com/powershell/2004/04">`

// exchangeObjects are what Exchange's cmdlets return in an organization of one
// server that has this certificate. Every text is what said makes of the
// property's name, "ToString" for that of the object.
func exchangeObjects(t testing.TB, certificate []byte, said func(property string) string) map[string]string {
	t.Helper()
	object := func(kind string, elements ...string) string {
		for i, element := range elements {
			if !strings.HasPrefix(element, "<") {
				elements[i] = `<S N="` + element + `">` + inCLIXML(t, said(element)) + `</S>`
			}
		}
		return `<Obj RefId="0"><TN RefId="0"><T>Deserialized.Microsoft.Exchange.` + kind + `</T></TN><ToString>` + inCLIXML(t, said("ToString")) + `</ToString>` +
			`<Props>` + strings.Join(elements, "") + `</Props></Obj>`
	}
	return map[string]string{
		"Get-AuthConfig": object("AuthConfig", `<S N="CurrentCertificateThumbprint">`+string(authcert.ThumbprintOf(certificate))+`</S>`,
			"NextCertificateEffectiveDate", "WhenChangedUTC", "ServiceName", "Realm", "OriginatingServer"),
		"Get-ExchangeServer": object("ExchangeServer", "Name", "Fqdn", "AdminDisplayVersion", "Site", "ServerRole"),
		"Get-ExchangeCertificate": object("ExchangeCertificate", "PSComputerName", "FriendlyName", "Services", "KeyProvider", "HasPrivateKey",
			`<BA N="RawData">`+base64.StdEncoding.EncodeToString(certificate)+`</BA>`),
		"Get-TransportService":    object("TransportService", "Name", "InternalTransportCertificateThumbprint"),
		"Get-HybridConfiguration": object("HybridConfiguration", "Name", "Domains"),
	}
}

// dictionary is one with these entries, keys and elements in turn.
func dictionary(entries ...string) string {
	var b strings.Builder
	for i := 0; i < len(entries); i += 2 {
		fmt.Fprintf(&b, `<En><S N="Key">%s</S>%s</En>`, entries[i], strings.Replace(entries[i+1], ">", ` N="Value">`, 1))
	}
	return `<Obj RefId="0"><DCT>` + b.String() + `</DCT></Obj>`
}

func list(elements ...string) string {
	return `<Obj RefId="0"><LST>` + strings.Join(elements, "") + `</LST></Obj>`
}

// today is when facts are read that go with certificates of today.
var today = time.Now().UTC().Truncate(time.Second)

// collectorFacts is what the collector says of an organization of one server that has
// this certificate, with a text wherever one may stand.
func collectorFacts(t testing.TB, said string, certificate []byte) string {
	t.Helper()
	text := "<S>" + inCLIXML(t, said) + "</S>"
	raw := "<BA>" + base64.StdEncoding.EncodeToString(certificate) + "</BA>"
	problem := dictionary("stage", text, "reason", text, "message", text)
	return dictionary("schema", "<I32>1</I32>", "takenAt", "<DT>"+today.Format(time.RFC3339)+"</DT>",
		"origin", dictionary("kind", text, "host", text, "via", text),
		"authConfig", dictionary("currentCertificateThumbprint", "<S>"+string(authcert.ThumbprintOf(certificate))+"</S>",
			"nextCertificateEffectiveDate", text, "serviceName", text, "realm", text, "originatingServer", text),
		"servers", list(dictionary("fqdn", text, "adminDisplayVersion", text, "site", text, "role", text, "certificatesFrom", "<S>store</S>",
			"internalTransportCertificateThumbprint", text, "served", list(dictionary("port", "<I32>444</I32>", "error", problem)), "error", problem,
			"certificates", list(dictionary("rawData", raw, "friendlyName", text, "services", list(text), "keyProvider", text)))),
		"errors", list(problem))
}

// answerOf frames a document as the collector does for whoever sent it these
// parameters.
func answerOf(t testing.TB, parameters []byte, document string) []byte {
	t.Helper()
	line, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(parameters)))
	nonce := regexp.MustCompile(`(?m)^nonce=(.*)$`).FindSubmatch(line)
	if err != nil || nonce == nil {
		t.Errorf("%q are no parameters: %v", line, err)
		return nil
	}
	var zipped bytes.Buffer
	writer := gzip.NewWriter(&zipped)
	fmt.Fprint(writer, clixmlRoot, document, "</Objs>")
	if err := writer.Close(); err != nil {
		t.Error(err)
	}
	return fmt.Appendf(nil, "-----BEGIN AUTHCERT %s-----\n%s\n-----END AUTHCERT %[1]s-----\n", nonce[1], base64.StdEncoding.EncodeToString(zipped.Bytes()))
}
