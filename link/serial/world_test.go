package serial

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// ether is a channel in virtual time: everybody in reach hears a frame or loses it,
// a modem waits while it hears somebody, and frames that overlap are lost.
type ether struct {
	t     *testing.T
	now   time.Time
	loss  float64
	rng   *rand.Rand
	who   []*mast
	flies []flight
	lost  int
}

type flight struct {
	from     *mast
	from0    time.Time
	to       time.Time
	frame    []byte
	collided bool
}

// mast is a station with a shelf.
type mast struct {
	at      int // only neighbours in number hear each other when reach is set
	reach   int
	st      *Station
	air     func(int) time.Duration
	shelf   []Item
	units   map[ID][]byte
	got     map[ID]time.Time
	wake    time.Time
	holding []byte // in its modem, until the channel is free
	free    time.Time
	sent    time.Duration
}

func newEther(t *testing.T, loss float64, seed uint64) *ether {
	return &ether{t: t, now: time.Date(2026, 11, 26, 8, 0, 0, 0, time.UTC), loss: loss, rng: rand.New(rand.NewPCG(seed, 5))}
}

func (e *ether) add(frame int, air func(int) time.Duration, duty float64, reach int) *mast {
	m := &mast{at: len(e.who), reach: reach, air: air, units: map[ID][]byte{}, got: map[ID]time.Time{}, wake: e.now}
	m.st = NewStation(Config{
		Frame: frame, Airtime: air, Budget: &Budget{Limit: time.Duration(duty * float64(time.Hour))}, Rand: rand.New(rand.NewPCG(e.rng.Uint64(), 9)),
		Get: func(id ID) ([]byte, bool) { u, ok := m.units[id]; return u, ok },
	}, e.now)
	m.st.Update(e.now, nil)
	e.who = append(e.who, m)
	return m
}

// give puts a unit on a shelf.
func (e *ether) give(m *mast, unit []byte, own bool) ID {
	id := IDOf(unit)
	if m.units[id] == nil {
		m.units[id], m.got[id] = unit, e.now
		m.shelf = append(m.shelf, Item{id, len(unit), own})
		slices.SortStableFunc(m.shelf, func(a, b Item) int { return a.Size - b.Size })
		m.st.Update(e.now, m.shelf)
		m.wake = e.now
	}
	return id
}

func (e *ether) hears(a, b *mast) bool {
	d := a.at - b.at
	return a != b && (a.reach == 0 || d*d <= a.reach*a.reach)
}

// run lets time pass until done answers true, or for so long.
func (e *ether) run(long time.Duration, done func() bool) bool {
	end := e.now.Add(long)
	for !done() {
		next := end
		for _, m := range e.who {
			if m.holding != nil && m.free.Before(next) {
				next = m.free
			} else if m.holding == nil && m.wake.Before(next) {
				next = m.wake
			}
		}
		for _, f := range e.flies {
			if f.to.Before(next) {
				next = f.to
			}
		}
		if !next.Before(end) {
			return false
		}
		if next.After(e.now) {
			e.now = next
		}
		e.land()
		for _, m := range e.who {
			e.turn(m)
		}
	}
	return true
}

// land delivers what is over.
func (e *ether) land() {
	var still []flight
	for _, f := range e.flies {
		if f.to.After(e.now) {
			still = append(still, f)
			continue
		}
		for _, m := range e.who {
			if !e.hears(f.from, m) {
				continue
			}
			if f.collided || e.rng.Float64() < e.loss {
				e.lost++
				continue
			}
			if unit := m.st.Heard(e.now, f.frame); unit != nil {
				e.give(m, unit, false)
			}
			m.wake = e.now
		}
	}
	e.flies = still
}

// turn lets a station and its modem act.
func (e *ether) turn(m *mast) {
	if m.holding == nil && !m.wake.After(e.now) {
		f, at := m.st.Next(e.now)
		if at.Before(e.now) || f == nil && !at.After(e.now) {
			e.t.Fatalf("asked to come again at %v, it is %v", at, e.now)
		}
		m.wake = at
		if f != nil {
			m.holding, m.free = f, e.now
		}
	}
	if m.holding == nil || m.free.After(e.now) {
		return
	}
	for _, f := range e.flies {
		// Carrier is sensed after a while only.
		if e.hears(f.from, m) && e.now.Sub(f.from0) > 20*time.Millisecond {
			m.free = f.to.Add(time.Duration(e.rng.Int64N(int64(500 * time.Millisecond))))
			return
		}
	}
	d := m.air(len(m.holding))
	n := flight{m, e.now, e.now.Add(d), m.holding, false}
	for i := range e.flies {
		e.flies[i].collided, n.collided = true, true
	}
	e.flies = append(e.flies, n)
	m.sent += d
	m.holding = nil
}

// has says whether all of these stations have a unit.
func has(id ID, ms ...*mast) bool {
	for _, m := range ms {
		if m.units[id] == nil {
			return false
		}
	}
	return true
}

func bytesOf(n int, rng *rand.Rand) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}
