package psrp

import (
	"bufio"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// engine is PowerShell's own remoting server on its standard streams, in the line framing of local processes.
type engine struct {
	t     *testing.T
	stdin io.Writer
	lines *bufio.Scanner
	pool  *Pool
}

// packet is one line of that framing: Data, or the acknowledgement of Data, Command, Signal or Close.
type packet struct {
	XMLName xml.Name
	Stream  string `xml:"Stream,attr"`
	ID      string `xml:"PSGuid,attr"`
	Data    string `xml:",chardata"`
}

const noID = "00000000-0000-0000-0000-000000000000"

// startEngine runs the server with functions in the session, and opens a pool on it. What the client says first is altered
// by replacing texts in pairs of the same length.
func startEngine(t *testing.T, alter ...string) *engine {
	t.Helper()
	pwsh := shared(t, "powershell", "pwsh")
	script := filepath.Join(t.TempDir(), "functions.ps1")
	if err := os.WriteFile(script, []byte(functions), 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.Command(pwsh, "-NoLogo", "-NoProfile", "-s")
	command.Env = append(os.Environ(), "ENGINE_SERVER_INIT="+script)
	stdin, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Skipf("the PowerShell engine does not run here: %v", err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	e := &engine{t: t, stdin: stdin, lines: bufio.NewScanner(stdout), pool: NewPool()}
	e.lines.Buffer(nil, 64<<20)
	e.data(noID, "Default", []byte(strings.NewReplacer(alter...).Replace(string(e.pool.Open()))))
	for e.pool.State() == PoolOpening {
		e.reply(noID, e.receive(noID), e.pool.Receive)
	}
	if e.pool.State() != PoolOpened {
		t.Fatalf("pool in state %d: %+v", e.pool.State(), e.pool.Failure())
	}
	return e
}

func (e *engine) write(format string, args ...any) {
	e.t.Helper()
	if _, err := fmt.Fprintf(e.stdin, format+"\n", args...); err != nil {
		e.t.Fatal(err)
	}
}

func (e *engine) data(id, stream string, data []byte) {
	e.t.Helper()
	e.write("<Data Stream='%s' PSGuid='%s'>%s</Data>", stream, strings.ToLower(id), base64.StdEncoding.EncodeToString(data))
}

// next reads one packet.
func (e *engine) next() packet {
	e.t.Helper()
	if !e.lines.Scan() {
		e.t.Fatalf("the engine has ended: %v", e.lines.Err())
	}
	var p packet
	if err := xml.Unmarshal(e.lines.Bytes(), &p); err != nil {
		e.t.Fatalf("%v in %.200q", err, e.lines.Text())
	}
	return p
}

// receive returns the next data for one stream.
func (e *engine) receive(id string) []byte {
	e.t.Helper()
	for {
		p := e.next()
		if p.XMLName.Local != "Data" || !strings.EqualFold(p.ID, id) {
			continue
		}
		data, err := base64.StdEncoding.DecodeString(p.Data)
		if err != nil {
			e.t.Fatal(err)
		}
		return data
	}
}

func (e *engine) reply(id string, data []byte, receive func([]byte) ([]byte, error)) {
	e.t.Helper()
	answer, err := receive(data)
	if err != nil {
		e.t.Fatal(err)
	}
	if len(answer) > 0 {
		e.data(id, "PromptResponse", answer)
	}
}

// run runs commands to their end.
func (e *engine) run(commands ...Command) *Pipeline {
	e.t.Helper()
	p, err := e.pool.NewPipeline(commands...)
	if err != nil {
		e.t.Fatal(err)
	}
	id := p.ID().String()
	e.write("<Command PSGuid='%s' />", strings.ToLower(id))
	for e.next().XMLName.Local != "CommandAck" {
	}
	e.data(id, "Default", p.Create())
	for !p.Done() {
		e.reply(id, e.receive(id), p.Receive)
	}
	return p
}

// functions are what the tests run: the engine has no script text from the client to run.
const functions = `
function Show-Type { [CmdletBinding()] param($Value, [switch] $Flag, [string] $Text, [string[]] $Names)
    foreach ($name in 'Value', 'Flag', 'Text', 'Names') {
        if ($PSBoundParameters.ContainsKey($name)) { $v = $PSBoundParameters[$name]; '{0}={1}:{2}' -f $name, $(if ($null -ne $v) { $v.GetType().FullName }), ($v -join ',') }
    }
}
function Ask-Host { [CmdletBinding()] param() try { $Host.UI.WriteLine('seen'); $Host.UI.ReadLine() } catch { $e = $_.Exception; while ($e.InnerException) { $e = $e.InnerException }; $e.GetType().Name + ': ' + $e.Message } }
function Write-All { [CmdletBinding()] param()
    $PSCmdlet.WriteWarning('careful'); $VerbosePreference = $DebugPreference = 'Continue'; $PSCmdlet.WriteVerbose('step'); $PSCmdlet.WriteDebug('inner')
    $PSCmdlet.WriteInformation('said', @()); $PSCmdlet.WriteProgress([Management.Automation.ProgressRecord]::new(1, 'busy', 'half'))
    $PSCmdlet.WriteError([Management.Automation.ErrorRecord]::new([TimeoutException]::new('too slow', [Net.Sockets.SocketException]::new(111)), 'MyId', 'OperationTimeout', 'ex02'))
    1, 'two', @{ three = 3 }
}
function Stop-All { [CmdletBinding()] param() throw [UnauthorizedAccessException]::new('no') }
function Get-Big { [CmdletBinding()] param([int] $Size) ,([byte[]]::new($Size)) }
if ($env:EXCHANGE_NOLANGUAGE) { $ExecutionContext.SessionState.LanguageMode = 'NoLanguage' }
`

func outputs(p *Pipeline) []string {
	var all []string
	for _, o := range p.Output {
		text, _ := o.Str()
		all = append(all, text)
	}
	return all
}

func TestEngineTakesParameters(t *testing.T) {
	t.Setenv("EXCHANGE_NOLANGUAGE", "1")
	e := startEngine(t)
	for _, row := range []struct {
		parameter Parameter
		want      string
	}{
		{Parameter{Name: "Value", Value: "ex01.contoso.com"}, "Value=System.String:ex01.contoso.com"},
		{Parameter{Name: "Value", Value: ""}, "Value=System.String:"},
		{Parameter{Name: "Value", Value: true}, "Value=System.Boolean:True"},
		{Parameter{Name: "Value", Value: int32(-7)}, "Value=System.Int32:-7"},
		{Parameter{Name: "Value", Value: int64(1) << 40}, "Value=System.Int64:1099511627776"},
		{Parameter{Name: "Value"}, "Value=:"},
		{Parameter{Name: "Flag", Value: true}, "Flag=System.Management.Automation.SwitchParameter:True"},
		{Parameter{Name: "Flag", Value: false}, "Flag=System.Management.Automation.SwitchParameter:False"},
		{Parameter{Name: "Text", Value: "<a & 'b'>\r\n\t_x0041_\x00 Zürich 😀 日本\u2028"}, "Text=System.String:<a & 'b'>\r\n\t_x0041_\x00 Zürich 😀 日本\u2028"},
		{Parameter{Name: "Names", Value: []string{"a", "b,c"}}, "Names=System.String[]:a,b,c"},
		{Parameter{Value: "positional"}, "Value=System.String:positional"},
	} {
		p := e.run(Command{Name: "Show-Type", Parameters: []Parameter{row.parameter}})
		if got := strings.Join(outputs(p), "|"); got != row.want || p.State() != PipelineCompleted || len(p.Errors) > 0 {
			t.Errorf("%+v: got %q, state %d, errors %+v; want %q", row.parameter, got, p.State(), p.Errors, row.want)
		}
	}
	p := e.run(Command{Name: "$x = 1"})
	if p.State() != PipelineFailed || p.Failure == nil || p.Failure.Reason != "CommandNotFoundException" || p.Failure.Category != "ObjectNotFound" {
		t.Errorf("script text: got state %d and %+v, want it taken for the name of a command", p.State(), p.Failure)
	}
}

func TestEngineStreams(t *testing.T) {
	e := startEngine(t)
	p := e.run(Command{Name: "Write-All"})
	if p.State() != PipelineCompleted || len(p.Output) != 3 {
		t.Errorf("got state %d and %d objects, want %d and 3", p.State(), len(p.Output), PipelineCompleted)
	}
	for _, row := range []struct {
		got  []string
		want string
	}{{p.Warnings, "careful"}, {p.Verbose, "step"}, {p.Debug, "inner"}, {p.Information, "said"}, {p.Progress, "busy"}} {
		if diff := cmp.Diff(row.got, []string{row.want}); diff != "" {
			t.Errorf("got -, want +:\n%s", diff)
		}
	}
	if len(p.Errors) != 1 {
		t.Fatalf("got errors %+v, want one", p.Errors)
	}
	got := p.Errors[0]
	if len(got.Causes) != 2 || got.Causes[0].Types[0] != "System.TimeoutException" || got.Causes[1].Types[0] != "System.Net.Sockets.SocketException" || got.Causes[1].Detail == "" {
		t.Errorf("got causes %+v, want a timeout around a socket's error", got.Causes)
	}
	got.Causes = nil
	want := ErrorRecord{Message: "too slow", ID: "MyId,Write-All", Category: "OperationTimeout", Reason: "TimeoutException", Activity: "Write-All", Target: "ex02"}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("got -, want +:\n%s", diff)
	}

	p = e.run(Command{Name: "Stop-All"})
	if p.State() != PipelineFailed || p.Failure == nil || p.Failure.Reason != "UnauthorizedAccessException" || p.Failure.Causes[0].HResult != -2147024891 {
		t.Errorf("got state %d, %+v, want it failed with access denied", p.State(), p.Failure)
	}
	p = e.run(Command{Name: "Get-Big", Parameters: []Parameter{{Name: "Size", Value: int32(1 << 20)}}})
	if b, _ := p.Output[0].Bytes(); len(b) != 1<<20 {
		t.Errorf("got %d bytes in many fragments, want 1 MiB", len(b))
	}
}

func TestEnginePipesCommands(t *testing.T) {
	e := startEngine(t)
	p := e.run(Command{Name: "Write-All"}, Command{Name: "ForEach-Object", Parameters: []Parameter{{Name: "MemberName", Value: "GetType"}}})
	if len(p.Output) != 3 || !strings.Contains(p.Output[0].Text, "Int32") {
		t.Errorf("got %q, want three types", outputs(p))
	}
}

// TestEngineAsksTheHost tells the engine that there is a host, so that it asks it.
func TestEngineAsksTheHost(t *testing.T) {
	e := startEngine(t, `_isHostNull">true<`, `_isHostNull">0   <`, `_isHostUINull">true<`, `_isHostUINull">0   <`)
	p := e.run(Command{Name: "Ask-Host"})
	if got, want := outputs(p), []string{"there is no host: nobody can be asked"}; len(got) != 1 || !strings.HasSuffix(got[0], want[0]) {
		t.Errorf("got %q, state %d, %+v, want it to end with %q", got, p.State(), p.Failure, want[0])
	}
}
