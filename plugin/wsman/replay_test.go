package wsman_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/masterzen/winrm"

	"check_exchange_authcert/plugin/wsman"
)

// recorded is where transcripts of real Windows hosts lie: beside the project, or where the environment says.
func recorded(t *testing.T) string {
	t.Helper()
	shared := os.Getenv("CHECK_EXCHANGE_AUTHCERT_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "..", "shared")
	}
	dir := filepath.Join(shared, "realdata", "wsman")
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("no recorded transcripts of Windows hosts: %v", err)
	}
	return dir
}

// responses are the envelopes of a transcript: a YAML list in which each value is one line.
func responses(t *testing.T, path string) [][]byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var list [][]byte
	for line := range bytes.Lines(b) {
		if value, ok := bytes.CutPrefix(line, []byte("  response: ")); ok {
			value = bytes.TrimSpace(value)
			if len(value) > 1 && value[0] == '\'' {
				value = bytes.ReplaceAll(value[1:len(value)-1], []byte("''"), []byte("'"))
			}
			list = append(list, value)
		}
	}
	return list
}

func TestRecordedRemoteShells(t *testing.T) {
	dir := recorded(t)
	tests := map[string]struct {
		stdout, stderr string
		code           int
		faults         []uint32
	}{
		"test_winrs_no_cmd_shell":      {"hi\n", "", 0, []uint32{wsman.CodeFileNotFound}},
		"test_winrs_operation_timeout": {"hi\nhi again\n", "", 0, []uint32{wsman.CodeOperationTimeout, wsman.CodeOperationTimeout}},
		"test_winrs_send":              {"output 1\noutput 2\n", "", 0, nil},
		"test_winrs_standard":          {"hi\r\n", "", 0, nil},
		"test_winrs_stderr_rc":         {"out \r\n", "err \r\n", 1, nil},
		"test_winrs_unicode":           {"こんにちは\n", "", 0, nil},
	}
	for name, want := range tests {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			var faults []uint32
			code := -1
			for i, response := range responses(t, filepath.Join(dir, name+".yml")) {
				fault, err := wsman.ParseFault(response)
				if err != nil {
					t.Fatalf("response %d: %v", i, err)
				}
				if fault != nil {
					faults = append(faults, fault.Code)
					continue
				}
				done, exit, err := winrm.ParseSlurpOutputErrResponse(string(response), &stdout, &stderr)
				if err != nil {
					t.Fatalf("response %d: %v", i, err)
				}
				if done {
					code = exit
				}
			}
			if stdout.String() != want.stdout || stderr.String() != want.stderr || code != want.code || !slices.Equal(faults, want.faults) {
				t.Errorf("got %q, %q, %d, faults %d, want %q, %q, %d, %d", stdout.String(), stderr.String(), code, faults, want.stdout, want.stderr, want.code, want.faults)
			}
		})
	}
}

func TestRecordedFaults(t *testing.T) {
	want := map[uint32]wsman.Fault{
		wsman.CodeOperationTimeout: {SOAP: "Receiver", Subcode: "TimedOut", Reason: "The WS-Management service cannot complete the operation within the time specified in OperationTimeout."},
		wsman.CodeShellNotFound: {SOAP: "Sender", Subcode: "InvalidSelectors",
			Reason: "The WS-Management service cannot process the request because the request contained invalid selectors for the resource."},
		wsman.CodeFileNotFound: {SOAP: "Receiver", Subcode: "InternalError", Reason: "The system cannot find the file specified.", Machine: "server2008r2.domain.local"},
	}
	paths, err := filepath.Glob(filepath.Join(recorded(t), "*.yml"))
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, path := range paths {
		for i, response := range responses(t, path) {
			got, err := wsman.ParseFault(response)
			if err != nil {
				t.Errorf("%s: response %d: %v", filepath.Base(path), i, err)
			}
			if bytes.Contains(response, []byte("WSManFault")) != (got != nil) {
				t.Errorf("%s: response %d: got the fault %v", filepath.Base(path), i, got)
			}
			if got == nil {
				continue
			}
			count++
			w, ok := want[got.Code]
			if !ok || got.SOAP != w.SOAP || got.Subcode != w.Subcode || got.Reason != w.Reason || got.Message == "" || (w.Machine != "" && got.Machine != w.Machine) {
				t.Errorf("%s: response %d: got %+v, want %+v", filepath.Base(path), i, *got, w)
			}
		}
	}
	if count != 6 {
		t.Errorf("got %d faults in %d transcripts, want 6", count, len(paths))
	}
}
