package authcert

import (
	"fmt"
	"testing"
	"time"
)

// BenchmarkJudge judges organizations of growing size, ten certificates on
// each server: seven that are the same everywhere and three of its own. The
// figure ns/server shows whether it grows linearly.
func BenchmarkJudge(b *testing.B) {
	const most = 1000
	snap := largeOrganization(b, most)
	policy := DefaultPolicy()
	for _, servers := range []int{10, 100, most} {
		b.Run(fmt.Sprintf("servers=%d", servers), func(b *testing.B) {
			part := *snap
			part.Servers = snap.Servers[:servers]
			for b.Loop() {
				if result := Judge(&part, policy, now); result.Status != OK {
					b.Fatalf("status %s: %s", result.Status, result.Summary)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(servers), "ns/server")
		})
	}
}

func largeOrganization(b *testing.B, servers int) *Snapshot {
	b.Helper()
	var shared List[Certificate]
	for i := range 6 {
		shared = append(shared, Certificate{RawData: spec{subject: fmt.Sprintf("shared %d", i), from: in(-10), to: in(900 + float64(i))}.der(b)})
	}
	snap := organization(b, "ex")
	template := snap.Servers[0]
	snap.Servers = nil
	for i := range servers {
		server := template
		server.FQDN = fmt.Sprintf("ex%04d.contoso.com", i)
		server.InternalTransportCertificateThumbprint = ""
		server.Certificates = append(List[Certificate]{template.Certificates[0]}, shared...)
		for j := range 3 {
			der := spec{subject: server.FQDN, from: in(-10), to: in(800).Add(time.Duration(i*3+j) * time.Minute), serial: int64(j)}.der(b)
			server.Certificates = append(server.Certificates, Certificate{RawData: der, Services: Services{"IIS"}})
		}
		snap.Servers = append(snap.Servers, server)
	}
	return snap
}
