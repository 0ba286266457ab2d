package authcert

import (
	"encoding/json"
	"testing"
	"time"
)

func TestSpan(t *testing.T) {
	const day = 24 * time.Hour
	for d, want := range map[time.Duration]string{
		0: "0 seconds", time.Second: "1 second", 119 * time.Second: "119 seconds", 2 * time.Minute: "2 minutes", 2*time.Hour - time.Second: "119 minutes",
		2 * time.Hour: "2 hours", 2*day - time.Second: "47 hours", 2 * day: "2 days", 3*day - 1: "2 days", -5 * day: "5 days",
	} {
		if got := span(d); got != want {
			t.Errorf("span(%s) = %q, want %q", d, got, want)
		}
	}
}

func TestWholeDays(t *testing.T) {
	for _, tt := range []struct {
		to          time.Time
		days        int
		words, back string
	}{
		{now, 0, "0 seconds", "0 seconds"},
		{now.Add(time.Nanosecond), 0, "0 seconds", "0 seconds"},
		{now.Add(-time.Nanosecond), -1, "0 seconds", "0 seconds"},
		{now.Add(-time.Second), -1, "1 second", "1 second"},
		{in(-1), -1, "24 hours", "24 hours"},
		{in(-1).Add(-time.Second), -2, "24 hours", "24 hours"},
		{in(60), 60, "60 days", "60 days"},
		{in(60).Add(-time.Nanosecond), 59, "59 days", "59 days"},
		{in(400).Add(-time.Nanosecond), 399, "399 days", "399 days"},
		{time.Date(9999, 12, 31, 12, 0, 0, 0, time.UTC), 2912116, "2912116 days", "2912116 days"},
		{time.Date(1602, 1, 1, 12, 0, 0, 0, time.UTC), -155189, "155189 days", "155189 days"},
	} {
		if got := wholeDays(now, tt.to); got != tt.days {
			t.Errorf("%s: %d days, want %d", tt.to, got, tt.days)
		}
		if got := between(now, tt.to); got != tt.words {
			t.Errorf("%s: %q, want %q", tt.to, got, tt.words)
		}
		if got := between(tt.to, now); got != tt.back {
			t.Errorf("back from %s: %q, want %q", tt.to, got, tt.back)
		}
	}
}

// A clock has fractions of a second, a certificate has none.
func TestWholeDaysFromAFraction(t *testing.T) {
	for to, want := range map[time.Time]int{now: -1, now.Add(time.Second): 0, in(1): 0, in(1).Add(time.Second): 1, in(-1): -2} {
		if got := wholeDays(now.Add(time.Nanosecond), to); got != want {
			t.Errorf("%s: %d days, want %d", to, got, want)
		}
	}
}

func TestParseInstant(t *testing.T) {
	noon := time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"": {}, "  ": {}, "2026-12-01T12:00:00Z": noon, "2026-12-01T12:00:00.1234567Z": noon, "2026-12-01T13:00:00+01:00": noon, "2026-12-02T01:00:00+13:00": noon,
		"2026-12-01T12:00:00": noon, "2026-12-01T12:00:00.5": noon, "2026-12-01 12:00:00Z": noon, " 2026-12-01T12:00:00Z\n": noon, "2026-12-01": noon.Truncate(24 * time.Hour),
		"/Date(1796126400000)/": noon, "/Date(1796126400999)/": noon, "/Date(1796126400000+0100)/": noon, "/Date(-62135596800000)/": {}, "/Date(0)/": time.Unix(0, 0),
		"0001-01-01T00:00:00": {}, "1601-01-01T00:00:00Z": {}, "1601-01-01T01:00:00+01:00": {}, "1602-01-01": time.Date(1602, 1, 1, 0, 0, 0, 0, time.UTC),
		"9999-12-31T23:59:59.9999999Z": time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), "9999-12-31T23:59:59-01:00": {}, "/Date(999999999999999)/": {},
	} {
		got, err := ParseInstant(text)
		if err != nil || !got.Equal(want) || got.Known() == want.IsZero() {
			t.Errorf("%q: %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"soon", "12/01/2026", "1. 12. 2026", "2026-13-01", "/Date(x)/", "/Date(1)", "Date(1)", "/Date(1234567890123456)/", "1796126400", "2026-12-01T25:00:00Z"} {
		if got, err := ParseInstant(text); err == nil {
			t.Errorf("%q is read as %s", text, got)
		}
	}
}

func TestInstantText(t *testing.T) {
	for i, want := range map[Instant][2]string{
		{}: {"unknown", "null"},
		At(time.Date(2026, 12, 1, 0, 0, 59, 999, time.FixedZone("", 3600))):   {"2026-11-30 23:00 UTC", `"2026-11-30T23:00:59Z"`},
		At(time.Date(12345, 1, 1, 0, 0, 0, 0, time.UTC)):                      {"unknown", "null"},
		At(time.Date(9999, 12, 31, 23, 59, 59, 0, time.FixedZone("", -3600))): {"unknown", "null"},
		At(time.Date(1602, 1, 1, 0, 0, 0, 0, time.FixedZone("", 3600))):       {"unknown", "null"},
	} {
		if got := i.String(); got != want[0] {
			t.Errorf("written %q, want %q", got, want[0])
		}
		if got := marshal(t, i); got != want[1] {
			t.Errorf("JSON %s, want %s", got, want[1])
		}
		var again Instant
		if err := json.Unmarshal([]byte(want[1]), &again); err != nil || again != i {
			t.Errorf("%s: read again %v, %v, want %v", want[1], again, err, i)
		}
	}
}

func TestParseThumbprint(t *testing.T) {
	const want = Thumbprint("E1BDF9AE58C93C75E76C9DD882138FB8FF0FA786")
	for _, text := range []string{
		string(want), "e1bdf9ae58c93c75e76c9dd882138fb8ff0fa786", "\u200eE1 BD F9 AE 58 C9 3C 75 E7 6C 9D D8 82 13 8F B8 FF 0F A7 86",
		"E1:BD:F9:AE:58:C9:3C:75:E7:6C:9D:D8:82:13:8F:B8:FF:0F:A7:86", "\tE1-BDF9AE58C93C75E76C9DD882138FB8FF0FA786\u00a0\ufeff\r\n",
	} {
		if got, err := ParseThumbprint(text); err != nil || got != want {
			t.Errorf("%q: %q, %v, want %q", text, got, err, want)
		}
	}
	for _, text := range []string{"", " ", "\u200e", ":"} {
		if got, err := ParseThumbprint(text); err != nil || got != "" {
			t.Errorf("%q: %q, %v, want none", text, got, err)
		}
	}
	for _, text := range []string{"E1", string(want[1:]), string(want) + "0", "G" + string(want[1:]), "\uff21" + string(want[1:]), "\xff" + string(want[1:])} {
		if got, err := ParseThumbprint(text); err == nil {
			t.Errorf("%q is read as %q", text, got)
		}
	}
	if got := want.Short(); got != "E1BDF9AE…" {
		t.Errorf("short %q", got)
	}
	if got := Thumbprint("12345678").Short(); got != "12345678" {
		t.Errorf("short %q", got)
	}
}

func TestStatus(t *testing.T) {
	order := []Status{OK, Unknown, Warning, Critical}
	for i, a := range order {
		for j, b := range order {
			if got, want := Worst(a, b), order[max(i, j)]; got != want {
				t.Errorf("worst of %s and %s is %s, want %s", a, b, got, want)
			}
		}
	}
	for text, want := range map[string]int{"ok": 0, "Warning": 1, "CRITICAL": 2, "unknown": 3} {
		status, err := ParseStatus(text)
		if err != nil || status.Code() != want {
			t.Errorf("%s: code %d, %v, want %d", text, status.Code(), err, want)
		}
	}
	for _, text := range []string{"", "0", "fine", "OK "} {
		if got, err := ParseStatus(text); err == nil || got != Unknown {
			t.Errorf("%q is read as %s", text, got)
		}
	}
	var zero Status
	if wild := Status(200); zero != Unknown || wild.String() != "UNKNOWN" || wild.Code() != 3 || Worst(OK, wild) != wild {
		t.Error("a state that is none of the four is not UNKNOWN")
	}
	var read Status
	if err := json.Unmarshal([]byte(`"critical"`), &read); err != nil || read != Critical || marshal(t, read) != `"CRITICAL"` {
		t.Errorf("read %s, %v", read, err)
	}
}

func TestProblem(t *testing.T) {
	for want, p := range map[string]*Problem{
		"access denied: no": {Reason: AccessDenied, Message: "no"}, "access denied": {Reason: AccessDenied}, "no": {Reason: Unreadable, Message: "no"},
		"why": {Message: "why"}, "unreadable": {}, "not found: x": {Reason: NotFound, Message: "x"},
	} {
		if got := p.Error(); got != want {
			t.Errorf("%+v: %q, want %q", *p, got, want)
		}
	}
}
