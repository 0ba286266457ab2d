package render_test

import (
	"bytes"
	"strings"
	"testing"

	"check_exchange_authcert/plugin/authcert"
	"check_exchange_authcert/plugin/render"
)

// TestReportPointsAtWhatIsThere has findings whose remedies are shared, differ
// or do not fit: what a line refers to has to be on the page.
func TestReportPointsAtWhatIsThere(t *testing.T) {
	finding := func(id, message, remedy string) authcert.Finding {
		return authcert.Finding{ID: id, Status: authcert.Critical, Message: message, Remedy: remedy}
	}
	long := strings.Repeat("long ", 700) // more than the page holds
	const same, each = "  Do: the same as above", "      That is for the first of these; -v shows what to do for each"
	for _, row := range []struct {
		name       string
		findings   []authcert.Finding
		want, lack []string
	}{
		{"shared", []authcert.Finding{finding("a", "one", "mend"), finding("b", "two", "mend")}, []string{"  Do: mend", same}, []string{each}},
		{"one rule, one remedy", []authcert.Finding{finding("a", "one", "mend"), finding("a", "two", "mend")}, []string{"  Do: mend"}, []string{each, same}},
		{"one rule, a remedy for each server", []authcert.Finding{finding("a", "one", "mend 1"), finding("a", "two", "mend 2")}, []string{"  Do: mend 1", each}, []string{"mend 2"}},
		// "the same as above" once referred to a remedy that had been left out.
		{"shared, but it did not fit", []authcert.Finding{finding("a", "one", long), finding("b", "two", long)}, []string{"  Do: see the output with -v"}, []string{same}},
	} {
		t.Run(row.name, func(t *testing.T) {
			text := terse(t, authcert.Result{Findings: row.findings})
			for _, want := range row.want {
				if !strings.Contains(text, want+"\n") {
					t.Errorf("%q is not in\n%s", want, text)
				}
			}
			for _, lack := range row.lack {
				if strings.Contains(text, lack) {
					t.Errorf("%q is in\n%s", lack, text)
				}
			}
		})
	}
}

func TestFailureWithoutStage(t *testing.T) {
	text := terse(t, authcert.Failed(&authcert.Problem{Message: "broken"}, authcert.Instant{}))
	if want := "[UNKNOWN] broken"; !strings.Contains(text, want) {
		t.Errorf("%q is not in\n%s", want, text)
	}
}

func terse(t *testing.T, result authcert.Result) string {
	t.Helper()
	var out bytes.Buffer
	if err := render.Nagios(&out, result, 0); err != nil {
		t.Fatal(err)
	}
	return out.String()
}
