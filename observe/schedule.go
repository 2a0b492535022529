package observe

import (
	"math/rand/v2"
	"slices"
	"time"
)

// Power is what a device runs on.
type Power uint8

const (
	Mains Power = iota // also when nobody can tell
	Battery
)

// Occasion is what the pace of trying depends on.
type Occasion struct {
	Now     time.Time // in the local zone
	Power   Power
	Poll    time.Duration // between two tries on mains, and in a burst
	Since   time.Time     // since when nothing answers
	Told    time.Time     // when a neighbour last said that the network is open
	Answers bool          // another way answers now: this one can wait
	History []Window      // as Log.Lately lists them
}

// The pace. Who switches a network does it by the clock: of 147 shutdowns
// ordered by governments and for exams nine in ten began at :00 or :30, and six
// in ten ended there; so bursts stand around these.
const (
	calm        = 30 * time.Second // while another way answers
	slowest     = 45 * time.Second // middle of the slowest pace on battery, ± a third
	slowing     = 20               // the pause grows by 1/20 of the dark so far
	burstBefore = time.Minute      // before :00 and :30
	burstAfter  = 2 * time.Minute
	burstNear   = 90 * time.Second // around the opening of a day before
	burstTold   = 3 * time.Minute  // after a neighbour's word
	burstDays   = 3 * day          // how long an opening is remembered
)

// Wait is the pause until the next try. It varies, so that many devices do not
// try at the same moment, and none can be told by its rhythm.
func Wait(o Occasion, rng *rand.Rand) time.Duration {
	fast := vary(o.Poll*19/20, o.Poll/20, rng)
	if o.Answers {
		return max(fast, vary(calm, calm/4, rng))
	}
	if o.Power == Mains {
		return fast
	}
	if o.Now.Sub(o.Told) <= burstTold && !o.Told.After(o.Now) {
		return fast
	}
	pause := min(max(o.Now.Sub(o.Since), 0)/slowing, slowest)
	pause = vary(pause, pause/3, rng)
	for _, b := range bursts(o) {
		in := after(b.from, timeOfDay(o.Now))
		if in < b.length {
			return fast
		}
		// Not to sleep into a burst.
		pause = min(pause, day-in)
	}
	return max(fast, pause)
}

// Lately lists the windows that matter to the pace.
func (l *Log) Lately(now time.Time) []Window {
	i := len(l.windows)
	for i > 0 && now.Sub(l.windows[i-1].From) <= burstDays {
		i--
	}
	return append([]Window(nil), l.windows[i:]...)
}

// vary picks from middle ± spread.
func vary(middle, spread time.Duration, rng *rand.Rand) time.Duration {
	if spread <= 0 {
		return middle
	}
	return middle - spread + time.Duration(rng.Int64N(int64(2*spread)))
}

// burst is a daily span of quick tries.
type burst struct{ from, length time.Duration }

// bursts lists those that are near: around the half hour, and around each
// opening of the days before.
func bursts(o Occasion) []burst {
	half := (timeOfDay(o.Now) + burstBefore).Truncate(30 * time.Minute)
	list := []burst{
		{(half - burstBefore + day) % day, burstBefore + burstAfter},
		{(half + 30*time.Minute - burstBefore) % day, burstBefore + burstAfter},
	}
	for _, w := range slices.Backward(o.History) {
		if o.Now.Sub(w.From) > burstDays {
			break
		}
		if w.Opened {
			list = append(list, burst{(timeOfDay(w.From.In(o.Now.Location())) - burstNear + day) % day, 2 * burstNear})
		}
	}
	return list
}
