package authcert

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The remedies of the tests below, line by line; CURRENT and NEXT stand for
// this organization's thumbprints.
const (
	make1   = `$new = New-ExchangeCertificate -KeySize 2048 -PrivateKeyExportable $true -SubjectName 'CN=Microsoft Exchange Server Auth Certificate' -FriendlyName 'Microsoft Exchange Server Auth Certificate' -DomainName @()  # answer N: do not overwrite the default SMTP certificate` + "\n" + print1
	print1  = `$thumbprint = ([Security.Cryptography.X509Certificates.X509Certificate2]$new.RawData).Thumbprint`
	stage1  = `Set-AuthConfig -NewCertificateThumbprint $thumbprint -NewCertificateEffectiveDate (Get-Date).ToUniversalTime().AddHours(49)  # Exchange replicates it within a site and makes it current by itself`
	now1    = `Set-AuthConfig -NewCertificateThumbprint $thumbprint -NewCertificateEffectiveDate (Get-Date).ToUniversalTime()  # answer Y: the date is meant to be less than 48 hours ahead`
	three   = `Invoke-Command -ComputerName 'ex01.contoso.com','ex02.contoso.com','ex03.contoso.com' `
	pools   = `Restart-WebAppPool MSExchangeOWAAppPool; Restart-WebAppPool MSExchangeECPAppPool`
	later   = three + `{ ` + pools + ` }  # once it is current`
	restart = three + `{ Restart-Service MSExchangeServiceHost; ` + pools + ` }  # it may take an hour until every server signs with it`
	publish = `Set-AuthConfig -PublishCertificate`
	clear1  = `Set-AuthConfig -ClearPreviousCertificate`
	ask     = `$pw = Read-Host -AsSecureString 'A password for the export'`
	wizard  = `Run the Hybrid Configuration Wizard again, or ConfigureExchangeHybridApplication.ps1: `
	script  = `.\ConfigureExchangeHybridApplication.ps1 -UpdateCertificate  # hybrid: `
	before  = `Entra ID must know the certificate before it is current`
	after   = `hybrid features fail until Entra ID knows the certificate`
	on2     = `Invoke-Command -ComputerName 'ex02.contoso.com' `
	in49    = `Set-AuthConfig -NewCertificateThumbprint 'NEXT' -NewCertificateEffectiveDate (Get-Date).ToUniversalTime().AddHours(49)`
)

func exportOf(thumbprint, from string) string {
	return `$pfx = Export-ExchangeCertificate -Server '` + from + `.contoso.com' -Thumbprint '` + thumbprint + `' -BinaryEncoded -Password $pw`
}

func importOn(server string) string {
	return `Import-ExchangeCertificate -Server '` + server + `.contoso.com' -FileData $pfx.FileData -Password $pw -PrivateKeyExportable $true  # Exchange replicates within a site only`
}

// remedyRow is a change of a sound organization and what is said to do about
// the finding that follows.
type remedyRow struct {
	name, id string
	change   func(*org)
	want     []string
}

func remedyRows() []remedyRow {
	current := func(daysLeft float64) func(*org) {
		return func(o *org) { o.setCurrent(until(o.t, in(daysLeft))) }
	}
	both := func(daysLeft float64, effective time.Time, change func(*org)) func(*org) {
		return func(o *org) {
			current(daysLeft)(o)
			o.setNext(until(o.t, in(1800)), effective)
			change(o)
		}
	}
	nothing := func(*org) {}
	hybrid := func(o *org) { o.Hybrid.Configured = new(true) }
	dropNext := func(o *org) { o.drop(1, o.nextThumbprint()) }
	return []remedyRow{
		{"a new one is staged", "current-expiring", current(40), []string{make1, stage1, later}},
		{"in a hybrid", "current-expiring", func(o *org) { current(40)(o); hybrid(o) }, []string{make1, stage1, wizard + before, later}},
		{"in a hybrid with its own application", "current-expiring", func(o *org) {
			current(40)(o)
			o.Hybrid = &Hybrid{Configured: new(true), DedicatedApp: new(true)}
		}, []string{make1, stage1, script + before, later}},
		{"in two sites", "current-expiring", func(o *org) {
			current(40)(o)
			o.Servers[0].Site, o.Servers[1].Site = "Berlin", "Bonn"
		}, []string{make1, stage1, ask, `$pfx = Export-ExchangeCertificate -Thumbprint $thumbprint -BinaryEncoded -Password $pw`,
			`foreach ($s in 'ex01.contoso.com','ex02.contoso.com','ex03.contoso.com') { Import-ExchangeCertificate -Server $s -FileData $pfx.FileData -Password $pw -PrivateKeyExportable $true }  # the servers are in 2 sites and Exchange replicates within a site only; one that has it already refuses it`,
			later}},
		{"all in one site", "current-expiring", func(o *org) {
			current(40)(o)
			o.Servers[0].Site, o.Servers[1].Site = "Berlin", "BERLIN"
		}, []string{make1, stage1, later}},
		{"a second more than 72 hours", "current-expiring", func(o *org) { o.setCurrent(until(o.t, now.Add(72*time.Hour+time.Second))) }, []string{make1, stage1, later}},
		{"72 hours: too late to stage", "current-expiring", current(3), []string{make1, now1, publish, clear1, restart}},
		{"expired", "current-expired", current(-1), []string{make1, now1, publish, clear1, restart}},
		{"expired in a hybrid", "current-expired", func(o *org) { current(-1)(o); hybrid(o) }, []string{make1, now1, publish, clear1, restart, wizard + after}},
		{"expired, next is ready", "current-expired", both(-1, in(5), nothing), []string{publish, clear1, restart}},
		{"expired, next is ready where that could be read", "current-expired", both(-1, in(5), func(o *org) { o.unreadable(1, Unreachable) }), []string{
			`foreach ($s in 'ex02.contoso.com') { Get-ExchangeCertificate -Server $s -Thumbprint 'NEXT' }  # could not be read; it has to be there first`, publish, clear1, restart}},
		{"expired, whether it is a hybrid is not known", "current-expired", func(o *org) {
			current(-1)(o)
			o.Hybrid = nil
		}, []string{make1, now1, publish, clear1, restart, "If the organization is hybrid, run the Hybrid Configuration Wizard again, or ConfigureExchangeHybridApplication.ps1: " + after}},
		{"expired, next is not everywhere", "current-expired", both(-1, in(5), dropNext), []string{ask, exportOf("NEXT", "ex01"), importOn("ex02"), publish, clear1, restart}},
		{"expired, next is missing on two", "current-expired", both(-1, in(5), func(o *org) {
			dropNext(o)
			o.drop(0, o.nextThumbprint())
		}), []string{ask, exportOf("NEXT", "ex03"), importOn("ex01"), importOn("ex02"), publish, clear1, restart}},
		{"expired, next cannot be handed out", "current-expired", both(-1, in(5), func(o *org) {
			dropNext(o)
			o.entry(0, o.nextThumbprint()).PrivateKeyExportable = new(false)
			o.entry(2, o.nextThumbprint()).PrivateKeyExportable = new(false)
		}), []string{make1, now1, publish, clear1, restart}},
		{"expired, next has no key", "current-expired", both(-1, in(5), func(o *org) {
			o.entry(2, o.nextThumbprint()).HasPrivateKey = new(false)
		}), []string{make1, now1, publish, clear1, restart}},
		{"expired, next is not valid yet", "current-expired", func(o *org) {
			current(-1)(o)
			o.setNext(authCertificate(o.t, spec{from: in(1), to: in(1800)}), in(5))
		}, []string{make1, now1, publish, clear1, restart}},
		{"expired everywhere and missing somewhere", "current-missing", func(o *org) { current(-1)(o); o.drop(1, o.currentThumbprint()) }, []string{make1, now1, publish, clear1, restart}},
		{"next is there but too late", "current-expiring", both(20, in(25), nothing), []string{in49}},
		{"when next becomes current cannot be read", "current-expiring", both(20, time.Time{}, func(o *org) {
			o.Errors = append(o.Errors, Problem{Stage: StageEffectiveDate, Reason: Malformed, Message: "12/1/2026"})
		}), []string{`(Get-AuthConfig).NextCertificateEffectiveDate  # when it becomes current could not be read: where that is soon enough, nothing else is needed`, in49}},
		{"next too late", "next-too-late", both(100, in(105), hybrid), []string{in49, wizard + before}},
		{"next too late, no time left", "next-too-late", both(2, in(25), nothing), []string{publish, clear1, restart}},
		{"next without a date", "next-without-date", both(100, time.Time{}, nothing), []string{in49}},
		{"next is missing and too late", "next-too-late", both(100, in(105), dropNext), []string{ask, exportOf("NEXT", "ex01"), importOn("ex02"), in49}},
		{"next only needs copying", "current-expiring", both(20, in(5), dropNext), []string{ask, exportOf("NEXT", "ex01"), importOn("ex02")}},
		{"next can no longer be copied", "current-expiring", both(20, in(5), func(o *org) {
			dropNext(o)
			o.entry(0, o.nextThumbprint()).PrivateKeyExportable = new(false)
			o.entry(2, o.nextThumbprint()).PrivateKeyExportable = new(false)
		}), []string{make1, stage1, later}},
		{"next is valid later than its date", "next-not-valid-when-effective", func(o *org) {
			o.setNext(authCertificate(o.t, spec{from: in(10), to: in(1800)}), in(5))
		}, []string{`Set-AuthConfig -NewCertificateThumbprint 'NEXT' -NewCertificateEffectiveDate ([datetime]'2026-12-03T13:00:00Z').ToUniversalTime()`}},
		{"next is overdue and not valid yet", "next-not-valid-when-effective", func(o *org) {
			o.setNext(authCertificate(o.t, spec{from: in(10), to: in(1800)}), in(-5))
		}, []string{`Set-AuthConfig -NewCertificateThumbprint 'NEXT' -NewCertificateEffectiveDate ([datetime]'2026-12-03T13:00:00Z').ToUniversalTime()`}},
		{"next is valid only after the current one", "next-not-valid-when-effective", func(o *org) {
			current(100)(o)
			o.setNext(authCertificate(o.t, spec{from: in(101), to: in(1800)}), in(5))
		}, []string{make1, stage1, later}},
		{"next expired", "next-expired", func(o *org) { o.setNext(until(o.t, in(-1)), in(20)) }, []string{make1, stage1, later}},
		{"next ends soon", "next-expiring", func(o *org) { o.setNext(until(o.t, in(30)), in(20)) }, []string{make1, stage1, later}},
		// A new one staged in 49 hours would have displaced a rollover that is in time.
		{"next ends soon and current sooner", "next-expiring", both(2, in(1), func(o *org) { o.setNext(until(o.t, in(100)), in(1)) }), []string{make1, now1, publish, clear1, restart}},
		{"current not valid yet", "current-not-yet-valid", usual(func(s *spec) { s.from = in(0.1) }), []string{
			"See that the clocks of the servers and of this host are right. If they are:", make1, now1, publish, clear1, restart}},
		{"next is current", "next-is-current", func(o *org) { o.AuthConfig.NextCertificateThumbprint = o.currentThumbprint() }, []string{make1, stage1, later}},
		{"next nowhere", "next-missing", both(100, in(20), func(o *org) {
			for i := range o.Servers {
				o.drop(i, o.nextThumbprint())
			}
		}), []string{make1, stage1, later}},
		{"next missing", "next-missing", both(100, in(20), dropNext), []string{ask, exportOf("NEXT", "ex01"), importOn("ex02")}},
		{"next missing, cannot be handed out", "next-missing", both(100, in(20), func(o *org) {
			dropNext(o)
			o.entry(0, o.nextThumbprint()).HasPrivateKey = new(false)
			o.entry(2, o.nextThumbprint()).PrivateKeyExportable = new(false)
		}), []string{make1, stage1, later}},
		{"overdue", "rollover-overdue", both(100, in(-3), nothing), []string{
			three + `{ Restart-Service MSExchangeServiceHost }  # the servicelet runs at service start; in a child domain first: Set-OrganizationConfig -EnableAuthAdminReadSession:$true`,
			"If it is still overdue after that:", publish, clear1, restart}},
		{"current missing", "current-missing", func(o *org) { o.drop(1, o.currentThumbprint()) }, []string{ask, exportOf("CURRENT", "ex01"), importOn("ex02"), on2 + `{ ` + pools + ` }`}},
		{"current missing, the first cannot hand it out", "current-missing", func(o *org) {
			o.drop(1, o.currentThumbprint())
			o.entry(0, o.currentThumbprint()).PrivateKeyExportable = new(false)
		}, nil},
		{"current missing everywhere, next is ready", "current-missing", both(100, in(20), func(o *org) {
			for i := range o.Servers {
				o.drop(i, o.currentThumbprint())
			}
		}), []string{publish, clear1, restart}},
		{"no current", "current-not-configured", func(o *org) { o.AuthConfig.CurrentCertificateThumbprint = "" }, []string{make1, now1, publish, clear1, restart}},
		{"current without its key", "current-no-private-key", func(o *org) { o.entry(1, o.currentThumbprint()).HasPrivateKey = new(false) }, []string{
			on2 + `{ certutil -repairstore my 'CURRENT' }  # finds the key again if it is still there; if not:`, ask, exportOf("CURRENT", "ex01"),
			on2 + `{ Remove-Item 'Cert:\LocalMachine\My\CURRENT' }  # an import does not replace what is there`, importOn("ex02"), on2 + `{ ` + pools + ` }`}},
		{"current not exportable here", "current-not-exportable", func(o *org) { o.entry(1, o.currentThumbprint()).PrivateKeyExportable = new(false) }, []string{
			ask, exportOf("CURRENT", "ex01"), on2 + `{ Remove-Item 'Cert:\LocalMachine\My\CURRENT' }  # an import does not replace what is there`, importOn("ex02"), on2 + `{ ` + pools + ` }`}},
		{"current not exportable anywhere", "current-not-exportable", func(o *org) {
			for i := range o.Servers {
				o.entry(i, o.currentThumbprint()).PrivateKeyExportable = new(false)
			}
		}, []string{make1, stage1, later}},
		{"current weak, a rollover is staged", "current-key-unsuitable", func(o *org) {
			usual(func(s *spec) { s.key = key1024() })(o)
			o.setNext(until(o.t, in(1800)), in(5))
		}, []string{"Nothing more: the rollover to NEXT8… is staged for 2026-11-28 12:00 UTC"}},
		{"metadata fails where the certificate is", "published-error", func(o *org) { o.Servers[1].Published = &Published{HTTPStatus: 500} }, []string{
			on2 + `{ certutil -repairstore my 'CURRENT' }  # finds the key again if it is still there; if not:`, ask, exportOf("CURRENT", "ex01"),
			on2 + `{ Remove-Item 'Cert:\LocalMachine\My\CURRENT' }  # an import does not replace what is there`, importOn("ex02"), on2 + `{ ` + pools + ` }`}},
		{"metadata fails where the first is that has it", "published-error", func(o *org) { o.Servers[0].Published = &Published{HTTPStatus: 500} }, []string{
			`Invoke-Command -ComputerName 'ex01.contoso.com' { certutil -repairstore my 'CURRENT' }  # finds the key again if it is still there; if not:`, ask, exportOf("CURRENT", "ex02"),
			`Invoke-Command -ComputerName 'ex01.contoso.com' { Remove-Item 'Cert:\LocalMachine\My\CURRENT' }  # an import does not replace what is there`, importOn("ex01"), `Invoke-Command -ComputerName 'ex01.contoso.com' { ` + pools + ` }`}},
		{"metadata fails on an unreadable server", "published-error", func(o *org) {
			o.unreadable(1, Timeout)
			o.Servers[1].Published = &Published{HTTPStatus: 500}
		}, []string{`Get-ExchangeCertificate -Server 'ex02.contoso.com'`}},
		{"metadata differs", "published-differs", func(o *org) { o.Servers[1].Published = &Published{HTTPStatus: 200} }, []string{on2 + `{ Restart-WebAppPool MSExchangeAutodiscoverAppPool }`}},
		{"not in the cloud", "cloud-missing-current", cloud(nothing), []string{script + after}},
		{"next not in the cloud", "cloud-missing-next", cloud(both(100, in(10), nothing), "current"), []string{script + before}},
		{"AuthConfig", "authconfig-unexpected", func(o *org) { o.AuthConfig.ServiceName, o.AuthConfig.Realm = "x", "y" }, []string{
			`Set-AuthConfig -ServiceName '00000002-0000-0ff1-ce00-000000000000'`, `Set-AuthConfig -Realm $null`}},
		{"no session", "no-servers", func(o *org) {
			o.Servers, o.Errors = nil, List[Problem]{{Stage: StageSession, Reason: AccessDenied}}
		}, []string{`See that Exchange's PowerShell endpoint answers on that server (Test-NetConnection SERVER -Port 80, application pool MSExchangePowerShellAppPool) and that the account has the role View-Only Configuration; an expired Auth Certificate breaks it too`}},
		{"an unreadable server, with a hint", "server-unreadable", func(o *org) { o.Servers[1].Error = &Problem{Hint: "Test-WSMan ex02"} }, []string{"Test-WSMan ex02"}},
	}
}

func TestRemedies(t *testing.T) {
	for _, tt := range remedyRows() {
		t.Run(tt.name, func(t *testing.T) {
			o := newOrg(t)
			tt.change(o)
			want := tt.want
			if want == nil {
				want = []string{ask, exportOf("CURRENT", "ex03"), importOn("ex02"), on2 + `{ ` + pools + ` }`}
			}
			fill := strings.NewReplacer("CURRENT", string(o.currentThumbprint()), "NEXT8…", o.nextThumbprint().Short(), "NEXT", string(o.nextThumbprint()))
			got := remedyOf(t, Judge(o.Snapshot, DefaultPolicy(), now), tt.id)
			if diff := cmp.Diff(got, fill.Replace(strings.Join(want, "\n"))); diff != "" {
				t.Errorf("remedy (-got +want):\n%s", diff)
			}
		})
	}
}

func remedyOf(t testing.TB, result Result, id string) string {
	t.Helper()
	checkResult(t, result)
	for _, f := range result.Findings {
		if f.ID == id {
			return f.Remedy
		}
	}
	t.Fatalf("no %s among %v", id, verdicts(result.Findings))
	return ""
}

func TestRemediesOfManyServersAskExchangeForThem(t *testing.T) {
	var names []string
	for _, letter := range "abcdefghi" {
		names = append(names, "ex"+string(letter))
	}
	for count, want := range map[int]string{8: "-ComputerName 'exa.contoso.com','exb", 9: "-ComputerName (@(Get-ExchangeServer).Where("} {
		o := &org{organization(t, names[:count]...), t}
		o.setCurrent(until(t, in(40)))
		if got := remedyOf(t, Judge(o.Snapshot, DefaultPolicy(), now), "current-expiring"); !strings.Contains(got, want) {
			t.Errorf("%d servers: %q lacks %q", count, got, want)
		}
	}
}
