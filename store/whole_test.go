package store

import (
	"math/rand/v2"
	"testing"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/internal/durable"
)

// TestHeadIsThereTwiceAfterAPowerCut: the copy of a journal's head is as sure as the head,
// so that a place under this one takes no unit that stands elsewhere.
func TestHeadIsThereTwiceAfterAPowerCut(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		m := durable.NewMem()
		s := open(t, m, around)
		for k := range uint64(20) {
			put(t, s, fake(envelope.S1, k, testDay+5), Meta{Own: true})
		}
		must(t, s.Sync())
		name, epoch := s.active.name(), s.Epoch()
		m = m.CrashClone(rand.New(rand.NewPCG(seed, 1)))
		m.Spoil(name, 0)
		s, rep, err := Open(m, around)
		must(t, err)
		if n := s.Stats().Envelopes; n < 16 || rep.NewEpoch || s.Epoch() != epoch {
			t.Fatalf("seed %d: %d of 20 units are left: %+v", seed, n, rep)
		}
	}
}

// TestWholeFileOnABadPlace: a place that takes a whole small file, its head and its units, is
// told from a disk that is away by other files. What stood there counts as lacking, and
// comes again.
func TestWholeFileOnABadPlace(t *testing.T) {
	t.Parallel()
	for _, newest := range []bool{true, false} {
		m := durable.NewMem()
		s := open(t, m, around)
		e := fake(envelope.S1, 1, testDay+5)
		put(t, s, e, Meta{})
		must(t, s.Sync())
		name := s.active.name()
		if !newest {
			must(t, s.rotate())
		}
		m.SpoilPlace(name, 0, 64<<10, 512)
		if _, err := s.Get(e.ID()); err == nil || s.Has(e.ID()) || s.Losses() != 1 {
			t.Fatalf("newest %v: read, or held all the same: %v, %d losses", newest, err, s.Losses())
		}
		put(t, s, e, Meta{})
		for range maxTries - 1 {
			_ = s.Sync()
		}
		must(t, s.Sync())
		check(t, s, m)

		m.Spoil(s.active.name(), 0)
		m.Spoil(s.active.sideName(), 0)
		m.Spoil(name, 0)
		m.Spoil(name+".idx", 0)
		if _, err := s.Get(e.ID()); err == nil || !s.Has(e.ID()) {
			t.Fatalf("newest %v: nothing could be read, and a place was blamed", newest)
		}
	}
}
