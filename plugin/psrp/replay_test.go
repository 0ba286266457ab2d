package psrp

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var (
	streamPattern = regexp.MustCompile(`<rsp:Stream Name="stdout"(?: CommandId="([0-9A-F-]+)")?>([A-Za-z0-9+/=]+)</rsp:Stream>`)
	folded        = regexp.MustCompile(`\n +`)
)

// recorded are the streams of a transcript in their order: the pool's and each command's pieces.
func recorded(t testing.TB, path string) (order []string, pieces map[string][][]byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	pieces = map[string][][]byte{}
	for _, part := range bytes.Split(b, []byte("\n  response: "))[1:] {
		text := folded.ReplaceAllString(strings.Split(string(part), "\n- request: ")[0], " ")
		for _, m := range streamPattern.FindAllStringSubmatch(text, -1) {
			data, err := base64.StdEncoding.DecodeString(m[2])
			if err != nil {
				t.Fatal(err)
			}
			if pieces[m[1]] == nil {
				order = append(order, m[1])
			}
			pieces[m[1]] = append(pieces[m[1]], data)
		}
	}
	return order, pieces
}

// replayed reads one transcript as a client would have that had given the same names.
func replayed(t *testing.T, path string) []string {
	t.Helper()
	order, pieces := recorded(t, path)
	pool := NewPool()
	var all []string
	for _, id := range order {
		if id == "" {
			all = append(all, replayedPool(t, pool, pieces[id]))
			continue
		}
		name, err := ParseID(id)
		if err != nil {
			t.Fatal(err)
		}
		p := &Pipeline{pool: pool, id: name.swapped()} // pypsrp, the client of that time, wrote the bytes in the other order
		for _, data := range pieces[id] {
			if reply, err := p.Receive(data); err != nil || reply != nil {
				t.Fatalf("got the reply %x, %v", reply, err)
			}
		}
		all = append(all, described(p))
	}
	return all
}

func replayedPool(t *testing.T, pool *Pool, pieces [][]byte) string {
	t.Helper()
	for _, data := range pieces {
		if _, err := pool.Receive(data); err != nil {
			t.Fatal(err)
		}
		var d Defragmenter
		messages, err := d.Add(data)
		if err != nil {
			t.Fatal(err)
		}
		m, err := DecodeMessage(messages[len(messages)-1])
		if err != nil {
			t.Fatal(err)
		}
		pool.id = m.Pool // chosen by the client of that time
	}
	return fmt.Sprintf("version %s, state %d", pool.Version(), pool.State())
}

// described says in one line what a pipeline brought.
func described(p *Pipeline) string {
	text := fmt.Sprintf("state %d: output %.30q", p.State(), outputs(p))
	for _, e := range p.Errors {
		text += fmt.Sprintf(", error %s/%s %.60q", e.Category, e.Reason, e.Message)
	}
	if e := p.Failure; e != nil {
		text += fmt.Sprintf(", failure %s/%s %s %.60q", e.Category, e.Reason, e.Causes[0].Types[0], e.Message)
	}
	for _, stream := range []struct {
		name  string
		texts []string
	}{{"warning", p.Warnings}, {"verbose", p.Verbose}, {"debug", p.Debug}, {"information", p.Information}, {"progress", p.Progress}} {
		if len(stream.texts) > 0 {
			text += fmt.Sprintf(", %s %q", stream.name, stream.texts)
		}
	}
	return text
}

// TestRecordedWindows reads what real Windows hosts answered over PowerShell remoting, tiny fragments, a restricted
// endpoint and an older protocol version among them.
func TestRecordedWindows(t *testing.T) {
	dir := shared(t, "realdata", "wsman")
	const opened = "version 2.3, state 2"
	for name, want := range map[string][]string{
		"test_psrp_open_runspace":   {opened},
		"test_psrp_receive_failure": {opened},
		"test_psrp_error_failed": {opened,
			`state 5: output ["before"], failure NotSpecified/WriteErrorException Microsoft.PowerShell.Commands.WriteErrorException "error", progress ["Preparing modules for first use."]`},
		"test_psrp_long_running_cmdlet": {opened,
			`state 4: output ["hi"]`},
		"test_psrp_run_protocol_version_2.2": {"version 2.2, state 2",
			`state 4: output ["error" "message 1" "" ""], debug ["Start Block" "End Block"]`},
		"test_psrp_small_msg_size": {opened,
			`state 4: output ["input" "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"]`},
		"test_psrp_stream_output_invocation": {opened,
			`state 4: output ["output stream"], error NotSpecified/WriteErrorException "error stream", warning ["warning stream"], verbose ["verbose stream"], debug ["debug stream"], information ["information stream"], progress ["Preparing modules for first use."]`},
		"test_psrp_with_jea_configuration": {opened,
			`state 4: output ["Microsoft.WSMan.Management.WSM"]`,
			`state 5: output [], error ObjectNotFound/ProviderNotFoundException "Cannot find a provider with the name 'FileSystem'.", failure ParserError/ParseException System.Management.Automation.ParseException "The syntax is not supported by this runspace. This can occur"`},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(replayed(t, filepath.Join(dir, name+".yml")), want); diff != "" {
				t.Errorf("got -, want +:\n%s", diff)
			}
		})
	}
}
