package psrp

import (
	"encoding/binary"
	"strings"
	"testing"

	"check_exchange_authcert/plugin/clixml"
)

// server makes the messages of a server for one pipeline.
type server struct {
	pool, pipeline ID
	count          uint64
}

func (s *server) message(kind MessageType, document string) []byte {
	b := Message{Type: kind, Pool: s.pool, Pipeline: s.pipeline, Data: []byte(document)}.encode()
	binary.LittleEndian.PutUint32(b, toClient)
	s.count++
	return fragments(nil, s.count, b, MaxFragment)
}

func property(name, value string) string {
	return `<Obj RefId="0"><MS>` + strings.Replace(value, ">", ` N="`+name+`">`, 1) + `</MS></Obj>`
}

func pipeline(t testing.TB) (*Pipeline, *server) {
	t.Helper()
	pool := NewPool()
	p, err := pool.NewPipeline(Command{Name: "Get-AuthConfig"})
	if err != nil {
		t.Fatal(err)
	}
	return p, &server{pool: pool.id, pipeline: p.id}
}

func TestPipelineRefuses(t *testing.T) {
	completed := property("PipelineState", "<I32>4</I32>")
	for name, row := range map[string]struct {
		data func(s *server) []byte
		want string
	}{
		"another's pipeline": {func(s *server) []byte { s.pipeline = NewID(); return s.message(PipelineOutput, "<S>x</S>") }, "not for this one"},
		"another's pool":     {func(s *server) []byte { s.pool = NewID(); return s.message(PipelineOutput, "<S>x</S>") }, "not for this one"},
		"broken output":      {func(s *server) []byte { return s.message(PipelineOutput, "<S>x") }, "an object of the output"},
		"no CLIXML":          {func(s *server) []byte { return s.message(PipelineError, "") }, "0x00041005"},
		"two errors in one":  {func(s *server) []byte { return s.message(PipelineError, `<Objs><S>a</S><S>b</S></Objs>`) }, "with 2 objects"},
		"no state":           {func(s *server) []byte { return s.message(PipelineStateMessage, property("Other", "<I32>4</I32>")) }, "without a number"},
		"a short message":    {func(*server) []byte { return piece(1, 0, 3, "short") }, "its header alone"},
		"to the server":      {func(*server) []byte { return fragments(nil, 1, Message{}.encode(), 100) }, "not for the client"},
		"a call without id":  {func(s *server) []byte { return s.message(PipelineHostCall, property("mi", "<I32>11</I32>")) }, "without its number"},
		"half a message": {func(s *server) []byte {
			return append(s.message(PipelineStateMessage, completed), piece(2, 0, flagStart, "x")...)
		}, "breaks off"},
		"crowded output": {func(s *server) []byte {
			half := "<Objs>" + strings.Repeat("<S/>", clixml.MaxObjects/2) + "</Objs>"
			return append(append(s.message(PipelineOutput, half), s.message(PipelineOutput, half)...), s.message(PipelineOutput, "<S/>")...)
		}, "the limit is 150000"},
		"half a header": {func(s *server) []byte { return append(s.message(PipelineStateMessage, completed), 0) }, "breaks off"},
	} {
		t.Run(name, func(t *testing.T) {
			p, s := pipeline(t)
			if _, err := p.Receive(row.data(s)); err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("got %v, want %q", err, row.want)
			}
		})
	}
}

func TestPipelineLimits(t *testing.T) {
	p, s := pipeline(t)
	progress := s.message(ProgressRecord, property("Activity", "<S>busy</S>"))
	rounds := 0
	for ; rounds < MaxStream; rounds++ {
		if _, err := p.Receive(progress); err != nil {
			break
		}
	}
	if want := MaxStream / len(progress); rounds != want || len(p.Progress) != MaxRecords {
		t.Errorf("endless progress: got %d messages and %d records, want %d and %d", rounds, len(p.Progress), want, MaxRecords)
	}
	if _, err := NewPool().NewPipeline(Command{Name: strings.Repeat("x", MaxCreate)}); err == nil {
		t.Error("a command that fits into no fragment: got no error")
	}
	if _, err := NewPool().NewPipeline(Command{Name: "x", Parameters: []Parameter{{"y", 1.5}}}); err == nil {
		t.Error("a value of an unknown type: got no error")
	}
	if _, err := NewPool().NewPipeline(); err == nil {
		t.Error("no command: got no error")
	}
}

func TestPipelineSkipsWhatItDoesNotKnow(t *testing.T) {
	p, s := pipeline(t)
	for _, kind := range []MessageType{0x00041099, 0x00021008, 0} {
		if _, err := p.Receive(s.message(kind, "whatever")); err != nil {
			t.Errorf("type %#x: got %v", kind, err)
		}
	}
}

func TestHostCalls(t *testing.T) {
	p, s := pipeline(t)
	call := func(id string) []byte {
		return s.message(PipelineHostCall, `<Obj RefId="0"><MS><I64 N="ci">`+id+`</I64><Obj N="mi" RefId="1"><ToString>ReadLine</ToString><I32>11</I32></Obj></MS></Obj>`)
	}
	reply, err := p.Receive(call("-100"))
	if err != nil || reply != nil {
		t.Errorf("a call that nobody waits for: got %x, %v, want no answer", reply, err)
	}
	reply, err = p.Receive(append(call("5"), call("6")...))
	if err != nil {
		t.Fatal(err)
	}
	var d Defragmenter
	messages, err := d.Add(reply)
	if err != nil || len(messages) != 2 {
		t.Fatalf("got %d answers, %v, want 2", len(messages), err)
	}
	objects, err := clixml.Parse(messages[1][messageHeader:])
	if err != nil {
		t.Fatal(err)
	}
	id, _ := objects[0].Property("ci").Int()
	if e := newErrorRecord(objects[0].Property("me")); id != 6 || e.Category != "NotImplemented" || e.Reason != "NotSupportedException" || e.Message != refused {
		t.Errorf("got call %d, %+v, want call 6 refused", id, e)
	}
	if kind := binary.LittleEndian.Uint32(messages[1][4:]); MessageType(kind) != PipelineHostResp {
		t.Errorf("got type %#x, want %#x", kind, PipelineHostResp)
	}
}

func TestPoolStates(t *testing.T) {
	version := func(text string) string { return property("protocolversion", "<Version>"+text+"</Version>") }
	state := property("RunspaceState", "<I32>2</I32>")
	for _, row := range []struct {
		name, version, state string
		want                 PoolState
		err                  string
	}{
		{"2.1", version("2.1"), state, PoolOpened, ""},
		{"2.2", version("2.2"), state, PoolOpened, ""},
		{"2.3", version("2.3"), state, PoolOpened, ""},
		{"2.0", version("2.0"), state, PoolOpening, `version "2.0"`},
		{"3.0", version("3.0"), state, PoolOpening, `version "3.0"`},
		{"none", version("2.3.4"), state, PoolOpening, `version "2.3.4"`},
		{"no capability", "", state, PoolOpening, "before its server has told its version"},
		{"no number", version("2.3"), property("RunspaceState", "<S>x</S>"), PoolOpening, "without a number"},
		{"broken", version("2.3"), `<Obj RefId="0"><MS><I32 N="RunspaceState">5</I32><Obj N="ExceptionAsErrorRecord" RefId="1"><ToString>why</ToString></Obj></MS></Obj>`, PoolBroken, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			p, s := NewPool(), &server{}
			var data []byte
			if row.version != "" {
				data = s.message(SessionCapability, row.version)
			}
			s.pool = p.id
			_, err := p.Receive(append(data, s.message(RunspacePoolState, row.state)...))
			if p.State() != row.want || (err == nil) != (row.err == "") || (err != nil && !strings.Contains(err.Error(), row.err)) {
				t.Errorf("got state %d, %v, want %d, %q", p.State(), err, row.want, row.err)
			}
			if (p.Failure() != nil) != (row.want == PoolBroken) {
				t.Errorf("got the failure %+v", p.Failure())
			}
		})
	}
}
