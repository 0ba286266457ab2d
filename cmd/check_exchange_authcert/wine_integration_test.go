//go:build integration

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// missingLibrary makes the library with the one function that Go's runtime
// needs and wine 8 lacks: another library has it under an older name.
const missingLibrary = `LIBRARY bcryptprimitives
EXPORTS ProcessPrng = advapi32.SystemFunction036
`

// runner runs a program of Windows. When one ends while its threads are at
// work, wine 8 may complain on its standard error; that is none of its words.
const runner = `errors=$(mktemp %s/errors.XXXXXX)
wine %s.exe "$@" 2>"$errors"
code=$?
grep -vE '^wine( client error)?:' "$errors" >&2
exit $code
`

// TestWine runs the Windows build: the scripts that every build has to pass,
// and those on what only Windows has.
func TestWine(t *testing.T) {
	for _, program := range []string{"wine", "wineserver", "x86_64-w64-mingw32-ld"} {
		if _, err := exec.LookPath(program); err != nil {
			if os.Getenv("CI") != "" {
				t.Fatal(err)
			}
			t.Skipf("there is no Windows: %v", err)
		}
	}
	programs := startWine(t)
	for _, folder := range []string{"script", "wine"} {
		t.Run(folder, func(t *testing.T) {
			runScripts(t, "../../testdata/"+folder, func(env *testscript.Env) {
				env.Setenv("PATH", programs+string(os.PathListSeparator)+env.Getenv("PATH"))
			}, map[string]bool{"posix": false, "certfile": false})
		})
	}
}

// startWine makes a Windows that ends with the test, with the program and a
// stand-in for PowerShell in it. It returns a folder for PATH, whose programs
// are those of that Windows.
func startWine(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	windows, programs := filepath.Join(folder, "prefix/drive_c/windows"), filepath.Join(folder, "bin")
	environment := fmt.Sprintf("export HOME='%s' WINEPREFIX='%s/prefix' WINEDEBUG=-all DISPLAY= LC_ALL=C.UTF-8 WINEDLLOVERRIDES='mscoree,mshtml=;winemenubuilder.exe=d'\n", folder, folder)
	t.Cleanup(func() {
		// the test's own context has ended by now
		if output, err := exec.CommandContext(context.Background(), "sh", "-c", environment+"wineserver -k; timeout 60 wineserver -w").CombinedOutput(); err != nil {
			t.Errorf("ending wine: %v\n%s", err, output)
		}
	})
	// what wine starts in the background lives on, and holds the output that it was started with
	shell(t, folder, environment+`mkdir prefix
timeout 300 wine wineboot -i </dev/null >boot.log 2>&1
timeout 60 wineserver -w
wineserver -p </dev/null >/dev/null 2>&1`)
	if err := os.WriteFile(filepath.Join(folder, "bcryptprimitives.def"), []byte(missingLibrary), 0o600); err != nil {
		t.Fatal(err)
	}
	shell(t, folder, "x86_64-w64-mingw32-ld -shared -o '"+windows+"/system32/bcryptprimitives.dll' bcryptprimitives.def")
	build(t, filepath.Join(windows, "check_exchange_authcert.exe"), ".")
	build(t, filepath.Join(windows, `system32/WindowsPowerShell/v1.0/powershell.exe`), "../../testdata/powershell")
	if err := os.Mkdir(programs, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, program := range []string{"check_exchange_authcert", "cmd"} {
		script := "#!/bin/sh\n" + environment + fmt.Sprintf(runner, folder, program)
		if err := os.WriteFile(filepath.Join(programs, program), []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return programs
}

// build makes a program for Windows.
func build(t *testing.T, path, source string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), "go", "build", "-o", path, source)
	command.Env = append(os.Environ(), "GOOS=windows", "GOARCH=amd64", "CGO_ENABLED=0")
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", source, err, strings.TrimSpace(string(output)))
	}
}
