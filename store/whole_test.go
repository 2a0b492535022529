package store

import (
	"maps"
	"math/rand/v2"
	"slices"
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

// TestTornTailOnABadPlace: behind what counts stands what a crash left, and both lie on a
// bad place that holds no head: it cannot be cut off. The shelf opens all the same, with
// all that stands elsewhere.
func TestTornTailOnABadPlace(t *testing.T) {
	t.Parallel()
	base, all, where, _, epoch := lived(t)
	places := 0
	image := base.Image()
	for k, name := range slices.Repeat(slices.Sorted(maps.Keys(image)), 2) {
		b, tail := image[name], []int{10, 1500}[k*2/(2*len(image))]
		end := int64(len(b)) / durable.Block * durable.Block
		for off := max(end-4*durable.Block, durable.Block); off <= end; off += durable.Block {
			m := base.CrashClone(rand.New(rand.NewPCG(1, 1)))
			f, err := m.Open(name, durable.Write)
			must(t, err)
			_, err = f.WriteAt(make([]byte, tail), int64(len(b)))
			must(t, err)
			must(t, f.Sync())
			must(t, f.Close())
			n := 2 * int64(durable.Block)
			m.SpoilPlace(name, off, n, durable.Block)
			places++
			s, rep, err := Open(m, around)
			if err != nil {
				t.Fatalf("%s of %d bytes, at %d: %v", name, len(b), off, err)
			}
			for id, e := range all {
				at := where[id]
				hit := at.name == name && at.from < off+n && at.to > off
				if got, err := s.Get(id); !hit && (err != nil || string(got) != string(e.Bytes())) {
					t.Fatalf("%s at %d: a unit of %s, %d to %d: %v", name, off, at.name, at.from, at.to, err)
				}
				if !s.Has(id) {
					put(t, s, e, Meta{})
				}
			}
			if s.Epoch() != epoch || rep.NewEpoch {
				t.Fatalf("%s at %d: %+v", name, off, rep)
			}
			must(t, s.Sync())
			clean(t, m, s, len(all), name)
		}
	}
	if places < 10 {
		t.Fatalf("%d places only", places)
	}
}
