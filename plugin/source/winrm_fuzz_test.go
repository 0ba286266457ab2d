package source

import (
	"bytes"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/masterzen/winrm"

	"check_exchange_authcert/plugin/wsman"
)

// FuzzShellAnswer has a host answer anything, and the library read what it is given of that. Recorded answers are among
// the seeds where they are there.
func FuzzShellAnswer(f *testing.F) {
	f.Add("c", receivedAnswer(`<rsp:Stream Name="stdout" CommandId="C">aGkNCg==</rsp:Stream><rsp:Stream Name="stderr" CommandId="c" End="true"></rsp:Stream>`))
	f.Add("", []byte(`<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body><Shell><ShellId>&lt;a&gt;</ShellId></Shell><CommandResponse><CommandId> </CommandId></CommandResponse></s:Body></s:Envelope>`))
	for _, path := range transcripts(f, "winrs") {
		for _, answer := range recordedAnswers(f, path) {
			command := ""
			if found := regexp.MustCompile(`CommandId="([^"]*)"`).FindSubmatch(answer); found != nil {
				command = string(found[1])
			}
			f.Add(command, answer)
		}
	}
	f.Fuzz(func(t *testing.T, command string, answer []byte) {
		if fault, err := wsman.ParseFault(answer); fault != nil || err != nil {
			return // the conversation gives no such answer
		}
		shell := &remoteShell{command: command}
		if text, err := shell.read("Receive", answer); err == nil {
			var stdout, stderr bytes.Buffer
			done, _, err := winrm.ParseSlurpOutputErrResponse(text, &stdout, &stderr)
			if err != nil || done != shell.ended || stdout.Len()+stderr.Len() > 0 || shell.stdout.Len()+shell.stderr.Len() > len(answer) {
				t.Errorf("the library got %t, %v, %d bytes of output, want %t and none", done, err, stdout.Len()+stderr.Len(), shell.ended)
			}
		}
		if text, err := shell.read("Create", answer); err == nil {
			want, _ := createdShell(answer)
			if got, err := winrm.ParseOpenShellResponse(text); err != nil || got != want || want == "" {
				t.Errorf("the library got the shell %q, %v; want %q", got, err, want)
			}
		}
		if text, err := shell.read("Command", answer); err == nil {
			if got, err := winrm.ParseExecuteCommandResponse(text); err != nil || got != shell.command || got == "" {
				t.Errorf("the library got the command %q, %v; want %q", got, err, shell.command)
			}
		}
	})
}

// TestRecordedShells has the shell read what real hosts have answered.
func TestRecordedShells(t *testing.T) {
	paths := transcripts(t, "winrs")
	if len(paths) == 0 {
		t.Skip("no recorded answers here")
	}
	want := map[string][2]string{
		"no_cmd_shell": {"hi\n"}, "operation_timeout": {"hi\nhi again\n"}, "send": {"output 1\noutput 2\n"}, "standard": {"hi\r\n"}, "stderr_rc": {"out \r\n", "err \r\n"}, "unicode": {"こんにちは\n"},
	}
	for _, path := range paths {
		name := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(path), "test_winrs_"), ".yml")
		shell := &remoteShell{}
		for _, answer := range recordedAnswers(t, path) {
			kind := regexp.MustCompile(`/(\w+)Response</a:Action>`).FindSubmatch(answer)
			if kind == nil {
				continue // a fault
			}
			if text, err := shell.read(string(kind[1]), answer); err != nil {
				t.Errorf("%s: %v to %.300q", name, err, text)
			}
		}
		if got := [2]string{shell.stdout.String(), shell.stderr.String()}; got != want[name] || !shell.ended {
			t.Errorf("%s: %q, ended: %t; want %q", name, got, shell.ended, want[name])
		}
	}
}
