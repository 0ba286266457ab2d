package authcert_test

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"check_exchange_authcert/plugin/authcert"
	"check_exchange_authcert/plugin/render"
)

// parseScript has the engine's own parser take lines apart, one in base64 a
// line, and prints the shape of each: every node of the syntax tree with what
// decides what it does, and of a string in single quotes nothing but that it
// is one.
const parseScript = `
foreach ($line in [IO.File]::ReadAllLines($args[0])) {
    $text = [Text.Encoding]::UTF8.GetString([Convert]::FromBase64String($line))
    $tokens = $errors = $null
    $tree = [Management.Automation.Language.Parser]::ParseInput($text, [ref]$tokens, [ref]$errors)
    $shape = @("errors:$($errors.Count)")
    foreach ($node in $tree.FindAll({ $true }, $true)) {
        $kind = $node.GetType().Name
        if ($node -is [Management.Automation.Language.StringConstantExpressionAst]) {
            if ($node.StringConstantType -eq 'SingleQuoted') { $kind = 'quoted' } else { $kind += ':' + $node.Extent.Text }
        }
        if ($node -is [Management.Automation.Language.CommandAst]) { $kind = 'command:' + $node.CommandElements[0].Extent.Text }
        if ($node -is [Management.Automation.Language.CommandParameterAst]) { $kind = 'parameter:' + $node.ParameterName }
        if ($node -is [Management.Automation.Language.VariableExpressionAst]) { $kind = 'variable:' + $node.VariablePath.UserPath }
        if ($node -is [Management.Automation.Language.ConstantExpressionAst] -and $kind -eq 'ConstantExpressionAst') { $kind = 'constant:' + $node.Extent.Text }
        $shape += $kind
    }
    foreach ($token in $tokens) { if ($token.Kind -eq 'Comment') { $shape += 'comment' } }
    $shape -join ' ' -replace '[\r\n]', '?'
}
`

// shapes are those of lines, in their order.
func shapes(t *testing.T, lines []string) []string {
	t.Helper()
	pwsh := filepath.Join(cmp.Or(os.Getenv("CHECK_EXCHANGE_AUTHCERT_SHARED"), "../../../shared"), "powershell", "pwsh")
	if _, err := os.Stat(pwsh); err != nil {
		t.Skipf("the PowerShell engine is not here: %v", err)
	}
	folder := t.TempDir()
	script, subject := filepath.Join(folder, "parse.ps1"), filepath.Join(folder, "lines")
	encoded := make([]string, len(lines))
	for i, line := range lines {
		encoded[i] = base64.StdEncoding.EncodeToString([]byte(line))
	}
	for path, text := range map[string]string{script: parseScript, subject: strings.Join(encoded, "\n") + "\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.CommandContext(t.Context(), pwsh, "-File", script, subject).Output()
	if err != nil {
		t.Skipf("the PowerShell engine does not run here: %v", err)
	}
	found := strings.Split(strings.TrimRight(string(bytes.ReplaceAll(out, []byte("\r"), nil)), "\n"), "\n")
	if len(found) != len(lines) {
		t.Fatalf("got %d shapes of %d lines: %.500s", len(found), len(lines), out)
	}
	return found
}

// remedyLines are the lines that somebody may paste: those of the result, or
// those of the report as Nagios and Icinga show it. The second is without what
// "|" and angle brackets became.
func remedyLines(t *testing.T, result authcert.Result, shown bool) []string {
	t.Helper()
	var lines []string
	if !shown {
		for _, f := range result.Findings {
			lines = append(lines, strings.Split(f.Remedy, "\n")...)
		}
		return lines
	}
	var out bytes.Buffer
	if err := render.Nagios(&out, result, 2); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out.String()) {
		step, first := strings.CutPrefix(line, "  Do: ")
		if !first && strings.HasPrefix(line, "      ") {
			step, first = strings.TrimPrefix(line, "      "), true
		}
		if first {
			lines = append(lines, strings.TrimSuffix(step, "\n"))
		}
	}
	return lines
}

// hostileTexts try to become commands: they end a string in every way that
// PowerShell knows, begin another statement, a line, a parameter or a comment.
var hostileTexts = []string{
	"x'; Remove-Mailbox y; '", "x''; Remove-Mailbox y", `x"; Remove-Mailbox y; "`, "x`'; Remove-Mailbox y`n", "$(Remove-Mailbox y)", "x\\'; Remove-Mailbox y #",
	"x\u2019; Remove-Mailbox y; \u2018", "x\u201a; Remove-Mailbox y #\u201b", "x\u201c; Remove-Mailbox y; \u201d",
	"x\r\nRemove-Mailbox y\r\n", "x'\n; Remove-Mailbox y", "x\u2028Remove-Mailbox y\u2029\u0085Remove-Mailbox z", "x'\u200b'; Remove-Mailbox y",
	"x' | Remove-Mailbox y | '", "x'> y; Remove-Mailbox <'", "x} ; Remove-Mailbox y; {", "'); Remove-Mailbox y; ('", "--% ; Remove-Mailbox y", "-Remove-Mailbox:$false", "#>; Remove-Mailbox y", "@'\nRemove-Mailbox y\n'@",
	"x\x00'; Remove-Mailbox y", "x\x1b[201~\x03\nRemove-Mailbox y\n",
}

// TestRemediesInPowerShell has PowerShell's own parser read every line that is
// said to do, of every finding in the catalogue, with names that try to become
// commands: the syntax is that of harmless names, and all that differs is
// inside of strings in single quotes, or of comments.
func TestRemediesInPowerShell(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts an engine")
	}
	type pair struct{ got, want string }
	from := map[pair]string{} // the lines, each once, and a row that they come from
	benign := authcert.RemedyResults(t, "b")
	for _, text := range hostileTexts {
		hostile := authcert.RemedyResults(t, text)
		for name := range benign {
			for _, shown := range []bool{false, true} {
				want, got := remedyLines(t, benign[name], shown), remedyLines(t, hostile[name], shown)
				if len(want) != len(got) || len(want) == 0 {
					t.Fatalf("%s with %q: %d lines, want %d and some:\n%s", name, text, len(got), len(want), strings.Join(got, "\n"))
				}
				for i := range got {
					from[pair{got[i], want[i]}] = name
				}
			}
		}
	}
	all := map[string]bool{}
	for lines := range from {
		all[lines.got], all[lines.want] = true, true
	}
	lines := slices.Sorted(maps.Keys(all))
	shape := map[string]string{}
	for i, found := range shapes(t, lines) {
		shape[lines[i]] = found
	}
	quoted := 0
	for line, name := range from {
		if shape[line.got] != shape[line.want] {
			t.Errorf("%s: PowerShell reads\n%s\n  as %s\nwant %s", name, line.got, shape[line.got], shape[line.want])
		}
		if strings.Contains(line.got, "Remove-Mailbox") && strings.Contains(shape[line.got], " quoted") {
			quoted++
		}
	}
	if quoted < len(from)/2 {
		t.Errorf("%d of %d lines hold hostile text in quotes, want most", quoted, len(from))
	}
}
