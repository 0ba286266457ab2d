package main

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestPanicIsAnswered has the program panic in the middle of a check: whoever
// reads a document still gets one.
func TestPanicIsAnswered(t *testing.T) {
	const secret = "Geheim, which the panic carried"
	for _, row := range []struct {
		form string
		want int
		read func([]byte) error
	}{
		{"nagios", 3, func([]byte) error { return nil }},
		{"json", 3, func(data []byte) error { return json.Unmarshal(data, &map[string]any{}) }},
		{"zabbix", 0, func(data []byte) error { return json.Unmarshal(data, &map[string]any{}) }},
		{"prtg-v2", 0, func(data []byte) error { return json.Unmarshal(data, &map[string]any{}) }},
		{"prtg", 0, func(data []byte) error { return xml.Unmarshal(data, &struct{ XMLName xml.Name }{}) }},
	} {
		var out bytes.Buffer
		p := program{args: []string{"--snapshot", "x", "-o", row.form}, stdout: &out, env: func(string) string { return "" }, now: func() time.Time { panic(secret) }}
		if got := p.run(context.Background()); got != row.want {
			t.Errorf("%s: exit code %d, want %d", row.form, got, row.want)
		}
		if err := row.read(out.Bytes()); err != nil || !strings.Contains(out.String(), "UNKNOWN") || !strings.Contains(out.String(), "internal error") {
			t.Errorf("%s: %v; want UNKNOWN and an internal error in\n%s", row.form, err, out.String())
		}
		if strings.Contains(out.String(), secret) {
			t.Errorf("%s: the answer tells what the panic carried: %s", row.form, out.String())
		}
	}
}

// TestOptionsNameWhatThereIs holds the command line's words to the tables behind them.
func TestOptionsNameWhatThereIs(t *testing.T) {
	var names []string
	for _, f := range forms {
		names = append(names, f.name)
	}
	found := 0
	for _, f := range flags(t) {
		switch f.Name {
		case "output":
			found++
			if want := strings.Join(names, ", "); f.Enum != want || f.Default != names[0] {
				t.Errorf("--output knows %q and is %q, want %q and the first of them", f.Enum, f.Default, want)
			}
		case "print":
			found++
			if want := ": " + definitionNames() + "."; !strings.HasSuffix(f.Help, want) {
				t.Errorf("--print says %q, want it to end with %q", f.Help, want)
			}
		}
	}
	if found != 2 {
		t.Errorf("%d of 2 options found", found)
	}
}

// TestSilentParameters has nobody write parameters, and nobody close standard
// input.
func TestSilentParameters(t *testing.T) {
	silent, writer := io.Pipe()
	defer writer.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	var out bytes.Buffer
	p := program{args: []string{"-o", "prtg-v2"}, stdin: silent, stdout: &out, env: func(string) string { return "" }, now: func() time.Time { return start }}
	if code := p.run(ctx); code != 0 || !strings.Contains(out.String(), "where do the facts come from?") {
		t.Errorf("exit code %d, output %q; want 0 and the missing source named", code, out.String())
	}
}

func TestSplit(t *testing.T) {
	for _, row := range []struct {
		text string
		want []string
	}{
		{"", nil},
		{" \r\n\t", nil},
		{"-o prtg-v2 --snapshot C:\\facts\\x.json\r\n", []string{"-o", "prtg-v2", "--snapshot", `C:\facts\x.json`}},
		{`--snapshot "C:\my facts\" --at '2026 "x"'`, []string{"--snapshot", `C:\my facts\`, "--at", `2026 "x"`}},
		{`a"b c"d "" ''`, []string{"ab cd", "", ""}},
		{"\ufeff-o zabbix", []string{"-o", "zabbix"}},
	} {
		got, err := split(row.text)
		if diff := cmp.Diff(row.want, got); diff != "" || err != nil {
			t.Errorf("split(%q): %v (-want +got):\n%s", row.text, err, diff)
		}
	}
	for _, text := range []string{`"`, `a 'b`, `"a'`} {
		if got, err := split(text); err == nil {
			t.Errorf("split(%q) is %q, want an error: a quote is not closed", text, got)
		}
	}
}

func TestOutputIn(t *testing.T) {
	for _, row := range []struct {
		args   string
		want   string
		others int
	}{
		{"", "", 0},
		{"-o prtg", "prtg", 0},
		{"-oprtg", "prtg", 0},
		{"-o=prtg", "prtg", 0},
		{"--output prtg -o zabbix", "zabbix", 0},
		{"--output=prtg --nonsense x", "prtg", 2},
		{"--snapshot x -o", "", 2},
		{"--only expiry --other=-o", "", 3},
	} {
		got, others := outputIn(strings.Fields(row.args))
		if got != row.want || others != row.others {
			t.Errorf("outputIn(%q) is %q and %d others, want %q and %d", row.args, got, others, row.want, row.others)
		}
	}
}
