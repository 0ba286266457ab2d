package source

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"runtime"
	"strings"
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

// TestPowerShellIsToldInPrivate has something else play powershell.exe and write
// down what it was started with: the password is on standard input alone.
func TestPowerShellIsToldInPrivate(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the stand-in is a shell script")
	}
	folder := t.TempDir()
	exe := filepath.Join(folder, "powershell.exe")
	script := "#!/bin/sh\nprintf '%s\\n' \"$0\" \"$@\" >" + folder + "/argv\nenv >" + folder + "/env\ncat >" + folder + "/stdin\ncat " + folder + "/stdin\ncat " + folder + "/stdin >&2\n"
	if err := os.WriteFile(exe, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PRTG_WINDOWSPASSWORD", testPassword)
	account := NewCredentials(`CONTOSO\svc`, "", testPassword)
	_, err := Discreet{Source: PowerShell{Exe: exe, Exchange: Exchange{Account: account}, Hide: []string{"prtg_windowspassword"}}, Accounts: []Credentials{account}}.Snapshot(t.Context())
	if !hasReason(err, authcert.Malformed) {
		t.Errorf("error %v, want no answer of the collector", err)
	}
	told := map[string]string{"error": err.Error()}
	for _, name := range []string{"argv", "env", "stdin"} {
		data, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		told[name] = string(data)
	}
	line, err := base64.StdEncoding.DecodeString(strings.TrimSpace(told["stdin"]))
	if err != nil || !strings.Contains(string(line), "password="+testPassword) {
		t.Errorf("standard input holds no password: %v", err)
	}
	for _, name := range []string{"argv", "env", "error"} {
		for _, form := range spellings(shortest, testPassword) {
			if strings.Contains(told[name], form) {
				t.Errorf("%s shows the password", name)
			}
		}
	}
}
