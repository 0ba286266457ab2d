package source

import (
	"context"
	"testing"
	"time"
)

// TestShare has the first of several cmdlets hang for as long as they are given: what is left does for the others.
func TestShare(t *testing.T) {
	for _, row := range []struct {
		left             time.Duration
		waiting, hanging int
		first            time.Duration // what the first one is given
		rest             time.Duration // what is left to each behind the hanging ones, at least
	}{
		{30 * time.Second, 1, 0, 30 * time.Second, 0},
		{60 * time.Second, 4, 3, 15 * time.Second, 15 * time.Second},
		{30 * time.Second, 8, 1, briefly, 2 * time.Second},
		{30 * time.Second, 8, 4, briefly, 2 * time.Second},
		{30 * time.Second, 8, 7, briefly, 2 * time.Second},
		{30 * time.Second, 16, 8, least, 14 * time.Second / 8},
		{30 * time.Second, 60, 1, least, 28 * time.Second / 59},
		{4 * time.Second, 8, 1, least, 2 * time.Second / 7},
	} {
		left, first := row.left, time.Duration(0)
		for i := range max(row.hanging, 1) {
			ctx, cancel := context.WithTimeout(t.Context(), left)
			given := share(ctx, row.waiting-i)
			cancel()
			if i == 0 {
				first = given
			}
			left -= given
		}
		const moment = 200 * time.Millisecond
		if first < row.first-moment || first > row.first {
			t.Errorf("%+v: the first is given %s", row, first)
		}
		if n := row.waiting - row.hanging; row.hanging > 0 && left/time.Duration(n) < row.rest-moment {
			t.Errorf("%+v: %s are left for %d", row, left, n)
		}
	}
}
