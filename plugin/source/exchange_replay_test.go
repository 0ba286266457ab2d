package source

import (
	"encoding/base64"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"check_exchange_authcert/plugin/psrp"
	"check_exchange_authcert/plugin/wsman"
)

// What stands in an answer of Windows, found without reading XML.
var (
	recordedStream = regexp.MustCompile(`<rsp:Stream Name="stdout"( CommandId="[0-9A-F-]+")?>([A-Za-z0-9+/=]+)</rsp:Stream>`)
	recordedName   = regexp.MustCompile(`CommandId="([0-9A-F-]+)"`)
	recordedShell  = regexp.MustCompile(`<rsp:ShellId>([0-9A-F-]+)</rsp:ShellId>`)
)

// replay is what the answers of a transcript come to.
type replay struct {
	Shells, Faults, Streams, Done int
	Pool                          psrp.PoolState
}

// TestRecordedAnswers reads what real Windows hosts answered over PowerShell remoting, from the envelopes on.
func TestRecordedAnswers(t *testing.T) {
	paths := transcripts(t, "psrp")
	if len(paths) == 0 {
		t.Skip("no recorded answers here")
	}
	expected := map[string]replay{
		"test_psrp_open_runspace":            {1, 0, 3, 0, psrp.PoolOpened},
		"test_psrp_receive_failure":          {1, 1, 3, 0, psrp.PoolOpened},
		"test_psrp_error_failed":             {1, 0, 6, 1, psrp.PoolOpened},
		"test_psrp_long_running_cmdlet":      {1, 2, 5, 1, psrp.PoolOpened},
		"test_psrp_run_protocol_version_2.2": {1, 0, 10, 1, psrp.PoolOpened},
		"test_psrp_small_msg_size":           {1, 0, 7, 1, psrp.PoolOpened},
		"test_psrp_stream_output_invocation": {1, 0, 11, 1, psrp.PoolOpened},
		"test_psrp_with_jea_configuration":   {1, 0, 7, 2, psrp.PoolOpened},
	}
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".yml")
		t.Run(name, func(t *testing.T) {
			got, want := replay{}, expected[name]
			pool := psrp.NewPool()
			for i, envelope := range recordedAnswers(t, path) {
				answer := string(envelope)
				fault, err := wsman.ParseFault(envelope)
				if err != nil || (fault != nil) != strings.Contains(answer, "<s:Fault>") {
					t.Fatalf("answer %d: fault %v, %v", i, fault, err)
				}
				switch {
				case fault != nil:
					got.Faults++
				case strings.Contains(answer, "/transfer/CreateResponse<"):
					got.Shells++
					element := recordedShell.FindStringSubmatch(answer)
					for _, half := range []string{strings.Replace(answer, element[0], "", 1), strings.ReplaceAll(answer, "w:Selector", "w:None")} { // either will do
						if shell, err := createdShell([]byte(half)); err != nil || shell != element[1] {
							t.Errorf("answer %d: shell %q, %v", i, shell, err)
						}
					}
				case strings.Contains(answer, "/shell/ReceiveResponse<"):
					got.receive(t, answer, pool)
				}
			}
			got.Pool = pool.State()
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// receive reads an answer to Receive, and has the pool read its own.
func (r *replay) receive(t *testing.T, answer string, pool *psrp.Pool) {
	t.Helper()
	name := append(recordedName.FindStringSubmatch(answer), "", "")[1]
	var want received
	for _, m := range recordedStream.FindAllStringSubmatch(answer, -1) {
		data, err := base64.StdEncoding.DecodeString(m[2])
		if err != nil {
			t.Fatal(err)
		}
		want.stdout = append(want.stdout, data)
	}
	want.done = strings.Contains(answer, `/CommandState/Done"`)
	got, err := parseReceived([]byte(answer), name)
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(received{})); diff != "" || err != nil {
		t.Errorf("-want +got, %v:\n%s", err, diff)
	}
	if other, err := parseReceived([]byte(answer), psrp.NewID().String()); err != nil || other.stdout != nil {
		t.Errorf("%d streams of another command, %v", len(other.stdout), err)
	}
	r.Streams += len(got.stdout)
	if got.done {
		r.Done++
	}
	for _, data := range got.stdout {
		if name != "" {
			continue
		}
		if _, err := pool.Receive(data); err != nil {
			t.Error(err)
		}
	}
}
