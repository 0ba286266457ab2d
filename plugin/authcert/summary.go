package authcert

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// summaryLimit keeps the first line, with "CRITICAL - " before it, under 160
// characters: what fits on a phone and into a short message.
const summaryLimit = 145

// summary says the verdict in one line: the worst findings first, as many as
// fit, then how many servers were looked at.
func (f *facts) summary(status Status, findings []Finding) string {
	tail := " " + f.checked()
	room := summaryLimit - utf8.RuneCountInString(tail)
	phrases := f.phrases(findings)
	if len(phrases) == 0 {
		return f.quietSummary(status, room) + tail
	}
	text := truncate(phrases[0], room)
	for i, phrase := range phrases[1:] {
		left := len(phrases) - 1 - i
		more := fmt.Sprintf("; %d more", left)
		longer := text + "; " + phrase
		reserve := 0
		if left > 1 {
			reserve = utf8.RuneCountInString(more)
		}
		if utf8.RuneCountInString(longer) > room-reserve {
			return truncate(text, room-utf8.RuneCountInString(more)) + more + tail
		}
		text = longer
	}
	return text + tail
}

// quietSummary is the line when nothing was found, or nothing that counts.
func (f *facts) quietSummary(status Status, room int) string {
	if status != OK {
		return f.unjudgedSummary()
	}
	c := f.current
	switch {
	case c.x509Cert == nil || !f.policy.judges(Expiry):
		return "no problem found (" + joinFacets(f.policy.Only) + ")"
	case c.expired(f.now):
		return fmt.Sprintf("%s expired %s ago, which counts as OK here", c.name(), between(c.NotAfter, f.now))
	case c.NotBefore.After(f.now):
		return fmt.Sprintf("%s is not valid before %s, which counts as OK here", c.name(), At(c.NotBefore))
	}
	text := fmt.Sprintf("%s is valid for %s, until %s", c.name(), between(f.now, c.NotAfter), c.NotAfter.UTC().Format(time.DateOnly))
	if !f.soundRollover() {
		return text
	}
	rollover := fmt.Sprintf("; %s takes over on %s", f.next.thumbprint.Short(), f.effective().Format(time.DateOnly))
	if !f.effective().After(f.now) {
		rollover = fmt.Sprintf("; %s takes over within 12 hours", f.next.thumbprint.Short())
	}
	if utf8.RuneCountInString(text+rollover) <= room {
		text += rollover
	}
	return text
}

// unjudgedSummary is the line when nothing was found because nothing was seen.
func (f *facts) unjudgedSummary() string {
	if missing := f.unjudged(); len(missing) > 0 {
		return joinFacets(missing) + " could not be judged"
	}
	return "nothing was asked for"
}

func joinFacets(facets []Facet) string {
	words := make([]string, len(facets))
	for i, facet := range facets {
		words[i] = string(facet)
	}
	return strings.Join(words, ", ")
}

// phrases are the briefs of the findings that count, in their order, with the
// servers of findings that share a brief put together.
func (f *facts) phrases(findings []Finding) []string {
	type group struct {
		brief   string
		servers []string
	}
	var groups []*group
	byBrief := map[string]*group{}
	for _, finding := range findings {
		if finding.Status == OK {
			continue
		}
		key := finding.Status.String() + finding.ID + finding.brief
		g := byBrief[key]
		if g == nil {
			g = &group{brief: finding.brief}
			byBrief[key] = g
			groups = append(groups, g)
		}
		if finding.short != "" && !slices.Contains(g.servers, finding.short) {
			g.servers = append(g.servers, finding.short)
		}
	}
	all := make([]string, len(groups))
	for i, g := range groups {
		all[i] = oneLine(g.brief)
		if len(g.servers) > 0 {
			all[i] += " on " + enumerate(g.servers, 3)
		}
	}
	return all
}

// oneLine makes text from outside fit for a line: control characters and runs
// of blanks become one blank.
func oneLine(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
}

// truncate cuts text to a number of characters, with an ellipsis.
func truncate(text string, limit int) string {
	if utf8.RuneCountInString(text) <= limit {
		return text
	}
	return strings.TrimRight(string([]rune(text)[:max(limit-1, 0)]), " ,;:") + "…"
}
