package source

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"check_exchange_authcert/plugin/authcert"
)

const testNonce = "0123456789abcdef0123456789abcdef"

// wrap frames a document as the script does.
func wrap(nonce string, document []byte) string {
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	if _, err := w.Write(document); err != nil || w.Close() != nil {
		panic("a bytes.Buffer does not fail")
	}
	return frame(nonce, zipped.Bytes())
}

func frame(nonce string, payload []byte) string {
	text := base64.StdEncoding.EncodeToString(payload)
	var lines strings.Builder
	for len(text) > 76 {
		lines.WriteString(text[:76] + "\r\n")
		text = text[76:]
	}
	return fmt.Sprintf("\r\n-----BEGIN AUTHCERT %s-----\r\n%s\r\n-----END AUTHCERT %[1]s-----\r\n", nonce, lines.String()+text)
}

func TestCollectorFitsIntoOneCommandLine(t *testing.T) {
	args, err := collectorArgs(windowsPowerShell)
	if err != nil {
		t.Fatal(err)
	}
	line := windowsPowerShell + " " + strings.Join(args, " ")
	t.Logf("script: %d characters as printed, %d as sent; command line: %d", len(collectScript), len(minify(collectScript)), len(line))
	if len(line) > maxCommandLine {
		t.Errorf("got a command line of %d characters, want at most %d", len(line), maxCommandLine)
	}
	encoded, err := base64.StdEncoding.DecodeString(args[len(args)-1])
	if err != nil {
		t.Fatal(err)
	}
	units := make([]uint16, len(encoded)/2)
	for i := range units {
		units[i] = uint16(encoded[2*i]) | uint16(encoded[2*i+1])<<8
	}
	if got, want := string(utf16.Decode(units)), minify(collectScript); got != want {
		t.Errorf("got another script than was to be sent: %d characters, want %d", len(got), len(want))
	}
}

func TestCommandLineLimit(t *testing.T) {
	rest, err := encodedCommand("", "")
	if err != nil {
		t.Fatal(err)
	}
	fixed := len(strings.Join(rest, " ")) + len(`"" `)
	// Three units are eight characters of base64.
	fits := (maxCommandLine - fixed) / 8 * 3
	if _, err := encodedCommand("", strings.Repeat("x", fits)); err != nil {
		t.Errorf("%d characters: got %v, want no error", fits, err)
	}
	var problem *authcert.Problem
	if _, err := encodedCommand("", strings.Repeat("x", fits+3)); !errors.As(err, &problem) || problem.Reason != authcert.Unsupported {
		t.Errorf("%d characters: got %v, want an unsupported one", fits+3, err)
	}
	if _, err := encodedCommand(strings.Repeat("p", maxCommandLine), "x"); err == nil {
		t.Error("got no error for a path that fills the command line alone")
	}
}

func TestScriptIsASCII(t *testing.T) {
	for number, line := range strings.Split(Collector(), "\n") {
		for _, r := range line {
			if r > '~' || r < ' ' {
				t.Errorf("line %d holds %q: PowerShell 5.1 reads a file in the code page of the host", number+1, r)
			}
		}
	}
}

func TestMinify(t *testing.T) {
	table := []struct{ name, script, want string }{
		{"comment", "# a\n  # b\n$x = 1\n", "$x = 1"},
		{"indentation", "if ($x) {\n\t    $y # not taken off\n}\n", "if ($x) {\n$y # not taken off\n}"},
		{"blank lines and CR LF", "$x\r\n\r\n   \r\n$y\r\n", "$x\n$y"},
		{"nothing", "", ""},
	}
	for _, row := range table {
		if got := minify(row.script); got != row.want {
			t.Errorf("%s: got %q, want %q", row.name, got, row.want)
		}
	}
}

func TestParameterLine(t *testing.T) {
	full := collectorParams{Nonce: testNonce, Kind: "winrm", URL: "https://ex01.contoso.com/PowerShell/", Username: `CONTOSO\svc`, Password: "Geheim=b;ü€ '\"$(x)`", Auth: "Basic",
		Timeout: 1500 * time.Millisecond, Deadline: time.Minute, Ports: []int{443, 444}, store: "CurrentUser"}
	table := []struct {
		name   string
		change func(*collectorParams)
		want   string // the decoded line
		fails  string // or a part of the error
	}{
		{name: "everything", change: func(*collectorParams) {}, want: "ports=443,444\nnonce=" + testNonce +
			"\nkind=winrm\nurl=https://ex01.contoso.com/PowerShell/\nusername=CONTOSO\\svc\npassword=Geheim=b;ü€ '\"$(x)`\nauth=Basic\ntimeout=1.500\ndeadline=60.000\nstore=CurrentUser"},
		{name: "nonce only", change: func(p *collectorParams) { *p = collectorParams{Nonce: testNonce} }, want: "ports=\nnonce=" + testNonce},
		{name: "accepting any certificate", change: func(p *collectorParams) { *p = collectorParams{Nonce: testNonce, Insecure: true, Auth: "negotiate"} },
			want: "ports=\nnonce=" + testNonce + "\nauth=Negotiate\ntls=insecure"},
		{name: "no nonce", change: func(p *collectorParams) { p.Nonce = "" }, fails: "nonce"},
		{name: "nonce of other digits", change: func(p *collectorParams) { p.Nonce = "0123456789ABCDEF" }, fails: "nonce"},
		{name: "unknown mechanism", change: func(p *collectorParams) { p.Auth = "digest" }, fails: `"digest"`},
		{name: "basic over http", change: func(p *collectorParams) { p.URL = "http://ex01.contoso.com/PowerShell/" }, fails: "needs https"},
		{name: "basic with any certificate", change: func(p *collectorParams) { p.Insecure = true }, fails: "needs https"},
		{name: "basic to the host's own", change: func(p *collectorParams) { p.URL = "" }, fails: "needs https"},
		{name: "line break in a password", change: func(p *collectorParams) { p.Password = "Geheim\nnonce=00000000" }, fails: "the password for the collector"},
		{name: "zero byte in a username", change: func(p *collectorParams) { p.Username = "svc\x00" }, fails: "the username for the collector"},
	}
	for _, row := range table {
		t.Run(row.name, func(t *testing.T) {
			p := full
			row.change(&p)
			line, err := p.line()
			if row.fails != "" {
				if err == nil || !strings.Contains(err.Error(), row.fails) || strings.Contains(err.Error(), "secret") {
					t.Fatalf("got error %v, want one with %q and without the secret", err, row.fails)
				}
				return
			}
			got, decodeErr := base64.StdEncoding.DecodeString(strings.TrimSuffix(line, "\n"))
			if err != nil || decodeErr != nil || !strings.HasSuffix(line, "\n") || strings.Count(line, "\n") != 1 {
				t.Fatalf("got %q, %v, %v, want one line of base64", line, err, decodeErr)
			}
			if string(got) != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}

// utf16LE is what "> file" within PowerShell writes.
func utf16LE(text string) string {
	out := []byte{0xFF, 0xFE}
	for _, unit := range utf16.Encode([]rune(text)) {
		out = append(out, byte(unit), byte(unit>>8))
	}
	return string(out)
}

// TestExchangeIsAskedAsTold carries what the command line says of Exchange over
// to the collector.
func TestExchangeIsAskedAsTold(t *testing.T) {
	e := Exchange{URL: "https://ex01.contoso.com/PowerShell/", Account: NewCredentials("svc", "CONTOSO", "Geheim"), Auth: "basic", Ports: []int{444}}
	got, err := e.params(t.Context(), "powershell", testNonce).line()
	if err != nil {
		t.Fatal(err)
	}
	decoded, err := base64.StdEncoding.DecodeString(strings.TrimSpace(got))
	want := "ports=444\nnonce=" + testNonce + "\nkind=powershell\nurl=https://ex01.contoso.com/PowerShell/\nusername=CONTOSO\\svc\npassword=Geheim\nauth=Basic"
	if err != nil || string(decoded) != want {
		t.Errorf("got %q, %v, want %q", decoded, err, want)
	}
	e.Auth = "ntlm"
	if _, err := e.params(t.Context(), "powershell", testNonce).line(); err == nil || !strings.Contains(err.Error(), `"ntlm" is not for Exchange`) {
		t.Errorf("error %v, want NTLM refused", err)
	}
}

func TestCollected(t *testing.T) {
	document := []byte("<Objs>" + strings.Repeat("zürich", 100) + "</Objs>")
	good := wrap(testNonce, document)
	bomb := make([]byte, maxCollected+1)
	unfinished, end, _ := strings.Cut(good, "-----END")
	short := good[:len(good)/2] + "\r\n-----END" + end
	table := []struct {
		name, stdout, stderr, nonce string
		fails                       string // a part of the error; "" means the document is found
		reason                      authcert.Reason
	}{
		{name: "alone", stdout: good, nonce: testNonce},
		{name: "any nonce", stdout: wrap(localNonce, document)},
		{name: "noise around", stdout: "Welcome!\r\n-----BEGIN CERTIFICATE-----\r\n" + good + "Goodbye -----END AUTHCERT-----", nonce: testNonce},
		{name: "byte order mark, LF only", stdout: "\ufeff" + strings.ReplaceAll(good, "\r\n", "\n"), nonce: testNonce},
		{name: "lines split elsewhere", stdout: strings.ReplaceAll(strings.ReplaceAll(good, "\r\n", "\n"), "H4sI", "H4\r\n \tsI"), nonce: testNonce},
		{name: "UTF-16", stdout: utf16LE(wrap(localNonce, document))},
		{name: "the last of several", stdout: wrap(localNonce, []byte("old")) + wrap(localNonce, document)},
		{name: "the one that was asked for", stdout: wrap(localNonce, []byte("foreign")) + good + wrap("ffffffff", []byte("foreign")), nonce: testNonce},
		{name: "another one's", stdout: wrap("ffffffff", document), nonce: testNonce, fails: "belongs to another request", reason: authcert.Malformed},
		{name: "parameters did not arrive", stdout: wrap(localNonce, document), nonce: testNonce, fails: "without its parameters", reason: authcert.Malformed},
		{name: "breaks off", stdout: unfinished, nonce: testNonce, fails: "breaks off", reason: authcert.Malformed},
		{name: "end of another", stdout: unfinished + "-----END AUTHCERT ffffffff-----", nonce: testNonce, fails: "breaks off", reason: authcert.Malformed},
		{name: "half of it lost", stdout: short, nonce: testNonce, fails: "cannot be read", reason: authcert.Malformed},
		{name: "not base64", stdout: strings.Replace(good, "\r\nH4s", "\r\nWARNING: x\r\nH4s", 1), nonce: testNonce, fails: "not base64", reason: authcert.Malformed},
		{name: "not gzip", stdout: frame(testNonce, document), nonce: testNonce, fails: "not gzip", reason: authcert.Malformed},
		{name: "nothing inside", stdout: frame(testNonce, nil), nonce: testNonce, fails: "not gzip", reason: authcert.Malformed},
		{name: "too large", stdout: wrap(testNonce, bomb), nonce: testNonce, fails: "larger than 20 MiB", reason: authcert.Malformed},
		{name: "silence", nonce: testNonce, fails: "gave no answer", reason: authcert.Malformed},
		{name: "only an error", stderr: "\x1b[31mDie Datei\r\n\twurde  nicht gefunden\xfc\r\n", nonce: testNonce, fails: "PowerShell says: ", reason: authcert.Malformed},
		{name: "an error in CLIXML", stderr: "#< CLIXML\r\n<Objs Version=\"1.1.0.1\" xmlns=\"http://schemas.microsoft.com/powershell/2004/04\"><S S=\"Error\">no &lt;such&gt; thing_x000D__x000A_</S></Objs>",
			nonce: testNonce, fails: "says: no <such> thing", reason: authcert.Malformed},
		{name: "constrained language", stdout: "hello\r\ncheck_exchange_authcert refused: PowerShell 5.1.20348.1, ConstrainedLanguage\r\n", nonce: testNonce,
			fails: "PowerShell runs in ConstrainedLanguage on that host", reason: authcert.Unsupported},
		{name: "old PowerShell", stdout: "check_exchange_authcert refused: PowerShell 4.0, FullLanguage\r\n", nonce: testNonce,
			fails: "Windows PowerShell 4.0", reason: authcert.Unsupported},
	}
	for _, row := range table {
		t.Run(row.name, func(t *testing.T) {
			got, err := collected([]byte(row.stdout), []byte(row.stderr), row.nonce)
			if row.fails == "" {
				if err != nil || !bytes.Equal(got, document) {
					t.Fatalf("got %d bytes, %v, want %d bytes", len(got), err, len(document))
				}
				return
			}
			var problem *authcert.Problem
			if !errors.As(err, &problem) || !strings.Contains(problem.Message, row.fails) || problem.Reason != row.reason || problem.Stage != stageCollector {
				t.Fatalf("got %#v, want %s with %q", err, row.reason, row.fails)
			}
			if strings.ContainsAny(problem.Message, "\r\n\x1b") || len(problem.Message) > 600 {
				t.Errorf("got a message of %d bytes %q, want one short line", len(problem.Message), problem.Message)
			}
		})
	}
}

func TestFirstWordsAreShort(t *testing.T) {
	if got := firstWords(strings.Repeat("ü ", 5000)); len([]rune(got)) != 301 || !strings.HasSuffix(got, "…") {
		t.Errorf("got %d characters, want 300 and an ellipsis", len([]rune(got)))
	}
}

// Whatever stands in an output, it is found whole or refused with a problem.
func FuzzCollected(f *testing.F) {
	f.Add([]byte(wrap(testNonce, []byte("<Objs/>"))), []byte("noise"), testNonce)
	f.Add([]byte(utf16LE(wrap(localNonce, []byte("<Objs/>")))), []byte{}, "")
	f.Add([]byte("-----BEGIN AUTHCERT local-----\r\nH4sI\r\n-----END AUTHCERT local-----"), []byte("#< CLIXML\r\n<Objs>"), "")
	f.Add([]byte("check_exchange_authcert refused: PowerShell 4.0, FullLanguage"), []byte{}, testNonce)
	f.Fuzz(func(t *testing.T, stdout, stderr []byte, nonce string) {
		document, err := collected(stdout, stderr, nonce)
		var problem *authcert.Problem
		if err != nil && !errors.As(err, &problem) {
			t.Fatalf("got %#v, want a problem", err)
		}
		if err != nil && (document != nil || problem.Reason == "" || strings.ContainsAny(problem.Message, "\r\n")) {
			t.Fatalf("got %d bytes with %#v", len(document), problem)
		}
		// What surrounds an answer does not hide it.
		noise := bytes.ReplaceAll(stdout, []byte("AUTHCERT"), nil)
		found, err := collected(append(noise, wrap(testNonce, stderr)...), nil, testNonce)
		if err != nil || !bytes.Equal(found, stderr) {
			t.Fatalf("got %q, %v behind %q, want %q", found, err, noise, stderr)
		}
	})
}
