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

// values are what an object is and holds, by path. To the engine a type that it does not load anew is a deserialized one,
// and an object without a type a custom one.
func values(path string, o *clixml.Object, all map[string]string) map[string]string {
	all[path] = fmt.Sprintf("%s %q %v", o.Type, o.Text, o.Value)
	if len(o.TypeNames) > 0 && o.TypeNames[0] != "System.Management.Automation.PSCustomObject" {
		all[path] += " " + strings.ReplaceAll(strings.Join(o.TypeNames, " "), "Deserialized.", "")
	}
	for _, m := range o.Extended {
		values(path+"."+m.Name, m.Value, all)
	}
	for _, m := range o.Adapted {
		values(path+"/"+m.Name, m.Value, all)
	}
	for i, item := range o.Items {
		values(fmt.Sprintf("%s[%d]", path, i), item, all)
	}
	return all
}

// essential is what the engine must find in the documents, in their order.
var essential = []map[string]string{
	{
		".PowerShell.Cmds": `Obj "" <nil> ` + strings.Join(psObjects, " "), ".PowerShell.Cmds[0].Cmd": `S "Get-ExchangeCertificate" Get-ExchangeCertificate`,
		".PowerShell.Cmds[0].IsScript": `B "false" false`, ".PowerShell.Cmds[0].Args[0].N": `S "Server" Server`, ".PowerShell.Cmds[0].Args[0].V": `S "ex01.contoso.com" ex01.contoso.com`,
		".PowerShell.Cmds[0].Args[1].V":  `Obj "" <nil> System.String[] System.Array System.Object`,
		".PowerShell.Cmds[0].MergeError": `Obj "None" 0 ` + resultTypes + ` System.Enum System.ValueType System.Object`,
	},
	{".protocolversion": `Version "2.3" 2.3`},
	{".MaxRunspaces": `I32 "1" 1`, ".HostInfo._isHostNull": `B "true" true`, ".ApartmentState": `Obj "Unknown" 2 System.Threading.ApartmentState System.Enum System.ValueType System.Object`},
	{
		".ci": `I64 "5" 5`, ".mi": `Obj "ReadLine" 11 System.Management.Automation.Remoting.RemoteHostMethodId System.Enum System.ValueType System.Object`,
		".me":                       fmt.Sprintf("Obj %q <nil> System.Management.Automation.ErrorRecord System.Object", refused),
		".me.Exception":             fmt.Sprintf("Obj %q <nil> System.NotSupportedException System.SystemException System.Exception System.Object", refused),
		".me.Exception/Message":     fmt.Sprintf("S %q %s", refused, refused),
		".me.FullyQualifiedErrorId": `S "NoHost" NoHost`, ".me.ErrorCategory_Category": `I32 "11" 11`,
	},
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
		read := values("", got[0], map[string]string{})
		if diff := cmp.Diff(read, values("", want[0], map[string]string{})); diff != "" {
			t.Errorf("document %d: got -, want +:\n%s", i, diff)
		}
		for path, text := range essential[i] {
			if read[path] != text {
				t.Errorf("document %d: got %s = %s, want %s", i, path, read[path], text)
			}
		}
	}
}
