package authcert

import (
	"fmt"
	"math"
	"strings"
	"time"
	"unicode"
)

// span spells a duration in the largest unit that keeps it readable, rounded
// down: "3 days", "11 hours", "40 minutes", "5 seconds".
func span(d time.Duration) string {
	d = d.Abs()
	for _, unit := range []struct {
		length, from time.Duration
		name         string
	}{
		{24 * time.Hour, 48 * time.Hour, "day"},
		{time.Hour, 2 * time.Hour, "hour"},
		{time.Minute, 2 * time.Minute, "minute"},
		{time.Second, 0, "second"},
	} {
		if d >= unit.from {
			return plural(int(d/unit.length), unit.name)
		}
	}
	return "" // not reached: every duration is at least 0
}

// wholeDays counts the days from one instant to another, rounded down. It
// counts in seconds: a Duration ends at 292 years, and a certificate that is
// meant never to expire ends in 9999.
func wholeDays(from, to time.Time) int {
	const day = 24 * 60 * 60
	seconds := to.Unix() - from.Unix()
	if to.Nanosecond() < from.Nanosecond() {
		seconds--
	}
	days := seconds / day
	if seconds%day < 0 {
		days--
	}
	return int(days)
}

// between spells the time between two instants as span does.
func between(from, to time.Time) string {
	if d := to.Sub(from).Abs(); d < math.MaxInt64 {
		return span(d)
	}
	if to.Before(from) {
		from, to = to, from
	}
	return plural(wholeDays(from, to), "day")
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// enumerate joins names and cuts the list after most of them: "ex01, ex02 and
// 3 more".
func enumerate(names []string, most int) string {
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

func lines(all []string) string { return strings.Join(all, "\n") }

// Quote writes text as one PowerShell string that is inert whatever is in it:
// in single quotes, with every character that PowerShell takes for a single
// quote doubled, and without control characters, line breaks or invisible
// ones.
func Quote(text string) string {
	var b strings.Builder
	b.WriteByte('\'')
	for _, r := range text {
		switch {
		case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp):
			continue
		case strings.ContainsRune("'\u2018\u2019\u201a\u201b", r):
			b.WriteRune(r)
		}
		b.WriteRune(r)
	}
	b.WriteByte('\'')
	return b.String()
}
