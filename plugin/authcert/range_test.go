package authcert

import (
	"strings"
	"testing"
)

func TestParseDaysRange(t *testing.T) {
	tests := []struct {
		text, canonical string
		alerts, fine    []int
	}{
		{"10", "10:", []int{9, 0, -1}, []int{10, 11, 1 << 20}},
		{"0", "0:", []int{-1}, []int{0, 1}},
		{"10:", "10:", []int{9, -5}, []int{10, 99999}},
		{":10", "0:10", []int{-1, 11}, []int{0, 10}},
		{"~:10", "~:10", []int{11}, []int{10, 0, -99999}},
		{"10:20", "10:20", []int{9, 21}, []int{10, 20}},
		{"10:10", "10:10", []int{9, 11}, []int{10}},
		{"@10:20", "@10:20", []int{10, 20}, []int{9, 21}},
		{"@10", "@0:10", []int{0, 10}, []int{-1, 11}},
		{"@10:", "@10:", []int{10, 99999}, []int{9}},
		{"@~:-1", "@~:-1", []int{-1, -99999}, []int{0}},
		{"~:-1", "~:-1", []int{0, 5}, []int{-1}},
		{"~:", "~:", nil, []int{-99999, 0, 99999}},
		{"@~:", "@~:", []int{-99999, 0, 99999}, nil},
		{"-10:", "-10:", []int{-11}, []int{-10, 0}},
		{"-0:5", "0:5", []int{-1, 6}, []int{0}},
		{"0:0", "0:0", []int{-1, 1}, []int{0}},
		{"1.5:2.5", "1.5:2.5", []int{1, 3}, []int{2}},
		{"-20:-10", "-20:-10", []int{-21, -9}, []int{-20, -10}},
	}
	for _, tt := range tests {
		r, err := ParseDaysRange(tt.text)
		if err != nil {
			t.Errorf("%q: %v", tt.text, err)
			continue
		}
		if got := r.String(); got != tt.canonical {
			t.Errorf("%q is written %q, want %q", tt.text, got, tt.canonical)
		}
		if again, err := ParseDaysRange(r.String()); err != nil || again != r {
			t.Errorf("%q: read again as %v, %v, want %v", tt.text, again, err, r)
		}
		for _, v := range tt.alerts {
			if !r.Alerts(v) {
				t.Errorf("%q: %d does not alert", tt.text, v)
			}
		}
		for _, v := range tt.fine {
			if r.Alerts(v) {
				t.Errorf("%q: %d alerts", tt.text, v)
			}
		}
	}
}

func TestParseDaysRangeRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"": "want a number of days", ":": "want a number of days", "@": "want a number of days", "@:": "want a number of days",
		"~": "want a number of days", "@~": "want a number of days",
		"=-5:10": "start", "10d": "start", "20:10": "start 20 is above end 10", "@20:10": "above end", "1.2.3:": "start", "1e5": "start",
		"NaN": "start", "Inf": "start", "inf:": "start", "0x10": "start", "1_0": "start", "+5": "start", ".5:": "start", "5.:": "start",
		" 60": "start", "60 ": "start", "6 0": "start", "10: 20": "end", "10:20 ": "end", "10:~": "end", "~:~": "end", "1:2:3": "end",
		"--5:": "start", "-:5": "start", "-5": `not negative (a range may be: "-5:")`, "@-5": "not negative", "@@5": "end", "60,30": "start",
		"1234567890123456": "start", "5%": "start", "5:@10": "end", "٣": "start", "5\n": "start",
	} {
		r, err := ParseDaysRange(text)
		if err == nil {
			t.Errorf("%q is read as %v, want an error", text, r)
			continue
		}
		if got := err.Error(); !strings.Contains(got, want) || strings.Contains(got, "\n") {
			t.Errorf("%q: error %q, want one line with %q", text, got, want)
		}
	}
}

func TestRangeText(t *testing.T) {
	var r Range
	if err := r.UnmarshalText([]byte("~:7")); err != nil {
		t.Fatal(err)
	}
	if text, err := r.MarshalText(); err != nil || string(text) != "~:7" {
		t.Errorf("written as %q, %v, want ~:7", text, err)
	}
	if err := r.UnmarshalText([]byte("x")); err == nil {
		t.Error("x is read as a range")
	}
}
