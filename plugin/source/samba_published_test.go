//go:build integration && linux

package source

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"check_exchange_authcert/plugin/authcert"
	"check_exchange_authcert/plugin/wsman"
)

// expectPublished judges what the directory and its four servers tell together:
// AuthConfig names certificates, and each server publishes its own from a TLS
// listener.
func expectPublished(t *testing.T, s *samba) {
	t.Helper()
	now := time.Now()
	certificate := func(ends time.Time) []byte {
		return peerCertificate(t, clientKey(), nil, ends, "Microsoft Exchange Server Auth Certificate").Certificate[0]
	}
	current, previous, next, another := certificate(now.AddDate(2, 0, 0)), certificate(now.AddDate(0, 0, -1)), certificate(now.AddDate(4, 0, 0)), certificate(now.AddDate(3, 0, 0))
	s.thumbprints([]string{"2:" + string(derThumbprint(next)), "0:" + string(derThumbprint(current)), "1:" + string(derThumbprint(previous))})
	s.modify("dn: " + sambaConfig + "\nchangetype: modify\nreplace: msExchAuthNextEffectiveDate\nmsExchAuthNextEffectiveDate: " + now.AddDate(0, 1, 0).UTC().Format("20060102150405.0Z") + "\n\n")

	front := peerCertificate(t, peerKey(), nil, soon(), "mail.example.test")
	good := answers(http.StatusOK, metadataDocument(current, previous))
	for _, row := range []struct {
		name     string
		third    http.HandlerFunc // what the third server answers
		status   authcert.Status
		findings []string
	}{
		{"all the same", good, authcert.OK, nil},
		{"one publishes another", answers(http.StatusOK, metadataDocument(another)), authcert.Warning, []string{"published-differs ex003.example.test"}},
		{"one without the key", answers(http.StatusInternalServerError, ""), authcert.Critical, []string{"published-error ex003.example.test"}},
		{"one that is silent", resets, authcert.Unknown, []string{"server-unreadable ex003.example.test"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			result := s.judgePublished(t, front, now, good, good, row.third, good)
			var found []string
			for _, finding := range result.Findings {
				found = append(found, strings.TrimSpace(finding.ID+" "+finding.Server))
			}
			if diff := cmp.Diff(found, row.findings); diff != "" || result.Status != row.status {
				t.Errorf("%s - %s; want %s; findings (-got +want):\n%s", result.Status, result.Summary, row.status, diff)
			}
		})
	}
}

// judgePublished judges the directory with servers that answer so.
func (s *samba) judgePublished(t *testing.T, front tls.Certificate, now time.Time, servers ...http.HandlerFunc) authcert.Result {
	t.Helper()
	hosts := network{}
	for i, answer := range servers {
		hosts[fmt.Sprintf("ex%03d.example.test:443", i+1)] = publisher(t, front, answer)
	}
	ctx, cancel := context.WithTimeout(t.Context(), long)
	defer cancel()
	snap, err := Checked{Source: s.as("reader", wsman.AuthKerberos, "ldap"), Checks: []Check{CheckPublished{dial: hosts.dial}}}.Snapshot(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return authcert.Judge(snap, authcert.DefaultPolicy(), now)
}
