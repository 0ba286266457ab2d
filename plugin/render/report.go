package render

import (
	"fmt"
	"slices"
	"strings"

	"check_exchange_authcert/plugin/authcert"
)

// budgets are how many bytes of long output each verbosity may have. Monitoring
// systems keep less than they take: NRPE before version 4 passes on 4 KB.
var budgets = []int{3200, 14 << 10, 56 << 10}

// ways are what each verbosity's reader asks for to see more.
var ways = []string{"-v", "-vv", "-o json"}

// report is the long output: findings worst first, each with its remedy, then
// notes, and tables when asked for.
func report(result authcert.Result, verbosity int) string {
	verbosity = min(max(verbosity, 0), len(budgets)-1)
	page := &page{budget: budgets[verbosity], more: "see the output with " + ways[verbosity]}
	if result.Failure != nil {
		page.block(failure(result.Failure))
	}
	groups := group(result.Findings, verbosity)
	for i, g := range groups {
		if page.block(append(g.messages(), page.remedy(g)...)) {
			page.tell(g[0].Remedy)
			continue
		}
		if !page.block(append(g.messages(), "  Do: "+page.more)) {
			page.lines = append(page.lines, fmt.Sprintf("… and %d more findings", count(groups[i:])))
			break
		}
	}
	if verbosity > 0 {
		page.section("Certificates:", certificateTable(result))
		page.section("Servers:", serverTable(result))
	}
	page.section("Notes:", bullets(result.Notes))
	if verbosity > 1 && result.Failure == nil {
		page.section("Read from:", origin(result))
	}
	return strings.Join(page.lines, "\n")
}

// failure says why there are no facts, whole, and what to do.
func failure(p *authcert.Problem) []string {
	message := p.Error()
	if p.Stage != "" {
		message = p.Stage + ": " + message
	}
	lines := []string{fmt.Sprintf("[%s] %s", authcert.Unknown, message)}
	if p.Hint != "" {
		lines = append(lines, "  Do: "+p.Hint)
	}
	return lines
}

// page collects lines up to a budget.
type page struct {
	lines  []string
	budget int
	more   string          // where the rest is to be seen
	told   map[string]bool // remedies that were printed
}

// block adds lines if all of them fit.
func (p *page) block(lines []string) bool {
	cost := 0
	for i := range lines {
		lines[i] = clean(lines[i])
		cost += len(lines[i]) + 1
	}
	if cost > p.budget {
		return false
	}
	p.budget -= cost
	p.lines = append(p.lines, lines...)
	return true
}

// section adds a headline and as many lines as fit.
func (p *page) section(headline string, lines []string) {
	if len(lines) == 0 {
		return
	}
	if !p.block([]string{headline, lines[0]}) {
		p.lines = append(p.lines, fmt.Sprintf("%s %d, %s", headline, len(lines), p.more))
		return
	}
	for i, line := range lines[1:] {
		if !p.block([]string{line}) {
			p.lines = append(p.lines, fmt.Sprintf("… and %d more", len(lines)-1-i))
			return
		}
	}
}

// findingGroup is findings of one rule and state that differ by server only.
type findingGroup []authcert.Finding

// mostMessages is how many findings of a group are spelled out.
const mostMessages = 5

// group puts findings of the same rule and state together; with verbosity each
// stands alone, with its own remedy.
func group(findings []authcert.Finding, verbosity int) []findingGroup {
	var groups []findingGroup
	for _, f := range findings {
		last := len(groups) - 1
		if verbosity == 0 && last >= 0 && groups[last][0].ID == f.ID && groups[last][0].Status == f.Status {
			groups[last] = append(groups[last], f)
			continue
		}
		groups = append(groups, findingGroup{f})
	}
	return groups
}

func count(groups []findingGroup) int {
	n := 0
	for _, g := range groups {
		n += len(g)
	}
	return n
}

// messages spells the group's findings out, a line each.
func (g findingGroup) messages() []string {
	var lines []string
	for i, f := range g {
		if i == mostMessages {
			return append(lines, fmt.Sprintf("[%s] … and %d more", f.Status, len(g)-i))
		}
		lines = append(lines, fmt.Sprintf("[%s] %s", f.Status, f.Message))
	}
	return lines
}

// tell remembers that a remedy is on the page.
func (p *page) tell(remedy string) {
	if p.told == nil {
		p.told = map[string]bool{}
	}
	p.told[remedy] = true
}

// remedy writes what to do, once: findings often share it. Of a group it is
// the first one's, and it says so when the others need their own.
func (p *page) remedy(g findingGroup) []string {
	f := g[0]
	if f.Status == authcert.OK {
		return nil
	}
	see := fmt.Sprintf("  See: %s (%s)", f.Reference, f.ID)
	var others []string
	if slices.ContainsFunc(g, func(other authcert.Finding) bool { return other.Remedy != f.Remedy }) {
		others = []string{"      That is for the first of these; -v shows what to do for each"}
	}
	if p.told[f.Remedy] {
		return append(append([]string{"  Do: the same as above"}, others...), see)
	}
	var lines []string
	for i, step := range strings.Split(f.Remedy, "\n") {
		prefix := "      "
		if i == 0 {
			prefix = "  Do: "
		}
		lines = append(lines, prefix+step)
	}
	return append(append(lines, others...), see)
}

func bullets(notes []string) []string {
	lines := make([]string, len(notes))
	for i, note := range notes {
		lines[i] = "- " + note
	}
	return lines
}
