package town

import (
	"math/rand/v2"
	"slices"
	"sort"
	"testing"
	"time"
)

// ideal is the traffic of TestHeal without any of its keys: when envelopes leave and
// arrive, and what the best exchange that they could carry would make of it.
type ideal struct {
	leaves [2][]time.Duration // of each end
	enters [2][]time.Duration // when an end enters epoch i
	seals  [2][]time.Duration // when it knows that the other end has entered it, too
	comes  [2]posts           // what arrives of each end: when, and which it was
}

// newIdeal lets every envelope carry, at no cost, the answer to the newest offer and an
// offer of its own, so that each that is news begins an epoch.
func newIdeal(rng *rand.Rand, delay func(*rand.Rand) time.Duration, perDay float64, long time.Duration) *ideal {
	x := &ideal{}
	type event struct {
		at   time.Duration
		from int
		left int // which leaves; -1-i: which arrives
	}
	var all []event
	for from := range 2 {
		for at := time.Duration(0); at < long; at += time.Duration(rng.ExpFloat64() / perDay * 24 * float64(time.Hour)) {
			i := len(x.leaves[from])
			x.leaves[from] = append(x.leaves[from], at)
			all = append(all, event{at, from, i})
			if rng.Float64() < 0.1 {
				continue
			}
			late := delay(rng)
			if rng.IntN(3) == 2 {
				late = min(late, delay(rng))
			}
			all = append(all, event{at + late, from, -1 - i})
			x.comes[from] = append(x.comes[from], post{at: at + late, to: i})
		}
	}
	sort.Slice(all, func(i, j int) bool { return all[i].at < all[j].at })
	var own, peer [2]int
	says := [2][]int{make([]int, len(x.leaves[0])), make([]int, len(x.leaves[1]))}
	x.enters = [2][]time.Duration{{0}, {0}}
	x.seals = x.enters
	for _, e := range all {
		if e.left >= 0 {
			says[e.from][e.left] = own[e.from]
			continue
		}
		to, said := 1-e.from, says[e.from][-1-e.left]
		own[to], peer[to] = max(own[to], said+1), max(peer[to], said)
		for len(x.enters[to]) <= own[to] {
			x.enters[to] = append(x.enters[to], e.at)
		}
		for len(x.seals[to]) <= min(own[to], peer[to]) {
			x.seals[to] = append(x.seals[to], e.at)
		}
	}
	return x
}

// heal is how long a copy of end of, made then, reads on: it has the secrets of the
// epoch that there is and of the end's open offer for the next, and not of the one
// after. once is how long an exchange would take that needs only to be heard once.
func (x *ideal) heal(of int, at time.Duration) (expected, once time.Duration) {
	fresh := sort.Search(len(x.enters[of]), func(i int) bool { return x.enters[of][i] > at }) + 1
	expected = max(x.seals[of][fresh], x.seals[1-of][fresh]) - at
	from := sort.Search(len(x.leaves[of]), func(i int) bool { return x.leaves[of][i] > at })
	once = 1 << 60
	for _, p := range x.comes[of] {
		if p.to >= from {
			once = min(once, p.at-at)
		}
	}
	return expected, once
}

// TestHealIdeal says what TestHeal could show at best: with keys that cost no bytes and
// go with every envelope, as many as there are in its first row.
func TestHealIdeal(t *testing.T) {
	const perDay = 6.4 // 4,590 envelopes of two ends in 8 × 45 days
	for _, c := range []struct {
		name  string
		delay func(*rand.Rand) time.Duration
		least float64 // hours, p90: less would be a mistake here or in TestHeal
	}{
		{"a minute to three days", upTo(72 * time.Hour), 28},
		{"evenly up to three days", evenly(72 * time.Hour), 75},
		{"a minute to six hours", upTo(6 * time.Hour), 22},
	} {
		rng := rand.New(rand.NewPCG(36, 2))
		long := 600 * 24 * time.Hour
		x := newIdeal(rng, c.delay, perDay, long)
		var expected, once []float64
		for at := 24 * time.Hour; at < long-20*24*time.Hour; at += 7 * time.Hour {
			a, b := x.heal(rng.IntN(2), at)
			expected, once = append(expected, a.Hours()), append(once, b.Hours())
		}
		slices.Sort(expected)
		slices.Sort(once)
		q := func(list []float64, f float64) float64 { return list[int(f*float64(len(list)))] }
		t.Logf("%s: %d copies; an epoch with each envelope %.1f h p50, %.1f h p90; heard once %.1f h p50, %.1f h p90",
			c.name, len(once), q(expected, .5), q(expected, .9), q(once, .5), q(once, .9))
		if p := q(expected, .9); p < c.least || p > 1.5*c.least || q(once, .9) > p {
			t.Errorf("%s: %.1f h p90, about %.0f", c.name, p, c.least)
		}
	}
}
