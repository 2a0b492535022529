package store

import (
	"crypto/ed25519"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/internal/durable"
)

// TestEvicted: what went for want of room is remembered with the best rank it had and
// how often it went; what left otherwise, or is here, is not named.
func TestEvicted(t *testing.T) {
	for seed := range uint64(2) {
		rng := rand.New(rand.NewPCG(seed, 9))
		s := open(t, durable.NewMem(), Options{Quota: MinQuota, Today: testDay, Shares: [Ranks]int{1: 60, 3: 40}})
		all := map[envelope.ID]Evicted{}
		var units []envelope.Envelope
		for k := range uint64(250) {
			units = append(units, fake(envelope.S2, k<<8|seed, testDay+9))
		}
		dropped := units[0].ID()
		put(t, s, units[0], Meta{Rank: 3, From: 1})
		must(t, s.Drop(dropped))
		own := fake(envelope.S1, 1<<40|seed, testDay+9)
		put(t, s, own, Meta{Own: true})
		for range 1500 {
			e := units[1+rng.IntN(len(units)-1)]
			if s.Has(e.ID()) {
				continue
			}
			before := s.Since(0, 1<<20)
			put(t, s, e, Meta{Rank: []uint8{1, 3}[rng.IntN(2)], From: uint32(rng.IntN(9))})
			for _, old := range before {
				if s.Has(old.ID) {
					continue
				}
				w := all[old.ID]
				if w.Times++; w.Times == 1 || old.Rank < w.Rank {
					w.Rank = old.Rank
				}
				w.ID = old.ID
				all[old.ID] = w
			}
		}
		lost := 0
		for id, want := range all {
			switch got := s.Evicted(id); {
			case got.Times < want.Times:
				lost++ // others took its place meanwhile
			case got != want:
				t.Fatalf("remembered is %+v, not %+v", got, want)
			}
		}
		if len(all) < 200 || lost > len(all)/50 {
			t.Fatalf("%d of %d units are forgotten", lost, len(all))
		}
		named := 0
		s.EachEvicted(func(e Evicted) {
			if named++; s.x.find(e.ID) != 0 || all[e.ID].Times < e.Times {
				t.Fatalf("%+v is named", e)
			}
		})
		if gone := len(all) - lost; named == 0 || named > gone {
			t.Fatalf("%d units are named", named)
		}
		if s.Evicted(dropped).Times+s.Evicted(own.ID()).Times > 0 || !s.Has(own.ID()) {
			t.Fatal("what was dropped, or is own, counts as evicted")
		}
	}
}

// TestEvictedProof: with the proof goes what it proves, for good.
func TestEvictedProof(t *testing.T) {
	s := open(t, durable.NewMem(), Options{Quota: MinQuota, Today: testDay})
	key := ed25519.NewKeyFromSeed(make([]byte, 32))
	e, err := envelope.New(envelope.S1, 0, testDay+9, key, make([]byte, envelope.S1.BodySize()))
	must(t, err)
	done, err := envelope.NewDone(e, key)
	must(t, err)
	put(t, s, e, Meta{Rank: 3})
	put(t, s, done, Meta{Rank: 3})
	for k := uint64(0); s.Has(done.ID()); k++ {
		put(t, s, fake(envelope.S1, k, testDay+9), Meta{Rank: 3})
	}
	if got := s.Evicted(e.ID()); got != (Evicted{ID: e.ID(), Times: 1}) || s.Evicted(done.ID()).Times != 1 {
		t.Fatalf("%+v", got)
	}
}

// TestEvictionsAreBounded: what is remembered does not grow, and the newest is there.
func TestEvictionsAreBounded(t *testing.T) {
	for _, quota := range []int64{1, MinQuota, 1 << 50} {
		v := newEvictions(quota)
		if v.n < ways || v.n > maxEvictions {
			t.Fatalf("%d entries for a quota of %d", v.n, quota)
		}
		rng := rand.New(rand.NewPCG(1, uint64(quota)))
		for range 4 * min(v.n, 4096) {
			var id envelope.ID
			binary.BigEndian.PutUint64(id[:], rng.Uint64())
			v.note(id, 2)
			if got := v.of(id); got != (Evicted{id, 2, 1}) || len(v.all) != v.n {
				t.Fatalf("%+v of %d", got, len(v.all))
			}
		}
		var id envelope.ID
		for range 300 {
			v.note(id, 3)
		}
		if got := v.of(id); got.Times != evictionsLeft || got.Rank != 3 {
			t.Fatalf("%+v", got)
		}
	}
}
