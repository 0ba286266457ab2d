package source_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"
)

// dictionary is a CLIXML dictionary, written the way PSSerializer does.
type dictionary []struct {
	key   string
	value any
}

// clixmlOf serializes dictionaries, slices and primitives.
func clixmlOf(key string, value any) string {
	name := ""
	if key != "" {
		name = ` N="` + key + `"`
	}
	switch v := value.(type) {
	case nil:
		return "<Nil" + name + " />"
	case string:
		return "<S" + name + ">" + v + "</S>"
	case bool:
		return fmt.Sprintf("<B%s>%t</B>", name, v)
	case int:
		return fmt.Sprintf("<I32%s>%d</I32>", name, v)
	case time.Time:
		return fmt.Sprintf("<DT%s>%s</DT>", name, v.Format(time.RFC3339Nano))
	case []byte:
		return fmt.Sprintf("<BA%s>%s</BA>", name, base64.StdEncoding.EncodeToString(v))
	case []any:
		var items strings.Builder
		for _, item := range v {
			items.WriteString(clixmlOf("", item))
		}
		return fmt.Sprintf(`<Obj%s RefId="0"><LST>%s</LST></Obj>`, name, items.String())
	case dictionary:
		var entries strings.Builder
		for _, entry := range v {
			fmt.Fprintf(&entries, "<En>%s%s</En>", clixmlOf("Key", entry.key), clixmlOf("Value", entry.value))
		}
		return fmt.Sprintf(`<Obj%s RefId="0"><DCT>%s</DCT></Obj>`, name, entries.String())
	}
	panic(fmt.Sprintf("no form for %T", value))
}

// answer frames a document as the collector does.
func answer(t testing.TB, nonce string, facts dictionary) []byte {
	t.Helper()
	var zipped bytes.Buffer
	writer := gzip.NewWriter(&zipped)
	fmt.Fprintf(writer, `<Objs Version="1.1.0.1" xmlns="http://schemas.microsoft.com/powershell/2004/04">%s</Objs>`, clixmlOf("", facts))
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	mark := "AUTHCERT " + nonce + "-----\r\n"
	return []byte("\r\n-----BEGIN " + mark + base64.StdEncoding.EncodeToString(zipped.Bytes()) + "\r\n-----END " + mark)
}

// facts are an organization of two servers, one of which failed.
func facts(kind string) dictionary {
	return dictionary{
		{"schema", 1}, {"takenAt", time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)},
		{"origin", dictionary{{"kind", kind}, {"host", "ex01.contoso.com"}, {"via", "exchange"}}},
		{"authConfig", dictionary{{"currentCertificateThumbprint", strings.ToLower(first)}, {"nextCertificateThumbprint", nil}, {"serviceName", "service"}, {"nextCertificateEffectiveDate", nil}}},
		{"hybrid", dictionary{{"configured", true}, {"dedicatedApp", nil}}},
		{"servers", []any{
			dictionary{{"fqdn", "ex01.contoso.com"}, {"role", "mailbox"}, {"adminDisplayVersion", "Version 15.2 (Build 2562.17)"}, {"internalTransportCertificateThumbprint", second},
				{"certificates", []any{dictionary{{"rawData", []byte("a")}, {"services", []any{"IIS", "SMTP"}}, {"hasPrivateKey", true}, {"keyProvider", "csp"}}}},
				{"served", []any{dictionary{{"port", 444}, {"rawData", []byte("b")}}}}, {"error", nil}},
			dictionary{{"fqdn", "ex02.contoso.com"}, {"certificates", []any{}}, {"error", dictionary{{"reason", "unreachable"}, {"message", "RPC"}}}},
			dictionary{{"fqdn", "ex03.contoso.com"}, {"certificates", []any{dictionary{{"rawData", []byte("c")}}}}, {"certificatesFrom", "store"},
				{"error", dictionary{{"reason", "unreadable"}, {"message", "signing"}}}},
		}},
		{"errors", []any{dictionary{{"stage", "get-transportservice"}, {"reason", "throttled"}, {"message", "budget"}}}},
	}
}
