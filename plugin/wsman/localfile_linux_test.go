package wsman_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"check_exchange_authcert/plugin/wsman"
	"check_exchange_authcert/plugin/wsman/wsmantest"
)

// fifo makes a FIFO that nobody writes to.
func fifo(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// process is a FIFO with the secret in it already, as a shell's <(…) makes one.
func process(t *testing.T) string {
	t.Helper()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { reader.Close(); writer.Close() })
	if _, err := writer.WriteString(testPassword); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("/dev/fd/%d", reader.Fd())
}

func link(to func(*testing.T) string) func(*testing.T) string {
	return func(t *testing.T) string {
		t.Helper()
		path := filepath.Join(t.TempDir(), "link")
		if err := os.Symlink(to(t), path); err != nil {
			t.Fatal(err)
		}
		return path
	}
}

func withMode(mode os.FileMode) func(*testing.T) string {
	return func(t *testing.T) string {
		t.Helper()
		path := write(t, testPassword)
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
}

func known(name string) func(*testing.T) string { return func(*testing.T) string { return name } }

func folder(t *testing.T) string { return t.TempDir() }

// TestLocalFiles: no path makes the reader wait, read without end, or take a secret that everybody knows.
func TestLocalFiles(t *testing.T) {
	const limit = 64 << 10
	large := func(t *testing.T) string {
		path := write(t, testPassword)
		if err := os.Truncate(path, 10<<20); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, row := range []struct {
		name      string
		path      func(*testing.T) string
		private   string // words of the error; empty: it is read
		otherwise string // the same where the file is no secret
	}{
		{"private", withMode(0o600), "", ""},
		{"read-only", withMode(0o400), "", ""},
		{"for a group", withMode(0o640), "", ""},
		{"for everybody", withMode(0o644), "every account can read it (mode 0644)", ""},
		{"for everybody to write", withMode(0o602), "every account can read it (mode 0602)", ""},
		{"a link to a private one", link(withMode(0o600)), "", ""},
		{"a link to a public one", link(withMode(0o644)), "every account can read it", ""},
		{"a FIFO", fifo, "no regular file", "no regular file"},
		{"a link to a FIFO", link(fifo), "no regular file", "no regular file"},
		{"a process's output", process, "no regular file", "no regular file"},
		{"an endless device", known("/dev/zero"), "no regular file", "no regular file"},
		{"a link to a device", link(known("/dev/zero")), "no regular file", "no regular file"},
		{"a terminal", known("/dev/ptmx"), "no regular file", "no regular file"},
		{"a folder", folder, "no regular file", "no regular file"},
		{"10 MiB", large, "larger than 64 KiB", "larger than 64 KiB"},
		{"none", known("/nonexistent"), "no such file", "no such file"},
		{"a link to nothing", link(known("/nonexistent")), "no such file", "no such file"},
	} {
		t.Run(row.name, func(t *testing.T) {
			path := row.path(t)
			for name, read := range map[string]struct {
				call func(string, int) ([]byte, error)
				want string
			}{"ReadPrivate": {wsman.ReadPrivate, row.private}, "ReadRegular": {wsman.ReadRegular, row.otherwise}} {
				data, err := read.call(path, limit)
				switch {
				case read.want == "" && (err != nil || string(data) != testPassword):
					t.Errorf("%s: %d bytes, error %v; want it read", name, len(data), err)
				case read.want != "" && (err == nil || !strings.Contains(err.Error(), read.want)):
					t.Errorf("%s: error %v, want %q", name, err, read.want)
				case err != nil && strings.Contains(err.Error(), testPassword):
					t.Errorf("%s: the error shows what is in the file: %v", name, err)
				}
			}
		})
	}
}

// TestKeysThatEverybodyKnows has keytab and credential cache refused like any other secret, and no file hold up what
// reads it.
func TestKeysThatEverybodyKnows(t *testing.T) {
	for name, set := range map[string]func(*wsman.Config, string){
		"keytab":                 func(c *wsman.Config, path string) { c.Kerberos.Keytab = path },
		"credential cache":       func(c *wsman.Config, path string) { c.Kerberos.CCache = path },
		"Kerberos configuration": func(c *wsman.Config, path string) { c.Kerberos.ConfigFile = path },
		"CA file":                func(c *wsman.Config, path string) { c.TLS.CAFile = path },
	} {
		for _, row := range []struct {
			path  func(*testing.T) string
			words string
		}{{withMode(0o644), "every account can read it"}, {fifo, "no regular file"}, {known("/dev/zero"), "no regular file"}} {
			w := newWorld(t, wsman.AuthKerberos, wsmantest.Options{})
			path := row.path(t)
			set(&w.config, path)
			_, err := wsman.New(w.config)
			if secret := name == "keytab" || name == "credential cache"; !secret && row.words == "every account can read it" {
				continue // anybody may read it
			}
			check(t, err, wsman.StageConfigure, wsman.ReasonUnreadable, "reading the "+name+" "+path+": ")
			if !strings.Contains(err.Error(), row.words) {
				t.Errorf("%s: error %v, want %q", name, err, row.words)
			}
		}
	}
}

// TestSwappedFiles has what a link leads to change all the time: only the private file is ever read, and nothing waits.
func TestSwappedFiles(t *testing.T) {
	targets := []string{withMode(0o600)(t), write(t, "public"), fifo(t), "/dev/zero", t.TempDir()}
	if err := os.Chmod(targets[1], 0o644); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "link")
	swap := func(i int) {
		_ = os.Symlink(targets[i%len(targets)], path+".new")
		_ = os.Rename(path+".new", path)
	}
	swap(0)
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for i := 0; ; i++ {
			select {
			case <-done:
				return
			default:
				swap(i)
			}
		}
	}()
	read := 0
	for range 2000 {
		data, err := wsman.ReadPrivate(path, 64<<10)
		if err == nil && string(data) != testPassword {
			t.Fatalf("%d bytes were read that are not the private file's", len(data))
		}
		if err == nil {
			read++
		}
	}
	close(done)
	<-ended
	if read == 0 {
		t.Error("the private file was never read")
	}
}
