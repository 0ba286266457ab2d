package source_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"check_exchange_authcert/plugin/authcert"
	"check_exchange_authcert/plugin/source"
)

// TestCrowdedDocuments asks as many servers as are asked at once, all of which publish very many small keys.
func TestCrowdedDocuments(t *testing.T) {
	makeSound(t)
	keys := dialect{begin: `{"keys":[{}`, part: `,{}`, end: `]}`}
	for name, document := range map[string][]byte{
		"as much as is read": keys.crowd(1 << 20), "as many as are read": keys.crowd(1500),
		"one long text": dialect{begin: `{"keys":[{"usage":"signing","keyvalue":{"type":"x509Certificate","value":"`, part: "AAAA", end: `"}}]}`}.crowd(1 << 20),
	} {
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(document) }))
		server.TLS = &tls.Config{Certificates: []tls.Certificate{trusted(t, "ex.contoso.com")}}
		server.StartTLS()
		t.Cleanup(server.Close)
		snap := &authcert.Snapshot{}
		for i := range 64 {
			snap.Servers = append(snap.Servers, authcert.Server{FQDN: fmt.Sprintf("ex%02d.contoso.com", i)})
		}
		check := source.CheckPublished{}
		check = check.Through(func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, server.Listener.Addr().String())
		})
		used := source.Peak(func() { check.Look(t.Context(), snap)(snap) })
		if used > most {
			t.Errorf("%s: %d MiB of memory, want %d at most", name, used>>20, most>>20)
		}
		for _, s := range snap.Servers {
			if read := name == "as many as are read"; s.Published.HTTPStatus != http.StatusOK || (s.Published.Error == nil) != read {
				t.Errorf("%s: %s: %+v", name, s.FQDN, s.Published.Error)
			}
		}
	}
}

// TestManyCollected reads what the collector finds on 800 servers with ten certificates each.
func TestManyCollected(t *testing.T) {
	raw := bytes.Repeat([]byte{0x30}, 1200)
	certificate := dictionary{{"rawData", raw}, {"friendlyName", "Microsoft Exchange"}, {"services", "IIS, SMTP"}, {"hasPrivateKey", true}, {"privateKeyExportable", true}, {"keyProvider", "csp"}}
	var servers []any
	for i := range 800 {
		certificates := make([]any, 10)
		for j := range certificates {
			certificates[j] = certificate
		}
		served := []any{dictionary{{"port", 443}, {"rawData", raw}}, dictionary{{"port", 444}, {"rawData", raw}}}
		servers = append(servers, dictionary{{"fqdn", fmt.Sprintf("ex%03d.contoso.com", i)}, {"adminDisplayVersion", "Version 15.2 (Build 2562.17)"}, {"site", "Berlin"}, {"role", "mailbox"},
			{"internalTransportCertificateThumbprint", first}, {"certificates", certificates}, {"served", served}, {"error", nil}})
	}
	said := answer(t, "local", dictionary{{"schema", 1}, {"takenAt", faultsNow}, {"servers", servers}})
	var snap *authcert.Snapshot
	used := source.Peak(func() {
		var err error
		if snap, err = (source.File{Path: "-", Stdin: bytes.NewReader(said)}).Snapshot(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
	if len(snap.Servers) != 800 || len(snap.Servers[799].Certificates) != 10 {
		t.Errorf("%d servers", len(snap.Servers))
	}
	if used > most {
		t.Errorf("%d MiB of memory, want %d at most", used>>20, most>>20)
	}
}

// TestLargeFiles refuses by its size what could be read, but not within the memory that there is.
func TestLargeFiles(t *testing.T) {
	space := func(size int) []byte { return bytes.Repeat([]byte(" "), size) }
	for _, row := range []struct {
		name, begin string
		size        int
		want        string
	}{
		{"a snapshot", "{}", 32 << 20, `it has no "schema"`},
		{"a larger one", "{}", 32<<20 + 1, "it is larger than 32 MiB"},
		{"a collector's answer", "-----BEGIN AUTHCERT local-----", 16 << 20, "it breaks off before its end"},
		{"a larger one", "-----BEGIN AUTHCERT local-----", 16<<20 + 1, "it is larger than 16 MiB"},
	} {
		path := written(t, "snapshot.json", append([]byte(row.begin), space(row.size-len(row.begin))...))
		if _, err := (source.File{Path: path}).Snapshot(t.Context()); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s of %d bytes: got %v, want %q", row.name, row.size, err, row.want)
		}
	}
}
