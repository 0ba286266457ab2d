//go:build integration

package source_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"check_exchange_authcert/plugin/authcert"
	"check_exchange_authcert/plugin/source"
	"check_exchange_authcert/plugin/wsman"
	"check_exchange_authcert/plugin/wsman/wsmantest"
)

const labUser = "monitor"

func startLab(t *testing.T) *wsmantest.Lab {
	t.Helper()
	return wsmantest.StartLab(t, wsmantest.LabAccount{Domain: "CONTOSO", User: labUser, Password: password})
}

// ofLab asks a host of the lab at Exchange's endpoint.
func ofLab(l *wsmantest.Lab, h *wsmantest.LabHost) source.Remoting {
	policy := authcert.DefaultPolicy()
	return source.Remoting{Now: time.Now(), Concerns: policy.Concerns, Endpoint: wsman.Config{
		URL: h.URL + "/PowerShell/", Auth: wsman.AuthKerberos, Username: labUser + "@" + wsmantest.LabRealm, Password: wsman.NewSecret(password),
		Kerberos: wsman.Kerberos{KDCs: []string{l.KDC}}, TLS: wsman.TLS{CAFile: h.CAFile},
	}}
}

// madeExport writes an organization as Export-Clixml does: AuthConfig, and the certificates of each server ex01, ex02, ….
func madeExport(t *testing.T, current, next, effective string, servers ...[][]byte) string {
	t.Helper()
	if effective == "" {
		effective = `<Nil N="NextCertificateEffectiveDate" />`
	} else {
		effective = `<DT N="NextCertificateEffectiveDate">` + effective + `</DT>`
	}
	var list, certificates []string
	for i, installed := range servers {
		name := fmt.Sprintf("ex%02d", i+1)
		list = append(list, object("Deserialized.Microsoft.Exchange.Data.Directory.Management.ExchangeServer",
			`<S N="Name">`+name+`</S><S N="Fqdn">`+name+`.contoso.com</S><S N="AdminDisplayVersion">Version 15.2 (Build 2562.17)</S><S N="ServerRole">Mailbox</S><S N="Site">Berlin</S>`, ""))
		for _, der := range installed {
			certificates = append(certificates, object("Deserialized.Microsoft.Exchange.Management.SystemConfigurationTasks.ExchangeCertificate",
				`<BA N="RawData">`+base64.StdEncoding.EncodeToString(der)+`</BA>`, `<S N="PSComputerName">`+name+`.contoso.com</S>`))
		}
	}
	return folder(t, map[string]string{
		"HybridConfiguration.xml": document(object("Deserialized.Microsoft.Exchange.Data.Directory.SystemConfiguration.HybridConfiguration", "", "")),
		"AuthServer.xml":          document(object("Deserialized.Microsoft.Exchange.Data.Directory.SystemConfiguration.AuthServer", `<B N="Enabled">true</B><S N="Type">AzureAD</S>`, "")),
		"PartnerApplication.xml": document(object("Deserialized.Microsoft.Exchange.Data.Directory.SystemConfiguration.PartnerApplication",
			`<B N="Enabled">true</B><S N="ApplicationIdentifier">`+authcert.ExchangeServiceName+`</S>`, "")),
		"SettingOverride.xml": document(object("Deserialized.Microsoft.Exchange.Data.Directory.SystemConfiguration.SettingOverride",
			`<S N="ComponentName">Global</S><S N="SectionName">ExchangeOnpremAsThirdPartyAppId</S><Obj N="Parameters" RefId="1"><LST><S>Enabled=true</S></LST></Obj>`, "")),
		"TransportService.xml": document(object("Deserialized.Microsoft.Exchange.Data.Directory.Management.TransportService",
			`<S N="Name">ex01</S><S N="InternalTransportCertificateThumbprint">`+current+`</S>`, "")),
		"AuthConfig.xml": document(object("Deserialized.Microsoft.Exchange.Data.Directory.SystemConfiguration.AuthConfig",
			`<S N="CurrentCertificateThumbprint">`+current+`</S><S N="PreviousCertificateThumbprint"></S><S N="NextCertificateThumbprint">`+next+`</S>`+effective+
				`<S N="ServiceName">`+authcert.ExchangeServiceName+`</S><S N="Realm"></S><DT N="WhenChangedUTC">2026-10-01T08:00:00Z</DT>`, `<S N="PSComputerName">ex01.contoso.com</S>`)),
		"ExchangeServer.xml": document(list...), "ExchangeCertificate.xml": document(certificates...),
	})
}

// withoutWizard takes the Hybrid Configuration Wizard's trace out of an export.
func withoutWizard(t *testing.T, export string) string {
	t.Helper()
	if err := os.Remove(filepath.Join(export, "HybridConfiguration.xml")); err != nil {
		t.Fatal(err)
	}
	return export
}

// verdict is what a judgement comes down to.
func verdict(snap *authcert.Snapshot, at time.Time) []string {
	policy := authcert.DefaultPolicy()
	policy.MaxAge = 0
	result := authcert.Judge(snap, policy, at)
	all := []string{result.Status.String()}
	for _, f := range result.Findings {
		all = append(all, fmt.Sprintf("%s %s %s %s", f.ID, f.Status, f.Server, f.Thumbprint))
	}
	return all
}

// TestIntegrationVerdicts reads organizations through PowerShell's own remoting server and from the files behind it:
// both give the same verdict, in every state.
func TestIntegrationVerdicts(t *testing.T) {
	l := startLab(t)
	day := func(n int) time.Time { return date(2026, 11, 23).AddDate(0, 0, n) }
	current, currentThumb := authCertificate(t, day(-700), day(400))
	next, nextThumb := authCertificate(t, day(-10), day(1800))
	both := [][]byte{current, next}
	states := map[string]bool{}
	for name, row := range map[string]struct {
		export string
		at     []time.Time
	}{
		"hybrid by hand":             {withoutWizard(t, madeExport(t, currentThumb, "", "", [][]byte{current})), []time.Time{day(0)}},
		"healthy, expiring, expired": {madeExport(t, currentThumb, "", "", [][]byte{current}, [][]byte{current}), []time.Time{day(0), day(350), day(385), day(401), day(-701)}},
		"missing on one":             {madeExport(t, currentThumb, "", "", [][]byte{current}, [][]byte{next}), []time.Time{day(0)}},
		"on none":                    {madeExport(t, currentThumb, "", "", [][]byte{next}, [][]byte{next}), []time.Time{day(0)}},
		"unreadable":                 {madeExport(t, currentThumb, "", "", [][]byte{current}, nil), []time.Time{day(0)}},
		"not configured":             {madeExport(t, "", "", "", [][]byte{current}), []time.Time{day(0)}},
		"rollover":                   {madeExport(t, currentThumb, nextThumb, "2026-12-20T00:00:00Z", both, both), []time.Time{day(0), day(26), day(30), day(380)}},
		"rollover, missing on one":   {madeExport(t, currentThumb, nextThumb, "2026-12-20T00:00:00Z", both, [][]byte{current}), []time.Time{day(0), day(26)}},
		"next without a date":        {madeExport(t, currentThumb, nextThumb, "", both), []time.Time{day(0)}},
		"a real organization":        {shared(t, "realdata/exchange/contoso-lab"), []time.Time{date(2023, 1, 10), day(0), date(2028, 2, 1)}},
		"a real server":              {shared(t, "realdata/exchange/solo-e16"), []time.Time{date(2021, 10, 1), date(2023, 10, 1), date(2023, 10, 30)}},
	} {
		t.Run(name, func(t *testing.T) {
			file, err := source.File{Path: row.export}.Snapshot(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			h := l.Host(t, false, "--export", row.export)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			snap, err := ofLab(l, h).Snapshot(ctx)
			if err != nil {
				t.Fatal(err)
			}
			_, err = os.Stat(filepath.Join(row.export, "AuthServer.xml"))
			if diff := cmp.Diff(&authcert.Hybrid{Configured: new(err == nil), DedicatedApp: new(err == nil)}, snap.Hybrid); diff != "" {
				t.Errorf("hybrid (-want +got):\n%s", diff)
			}
			for _, at := range row.at {
				want := verdict(file, at)
				states[want[0]] = true
				if diff := cmp.Diff(want, verdict(snap, at)); diff != "" {
					t.Errorf("%s (-file +remoting):\n%s", at, diff)
				}
			}
			if c := h.Count(t); c.Logons != 1 || c.Connections != 1 || c.Shells+c.Processes+c.ClearBodies+c.BasicCredentials+c.RefusedLogons != 0 {
				t.Errorf("%+v: want one logon, nothing left behind and nothing in clear", c)
			}
		})
	}
	if len(states) != 4 {
		t.Errorf("only %v were seen", states)
	}
}

// TestIntegrationProblems has the host refuse and stall.
func TestIntegrationProblems(t *testing.T) {
	l := startLab(t)
	export := shared(t, "realdata/exchange/contoso-lab")
	for _, row := range []struct {
		name   string
		args   string
		tls    bool
		change func(*source.Remoting)
		reason authcert.Reason // "" when it works
		stage  string
		words  string
	}{
		{"no Exchange server", "--no-exchange", false, nil, authcert.NotFound, "logging on to Exchange", "Is it an Exchange server?"},
		{"Negotiate", "--exchange-offer Negotiate", false, nil, "", "", ""},
		{"TLS", "", true, nil, "", "", ""},
		{"keytab", "", false, func(r *source.Remoting) {
			r.Endpoint.Password, r.Endpoint.Kerberos.Keytab = wsman.Secret{}, l.Path("user.keytab")
		}, "", "", ""},
		{"no SPN", "", false, func(r *source.Remoting) { r.Endpoint.Kerberos.SPN = "HTTP/mail" }, authcert.NotFound, "getting a Kerberos ticket", "setspn"},
		{"quota", "--max-shells 0", false, nil, authcert.Throttled, "opening a session", "Get-ThrottlingPolicy"},
		{"WinRM's URL", "", false, func(r *source.Remoting) { r.Endpoint.URL = strings.Replace(r.Endpoint.URL, "PowerShell/", "wsman", 1) }, authcert.NotFound, "opening a session", "Is it an Exchange server?"},
		{"a host that stalls", "--slow Create=30", false, nil, authcert.Timeout, "opening a session", "in time"},
		{"a cmdlet that stalls", "--slow Command=30", false, nil, authcert.Timeout, "get-authconfig", "in time"},
	} {
		t.Run(row.name, func(t *testing.T) {
			h := l.Host(t, row.tls, append(strings.Fields(row.args), "--export", export)...)
			r := ofLab(l, h)
			if row.change != nil {
				row.change(&r)
			}
			limit := time.Minute
			switch row.args {
			case "--slow Create=30":
				limit = 3 * time.Second
			case "--slow Command=30":
				limit = 20 * time.Second // the engine takes seconds to start where machines are busy
			}
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			snap, err := r.Snapshot(ctx)
			if row.reason == "" {
				if err != nil || len(snap.Servers) != 2 || len(snap.Servers[0].Certificates) != 8 {
					t.Errorf("%+v, %v: want two servers, one with eight certificates", snap, err)
				}
			} else {
				wantProblem(t, err, row.reason, row.stage, row.words)
			}
			if c := h.Count(t); (row.args != "--slow Create=30" && c.Shells+c.Processes != 0) || c.ClearBodies+c.BasicCredentials+c.RefusedLogons != 0 {
				t.Errorf("%+v: want nothing left behind and nothing in clear", c)
			}
		})
	}
}

// TestIntegrationBothFail has AuthConfig and the list of servers fail without a cause of their own: a finding says why.
func TestIntegrationBothFail(t *testing.T) {
	l := startLab(t)
	h := l.Host(t, false, "--fail", "Get-AuthConfig=kaputt;Get-ExchangeServer=kaputt", "--export", shared(t, "realdata/exchange/contoso-lab"))
	snap, err := ofLab(l, h).Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(snap.Errors, func(p authcert.Problem) bool { return p.Stage == authcert.StageAuthConfig })
	if i < 0 || snap.Errors[i].Reason != authcert.Unreadable || !strings.Contains(snap.Errors[i].Message, "kaputt; probably because the Auth Certificate itself") {
		t.Errorf("%+v: want why AuthConfig could not be read", snap.Errors)
	}
	if got := verdict(snap, time.Now()); got[0] != authcert.Unknown.String() || !slices.Contains(got, "authconfig-unreadable UNKNOWN  ") {
		t.Errorf("%q: want a finding", got)
	}
	if c := h.Count(t); c.Shells+c.Processes != 0 || c.Logons != 1 {
		t.Errorf("%+v: want nothing left behind and one logon", c)
	}
}

// TestIntegrationLeavesNothing cuts off every second of a hundred runs, each a little later than the one before. One more
// shows what the last one has left, which the host may still be ending.
func TestIntegrationLeavesNothing(t *testing.T) {
	l := startLab(t)
	h := l.Host(t, false, "--export", filepath.Join(shared(t, "realdata/exchange/solo-e16")))
	whole, cutOff, little := time.Minute, 0, 0
	for i := range 101 {
		limit := time.Minute
		if i%2 == 1 {
			limit = whole * time.Duration(i) / 100
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		stop := time.AfterFunc(limit, func() { cancel(errors.New("cut off")) })
		start := time.Now()
		snap, err := ofLab(l, h).Snapshot(ctx)
		ended := ctx.Err() != nil
		partly := err != nil || len(snap.Errors) > 0 || snap.Servers[0].Error != nil
		switch {
		case i%2 == 1 && ended:
			cutOff++
			if partly {
				little++
			}
		case i%2 == 0 && partly:
			t.Fatalf("run %d: not all was read: %v", i, err)
		case i%2 == 0:
			whole = min(whole, time.Since(start))
		}
		stop.Stop()
		cancel(nil)
	}
	if cutOff < 25 || little < 5 { // of 50: the last ones may have had time enough, and those before them all but that for closing
		t.Errorf("only %d runs were cut off, %d of them before all was read", cutOff, little)
	}
	if c := h.Count(t); c.Shells+c.Processes != 0 {
		t.Errorf("%+v: want no session and no process left behind", c)
	}
}
