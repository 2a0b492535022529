package bench

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/exchange"
)

// meetings is how many meetings a figure is the median of.
const meetings = 5

// Reconcile measures two sessions in memory that find what differs between two
// shelves of small units: bytes both ways with all but the units' own, round
// trips until the last unit is asked for or comes unasked, and time of each
// side. Figures are medians where they do not say otherwise.
func Reconcile() ([]Figure, error) {
	var all []Figure
	for _, c := range []struct {
		shared, each       int
		bytes, trips, took string
	}{
		{10_000, 0, "less than 100 B", "at most 2", "at most 5 ms"},
		{10_000, 50, "at most 8,000 B", "at most 2", "at most 5 ms"},
		{100_000, 0, "less than 100 B", "at most 2", "at most 50 ms"},
		{100_000, 50, "at most 8,000 B", "at most 2", "at most 50 ms"},
		{10_000, 500, "nothing; about 75 B for each that differs", "nothing", "nothing"},
		{0, 500, "nothing; about 30 B for each that differs", "nothing", "nothing"},
	} {
		var size, trips, ms []float64
		for i := range meetings {
			m, err := reconcile(c.shared, c.each, uint64(i))
			if err != nil {
				return nil, err
			}
			size, trips = append(size, float64(m.bytes)), append(trips, m.trips)
			ms = append(ms, float64(m.took)/float64(time.Millisecond)/2)
		}
		what := fmt.Sprintf("%d shared, %d differ: ", c.shared, 2*c.each)
		all = append(all,
			Figure{what + "bytes both ways", median(size), "B", c.bytes},
			Figure{fmt.Sprintf("%smost bytes of %d meetings", what, meetings), slices.Max(size), "B", c.bytes},
			Figure{what + "round trips", median(trips), "", c.trips},
			// The least: what other programs took meanwhile is not ours.
			Figure{what + "time, each side, least", slices.Min(ms), "ms", c.took})
	}
	return all, nil
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}

// matched is what one meeting cost.
type matched struct {
	bytes int
	trips float64
	took  time.Duration
}

// reconcile joins two sessions until both are even. Frames that were said
// while others were on their way cross them.
func reconcile(shared, each int, seed uint64) (m matched, err error) {
	rng := rand.New(rand.NewPCG(seed, 1))
	var shelf [2]*memory
	var side [2]*exchange.Session
	for i := range side {
		shelf[i] = &memory{has: make(map[envelope.ID]bool, shared+2*each)}
	}
	for range shared {
		id := randomID(rng)
		shelf[0].add(id)
		shelf[1].add(id)
	}
	for i := range side {
		for range each {
			shelf[i].add(randomID(rng))
		}
	}
	for i := range side {
		c := exchange.Config{First: 14 << 10}
		binary.BigEndian.PutUint64(c.Nonce[:], rng.Uint64())
		side[i] = exchange.New(c, shelf[i])
	}
	begin := time.Now()
	for half := 1; ; half++ {
		var pipe [2][][]byte
		for i, s := range side {
			for f := s.Next(exchange.MaxFrame); f != nil; f = s.Next(exchange.MaxFrame) {
				pipe[i] = append(pipe[i], f)
				m.bytes += len(f) + exchange.Prefix - payload(f)
				if f[0] == frameWant || f[0] == frameHave && f[1] != 0 || f[0] == frameHello {
					m.trips = float64(half) / 2
				}
			}
		}
		if pipe[0] == nil && pipe[1] == nil {
			break
		}
		for i := range pipe {
			for _, f := range pipe[i] {
				if err := side[1-i].Receive(f); err != nil {
					return m, err
				}
			}
		}
	}
	m.took = time.Since(begin)
	for i := range side {
		if !side[i].Take().Even || len(shelf[i].items) != shared+2*each {
			return m, errors.New("bench: the shelves did not even out")
		}
	}
	return m, nil
}

// Frame types that the figures look at. spec/exchange.md, 2.
const (
	frameHello = 0x81
	frameHave  = 0x82
	frameWant  = 0x84
	frameData  = 0x85
)

// payload is how many bytes of a frame are a unit's own.
func payload(frame []byte) int {
	if frame[0] != frameData {
		return 0
	}
	at := 1
	for range 2 {
		_, n := binary.Uvarint(frame[at:])
		at += n
	}
	return len(frame) - at
}

func randomID(rng *rand.Rand) (id envelope.ID) {
	binary.BigEndian.PutUint64(id[:], rng.Uint64())
	binary.BigEndian.PutUint64(id[8:], rng.Uint64())
	return id
}

// memory is a shelf of proofs whose bytes nobody looks at.
type memory struct {
	items []exchange.Item
	has   map[envelope.ID]bool
}

var _ exchange.Shelf = (*memory)(nil)

func (s *memory) add(id envelope.ID) {
	s.has[id] = true
	s.items = append(s.items, exchange.Item{
		ID: id, Class: envelope.Done, Size: envelope.Done.Size(), Seq: uint64(len(s.items)) + 1, Rank: 2,
	})
}

func (s *memory) Since(seq uint64, max int) []exchange.Item {
	from := min(seq, uint64(len(s.items)))
	return slices.Clone(s.items[from:min(int(from)+max, len(s.items))])
}

func (s *memory) Want(it exchange.Item) (int, bool) {
	if s.has[it.ID] {
		return it.Size, false
	}
	return 0, true
}

func (s *memory) Append(to []byte, id envelope.ID, from, max int) ([]byte, error) {
	return append(to, bytes.Repeat([]byte{1}, min(max, envelope.Done.Size()-from))...), nil
}

func (s *memory) Write(it exchange.Item, from int, data []byte) (exchange.Verdict, bool, error) {
	if from+len(data) < it.Size {
		return 0, false, nil
	}
	s.add(it.ID)
	return exchange.KeepAndOffer, true, nil
}

func (s *memory) Sync() error { return nil }
