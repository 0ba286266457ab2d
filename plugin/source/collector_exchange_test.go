package source

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// wholeCertificate is Get-ExchangeCertificate as a live session has it: every
// property, enumerations as numbers with a name.
const wholeCertificate = `
function Get-ExchangeCertificate { [CmdletBinding()] param([string] $Server)
    $xml = '<Objs Version="1.1.0.1" xmlns="http://schemas.microsoft.com/powershell/2004/04"><Obj RefId="0"><Props><BA N="RawData">MAMCAQU=</BA><S N="FriendlyName">Microsoft Exchange Server Auth Certificate</S>' +
        '<Obj N="Services" RefId="1"><TN RefId="0"><T>Microsoft.Exchange.Management.SystemConfigurationTasks.AllowedServices</T><T>System.Enum</T></TN><ToString>IMAP, IIS, SMTP</ToString><I32>25</I32></Obj>' +
        '<B N="HasPrivateKey">true</B><B N="PrivateKeyExportable">false</B></Props></Obj></Objs>'
    [System.Management.Automation.PSSerializer]::Deserialize($xml)
}`

const (
	server1    = "E2k16-1.Contoso.lab"
	cmdletHead = "function Get-ExchangeCertificate { [CmdletBinding()] param([string] $Server)\n"
)

// der is the data of the certificates that replaced cmdlets return.
var der = []byte{0x30, 0x03, 0x02, 0x01, 0x05}

const derBytes = "[byte[]](0x30, 3, 2, 1, 5)"

// A cmdlet that fails costs its own facts; the others' are there all the same.
func TestCmdletsFailAlone(t *testing.T) {
	table := []struct {
		fail       []string
		authConfig bool // known
		hybrid     facts
	}{
		{[]string{"Get-AuthConfig", "Get-TransportService", "Get-SettingOverride"}, false, facts{"configured": false, "dedicatedApp": nil}},
		{[]string{"Get-HybridConfiguration"}, true, facts{"configured": nil, "dedicatedApp": false}},
		{[]string{"Get-AuthServer", "Get-PartnerApplication"}, true, facts{"configured": nil, "dedicatedApp": false}},
	}
	for _, row := range table {
		t.Run(strings.Join(row.fail, ","), func(t *testing.T) {
			t.Parallel()
			rules, want := "", map[string]string{"store": "unsupported"}
			for _, cmdlet := range row.fail {
				rules += cmdlet + "=Zugriff verweigert;"
				want[strings.ToLower(cmdlet)] = "unreadable"
			}
			got := trial{params: requested(), fail: rules}.collect(t)
			if diff := cmp.Diff(reasonsOf(t, got), want); diff != "" {
				t.Errorf("errors (-got +want):\n%s", diff)
			}
			if known := got["authConfig"] != nil; known != row.authConfig {
				t.Errorf("AuthConfig: got %v", got["authConfig"])
			}
			if diff := cmp.Diff(got["hybrid"], any(row.hybrid)); diff != "" {
				t.Errorf("hybrid (-got +want):\n%s", diff)
			}
			if n := len(list(t, serverOf(t, got, server1), "certificates")); n != 8 {
				t.Errorf("got %d certificates, want 8", n)
			}
		})
	}
}

// oneServerEach has a server for every row of a table, in order: "0.lab" and so
// on. For each, Get-ExchangeCertificate runs another body.
func oneServerEach(bodies []string) string {
	cmdlets := fmt.Sprintf("function Get-ExchangeServer { foreach ($n in 0..%d) { [pscustomobject]@{ Name = \"$n\"; Fqdn = \"$n.lab\"; IsMailboxServer = $true } } }\n", len(bodies)-1) +
		cmdletHead + "switch ($Server) {\n"
	for i, body := range bodies {
		cmdlets += fmt.Sprintf("'%d.lab' { %s }\n", i, body)
	}
	return cmdlets + "} }"
}

// Why a cmdlet failed is told by categories and types, whatever the language.
func TestReasonsOfExchangeErrors(t *testing.T) {
	record := func(exception, category string) string {
		return fmt.Sprintf("[System.Management.Automation.ErrorRecord]::new([System.%s]::new('x'), 'id', '%s', $null)", exception, category)
	}
	table := []struct{ name, body, want string }{
		{"category", "$PSCmdlet.WriteError(" + record("InvalidOperationException", "PermissionDenied") + ")", "access-denied"},
		{"terminating", "$PSCmdlet.ThrowTerminatingError(" + record("Exception", "ConnectionError") + ")", "unreachable"},
		{"type", "throw [System.UnauthorizedAccessException]::new('x')", "access-denied"},
		{"timeout", "throw [System.TimeoutException]::new('x')", "timeout"},
		{"not found", "$PSCmdlet.WriteError(" + record("Exception", "ObjectNotFound") + ")", "not-found"},
		{"quota", "$PSCmdlet.WriteError(" + record("Exception", "QuotaExceeded") + ")", "throttled"},
		{"not implemented", "throw [System.NotImplementedException]::new('x')", "unsupported"},
		{"format", "throw [System.FormatException]::new('x')", "malformed"},
		{"special RPC error", "throw [System.InvalidOperationException]::new(\"A special Rpc error`r`n`toccurs\")", "unreadable"},
		{"only words", "throw 'Timeout NotFound Unauthorized'", "unreadable"},
		{"a cmdlet within", "Get-Nonesuch", "access-denied"},
	}
	bodies := make([]string, len(table))
	for i, row := range table {
		bodies[i] = row.body
	}
	got := trial{params: requested(), cmdlets: oneServerEach(bodies)}.collect(t)
	for i, row := range table {
		failure, _ := serverOf(t, got, fmt.Sprintf("%d.lab", i))["error"].(facts)
		if failure["reason"] != row.want {
			t.Errorf("%s: got %v, want %q", row.name, failure, row.want)
		}
		if message, _ := failure["message"].(string); message == "" || strings.ContainsAny(message, "\r\n\t") {
			t.Errorf("%s: got message %q, want one line", row.name, message)
		}
	}
}

// A cmdlet that the account's roles do not hold does not exist in its session.
func TestCmdletOutsideTheRoles(t *testing.T) {
	got := trial{params: requested(), cmdlets: `$ExecutionContext.InvokeProvider.Item.Remove('function:\Get-AuthConfig', $false, $false, $false)`}.collect(t)
	if reason := reasonsOf(t, got)["get-authconfig"]; reason != "access-denied" {
		t.Errorf("got %q of %v, want access-denied", reason, got["errors"])
	}
}

// What Get-ExchangeCertificate brings differs by session and by what is broken.
func TestShapesOfCertificates(t *testing.T) {
	object := func(properties string) string { return "[pscustomobject]@{ " + properties + " }; " }
	bare := object("RawData = " + derBytes)
	unreadable := func(message string) facts { return facts{"reason": "unreadable", "message": message} }
	with := func(services ...any) facts {
		return facts{"rawData": der, "friendlyName": nil, "services": services, "hasPrivateKey": nil, "privateKeyExportable": nil}
	}
	want := facts{"rawData": der, "friendlyName": nil, "hasPrivateKey": nil, "privateKeyExportable": nil}
	table := []struct {
		name, body string
		want       any // nil: unknown
		err        any
	}{
		{"one, RawData alone", bare, []any{want}, nil},
		{"services as text", object("RawData = " + derBytes + "; Services = 'SMTP, Federation'"), []any{with("SMTP", "Federation")}, nil},
		{"services as a number", object("RawData = " + derBytes + "; Services = 88"), []any{with("IIS", "SMTP", "UMCallRouter")}, nil},
		{"no services", object("RawData = " + derBytes + "; Services = 'None'"), []any{with([]any{}...)}, nil},
		{"none", "", nil, unreadable("Get-ExchangeCertificate returned nothing")},
		{"null", "$null", nil, unreadable("Get-ExchangeCertificate returned nothing")},
		{"RawData missing in one of two", bare + object("RawData = $null"), []any{want}, unreadable("1 of 2 certificates came without RawData")},
		{"RawData empty", object("RawData = [byte[]]@()"), []any{}, unreadable("1 of 1 certificates came without RawData")},
		{"RawData of another type", object("RawData = 'MAMCAQU='"), []any{}, unreadable("1 of 1 certificates came without RawData")},
		{"an error after the first", bare + "$PSCmdlet.WriteError([System.Management.Automation.ErrorRecord]::new([System.TimeoutException]::new('late'), 'id', 'NotSpecified', $null))",
			[]any{want}, facts{"reason": "timeout", "message": "late"}},
	}
	bodies := make([]string, len(table))
	for i, row := range table {
		bodies[i] = row.body
	}
	got := trial{params: requested(), cmdlets: oneServerEach(bodies)}.collect(t)
	for i, row := range table {
		server := serverOf(t, got, fmt.Sprintf("%d.lab", i))
		if diff := cmp.Diff(server["certificates"], row.want, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: certificates (-got +want):\n%s", row.name, diff)
		}
		if diff := cmp.Diff(server["error"], row.err); diff != "" {
			t.Errorf("%s: error (-got +want):\n%s", row.name, diff)
		}
	}
}

// A live object carries everything, and enumerations have numbers.
func TestWholeCertificate(t *testing.T) {
	got := serverOf(t, trial{params: requested(), cmdlets: wholeCertificate}.collect(t), server1)
	want := []any{facts{"rawData": der, "friendlyName": "Microsoft Exchange Server Auth Certificate", "services": []any{"IMAP", "IIS", "SMTP"}, "hasPrivateKey": true, "privateKeyExportable": false}}
	if diff := cmp.Diff(got["certificates"], any(want)); diff != "" || got["error"] != nil {
		t.Errorf("error %v; certificates (-got +want):\n%s", got["error"], diff)
	}
}

// fiveServers are listed by Get-ExchangeServer beside an Edge server, one of
// 2010 and one whose version and role cannot be told.
const fiveServers = `
function Get-ExchangeServer {
    foreach ($n in 1..5) { [pscustomobject]@{ Name = "EX0$n"; Fqdn = "ex0$n.contoso.lab"; AdminDisplayVersion = 'Version 15.2 (Build 2562.17)'; IsMailboxServer = $true; Site = 'contoso.lab/Configuration/Sites/Wien' } }
    [pscustomobject]@{ Name = 'EDGE'; Fqdn = 'edge.contoso.lab'; AdminDisplayVersion = 'Version 15.2 (Build 2562.17)'; IsEdgeServer = $true }
    [pscustomobject]@{ Name = 'OLD'; Fqdn = 'old.contoso.lab'; AdminDisplayVersion = 'Version 14.3 (Build 123.4)'; IsMailboxServer = $true }
    [pscustomobject]@{ Name = 'CAS'; AdminDisplayVersion = 'Version 15.0 (Build 1497.2)'; IsClientAccessServer = $true }
    [pscustomobject]@{ Name = 'ODD'; Fqdn = 'odd.contoso.lab'; ServerRole = 'None' }
    [pscustomobject]@{ Name = 'NEW'; Fqdn = 'new.contoso.lab' }
}
function Get-TransportService { [pscustomobject]@{ Name = 'ex02'; InternalTransportCertificateThumbprint = 'AB12' } }
`

// One that fails, hangs or takes the session down does not lose the others. (Of
// a process that ended, remoting to processes only tells by silence.)
func TestServersFailAlone(t *testing.T) {
	got := trial{params: requested(), rewrite: impatientWith("ex02.contoso.lab", "ex04.contoso.lab"), cmdlets: fiveServers + cmdletHead + `
    switch ($Server) {
        'ex01.contoso.lab' { throw [System.UnauthorizedAccessException]::new('Zugriff verweigert') }
        'ex02.contoso.lab' { [Threading.Thread]::Sleep(120000) }
        'ex04.contoso.lab' { [Environment]::Exit(1) }
    }
    [pscustomobject]@{ RawData = ` + derBytes + ` } }`}.collect(t)
	want := map[string]string{"ex01.contoso.lab": "access-denied", "ex02.contoso.lab": "timeout", "ex03.contoso.lab": "", "ex04.contoso.lab": "timeout", "ex05.contoso.lab": "",
		"edge.contoso.lab": "not asked", "old.contoso.lab": "not asked", "CAS": "", "odd.contoso.lab": "not asked", "new.contoso.lab": ""}
	if diff := cmp.Diff(stateOfServers(t, got), want); diff != "" {
		t.Errorf("-got +want:\n%s\n%v", diff, got["errors"])
	}
	if server := serverOf(t, got, "ex02.contoso.lab"); server["internalTransportCertificateThumbprint"] != "AB12" || server["site"] != "Wien" {
		t.Errorf("got transport certificate %v, site %v, want AB12, Wien", server["internalTransportCertificateThumbprint"], server["site"])
	}
	for fqdn, role := range map[string]any{"edge.contoso.lab": "edge", "CAS": "clientaccess", "ex01.contoso.lab": "mailbox", "odd.contoso.lab": "none", "new.contoso.lab": nil} {
		if server := serverOf(t, got, fqdn); server["role"] != role {
			t.Errorf("%s: got role %v, want %v", fqdn, server["role"], role)
		}
	}
}

// stateOfServers gives the reason of each server's error, "" when it was read.
func stateOfServers(t *testing.T, got facts) map[string]string {
	t.Helper()
	states := map[string]string{}
	for _, server := range list(t, got, "servers") {
		fqdn, _ := server["fqdn"].(string)
		failure, _ := server["error"].(facts)
		switch {
		case failure != nil:
			states[fqdn], _ = failure["reason"].(string)
		case server["certificates"] == nil:
			states[fqdn] = "not asked"
		default:
			states[fqdn] = ""
		}
	}
	return states
}

// impatientWith has the script wait a second for these servers, and for
// anything else as long as a busy machine may take.
func impatientWith(servers ...string) func(string) string {
	const own = "function Patience {"
	return func(script string) string {
		return strings.Replace(script, own, own+" if ($with.Server -in '"+strings.Join(servers, "', '")+"') { return 1 }", 1)
	}
}

// After the deadline nothing more is asked, and what was read comes back. The
// clock is the second server's: it stops when that has been asked.
func TestDeadline(t *testing.T) {
	const own = "function Remaining {"
	passed := "PASSED=" + filepath.Join(t.TempDir(), "passed")
	got := trial{params: requested(), env: []string{passed}, rewrite: func(script string) string {
		return strings.Replace(script, own, own+" if ([IO.File]::Exists($env:PASSED)) { return 0 }", 1)
	}, cmdlets: fiveServers + cmdletHead + "if ($Server -eq 'ex02.contoso.lab') { [IO.File]::WriteAllText($env:PASSED, '') }\n[pscustomobject]@{ RawData = " + derBytes + " } }"}.collect(t)
	want := map[string]string{"ex01.contoso.lab": "", "ex02.contoso.lab": "", "ex03.contoso.lab": "timeout", "ex04.contoso.lab": "timeout", "ex05.contoso.lab": "timeout",
		"edge.contoso.lab": "not asked", "old.contoso.lab": "not asked", "CAS": "timeout", "odd.contoso.lab": "not asked", "new.contoso.lab": "timeout"}
	if diff := cmp.Diff(stateOfServers(t, got), want); diff != "" || got["authConfig"] == nil {
		t.Errorf("AuthConfig %v; -got +want:\n%s", got["authConfig"], diff)
	}
}

// Hybrid is told by the wizard's object, or by an authorization server with its partner.
func TestHybrid(t *testing.T) {
	object := func(properties string) string {
		return `<Objs Version="1.1.0.1" xmlns="http://schemas.microsoft.com/powershell/2004/04"><Obj RefId="0"><Props>` + properties + `</Props></Obj></Objs>`
	}
	entra := object(`<B N="Enabled">true</B><Obj N="Type" RefId="1"><TN RefId="0"><T>System.Enum</T></TN><ToString>AzureAD</ToString><I32>5</I32></Obj>`)
	partner := object(`<B N="Enabled">true</B><S N="ApplicationIdentifier">00000002-0000-0ff1-ce00-000000000000</S>`)
	override := `<S N="ComponentName">Global</S><S N="SectionName">ExchangeOnpremAsThirdPartyAppId</S><Obj N="Parameters" RefId="1"><LST><S>Enabled=%s</S></LST></Obj>`
	table := []struct {
		name  string
		files map[string]string
		fail  string
		want  facts
	}{
		{"none", nil, "", facts{"configured": false, "dedicatedApp": false}},
		{"wizard, all else fails", map[string]string{"HybridConfiguration": object("")}, "Get-AuthServer=x;Get-PartnerApplication=x;Get-SettingOverride=x", facts{"configured": true, "dedicatedApp": nil}},
		{"by hand, dedicated application", map[string]string{"AuthServer": entra, "PartnerApplication": partner, "SettingOverride": object(fmt.Sprintf(override, "true"))}, "Get-HybridConfiguration=x",
			facts{"configured": true, "dedicatedApp": true}},
		{"switched off", map[string]string{"AuthServer": strings.Replace(entra, "true", "false", 1), "PartnerApplication": partner, "SettingOverride": object(fmt.Sprintf(override, "false"))}, "",
			facts{"configured": false, "dedicatedApp": false}},
	}
	for _, row := range table {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			for noun, text := range row.files {
				if err := os.WriteFile(filepath.Join(folder, noun+".xml"), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			got := trial{params: requested(), export: folder, fail: row.fail}.collect(t)
			if diff := cmp.Diff(got["hybrid"], any(row.want)); diff != "" {
				t.Errorf("-got +want:\n%s", diff)
			}
			if reasons := reasonsOf(t, got); reasons["get-authconfig"] != "unreadable" || reasons["get-exchangeserver"] != "unreadable" {
				t.Errorf("got %v, want AuthConfig and servers unreadable where nothing is returned", reasons)
			}
		})
	}
}
