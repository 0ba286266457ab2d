package source_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"check_exchange_authcert/plugin/authcert"
	"check_exchange_authcert/plugin/source"
)

// localRow is Windows PowerShell on this host. A stand-in plays it: the test's own program under another name.
func localRow() *origin {
	can := func(s stage) []fault {
		switch s {
		case create:
			return []fault{unknown, denied, garbled}
		case send:
			return []fault{reset} // it ends without having read its input
		case receive:
			return []fault{hang, drip, truncated, endless}
		case parse:
			return []fault{truncated, oversized, garbled, wrongType, wrongEncoding, empty, crowded}
		}
		return nil // nobody is connected with, and the process has its command with it
	}
	want := func(s stage, f fault) statement {
		v := statement{authcert.Unknown, reasons[f], "collector"}
		if s == create || f == hang || f == drip || f == endless {
			v.stage = "running the collector here"
		}
		switch {
		case f == unknown:
			v.reason = authcert.NotFound
		case f == garbled && s == create: // the system does not say what is wrong with it
			v.reason = authcert.Unreadable
		case f == truncated, f == reset, f == crowded:
			v.reason = authcert.Malformed
		}
		return v
	}
	return &origin{"Local PowerShell", can, want, func(t *testing.T, at stage, f fault) subject {
		return subject{source: source.PowerShell{Exe: standIn(t, at, f)}}
	}}
}

// placeholder is where the stand-in writes the nonce that it is told.
const placeholder = "00000000000000000000000000000000"

// standIn is a program that does as the collector would, with a fault.
func standIn(t *testing.T, at stage, f fault) string {
	t.Helper()
	said := spoiledAnswer(t, f, placeholder, "powershell")
	if at == create || f == noFault {
		said = answer(t, placeholder, soundFacts("powershell"))
	}
	path := filepath.Join(filepath.Dir(written(t, "said", said)), standInName+string(at)+"-"+string(f))
	switch {
	case f == unknown:
	case at == create: // one that may not be run, and one that cannot
		if err := os.WriteFile(path, noise, map[fault]os.FileMode{denied: 0o600, garbled: 0o700}[f]); err != nil {
			t.Fatal(err)
		}
	default:
		own, err := os.Executable()
		if err == nil {
			err = os.Symlink(own, path)
		}
		if err != nil {
			t.Skipf("no second name for this program: %v", err)
		}
	}
	return path
}

const standInName = "powershell-"

// TestMain plays Windows PowerShell where this program runs under its name.
func TestMain(m *testing.M) {
	name := filepath.Base(os.Args[0])
	if !strings.HasPrefix(name, standInName) {
		os.Exit(m.Run())
	}
	said, err := os.ReadFile(filepath.Join(filepath.Dir(os.Args[0]), "said"))
	if err != nil || strings.HasPrefix(name, standInName+string(send)) {
		os.Exit(1)
	}
	said = bytes.ReplaceAll(said, []byte(placeholder), []byte(nonceIn(os.Stdin)))
	switch fault(name[strings.LastIndexByte(name, '-')+1:]) {
	case hang:
		time.Sleep(time.Hour)
	case drip:
		for ; len(said) > 0; said = said[1:] {
			_, _ = os.Stdout.Write(said[:1])
			time.Sleep(time.Second)
		}
	case endless:
		_, _ = io.Copy(os.Stdout, bytes.NewReader(flood))
	default:
		_, _ = os.Stdout.Write(said)
	}
}
