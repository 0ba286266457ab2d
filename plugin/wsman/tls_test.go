package wsman_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"check_exchange_authcert/plugin/wsman"
	"check_exchange_authcert/plugin/wsman/wsmantest"
)

func TestTLSIsVerified(t *testing.T) {
	w := newWorld(t, wsman.AuthNTLM, wsmantest.Options{TLS: true})
	plain := newWorld(t, wsman.AuthNTLM, wsmantest.Options{})
	tests := map[string]struct {
		change func(*wsman.Config)
		reason wsman.Reason
		text   string // empty: it works
	}{
		"trusted":            {func(*wsman.Config) {}, "", ""},
		"another CA":         {func(c *wsman.Config) { c.TLS.CAFile = "" }, wsman.ReasonUnreachable, "is not trusted as example.com"},
		"another name":       {func(c *wsman.Config) { c.TLS.ServerName = "" }, wsman.ReasonUnreachable, "is not trusted as localhost"},
		"left unverified":    {func(c *wsman.Config) { c.TLS = wsman.TLS{Insecure: true} }, "", ""},
		"a port without TLS": {func(c *wsman.Config) { c.URL = "https" + strings.TrimPrefix(plain.config.URL, "http") }, wsman.ReasonMalformed, "does not speak TLS"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			config := w.config
			test.change(&config)
			c, err := wsman.New(config)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			_, err = c.Do(t.Context(), createShell)
			if test.text == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			check(t, err, wsman.StageTLS, test.reason, test.text)
		})
	}
	if s := plain.host.Stats(); s.Logons != 0 {
		t.Errorf("got %d logons without TLS, want 0", s.Logons)
	}
}

// relay is somebody in the middle: it ends the TLS connection with a certificate of its own and passes everything on.
func relay(t *testing.T, to string) (address string) {
	t.Helper()
	certificate := ownCertificate(t)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			host, err := tls.Dial("tcp", to, &tls.Config{InsecureSkipVerify: true})
			if err != nil {
				client.Close()
				continue
			}
			pass := func(a, b net.Conn) {
				io.Copy(a, b)
				a.Close()
			}
			go pass(host, client)
			go pass(client, host)
		}
	}()
	return l.Addr().String()
}

func TestALogonIsBoundToTheCertificate(t *testing.T) {
	for _, auth := range []wsman.Auth{wsman.AuthNTLM, wsman.AuthKerberos} {
		t.Run(string(auth), func(t *testing.T) {
			w := newWorld(t, auth, wsmantest.Options{TLS: true})
			u, err := url.Parse(w.config.URL)
			if err != nil {
				t.Fatal(err)
			}
			_, port, err := net.SplitHostPort(relay(t, u.Host))
			if err != nil {
				t.Fatal(err)
			}
			w.config.URL = "https://localhost:" + port + "/wsman"
			w.config.TLS = wsman.TLS{Insecure: true}
			_, err = w.conversation(t).Do(t.Context(), createShell)
			check(t, err, wsman.StageAuthenticate, wsman.ReasonAccessDenied, "refused")
			if s := w.host.Stats(); s.Logons != 0 || s.RefusedLogons != 1 {
				t.Errorf("got %+v, want the relayed logon refused", s)
			}
		})
	}
}

func TestBasic(t *testing.T) {
	w := newWorld(t, wsman.AuthBasic, wsmantest.Options{TLS: true, Offer: []string{"Basic"}})
	if _, err := w.conversation(t).Do(t.Context(), createShell); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*wsman.Config){
		"over http":  func(c *wsman.Config) { c.URL = "http" + strings.TrimPrefix(c.URL, "https") },
		"unverified": func(c *wsman.Config) { c.TLS.Insecure = true },
	} {
		config := w.config
		change(&config)
		_, err := wsman.New(config)
		if err == nil {
			t.Errorf("%s: got no error", name)
			continue
		}
		check(t, err, wsman.StageConfigure, wsman.ReasonUnsupported, "Basic sends the password itself")
	}
}

// ownCertificate is a certificate other than the host's.
func ownCertificate(t *testing.T) tls.Certificate {
	t.Helper()
	template, key := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, NotAfter: time.Now().Add(time.Hour)}, newKey(t)
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}
