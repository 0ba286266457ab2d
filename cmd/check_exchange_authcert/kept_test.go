package main

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
)

// keep adds what a run of the program wrote, and what it saved in a folder, to
// what is looked through for secrets after a run of all tests (see .ci/run).
func keep(folder string, args []string, written ...string) error {
	kept := os.Getenv("CHECK_EXCHANGE_AUTHCERT_KEPT")
	if kept == "" {
		return nil
	}
	if at := slices.Index(args, "--save") + 1; at > 0 && at < len(args) {
		path := args[at]
		if !filepath.IsAbs(path) {
			path = filepath.Join(folder, path)
		}
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() { // where it could be saved; a FIFO would wait for a writer
			saved, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			written = append(written, string(saved))
		}
	}
	file, err := os.OpenFile(filepath.Join(kept, strconv.Itoa(os.Getpid())), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	for _, text := range written {
		if _, err := file.WriteString(text + "\n"); err != nil {
			return err
		}
	}
	return nil
}

// TestKeep sees that what is written and what is saved is kept.
func TestKeep(t *testing.T) {
	kept, saved := t.TempDir(), filepath.Join(t.TempDir(), "saved.json")
	t.Setenv("CHECK_EXCHANGE_AUTHCERT_KEPT", kept)
	_, output := call(t, nil, "--snapshot", "../../testdata/snapshots/healthy.json", "--save", saved)
	snapshot, err := os.ReadFile(saved)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(kept, strconv.Itoa(os.Getpid())))
	if want := output + "\n" + string(snapshot) + "\n"; err != nil || string(got) != want {
		t.Errorf("kept %q, want %q: %v", got, want, err)
	}
}
