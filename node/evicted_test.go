package node

import (
	"testing"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/link"
	"github.com/jauap/jauap/routing"
	"github.com/jauap/jauap/store"
)

// crowd is people with the smallest shelves who wrote more than these hold.
func crowd(t *testing.T, w *world, people, letters int) (list []*person, ids [][]envelope.ID) {
	for k := range people {
		c := Config{Verify: func(envelope.Envelope) error { return nil }} // takes most of the time
		p := newPerson(t, uint64(k+1), c)
		p.quota = store.MinQuota
		if err := p.sh.Close(); err != nil {
			t.Fatal(err)
		}
		p.open(uint64(k+1), c)
		list, ids = append(list, p), append(ids, nil)
		for range letters {
			raw := sealed(t, w.rng, envelope.S2)
			w.step(p, Submit{Raw: raw})
			ids[k] = append(ids[k], envelope.IDOf(raw))
		}
	}
	return list, ids
}

// TestFullShelvesRest: people whose letters together are more than a shelf holds meet
// again and again. Each letter reaches everybody once (a person of these tests fails when
// something arrives twice), own letters stay, and then nothing is sent any more.
func TestFullShelvesRest(t *testing.T) {
	for seed := range uint64(2) {
		w := newWorld(t, 60+seed)
		people, ids := crowd(t, w, 4, 55)
		data := 0
		for round := range 8 {
			data = 0
			for a := range people {
				for b := range a {
					x := w.meet(people[a], people[b], -1)
					w.run()
					w.end(x)
					data += x.data[0] + x.data[1]
				}
			}
			if round == 0 && data == 0 {
				t.Fatal("nothing was sent")
			}
		}
		if data > 0 {
			t.Errorf("seed %d: %d bytes of units are still passed round", seed, data)
		}
		for a, p := range people {
			if free := p.sh.Stats().Free; free > 16<<10 || len(p.trouble) > 0 {
				t.Fatalf("%d bytes free, trouble %v", free, p.trouble)
			}
			for b := range people {
				for _, id := range ids[b] {
					if a == b && !p.sh.Has(id) {
						t.Fatal("an own letter went")
					}
					if a != b && !p.arrived[id] {
						t.Fatalf("a letter of %d never came to %d", b, a)
					}
				}
			}
		}
	}
}

// TestEvictedComesBack: what went comes again when there is room for it, or when a contact
// says that it is near; and then only as much as there is room for.
func TestEvictedComesBack(t *testing.T) {
	w := newWorld(t, 70)
	people, ids := crowd(t, w, 2, 100)
	p, s := people[0], people[1]
	for range 2 {
		x := w.meet(p, s, -1)
		w.run()
		w.end(x)
	}
	var gone []envelope.ID
	for _, id := range ids[1] {
		if !p.sh.Has(id) {
			gone = append(gone, id)
		}
	}
	if len(gone) < 30 {
		t.Fatalf("only %d letters went", len(gone))
	}
	for _, id := range ids[0][:12] {
		if err := p.sh.Drop(id); err != nil {
			t.Fatal(err)
		}
	}
	clear(p.arrived)
	clear(s.arrived)
	x := w.meet(p, s, -1)
	w.run()
	w.end(x)
	if n := len(p.arrived); n < 10 || n > 13 {
		t.Fatalf("%d letters came into room for 12", n)
	}
	if p.n.returning != 0 {
		t.Fatalf("%d bytes are still waited for", p.n.returning)
	}
	clear(p.arrived)
	clear(s.arrived)
	x = w.meetAs(p, s, friend("s"), friend("p"), -1)
	w.run()
	w.end(x)
	if n := len(p.arrived); n < routing.FirstUnits {
		t.Fatalf("%d letters came from a contact", n)
	}
}

// TestRefusedWhileFull: a stranger who comes again with what went costs its listing.
func TestRefusedWhileFull(t *testing.T) {
	w := newWorld(t, 71)
	people, _ := crowd(t, w, 2, 100)
	bytes := [3]int{}
	for k := range bytes {
		x := w.meetAs(people[0], people[1], link.Peer{}, link.Peer{}, -1)
		w.run()
		bytes[k] = x.all
		w.end(x)
	}
	if bytes[2] > bytes[0]/20 {
		t.Errorf("meetings of %v bytes", bytes)
	}
}

// TestFoundAgain: a stick that is read again brings nothing that went meanwhile.
func TestFoundAgain(t *testing.T) {
	w := newWorld(t, 72)
	people, _ := crowd(t, w, 1, 0)
	p := people[0]
	var stick []Event
	for range 300 {
		stick = append(stick, Found{sealed(t, w.rng, envelope.S2)})
	}
	for range 3 { // a person of these tests fails when something arrives twice
		w.step(p, stick...)
	}
	if n := p.sh.Stats().Envelopes; len(p.arrived) != 300 || n > 200 {
		t.Fatalf("%d units arrived, %d are here", len(p.arrived), n)
	}
}
