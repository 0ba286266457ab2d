package authcert

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSummary(t *testing.T) {
	dropOn := func(servers ...int) func(*org) {
		return func(o *org) {
			for _, s := range servers {
				o.drop(s, o.currentThumbprint())
			}
		}
	}
	tests := []struct {
		name   string
		change func(*org)
		want   string
	}{
		{"sound", func(*org) {}, "current Auth Certificate CURRENT is valid for 400 days, until 2027-12-28 (3 of 3 servers checked)"},
		{"staged", func(o *org) { o.setNext(until(o.t, in(1800)), in(5)) }, "current Auth Certificate CURRENT is valid for 400 days, until 2027-12-28; NEXT takes over on 2026-11-28 (3 of 3 servers checked)"},
		{"due", func(o *org) { o.setNext(until(o.t, in(1800)), now.Add(-time.Hour)) }, "current Auth Certificate CURRENT is valid for 400 days, until 2027-12-28; NEXT takes over within 12 hours (3 of 3 servers checked)"},
		{"expired", func(o *org) { o.setCurrent(until(o.t, in(-3))) }, "current Auth Certificate CURRENT expired 3 days ago (3 of 3 servers checked)"},
		{"servers of one finding together", dropOn(1, 2), "current certificate missing on ex02, ex03 (3 of 3 servers checked)"},
		{"a server of several findings once", func(o *org) {
			o.installEverywhere(Certificate{RawData: spec{subject: "one", to: in(-1)}.der(o.t), Services: Services{"IIS"}})
			o.install(0, Certificate{RawData: spec{subject: "two", to: in(-1)}.der(o.t), Services: Services{"IIS"}})
		}, "self-signed certificate expired on ex01, ex02, ex03 (3 of 3 servers checked)"},
		{"the worst first", func(o *org) { o.AuthConfig.Realm = "x"; dropOn(2)(o) }, "current certificate missing on ex03; AuthConfig has Realm x instead of none (3 of 3 servers checked)"},
		{"unreadable servers", func(o *org) {
			dropOn(2)(o)
			o.unreadable(1, Timeout)
		}, "current certificate missing on ex03; certificates not readable on ex02 (2 of 3 servers checked)"},
		{"more than fits", func(o *org) {
			o.setCurrent(until(o.t, in(-3)))
			dropOn(2)(o)
			o.AuthConfig.Realm = "x"
			another(func(*spec, *Certificate) {})(o)
			o.unreadable(0, Timeout)
		}, "current Auth Certificate CURRENT expired 3 days ago; current certificate missing on ex03; 3 more (2 of 3 servers checked)"},
		{"one long text", func(o *org) { o.AuthConfig.Realm = strings.Repeat("x", 300) }, "AuthConfig has Realm " + strings.Repeat("x", 98) + "… (3 of 3 servers checked)"},
		{"text of several lines", func(o *org) {
			o.AuthConfig, o.Errors = nil, List[Problem]{{Stage: StageAuthConfig, Reason: AccessDenied, Message: " one\r\n\ttwo\x00 "}}
		}, "AuthConfig could not be read: access denied: one two (3 of 3 servers checked)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := newOrg(t)
			tt.change(o)
			result := Judge(o.Snapshot, DefaultPolicy(), now)
			checkResult(t, result)
			want := tt.want
			if o.AuthConfig != nil {
				want = strings.NewReplacer("CURRENT", o.currentThumbprint().Short(), "NEXT", o.nextThumbprint().Short()).Replace(want)
			}
			if diff := cmp.Diff(result.Summary, want); diff != "" {
				t.Errorf("summary (-got +want):\n%s", diff)
			}
		})
	}
}

func TestSummaryOfManyServers(t *testing.T) {
	var names []string
	for i := range 40 {
		names = append(names, fmt.Sprintf("a-rather-long-server-name-%04d", i))
	}
	o := &org{organization(t, names...), t}
	for i := range o.Servers {
		if i%2 == 0 {
			o.drop(i, o.currentThumbprint())
		}
	}
	result := Judge(o.Snapshot, DefaultPolicy(), now)
	checkResult(t, result)
	if want := "current certificate missing on a-rather-long-server-name-0000, "; !strings.HasPrefix(result.Summary, want) {
		t.Errorf("summary %q, want it to begin with %q", result.Summary, want)
	}
	if got := enumerate([]string{"a", "b", "c", "d", "e"}, 3); got != "a, b, c and 2 more" {
		t.Errorf("enumerate: %q", got)
	}
}

func TestFailed(t *testing.T) {
	problem := &Problem{Stage: "open-shell", Reason: AccessDenied, Message: "401\r\n" + strings.Repeat("no ", 100)}
	result := Failed(problem, At(now))
	checkResult(t, result)
	if result.Status != Unknown || result.Failure != problem || !strings.HasPrefix(result.Summary, "open-shell: access denied: 401 no no") || !strings.HasSuffix(result.Summary, "…") {
		t.Errorf("%+v", result)
	}
	if got := Failed(&Problem{}, At(now)).Summary; got != "unreadable" {
		t.Errorf("summary of an empty problem %q", got)
	}
}

func TestTruncate(t *testing.T) {
	for _, tt := range []struct {
		text  string
		limit int
		want  string
	}{{"abc", 3, "abc"}, {"abcd", 3, "ab…"}, {"ab, cd", 4, "ab…"}, {"äöüß", 3, "äö…"}, {"abc", 0, "…"}, {"", 0, ""}} {
		if got := truncate(tt.text, tt.limit); got != tt.want {
			t.Errorf("truncate(%q, %d) = %q, want %q", tt.text, tt.limit, got, tt.want)
		}
	}
}
