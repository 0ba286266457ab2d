//go:build integration

package main

import (
	"cmp"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"check_exchange_authcert/plugin/authcert"
	"check_exchange_authcert/plugin/wsman/wsmantest"
)

const labPassword = "Geheim-Horse-7"

func sharedFolder(t *testing.T, path string) string {
	t.Helper()
	folder, err := filepath.Abs(filepath.Join(cmp.Or(os.Getenv("CHECK_EXCHANGE_AUTHCERT_SHARED"), "../../../shared"), path))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(folder); err != nil {
		t.Skipf("recorded data is not here: %v", err)
	}
	return folder
}

// verdict is what two runs of the program are compared by.
type verdict struct {
	Status   string
	Findings []string
}

// judge runs the program and returns its verdict and its whole result.
func judge(t *testing.T, args ...string) (verdict, authcert.Result) {
	t.Helper()
	_, output := call(t, strings.NewReader(""), append(args, "-o", "json", "-t", "120")...)
	var result authcert.Result
	if err := json.Unmarshal([]byte(output), &result); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	v := verdict{Status: result.Status.String()}
	for _, f := range result.Findings {
		v.Findings = append(v.Findings, strings.Join([]string{f.ID, f.Status.String(), strings.ToLower(f.Server), string(f.Thumbprint)}, " "))
	}
	slices.Sort(v.Findings)
	return v, result
}

// TestIntegrationWindowsHost asks a stand-in host, whose logon and encryption
// are the system's GSSAPI and whose PowerShell is PowerShell's own engine, in
// every way; the verdict is that on the export behind it.
func TestIntegrationWindowsHost(t *testing.T) {
	exchange := sharedFolder(t, "powershell/exchange.ps1")
	lab := wsmantest.StartLab(t, wsmantest.LabAccount{Domain: "CONTOSO", User: "monitor", Password: labPassword})
	lab.Env = append(lab.Env, "ENGINE_SERVER_INIT="+exchange)
	files := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(files, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	seam := write("init.ps1", wsmantest.SecondEngine)
	ntlm := write("ntlm", "username = monitor\ndomain = CONTOSO\npassword = "+labPassword+"\n")
	kerberos := write("kerberos", "username = monitor@"+wsmantest.LabRealm+"\npassword = "+labPassword+"\n")

	for _, organization := range []struct{ name, at string }{{"contoso-lab", "2026-11-23"}, {"solo-e16", "2021-10-01"}, {"solo-e16", "2023-10-30"}} {
		export := sharedFolder(t, "realdata/exchange/"+organization.name)
		want, _ := judge(t, "--snapshot", export, "--at", organization.at)
		for _, tls := range []bool{false, true} {
			host := lab.Host(t, tls, "--export", export, "--init", seam)
			scheme, port, _ := strings.Cut(strings.TrimPrefix(host.URL, "http"), "://localhost:")
			common := []string{"-H", "localhost", "-p", port, "--exchange-url", host.URL + "/PowerShell/", "--kdc", lab.KDC, "--at", organization.at}
			if scheme == "s" {
				common = append(common, "--https", "--ca-file", host.CAFile)
			}
			for _, way := range []struct {
				name, via string
				always    bool
				args      []string
			}{
				{"winrm, NTLM", "winrm", true, []string{"--via", "winrm", "--credentials", ntlm}},
				{"winrm, Kerberos", "winrm", false, []string{"--via", "winrm", "--credentials", kerberos}},
				{"exchange, password", "exchange", true, []string{"--credentials", kerberos}},
				{"exchange, keytab", "exchange", false, []string{"-u", "monitor@" + wsmantest.LabRealm, "--keytab", lab.Path("user.keytab")}},
				{"NTLM goes to winrm", "winrm", false, []string{"--credentials", ntlm}},
			} {
				if (tls || organization.name != "contoso-lab") && !way.always {
					continue // another organization is not another conversation
				}
				t.Run(organization.name+" http"+scheme+" "+way.name, func(t *testing.T) {
					got, result := judge(t, append(common, way.args...)...)
					if diff := gocmp.Diff(want, got); diff != "" {
						t.Errorf("verdict (-on the export +through the host):\n%s%+v", diff, result.Failure)
					}
					if result.Origin.Kind != way.via {
						t.Errorf("facts through %q, want %q", result.Origin.Kind, way.via)
					}
					if c := host.Count(t); c.Shells != 0 || c.Processes != 0 || c.ClearBodies != 0 || c.RefusedLogons != 0 {
						t.Errorf("%+v: want nothing left behind and nothing in clear", c)
					}
				})
			}
		}
	}
}
