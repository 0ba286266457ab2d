package clixml

import "testing"

func TestErrorText(t *testing.T) {
	stream := header + "\r\n" + objs(`<Obj S="progress" RefId="0"><MS><PR N="Record"><AV>Preparing</AV></PR></MS></Obj>`+
		`<S S="Error">Get-Foo : nicht gefunden_x000D__x000A_</S><S S="warning">careful</S>`+
		`<S S="Error">_x001B_[31;1mAt line:1_x001B_[0m_x000D__x000A_</S><S>output</S>`)
	const want = "Get-Foo : nicht gefunden\nAt line:1"
	for _, tt := range []struct{ name, text, want string }{
		{"one document", stream, want},
		{"progress only", header + "\r\n" + objs(`<S S="progress">x</S>`), ""},
		{"no CLIXML", "Access is denied.\r\n\x1b[0m", "Access is denied.\r\n\x1b[0m"},
		{"nothing", "", ""},
		{"markup that is no CLIXML", "<Objs>", "<Objs>"},
		{"after another program's words", "plain\n" + stream, "plain\n" + want},
		{"before another program's words", stream + "\r\nplain\r\n", want + "\n\nplain"},
		// A powershell.exe that starts another: both headers first, then both documents.
		{"nested", header + "\r\n" + header + "\r\n" + objs(`<S S="Error">one_x000A_</S>`) + objs(`<S S="Error">two_x000A_</S>`), "one\ntwo"},
		{"one after the other", stream + stream, want + "\n" + want},
		{"error record", header + "\n" + objs(`<Obj S="Error" RefId="0"><ToString>denied</ToString></Obj><S S="Error">more</S>`), "denied\nmore"},
		{"of another code page", header + "\n" + objs("<S S=\"Error\">nicht verf\x81gbar</S>"), "nicht verf\uFFFDgbar"},
		{"window title", header + "\n" + objs(`<S S="Error">_x001B_]0;title_x0007_text</S>`), "text"},
		{"cut off", header + "\n<Objs><S S=\"Error\">half", "<Objs><S S=\"Error\">half"},
		{"malformed", header + "\n<Objs><S S=\"Error\">a</T></Objs> b", "<Objs><S S=\"Error\">a</T></Objs> b"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := ErrorText([]byte(tt.text)); got != tt.want {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}
