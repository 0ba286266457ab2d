package source

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"check_exchange_authcert/plugin/authcert"
)

// TestEntraWaits has each step be busy once and ask to come again in a second:
// that is waited for, and no longer.
func TestEntraWaits(t *testing.T) {
	for _, step := range []string{"/token", "/applications", "/servicePrincipals"} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			var refused, again time.Time
			peer := &tenant{shared: "[]", interfere: func(w http.ResponseWriter, r *http.Request, count int) bool {
				switch {
				case !strings.Contains(r.URL.Path, step):
				case count == 1:
					refused = time.Now()
					w.Header().Set("Retry-After", "1")
					reply(w, 429, "")
					return true
				default:
					again = time.Now()
				}
				return false
			}}
			got, _ := askBusy(t, peer, time.Minute)
			if waited := again.Sub(refused); got.Entra == nil || waited < time.Second || waited > 30*time.Second {
				t.Errorf("asked again after %v, problems %v; want that after a second, and the answer", waited, got.Errors)
			}
		})
	}
}

// TestEntraDoesNotWait has each step ask for more time than there is: that ends
// it at once, after one request.
func TestEntraDoesNotWait(t *testing.T) {
	for _, step := range []string{"/token", "/applications", "/servicePrincipals"} {
		for _, after := range []string{"3600", "181", "99999999999999999999"} {
			t.Run(step+" "+after, func(t *testing.T) {
				t.Parallel()
				peer := &tenant{shared: "[]", interfere: func(w http.ResponseWriter, r *http.Request, _ int) bool {
					if !strings.Contains(r.URL.Path, step) {
						return false
					}
					w.Header().Set("Retry-After", after)
					reply(w, 429, "")
					return true
				}}
				got, elapsed := askBusy(t, peer, 3*time.Minute)
				wantProblem(t, got, authcert.Throttled, "HTTP 429")
				asked := 0
				for _, request := range peer.requests() {
					if strings.Contains(request, step) {
						asked++
					}
				}
				if asked != 1 || elapsed > 5*time.Second {
					t.Errorf("%d requests in %v, want one, and an end at once", asked, elapsed)
				}
			})
		}
	}
}

func askBusy(t *testing.T, peer *tenant, limit time.Duration) (got *authcert.Snapshot, elapsed time.Duration) {
	t.Helper()
	cloud := Clouds["public"]
	check := Entra{Tenant: tenantID, ClientID: clientID, Login: secretLogin(t, clientSecret), Cloud: cloud, transport: peer.start(t, cloud)}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	begin := time.Now()
	got = checked(t, ctx, servers(), check)
	return got, time.Since(begin)
}

func TestRetryAfter(t *testing.T) {
	const otherwise, day = 7 * time.Second, 24 * time.Hour
	date := func(in time.Duration) string { return time.Now().Add(in).UTC().Format(http.TimeFormat) }
	for _, row := range []struct {
		text        string
		least, most time.Duration
	}{
		{"0", 0, 0},
		{"1", time.Second, time.Second},
		{"180", 3 * time.Minute, 3 * time.Minute},
		{"86400", day, day},
		{"86401", day, day},
		{"9223372036854775807", day, day},
		{"99999999999999999999", day, day},
		{date(time.Hour), 50 * time.Minute, time.Hour},
		{date(-time.Hour), 0, 0},
		{date(48 * time.Hour), day, day},
		{"Mon, 02 Jan 2006 15:04:05 GMT", 0, 0},
		{"", otherwise, otherwise},
		{"-1", otherwise, otherwise},
		{"1.5", otherwise, otherwise},
		{"soon", otherwise, otherwise},
	} {
		header := http.Header{}
		if row.text != "" {
			header.Set("Retry-After", row.text)
		}
		if got := retryAfter(header, otherwise); got < row.least || got > row.most {
			t.Errorf("%q: %v, want %v to %v", row.text, got, row.least, row.most)
		}
	}
	if got := retryAfter(nil, otherwise); got != otherwise {
		t.Errorf("no header: %v, want what is usual", got)
	}
}
