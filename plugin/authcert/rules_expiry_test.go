package authcert

import (
	"testing"
	"time"
)

func TestSoundOrganizationHasNoFindings(t *testing.T) {
	judgeRows(t, []row{{name: "steady state"}})
}

func TestCurrentExpired(t *testing.T) {
	ends := func(to time.Time) func(*org) { return func(o *org) { o.setCurrent(until(o.t, to)) } }
	expired := []verdict{{"current-expired", Critical, ""}}
	judgeRows(t, []row{
		{name: "ends now", change: ends(now), want: []verdict{{"current-expiring", Critical, ""}}, words: []string{"expires in 0 seconds"}},
		{name: "ended a second ago", change: ends(now.Add(-time.Second)), want: expired, words: []string{"expired 1 second ago", "2026-11-23 11:59 UTC", "Outlook on the web"}},
		{name: "ended an hour ago", change: ends(now.Add(-time.Hour)), want: expired, words: []string{"expired 60 minutes ago"}},
		{name: "ended 400 days ago", change: ends(in(-400)), want: expired, words: []string{"expired 400 days ago"}},
		{name: "with a next that would take over later", change: func(o *org) {
			o.setCurrent(until(o.t, in(-1)))
			o.setNext(until(o.t, in(1800)), in(5))
		}, want: []verdict{{"current-expired", Critical, ""}, {"next-too-late", Critical, ""}}},
		{name: "with an expired next", change: func(o *org) {
			o.setCurrent(until(o.t, in(-10)))
			o.setNext(until(o.t, in(-5)), in(-20))
		}, want: []verdict{{"current-expired", Critical, ""}, {"next-expired", Critical, ""}, {"rollover-overdue", Critical, ""}}},
		{name: "with thresholds that accept everything", change: ends(in(-1)), want: expired,
			policy: func(p *Policy) { p.Warning, p.Critical = mustRange(t, "~:"), mustRange(t, "~:") }},
	})
}

func mustRange(t testing.TB, text string) Range {
	t.Helper()
	r, err := ParseDaysRange(text)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestCurrentExpiring(t *testing.T) {
	ends := func(to time.Time) func(*org) { return func(o *org) { o.setCurrent(until(o.t, to)) } }
	is := func(status Status) []verdict { return []verdict{{"current-expiring", status, ""}} }
	thresholds := func(warning, critical string) func(*Policy) {
		return func(p *Policy) { p.Warning, p.Critical = mustRange(t, warning), mustRange(t, critical) }
	}
	judgeRows(t, []row{
		{name: "61 days", change: ends(in(61))},
		{name: "60 days", change: ends(in(60))},
		{name: "60 days less a second", change: ends(in(60).Add(-time.Second)), want: is(Warning), words: []string{"expires in 59 days", "2027-01-22"}},
		{name: "30 days", change: ends(in(30)), want: is(Warning)},
		{name: "30 days less a second", change: ends(in(30).Add(-time.Second)), want: is(Critical), words: []string{"expires in 29 days"}},
		{name: "11 hours", change: ends(now.Add(11 * time.Hour)), want: is(Critical), words: []string{"expires in 11 hours", "2026-11-23 23:00 UTC"}},
		{name: "own thresholds", change: ends(in(100)), policy: thresholds("120", "101"), want: is(Critical)},
		{name: "own thresholds, warning", change: ends(in(101)), policy: thresholds("120", "101"), want: is(Warning)},
		{name: "own thresholds, fine", change: ends(in(120)), policy: thresholds("120", "101")},
		{name: "a range that alerts inside", change: ends(in(15)), policy: thresholds("@10:20", "@0:9"), want: is(Warning)},
		{name: "its lower end", change: ends(in(10)), policy: thresholds("@10:20", "@0:9"), want: is(Warning)},
		{name: "beyond its upper end", change: ends(in(21)), policy: thresholds("@10:20", "@0:9")},
		{name: "too long", change: ends(in(500)), policy: thresholds("60:499", "30:"), want: is(Warning)},
		{name: "made for a year, 80 days left", change: func(o *org) {
			o.setCurrent(authCertificate(o.t, spec{from: in(80 - 365), to: in(80)}))
		}},
		{name: "never ends", change: func(o *org) {
			o.setCurrent(authCertificate(o.t, spec{from: in(-1), to: time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)}))
		}},
	})
}

func TestCurrentNotYetValid(t *testing.T) {
	begins := func(from time.Time) func(*org) {
		return func(o *org) { o.setCurrent(authCertificate(o.t, spec{from: from, to: in(1000)})) }
	}
	judgeRows(t, []row{
		{name: "begins now", change: begins(now)},
		{name: "begins in a second", change: begins(now.Add(time.Second)), want: []verdict{{"current-not-yet-valid", Critical, ""}}, words: []string{"2026-11-23 12:00 UTC", "clock"}},
		{name: "begins in a year", change: begins(in(365)), want: []verdict{{"current-not-yet-valid", Critical, ""}}},
		{name: "began in 1950", change: begins(time.Date(1950, 1, 1, 0, 0, 0, 0, time.UTC))},
	})
}

func TestNextExpired(t *testing.T) {
	next := func(to, effective time.Time) func(*org) {
		return func(o *org) { o.setNext(until(o.t, to), effective) }
	}
	is := func(status Status) []verdict { return []verdict{{"next-expired", status, ""}} }
	judgeRows(t, []row{
		{name: "ended a second ago, far from effective", change: next(now.Add(-time.Second), in(20)), want: is(Warning), words: []string{"expired 1 second ago", "becomes current on 2026-12-13"}},
		{name: "a second before the lead", change: next(in(-1), now.Add(leadTime+time.Second)), want: is(Warning)},
		{name: "within the lead", change: next(in(-1), now.Add(leadTime)), want: is(Critical), words: []string{"in 2 days"}},
		{name: "effective an hour ago", change: next(in(-1), now.Add(-time.Hour)), want: is(Critical), words: []string{"was to become current", "60 minutes ago"}},
		{name: "without a date", change: func(o *org) {
			o.setNext(until(o.t, in(-1)), time.Time{})
		}, want: []verdict{{"next-expired", Warning, ""}, {"next-without-date", Warning, ""}}, words: []string{"no date"}},
	})
}

func TestNextExpiring(t *testing.T) {
	next := func(to time.Time) func(*org) {
		return func(o *org) {
			o.setCurrent(until(o.t, in(100)))
			o.setNext(until(o.t, to), in(20))
		}
	}
	is := []verdict{{"next-expiring", Warning, ""}}
	judgeRows(t, []row{
		{name: "ends now", change: next(now), want: is},
		{name: "120 days", change: next(in(120))},
		{name: "120 days less a second", change: next(in(120).Add(-time.Second)), want: is, words: []string{"expires in 119 days"}},
		{name: "own threshold", change: next(in(120)), policy: func(p *Policy) { p.NextWarning = AtLeast(121) }, want: is},
		{name: "ends with the current one", change: func(o *org) {
			o.setCurrent(until(o.t, in(100)))
			o.setNext(authCertificate(o.t, spec{from: in(-1), to: in(100), serial: 7}), in(20))
		}, policy: func(p *Policy) { p.NextWarning = AtLeast(10) }},
		{name: "ends a second before the current one", change: next(in(100).Add(-time.Second)), policy: func(p *Policy) { p.NextWarning = AtLeast(10) }, want: is,
			words: []string{"ends before the current one"}},
	})
}

func TestNextNotValidWhenEffective(t *testing.T) {
	next := func(from, effective time.Time) func(*org) {
		return func(o *org) { o.setNext(authCertificate(o.t, spec{from: from, to: in(1800)}), effective) }
	}
	is := func(status Status) []verdict { return []verdict{{"next-not-valid-when-effective", status, ""}} }
	judgeRows(t, []row{
		{name: "valid from its date", change: next(in(10), in(10))},
		{name: "a second too early", change: next(in(10).Add(time.Second), in(10)), want: is(Warning), words: []string{"effective on 2026-12-03 12:00", "valid from 2026-12-03 12:00"}},
		{name: "a second before the lead", change: next(in(10), now.Add(leadTime+time.Second)), want: is(Warning)},
		{name: "within the lead", change: next(in(10), now.Add(leadTime)), want: is(Critical)},
		{name: "date passed", change: next(in(10), now.Add(-time.Hour)), want: is(Critical)},
	})
}
