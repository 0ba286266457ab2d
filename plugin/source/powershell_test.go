package source

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"check_exchange_authcert/plugin/authcert"
	"check_exchange_authcert/plugin/wsman/wsmantest"
)

// TestPowerShell runs the collector on this host in PowerShell's own engine.
func TestPowerShell(t *testing.T) {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skip("the packed PowerShell engine needs Linux on x64")
	}
	pwsh := collectorShared(t, "powershell", "pwsh")
	seam := filepath.Join(t.TempDir(), "init.ps1")
	if err := os.WriteFile(seam, []byte(wsmantest.SecondEngine), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("ENGINE_INIT", seam)
	t.Setenv("ENGINE_SERVER_INIT", collectorShared(t, "powershell", "exchange.ps1"))
	t.Setenv("EXCHANGE_EXPORT", collectorShared(t, "realdata", "exchange", "contoso-lab"))
	t.Setenv("EXCHANGE_NOLANGUAGE", "1")
	snap, err := PowerShell{Exe: pwsh}.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if snap.AuthConfig == nil || len(snap.Servers) != 2 || len(snap.Servers[0].Certificates) != 8 || snap.Origin.Kind != "powershell" || snap.Origin.Via != "exchange" {
		t.Errorf("%+v; want AuthConfig, two servers and eight certificates, from powershell via exchange", snap)
	}
}

func TestPowerShellThatCannotRun(t *testing.T) {
	_, err := PowerShell{Exe: filepath.Join(t.TempDir(), "powershell.exe")}.Snapshot(t.Context())
	if !hasReason(err, authcert.NotFound) {
		t.Errorf("error %v, want reason not-found", err)
	}
}

// TestPowerShellHidesSecrets has a child process not see the variables that
// hold secrets, in any case.
func TestPowerShellHidesSecrets(t *testing.T) {
	p := PowerShell{Hide: []string{"prtg_windowspassword"}}
	for entry, want := range map[string]bool{"prtg_windowspassword=x": true, "PRTG_WINDOWSPASSWORD=x": true, "prtg_windowsuser=x": false, "PATH=/bin": false} {
		if got := p.hidden(entry); got != want {
			t.Errorf("%s hidden: %t, want %t", entry, got, want)
		}
	}
}
