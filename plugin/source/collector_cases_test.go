package source

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"check_exchange_authcert/plugin/authcert"
)

// What a real organization exported comes out as another reader finds it.
func TestCollectsARealOrganization(t *testing.T) {
	for _, organization := range []string{"contoso-lab", "solo-e16"} {
		t.Run(organization, func(t *testing.T) {
			folder := collectorShared(t, "realdata", "exchange", organization)
			want, err := readExports(folder)
			if err != nil {
				t.Fatal(err)
			}
			got := trial{params: requested(), export: folder}.collect(t)
			checkHead(t, got)
			config := got["authConfig"].(facts)
			if diff := cmp.Diff(config, facts{
				"currentCertificateThumbprint":  textOrNil(string(want.AuthConfig.CurrentCertificateThumbprint)),
				"previousCertificateThumbprint": textOrNil(string(want.AuthConfig.PreviousCertificateThumbprint)),
				"nextCertificateThumbprint":     textOrNil(string(want.AuthConfig.NextCertificateThumbprint)),
				"nextCertificateEffectiveDate":  timeOrNil(want.AuthConfig.NextCertificateEffectiveDate),
				"serviceName":                   want.AuthConfig.ServiceName,
				"realm":                         textOrNil(want.AuthConfig.Realm),
				"whenChangedUTC":                timeOrNil(want.AuthConfig.WhenChangedUTC),
				"originatingServer":             want.AuthConfig.OriginatingServer,
			}); diff != "" {
				t.Errorf("AuthConfig (-got +want):\n%s", diff)
			}
			if len(list(t, got, "servers")) != len(want.Servers) {
				t.Errorf("got %d servers, want %d", len(list(t, got, "servers")), len(want.Servers))
			}
			for _, server := range want.Servers {
				compareServer(t, serverOf(t, got, server.FQDN), server)
			}
		})
	}
}

func compareServer(t *testing.T, got facts, want authcert.Server) {
	t.Helper()
	for key, value := range map[string]string{"adminDisplayVersion": want.AdminDisplayVersion, "role": "mailbox", "site": "Default-First-Site-Name"} {
		if got[key] != value {
			t.Errorf("%s: got %s %q, want %q", want.FQDN, key, got[key], value)
		}
	}
	if len(want.Certificates) == 0 {
		if diff := cmp.Diff(got["error"], any(facts{"reason": "unreadable", "message": "Get-ExchangeCertificate returned nothing"})); diff != "" {
			t.Errorf("%s: error (-got +want):\n%s", want.FQDN, diff)
		}
		return
	}
	if got["error"] != nil {
		t.Errorf("%s: got error %v, want none", want.FQDN, got["error"])
	}
	certificates := list(t, got, "certificates")
	if len(certificates) != len(want.Certificates) {
		t.Fatalf("%s: got %d certificates, want %d", want.FQDN, len(certificates), len(want.Certificates))
	}
	for i, certificate := range certificates {
		raw, _ := certificate["rawData"].([]byte)
		if !bytes.Equal(raw, want.Certificates[i].RawData) || certificate["services"] != nil || certificate["hasPrivateKey"] != nil {
			t.Errorf("%s, certificate %d: got %d bytes, services %v, key %v, want %d bytes and nothing else", want.FQDN, i, len(raw), certificate["services"], certificate["hasPrivateKey"], len(want.Certificates[i].RawData))
		}
	}
}

// checkHead looks at what every answer has.
func checkHead(t *testing.T, got facts) {
	t.Helper()
	taken, _ := got["takenAt"].(time.Time)
	if age := time.Since(taken); age < 0 || age > 3*time.Minute {
		t.Errorf("takenAt: got %v, want just now", got["takenAt"])
	}
	host, _ := os.Hostname()
	origin, _ := got["origin"].(facts)
	own, _ := origin["host"].(string)
	if !strings.HasPrefix(own, host) || origin["kind"] != "winrm" || origin["via"] != "exchange" {
		t.Errorf("origin: got %v, want winrm on %s via exchange", origin, host)
	}
	if got["schema"] != int64(authcert.Schema) {
		t.Errorf("schema: got %v, want %d", got["schema"], authcert.Schema)
	}
}

func textOrNil(text string) any {
	if text == "" {
		return nil
	}
	return text
}

func timeOrNil(instant authcert.Instant) any {
	if !instant.Known() {
		return nil
	}
	return instant.UTC()
}

// German, Czech and Turkish servers: nothing may depend on how they write or compare.
func TestCollectsInAnyCulture(t *testing.T) {
	want := trial{params: requested(), cmdlets: wholeCertificate}.collect(t)
	delete(want, "takenAt")
	for name, sample := range map[string]string{"de-DE": "1,5 I", "tr-TR": "1,5 \u0130"} {
		t.Run(name, func(t *testing.T) {
			env := culture(t, name)
			written, _ := trial{env: env, rewrite: func(string) string { return `[Console]::Out.Write("$((1.5).ToString()) $('i'.ToUpper())")` }}.run(t)
			if string(written) != sample {
				t.Fatalf("got %q in this culture, want %q", written, sample)
			}
			got := trial{params: requested(), cmdlets: wholeCertificate, env: env}.collect(t)
			delete(got, "takenAt")
			if diff := cmp.Diff(got, want); diff != "" {
				t.Errorf("-got +want:\n%s", diff)
			}
		})
	}
}

// Without parameters it works as whoever runs it; with damaged ones it asks nothing.
func TestStandardInput(t *testing.T) {
	asked := map[string]string{"store": "unsupported"} // the session opened and all was read
	damaged := map[string]string{"parameters": "malformed"}
	encoded := func(text string) io.Reader {
		return strings.NewReader(base64.StdEncoding.EncodeToString([]byte(text)) + "\n")
	}
	silent, keep, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { silent.Close(); keep.Close() })
	table := []struct {
		name  string
		stdin io.Reader
		want  map[string]string
	}{
		{"none", nil, asked},
		{"blank line", strings.NewReader("\r\n"), asked},
		{"a pipe that nobody writes to", silent, asked},
		{"not base64", strings.NewReader("password=" + testPassword + "\n"), damaged},
		{"no nonce", encoded("username=svc\npassword=" + testPassword), damaged},
		{"nonce that would break the markers", encoded("nonce=----- x\npassword=" + testPassword), damaged},
	}
	for _, row := range table {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			got := trial{stdin: row.stdin, rewrite: withoutPorts}.collect(t)
			if diff := cmp.Diff(reasonsOf(t, got), row.want); diff != "" {
				t.Errorf("errors (-got +want):\n%s", diff)
			}
			if _, config := got["authConfig"]; config == (row.want["parameters"] != "") {
				t.Errorf("got AuthConfig %v", got["authConfig"])
			}
		})
	}
}

// A scheduled task runs what --print collector printed, and nobody writes to it.
func TestPrintedScript(t *testing.T) {
	got := trial{file: true, rewrite: withoutPorts}.collect(t)
	origin, _ := got["origin"].(facts)
	if origin["kind"] != "powershell" || origin["via"] != "exchange" || got["authConfig"] == nil {
		t.Errorf("got origin %v, AuthConfig %v, want what the local identity may read", origin, got["authConfig"])
	}
	if n := len(list(t, serverOf(t, got, server1), "certificates")); n != 8 {
		t.Errorf("got %d certificates, want 8", n)
	}
}

// A session that is lost is opened once more; when that fails, no server waits for it again.
func TestSessionIsNotReopenedForEver(t *testing.T) {
	openings := filepath.Join(t.TempDir(), "openings")
	once := func(script string) string {
		return strings.Replace(impatientWith("ex01.contoso.lab")(script), endpointFunction,
			endpointFunction+" [IO.File]::AppendAllText($env:OPENINGS, 'x'); if ([IO.File]::ReadAllText($env:OPENINGS) -ne 'x') { throw [UnauthorizedAccessException]::new('no more') }", 1)
	}
	got := trial{params: requested(), cmdlets: fiveServers + cmdletHead + "[Threading.Thread]::Sleep(120000) }", env: []string{"OPENINGS=" + openings}, rewrite: once}.collect(t)
	if attempts, err := os.ReadFile(openings); err != nil || string(attempts) != "xx" {
		t.Errorf("got openings %q, %v, want two", attempts, err)
	}
	states := stateOfServers(t, got)
	if states["ex01.contoso.lab"] != "timeout" || states["ex02.contoso.lab"] != "access-denied" || states["new.contoso.lab"] != "access-denied" {
		t.Errorf("got %v, want a timeout and then what the second opening said", states)
	}
}

// withoutPorts keeps a run without parameters from looking for servers on the network.
func withoutPorts(script string) string {
	return strings.Replace(script, "ports = '443,444'", "ports = ''", 1)
}

func TestRefusesWhereItCannotWork(t *testing.T) {
	table := []struct {
		name string
		env  []string
		old  bool
		want string
	}{
		{name: "constrained language", env: []string{"ENGINE_LANGUAGE_MODE=ConstrainedLanguage"}, want: "ConstrainedLanguage on that host"},
		{name: "PowerShell 4", old: true, want: "Windows PowerShell 4.0,"},
	}
	for _, row := range table {
		t.Run(row.name, func(t *testing.T) {
			stdout, stderr := trial{params: requested(), env: row.env, rewrite: func(script string) string {
				if row.old {
					return strings.ReplaceAll(script, "$PSVersionTable.PSVersion", "([version]'4.0')")
				}
				return script
			}}.run(t)
			_, err := collected(stdout, stderr, testNonce)
			var problem *authcert.Problem
			if !errors.As(err, &problem) || problem.Reason != authcert.Unsupported || !strings.Contains(problem.Message, row.want) {
				t.Errorf("got %v from %q %q, want an unsupported %q", err, stdout, stderr, row.want)
			}
		})
	}
}

// The password is in no output and in no argument, whatever fails.
func TestPasswordStaysInside(t *testing.T) {
	table := map[string]trial{
		"good":            {params: requested()},
		"no endpoint":     {params: requested(), endpoint: true},
		"refused":         {params: requested(), env: []string{"ENGINE_LANGUAGE_MODE=ConstrainedLanguage"}},
		"a bad mechanism": {params: requested(), endpoint: true, rewrite: func(s string) string { return strings.ReplaceAll(s, "'Kerberos'", "'Nonesuch'") }},
		// What the script keeps of its parameters may be seen.
		"a script that dies": {params: requested(), rewrite: func(s string) string { return strings.Replace(s, "exit 0", `throw "$($p.Keys) $($p.Values)"`, 1) }},
	}
	for name, row := range table {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stdout, stderr := row.run(t)
			document, err := collected(stdout, stderr, "")
			written := string(stdout) + string(stderr) + string(document)
			if err != nil {
				written += err.Error()
			}
			line, _ := row.params.line()
			for _, secret := range []string{testPassword, "Geheim", base64.StdEncoding.EncodeToString([]byte(testPassword)), strings.TrimSpace(line)} {
				if strings.Contains(written, secret) {
					t.Errorf("got %q in the output", secret)
				}
			}
			args, _ := collectorArgs(windowsPowerShell)
			if strings.Contains(strings.Join(args, " "), strings.TrimSpace(line)) || strings.Contains(collectScript, testPassword) {
				t.Error("got the secret in the command line")
			}
		})
	}
}
