package node

import (
	"bytes"
	"crypto/ed25519"
	"maps"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/exchange"
	"github.com/jauap/jauap/link"
	"github.com/jauap/jauap/store"
)

func keyOf(rng *rand.Rand) ed25519.PrivateKey {
	var seed [32]byte
	fillRandom(rng, seed[:])
	return ed25519.NewKeyFromSeed(seed[:])
}

// life is five people in random meetings with cuts and crashes; it ends with
// one round in which everybody meets. The answer is a hash of all effects.
func life(t *testing.T, seed uint64) []byte {
	w := newWorld(t, seed)
	var people []*person
	for i := range uint64(5) {
		people = append(people, newPerson(t, seed*10+i, Config{}))
	}
	all := map[envelope.ID]bool{}
	classes := []envelope.Class{1, 1, 1, 7, 2, 2, 3, 4}
	live := func() (n int) {
		for _, x := range w.wires {
			if !x.down {
				n++
			}
		}
		return n
	}
	for range 60 {
		a, b := w.rng.IntN(5), w.rng.IntN(5)
		if a != b && live() < 4 {
			w.meet(people[a], people[b], w.rng.IntN(150_000))
		}
		p := people[w.rng.IntN(5)]
		raw := sealed(t, w.rng, classes[w.rng.IntN(len(classes))])
		all[envelope.IDOf(raw)] = true
		if w.rng.IntN(2) == 0 {
			w.step(p, Submit{Raw: raw})
		} else {
			w.step(p, Found{raw})
		}
		w.run()
		w.now = w.now.Add(time.Duration(w.rng.IntN(20)) * time.Second)
		w.step(p, Tick{})
		if w.rng.IntN(8) == 0 {
			w.crash(people[w.rng.IntN(5)])
		}
		if w.rng.IntN(4) == 0 && len(w.wires) > 0 {
			w.end(w.wires[w.rng.IntN(len(w.wires))])
		}
	}
	for range 2 {
		for i := range people {
			for j := range i {
				w.meet(people[i], people[j], -1)
				w.run()
			}
		}
	}
	var sum []byte
	for i, p := range people {
		if !maps.Equal(p.ids(), all) {
			t.Fatalf("seed %d: person %d holds %d of %d units", seed, i, len(p.ids()), len(all))
		}
		for _, m := range p.n.meetings {
			if !m.even {
				t.Fatalf("seed %d: person %d is not even over link %d", seed, i, m.id)
			}
		}
		for _, err := range p.trouble {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if len(p.n.claims) != 0 {
			t.Fatalf("seed %d: %d claims left", seed, len(p.n.claims))
		}
		sum = p.log.Sum(sum)
	}
	return sum
}

func TestFiveNodesConverge(t *testing.T) {
	for seed := range uint64(20) {
		life(t, seed+1)
	}
}

func TestDeterministic(t *testing.T) {
	first, second := life(t, 77), life(t, 77)
	if !bytes.Equal(first, second) {
		t.Fatal("same seed and events, other effects")
	}
	if bytes.Equal(first, life(t, 78)) {
		t.Fatal("another seed gives the same effects: the hash sees nothing")
	}
}

// box is a relay's shelf over a store: an exchange.Shelf with an epoch.
type box struct {
	sh *store.Shelf
}

func (b box) Since(seq uint64, max int) (items []exchange.Item) {
	for _, e := range b.sh.Since(seq, max) {
		it := itemOf(e)
		items = append(items, it)
	}
	return items
}
func (b box) Want(it exchange.Item) (int, bool) {
	if b.sh.Has(it.ID) {
		return it.Size, false
	}
	return 0, true
}
func (b box) Append(to []byte, id envelope.ID, from, max int) ([]byte, error) {
	to, _, err := b.sh.AppendAt(to, id, from, max)
	return to, err
}
func (b box) Sync() error { return b.sh.Sync() }
func (b box) Write(it exchange.Item, from int, data []byte) (exchange.Verdict, bool, error) {
	if len(data) < it.Size {
		return exchange.Refuse, true, nil // the test uses small units
	}
	e, err := envelope.Parse(data)
	if err != nil {
		return exchange.Refuse, true, nil
	}
	if _, err := b.sh.Put(e, store.Meta{Rank: 2}); err != nil {
		return exchange.Later, true, nil
	}
	return exchange.Keep, true, nil
}

// visit joins a node to a relay and answers how many bytes moved.
func visit(w *world, p *person, b box, id LinkID) (n int) {
	s := exchange.New(exchange.Config{Epoch: b.sh.Epoch(), Top: b.sh.Top(), Serve: true}, b)
	peer := link.Peer{Key: "relay:abc", Relay: true, Abroad: true}
	evs := []Event{Up{Link: id, Peer: peer}, Ready{id, 1 << 20}}
	for range 30 {
		for _, f := range p.step(w.now, evs...) {
			n += len(f.Data)
			if err := s.Receive(f.Data); err != nil {
				w.t.Fatal(err)
			}
		}
		evs = nil
		for f := s.Next(exchange.MaxFrame); f != nil; f = s.Next(exchange.MaxFrame) {
			n += len(f)
			evs = append(evs, Frame{id, f})
		}
	}
	p.step(w.now, Down{id})
	return n
}

// The marks of a relay are durable: after a restart nothing is listed again.
func TestRelayMarksAreDurable(t *testing.T) {
	w := newWorld(t, 30)
	p, relay := newPerson(t, 1, Config{}), newPerson(t, 2, Config{})
	for range 50 {
		w.step(p, Submit{Raw: sealed(t, w.rng, envelope.S1)})
		w.step(relay, Found{sealed(t, w.rng, envelope.S1)})
	}
	visit(w, p, box{relay.sh}, 1)
	if len(p.arrived) != 50 || len(p.handed) != 50 || len(relay.ids()) != 100 {
		t.Fatalf("%d arrived, %d handed, relay has %d", len(p.arrived), len(p.handed), len(relay.ids()))
	}
	p.crash(w.rng)
	if n := visit(w, p, box{relay.sh}, 2); n > 150 {
		t.Fatalf("%d bytes to say that nothing is new", n)
	}
	w.step(p, Submit{Raw: sealed(t, w.rng, envelope.S1)})
	if n := visit(w, p, box{relay.sh}, 3); n > 1300 {
		t.Fatalf("%d bytes for one letter", n)
	}
	if p.n.c.Shards = []uint8{7}; true {
		visit(w, p, box{relay.sh}, 4)
	}
	if len(p.handed) != 51 {
		t.Fatalf("%d handed", len(p.handed))
	}
}

// A device whose date is wrong takes nothing from a relay, forgets nothing and
// gets everything once the date is right.
func TestWrongDate(t *testing.T) {
	for _, wrong := range []envelope.Day{0, 30_000} {
		w := newWorld(t, 31)
		p, relay := newPerson(t, 1, Config{}), newPerson(t, 2, Config{})
		for range 5 {
			w.step(relay, Found{sealed(t, w.rng, envelope.S1)})
		}
		w.step(p, Day{wrong})
		visit(w, p, box{relay.sh}, 1)
		if len(p.arrived) != 0 {
			t.Fatalf("day %v: %d arrived", wrong, len(p.arrived))
		}
		w.step(p, Day{today})
		visit(w, p, box{relay.sh}, 2)
		if len(p.arrived) != 5 {
			t.Fatalf("day %v: %d of 5 arrived once the date was right", wrong, len(p.arrived))
		}
	}
}
