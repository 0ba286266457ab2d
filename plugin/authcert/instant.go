package authcert

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Instant is a point in time in UTC that may be unknown; the zero Instant is.
// In JSON it is an RFC 3339 string, unknown is null.
type Instant struct{ time.Time }

// At makes an Instant of a time. What Windows writes for "never" (year 1, or
// 1601, where FILETIME begins) is unknown, and so is a year of five digits.
// Fractions of a second are cut off: neither JSON form carries them.
func At(t time.Time) Instant {
	if year := t.UTC().Year(); year <= 1601 || year > 9999 {
		return Instant{}
	}
	return Instant{t.UTC().Truncate(time.Second)}
}

// Known tells whether there is an instant at all.
func (i Instant) Known() bool { return !i.IsZero() }

// String writes the instant to the minute, for example "2026-12-01 00:00 UTC",
// and "unknown" for none.
func (i Instant) String() string {
	if !i.Known() {
		return "unknown"
	}
	return i.UTC().Format("2006-01-02 15:04 UTC")
}

// jsonDate is how Windows PowerShell 5.1 writes dates: milliseconds since 1970
// in UTC; an offset behind them only says in which zone it was shown.
var jsonDate = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^/Date\((-?[0-9]{1,15})([+-][0-9]{4})?\)/$`)
})

// instantLayouts are ISO 8601 with an offset, without one (read as UTC, which
// every property that ends in UTC means) and a bare date.
var instantLayouts = []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05Z07:00", time.DateOnly}

// ParseInstant reads ISO 8601 and "/Date(ms)/". Blank text is unknown.
func ParseInstant(text string) (Instant, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return Instant{}, nil
	}
	if strings.HasPrefix(text, "/Date(") {
		if m := jsonDate().FindStringSubmatch(text); m != nil {
			ms, err := strconv.ParseInt(m[1], 10, 64)
			return At(time.UnixMilli(ms)), err
		}
	}
	for _, layout := range instantLayouts {
		if t, err := time.Parse(layout, text); err == nil {
			return At(t), nil
		}
	}
	return Instant{}, fmt.Errorf("date %.40q: want ISO 8601, as in 2026-12-01T00:00:00Z", text)
}

// MarshalJSON writes null for unknown.
func (i Instant) MarshalJSON() ([]byte, error) {
	if !i.Known() {
		return []byte("null"), nil
	}
	return json.Marshal(i.UTC().Format(time.RFC3339))
}

// UnmarshalJSON reads a string as ParseInstant does, and null as unknown.
func (i *Instant) UnmarshalJSON(data []byte) (err error) {
	if bytes.Equal(data, []byte("null")) {
		*i = Instant{}
		return nil
	}
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return fmt.Errorf("date: %w", err)
	}
	*i, err = ParseInstant(text)
	return err
}
