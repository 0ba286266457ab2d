//go:build integration

package render_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"check_exchange_authcert/plugin/authcert"
	"check_exchange_authcert/plugin/render"
)

// zabbixTime bounds the whole test; a run takes about three minutes.
const zabbixTime = 6 * time.Minute

// zabbixPolls is how often the check runs and its outcome is looked at.
const zabbixPolls = 3 * time.Second

// zabbix is a real server with its database and its API.
type zabbix struct {
	t        *testing.T
	ctx      context.Context
	script   string // starts, stops and asks it
	folder   string
	snapshot string // what the check reads
}

// zabbixItem and zabbixProblem are what the API says of them.
type zabbixItem struct {
	Name  string `json:"name"`
	Key   string `json:"key_"`
	State string `json:"state"` // "1" is not supported
	Error string `json:"error"`
	Value string `json:"lastvalue"`
}

type zabbixProblem struct {
	Name     string `json:"name"`
	Severity string `json:"severity"`
}

func has(problems []zabbixProblem, severity, text string) bool {
	for _, p := range problems {
		if p.Severity == severity && strings.Contains(p.Name, text) {
			return true
		}
	}
	return false
}

// at is a time as the API spells it.
func at(t time.Time) string {
	text, _ := json.Marshal(t.Unix())
	return string(text)
}

// startZabbix starts a server with the template and the program, or skips.
func startZabbix(t *testing.T) *zabbix {
	t.Helper()
	shared := os.Getenv("CHECK_EXCHANGE_AUTHCERT_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "..", "shared")
	}
	z := &zabbix{t: t, script: filepath.Join(shared, "harness", "zabbix.sh")}
	z.needed()
	ctx, cancel := context.WithTimeout(t.Context(), zabbixTime)
	t.Cleanup(cancel)
	z.ctx = ctx
	// Not t.TempDir: the database's own user has to get into it.
	folder, err := os.MkdirTemp("", "zabbix")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	z.folder, z.snapshot = folder, filepath.Join(folder, "facts.json")
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if output, err := z.command(ctx, "stop").CombinedOutput(); err != nil {
			t.Errorf("stopping Zabbix: %v\n%s", err, output)
		}
	})
	z.run("start")
	build := exec.CommandContext(ctx, "go", "build", "-o", filepath.Join(folder, "ext", "check_exchange_authcert"), "../../cmd/check_exchange_authcert")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the program: %v\n%s", err, output)
	}
	printed, err := exec.CommandContext(ctx, filepath.Join(folder, "ext", "check_exchange_authcert"), "--print", "zabbix").Output()
	if err != nil || string(printed) != render.ZabbixTemplate {
		t.Fatalf("--print zabbix: %v", err)
	}
	template := filepath.Join(folder, "template.yaml")
	if err := os.WriteFile(template, printed, 0o644); err != nil {
		t.Fatal(err)
	}
	z.until("the import of the template", func() (string, bool) {
		output, err := z.command(ctx, "import", template).CombinedOutput()
		return string(output), err == nil && strings.Contains(string(output), "import True")
	})
	return z
}

// needed skips the test where Zabbix cannot run; in CI it has to.
func (z *zabbix) needed() {
	z.t.Helper()
	missing := func(what string) {
		z.t.Helper()
		if os.Getenv("CI") != "" {
			z.t.Fatalf("a real Zabbix cannot run: %s", what)
		}
		z.t.Skipf("a real Zabbix cannot run: %s", what)
	}
	if _, err := os.Stat(z.script); err != nil {
		missing("there is no " + z.script + "; CHECK_EXCHANGE_AUTHCERT_SHARED names the folder above it")
	}
	for _, program := range []string{"bash", "su", "psql", "zabbix_server", "php", "python3"} {
		if _, err := exec.LookPath(program); err != nil {
			missing(program + " is not installed")
		}
	}
	for _, file := range []string{"/usr/share/zabbix-server-pgsql/schema.sql.gz", "/usr/share/zabbix/api_jsonrpc.php"} {
		if _, err := os.Stat(file); err != nil {
			missing("there is no " + file)
		}
	}
	if os.Getuid() != 0 {
		missing("it starts as root")
	}
	for _, port := range []string{"15432", "15051", "15080"} {
		listener, err := net.Listen("tcp", "127.0.0.1:"+port)
		if err != nil {
			missing("port " + port + " is taken")
			continue
		}
		listener.Close()
	}
}

// command is one of the harness's; its servers outlive it, so that it is not
// waited for their output.
func (z *zabbix) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "bash", append([]string{z.script, name, z.folder}, args...)...)
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

func (z *zabbix) run(name string, args ...string) {
	z.t.Helper()
	output, err := z.command(z.ctx, name, args...).CombinedOutput()
	if err != nil && !errors.Is(err, exec.ErrWaitDelay) {
		z.t.Fatalf("zabbix.sh %s: %v\n%s", name, err, output)
	}
}

// reload has the server learn of discovered items at once instead of within a
// minute.
func (z *zabbix) reload() {
	z.t.Helper()
	output, err := exec.CommandContext(z.ctx, "zabbix_server", "-c", filepath.Join(z.folder, "server.conf"), "-R", "config_cache_reload").CombinedOutput()
	if err != nil {
		z.t.Fatalf("reloading the configuration: %v\n%s", err, output)
	}
}

// write replaces the snapshot that the check reads.
func (z *zabbix) write(snap *authcert.Snapshot) {
	z.t.Helper()
	data, err := json.Marshal(snap)
	if err == nil {
		err = os.WriteFile(z.snapshot+".new", data, 0o644)
	}
	if err == nil {
		err = os.Rename(z.snapshot+".new", z.snapshot)
	}
	if err != nil {
		z.t.Fatal(err)
	}
}

// ask reads all items, by their key, and all problems.
func (z *zabbix) ask() (map[string]zabbixItem, []zabbixProblem) {
	z.t.Helper()
	output, err := z.command(z.ctx, "items").Output()
	if err != nil {
		z.t.Fatalf("asking for items: %v\n%s", err, output)
	}
	items, problems := map[string]zabbixItem{}, []zabbixProblem{}
	for line := range strings.Lines(string(output)) {
		var item zabbixItem
		var problem zabbixProblem
		if text, isProblem := strings.CutPrefix(line, "PROBLEM "); isProblem {
			err = errors.Join(err, json.Unmarshal([]byte(text), &problem))
			problems = append(problems, problem)
			continue
		}
		err = errors.Join(err, json.Unmarshal([]byte(line), &item))
		items[item.Key] = item
	}
	if err != nil {
		z.t.Fatalf("%v in\n%s", err, output)
	}
	return items, problems
}

// wait asks until what is wanted is there.
func (z *zabbix) wait(what string, wanted func(map[string]zabbixItem, []zabbixProblem) bool) {
	z.t.Helper()
	z.until(what, func() (string, bool) {
		items, problems := z.ask()
		text, _ := json.MarshalIndent([]any{problems, items}, "", " ")
		return string(text), wanted(items, problems)
	})
}

// until tries again and again, and says what there was when time is up.
func (z *zabbix) until(what string, try func() (string, bool)) {
	z.t.Helper()
	ticker := time.NewTicker(zabbixPolls)
	defer ticker.Stop()
	for {
		got, ok := try()
		if ok {
			return
		}
		select {
		case <-ticker.C:
		case <-z.ctx.Done():
			log, _ := os.ReadFile(filepath.Join(z.folder, "server.log"))
			z.t.Fatalf("waited in vain for %s; there is\n%s\nand in the server's log\n%s", what, got, log)
		}
	}
}
