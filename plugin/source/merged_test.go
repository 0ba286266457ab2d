package source

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"check_exchange_authcert/plugin/authcert"
)

// peers are who is asked beside a source.
type peers struct {
	document    http.HandlerFunc // nil: it is not reached
	front, back func(net.Conn)   // back nil: filtered
	tenant      *tenant
}

// TestMergedSaved asks every other way beside a sound source. All of them agree,
// or one of them fails, or contradicts the source. Saved, the merged facts give
// the same verdict from the same origins.
func TestMergedSaved(t *testing.T) {
	ends := time.Now().AddDate(3, 0, 0)
	auth := SoundAuthCertificate(t, ends)
	own, foreign := peerCertificate(t, clientKey(), nil, ends, "ex01.contoso.com"), peerCertificate(t, clientKey(), nil, ends, "foreign")
	serves := func(c tls.Certificate) func(net.Conn) { return site(&c, &c, nil) }
	tls, published, graph := authcert.Origin{Kind: authcert.KindTLS}, authcert.Origin{Kind: authcert.KindPublished}, authcert.Origin{Kind: authcert.KindGraph, Via: sharedName}
	everything := []authcert.FactOrigin{{Fact: "served certificates", Origin: tls}, {Fact: "published metadata", Origin: published}, {Fact: "Entra ID", Origin: graph}}
	for _, row := range []struct {
		name    string
		change  func(*peers)
		status  authcert.Status
		finding string
		origins []authcert.FactOrigin // beside the source's
	}{
		{"all agree", func(*peers) {}, authcert.OK, "", everything},
		{"no document", func(w *peers) { w.document = nil }, authcert.OK, "", everything},
		{"a document that is refused", func(w *peers) { w.document = answers(404, "") }, authcert.OK, "", everything},
		{"a document without the key", func(w *peers) { w.document = answers(500, "") }, authcert.Critical, "published-error", everything},
		{"another document", func(w *peers) { w.document = answers(200, metadataDocument(foreign.Certificate[0])) }, authcert.Warning, "published-differs", everything},
		{"a filtered port", func(w *peers) { w.back = nil }, authcert.OK, "", everything},
		{"no TLS", func(w *peers) {
			w.back = func(c net.Conn) { _, _ = c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")); reads(c) }
		}, authcert.OK, "", everything},
		{"no certificate bound", func(w *peers) { w.back = hangsUp }, authcert.Critical, "backend-unbound", everything},
		{"another one bound", func(w *peers) { w.back = serves(foreign) }, authcert.Critical, "backend-unknown", everything},
		{"another front end", func(w *peers) { w.front = serves(foreign) }, authcert.OK, "", everything},
		{"no cloud", func(w *peers) {
			w.tenant.interfere = func(rw http.ResponseWriter, _ *http.Request, _ int) bool { reply(rw, 403, ""); return true }
		}, authcert.Unknown, "cloud-unreadable", everything[:2]},
		{"none in the shared principal", func(w *peers) { w.tenant.shared = "[]" }, authcert.OK, "", everything},
		{"another one in the cloud", func(w *peers) { w.tenant.shared = trustedOnly(nextPrint) }, authcert.Critical, "cloud-missing-current", everything},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := peers{
				document: answers(200, metadataDocument(auth.Certificate[0])), front: serves(own), back: serves(own),
				tenant: &tenant{shared: trustedOnly(authcert.ThumbprintOf(auth.Certificate[0]))},
			}
			row.change(&w)
			got := w.ask(t, soundSource(auth, own))
			result := authcert.Judge(got, authcert.DefaultPolicy(), got.TakenAt.Time)
			found := ""
			if len(result.Findings) > 0 {
				found = result.Findings[0].ID
			}
			if result.Status != row.status || found != row.finding || len(result.Findings) > 1 {
				t.Errorf("%v with %+v, want %v with %q", result.Status, result.Findings, row.status, row.finding)
			}
			others := slices.DeleteFunc(slices.Clone(result.Origins), func(o authcert.FactOrigin) bool { return o.Kind == got.Origin.Kind })
			if diff := cmp.Diff(others, row.origins); diff != "" {
				t.Errorf("origins (-got +want):\n%s", diff)
			}
			expectSameSaved(t, got, result)
		})
	}
}

// trustedOnly is what Entra ID tells of an application with one certificate.
func trustedOnly(thumbprint authcert.Thumbprint) string {
	return fmt.Sprintf(`[{"customKeyIdentifier":%q,"key":null,"type":"AsymmetricX509Cert","usage":"Verify"}]`, thumbprint)
}

// soundSource is a source with one server, which has nothing wrong.
func soundSource(auth, own tls.Certificate) *authcert.Snapshot {
	yes := new(true)
	server := authcert.Server{FQDN: "ex01.contoso.com", Role: "mailbox", InternalTransportCertificateThumbprint: authcert.ThumbprintOf(own.Certificate[0])}
	for _, certificate := range []tls.Certificate{auth, own} {
		server.Certificates = append(server.Certificates, authcert.Certificate{RawData: certificate.Certificate[0], HasPrivateKey: yes, PrivateKeyExportable: yes, KeyProvider: "csp", Services: authcert.Services{"SMTP"}})
	}
	return &authcert.Snapshot{
		Schema: authcert.Schema, TakenAt: authcert.At(time.Now()), Origin: authcert.Origin{Kind: "winrm", Via: "exchange", Host: "ex01.contoso.com"},
		AuthConfig: &authcert.AuthConfig{CurrentCertificateThumbprint: authcert.ThumbprintOf(auth.Certificate[0]), ServiceName: authcert.ExchangeServiceName},
		Hybrid:     &authcert.Hybrid{Configured: yes}, Servers: authcert.List[authcert.Server]{server},
	}
}

// ask asks every way.
func (w peers) ask(t *testing.T, snap *authcert.Snapshot) *authcert.Snapshot {
	t.Helper()
	documents, sites := network{}, network{"ex01.contoso.com:443": peerAt(t, w.front), "ex01.contoso.com:444": filtered}
	if w.document != nil {
		documents["ex01.contoso.com:443"] = publisher(t, peerCertificate(t, peerKey(), nil, soon(), "front"), w.document)
	}
	if w.back != nil {
		sites["ex01.contoso.com:444"] = peerAt(t, w.back)
	}
	cloud := Clouds["public"]
	entra := Entra{Tenant: tenantID, ClientID: clientID, Login: secretLogin(t, clientSecret), Cloud: cloud, transport: w.tenant.start(t, cloud)}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	return checked(t, ctx, snap, CheckPublished{dial: documents.dial}, CheckTLS{dial: sites.dial}, entra)
}
