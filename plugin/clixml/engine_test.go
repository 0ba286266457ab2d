package clixml

import (
	"bytes"
	"encoding/base64"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// engine runs a script in PowerShell's own engine and returns its two streams.
func engine(t *testing.T, script string) (stdout, stderr []byte) {
	t.Helper()
	pwsh := shared(t, "powershell", "pwsh")
	if out, err := exec.Command(pwsh, "-Command", "'ready'").CombinedOutput(); err != nil || !bytes.Contains(out, []byte("ready")) {
		t.Skipf("the PowerShell engine does not run here: %v: %s", err, out)
	}
	var encoded bytes.Buffer
	for _, u := range utf16.Encode([]rune(script)) {
		encoded.Write([]byte{byte(u), byte(u >> 8)})
	}
	cmd := exec.Command(pwsh, "-EncodedCommand", base64.StdEncoding.EncodeToString(encoded.Bytes()))
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Logf("the script ended with %v", err)
	}
	return out.Bytes(), errs.Bytes()
}

// serialized evaluates expressions in the engine and parses what PSSerializer makes of each.
func serialized(t *testing.T, expressions []string) []*Object {
	t.Helper()
	var script strings.Builder
	script.WriteString("$ErrorActionPreference = 'Stop'\n")
	for _, e := range expressions {
		script.WriteString("[Convert]::ToBase64String([Text.Encoding]::UTF8.GetBytes([Management.Automation.PSSerializer]::Serialize($(" + e + "), 6)))\n")
	}
	stdout, stderr := engine(t, script.String())
	lines := strings.Fields(string(stdout))
	if len(lines) != len(expressions) {
		t.Fatalf("got %d documents of %d: %s", len(lines), len(expressions), ErrorText(stderr))
	}
	objects := make([]*Object, len(lines))
	for i, line := range lines {
		document, err := base64.StdEncoding.DecodeString(line)
		if err != nil {
			t.Fatal(err)
		}
		objects[i] = parseOne(t, string(document))
		walk(t, objects[i])
	}
	return objects
}

func TestEnginePrimitives(t *testing.T) {
	table := []struct {
		expression string
		want       any
	}{
		{`'plain'`, "plain"},
		{`''`, ""},
		{`'<&>"'''`, `<&>"'`},
		{`-join (0..31 | ForEach-Object { [char]$_ })`, allControls()},
		{`"$([char]0x7F)$([char]0x85)$([char]0x2028)$([char]0xA0)"`, "\x7F\u0085\u2028\u00A0"},
		{`'Zürich 😀 日本'`, "Zürich 😀 日本"},
		{`"a$([char]0xD83D)b$([char]0xDE00)c"`, "a\uFFFDb\uFFFDc"},
		{`'_x0041_ _x005F_ __x000A__ _X0041_ _x_'`, "_x0041_ _x005F_ __x000A__ _X0041_ _x_"},
		{`'  spaces  '`, "  spaces  "},
		{`[char]'€'`, "€"},
		{`$true`, true},
		{`$false`, false},
		{`$null`, nil},
		{`[byte]::MaxValue`, int64(math.MaxUint8)},
		{`[sbyte]::MinValue`, int64(math.MinInt8)},
		{`[int16]::MinValue`, int64(math.MinInt16)},
		{`[uint16]::MaxValue`, int64(math.MaxUint16)},
		{`[int]::MinValue`, int64(math.MinInt32)},
		{`[uint32]::MaxValue`, int64(math.MaxUint32)},
		{`[long]::MinValue`, int64(math.MinInt64)},
		{`[long]::MaxValue`, int64(math.MaxInt64)},
		{`[uint64]::MaxValue`, uint64(math.MaxUint64)},
		{`[double]::MaxValue`, math.MaxFloat64},
		{`[double]::Epsilon`, math.SmallestNonzeroFloat64},
		{`[double]::NaN`, math.NaN()},
		{`[double]::PositiveInfinity`, math.Inf(1)},
		{`[single]::NegativeInfinity`, math.Inf(-1)},
		{`[single]::MaxValue`, float64(math.MaxFloat32)},
		{`[decimal]::MaxValue`, "79228162514264337593543950335"},
		{`[decimal]::Parse('-0.10')`, "-0.10"},
		{`[guid]'9ed390c2-e6fd-4bd4-a7c0-65ca6bc791d7'`, "9ed390c2-e6fd-4bd4-a7c0-65ca6bc791d7"},
		{`[uri]'https://example.com/a?b=_x0041_'`, "https://example.com/a?b=_x0041_"},
		{`[version]'15.2.2562.17'`, "15.2.2562.17"},
		{`[version]'1.2'`, "1.2"},
		{`{ Get-Item $_ }`, " Get-Item $_ "},
		{`[xml]'<a>x</a>'`, "<a>x</a>"},
		{`,[byte[]](0..255)`, allBytes()},
		{`[datetime]::SpecifyKind('2023-02-03T14:16:02.1234567', 'Utc')`, time.Date(2023, 2, 3, 14, 16, 2, 123456700, time.UTC)},
		{`[datetime]::SpecifyKind('2023-02-03T14:16:02', 'Unspecified')`, time.Date(2023, 2, 3, 14, 16, 2, 0, time.UTC)},
		{`[datetime]::SpecifyKind('2023-07-03T14:16:02', 'Utc').ToLocalTime()`, time.Date(2023, 7, 3, 14, 16, 2, 0, time.UTC)},
		{`[datetime]::MinValue`, time.Time{}},
		{`[datetime]::MaxValue`, time.Date(9999, 12, 31, 23, 59, 59, 999999900, time.UTC)},
		{`[timespan]::Zero`, time.Duration(0)},
		{`[timespan]'-1.02:03:04.0000005'`, -(26*time.Hour + 3*time.Minute + 4*time.Second + 500)},
		{`[timespan]::FromDays(400)`, 400 * 24 * time.Hour},
		{`[timespan]::MaxValue`, nil},
		{`[timespan]::MinValue`, nil},
		{`$s = [securestring]::new(); $s.AppendChar('x'); $s`, nil},
	}
	expressions := make([]string, len(table))
	for i, tt := range table {
		expressions[i] = tt.expression
	}
	for i, got := range serialized(t, expressions) {
		if diff := cmp.Diff(got.Value, table[i].want, cmpopts.EquateNaNs()); diff != "" {
			t.Errorf("%s: got -, want +:\n%s", table[i].expression, diff)
		}
		if got.IsNil() != (table[i].expression == "$null") {
			t.Errorf("%s: got nil %t", table[i].expression, got.IsNil())
		}
	}
}

func allControls() string { return string(allBytes()[:32]) }

func allBytes() []byte {
	b := make([]byte, 256)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}

func TestEngineObjects(t *testing.T) {
	got := serialized(t, []string{
		`@{ outer = @{ inner = 1; list = @('a', $null, 2) } }`,
		`[ordered]@{ z = 1; a = 2; m = 3 }`,
		`$l = [Collections.ArrayList]::new(); $null = $l.Add('x'); $null = $l.Add(@()); ,$l`,
		`$q = [Collections.Queue]::new(); $q.Enqueue(1); $q.Enqueue(2); ,$q`,
		`$s = [Collections.Stack]::new(); $s.Push(1); $s.Push(2); ,$s`,
		`[DayOfWeek]::Friday`,
		`$o = [pscustomobject]@{ 'odd name_x' = 'v' }; $o.psobject.Members.Add([Management.Automation.PSMemberSet]::new('Set', [Management.Automation.PSMemberInfo[]]@([Management.Automation.PSNoteProperty]::new('In', 1)))); $o`,
		`$p = [pscustomobject]@{ A = 1 }; ,@($p, $p)`,
		`,@([pscustomobject]@{ A = 1 }, [pscustomobject]@{ A = 2 })`,
		`$h = @{}; $h.self = $h; $h`,
		`$v = [version]'1.2'; $n = [psobject]$v; $n.psobject.Properties.Add([Management.Automation.PSNoteProperty]::new('Added', 'yes')); $n`,
		`try { throw [InvalidOperationException]::new("no` + "`n" + `way") } catch { $_ }`,
		`[InvalidOperationException]::new('outer', [Exception]::new('inner'))`,
		`[Management.Automation.ProgressRecord]::new(1, 'activity', 'status')`,
	})
	t.Run("hashtable", func(t *testing.T) {
		outer := got[0].Property("OUTER")
		if n, _ := outer.Property("inner").Int(); n != 1 {
			t.Errorf("inner: got %d, want 1", n)
		}
		if list := outer.Property("list").List(); len(list) != 3 || list[0].Text != "a" || !list[1].IsNil() || list[2].Value != int64(2) {
			t.Errorf("list: got %+v, want a, nil, 2", list)
		}
	})
	t.Run("ordered dictionary", func(t *testing.T) {
		var keys []string
		for _, e := range got[1].Entries {
			keys = append(keys, e.Key.Text)
		}
		if want := []string{"z", "a", "m"}; !cmp.Equal(keys, want) {
			t.Errorf("got %q, want %q", keys, want)
		}
	})
	t.Run("containers", func(t *testing.T) {
		if list := got[2].List(); len(list) != 2 || list[0].Text != "x" || list[1].Items == nil || len(list[1].List()) != 0 {
			t.Errorf("ArrayList: got %+v, want x and an empty list", list)
		}
		for i, want := range map[int]string{3: "1 2", 4: "2 1"} {
			items := got[i].List()
			if len(items) != 2 || items[0].Text+" "+items[1].Text != want {
				t.Errorf("queue or stack: got %+v, want %s", items, want)
			}
		}
	})
	t.Run("enum", func(t *testing.T) {
		name, _ := got[5].Str()
		number, _ := got[5].Int()
		if name != "Friday" || number != 5 || got[5].TypeNames[0] != "System.DayOfWeek" {
			t.Errorf("got %q, %d, %q, want Friday, 5, System.DayOfWeek", name, number, got[5].TypeNames)
		}
	})
	t.Run("custom object", func(t *testing.T) {
		if s, _ := got[6].Property("ODD NAME_X").Str(); s != "v" {
			t.Errorf("got %q, want v", s)
		}
		if n, _ := got[6].Property("Set").Property("In").Int(); n != 1 {
			t.Errorf("member set: got %d, want 1", n)
		}
	})
	t.Run("references", func(t *testing.T) {
		if l := got[7].List(); len(l) != 2 || l[0] != l[1] {
			t.Errorf("got %+v, want the same object twice", l)
		}
		if l := got[8].List(); len(l) != 2 || !cmp.Equal(l[0].TypeNames, l[1].TypeNames) || len(l[1].TypeNames) != 2 {
			t.Errorf("got %+v, want two objects of the same types", l)
		}
		if self := got[9].Property("self"); self.Type != "Ref" {
			t.Errorf("cycle: got %+v, want type Ref", self)
		}
	})
	t.Run("decorated primitive", func(t *testing.T) {
		s, _ := got[10].Str()
		added, _ := got[10].Property("Added").Str()
		if s != "1.2" || added != "yes" {
			t.Errorf("got %q, %q, want 1.2, yes", s, added)
		}
	})
	t.Run("errors", func(t *testing.T) {
		if s, _ := got[11].Str(); s != "no\nway" {
			t.Errorf("error record: got %q", s)
		}
		if s, _ := got[12].Property("InnerException").Property("Message").Str(); s != "inner" {
			t.Errorf("exception: got %q, want inner", s)
		}
	})
	t.Run("progress", func(t *testing.T) {
		if got[13].Type != "PR" || got[13].Text != "activity" {
			t.Errorf("got %+v, want the activity", got[13])
		}
	})
}

func TestEngineErrorStream(t *testing.T) {
	_, stderr := engine(t, `[Console]::Error.WriteLine('from a program'); throw "first`+"`n"+`second ä _x0041_"`)
	if !bytes.Contains(stderr, []byte(header)) {
		t.Fatalf("got no CLIXML: %s", stderr)
	}
	got := ErrorText(stderr)
	for _, want := range []string{"from a program", "first\nsecond ä _x0041_\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("got %q, want %q in it", got, want)
		}
	}
	if strings.ContainsAny(got, "\r\x1b<") {
		t.Errorf("got %q, want neither carriage returns nor markup", got)
	}
}

// TestEngineReadsTheSame asks the engine about documents that it does not write itself.
func TestEngineReadsTheSame(t *testing.T) {
	entry := func(key, value string) string {
		return `<En><S N="Key">` + key + `</S><S N="Value">` + value + `</S></En>`
	}
	table := []struct{ body, property, want string }{
		{`<Obj RefId="0"><Props><S N="a">1</S><S N="A">2</S></Props></Obj>`, "a", "2"},
		{`<Obj RefId="0"><MS><S N="a">1</S><S N="A">2</S></MS></Obj>`, "a", "2"},
		{`<Obj RefId="0"><Props><S N="a">1</S></Props><MS><S N="a">2</S></MS></Obj>`, "a", "2"},
		{`<Obj RefId="0"><MS><S N="a">1</S></MS><Props><S N="a">2</S></Props></Obj>`, "a", "1"},
		{`<Obj RefId="0"><MS><S N="a">1</S></MS><DCT>` + entry("a", "2") + `</DCT></Obj>`, "a", "1"},
		{`<Obj RefId="0"><DCT>` + entry("Count", "9") + `</DCT></Obj>`, "Count", "9"},
		{`<Obj RefId="0"><DCT>` + entry("A", "1") + entry("a", "2") + `</DCT></Obj>`, "A", "1"},
		{`<Obj RefId="0"><LST><Obj RefId="1"><MS><S N="a">1</S></MS></Obj><Obj RefId="1"><MS><S N="a">2</S></MS></Obj></LST><MS><Ref N="r" RefId="1"/></MS></Obj>`, "r.a", "2"},
		{`<Obj RefId="0"><MS><MS N="s"><S N="a">1</S></MS></MS></Obj>`, "s.a", "1"},
		{`<Obj RefId="0"><MS><S N="_x0061_">_x00e9__x004g_</S></MS></Obj>`, "a", "é_x004g_"},
	}
	var script strings.Builder
	for i, tt := range table {
		script.WriteString("$o = [Management.Automation.PSSerializer]::Deserialize('" + objs(tt.body) + "')\n'" + strconv.Itoa(i) + ":' + $o." + tt.property + "\n")
	}
	stdout, stderr := engine(t, script.String())
	lines := strings.Fields(string(stdout))
	if len(lines) != len(table) {
		t.Fatalf("got %d answers of %d: %s", len(lines), len(table), ErrorText(stderr))
	}
	for i, tt := range table {
		o := parseOne(t, objs(tt.body))
		for name := range strings.SplitSeq(tt.property, ".") {
			o = o.Property(name)
		}
		if got, _ := o.Str(); got != tt.want || lines[i] != strconv.Itoa(i)+":"+tt.want {
			t.Errorf("%s in %s: got %q, the engine %q, want %q", tt.property, tt.body, got, lines[i], tt.want)
		}
	}
}

// TestEngineStopsEarlier holds MaxDepth against the engine's own limit.
func TestEngineStopsEarlier(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep.xml")
	if err := os.WriteFile(path, []byte(objs(nested(MaxDepth))), 0o600); err != nil {
		t.Fatal(err)
	}
	stdout, _ := engine(t, `try { [Management.Automation.PSSerializer]::Deserialize([IO.File]::ReadAllText('`+path+`')) } catch { 'too deep' }`)
	if got, want := strings.TrimSpace(string(stdout)), "too deep"; got != want {
		t.Errorf("got %q for %d levels, want %q", got, MaxDepth, want)
	}
}
