package store

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/internal/durable"
)

// TestJournalThatCannotGrow: behind a bad place at the end of the newest journal nothing
// can be written. After three tries what waits is written to another one, and is all there
// after a power cut: units, drops, what was raised, and marks.
func TestJournalThatCannotGrow(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 21))
		m := durable.NewMem()
		s := open(t, m, around)
		all := map[envelope.ID]envelope.Envelope{}
		var order []envelope.ID
		unit := func() {
			e := fake(envelope.Class(len(order)%3), uint64(len(order)), testDay+5)
			all[e.ID()], order = e, append(order, e.ID())
			put(t, s, e, Meta{Own: len(order)%4 == 0, Rank: 3})
		}
		for range 3 + rng.IntN(20) {
			unit()
		}
		must(t, s.Sync())
		was := s.active
		if was.size%durable.Block == 0 {
			continue
		}
		m.Spoil(was.name(), was.size-1)
		bad := was.size / durable.Block * durable.Block
		early := len(order)
		for range 1 + rng.IntN(9) {
			unit()
		}
		gone := order[early]
		must(t, s.Drop(gone))
		raised := order[0]
		if s.x.at(s.x.find(raised)).off < uint32(bad)-8<<10 && !s.Raise(raised, Meta{Rank: 1}) {
			t.Fatal("not raised")
		}
		must(t, s.SetMark("m", []byte("v")))
		for range maxTries - 1 {
			if err := s.Sync(); !errors.Is(err, durable.ErrUnread) {
				t.Fatalf("seed %d: %v", seed, err)
			}
		}
		must(t, s.Sync())
		if s.active == was {
			t.Fatal("the same journal")
		}
		again := func(what string) {
			t.Helper()
			for k, id := range order {
				b, err := s.Get(id)
				whole := err == nil && string(b) == string(all[id].Bytes())
				if id == gone && s.Has(id) || k > early && !whole {
					t.Fatalf("seed %d, %s: unit %d of %d, %d of them before the place: %v", seed, what, k, len(order), early, err)
				}
				if k < early-16 && !whole {
					t.Fatalf("seed %d, %s: unit %d, far before the place: %v", seed, what, k, err)
				}
			}
			if string(s.Mark("m")) != "v" {
				t.Fatalf("seed %d, %s: the mark is lost", seed, what)
			}
		}
		again("at once")
		epoch, top := s.Epoch(), s.Top()
		m = m.CrashClone(rng)
		s = open(t, m, around)
		again("after a power cut")
		if s.Epoch() != epoch || s.Top() < top {
			t.Fatalf("epoch %x after %x, top %d after %d", s.Epoch(), epoch, s.Top(), top)
		}
		for range 4 * maxRounds {
			s.Recheck(100)
			must(t, s.Sync())
		}
		check(t, s, m)
	}
}

// TestAwayAndBack: of a disk that fails altogether for a while nothing is left but what it
// was to keep.
func TestAwayAndBack(t *testing.T) {
	t.Parallel()
	m := durable.NewMem()
	s := open(t, m, around)
	put(t, s, fake(envelope.S1, 1, testDay+5), Meta{})
	must(t, s.Sync())
	m.FailAt(1, errors.New("input/output error"), true)
	put(t, s, fake(envelope.S1, 2, testDay+5), Meta{})
	must(t, s.SetMark("m", []byte(strings.Repeat("v", 500))))
	for range 4 * maxTries {
		if s.Sync() == nil {
			t.Fatal("a disk that fails kept something")
		}
	}
	m.FailAt(0, nil, false)
	must(t, s.Sync())
	check(t, s, m)
	if s.Stats().Envelopes != 2 || len(s.old) > 0 {
		t.Fatal(fmt.Sprint(s.Stats(), " ", len(s.old), " journals"))
	}
}
