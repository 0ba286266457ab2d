package clixml

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// objs wraps elements as PSSerializer does.
func objs(body string) string {
	return `<Objs Version="1.1.0.1" xmlns="` + namespace + `">` + body + `</Objs>`
}

func parseOne(t *testing.T, document string) *Object {
	t.Helper()
	objects, err := Parse([]byte(document))
	if err != nil {
		t.Fatalf("Parse: %v", err)
	}
	if len(objects) != 1 {
		t.Fatalf("got %d objects, want 1", len(objects))
	}
	return objects[0]
}

func TestPrimitives(t *testing.T) {
	for _, tt := range []struct {
		element string
		want    any
	}{
		{`<S>a &lt;b&gt; &amp;</S>`, "a <b> &"},
		{`<S></S>`, ""},
		{`<S/>`, ""},
		{`<S> kept </S>`, " kept "},
		{`<S>_x000D__x000A__x0009_</S>`, "\r\n\t"},
		{`<S>_x005F_x0041_</S>`, "_x0041_"},
		{`<S>_X0041__x00e9__x00E9_</S>`, "Aéé"},
		{`<S>a_b_x41_x_x004g_ __ _</S>`, "a_b_x41_x_x004g_ __ _"},
		{`<S>_xD83D__xDE00_</S>`, "😀"},
		{`<S>_xD83D_x_xDE00_</S>`, "\uFFFDx\uFFFD"},
		{`<S>_xD83D__xD83D__xDE00_</S>`, "\uFFFD😀"},
		{`<URI>https://example.com/?a=1&amp;b=_x000A_</URI>`, "https://example.com/?a=1&b=\n"},
		{`<XD>&lt;a/&gt;</XD>`, "<a/>"},
		{`<SBK> Get-Item $_ </SBK>`, " Get-Item $_ "},
		{`<Version>15.2.2562.17</Version>`, "15.2.2562.17"},
		{`<G>9ed390c2-e6fd-4bd4-a7c0-65ca6bc791d7</G>`, "9ed390c2-e6fd-4bd4-a7c0-65ca6bc791d7"},
		{`<D>-79228162514264337593543950335</D>`, "-79228162514264337593543950335"},
		{`<D>0.10</D>`, "0.10"},
		{`<C>97</C>`, "a"},
		{`<C>55296</C>`, "\uFFFD"},
		{`<B>true</B>`, true},
		{`<B> 0 </B>`, false},
		{`<By>255</By>`, int64(255)},
		{`<SB>-128</SB>`, int64(-128)},
		{`<I16>-32768</I16>`, int64(-32768)},
		{`<U16>65535</U16>`, int64(65535)},
		{`<I32>-2147483648</I32>`, int64(-2147483648)},
		{`<U32>4294967295</U32>`, int64(4294967295)},
		{`<I64>-9223372036854775808</I64>`, int64(math.MinInt64)},
		{`<U64>18446744073709551615</U64>`, uint64(math.MaxUint64)},
		{`<Sg>0.5</Sg>`, 0.5},
		{`<Db>1.7976931348623157E+308</Db>`, math.MaxFloat64},
		{`<Db>-INF</Db>`, math.Inf(-1)},
		{`<Db>INF</Db>`, math.Inf(1)},
		{`<Db>NaN</Db>`, math.NaN()},
		{`<BA>AQ ID
</BA>`, []byte{1, 2, 3}},
		{`<BA></BA>`, []byte{}},
		{`<DT>2023-02-03T14:16:02+00:00</DT>`, time.Date(2023, 2, 3, 14, 16, 2, 0, time.UTC)},
		{`<DT>2023-02-03T14:16:02.1234567+02:00</DT>`, time.Date(2023, 2, 3, 12, 16, 2, 123456700, time.UTC)},
		{`<DT>2023-02-03T14:16:02Z</DT>`, time.Date(2023, 2, 3, 14, 16, 2, 0, time.UTC)},
		{`<DT>0001-01-01T00:00:00</DT>`, time.Time{}},
		{`<DT>9999-12-31T23:59:59.9999999</DT>`, time.Date(9999, 12, 31, 23, 59, 59, 999999900, time.UTC)},
		{`<TS>-P1DT2H3M4.05S</TS>`, -(26*time.Hour + 3*time.Minute + 4*time.Second + 50*time.Millisecond)},
		{`<TS>PT0S</TS>`, time.Duration(0)},
		{`<TS>P800D</TS>`, 800 * 24 * time.Hour},
		{`<TS>P10675199DT2H48M5.4775807S</TS>`, nil},
		{`<Nil/>`, nil},
		{`<SS>01000000d08c9ddf</SS>`, nil},
		{`<Obj RefId="0"><SS>01000000d08c9ddf</SS></Obj>`, nil},
	} {
		for form, document := range map[string]string{
			"in Objs": objs(tt.element), "alone": tt.element,
		} {
			t.Run(tt.element+" "+form, func(t *testing.T) {
				got := parseOne(t, document).Value
				if diff := cmp.Diff(got, tt.want, cmpopts.EquateNaNs()); diff != "" {
					t.Errorf("got -, want +:\n%s", diff)
				}
			})
		}
	}
}

func TestSecureStringIsNotKept(t *testing.T) {
	for _, document := range []string{
		`<SS>5300450043005200450054</SS>`,
		`<Obj RefId="0"><TN RefId="0"><T>System.Security.SecureString</T></TN><SS>5300450043005200450054</SS></Obj>`,
	} {
		if o := parseOne(t, document); strings.Contains(fmt.Sprintf("%+v", o), "5300") {
			t.Errorf("got %+v, want nothing of the string", o)
		}
	}
}

const sample = `
  <Obj RefId="0">
    <TN RefId="0"><T>Contoso.Thing</T><T>System.Object</T></TN>
    <ToString>a thing_x000A_</ToString>
    <Props>
      <S N="Name">first</S><S N="NAME">last</S><S N="Both">adapted</S>
      <S N="odd_x000A__x005F_x">1</S>
      <Obj N="Day" RefId="1"><TN RefId="1"><T>System.DayOfWeek</T></TN><ToString>Friday</ToString><I32>5</I32></Obj>
      <Obj N="Services" RefId="2"><LST><S>IIS</S><S>SMTP</S></LST></Obj>
      <Obj N="None" RefId="3"><TNRef RefId="1"/><LST/></Obj>
      <Nil N="Null"/>
    </Props>
    <MS><S N="Both">extended</S><Ref N="Again" RefId="2"/><Ref N="Self" RefId="0"/><MS N="Set"><I32 N="In">1</I32></MS></MS>
  </Obj>`

func TestObject(t *testing.T) {
	o := parseOne(t, objs(sample))
	if want := []string{"Contoso.Thing", "System.Object"}; !cmp.Equal(o.TypeNames, want) {
		t.Errorf("TypeNames: got %q, want %q", o.TypeNames, want)
	}
	if want := "a thing\n"; o.Text != want {
		t.Errorf("Text: got %q, want %q", o.Text, want)
	}
	for name, want := range map[string]string{
		"name": "last", "both": "extended", "odd\n_x": "1", "Day": "Friday",
	} {
		if got, _ := o.Property(name).Str(); got != want {
			t.Errorf("Property(%q): got %q, want %q", name, got, want)
		}
	}
	if got, ok := o.Property("Day").Int(); got != 5 || !ok {
		t.Errorf("an enum's number: got %d, %t, want 5, true", got, ok)
	}
	if got, want := o.Property("None").TypeNames, []string{"System.DayOfWeek"}; !cmp.Equal(got, want) {
		t.Errorf("TNRef: got %q, want %q", got, want)
	}
	if got := o.Property("Self"); got.Type != "Ref" || got.IsNil() || got.Property("Name") != nil {
		t.Errorf("a cycle: got %+v, want an empty object of type Ref", got)
	}
	if o.Property("Again") != o.Property("Services") {
		t.Error("a reference is not the object that it names")
	}
	if got, _ := o.Property("Set").Property("in").Int(); got != 1 {
		t.Errorf("a member set: got %d, want 1", got)
	}
	if null := o.Property("Null"); null == nil || !null.IsNil() || !o.Property("absent").IsNil() {
		t.Errorf("Null: got %+v, want an object that is nil", null)
	}
}

func TestList(t *testing.T) {
	o := parseOne(t, objs(sample))
	for name, want := range map[string]int{"Services": 2, "None": 0, "Name": 1, "Day": 1, "Null": 0, "absent": 0} {
		if got := o.Property(name).List(); len(got) != want {
			t.Errorf("%s: got %d items, want %d", name, len(got), want)
		}
	}
}

func TestContainers(t *testing.T) {
	for _, container := range []string{"LST", "IE", "QUE", "STK"} {
		items := parseOne(t, fmt.Sprintf(`<Obj RefId="0"><%[1]s><S>a</S><Nil/><I32>1</I32></%[1]s></Obj>`, container)).List()
		if len(items) != 3 || items[0].Text != "a" || !items[1].IsNil() || items[2].Text != "1" {
			t.Errorf("%s: got %d items, want a, nil, 1", container, len(items))
		}
	}
}

func TestDictionaryReadsLikeAnObject(t *testing.T) {
	entry := func(key, value string) string {
		return `<En>` + key + `<S N="Value">` + value + `</S></En>`
	}
	o := parseOne(t, `<Obj RefId="0"><Props><S N="Count">adapted</S></Props><DCT>`+
		entry(`<S N="Key">key</S>`, "lower")+entry(`<S N="Key">KEY</S>`, "upper")+
		entry(`<S N="Key">Count</S>`, "entry")+entry(`<I32 N="Key">7</I32>`, "number")+`</DCT></Obj>`)
	for name, want := range map[string]string{"key": "lower", "KEY": "upper", "Key": "upper", "count": "entry", "7": ""} {
		if got, _ := o.Property(name).Str(); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if len(o.Entries) != 4 || o.Entries[3].Key.Value != int64(7) {
		t.Errorf("got %d entries, want 4 in document order", len(o.Entries))
	}
}

func TestObjectAroundAnother(t *testing.T) {
	o := parseOne(t, `<Obj RefId="0"><MS><I32 N="out">1</I32></MS><Obj RefId="1"><TN RefId="0"><T>X</T></TN><S>x</S><MS><I32 N="in">2</I32></MS></Obj></Obj>`)
	if s, _ := o.Str(); s != "x" || o.Property("out") == nil || o.Property("in") == nil || len(o.TypeNames) != 1 {
		t.Errorf("got %+v, want the text x, both members and the type name", o)
	}
}

func TestStreams(t *testing.T) {
	objects, err := Parse([]byte("#< CLIXML\r\n" + objs(`<S S="Error">e</S><S S="warning">w</S><S S="other">o</S><S>n</S>
<Obj S="progress" RefId="0"><MS><I64 N="SourceId">1</I64><PR N="Record"><AV>Preparing_x0020_modules</AV><AI>0</AI><Nil /><PI>-1</PI><PC>-1</PC><T>Completed</T><SR>-1</SR><SD> </SD></PR></MS></Obj>`)))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, o := range objects {
		got = append(got, o.Stream)
	}
	if want := []string{"Error", "Warning", "", "", "Progress"}; !cmp.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := objects[4].Property("Record").Text, "Preparing modules"; got != want {
		t.Errorf("progress: got %q, want %q", got, want)
	}
}

func TestAccessorsOfNothing(t *testing.T) {
	var o *Object
	_, s := o.Str()
	_, b := o.Bool()
	_, i := o.Int()
	_, d := o.Time()
	_, y := o.Bytes()
	if s || b || i || d || y || !o.IsNil() || o.List() != nil || o.Property("x").Property("y") != nil {
		t.Error("a nil object has a value")
	}
}

func TestAccessorsKeepToTheirType(t *testing.T) {
	for _, tt := range []struct{ element, want string }{
		{`<S>true</S>`, "Str"},
		{`<I32>1</I32>`, "Int"},
		{`<U64>9223372036854775807</U64>`, "Int"},
		{`<U64>9223372036854775808</U64>`, ""},
		{`<B>true</B>`, "Bool"},
		{`<DT>2023-02-03T14:16:02Z</DT>`, "Time"},
		{`<BA>AQ==</BA>`, "Bytes"},
		{`<Obj RefId="0"><ToString>x</ToString></Obj>`, "Str"},
		{`<Obj RefId="0"><ToString>x</ToString><I32>1</I32></Obj>`, "Str Int"},
		{`<Obj RefId="0"/>`, ""},
		{`<Nil/>`, ""},
		{`<PR><AV>x</AV></PR>`, ""},
	} {
		if got := answering(parseOne(t, tt.element)); got != tt.want {
			t.Errorf("%s: got an answer from %q, want %q", tt.element, got, tt.want)
		}
	}
}

// answering names the accessors that have a value.
func answering(o *Object) string {
	var names []string
	note := func(name string, ok bool) {
		if ok {
			names = append(names, name)
		}
	}
	_, ok := o.Str()
	note("Str", ok)
	_, ok = o.Bool()
	note("Bool", ok)
	_, ok = o.Int()
	note("Int", ok)
	_, ok = o.Time()
	note("Time", ok)
	_, ok = o.Bytes()
	note("Bytes", ok)
	return strings.Join(names, " ")
}
