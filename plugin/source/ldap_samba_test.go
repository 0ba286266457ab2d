//go:build integration && linux

package source

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"check_exchange_authcert/plugin/authcert"
	"check_exchange_authcert/plugin/wsman"
)

// ways are the logons, by how the connection is protected.
var ways = []struct {
	auth   wsman.Auth
	scheme string
}{
	{wsman.AuthBasic, "ldaps"}, {wsman.AuthBasic, "ldap"},
	{wsman.AuthKerberos, "ldap"}, {wsman.AuthNTLM, "ldap"},
	{wsman.AuthKerberos, "ldaps"}, {wsman.AuthNTLM, "ldaps"},
}

// TestSamba reads a real directory: every way to log on, what happens without
// the password or the right, and with a domain controller that insists on
// protection.
func TestSamba(t *testing.T) {
	// More than one page. Samba (4.17) would send them without pages as well,
	// whatever its policy's MaxPageSize is: that asking for pages is needed is
	// shown by TestLDAPPages.
	const servers = pageSize + 50
	s := newSamba(t)
	furnish(s, servers)
	s.start()
	for _, way := range ways {
		t.Run(fmt.Sprintf("%s over %s", way.auth, way.scheme), func(t *testing.T) {
			expectOrganization(t, s.as("reader", way.auth, way.scheme), servers)
		})
		t.Run(fmt.Sprintf("wrong password, %s over %s", way.auth, way.scheme), func(t *testing.T) {
			source := s.as("reader", way.auth, way.scheme)
			source.Account.password = ldapPassword
			if p := refused(t, source, long); p.Reason != authcert.AccessDenied {
				t.Errorf("got %s: %s; want access-denied", p.Reason, p.Message)
			}
		})
	}
	t.Run("keytab", func(t *testing.T) {
		source := s.as("reader", wsman.AuthKerberos, "ldap")
		source.Account.password, source.Kerberos.Keytab = "", s.keytab("reader")
		expectOrganization(t, source, servers)
	})
	t.Run("no right", func(t *testing.T) { expectNoRight(t, s, servers) })
	t.Run("hybrid", func(t *testing.T) { expectHybrid(t, s) })
	t.Run("unknown certificate", func(t *testing.T) {
		source := s.as("reader", wsman.AuthBasic, "ldaps")
		source.TLS.CAFile = ""
		if p := refused(t, source, long); p.Reason != authcert.Unreachable || !strings.Contains(p.Message, "not trusted") {
			t.Errorf("got %s: %s; want that it is not trusted", p.Reason, p.Message)
		}
	})
	t.Run("values", func(t *testing.T) { expectValues(t, s) })
	s.stop()
	s.configure("yes")
	s.start()
	for _, way := range ways {
		t.Run(fmt.Sprintf("protection required, %s over %s", way.auth, way.scheme), func(t *testing.T) {
			source := s.as("reader", way.auth, way.scheme)
			if way.scheme == "ldaps" && way.auth != wsman.AuthBasic && !strings.HasPrefix(s.version(), "Version 4.2") {
				// Until 4.20 Samba did not count TLS as protection of a SASL logon.
				if p := refused(t, source, long); p.Reason != authcert.Unsupported || !strings.Contains(p.Hint, "Kerberos over ldap://") {
					t.Errorf("got %s: %s (%s); want what to do", p.Reason, p.Message, p.Hint)
				}
				return
			}
			expectOrganization(t, source, servers)
		})
	}
}

// expectOrganization reads the organization that organize made, with an account
// that may not read its hybrid configuration.
func expectOrganization(t *testing.T, source LDAP, servers int) {
	t.Helper()
	snap, err := snapshotWithin(t, long, source)
	if err != nil {
		t.Fatal(err)
	}
	got := snap.AuthConfig
	if len(snap.Errors) != 0 || got == nil || !got.WhenChangedUTC.Known() {
		t.Fatalf("errors %+v, AuthConfig %+v; want none, and when it changed", snap.Errors, got)
	}
	want := &authcert.AuthConfig{
		CurrentCertificateThumbprint: currentPrint, PreviousCertificateThumbprint: previousPrint, NextCertificateThumbprint: nextPrint,
		NextCertificateEffectiveDate: authcert.At(time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)), ServiceName: authcert.ExchangeServiceName,
		WhenChangedUTC: got.WhenChangedUTC, OriginatingServer: strings.TrimPrefix(source.Kerberos.SPN, "ldap/"),
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("AuthConfig (-got +want):\n%s", diff)
	}
	if len(snap.Servers) != servers || len(snap.OrganizationGUID) != 36 {
		t.Fatalf("%d servers, organization %q; want %d, and a GUID", len(snap.Servers), snap.OrganizationGUID, servers)
	}
	if snap.Hybrid != nil {
		t.Errorf("hybrid %+v, want that it is not known", snap.Hybrid)
	}
	first := authcert.Server{FQDN: "ex001.example.test", AdminDisplayVersion: "Version 15.2 (Build 2562.17)", Site: "Default-First-Site-Name", Role: "mailbox",
		InternalTransportCertificateThumbprint: derThumbprint(append([]byte{0x30}, make([]byte, 1200)...))}
	if diff := cmp.Diff(snap.Servers[0], first); diff != "" {
		t.Errorf("server (-got +want):\n%s", diff)
	}
}

// expectNoRight logs on with an account to whom nothing was delegated.
func expectNoRight(t *testing.T, s *samba, servers int) {
	t.Helper()
	snap, err := snapshotWithin(t, long, s.as("plain", wsman.AuthKerberos, "ldap"))
	if err != nil {
		t.Fatal(err)
	}
	if snap.AuthConfig != nil || len(snap.Servers) != servers || snap.Hybrid != nil || len(snap.Errors) != 1 {
		t.Fatalf("AuthConfig %+v, %d servers, hybrid %v, errors %v; want the servers alone", snap.AuthConfig, len(snap.Servers), snap.Hybrid, snap.Errors)
	}
	if p := snap.Errors[0]; !strings.Contains(p.Message, "not found or no permission to read it") || !strings.Contains(p.Hint, `dsacls '`+sambaConfig) {
		t.Errorf("got %s (%s); want the right to delegate", p.Message, p.Hint)
	}
	result := authcert.Judge(snap, authcert.DefaultPolicy(), time.Now())
	if f := result.Findings[0]; result.Status != authcert.Unknown || f.ID != "authconfig-unreadable" || f.Remedy != snap.Errors[0].Hint {
		t.Errorf("%s, first %s: %s; want UNKNOWN, and what to do", result.Status, f.ID, f.Remedy)
	}
}

// expectHybrid logs on with an account that may read the hybrid configuration.
func expectHybrid(t *testing.T, s *samba) {
	t.Helper()
	snap, err := snapshotWithin(t, long, s.as("hybrid", wsman.AuthKerberos, "ldap"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(snap.Hybrid, &authcert.Hybrid{Configured: new(true)}); diff != "" || snap.AuthConfig == nil {
		t.Errorf("AuthConfig %+v, want one; hybrid (-got +want):\n%s", snap.AuthConfig, diff)
	}
}

// expectValues changes AuthConfig and reads it again.
func expectValues(t *testing.T, s *samba) {
	t.Helper()
	const current, previous, next = "0:" + currentPrint, "1:" + previousPrint, "2:" + nextPrint
	all := [3]authcert.Thumbprint{currentPrint, previousPrint, nextPrint}
	for _, row := range []struct {
		values []string
		want   [3]authcert.Thumbprint // current, previous, next
	}{
		{[]string{currentPrint}, [3]authcert.Thumbprint{currentPrint}},
		{[]string{current}, [3]authcert.Thumbprint{currentPrint}},
		{[]string{previous, current}, [3]authcert.Thumbprint{currentPrint, previousPrint}},
		{[]string{"0:" + nextPrint, "2:" + currentPrint}, [3]authcert.Thumbprint{nextPrint, "", currentPrint}},
		{[]string{current, previous, next}, all}, {[]string{current, next, previous}, all}, {[]string{previous, current, next}, all},
		{[]string{previous, next, current}, all}, {[]string{next, current, previous}, all}, {[]string{next, previous, current}, all},
	} {
		s.thumbprints(row.values)
		snap, err := snapshotWithin(t, long, s.as("reader", wsman.AuthBasic, "ldaps"))
		if err != nil {
			t.Fatal(err)
		}
		a := snap.AuthConfig
		if got := [3]authcert.Thumbprint{a.CurrentCertificateThumbprint, a.PreviousCertificateThumbprint, a.NextCertificateThumbprint}; got != row.want {
			t.Errorf("%q: got %q, want %q", row.values, got, row.want)
		}
	}
}

// BenchmarkSamba reads 200 servers; cpu-ms is this process's own part, of which
// the aim is less than 500.
func BenchmarkSamba(b *testing.B) {
	s := newSamba(b)
	furnish(s, 200)
	s.start()
	for _, way := range ways {
		b.Run(fmt.Sprintf("%s over %s", way.auth, way.scheme), func(b *testing.B) {
			source := s.as("reader", way.auth, way.scheme)
			before := ownTime(b)
			for b.Loop() {
				if _, err := source.Snapshot(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64((ownTime(b)-before).Milliseconds())/float64(b.N), "cpu-ms/op")
		})
	}
}

// ownTime is the processor time of this process.
func ownTime(b *testing.B) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
