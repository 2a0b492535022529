package sim

import (
	"slices"
	"time"
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
	// Copies is how many devices got a letter until it arrived, its own end
	// included and its writer not, on average over those delivered.
	Copies float64 `json:"copies_per_delivered"`
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
}

// tally counts holders until delivery.
type tally struct {
	letters []Letter
	copies  []int
	arrived []time.Duration
}

func newTally(letters []Letter) *tally {
	t := &tally{letters: letters, copies: make([]int, len(letters)), arrived: make([]time.Duration, len(letters))}
	for i := range t.arrived {
		t.arrived[i] = -1
	}
	return t
}

// holder says that a device now holds a letter.
func (t *tally) holder(l, person int, at time.Duration) {
	if t.arrived[l] >= 0 || person == t.letters[l].From {
		return
	}
	t.copies[l]++
	if person == t.letters[l].To {
		t.arrived[l] = at
	}
}

func (t *tally) outcome() (o Outcome) {
	var delays []time.Duration
	copies := 0
	for l, at := range t.arrived {
		if at >= 0 {
			delays = append(delays, at-t.letters[l].At)
			copies += t.copies[l]
		}
	}
	if len(delays) == 0 {
		return o
	}
	slices.Sort(delays)
	within := func(d time.Duration) float64 {
		n, _ := slices.BinarySearch(delays, d+1)
		return float64(n) / float64(len(t.letters))
	}
	o.Delivered = len(delays)
	o.Share = float64(o.Delivered) / float64(len(t.letters))
	o.Within1h, o.Within6h, o.Within24h = within(time.Hour), within(6*time.Hour), within(24*time.Hour)
	o.MedianSeconds = delays[len(delays)/2].Seconds()
	o.Copies = float64(copies) / float64(o.Delivered)
	return o
}
