package authcert

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestFrontEnd has port 443 serve certificates that are odd in some way: a note
// says so, once for each certificate, and the verdict is the same.
func TestFrontEnd(t *testing.T) {
	web := func(ends time.Time) Certificate {
		return Certificate{RawData: spec{subject: "mail.contoso.com", issuer: "Contoso CA", signer: otherKey(), from: in(-700), to: ends}.der(t), HasPrivateKey: new(true)}
	}
	sound, ended := web(in(300)), web(now.Add(-72*time.Hour))
	serves := func(cert Certificate, servers ...int) func(*org) {
		return func(o *org) {
			for _, i := range servers {
				o.Servers[i].Served = append(o.Servers[i].Served, Served{Port: 443, RawData: cert.RawData})
			}
		}
	}
	installed := func(cert Certificate, servers ...int) func(*org) {
		return func(o *org) {
			serves(cert, servers...)(o)
			o.installEverywhere(cert)
		}
	}
	thumbprint := func(cert Certificate) string { return ThumbprintOf(cert.RawData).Short() }
	for _, row := range []struct {
		name   string
		change func(*org)
		want   []string
	}{
		{"installed and valid", installed(sound, 0, 1, 2), nil},
		{"expired", installed(ended, 0, 1), []string{
			"port 443 of ex01.contoso.com, ex02.contoso.com serves CN=mail.contoso.com (" + thumbprint(ended) + "): it expired 3 days ago, on 2026-11-20 12:00 UTC, and clients refuse it; this is not judged"}},
		{"valid until now", installed(web(now), 0), nil},
		{"not installed", serves(sound, 0, 2), []string{
			"port 443 of ex01.contoso.com, ex03.contoso.com serves CN=mail.contoso.com (" + thumbprint(sound) + "): it is not installed there: a load balancer or proxy may answer instead; this is not judged"}},
		{"installed on one of two", func(o *org) { serves(sound, 0, 1)(o); o.install(0, sound) }, []string{
			"port 443 of ex01.contoso.com, ex02.contoso.com serves CN=mail.contoso.com (" + thumbprint(sound) + "): it is not installed on ex02.contoso.com: a load balancer or proxy may answer instead; this is not judged"}},
		{"expired and not installed", serves(ended, 1), []string{
			"port 443 of ex02.contoso.com serves CN=mail.contoso.com (" + thumbprint(ended) + "): it expired 3 days ago, on 2026-11-20 12:00 UTC, and clients refuse it; " +
				"it is not installed there: a load balancer or proxy may answer instead; this is not judged"}},
		{"the same with a name and without", func(o *org) { serves(ended, 1, 1)(o); o.install(1, ended) }, []string{
			"port 443 of ex02.contoso.com serves CN=mail.contoso.com (" + thumbprint(ended) + "): it expired 3 days ago, on 2026-11-20 12:00 UTC, and clients refuse it; this is not judged"}},
		{"a store that was not read", func(o *org) { serves(sound, 1)(o); o.unreadable(1, Timeout) }, nil},
		{"nothing served", func(o *org) { o.Servers[0].Served = List[Served]{{Port: 443}} }, nil},
		{"on another port", func(o *org) {
			installed(ended)(o)
			o.Servers[0].Served = List[Served]{{Port: 8443, RawData: ended.RawData}}
		}, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			o := newOrg(t)
			row.change(o)
			result := Judge(o.Snapshot, DefaultPolicy(), now)
			notes := slices.DeleteFunc(result.Notes, func(note string) bool { return !strings.HasPrefix(note, "port 443") })
			if diff := cmp.Diff(notes, row.want, cmp.Transformer("empty", func(s []string) []string { return append([]string{}, s...) })); diff != "" {
				t.Errorf("notes (-got +want):\n%s", diff)
			}
			for _, finding := range result.Findings {
				if finding.ID != "server-unreadable" {
					t.Errorf("finding %s: %s", finding.ID, finding.Message)
				}
			}
		})
	}
}
