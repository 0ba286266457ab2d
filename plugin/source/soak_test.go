package source

import (
	"cmp"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"check_exchange_authcert/plugin/authcert"
)

var (
	soakRuns = flag.Int("soak.runs", 2000, "how many runs the soak makes")
	soakSeed = flag.Uint64("soak.seed", 20261123, "what the soak draws them from")
)

// soakDraw is one run, as it was drawn.
type soakDraw struct {
	number int
	way    *soakWay
	org    *organization
	fault  soakFault
}

// draw takes a run from the seed, whoever makes it and when.
func draw(number int, orgs []*organization) soakDraw {
	random := rand.New(rand.NewPCG(*soakSeed, uint64(number)))
	way := &soakWays[random.IntN(len(soakWays))]
	d := soakDraw{number: number, way: way, org: orgs[random.IntN(len(orgs))]}
	if random.IntN(3) > 0 { // two of three go wrong
		d.fault = way.faults[random.IntN(len(way.faults))]
	}
	if d.fault.silent && random.IntN(8) > 0 { // it takes the second that Check gives a source to clean up
		d.fault = soakFault{}
	}
	return d
}

func (d soakDraw) String() string {
	return fmt.Sprintf("run %d: %s, %s, %s", d.number, d.way.name, d.org.status, cmp.Or(d.fault.name, "no fault"))
}

// want is the outcome, which nothing but the draw decides.
func (d soakDraw) want() soakOutcome {
	state := d.org.status
	if shown, less := d.way.judged[state]; less {
		state = shown
	}
	if d.fault.want == nil {
		return soakOutcome{status: state}
	}
	return d.fault.want(state)
}

func outcomeOf(result authcert.Result) soakOutcome {
	if result.Failure == nil {
		return soakOutcome{status: result.Status}
	}
	return soakOutcome{result.Status, cmp.Or(string(result.Failure.Reason), result.Failure.Message)}
}

// census is what a run could leave behind.
type census struct {
	Goroutines, Files, Sockets, Children, Temporary, Shells, Commands int
	heap                                                              uint64
}

// TestSoak makes thousands of runs in a row, against peers with and without
// faults. Every verdict is the one that the draw leads to, and nothing is left
// behind: no goroutine, file, socket, process, temporary file or shell.
func TestSoak(t *testing.T) {
	temporary := t.TempDir()
	orgs := organizations(t)
	var workers []*soakWorker
	for range 3 * runtime.GOMAXPROCS(0) {
		workers = append(workers, newSoakWorker(t, orgs))
	}
	t.Setenv("TMPDIR", temporary)
	early := min(*soakRuns/10, 200)
	before := takeCensus(t, temporary, workers)
	start := time.Now()
	soak(t, workers, orgs, 0, early)
	warm := settle(t, temporary, workers, before)
	drawn := soak(t, workers, orgs, early, *soakRuns)
	after := settle(t, temporary, workers, before)
	t.Logf("seed %d: %d runs in %s\nbefore %+v, after %d %+v, at the end %+v\ndrawn: %s", *soakSeed, *soakRuns, time.Since(start).Round(time.Millisecond), before, early, warm, after, drawn)
	if after.heap > warm.heap+4<<20 {
		t.Errorf("%d KiB of heap after %d runs, %d KiB after %d", after.heap>>10, *soakRuns, warm.heap>>10, early)
	}
}

// soak makes the runs of a range and tells how often each way was drawn.
func soak(t *testing.T, workers []*soakWorker, orgs []*organization, from, to int) string {
	t.Helper()
	draws := make(chan soakDraw)
	var all sync.WaitGroup
	for _, w := range workers {
		all.Go(func() {
			left := 0 // by an earlier run, which has been told
			for d := range draws {
				result := w.run(d)
				if got := outcomeOf(result); got != d.want() {
					t.Errorf("%s: %+v, want %+v (%s)", d, got, d.want(), result.Summary)
				}
				s := w.host.Stats()
				now := s.OpenShells + s.RunningCommands + s.ClearBodies
				if now > left {
					t.Errorf("%s: %+v; want nothing left behind and nothing in clear", d, s)
				}
				left = now
			}
		})
	}
	ways, faults := map[string]int{}, 0
	for number := from; number < to; number++ {
		d := draw(number, orgs)
		ways[d.way.name+", "+d.org.status.String()]++
		if d.fault.name != "" {
			faults++
		}
		draws <- d
	}
	close(draws)
	all.Wait()
	told := fmt.Sprintf("%d with a fault", faults)
	for _, name := range slices.Sorted(maps.Keys(ways)) {
		told += fmt.Sprintf("; %s: %d", name, ways[name])
	}
	return told
}

// settle waits until what was there before is all that there is: peers notice
// a little later that somebody has gone.
func settle(t *testing.T, temporary string, workers []*soakWorker, before census) census {
	t.Helper()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for late := time.After(20 * time.Second); ; {
		now := takeCensus(t, temporary, workers)
		more := now
		more.heap = before.heap
		more.Goroutines, more.Files, more.Sockets = max(more.Goroutines, before.Goroutines), max(more.Files, before.Files), max(more.Sockets, before.Sockets)
		if more == before {
			return now
		}
		select {
		case <-ticker.C:
		case <-late:
			var stacks strings.Builder
			_ = pprof.Lookup("goroutine").WriteTo(&stacks, 1)
			t.Fatalf("left behind: %+v, before %+v\n%.20000s", now, before, stacks.String())
		}
	}
}

func takeCensus(t *testing.T, temporary string, workers []*soakWorker) census {
	t.Helper()
	c := census{Goroutines: runtime.NumGoroutine()}
	for _, w := range workers {
		s := w.host.Stats()
		c.Shells, c.Commands = c.Shells+s.OpenShells, c.Commands+s.RunningCommands
	}
	left, err := os.ReadDir(temporary)
	if err != nil {
		t.Fatal(err)
	}
	c.Temporary = len(left)
	open, _ := filepath.Glob("/proc/self/fd/*") // Linux alone tells
	for _, file := range open {
		to, _ := os.Readlink(file)
		if strings.HasPrefix(to, "socket:") {
			c.Sockets++
		} else {
			c.Files++
		}
	}
	tasks, _ := filepath.Glob("/proc/self/task/*/children")
	for _, task := range tasks {
		children, _ := os.ReadFile(task)
		c.Children += len(strings.Fields(string(children)))
	}
	runtime.GC()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	c.heap = memory.HeapAlloc
	return c
}
