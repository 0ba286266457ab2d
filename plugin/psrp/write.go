package psrp

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// writer writes the CLIXML of one message: just what the client's messages are made of. It numbers objects and type
// names; all types are spelled out, which every reader takes.
type writer struct {
	strings.Builder
	objects, types int
}

// tag opens an element; name is its N attribute, "" for none.
func (w *writer) tag(element, name, more string) {
	w.WriteString("<" + element)
	if name != "" {
		w.WriteString(` N="` + escape(name) + `"`)
	}
	w.WriteString(more + ">")
}

func (w *writer) simple(element, name, text string) {
	w.tag(element, name, "")
	w.WriteString(text + "</" + element + ">")
}

func (w *writer) str(name, text string)       { w.simple("S", name, escape(text)) }
func (w *writer) version(name, text string)   { w.simple("Version", name, text) }
func (w *writer) boolean(name string, b bool) { w.simple("B", name, strconv.FormatBool(b)) }
func (w *writer) i32(name string, n int32)    { w.simple("I32", name, strconv.Itoa(int(n))) }
func (w *writer) i64(name string, n int64)    { w.simple("I64", name, strconv.FormatInt(n, 10)) }

func (w *writer) null(name string) { w.tag("Nil", name, " /") }

// object writes an <Obj> of the types given around what body writes.
func (w *writer) object(name string, types []string, body func()) {
	w.tag("Obj", name, fmt.Sprintf(` RefId="%d"`, w.objects))
	w.objects++
	if types != nil {
		fmt.Fprintf(w, `<TN RefId="%d">`, w.types)
		w.types++
		for _, t := range types {
			w.simple("T", "", escape(t))
		}
		w.WriteString("</TN>")
	}
	body()
	w.WriteString("</Obj>")
}

// bag writes an object that has nothing but properties of its own.
func (w *writer) bag(name string, members func()) {
	w.object(name, nil, func() {
		w.WriteString("<MS>")
		members()
		w.WriteString("</MS>")
	})
}

// enum writes a value of one of PowerShell's enumerations: its type's name, the value's, and the number.
func (w *writer) enum(name, enumeration, text string, n int32) {
	types := []string{enumeration, "System.Enum", "System.ValueType", "System.Object"}
	w.object(name, types, func() {
		w.simple("ToString", "", escape(text))
		w.i32("", n)
	})
}

func (w *writer) list(name string, types []string, items func()) {
	w.object(name, types, func() {
		w.WriteString("<LST>")
		items()
		w.WriteString("</LST>")
	})
}

// escape writes what XML cannot hold or would change as _xHHHH_, as PowerShell does, and an underscore that would
// otherwise begin such a sequence. Bytes that are no UTF-8 become U+FFFD.
func escape(text string) string {
	var b strings.Builder
	for i, r := range text {
		switch {
		case r == '&':
			b.WriteString("&amp;")
		case r == '<':
			b.WriteString("&lt;")
		case r == '>':
			b.WriteString("&gt;")
		case r == '"':
			b.WriteString("&quot;")
		case r < ' ', r >= 0x7f && r < 0xa0, r == 0x2028, r == 0x2029, r == 0xfffe, r == 0xffff,
			r == '_' && i+1 < len(text) && text[i+1]|' ' == 'x':
			fmt.Fprintf(&b, "_x%04X_", r)
		case r == utf8.RuneError:
			b.WriteRune(utf8.RuneError)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
