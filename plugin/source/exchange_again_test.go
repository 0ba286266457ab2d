package source_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"check_exchange_authcert/plugin/wsman/wsmantest"
)

// TestRemotingConnectsAgain has the connection break in the middle, once: the cmdlet is asked for again.
func TestRemotingConnectsAgain(t *testing.T) {
	for _, step := range []wsmantest.Step{wsmantest.StepCommand, wsmantest.StepReceive} {
		t.Run(string(step), func(t *testing.T) {
			var e exchange
			peer, r := endpoint(t, &e, wsmantest.Options{Interfere: func(s wsmantest.Step, count int) *wsmantest.Interference {
				if s == step && count == 3 {
					return &wsmantest.Interference{Drop: true}
				}
				return nil
			}})
			snap, err := r.Snapshot(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{"ex01.contoso.com:ab", "ex02.contoso.com:c", "edge.contoso.com:"}, summary(snap)); diff != "" {
				t.Errorf("servers and problems (-want +got):\n%s", diff)
			}
			if s := peer.Stats(); s.OpenShells != 0 || s.Logons != 2 {
				t.Errorf("%+v: want nothing left and a second logon", s)
			}
		})
	}
}

func TestRemotingLeavesNothing(t *testing.T) {
	c := cutter{steps: []wsmantest.Step{wsmantest.StepCreate, wsmantest.StepCommand, wsmantest.StepReceive}}
	var e exchange
	peer, r := endpoint(t, &e, wsmantest.Options{Interfere: c.interfere})
	c.runs(t, r, func(run int, at wsmantest.Step) {
		if s := peer.Stats(); s.OpenShells != 0 {
			t.Fatalf("run %d, cut off at %q: %+v: want no session left behind", run, at, s)
		}
	})
	if s := peer.Stats(); s.OpenShells != 0 || s.RunningCommands != 0 {
		t.Errorf("%+v: want no session and no command left behind", s)
	}
}

// BenchmarkRemoting is a whole inquiry with a host in this process: logon, session, nine cmdlets and clean-up.
func BenchmarkRemoting(b *testing.B) {
	var e exchange
	_, r := endpoint(b, &e, wsmantest.Options{})
	for b.Loop() {
		if _, err := r.Snapshot(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRemotingOutput reads 1 MiB that one cmdlet brings, decryption included; the host in this process has sealed it.
func BenchmarkRemotingOutput(b *testing.B) {
	result := outputs(authConfig(first))
	size := 0
	for document := certificate(strings.Repeat("x", 6000), "ex01"); size < 1<<20; size += len(document) {
		result.Output = append(result.Output, document)
	}
	e := exchange{answer: map[string]wsmantest.CmdletResult{"Get-AuthConfig": result}}
	_, r := endpoint(b, &e, wsmantest.Options{Chunk: 300 << 10})
	b.SetBytes(int64(size))
	for b.Loop() {
		if _, err := r.Snapshot(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
