//go:build integration

package wsman_test

import (
	"bufio"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"

	"check_exchange_authcert/plugin/wsman"
	"check_exchange_authcert/plugin/wsman/wsmantest"
)

// acceptor steps a GSSAPI context that demands a channel binding: a token a line in, an answer a line out.
const acceptor = `
import base64, sys, gssapi
from gssapi.raw import ChannelBindings
context = None
for line in sys.stdin:
    if context is None:
        context = gssapi.SecurityContext(usage="accept", channel_bindings=ChannelBindings(application_data=base64.b64decode(sys.argv[1])))
    try:
        out = context.step(base64.b64decode(line)) or b""
        print("done" if context.complete else "more", base64.b64encode(out).decode(), flush=True)
    except gssapi.exceptions.GSSError as e:
        print("refused", flush=True)
`

// The binding is what MIT Kerberos and gss-ntlmssp take for the same certificate, and nothing else.
func TestIntegrationChannelBinding(t *testing.T) {
	l := startLab(t)
	for _, auth := range auths {
		for _, right := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/right=%v", auth, right), func(t *testing.T) {
				server := httptest.NewUnstartedServer(nil)
				server.StartTLS()
				defer server.Close()
				sum := sha256.Sum256(server.Certificate().Raw)
				if !right {
					sum[0]++
				}
				steps := accept(t, l, append([]byte("tls-server-end-point:"), sum[:]...))
				server.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
					if !ok {
						w.WriteHeader(http.StatusNotFound) // the message after the logon
						return
					}
					state, reply, _ := strings.Cut(steps(token), " ")
					if state == "refused" {
						w.Header().Set("WWW-Authenticate", scheme)
					} else if reply != "" {
						w.Header().Set("WWW-Authenticate", scheme+" "+reply)
					}
					if state != "done" {
						w.WriteHeader(http.StatusUnauthorized)
					}
				})
				h := &wsmantest.LabHost{URL: strings.Replace(server.URL, "127.0.0.1", "localhost", 1)}
				config := client(l, h, auth)
				config.TLS.Insecure = true
				_, err := open(t, config).Do(t.Context(), createShell)
				if right {
					check(t, err, wsman.StageReceive, wsman.ReasonNotFound, "HTTP 404")
					return
				}
				check(t, err, wsman.StageAuthenticate, wsman.ReasonAccessDenied, "refused")
			})
		}
	}
}

func accept(t *testing.T, l *wsmantest.Lab, binding []byte) func(token string) string {
	t.Helper()
	command := exec.Command("/usr/bin/python3", "-c", acceptor, base64.StdEncoding.EncodeToString(binding))
	command.Env = l.Env
	in, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		command.Wait()
	})
	lines := bufio.NewScanner(out)
	return func(token string) string {
		io.WriteString(in, token+"\n")
		lines.Scan()
		return lines.Text()
	}
}
