package store

import (
	"math/rand/v2"
	"testing"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/internal/durable"
)

// TestStaleSidecar: a disk lies, and after the power cut a sidecar vouches for more
// than its segment holds. What is written to the segment on the sound disk stands in
// other places, and the sidecar of the lie must not come back with the next power cut.
func TestStaleSidecar(t *testing.T) {
	t.Parallel()
	cut := 0
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 5))
		m := durable.NewMem()
		n := uint64(0)
		life := func(s *Shelf, count int) (ids []envelope.ID) {
			for range count {
				n++
				class := []envelope.Class{envelope.S1, envelope.S2}[rng.IntN(2)]
				ids = append(ids, put(t, s, fake(class, n, testDay+9), Meta{Own: true}).ID)
			}
			settleAll(t, s)
			return ids
		}
		s := open(t, m, plain)
		life(s, 2)
		m.Lie(true)
		life(s, 6)
		m = m.CrashClone(rng)
		s, rep, err := Open(m, plain)
		must(t, err)
		if rep.Cut > 0 {
			cut++
		}
		ids := life(s, 6)
		if s, _, err = Open(m.CrashClone(rng), plain); err != nil {
			t.Fatal(err)
		}
		for _, id := range ids {
			if _, err := s.Get(id); err != nil {
				t.Fatalf("seed %d: what was synced on a sound disk: %v", seed, err)
			}
		}
	}
	if cut == 0 {
		t.Error("no lie left anything torn: the test proves nothing")
	}
}

// TestUpgradeIsSureBeforeTheOldCopyGoes: a unit is written anew when it is raised, and
// power is cut before the next Sync: the first copy must still be there, however much
// space was needed meanwhile.
func TestUpgradeIsSureBeforeTheOldCopyGoes(t *testing.T) {
	t.Parallel()
	erased := 0
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 6))
		m := durable.NewMem()
		s := open(t, m, Options{Quota: 1 << 20, SegmentSize: 4 << 10, Today: testDay})
		e := fake(envelope.S1, 1, testDay+9)
		put(t, s, e, Meta{Rank: 2})
		settleAll(t, s)
		if !s.Raise(e.ID(), Meta{Own: true}) {
			t.Fatal("not raised")
		}
		files := len(s.files)
		for {
			moved, err := s.step(true) // as Put does when it lacks space
			must(t, err)
			if moved == 0 {
				break
			}
		}
		if len(s.files) < files {
			erased++
		}
		again, _, err := Open(m.CrashClone(rng), plain)
		must(t, err)
		if _, err := again.Get(e.ID()); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
	t.Logf("a file went in %d of 40", erased)
}
