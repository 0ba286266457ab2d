package clixml

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"unicode/utf16"
)

func TestMalformed(t *testing.T) {
	for _, tt := range []struct{ name, document, want string }{
		{"nothing", "", "no CLIXML: the document holds no element"},
		{"header only", "#< CLIXML\r\n", "no CLIXML: the document holds no element"},
		{"prose", "Access is denied", "line 1: text between the elements of the document"},
		{"JSON", `{"a":1}`, "line 1: text between the elements of the document"},
		{"HTML", "<html>", "line 1: unexpected <html>"},
		{"cut off", "\n<Objs><Obj RefId=\"0\">", "line 2: the document ends too early"},
		{"cut off in a tag", `<Objs><Obj RefId="0`, "line 1: the document ends too early"},
		{"header counts as a line", "#< CLIXML\r\n<Objs>\n<Foo/></Objs>", "line 3: unexpected <Foo>"},
		{"crossed tags", "<Objs><S>secret</Objs></S>", "line 1: not well-formed XML"},
		{"unknown entity", "<S>&secret;</S>", "line 1: not well-formed XML"},
		{"control character", "<S>\x01</S>", "line 1: not well-formed XML"},
		{"not UTF-8", "<S>\xFF</S>", "line 1: not well-formed XML"},
		{"after the end", "<Objs></Objs><S/>", "line 1: unexpected <S>"},
		{"text after the end", "<Objs></Objs>secret", "line 1: text between the elements of the document"},
		{"two without Objs", "<S/><S/>", "line 1: unexpected <S>"},
		{"Objs in Objs", "<Objs><Objs/></Objs>", "line 1: unexpected <Objs>"},
		{"document type", `<!DOCTYPE Objs [<!ENTITY a "b">]><Objs/>`, "line 1: a document type, comment or CDATA section, which CLIXML does not have"},
		{"comment", "<Objs>\n<!-- x --></Objs>", "line 2: a document type, comment or CDATA section, which CLIXML does not have"},
		{"CDATA", `<S><![CDATA[x]]></S>`, "line 1: a document type, comment or CDATA section, which CLIXML does not have"},
		{"another encoding", `<?xml version="1.0" encoding="iso-8859-1"?><Objs/>`, "line 1: an encoding other than UTF-8 and UTF-16 is declared"},
		{"another namespace", `<Objs xmlns="urn:x"/>`, "line 1: <Objs> of another namespace"},
		{"undeclared prefix", `<x:Objs/>`, "line 1: <Objs> of another namespace"},
		{"half a character", "\xFF\xFE<\x00S", "CLIXML in UTF-16 with half a character at the end"},
		{"text in Obj", `<Obj RefId="0">secret</Obj>`, "line 1: text between the elements of <Obj>"},
		{"element in a primitive", `<S>a<I32>5</I32></S>`, "line 1: unexpected <I32>"},
		{"Nil with content", `<Nil><S/></Nil>`, "line 1: unexpected <S>"},
		{"bare list", `<LST/>`, "line 1: unexpected <LST>"},
		{"Nil inside Obj", `<Obj RefId="0"><Nil/></Obj>`, "line 1: unexpected <Nil>"},
		{"two values", `<Obj RefId="0"><S/><LST/></Obj>`, "line 1: <Obj> with a second value, <LST>"},
		{"unknown reference", `<Obj RefId="0"><LST><Ref RefId="7"/></LST></Obj>`, "line 1: <Ref> to object 7, which does not stand before it"},
		{"forward reference", `<Obj RefId="0"><LST><Ref RefId="1"/><Obj RefId="1"/></LST></Obj>`, "line 1: <Ref> to object 1, which does not stand before it"},
		{"unknown type names", `<Obj RefId="0"><TNRef RefId="3"/></Obj>`, "line 1: <TNRef> to type names 3, which do not stand before it"},
		{"Ref without RefId", `<Ref/>`, "line 1: <Ref> without a RefId"},
		{"RefId of words", `<Obj RefId="secret"/>`, "line 1: <Obj> with a RefId that is no number"},
		{"RefId of words on TN", `<Obj><TN RefId="secret"/></Obj>`, "line 1: <TN> with a RefId that is no number"},
		{"content of TN", `<Obj><TN><S/></TN></Obj>`, "line 1: unexpected <S>"},
		{"property without a name", `<Obj><Props><S>secret</S></Props></Obj>`, "line 1: <S> in <Props> without a name"},
		{"member set in Props", `<Obj><Props><MS N="a"/></Props></Obj>`, "line 1: unexpected <MS>"},
		{"dictionary of values", `<Obj><DCT><S>1</S></DCT></Obj>`, "line 1: unexpected <S>"},
		{"value before key", `<Obj><DCT><En><S N="Value"/><S N="Key"/></En></DCT></Obj>`, "line 1: <En> that is not a Key and a Value"},
		{"key alone", `<Obj><DCT><En><S N="Key"/></En></DCT></Obj>`, "line 1: <En> that is not a Key and a Value"},
		{"null key", `<Obj><DCT><En><Nil N="Key"/><S N="Value"/></En></DCT></Obj>`, "line 1: <En> that is not a Key and a Value"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			objects, err := Parse([]byte(tt.document))
			if err == nil {
				t.Fatalf("got %d objects, want the error %q", len(objects), tt.want)
			}
			if err.Error() != tt.want {
				t.Errorf("got  %q\nwant %q", err, tt.want)
			}
		})
	}
}

func TestMalformedPrimitives(t *testing.T) {
	for element, texts := range map[string][]string{
		"B":       {"", "True", "yes"},
		"C":       {"", "a", "65536"},
		"By":      {"", "256", "-1"},
		"SB":      {"128"},
		"I16":     {"32768"},
		"U16":     {"65536"},
		"I32":     {"", "2147483648", "0x1", "1_000", "1.0"},
		"U32":     {"4294967296"},
		"I64":     {"9223372036854775808"},
		"U64":     {"-1", "18446744073709551616"},
		"Sg":      {"", "1e39"},
		"Db":      {"", "inf", "0x1p4", "1e309", "Infinity"},
		"D":       {"", "1e5", ".", "NaN"},
		"G":       {"", "{9ed390c2-e6fd-4bd4-a7c0-65ca6bc791d7}", "9ed390c2"},
		"Version": {"", "1", "1.2.3.4.5", "1.-1"},
		"DT":      {"", "2023-02-30T00:00:00Z", "/Date(0)/", "2023-02-03"},
		"TS":      {"", "P", "PT", "P1DT", "P1Y", "1.00:00:00", "-PT"},
		"BA":      {"AQI", "%"},
	} {
		for _, text := range texts {
			want := "line 1: <" + element + "> with malformed content"
			if _, err := Parse([]byte("<" + element + ">" + text + "</" + element + ">")); err == nil || err.Error() != want {
				t.Errorf("%s %q: got %v, want %s", element, text, err, want)
			}
		}
	}
}

func TestEncodings(t *testing.T) {
	document := `<?xml version="1.0" encoding="utf-16"?>` + objs("\n<S>Zürich 😀</S>")
	units := utf16.Encode([]rune(document))
	little, big := []byte("\xFF\xFE"), []byte("\xFE\xFF")
	for _, u := range units {
		little, big = append(little, byte(u), byte(u>>8)), append(big, byte(u>>8), byte(u))
	}
	for name, data := range map[string][]byte{
		"UTF-8": []byte(document), "UTF-8 with BOM": []byte("\uFEFF" + document), "UTF-16 LE": little, "UTF-16 BE": big,
		"declared as UTF-8": []byte(strings.Replace(document, "utf-16", "UTF-8", 1)),
	} {
		t.Run(name, func(t *testing.T) {
			if got, want := parseOne(t, string(data)).Text, "Zürich 😀"; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
	if got, want := parseOne(t, "\xFF\xFE<\x00S\x00>\x00\x00\xD8a\x00\x00\xDC<\x00/\x00S\x00>\x00").Text, "\uFFFDa\uFFFD"; got != want {
		t.Errorf("halves of a pair: got %q, want %q", got, want)
	}
}

// nested returns depth lists inside one another.
func nested(depth int) string {
	return strings.Repeat("<Obj><LST>", depth) + strings.Repeat("</LST></Obj>", depth)
}

// doubling returns lists of which each holds the one before it twice: a walk meets 2^n objects.
func doubling(n int) string {
	var b strings.Builder
	b.WriteString(`<Obj RefId="0"/>`)
	for i := range n {
		fmt.Fprintf(&b, `<Obj RefId="%d"><LST><Ref RefId="%d"/><Ref RefId="%[2]d"/></LST></Obj>`, i+1, i)
	}
	return objs(b.String())
}

// wrapped returns objects in one another, of which the innermost has properties.
func wrapped(levels, properties int) string {
	return strings.Repeat("<Obj>", levels) + "<MS>" + strings.Repeat(`<Nil N=""/>`, properties) + "</MS>" + strings.Repeat("</Obj>", levels)
}

// filled returns a document of size bytes that is prefix, many units and suffix.
func filled(size int, prefix, unit, suffix string) string {
	return prefix + strings.Repeat(unit, (size-len(prefix)-len(suffix))/len(unit)) + suffix
}

// allocated parses a document and returns how many bytes that took in all,
// which is more than were ever held at once.
func allocated(document []byte) (uint64, error) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := Parse(document)
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc, err
}

func TestLimits(t *testing.T) {
	const size, most = 16 << 20, 512 << 20
	for _, tt := range []struct{ name, document, want string }{
		{"size", strings.Repeat(" ", MaxSize+1), "CLIXML of 67108865 bytes; the limit is 67108864"},
		{"full depth", nested(MaxDepth), ""},
		{"depth", nested(MaxDepth + 1), "line 1: objects 65 deep; the limit is 64"},
		{"depth of member sets", "<Obj><MS>" + strings.Repeat(`<MS N="a">`, MaxDepth), "line 1: objects 65 deep; the limit is 64"},
		{"small elements", filled(size, "<Objs>", "<Nil/>", ""), "line 1: 150001 objects and type names; the limit is 150000"},
		{"small objects", filled(size, "<Obj><MS>", `<Obj N="" RefId="1"/>`, ""), "line 1: 150001 objects and type names; the limit is 150000"},
		{"type names", filled(size, "<Obj><TN>", "<T/>", ""), "line 1: 150001 objects and type names; the limit is 150000"},
		{"type name lists", filled(size, "<Obj>", `<TN RefId="1"/>`, ""), "line 1: 150001 objects and type names; the limit is 150000"},
		{"repeated references", doubling(10), ""},
		{"doubling references", doubling(30), "line 1: 196558 objects and type names; the limit is 150000"},
		{"as many as there may be", objs(strings.Repeat("<S/>", MaxObjects)), ""},
		{"one more", objs(strings.Repeat("<S/>", MaxObjects+1)), "line 1: 150001 objects and type names; the limit is 150000"},
		{"the same keys", objs("<Obj><DCT>" + strings.Repeat(`<En><S N="Key">a</S><S N="Value"/></En>`, MaxObjects-3) + "</DCT></Obj>"), ""},
		{"properties in object in object", wrapped(60, MaxObjects-100), "line 1: 299860 objects and type names; the limit is 150000"},
		{"attributes", filled(size, "<Objs ", "a='' ", ">"), "line 1: a tag longer than 64 KiB"},
		{"attributes with brackets", filled(size, "<Objs ", "a='>' ", ">"), "line 1: a tag longer than 64 KiB"},
		{"instruction", filled(size, "<?a ", "b", "?>"), "line 1: a tag longer than 64 KiB"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			used, err := allocated([]byte(tt.document))
			got := ""
			if err != nil {
				got = err.Error()
			}
			if got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
			if used > most {
				t.Errorf("got %d bytes allocated, want at most %d", used, most)
			}
		})
	}
}

func TestLongTextCostsAMultipleOfItsSize(t *testing.T) {
	const size, most = 8 << 20, 8
	for name, document := range map[string]string{
		"text":  filled(size, "<S>", "_x000A_", "</S>"),
		"bytes": filled(size, "<BA>", "AAAA", "</BA>"),
	} {
		if used, err := allocated([]byte(document)); err != nil || used > most*size {
			t.Errorf("%s: got %d bytes allocated, %v, want at most %d", name, used, err, most*size)
		}
	}
}
