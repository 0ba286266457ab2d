package source_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"check_exchange_authcert/plugin"
	"check_exchange_authcert/plugin/authcert"
	"check_exchange_authcert/plugin/source"
)

const (
	impatience = 3 * time.Second         // the deadline of what waits for it
	patience   = 20 * time.Second        // and of what does not
	tries      = 3                       // with twice the time
	allowance  = 1100 * time.Millisecond // how much later an answer may come: the second that plugin.Check waits for a source that is stuck, and a timer's own time
	slack      = 500 * time.Millisecond  // for a busy machine: what hangs, hangs longer
	cleaning   = 700 * time.Millisecond  // nearly all the time that there is for it
	most       = 64 << 20                // bytes on the heap
)

// TestFaults lets every source suffer every fault in every stage, and prints what it says with -v.
func TestFaults(t *testing.T) {
	nameServer(t)
	makeSound(t)
	before := goroutines()
	var waiting, quick, large []cell
	cells := matrix()
	for _, c := range cells {
		switch {
		case c.waits():
			waiting = append(waiting, c)
		case c.floods():
			large = append(large, c)
		default:
			quick = append(quick, c)
		}
	}
	var all sync.WaitGroup
	var early, late []told
	all.Go(func() { early = runAll(t, waiting, 40) })
	all.Go(func() { late = runAll(t, quick, 4) })
	all.Wait()
	outcomes := slices.Concat(early, late, runAll(t, large, 1)) // whose memory is measured
	expectGoroutines(t, before)
	printTable(t, cells, outcomes)
}

// runAll runs cells, so many at once: go test's own -parallel is meant for what works, not for what waits.
func runAll(t *testing.T, cells []cell, atOnce int) []told {
	outcomes := make([]told, len(cells))
	free := make(chan struct{}, atOnce)
	var all sync.WaitGroup
	for i, c := range cells {
		free <- struct{}{}
		all.Go(func() {
			defer func() { <-free }()
			t.Run(c.String(), func(t *testing.T) { outcomes[i] = c.run(t) })
		})
	}
	all.Wait()
	return outcomes
}

// run asks the source and compares what it tells with what an operator has to read. A machine that is too busy to come
// to the fault within the deadline, to clean up in the time for that, or to collect its garbage, gets more of it.
func (c cell) run(t *testing.T) told {
	deadline := patience
	if c.waits() {
		deadline = impatience
	}
	punctual := false
	for try := 1; ; try++ {
		s := c.start(t, c.stage, c.fault)
		o := c.ask(t, s.source, deadline)
		punctual = punctual || o.took <= deadline+allowance
		o.punctual = punctual
		happened, left := s.happened == nil || s.happened(), ""
		if s.left != nil {
			left = s.left()
		}
		if try < tries && (!happened || o.peak > most || o.took > deadline+allowance || (s.left != nil && o.took > deadline+cleaning)) {
			deadline *= 2
			continue
		}
		if !happened || left != "" {
			t.Errorf("the fault has happened: %t, left behind: %q; %s", happened, left, o.problem.Message)
		}
		c.judge(t, o)
		return o
	}
}

// ask asks a source once.
func (c cell) ask(t *testing.T, s plugin.Source, deadline time.Duration) told {
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	o := told{cell: c, deadline: deadline}
	witness := &witness{Source: s}
	var result authcert.Result
	ask := func() {
		begin := time.Now()
		result = plugin.Check(ctx, witness, authcert.DefaultPolicy(), faultsNow)
		o.took = time.Since(begin)
	}
	if c.floods() {
		o.peak = source.Peak(ask)
	} else {
		ask()
	}
	o.problem = witness.problem(result)
	o.got = statement{result.Status, o.problem.Reason, o.problem.Stage}
	return o
}

func (c cell) judge(t *testing.T, o told) {
	got, problem := o.got, o.problem
	if o.took > o.deadline+allowance+slack || !o.punctual {
		t.Errorf("%s after a deadline of %s", o.took, o.deadline)
	}
	if o.peak > most {
		t.Errorf("%d MiB of memory, want %d at most", o.peak>>20, most>>20)
	}
	want := statement{state: authcert.OK}
	if c.fault != noFault {
		want = c.want(c.stage, c.fault)
	}
	if got.state != want.state || got.reason != want.reason || !strings.HasPrefix(got.stage, want.stage) || (want.stage == "") != (got.stage == "") {
		t.Errorf("%s, %s at %q: %s; want %s, %s at %q", got.state, got.reason, got.stage, problem.Message, want.state, want.reason, want.stage)
	}
	said := problem.Message + problem.Hint
	if want.reason != "" && (problem.Message == "" || problem.Hint == "") {
		t.Errorf("%q, and what to do: %q; want both", problem.Message, problem.Hint)
	}
	if strings.ContainsAny(said, "\r\n\x00") || strings.Contains(said, password) {
		t.Errorf("%q: more than a line, or a secret", said)
	}
}

// witness sees what the source has told the check.
type witness struct {
	plugin.Source
	told *authcert.Snapshot
}

func (w *witness) Snapshot(ctx context.Context) (*authcert.Snapshot, error) {
	snap, err := w.Source.Snapshot(ctx)
	if err == nil {
		told := *snap
		w.told = &told
	}
	return snap, err
}

// problem is why something is not known: of everything, of a cross-check, of a server, of a step.
func (w *witness) problem(result authcert.Result) authcert.Problem {
	if result.Failure != nil {
		return *result.Failure
	}
	for _, s := range w.told.Servers {
		switch {
		case s.Published != nil && s.Published.Error != nil:
			return *s.Published.Error
		case len(s.Served) > 0 && s.Served[len(s.Served)-1].Error != nil:
			return *s.Served[len(s.Served)-1].Error
		case s.Error != nil:
			return *s.Error
		}
	}
	if len(w.told.Errors) > 0 {
		return w.told.Errors[0]
	}
	return authcert.Problem{}
}

// printTable shows the matrix and the longest time.
func printTable(t *testing.T, cells []cell, outcomes []told) {
	byName := map[string]told{}
	for _, o := range outcomes {
		if o.origin != nil { // nil where -run left the cell out
			byName[o.String()] = o
		}
	}
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SOURCE\tSTAGE\tFAULT\tSTATE\tREASON\tSTAGE NAMED\tTIME\tMEMORY")
	var longest, late time.Duration
	for _, c := range cells {
		o := byName[c.String()]
		memory := ""
		if o.peak > 0 {
			memory = fmt.Sprintf("%d MiB", o.peak>>20)
		}
		named, _, _ := strings.Cut(o.got.stage, " (http")
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", c.name, c.stage, c.fault, o.got.state, o.got.reason, named, o.took.Round(time.Millisecond), memory)
		if longest = max(longest, o.took); c.waits() {
			late = max(late, o.took-o.deadline)
		}
	}
	w.Flush()
	t.Logf("%d cells; the longest took %s, and the latest answer came %s after its deadline\n%s", len(cells), longest, late, text.String())
	if len(cells) < 900 {
		t.Errorf("%d cells, want 900", len(cells))
	}
}
