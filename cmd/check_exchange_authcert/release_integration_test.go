//go:build integration

package main

import (
	"archive/zip"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
)

// releaseTime bounds a whole release: four programs and their packages.
const releaseTime = 15 * time.Minute

// TestRelease makes a release with the real goreleaser, twice from the same
// commit in different folders, and tries what is in it.
func TestRelease(t *testing.T) {
	for _, program := range []string{"goreleaser", "cyclonedx-gomod", "git", "sha256sum", "dpkg-deb", "dpkg", "lintian", "rpm", "bsdtar", "man", "mandoc", "zsh", "fish"} {
		if _, err := exec.LookPath(program); err != nil {
			if os.Getenv("CI") != "" {
				t.Fatal(err)
			}
			t.Skipf("a release cannot be made: %v", err)
		}
	}
	dist := release(t)
	sums := shell(t, dist, "cat SHA256SUMS")
	t.Setenv("GOCACHE", t.TempDir()) // else the second release would take what the first one compiled
	if again := shell(t, release(t), "cat SHA256SUMS"); again != sums {
		t.Errorf("the same commit gave other files:\n%s\nand before\n%s", again, sums)
	}
	shell(t, dist, "sha256sum --check --strict SHA256SUMS")
	if names := len(strings.Fields(sums)) / 2; names != 12 {
		t.Errorf("%d files, want an archive and two packages for two architectures of Linux, two archives for Windows, and what is in each program:\n%s", names, sums)
	}
	t.Run("deb", func(t *testing.T) { tryDeb(t, dist) })
	t.Run("rpm", func(t *testing.T) { tryRPM(t, dist) })
	t.Run("zip", func(t *testing.T) { tryZip(t, dist) })
	t.Run("sbom", func(t *testing.T) { trySBOM(t, dist) })
}

// release makes one of what the working tree holds, and returns its folder.
func release(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	shell(t, "../..", "git ls-files -z --cached --others --exclude-standard --deduplicate | tar --null --files-from=- --create | tar --extract --directory='"+folder+"'")
	shell(t, folder, `export GIT_AUTHOR_DATE='2026-11-23T12:00:00Z' GIT_COMMITTER_DATE='2026-11-23T12:00:00Z'
git init -q && git add -A && git -c user.name=test -c user.email=test@example.com commit -qm test && git tag v1.2.3 && git remote add origin https://github.com/example/check_exchange_authcert.git
goreleaser check
goreleaser release --snapshot --clean`)
	return filepath.Join(folder, "dist")
}

// shell runs a script that has to succeed and returns its output.
func shell(t *testing.T, folder, script string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), releaseTime)
	defer cancel()
	command := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", script)
	command.Dir = folder
	output, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", script, err, output)
	}
	return string(output)
}

// one is the one file that a pattern means.
func one(t *testing.T, pattern string) string {
	t.Helper()
	found, err := filepath.Glob(pattern)
	if err != nil || len(found) != 1 {
		t.Fatalf("%s: %v, %v; want one file", pattern, found, err)
	}
	return found[0]
}

func tryDeb(t *testing.T, dist string) {
	file, root := one(t, dist+"/*_"+runtime.GOARCH+".deb"), t.TempDir()
	t.Log(shell(t, dist, "dpkg-deb --info '"+file+"'; dpkg-deb --contents '"+file+"'"))
	shell(t, root, "mkdir -p var/lib/dpkg/info var/lib/dpkg/updates && touch var/lib/dpkg/status && dpkg --root=. --install '"+file+"'")
	if got := shell(t, root, "dpkg-query --admindir=var/lib/dpkg --show --showformat='${db:Status-Status}' check-exchange-authcert"); got != "installed" {
		t.Errorf("dpkg says %q, want installed", got)
	}
	tryInstalled(t, root, "/usr/lib/nagios/plugins", "/usr/share/zsh/vendor-completions")
	t.Log(shell(t, dist, "lintian --allow-root --fail-on error '"+file+"'"))
	shell(t, root, "dpkg --root=. --purge check-exchange-authcert")
	if left := shell(t, root, "find . -type f -not -path './var/*'"); left != "" {
		t.Errorf("after its removal the package leaves %s", left)
	}
}

func tryRPM(t *testing.T, dist string) {
	file, root := one(t, dist+"/*."+map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[runtime.GOARCH]+".rpm"), t.TempDir()
	t.Log(shell(t, dist, "rpm --query --package --info --list '"+file+"'"))
	shell(t, root, "bsdtar --extract --file '"+file+"'")
	tryInstalled(t, root, "/usr/lib64/nagios/plugins", "/usr/share/zsh/site-functions")
}

// tryInstalled has everything that a package brought do its work.
func tryInstalled(t *testing.T, root, plugins, zsh string) {
	t.Helper()
	program := root + plugins + "/check_exchange_authcert"
	if got := shell(t, root, "'"+program+"' --version || [ $? -eq 3 ]"); !strings.HasPrefix(got, "check_exchange_authcert 1.2.3") {
		t.Errorf("--version says %q, want 1.2.3", got)
	}
	if info, err := os.Stat(program); err != nil || info.Size() > 14<<20 || info.Mode() != 0o755 {
		t.Errorf("%v, %v; want mode 0755 and at most 14 MiB", info, err)
	}
	snapshot, err := filepath.Abs("../../testdata/snapshots/healthy.json")
	if err != nil {
		t.Fatal(err)
	}
	if got := shell(t, root, "'"+program+"' --snapshot '"+snapshot+"' --at 2026-11-23"); !strings.HasPrefix(got, "OK - ") {
		t.Errorf("a sound organization is %q", got)
	}
	page := shell(t, root, "MANWIDTH=100 man --local-file usr/share/man/man1/check_exchange_authcert.1.gz | col -b; zcat usr/share/man/man1/check_exchange_authcert.1.gz | mandoc -T lint -W error")
	for _, want := range []string{"-w, --warning=RANGE", `DOMAIN\user or a bare name`, "EXIT STATUS"} {
		if !strings.Contains(page, want) {
			t.Errorf("the man page lacks %q:\n%s", want, page)
		}
	}
	shell(t, ".", "cmp "+licensesFile+" '"+root+"/usr/share/doc/check-exchange-authcert/third-party-licenses.txt'; cmp ../../.release/copyright '"+root+"/usr/share/doc/check-exchange-authcert/copyright'")
	tryCompletions(t, root, zsh)
}

// tryCompletions has the shells complete: bash and fish a value, bash a name.
func tryCompletions(t *testing.T, root, zsh string) {
	t.Helper()
	bash := "source usr/share/bash-completion/completions/check_exchange_authcert; complete -p check_exchange_authcert >/dev/null\n"
	fish := "source usr/share/fish/vendor_completions.d/check_exchange_authcert.fish; complete --do-complete "
	for script, want := range map[string]string{
		bash + "COMP_WORDS=(check_exchange_authcert --auth ker) COMP_CWORD=2; _check_exchange_authcert; echo ${COMPREPLY[@]}":          "kerberos",
		bash + "COMP_WORDS=(check_exchange_authcert --auth = n) COMP_CWORD=3; _check_exchange_authcert; echo ${COMPREPLY[@]}":          "ntlm",
		bash + "COMP_WORDS=(check_exchange_authcert --host) COMP_CWORD=1; _check_exchange_authcert; echo ${COMPREPLY[@]}":              "--hostname",
		"fish --no-config --command \"" + fish + "'check_exchange_authcert --auth ker'\"":                                              "kerberos",
		"zsh -f -c 'autoload -U compinit; compinit -u -D; fpath=(." + zsh + "); autoload -U +X _check_exchange_authcert; echo loaded'": "loaded",
	} {
		if got := strings.Fields(shell(t, root, script)); len(got) == 0 || !slices.Contains(got, want) {
			t.Errorf("%s: %q, want %s", script, got, want)
		}
	}
}

func tryZip(t *testing.T, dist string) {
	archive, err := zip.OpenReader(one(t, dist+"/*_windows_amd64.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	var names []string
	for _, file := range archive.File {
		names = append(names, filepath.Base(file.Name))
	}
	for _, want := range []string{"check_exchange_authcert.exe", "prtg.customlookups.exchange.authcert.status.ovl", "README.md", "LICENSE", "third-party-licenses.txt"} {
		if !slices.Contains(names, want) {
			t.Errorf("the archive has %q, want %s too", names, want)
		}
	}
}

// trySBOM has every program's list of parts name the modules that are linked
// into it, and nothing else.
func trySBOM(t *testing.T, dist string) {
	for _, target := range targets {
		data, err := os.ReadFile(one(t, dist+"/*_"+strings.ReplaceAll(target, "/", "_")+".cdx.json"))
		if err != nil {
			t.Fatal(err)
		}
		var document struct {
			Metadata struct {
				Timestamp string
				Component struct{ Name, Version, PURL string }
			}
			Components []struct{ Name, Version string }
		}
		if err := json.Unmarshal(data, &document); err != nil {
			t.Fatal(err)
		}
		var got, want []string
		for _, c := range document.Components {
			if c.Name != "std" {
				got = append(got, c.Name+" "+c.Version)
			}
		}
		for _, line := range linked(t, target) {
			want = append(want, strings.Join(strings.Fields(line)[:2], " "))
		}
		slices.Sort(got)
		if diff := gocmp.Diff(want, got); diff != "" || len(document.Components) != len(want)+1 {
			t.Errorf("%s: what is linked, and Go's library (-linked +listed):\n%s", target, diff)
		}
		system, processor, _ := strings.Cut(target, "/")
		if m := document.Metadata; m.Component.Name != "check_exchange_authcert" || !strings.HasPrefix(m.Component.Version, "1.2.3") || !strings.Contains(m.Component.PURL, "goos="+system+"&goarch="+processor) || m.Timestamp != "2026-11-23T12:00:00Z" {
			t.Errorf("%s: %+v; want the program's name, version and target, and the commit's time", target, m)
		}
	}
}
