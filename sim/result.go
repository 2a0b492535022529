package sim

import (
	"encoding/hex"
	"slices"
	"time"

	"github.com/jauap/jauap/envelope"
)

// Outcome is what became of the letters.
type Outcome struct {
	Delivered int     `json:"delivered"`
	Share     float64 `json:"share"`     // of all letters
	Within1h  float64 `json:"within_1h"` // of all letters
	Within6h  float64 `json:"within_6h"`
	Within24h float64 `json:"within_24h"`
	// MedianSeconds from writing to arrival, of those delivered.
	MedianSeconds float64 `json:"median_seconds"`
	P90Seconds    float64 `json:"p90_seconds"`
	P95Seconds    float64 `json:"p95_seconds"`
	// Copies is how many devices got a letter until it arrived, its own end
	// included and its writer not, on average over those delivered.
	Copies float64 `json:"copies_per_delivered"`
	// InAll is the same to the end of the run, of a letter whether it arrived or not:
	// ideal flooding never hears that one did.
	InAll float64 `json:"copies_in_all"`
}

// Result of a run. It is the same for the same scenario and seed.
type Result struct {
	Scenario string `json:"scenario"`
	Seed     uint64 `json:"seed"`
	People   int    `json:"people"`
	Contacts int    `json:"contacts"`
	Letters  int    `json:"letters"`
	Outcome
	Bytes             int64   `json:"bytes"` // all that was sent, listings included
	BytesPerDelivered float64 `json:"bytes_per_delivered"`
	Ideal             Outcome `json:"ideal_flood"`
	Steps             int     `json:"steps"` // of all nodes
	Hash              string  `json:"hash"`  // over all events in order
	// Arrivals are the times from the start at which the letters arrived, in
	// the order of letters; negative for those that did not.
	Arrivals []time.Duration `json:"-"`
	// IdealArrivals are the same of ideal flooding.
	IdealArrivals []time.Duration `json:"-"`
	Shelf         Shelf           `json:"shelf"`
	Carriers      Carriers        `json:"carriers"`
	Lost          Lost            `json:"lost"`
	Class         string          `json:"class"`
	Rivals        []RivalOutcome  `json:"rivals,omitempty"`
	letters       []Letter
	scene         Scenario
}

// RivalOutcome is what another way brought.
type RivalOutcome struct {
	Name string `json:"name"`
	Outcome
}

// Shelf is how full honest devices' shelves are at the end.
type Shelf struct {
	Quota int64   `json:"quota"`
	Mean  float64 `json:"mean_bytes"`
	Most  int64   `json:"most_bytes"`
	Junk  float64 `json:"junk_share"` // of the units on them
}

// Carriers are the people who held a letter of others on its way.
type Carriers struct {
	People int     `json:"people"` // who held at least one
	Tenth  float64 `json:"tenth"`  // share of all carrying that the busiest tenth of them did
}

// tally counts holders until delivery.
type tally struct {
	letters []Letter
	copies  []int
	inAll   int // of letters that count
	arrived []time.Duration
	carried map[int]int // by person
}

func newTally(letters []Letter) *tally {
	t := &tally{letters: letters, copies: make([]int, len(letters)), arrived: make([]time.Duration, len(letters)), carried: make(map[int]int)}
	for i := range t.arrived {
		t.arrived[i] = -1
	}
	return t
}

// holder says that a device now holds a letter.
func (t *tally) holder(l, person int, at time.Duration) {
	if person == t.letters[l].From {
		return
	}
	if !t.letters[l].Noise {
		t.inAll++
	}
	if t.arrived[l] >= 0 {
		return
	}
	t.copies[l]++
	if person == t.letters[l].To {
		t.arrived[l] = at
	} else if !t.letters[l].Noise {
		t.carried[person]++
	}
}

func (t *tally) outcome() (o Outcome) {
	var delays []time.Duration
	copies, all := 0, 0
	for l, at := range t.arrived {
		if t.letters[l].Noise {
			continue
		}
		all++
		if at >= 0 {
			delays = append(delays, at-t.letters[l].At)
			copies += t.copies[l]
		}
	}
	o.InAll = float64(t.inAll) / float64(max(all, 1))
	if len(delays) == 0 {
		return o
	}
	slices.Sort(delays)
	within := func(d time.Duration) float64 {
		n, _ := slices.BinarySearch(delays, d+1)
		return float64(n) / float64(all)
	}
	o.Delivered = len(delays)
	o.Share = float64(o.Delivered) / float64(all)
	o.Within1h, o.Within6h, o.Within24h = within(time.Hour), within(6*time.Hour), within(24*time.Hour)
	o.MedianSeconds = delays[len(delays)/2].Seconds()
	o.P90Seconds, o.P95Seconds = delays[len(delays)*9/10].Seconds(), delays[len(delays)*19/20].Seconds()
	o.Copies = float64(copies) / float64(o.Delivered)
	return o
}

func (r *run) result(seed uint64) Result {
	measured := 0
	for _, l := range r.letters {
		if !l.Noise {
			measured++
		}
	}
	ideal := flood(r.s, r.letters)
	res := Result{
		Scenario: r.s.Name, Seed: seed, People: r.s.People, Contacts: len(r.s.Contacts), Letters: measured,
		Outcome: r.tally.outcome(), Bytes: r.bytes, Ideal: ideal.outcome(), IdealArrivals: ideal.arrived, Steps: r.steps,
		Hash: hex.EncodeToString(r.hash.Sum(nil)), Arrivals: r.tally.arrived, Class: r.s.Class.String(),
		Shelf: r.shelves(), Carriers: r.tally.carriers(), Lost: r.lost(ideal), letters: r.letters, scene: r.s,
	}
	for _, rival := range r.s.Rivals {
		t := &tally{letters: r.letters, copies: make([]int, len(r.letters)), arrived: rival.Arrivals}
		res.Rivals = append(res.Rivals, RivalOutcome{rival.Name, t.outcome()})
	}
	if res.Delivered > 0 {
		res.BytesPerDelivered = float64(res.Bytes) / float64(res.Delivered)
	}
	return res
}

// shelves looks at all honest shelves but those of relays.
func (r *run) shelves() (s Shelf) {
	s.Quota = r.s.Quota
	n, units, junk := 0, 0, 0
	for _, p := range r.people {
		if p.sh == nil || p.key != "" {
			continue
		}
		st := p.sh.Stats()
		n++
		s.Mean += float64(st.Bytes)
		s.Most = max(s.Most, st.Bytes)
		for seq := uint64(0); ; {
			page := p.sh.Since(seq, 1024)
			if len(page) == 0 {
				break
			}
			seq = page[len(page)-1].Seq
			for _, e := range page {
				if e.Class == envelope.Stamp {
					continue
				}
				units++
				if _, ours := r.letter[e.ID]; !ours && e.Class == r.s.Class {
					junk++
				}
			}
		}
	}
	s.Mean /= float64(max(n, 1))
	s.Junk = float64(junk) / float64(max(units, 1))
	return s
}

func (t *tally) carriers() (c Carriers) {
	var counts []int
	all, top := 0, 0
	for _, n := range t.carried {
		counts = append(counts, n)
		all += n
	}
	slices.Sort(counts)
	c.People = len(counts)
	for _, n := range counts[len(counts)-(len(counts)+9)/10:] {
		top += n
	}
	c.Tenth = float64(top) / float64(max(all, 1))
	return c
}
