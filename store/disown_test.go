package store

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/internal/durable"
)

// toStranger is what Disown is asked for here.
func toStranger(rank uint8) uint8 { return max(rank, 3) }

// grades counts what stands in the files, also of units that are gone.
func grades(t *testing.T, m *durable.Mem) (all, own int) {
	t.Helper()
	for name, b := range m.Image() {
		if _, side, ok := parseName(name); !ok || side {
			continue
		}
		h, err := parseFileHead(b)
		must(t, err)
		for off := int64(fileHeadSize); off < int64(len(b)); off += align {
			if r, ok := parseRecord(b[off:], h.salt, off); ok && r.kind == unitRecord {
				all++
				if r.flags&(ownFlag|fixFlag) != 0 || r.rank < 3 {
					own++
				}
			}
		}
	}
	return all, own
}

// TestDisown: what was own is a stranger's, all is still there, and whenever the
// process dies it can be done again.
func TestDisown(t *testing.T) {
	t.Parallel()
	m := durable.NewMem()
	s := open(t, m, plain)
	var ids []envelope.ID
	for n := range uint64(60) {
		meta := Meta{Own: n%3 == 0, Fixed: n%5 == 0, Rank: uint8(n % 4), From: uint32(n % 7)}
		ids = append(ids, put(t, s, fake([]envelope.Class{envelope.S1, envelope.S2}[n%2], n, testDay+envelope.Day(n%9)+1), meta).ID)
		if n == 40 {
			settleAll(t, s)
		}
	}
	must(t, s.SetMark("m", []byte("v")))
	must(t, s.Sync())
	if err := Disown(m, toStranger); !errors.Is(err, durable.ErrLocked) {
		t.Fatalf("a shelf that is open: %v", err)
	}
	must(t, s.Close())
	all, own := grades(t, m)
	if all < 60 || own < 40 {
		t.Fatalf("%d records, %d to change: the test proves nothing", all, own)
	}
	image := m.CrashClone(rand.New(rand.NewPCG(1, 1)))
	must(t, Disown(m, toStranger))
	if n, own := grades(t, m); n != all || own != 0 {
		t.Errorf("%d of %d records, %d not a stranger's", n, all, own)
	}
	s = open(t, m, plain)
	for n, id := range ids {
		e, ok := s.Entry(id)
		if _, err := s.Get(id); !ok || err != nil || e.Own || e.Fixed || e.Rank != 3 {
			t.Fatalf("%d: %+v, %v", n, e, err)
		}
		if from := uint32(n % 7); n%4 == 3 && e.From != from || n%4 != 3 && e.From != 0 {
			t.Errorf("%d was brought by %d", n, e.From)
		}
	}
	if string(s.Mark("m")) != "v" {
		t.Error("the mark is gone")
	}
	check(t, s, m)
	must(t, s.Close())

	// Power is cut at each call.
	for n := 1; ; n++ {
		c := image.CrashClone(rand.New(rand.NewPCG(uint64(n), 2)))
		c.FailAt(n, errors.New("power"), true)
		err := Disown(c, toStranger)
		c = c.CrashClone(rand.New(rand.NewPCG(uint64(n), 3)))
		again := open(t, c, plain)
		if lost := len(ids) - again.Stats().Envelopes; lost < 0 || lost > len(ids)/2 {
			t.Fatalf("call %d: %d units are lost", n, lost)
		}
		must(t, again.Close())
		must(t, Disown(c, toStranger))
		if _, own := grades(t, c); own != 0 {
			t.Fatalf("call %d: %d not a stranger's", n, own)
		}
		if err == nil {
			break
		}
	}
}
