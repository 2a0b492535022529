package limits

import (
	"fmt"
	"testing"
	"time"
)

// told notes what a test is told instead of failing.
type told struct {
	testing.TB
	errors []string
}

func (t *told) Errorf(format string, args ...any) {
	t.errors = append(t.errors, fmt.Sprintf(format, args...))
}

func TestWatch(t *testing.T) {
	var keep []byte
	spend := func(n int) { keep = make([]byte, n) }
	work := func(d time.Duration) {
		for begin := threadTime(); threadTime()-begin < d; {
			keep = append(keep[:0], byte(len(keep)))
		}
	}
	for name, c := range map[string]struct {
		in, bytes int
		work      time.Duration
		cost      Cost
		errors    int
	}{
		"little":             {in: 10, bytes: 1000},
		"too much":           {in: 10, bytes: 2 << 20, errors: 1},
		"allowed":            {in: 10, bytes: 2 << 20, cost: Cost{Bytes: 3 << 20}},
		"much of much":       {in: 200 << 10, bytes: 3 << 20},
		"too long":           {in: 10, work: throttled*Time + 8*time.Millisecond, errors: 1},
		"too long of longer": {in: 60 << 10, work: 12 * time.Millisecond, cost: Cost{Time: 40 * time.Millisecond}},
	} {
		if c.work > 0 && (slowed() || threadTime() == 0) {
			continue // time is not looked at
		}
		see := &told{TB: t}
		done := Watch(see, c.in, c.cost)
		spend(c.bytes)
		work(c.work)
		done()
		if len(see.errors) != c.errors {
			t.Errorf("%s: %v", name, see.errors)
		}
	}
	_ = keep
}
