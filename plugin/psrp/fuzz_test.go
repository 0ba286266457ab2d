package psrp

import (
	"bytes"
	"path/filepath"
	"testing"

	"check_exchange_authcert/plugin/clixml"
)

// FuzzDefragmenter cuts a stream in two ways and wants the same messages.
func FuzzDefragmenter(f *testing.F) {
	f.Add([]byte(nil), 1)
	f.Add(fragments(nil, 1, []byte("a message"), 4), 3)
	f.Add(append(piece(1, 0, flagStart, "x"), piece(1, 2, flagEnd, "x")...), 22)
	f.Fuzz(func(t *testing.T, data []byte, step int) {
		var whole, cut Defragmenter
		want, failed := whole.Add(bytes.Clone(data))
		var got [][]byte
		var err error
		if step = step&0xff + 1; len(data)/step > 1000 {
			step = len(data)
		}
		for at := 0; at < len(data) && err == nil; at += step {
			var messages [][]byte
			messages, err = cut.Add(bytes.Clone(data[at:min(at+step, len(data))]))
			got = append(got, messages...)
		}
		if (err == nil) != (failed == nil) || len(got) != len(want) || (err == nil && whole.Pending() != cut.Pending()) {
			t.Fatalf("cut every %d bytes: got %d messages, %v; in one piece %d, %v", step, len(got), err, len(want), failed)
		}
		for i := range got {
			if !bytes.Equal(got[i], want[i]) {
				t.Errorf("message %d: got %q, want %q", i, got[i], want[i])
			}
		}
	})
}

// FuzzReceive hands one stream to a pool and to a pipeline; the names in it are made theirs.
func FuzzReceive(f *testing.F) {
	p, s := pipeline(f)
	for _, document := range []string{"<S>x</S>", property("PipelineState", "<I32>4</I32>"), property("ci", "<I64>5</I64>"), property("RunspaceState", "<I32>5</I32>"), property("protocolversion", "<Version>2.3</Version>")} {
		for _, kind := range []MessageType{SessionCapability, RunspacePoolState, RunspacePoolHostCall, PipelineOutput, PipelineError, PipelineStateMessage, WarningRecord, PipelineHostCall} {
			f.Add(s.message(kind, document))
		}
	}
	if paths, _ := filepath.Glob(filepath.Join("..", "..", "..", "shared", "realdata", "wsman", "test_psrp_*.yml")); len(paths) > 0 {
		for _, path := range paths {
			_, pieces := recorded(f, path)
			for _, piece := range pieces {
				f.Add(bytes.Join(piece, nil))
			}
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		pool, run := *p.pool, *p
		run.pool = &pool
		if len(data) >= fragmentHeader+messageHeader {
			swapped := pool.id.swapped()
			copy(data[fragmentHeader+8:], swapped[:])
			swapped = run.id.swapped()
			copy(data[fragmentHeader+24:], swapped[:])
		}
		_, _ = pool.Receive(bytes.Clone(data))
		_, err := run.Receive(bytes.Clone(data))
		if err == nil && run.Done() && run.inbound.Pending() {
			t.Error("a pipeline that has ended in the middle of a message: got no error")
		}
		if len(run.Errors) > MaxRecords || len(run.Warnings) > MaxRecords {
			t.Errorf("got %d errors and %d warnings, want %d at most", len(run.Errors), len(run.Warnings), MaxRecords)
		}
	})
}

// FuzzWrite has strings come back as they were sent.
func FuzzWrite(f *testing.F) {
	for _, text := range []string{"", "ex01", "_x0041_ _X0041_ _x", "<&>\"'", "\x00\x1f\x7f\u0085\u2028\ufffe😀", "  \r\n"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		body, err := createPipeline([]Command{{Name: "x", Parameters: []Parameter{{text, text}}}})
		if err != nil {
			t.Fatal(err)
		}
		objects, err := clixml.Parse(body)
		if err != nil {
			t.Fatalf("%v in %s", err, body)
		}
		argument := objects[0].Property("PowerShell").Property("Cmds").List()[0].Property("Args").List()[0]
		want := string([]rune(text)) // which is what a string in UTF-16 can hold
		if got, _ := argument.Property("V").Str(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}
