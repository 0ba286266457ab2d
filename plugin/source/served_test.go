package source

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"check_exchange_authcert/plugin/authcert"
)

// peerAt hands every connection to a peer.
func peerAt(t testing.TB, peer func(net.Conn)) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer connection.Close()
				peer(connection)
			}()
		}
	}()
	return listener.Addr().String()
}

// site serves a certificate for names, and another one, or none, without.
func site(named, unnamed *tls.Certificate, change func(*tls.Config)) func(net.Conn) {
	config := &tls.Config{GetCertificate: func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		chosen := unnamed
		if hello.ServerName != "" {
			chosen = named
		}
		if chosen == nil {
			hello.Conn.Close() // as Windows does without a binding
			return nil, io.EOF
		}
		return chosen, nil
	}}
	if change != nil {
		change(config)
	}
	return func(connection net.Conn) {
		if tls.Server(connection, config).Handshake() == nil {
			reads(connection)
		}
	}
}

// reads reads until the other side has gone.
func reads(connection net.Conn) { _, _ = io.Copy(io.Discard, connection) }

// hangsUp reads a handshake and ends the connection.
func hangsUp(connection net.Conn) { _, _ = connection.Read(make([]byte, 1)) }

// resetsTLS reads a handshake and resets the connection.
func resetsTLS(connection net.Conn) {
	hangsUp(connection)
	_ = connection.(*net.TCPConn).SetLinger(0)
}

func TestServed(t *testing.T) {
	front, back := peerCertificate(t, peerKey(), nil, soon(), "front"), peerCertificate(t, peerKey(), nil, soon(), "back")
	ended := peerCertificate(t, peerKey(), nil, time.Now().Add(-time.Hour), "ended")
	name := func(der []byte) string {
		for of, known := range map[string]tls.Certificate{"front": front, "back": back, "ended": ended} {
			if string(known.Certificate[0]) == string(der) {
				return of
			}
		}
		return "none"
	}
	asksClient := func(c *tls.Config) { c.ClientAuth, c.MaxVersion = tls.RequireAnyClientCert, tls.VersionTLS12 }
	for _, row := range []struct {
		name string
		peer func(net.Conn) // on port 444; nil: nobody listens
		want []string
	}{
		{"one certificate", site(&back, &back, nil), []string{"444 back"}},
		{"an expired one", site(&ended, &ended, nil), []string{"444 ended"}},
		{"another one by name", site(&front, &back, nil), []string{"444 back", "444 front as ex01.contoso.com"}},
		{"one by name only", site(&back, nil, nil), []string{"444 back as ex01.contoso.com"}},
		{"one without a name only", site(nil, &back, nil), []string{"444 back"}},
		{"one who asks for a client certificate", site(&back, &back, asksClient), []string{"444 back"}},
		{"old TLS", site(&back, &back, func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS10 }), []string{"444 back"}},
		{"no binding", site(nil, nil, nil), []string{"444 none"}},
		{"hangs up", hangsUp, []string{"444 none"}},
		{"resets", resetsTLS, []string{"444 none"}},
		{"no TLS", func(c net.Conn) { fmt.Fprint(c, "HTTP/1.1 400 Bad Request\r\n\r\n"); reads(c) }, []string{"444 unsupported"}},
		{"refuses", site(&back, &back, func(c *tls.Config) {
			c.NextProtos, c.CipherSuites, c.MaxVersion = nil, []uint16{tls.TLS_RSA_WITH_AES_128_CBC_SHA}, tls.VersionTLS12
		}), []string{"444 unsupported"}},
		{"silent", reads, []string{"444 timeout"}},
		{"filtered", nil, []string{"444 timeout"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			hosts := network{"ex01.contoso.com:443": peerAt(t, site(&front, &front, nil)), "ex01.contoso.com:444": filtered}
			if row.peer != nil {
				hosts["ex01.contoso.com:444"] = peerAt(t, row.peer)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			if row.want[0] == "444 timeout" {
				cancel()
				ctx, cancel = context.WithTimeout(t.Context(), 6*time.Second)
			}
			defer cancel()
			snap := checked(t, ctx, servers("ex01.contoso.com"), CheckTLS{dial: hosts.dial})
			var got []string
			for _, s := range snap.Servers[0].Served {
				text := fmt.Sprintf("%d %s", s.Port, name(s.RawData))
				if s.Error != nil {
					text = fmt.Sprintf("%d %s", s.Port, s.Error.Reason)
				}
				if s.ServerName != "" {
					text += " as " + s.ServerName
				}
				got = append(got, text)
			}
			if diff := cmp.Diff(got, append([]string{"443 front"}, row.want...)); diff != "" {
				t.Errorf("served (-got +want):\n%s", diff)
			}
		})
	}
}

func TestNobodyListens(t *testing.T) {
	address := peerAt(t, hangsUp)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	snap := checked(t, t.Context(), servers("ex01"), CheckTLS{dial: network{"ex01:443": closed.Addr().String(), "ex01:444": address}.dial})
	got := snap.Servers[0].Served
	if len(got) != 2 || got[0].Error == nil || got[0].Error.Reason != authcert.Unreachable || got[1].Error != nil {
		t.Errorf("%+v, want a port that is not reached and one without a certificate", got)
	}
}

func TestMergeServed(t *testing.T) {
	failed := func(port int) authcert.Served {
		return authcert.Served{Port: port, Error: &authcert.Problem{Reason: authcert.Timeout}}
	}
	served := func(port int, der string) authcert.Served {
		return authcert.Served{Port: port, RawData: authcert.DER(der)}
	}
	for _, row := range []struct {
		name               string
		known, found, want []authcert.Served
	}{
		{"new", nil, []authcert.Served{served(443, "a"), failed(444)}, []authcert.Served{served(443, "a"), failed(444)}},
		{"the same", []authcert.Served{served(444, "a")}, []authcert.Served{served(444, "a")}, []authcert.Served{served(444, "a")}},
		{"another", []authcert.Served{served(444, "a")}, []authcert.Served{served(444, "b")}, []authcert.Served{served(444, "a"), served(444, "b")}},
		{"read now", []authcert.Served{failed(444)}, []authcert.Served{served(444, "a")}, []authcert.Served{served(444, "a")}},
		{"read before", []authcert.Served{served(444, "a")}, []authcert.Served{failed(444)}, []authcert.Served{served(444, "a")}},
		{"never read", []authcert.Served{failed(444)}, []authcert.Served{failed(444)}, []authcert.Served{failed(444)}},
		{"none, then one", []authcert.Served{served(444, "")}, []authcert.Served{served(444, "a")}, []authcert.Served{served(444, ""), served(444, "a")}},
	} {
		if diff := cmp.Diff([]authcert.Served(mergeServed(row.known, row.found)), row.want); diff != "" {
			t.Errorf("%s (-got +want):\n%s", row.name, diff)
		}
	}
}

// broken is a check that fails.
type broken struct{}

func (broken) Look(context.Context, *authcert.Snapshot) func(*authcert.Snapshot) { panic("secret") }

// TestChecksStandAlone has one check fail beside another, and servers that are
// not to be asked.
func TestChecksStandAlone(t *testing.T) {
	front := peerCertificate(t, peerKey(), nil, soon(), "front")
	address := peerAt(t, site(&front, &front, nil))
	hosts := network{"ex01:443": address, "ex01:444": address, "ex02:443": address, "ex02:444": address}
	snap := servers("ex01", "EX01", "ex02", unnamed, "")
	concerns := func(s *authcert.Server) bool { return s.FQDN != "ex02" }
	got := checked(t, t.Context(), snap, broken{}, CheckTLS{dial: hosts.dial, Concerns: concerns})
	if len(got.Errors) != 1 || got.Errors[0].Message != "source.broken failed; please report it" {
		t.Errorf("errors %+v", got.Errors)
	}
	for i, want := range []int{2, 0, 0, 0, 0} {
		if n := len(got.Servers[i].Served); n != want {
			t.Errorf("server %d has %d served certificates, want %d", i, n, want)
		}
	}
}
