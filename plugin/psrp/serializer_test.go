package psrp

import (
	"encoding/base64"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"check_exchange_authcert/plugin/clixml"
)

// values are what an object holds, by path.
func values(path string, o *clixml.Object, all map[string]string) map[string]string {
	if text, ok := o.Str(); ok || o.IsNil() || o.Value != nil {
		all[path] = fmt.Sprintf("%q %v", text, o.Value)
	}
	for _, m := range o.Extended {
		values(path+"."+m.Name, m.Value, all)
	}
	for i, item := range o.Items {
		values(fmt.Sprintf("%s[%d]", path, i), item, all)
	}
	return all
}

// TestEngineSerializesTheSame has PSSerializer read every kind of message that is sent, and write it again.
func TestEngineSerializesTheSame(t *testing.T) {
	pwsh := shared(t, "powershell", "pwsh")
	create, err := createPipeline([]Command{
		{"Get-ExchangeCertificate", []Parameter{{"Server", "ex01.contoso.com"}, {"Names", []string{"a", "<&>_x0041_"}}, {"", "positional"}}},
		{"Where-Object", []Parameter{{"Flag", true}, {"Number", int32(-7)}, {"Long", int64(1) << 40}, {"Nothing", nil}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	documents := []string{string(create)}
	pool := NewPool()
	reply, err := pool.refuse(Message{Type: RunspacePoolHostCall, Data: []byte(`<Obj RefId="0"><MS><I64 N="ci">5</I64><Obj N="mi" RefId="1"><ToString>ReadLine</ToString><I32>11</I32></Obj></MS></Obj>`)})
	if err != nil {
		t.Fatal(err)
	}
	var d Defragmenter
	for _, data := range [][]byte{pool.Open(), reply} {
		messages, err := d.Add(data)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range messages {
			documents = append(documents, string(m[messageHeader:]))
		}
	}
	script := "foreach ($line in [Console]::In.ReadToEnd().Trim().Split([char]10)) { $o = [Management.Automation.PSSerializer]::Deserialize([Text.Encoding]::UTF8.GetString([Convert]::FromBase64String($line)))\n" +
		"[Convert]::ToBase64String([Text.Encoding]::UTF8.GetBytes([Management.Automation.PSSerializer]::Serialize($o, 12))) }"
	command := exec.Command(pwsh, "-NoProfile", "-Command", script)
	var input strings.Builder
	for _, document := range documents {
		fmt.Fprintf(&input, "%s\n", base64.StdEncoding.EncodeToString([]byte(`<Objs Version="1.1.0.1" xmlns="http://schemas.microsoft.com/powershell/2004/04">`+document+`</Objs>`)))
	}
	command.Stdin = strings.NewReader(input.String())
	out, err := command.Output()
	lines := strings.Fields(string(out))
	if err != nil || len(lines) != len(documents) {
		t.Fatalf("got %d answers for %d documents, %v: %s", len(lines), len(documents), err, out)
	}
	for i, line := range lines {
		again, err := base64.StdEncoding.DecodeString(line)
		if err != nil {
			t.Fatal(err)
		}
		got, err := clixml.Parse(again)
		if err != nil {
			t.Fatal(err)
		}
		want, err := clixml.Parse([]byte(documents[i]))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(values("", got[0], map[string]string{}), values("", want[0], map[string]string{})); diff != "" || len(values("", want[0], map[string]string{})) < 3 {
			t.Errorf("document %d: got -, want +:\n%s", i, diff)
		}
	}
}
