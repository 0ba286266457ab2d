package source_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"check_exchange_authcert/plugin/authcert"
	"check_exchange_authcert/plugin/wsman"
	"check_exchange_authcert/plugin/wsman/wsmantest"
)

// crowd puts a text at the end of an envelope's part.
func crowd(part, text string) func([]byte) []byte {
	return func(envelope []byte) []byte {
		return bytes.Replace(envelope, []byte("</s:"+part+">"), []byte(text+"</s:"+part+">"), 1)
	}
}

// crowds are very many parts of an answer, in the forms that a parser may stumble over.
var crowds = []string{
	strings.Repeat("<many/>", 130_000),
	strings.Repeat("<deep>", 70_000) + strings.Repeat("</deep>", 70_000),
	"<names" + manyNames(30_000) + ">" + strings.Repeat("<many/>", 30_000) + "</names>",
}

func manyNames(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, ` xmlns:n%d="u"`, i)
	}
	return b.String()
}

// TestCrowds has the host answer with more than it was asked for, nearly as much as is read at all: that does not matter,
// and costs little. The WinRM shell's library took 280 MiB for 3,000 names, and more than the time that there was.
func TestCrowds(t *testing.T) {
	makeSound(t)
	for _, c := range []conversation{{auth: wsman.AuthNTLM}, {auth: wsman.AuthKerberos, remoting: true}} {
		for _, step := range []wsmantest.Step{wsmantest.StepCreate, wsmantest.StepCommand, wsmantest.StepReceive} {
			for _, part := range []string{"Header", "Body"} {
				for _, text := range crowds {
					t.Run(fmt.Sprintf("remoting=%t %s %s %.9s", c.remoting, step, part, text), func(t *testing.T) {
						peer, _, src := c.peer(t, parse, noFault, wsmantest.Options{Interfere: at(step, wsmantest.Interference{Rewrite: crowd(part, text)})})
						o := cell{fault: crowded}.ask(t, src(), patience)
						if s := peer.Stats(); o.got.state != authcert.OK || o.peak > most || s.OpenShells+s.RunningCommands > 0 {
							t.Errorf("%s, %s at %q: %s; %d MiB; left behind: %+v; want OK, at most %d MiB, and nothing", o.got.state, o.got.reason, o.got.stage, o.problem.Message, o.peak>>20, s, most>>20)
						}
					})
				}
			}
		}
	}
}
