// Command powershell stands in for Windows PowerShell where the Windows build
// is tried without it. It notes how it was called and answers as the collector
// does with the facts of a snapshot, or fails in one of the ways that
// PowerShell may.
package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
)

func main() {
	does := os.Getenv("POWERSHELL_DOES")
	if does == "linger" {
		linger()
	}
	line, err := bufio.NewReader(os.Stdin).ReadString('\n')
	must(err)
	input, err := base64.StdEncoding.DecodeString(strings.TrimSpace(line))
	must(err)
	note(string(input))
	switch does {
	case "hang":
		leaveChild()
		linger()
	case "fail": // as a German Windows does, in its code page 850
		fmt.Fprint(os.Stderr, "Die Ausf\x81hrung ist durch eine Gruppenrichtlinie gesperrt.\r\n")
		os.Exit(1)
	case "leave":
		leaveChild()
		fallthrough
	case "answer":
		answer(string(input))
	}
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(9)
	}
}

// note writes down the arguments, the input and what secrets there are in the
// environment. The script is its own test's matter.
func note(input string) {
	args := slices.Clone(os.Args[1:])
	args[len(args)-1] = fmt.Sprintf("script of at least %d KiB", len(args[len(args)-1])>>10)
	secrets := slices.DeleteFunc(os.Environ(), func(entry string) bool { return !strings.Contains(strings.ToLower(entry), "password") })
	text := fmt.Sprintf("%s\n%s\nsecrets: %q\n", strings.Join(args, " "), input, secrets)
	must(os.WriteFile(os.Getenv("POWERSHELL_NOTE"), []byte(text), 0o600))
}

// leaveChild starts a process that outlives this one and holds its output, and
// waits until it is watched.
func leaveChild() {
	self, err := os.Executable()
	must(err)
	child := exec.Command(self)
	child.Env = append(os.Environ(), "POWERSHELL_DOES=linger")
	child.Stdout = os.Stdout
	ready, err := child.StderrPipe()
	must(err)
	must(child.Start())
	_, err = ready.Read(make([]byte, 1))
	must(err)
}

// linger lives until whoever watches hangs up.
func linger() {
	watch, err := net.Dial("tcp", os.Getenv("POWERSHELL_WATCH"))
	must(err)
	fmt.Fprintln(os.Stderr, "watched")
	_, _ = io.Copy(io.Discard, watch)
	os.Exit(0)
}

var nonce = regexp.MustCompile(`(?m)^nonce=(.*)$`)

// answer prints a snapshot the way the collector does.
func answer(input string) {
	data, err := os.ReadFile(os.Getenv("POWERSHELL_FACTS"))
	must(err)
	var facts any
	must(json.Unmarshal(data, &facts))
	var zipped bytes.Buffer
	writer := gzip.NewWriter(&zipped)
	fmt.Fprintf(writer, `<Objs Version="1.1.0.1" xmlns="http://schemas.microsoft.com/powershell/2004/04">%s</Objs>`, clixml("", facts))
	must(writer.Close())
	mark := "AUTHCERT " + nonce.FindStringSubmatch(input)[1] + "-----\r\n"
	fmt.Print("\r\n-----BEGIN ", mark, base64.StdEncoding.EncodeToString(zipped.Bytes()), "\r\n-----END ", mark)
}

// bytesOf is base64 that stands for bytes.
type bytesOf string

// clixml writes what JSON can say as PowerShell's serializer would; certificates
// are bytes.
func clixml(key string, value any) string {
	name := ""
	if key != "" {
		name = ` N="` + key + `"`
	}
	switch v := value.(type) {
	case string:
		return "<S" + name + ">" + v + "</S>"
	case bytesOf:
		return fmt.Sprintf("<BA%s>%s</BA>", name, string(v))
	case bool:
		return fmt.Sprintf("<B%s>%t</B>", name, v)
	case float64:
		return fmt.Sprintf("<I32%s>%.0f</I32>", name, v)
	case []any:
		items := ""
		for _, item := range v {
			items += clixml("", item)
		}
		return fmt.Sprintf(`<Obj%s RefId="0"><LST>%s</LST></Obj>`, name, items)
	case map[string]any:
		entries := ""
		for k, item := range v {
			if text, isText := item.(string); isText && k == "rawData" {
				item = bytesOf(text)
			}
			entries += fmt.Sprintf("<En>%s%s</En>", clixml("Key", k), clixml("Value", item))
		}
		return fmt.Sprintf(`<Obj%s RefId="0"><DCT>%s</DCT></Obj>`, name, entries)
	}
	return "<Nil" + name + " />"
}
