package source_test

import (
	"crypto/tls"
	"net/http"
	"slices"
	"testing"

	"check_exchange_authcert/plugin/authcert"
	"check_exchange_authcert/plugin/source"
)

// graphRow is Entra ID and Microsoft Graph beside a sound snapshot.
func graphRow() *origin {
	content := []fault{truncated, oversized, garbled, wrongType, wrongEncoding, empty, crowded}
	can := func(s stage) []fault {
		switch s {
		case authenticate:
			return slices.Concat([]fault{denied, oversized, wrongType, wrongEncoding, empty, crowded}, onWire, statuses)
		case receive, parse, resolve, connect, handshake:
			if s == parse {
				return content
			}
			return webFaults(statuses)(s)
		}
		return nil // a question is one request
	}
	return &origin{"Snapshot and Graph", can, graphWant, func(t *testing.T, at stage, f fault) subject {
		tenant, check := source.FaultTenant(t, sound.certificate)
		handler := http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
			inContent := (at == parse || at == authenticate) && slices.Contains(content, f) && (at == parse || !slices.Contains(onWire, f))
			if !asksFor(at, request) || (!inContent && !isStatus(f)) {
				tenant.ServeHTTP(response, request)
				return
			}
			status, text := body(f, `{"access_token":"Geheim","value":[]}`)
			if f == crowded {
				text = dialect{begin: `{"access_token":"Geheim","value":[{}`, part: `,{}`, end: `]}`}.crowd(1 << 20)
			}
			response.Header().Set("Location", "https://elsewhere.contoso.com/x")
			response.Header().Set("Retry-After", "3600") // which is beyond the deadline
			response.WriteHeader(status)
			_, _ = response.Write(text)
		})
		if f == denied {
			check.Login = source.WrongClientSecret(t)
		}
		w, roots := web(t, at, f, handler, trusted(t, "login.microsoftonline.com", "graph.microsoft.com"))
		transport := &http.Transport{DialContext: leads(t, w, at, f), TLSClientConfig: &tls.Config{RootCAs: roots}}
		t.Cleanup(transport.CloseIdleConnections)
		return checkedBy(t, check.Over(transport))
	}}
}

// graphWant is what a question is told as that Entra ID or Graph have not answered.
func graphWant(s stage, f fault) statement {
	v := statement{authcert.Unknown, reasons[f], authcert.StageEntra}
	switch {
	case s == resolve:
		v.reason = nameReason(f)
	case f == http503: // it asks to come again
		v.reason = authcert.Throttled
	case f == http302:
		v.reason = authcert.Unreadable
	case f == http400 && s == authenticate: // so Entra ID refuses
		v.reason = authcert.AccessDenied
	case f == truncated, f == crowded:
		v.reason = authcert.Malformed
	}
	return v
}
