package source

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// walkScript prints what the engine's own parser finds in a script, one fact a line.
const walkScript = `
$text = [IO.File]::ReadAllText($args[0])
$tokens = $errors = $null
$tree = [Management.Automation.Language.Parser]::ParseInput($text, [ref]$tokens, [ref]$errors)
foreach ($e in $errors) { "error $($e.ErrorId) line $($e.Extent.StartLineNumber)" }
foreach ($token in $tokens) {
    if ($token.Kind -in 'Comment', 'LineContinuation', 'EndOfInput') { continue }
    if ($token.Kind -eq 'NewLine') { 'token NewLine'; continue }
    "token $($token.Kind) $($token.Text.Replace([char]10, ' '))"
}
foreach ($node in $tree.FindAll({ $true }, $true)) {
    "node $($node.GetType().Name)"
    if ($node -is [Management.Automation.Language.FunctionDefinitionAst]) { "function $($node.Name)" }
    if ($node -is [Management.Automation.Language.CommandAst]) { "command $($node.GetCommandName()) $($node.InvocationOperator) $($node.CommandElements[0].Extent.Text)" }
    if ($node -is [Management.Automation.Language.VariableExpressionAst]) { "variable $($node.VariablePath.UserPath)" }
    if ($node -is [Management.Automation.Language.ForEachStatementAst] -and $node.Flags) { "flag $($node.Flags)" }
    if ($node -is [Management.Automation.Language.PipelineAst] -and $node.Background) { 'background' }
    if ($node -is [Management.Automation.Language.ScriptBlockAst] -and $node.CleanBlock) { 'clean' }
}
`

// walk lists those facts by their first word.
func walk(t *testing.T, script string) map[string][]string {
	t.Helper()
	pwsh := collectorShared(t, "powershell", "pwsh")
	folder := t.TempDir()
	walker, subject := filepath.Join(folder, "walk.ps1"), filepath.Join(folder, "collect.ps1")
	for path, text := range map[string]string{walker: walkScript, subject: script} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.CommandContext(t.Context(), pwsh, "-File", walker, subject).Output()
	if err != nil {
		t.Skipf("the PowerShell engine does not run here: %v", err)
	}
	found := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		kind, rest, _ := strings.Cut(strings.TrimRight(line, "\r\n"), " ")
		found[kind] = append(found[kind], rest)
	}
	if len(found["token"]) == 0 || len(found["node"]) == 0 {
		t.Fatalf("got no tokens or no tree from %d characters: %s", len(script), out)
	}
	return found
}

// nodesOf51 are the kinds of syntax that the script uses; Windows PowerShell
// 5.1 knows all of them. Ternary operators and pipeline chains are further ones.
var nodesOf51 = strings.Fields(`ArrayExpressionAst ArrayLiteralAst AssignmentStatementAst BinaryExpressionAst CatchClauseAst CommandAst
	CommandExpressionAst ConstantExpressionAst ContinueStatementAst ConvertExpressionAst ExitStatementAst ExpandableStringExpressionAst
	ForEachStatementAst ForStatementAst FunctionDefinitionAst HashtableAst IfStatementAst IndexExpressionAst InvokeMemberExpressionAst
	MemberExpressionAst NamedBlockAst ParamBlockAst ParameterAst ParenExpressionAst PipelineAst ReturnStatementAst ScriptBlockAst
	ScriptBlockExpressionAst StatementBlockAst StringConstantExpressionAst SubExpressionAst ThrowStatementAst TryStatementAst
	TypeConstraintAst TypeExpressionAst UnaryExpressionAst VariableExpressionAst WhileStatementAst`)

// newerTokens are operators that Windows PowerShell 5.1 does not know.
var newerTokens = []string{"QuestionMark", "QuestionQuestion", "QuestionQuestionEquals", "QuestionDot", "QuestionLBracket", "AndAnd", "OrOr", "Ampersand", "Clean"}

// The script keeps to Windows PowerShell 5.1 and to what needs no module.
func TestSyntax(t *testing.T) {
	found := walk(t, collectScript)
	for _, kind := range []string{"error", "flag", "background", "clean"} {
		if len(found[kind]) > 0 {
			t.Errorf("%s: got %q, want none", kind, found[kind])
		}
	}
	for _, node := range found["node"] {
		if !slices.Contains(nodesOf51, node) {
			t.Errorf("got syntax %s, which is not known to be in PowerShell 5.1", node)
		}
	}
	calls := 0
	for _, token := range found["token"] {
		kind, text, _ := strings.Cut(token, " ")
		if kind == "Ampersand" {
			calls++ // before a script block; as an operator it would be "background"
			continue
		}
		if slices.Contains(newerTokens, kind) || (kind == "Number" && strings.Trim(text, "-.0123456789") != "") || strings.Contains(text, "`u") || strings.Contains(text, "`e") {
			t.Errorf("got %s, which PowerShell 5.1 does not know", token)
		}
	}
	allowed := append([]string{"ForEach-Object", "Where-Object"}, found["function"]...)
	for _, command := range found["command"] {
		name, rest, _ := strings.Cut(command, " ")
		switch {
		case name == "" && rest == "Ampersand $code":
			calls--
		case !slices.Contains(allowed, name):
			t.Errorf("got command %q, want one of %q", command, allowed)
		}
	}
	if calls != 0 {
		t.Errorf("got %d script blocks called that are not the one of Step", calls)
	}
	for _, variable := range found["variable"] {
		if strings.EqualFold(variable, "input") {
			t.Error("the script names $input: powershell.exe would take standard input away from it")
		}
	}
	if strings.Contains(strings.ToLower(collectScript), "$input") {
		t.Error("got $input in a comment or string")
	}
}

// A walk that finds nothing would prove nothing.
func TestWalkFindsNewerSyntax(t *testing.T) {
	found := walk(t, "$a ? 1 : 2\n$b ?? 3\nGet-Item x && Get-Item y\nforeach -parallel ($i in $input) { }\n1kb; 'x' |")
	for kind, want := range map[string]string{"node": "TernaryExpressionAst", "token": "QuestionQuestion ??", "command": "Get-Item Unknown Get-Item", "variable": "input"} {
		if !slices.Contains(found[kind], want) {
			t.Errorf("%s: got %q, want %q among them", kind, found[kind], want)
		}
	}
	if len(found["error"]) == 0 {
		t.Error("got no parse error for an empty pipe element")
	}
}

// What is sent means what is printed.
func TestMinifiedScriptHasTheSameTokens(t *testing.T) {
	tokens := func(script string) []string {
		compact := slices.CompactFunc(walk(t, script)["token"], func(a, b string) bool { return a == "NewLine" && b == "NewLine" })
		for len(compact) > 0 && compact[0] == "NewLine" {
			compact = compact[1:]
		}
		for len(compact) > 0 && compact[len(compact)-1] == "NewLine" {
			compact = compact[:len(compact)-1]
		}
		return compact
	}
	printed, sent := tokens(collectScript), tokens(minify(collectScript))
	if !slices.Equal(printed, sent) {
		for i := range min(len(printed), len(sent)) {
			if printed[i] != sent[i] {
				t.Fatalf("token %d: got %q sent, want %q", i, sent[i], printed[i])
			}
		}
		t.Fatalf("got %d tokens sent, want %d", len(sent), len(printed))
	}
}

// Where a key lives: CryptoAPI's containers answer as objects made for the test
// do, for the real ones are in Windows only.
func TestKeyProvider(t *testing.T) {
	const stand = `
function Stand($members) { $o = [pscustomobject]@{}; foreach ($n in $members.Keys) { $o.psobject.Methods.Add([psscriptmethod]::new($n, $members[$n])) }; $o }
$open = Stand @{ get_Exportable = { $true } }
$locked = Stand @{ get_Exportable = { throw [Security.Cryptography.CryptographicException]::new(-2146893802) } }
$cases = [ordered]@{
    csp = Stand @{ get_PrivateKey = { Stand @{ get_CspKeyContainerInfo = { $open } } } }
    denied = Stand @{ get_PrivateKey = { Stand @{ get_CspKeyContainerInfo = { $locked } } } }
    gone = Stand @{ get_PrivateKey = { throw [Security.Cryptography.CryptographicException]::new(-2146893802) } }
}
foreach ($name in $cases.Keys) { $entry = @{}; AddKey $cases[$name] $entry; "$name [$($entry.keyProvider)] [$($entry.privateKeyExportable)]" }
`
	stdout, stderr := trial{rewrite: func(script string) string {
		start := strings.Index(script, "function AddKey")
		return script[start:start+strings.Index(script[start:], "\nfunction ReadStore")] + stand
	}}.run(t)
	got := strings.ReplaceAll(strings.TrimSpace(string(stdout)), "\r\n", "\n")
	if want := "csp [csp] [True]\ndenied [csp] []\ngone [] []"; got != want || len(stderr) > 0 {
		t.Errorf("got %q, %q, want %q", got, stderr, want)
	}
}

// One wait takes no longer than one cmdlet may, nor than is left.
func TestPatience(t *testing.T) {
	const cases = `
$clock = [Diagnostics.Stopwatch]::new()
foreach ($case in @('2.500', '60'), @('60', '2.500'), @('60', '0'), @('60', '-3'), @(60, 300)) { $p = @{ timeout = $case[0]; deadline = $case[1] }; (Patience).ToString([cultureinfo]::InvariantCulture) }
`
	stdout, stderr := trial{env: culture(t, "de-DE"), rewrite: func(script string) string {
		start := strings.Index(script, "function Now")
		return script[start:start+strings.Index(script[start:], "\nfunction GiveUp")] + cases
	}}.run(t)
	if got, want := strings.Join(strings.Fields(string(stdout)), " "), "2.5 2.5 0 0 60"; got != want || len(stderr) > 0 {
		t.Errorf("got %q, %q, want %q", got, stderr, want)
	}
}

// WinRM tells why it failed by a code; these are the ones that people meet.
func TestReasonsOfWinRM(t *testing.T) {
	table := []struct {
		code int64 // ErrorCode of PSRemotingTransportException
		want string
	}{
		{5, "access-denied"}, {1326, "access-denied"}, {1331, "access-denied"}, {1909, "access-denied"}, {-2147023570, "access-denied"}, // 0x8007052E
		{-2146893022, "access-denied"}, {-2144108274, "access-denied"}, // SEC_E_WRONG_PRINCIPAL, 0x8033810E
		{-2144108250, "timeout"}, {-2144108503, "timeout"}, // 0x80338126, 0x80338029
		{-2144108526, "unreachable"}, {-2144108103, "unreachable"}, {-2146893039, "unreachable"}, {53, "unreachable"}, // 0x80338012, 0x803381B9, no KDC
		{-2144108269, "not-found"}, {-2144108485, "not-found"}, // 0x80338113, 0x8033803B
		{-2144108122, "throttled"}, // 0x803381A6: too many shells
	}
	var cases strings.Builder
	for _, row := range table {
		fmt.Fprintf(&cases, "$e = [Management.Automation.Remoting.PSRemotingTransportException]::new('Zugriff')\n$e.ErrorCode = %d\ntry { throw $e } catch { (Explain $_).reason }\n", row.code)
	}
	stdout, stderr := trial{rewrite: func(script string) string {
		start := strings.Index(script, "$reasons = ")
		return script[start:start+strings.Index(script[start:], "\nfunction Note")] + "\n" + cases.String()
	}}.run(t)
	got := strings.Fields(string(stdout))
	if len(got) != len(table) {
		t.Fatalf("got %d reasons %q, %q, want %d", len(got), got, stderr, len(table))
	}
	for i, row := range table {
		if got[i] != row.want {
			t.Errorf("%d: got %s, want %s", row.code, got[i], row.want)
		}
	}
}
