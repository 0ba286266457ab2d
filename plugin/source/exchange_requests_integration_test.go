//go:build integration

package source_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"check_exchange_authcert/plugin/source"
	"check_exchange_authcert/plugin/wsman/wsmantest"
)

// collectorOfLab asks a host of the lab through the collector.
func collectorOfLab(l *wsmantest.Lab, h *wsmantest.LabHost) source.WinRM {
	shell := ofLab(l, h).Endpoint
	shell.URL = h.URL + "/wsman"
	return source.WinRM{Shell: shell, Exchange: source.Exchange{Account: source.NewCredentials(shell.Username, "", password)}}
}

// TestIntegrationRequests asks the same organizations in both ways, and counts messages.
func TestIntegrationRequests(t *testing.T) {
	l := startLab(t)
	l.Env = append(l.Env, "ENGINE_SERVER_INIT="+shared(t, "powershell/exchange.ps1"))
	seam := filepath.Join(t.TempDir(), "init.ps1")
	if err := os.WriteFile(seam, []byte(wsmantest.SecondEngine), 0o600); err != nil {
		t.Fatal(err)
	}
	der, thumbprint := authCertificate(t, time.Now().AddDate(-1, 0, 0), time.Now().AddDate(4, 0, 0))
	for _, n := range []int{1, 4, 16} {
		servers := make([][][]byte, n)
		for i := range servers {
			servers[i] = [][]byte{der}
		}
		export := madeExport(t, thumbprint, "", "", servers...)
		file, err := source.File{Path: export}.Snapshot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		h := l.Host(t, false, "--export", export, "--init", seam)
		cmdlets := 7 + n
		messages := 1 + n + n + 5 + cmdlets // AuthConfig, the servers and their certificates, what else there is, and how each cmdlet ended
		for _, row := range []struct {
			way      source.Way
			commands int
			requests int
		}{
			// Logon, Create, Delete and a Command for each cmdlet; a Receive brings one message at least, and the session
			// opens with four, of which one is about this host's own start script.
			{source.Way{Name: "exchange", Source: ofLab(l, h)}, cmdlets, 3 + 4 + cmdlets + messages},
			// Logon, Create, Command, Send, Delete; the answer comes in few pieces, and a Receive waits 20 s for it.
			{source.Way{Name: "winrm", Source: collectorOfLab(l, h)}, 1, 5 + 4 + 6},
		} {
			before := h.Count(t)
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			start := time.Now()
			snap, err := row.way.Source.Snapshot(ctx)
			took := time.Since(start)
			cancel()
			if err != nil {
				t.Fatalf("%d servers, %s: %v", n, row.way.Name, err)
			}
			c := h.Count(t)
			requests, commands, logons := c.Requests-before.Requests, c.Commands-before.Commands, c.Logons-before.Logons
			t.Logf("%2d servers, %-8s %3d requests, %2d commands, %v", n, row.way.Name, requests, commands, took.Round(time.Millisecond))
			if requests > row.requests || commands != row.commands || logons != 1 || c.Shells+c.Processes+c.ClearBodies+c.RefusedLogons != 0 {
				t.Errorf("%d servers, %s: %d requests for %d commands, %d logons, %+v: want %d requests at most for %d, one logon and nothing left",
					n, row.way.Name, requests, commands, logons, c, row.requests, row.commands)
			}
			if diff := cmp.Diff(verdict(file, start), verdict(snap, start)); diff != "" {
				t.Errorf("%d servers (-file +%s):\n%s", n, row.way.Name, diff)
			}
		}
		t.Logf("%2d servers, exchange our own overhead: %v (wanted: less than 20ms)", n, overhead(t, l, h).Round(10*time.Microsecond))
	}
}

// overhead is what asking at Exchange's endpoint takes beyond what the host and the KDC take: the best of three times.
func overhead(t *testing.T, l *wsmantest.Lab, h *wsmantest.LabHost) time.Duration {
	t.Helper()
	host, kdc := startRelay(t, strings.TrimPrefix(h.URL, "http://")), startRelay(t, l.KDC)
	r := ofLab(l, h)
	_, port, _ := net.SplitHostPort(host.address)
	r.Endpoint.URL, r.Endpoint.Kerberos.KDCs = "http://localhost:"+port+"/PowerShell/", []string{kdc.address}
	best := time.Hour
	for range 3 {
		start, before := time.Now(), host.took()+kdc.took()
		snap, err := r.Snapshot(t.Context())
		took, peers := time.Since(start), host.took()+kdc.took()-before
		if err != nil || len(snap.Errors) > 0 || peers <= 0 || peers >= took {
			t.Fatalf("%v of %v were waited for: %+v, %v", peers, took, snap, err)
		}
		best = min(best, took-peers)
	}
	return best
}
