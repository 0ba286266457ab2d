package clixml

import (
	"fmt"
	"strings"
	"testing"
)

func FuzzParse(f *testing.F) {
	for _, body := range []string{
		sample, "", `<S S="Error">_x000D__xD83D__xDE00__x005F_</S>`, `<Obj RefId="0"><DCT><En><S N="Key">k</S><Nil N="Value"/></En></DCT></Obj>`,
		`<Obj><QUE><DT>2023-02-03T14:16:02.5+00:00</DT><TS>-P1DT2H3M4.5S</TS><BA>AQ==</BA><SS>a</SS><C>55296</C><Db>NaN</Db></QUE></Obj>`,
		`<PR><AV>a</AV><Nil/></PR><G>9ed390c2-e6fd-4bd4-a7c0-65ca6bc791d7</G><Version>1.2</Version><D>-.5</D><U64>1</U64>`,
	} {
		f.Add([]byte(objs(body)))
		f.Add([]byte(header + "\r\n" + objs(body)))
	}
	f.Add([]byte("\xFF\xFE<\x00S\x00/\x00>\x00"))
	f.Add([]byte(`<?xml version="1.0" encoding="utf-16"?><Obj RefId="0"><LST><Ref RefId="0"/></LST></Obj>`))
	f.Add([]byte(doubling(30)))
	f.Add([]byte(wrapped(9, 9)))
	f.Add([]byte(objs(strings.Repeat("<S/>", 2000))))
	f.Fuzz(func(t *testing.T, data []byte) {
		ErrorText(data)
		objects, err := Parse(data)
		if err != nil {
			if objects != nil || strings.ContainsAny(err.Error(), "\r\n") {
				t.Errorf("got %d objects and the error %q, want none and one line", len(objects), err)
			}
			return
		}
		met := 0
		for _, o := range objects {
			met += walk(t, o)
		}
		if met > MaxObjects {
			t.Errorf("a walk meets %d objects, want at most %d", met, MaxObjects)
		}
	})
}

// walk uses every accessor on o and all that it leads to, and counts the objects.
func walk(t *testing.T, o *Object) int {
	met := 1
	answering(o)
	if o.IsNil() != (len(o.List()) == 0 && o.Items == nil) {
		t.Errorf("%s: nil %t, but %d items", o.Type, o.IsNil(), len(o.List()))
	}
	for _, members := range [][]Member{o.Adapted, o.Extended} {
		for _, m := range members {
			if o.Property(m.Name) == nil {
				t.Errorf("%s: a property is not found under its name %q", o.Type, m.Name)
			}
			met += walk(t, m.Value)
		}
	}
	for _, item := range o.Items {
		met += walk(t, item)
	}
	for _, e := range o.Entries {
		walk(t, e.Key)
		met += walk(t, e.Value)
	}
	return met
}

func BenchmarkParse(b *testing.B) {
	var body strings.Builder
	for i := 0; body.Len() < 1<<20; i++ {
		fmt.Fprintf(&body, `<Obj RefId="%d"><ToString>CN=a_x000A_</ToString><Props><S N="Thumbprint">E1BDF9AE58C93C75E76C9DD882138FB8FF0FA786</S>`+
			`<DT N="NotAfter">2023-02-03T14:16:02+00:00</DT><BA N="RawData">%s</BA></Props><MS><B N="PSShowComputerName">false</B></MS></Obj>`, i, strings.Repeat("MIIC", 200))
	}
	document := []byte(objs(body.String()))
	b.SetBytes(int64(len(document)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(document); err != nil {
			b.Fatal(err)
		}
	}
}
