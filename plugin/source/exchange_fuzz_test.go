package source

import (
	"encoding/base64"
	"strings"
	"testing"
)

// receivedAnswer is an answer to Receive with this in its body.
func receivedAnswer(body string) []byte {
	return []byte(`<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:rsp="` + strings.TrimSuffix(shellActions, "/") + `"><s:Body><rsp:ReceiveResponse>` + body + `</rsp:ReceiveResponse></s:Body></s:Envelope>`)
}

func FuzzReceived(f *testing.F) {
	const command = "9ED390C2-E6FD-4BD4-A7C0-65CA6BC791D7"
	f.Add(receivedAnswer(`<rsp:Stream Name="stdout" CommandId="` + command + `">AAAA</rsp:Stream><rsp:CommandState State="` + shellActions + `CommandState/Done"/>`))
	f.Add(receivedAnswer(`<rsp:Stream Name="stdout" CommandId="` + strings.ToLower(command) + `"/><rsp:Stream Name="stderr">!</rsp:Stream>`))
	f.Add([]byte(`<rsp:Stream Name="stdout">`))
	f.Fuzz(func(t *testing.T, answer []byte) {
		if name, err := createdShell(answer); err == nil && name == "" {
			t.Error("a shell without a name")
		}
		got, err := parseReceived(answer, command)
		total := 0
		for _, data := range got.stdout {
			total += base64.StdEncoding.EncodedLen(len(data))
		}
		if total > len(answer)+4*len(got.stdout) {
			t.Errorf("%d bytes of base64 from an answer of %d", total, len(answer))
		}
		if err != nil && (got.done || got.stdout != nil) {
			t.Errorf("got %+v with %v", got, err)
		}
	})
}

func FuzzCredentials(f *testing.F) {
	f.Add([]byte("\xef\xbb\xbfusername = CONTOSO\\svc\r\npassword = a = b # c\r\n; comment\r\ndomain=\r\n"))
	f.Add([]byte("user name = x"))
	f.Add([]byte("password"))
	f.Fuzz(func(t *testing.T, data []byte) {
		found, err := parseCredentials(data)
		switch {
		case err == nil && found.Username == "":
			t.Error("credentials without a name")
		case err != nil && (found != Credentials{} || strings.ContainsAny(err.Error(), "\r\n") || len(err.Error()) > 100):
			t.Errorf("got %v with %q", found, err)
		}
	})
}
