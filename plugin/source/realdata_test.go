package source_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"check_exchange_authcert/plugin/authcert"
	"check_exchange_authcert/plugin/source"
)

// TestRealExports judges what real Exchange 2016 servers exported.
func TestRealExports(t *testing.T) {
	for _, row := range []struct {
		organization string
		at           time.Time // zero: today
		status       authcert.Status
		findings     []string
		summary      string
	}{
		{"contoso-lab", time.Time{}, authcert.Warning, []string{"rollover-overdue", "server-unreadable"}, "rollover to BC6BF924… is overdue"},
		{"contoso-lab", date(2023, 1, 10), authcert.Unknown, []string{"server-unreadable"}, "certificates not readable on e2k16-2"},
		{"solo-e16", date(2021, 10, 1), authcert.OK, nil, "valid for 758 days, until 2023-10-29"},
		{"solo-e16", date(2023, 10, 1), authcert.Critical, []string{"current-expiring", "selfsigned-expiring"}, "expires in 28 days"},
		{"solo-e16", date(2023, 10, 30), authcert.Critical, []string{"current-expired", "selfsigned-expiring"}, "expired 23 hours ago"},
	} {
		t.Run(row.organization+" "+row.at.Format(time.DateOnly), func(t *testing.T) {
			snap, err := source.File{Path: shared(t, "realdata/exchange/"+row.organization)}.Snapshot(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			policy, now := authcert.DefaultPolicy(), row.at
			policy.MaxAge = 0
			if now.IsZero() {
				now = time.Now()
			}
			result := authcert.Judge(snap, policy, now)
			if result.Status != row.status || !strings.Contains(result.Summary, row.summary) {
				t.Errorf("%s - %s; want %s and %q", result.Status, result.Summary, row.status, row.summary)
			}
			var got []string
			for _, finding := range result.Findings {
				got = append(got, finding.ID)
			}
			for _, want := range row.findings {
				if !slices.Contains(got, want) {
					t.Errorf("findings %v: no %s", got, want)
				}
			}
			if !row.at.IsZero() && len(got) != len(row.findings) {
				t.Errorf("findings %v, want %v", got, row.findings)
			}
		})
	}
}

func date(year int, month time.Month, day int) time.Time {
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
}

// TestUnlistedCertificatesOfARealServer has the second server without a
// certificate file unreadable, not empty.
func TestUnlistedCertificatesOfARealServer(t *testing.T) {
	snap, err := source.File{Path: shared(t, "realdata/exchange/contoso-lab")}.Snapshot(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if len(snap.Servers) != 2 || len(snap.Servers[0].Certificates) != 8 || snap.Servers[0].Error != nil {
		t.Fatalf("servers %+v: want the first of two with 8 certificates", snap.Servers)
	}
	second := snap.Servers[1]
	if second.FQDN != "E2k16-2.Contoso.lab" || len(second.Certificates) != 0 || second.Error == nil || second.Error.Reason != authcert.NotFound {
		t.Errorf("second server %+v: want E2k16-2.Contoso.lab unreadable, not found", second)
	}
	if first := snap.Servers[0]; first.Site != "Default-First-Site-Name" || first.Role != "mailbox" || first.AdminDisplayVersion != "Version 15.1 (Build 2507.18)" {
		t.Errorf("first server: site %q, role %q, version %q", first.Site, first.Role, first.AdminDisplayVersion)
	}
	if snap.Origin.Host != "e2k16-1.contoso.lab" || snap.AuthConfig.OriginatingServer != "DC-1.Contoso.lab" {
		t.Errorf("origin %+v, AuthConfig from %q", snap.Origin, snap.AuthConfig.OriginatingServer)
	}
}
