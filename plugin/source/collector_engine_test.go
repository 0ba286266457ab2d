package source

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"check_exchange_authcert/plugin/clixml"
)

// collectorShared is a folder beside the checkout: recorded data, or the
// packed PowerShell engine.
func collectorShared(t *testing.T, elements ...string) string {
	t.Helper()
	root := os.Getenv("CHECK_EXCHANGE_AUTHCERT_SHARED")
	if root == "" {
		root = filepath.Join("..", "..", "..", "shared")
	}
	path, err := filepath.Abs(filepath.Join(append([]string{root}, elements...)...))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Skipf("the PowerShell engine and recorded data are not beside the checkout: %v", err)
	}
	return path
}

// facts is a dictionary as the collector serialized it.
type facts = map[string]any

// culture has the engine run in a culture. It takes cultures from the system's
// ICU; whether that is there is not left to the engine's wrapper, which at times
// fails to see it.
func culture(t *testing.T, name string) []string {
	t.Helper()
	if found, _ := filepath.Glob("/usr/lib/*/libicuuc.so.*"); len(found) == 0 {
		t.Skip("cultures need libicu, which is not installed")
	}
	return []string{"ENGINE_CULTURE=" + name, "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=0"}
}

// trial is one run of the collector in PowerShell's own engine. Behind the
// session that it opens, a second engine answers with Exchange's cmdlets from
// Export-Clixml files and takes no script, as Exchange's endpoint does.
type trial struct {
	params   *collectorParams
	stdin    io.Reader // instead of params; nil is no input at all
	export   string    // folder of exports; contoso-lab by default
	fail     string    // EXCHANGE_FAIL: "Get-AuthConfig=message;…"
	cmdlets  string    // PowerShell functions that replace Exchange's stand-ins
	env      []string
	rewrite  func(script string) string
	endpoint bool // keep the function that opens the real endpoint
	file     bool // run the script as it is printed, from a file
}

const endpointFunction = "function NewExchange {"

// secondEngine replaces the one function that needs Windows: WSMan is not
// there outside of it, remoting to another process is.
const secondEngine = `function NewExchange { [runspacefactory]::CreateOutOfProcessRunspace($null, [Management.Automation.Runspaces.PowerShellProcessInstance]::new()) }`

func throughSecondEngine(t *testing.T, script string) string {
	t.Helper()
	start := strings.Index(script, endpointFunction)
	length := strings.Index(script[max(start, 0):], "\n}\n")
	if start < 0 || length < 0 {
		t.Fatalf("the script has no %q", endpointFunction)
	}
	return script[:start] + secondEngine + script[start+length+len("\n}"):]
}

// run returns what the engine wrote.
func (r trial) run(t *testing.T) (stdout, stderr []byte) {
	t.Helper()
	if testing.Short() {
		t.Skip("starting the PowerShell engine takes seconds")
	}
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skip("the packed PowerShell engine needs Linux on x64")
	}
	pwsh := collectorShared(t, "powershell", "pwsh")
	script := minify(collectScript)
	if r.file {
		script = Collector()
	}
	if !r.endpoint {
		script = throughSecondEngine(t, script)
	}
	if r.rewrite != nil {
		script = r.rewrite(script)
	}
	args, err := r.arguments(t, pwsh, script)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, pwsh, args...)
	cmd.Env = append(r.environment(t), r.env...)
	cmd.Stdin = r.stdin
	if r.params != nil {
		line, err := r.params.line()
		if err != nil {
			t.Fatal(err)
		}
		cmd.Stdin = strings.NewReader(line)
	}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.WaitDelay = time.Second // a standard input that never ends must not hold the test
	began := time.Now()
	if err := cmd.Run(); err != nil && ctx.Err() != nil {
		t.Fatalf("the script did not end: %v\n%s%s", err, out.Bytes(), errs.Bytes())
	}
	t.Logf("%.1f s, %d bytes", time.Since(began).Seconds(), out.Len())
	return out.Bytes(), errs.Bytes()
}

func (r trial) arguments(t *testing.T, pwsh, script string) ([]string, error) {
	if !r.file {
		return encodedCommand(pwsh, script)
	}
	path := filepath.Join(t.TempDir(), "collect.ps1")
	return []string{"-NoProfile", "-NonInteractive", "-ExecutionPolicy", "Bypass", "-File", path}, os.WriteFile(path, []byte(script), 0o600)
}

// environment is this process's without what would steer the engine.
func (r trial) environment(t *testing.T) []string {
	var env []string
	for _, pair := range os.Environ() {
		if !strings.HasPrefix(pair, "ENGINE_") && !strings.HasPrefix(pair, "EXCHANGE_") && !strings.HasPrefix(pair, "Exchange") {
			env = append(env, pair)
		}
	}
	export := r.export
	if export == "" {
		export = collectorShared(t, "realdata", "exchange", "contoso-lab")
	}
	// The engine unpacks itself into the cache; a test's own HOME must not make it do so again.
	if cache, err := os.UserCacheDir(); err == nil {
		env = append(env, "XDG_CACHE_HOME="+cache)
	}
	return append(env, "EXCHANGE_EXPORT="+export, "EXCHANGE_FAIL="+r.fail, "EXCHANGE_NOLANGUAGE=1", "ENGINE_SERVER_INIT="+r.serverInit(t))
}

// serverInit is the stand-ins' file, or a copy with some of them replaced
// before its last line switches the language off.
func (r trial) serverInit(t *testing.T) string {
	t.Helper()
	original := collectorShared(t, "powershell", "exchange.ps1")
	if r.cmdlets == "" {
		return original
	}
	text, err := os.ReadFile(original)
	if err != nil {
		t.Fatal(err)
	}
	last := bytes.LastIndex(text, []byte("if ($env:EXCHANGE_NOLANGUAGE)"))
	if last < 0 {
		t.Fatalf("%s does not switch the language off", original)
	}
	path := filepath.Join(t.TempDir(), "exchange.ps1")
	if err := os.WriteFile(path, []byte(string(text[:last])+r.cmdlets+"\n"+string(text[last:])), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// collect runs the script and reads its answer.
func (r trial) collect(t *testing.T) facts {
	t.Helper()
	stdout, stderr := r.run(t)
	nonce := localNonce
	if r.params != nil {
		nonce = r.params.Nonce
	}
	document, err := collected(stdout, stderr, nonce)
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr)
	}
	if len(stderr) > 0 {
		t.Errorf("got on standard error %q, want nothing", stderr)
	}
	if before, _, _ := bytes.Cut(stdout, []byte("-----BEGIN")); len(bytes.TrimSpace(before)) > 0 {
		t.Errorf("got before the answer %q, want nothing", before)
	}
	objects, err := clixml.Parse(document)
	if err != nil || len(objects) != 1 {
		t.Fatalf("got %d objects, %v, want one", len(objects), err)
	}
	result, ok := plain(t, objects[0]).(facts)
	if !ok {
		t.Fatalf("got %s, want a dictionary", document)
	}
	return result
}

// plain turns dictionaries, lists and primitives into Go's, and allows nothing else.
func plain(t *testing.T, o *clixml.Object) any {
	t.Helper()
	switch {
	case o.IsNil():
		return nil
	case o.Entries != nil:
		all := facts{}
		for _, entry := range o.Entries {
			key, _ := entry.Key.Str()
			all[key] = plain(t, entry.Value)
		}
		return all
	case o.Items != nil:
		all := []any{}
		for _, item := range o.Items {
			all = append(all, plain(t, item))
		}
		return all
	case o.Value != nil && len(o.Extended) == 0:
		return o.Value
	}
	t.Fatalf("got %s %v %q: a whole object, want plain facts", o.Type, o.TypeNames, o.Text)
	return nil
}

// list returns the dictionaries of a list.
func list(t *testing.T, from facts, key string) []facts {
	t.Helper()
	items, ok := from[key].([]any)
	if !ok {
		t.Fatalf("%s: got %T %v, want a list", key, from[key], from[key])
	}
	all := make([]facts, len(items))
	for i, item := range items {
		if all[i], ok = item.(facts); !ok {
			t.Fatalf("%s: got %T at %d, want a dictionary", key, item, i)
		}
	}
	return all
}

// serverOf returns the entry of one server.
func serverOf(t *testing.T, from facts, fqdn string) facts {
	t.Helper()
	for _, entry := range list(t, from, "servers") {
		if entry["fqdn"] == fqdn {
			return entry
		}
	}
	t.Fatalf("got no server %q in %v", fqdn, from["servers"])
	return nil
}

// reasonsOf maps stages to reasons.
func reasonsOf(t *testing.T, from facts) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, e := range list(t, from, "errors") {
		stage, _ := e["stage"].(string)
		reason, _ := e["reason"].(string)
		if message, _ := e["message"].(string); message == "" {
			t.Errorf("%s: got no message", stage)
		}
		all[stage] = reason
	}
	return all
}

// requested are the parameters that most runs are given.
func requested() *collectorParams {
	return &collectorParams{Nonce: testNonce, Kind: "winrm", URL: "http://ex01.contoso.com/PowerShell/", Username: `CONTOSO\svc`, Password: testPassword, Timeout: 20 * time.Second, Deadline: time.Minute}
}

const testPassword = "Geheim=&3 ü\"'$(x)"
