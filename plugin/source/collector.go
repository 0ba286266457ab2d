package source

import (
	_ "embed"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"

	"check_exchange_authcert/plugin/authcert"
)

//go:embed collect.ps1
var collectScript string

// Collector returns the PowerShell script that reads the facts on a Windows
// host, as it is printed for a scheduled task: ASCII, with its comments.
func Collector() string { return collectScript }

// windowsPowerShell is where Windows PowerShell 5.1 lives. A remote shell that
// skips cmd.exe expands no variables, so the path has to be spelled out.
const windowsPowerShell = `C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe`

// maxCommandLine is what CreateProcess takes, in characters and without the
// terminating zero. cmd.exe takes 8191 only, hence WINRS_SKIP_CMD_SHELL.
const maxCommandLine = 32766

// stageCollector names whatever goes wrong around the script itself.
const stageCollector = "collector"

// collectorArgs returns the arguments with which exe, Windows PowerShell, runs
// the collector. It fails when Windows would cut or refuse the command line.
func collectorArgs(exe string) ([]string, error) {
	return encodedCommand(exe, minify(collectScript))
}

// encodedCommand passes a script in clear: it is no secret, and whoever reads
// the logs of the host shall see what ran. Text as output format keeps errors
// from coming as CLIXML. No argument needs quotes.
func encodedCommand(exe, script string) ([]string, error) {
	units := utf16.Encode([]rune(script))
	text := make([]byte, 0, 2*len(units))
	for _, unit := range units {
		text = binary.LittleEndian.AppendUint16(text, unit)
	}
	args := []string{"-NoLogo", "-NoProfile", "-NonInteractive", "-OutputFormat", "Text", "-EncodedCommand", base64.StdEncoding.EncodeToString(text)}
	length := len(utf16.Encode([]rune(exe))) + len(`""`) + len(" ") + len(strings.Join(args, " "))
	if length > maxCommandLine {
		return nil, &authcert.Problem{Stage: stageCollector, Reason: authcert.Unsupported,
			Message: fmt.Sprintf("the collector's command line has %d characters, Windows takes %d", length, maxCommandLine)}
	}
	return args, nil
}

// minify takes off what PowerShell does not read: indentation, blank lines and
// lines of comment. The script keeps to lines for which this is safe.
func minify(script string) string {
	var kept []string
	for line := range strings.Lines(script) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "#") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\n")
}

// collectorParams is what the collector is told on its standard input. Zero
// values leave it to the script's defaults, which stand in its first comment.
type collectorParams struct {
	Nonce    string // 8 to 64 lower-case hexadecimal digits
	Kind     string // for origin.kind: "winrm", "powershell"
	URL      string // Exchange's PowerShell endpoint
	Username string // "" means the identity that runs the script
	Password string
	Auth     string        // "kerberos", "negotiate" or, with verified https only, "basic"
	Insecure bool          // accept any certificate of an https URL
	Timeout  time.Duration // for one cmdlet
	Deadline time.Duration // for all of it; leave time for the way back
	Ports    []int         // whose certificates are looked at on every server; none without

	store string // location of the certificate store, where it is not LocalMachine
}

var (
	nonceForm  = pattern(`^[0-9a-f]{8,64}$`)
	mechanisms = map[string]string{"": "", "kerberos": "Kerberos", "negotiate": "Negotiate", "basic": "Basic"}
)

// line returns the one line of standard input, in ASCII and with its LF. It
// holds the password and must not be logged.
func (p collectorParams) line() (string, error) {
	mechanism, known := mechanisms[strings.ToLower(p.Auth)]
	switch {
	case !nonceForm().MatchString(p.Nonce):
		return "", errors.New("the collector's nonce is not 8 to 64 hexadecimal digits")
	case !known:
		return "", fmt.Errorf("authentication %q is not for Exchange's PowerShell endpoint", p.Auth)
	case mechanism == "Basic" && (p.Insecure || !strings.HasPrefix(strings.ToLower(p.URL), "https://")):
		return "", errors.New("basic authentication needs https with a verified certificate")
	}
	ports := make([]string, len(p.Ports))
	for i, port := range p.Ports {
		ports[i] = strconv.Itoa(port)
	}
	tls := ""
	if p.Insecure {
		tls = "insecure"
	}
	pairs := []struct{ key, value string }{
		{"nonce", p.Nonce}, {"kind", p.Kind}, {"url", p.URL}, {"username", p.Username}, {"password", p.Password}, {"auth", mechanism},
		{"tls", tls}, {"timeout", seconds(p.Timeout)}, {"deadline", seconds(p.Deadline)}, {"store", p.store},
	}
	text := "ports=" + strings.Join(ports, ",")
	for _, pair := range pairs {
		if strings.ContainsAny(pair.value, "\r\n\x00") {
			return "", fmt.Errorf("the %s for the collector contains a line break or a zero byte", pair.key)
		}
		if pair.value != "" {
			text += "\n" + pair.key + "=" + pair.value
		}
	}
	return base64.StdEncoding.EncodeToString([]byte(text)) + "\n", nil
}

// seconds spells a duration as the script reads it, "" when there is none.
func seconds(d time.Duration) string {
	if d <= 0 {
		return ""
	}
	return strconv.FormatFloat(d.Seconds(), 'f', 3, 64)
}
