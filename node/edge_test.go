package node

import (
	"testing"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/link"
	"github.com/jauap/jauap/routing"
)

func friend(name string) link.Peer { return link.Peer{Key: "contact:" + name} }

// greet lets two contacts meet until nothing moves.
func (w *world) greet(a, b *person, nameA, nameB string) *wire {
	x := w.meetAs(a, b, friend(nameB), friend(nameA), -1)
	w.run()
	w.end(x)
	return x
}

func (p *person) rank(id envelope.ID) (uint8, bool) {
	e, _ := p.sh.Entry(id)
	return e.Rank, e.Fixed
}

// The rank says over which edges a unit came, hop by hop.
func TestRanksByEdges(t *testing.T) {
	w := newWorld(t, 31)
	a, b, c, d := newPerson(t, 1, Config{}), newPerson(t, 2, Config{}), newPerson(t, 3, Config{}), newPerson(t, 4, Config{})
	raw, junk := sealed(t, w.rng, envelope.S1), sealed(t, w.rng, envelope.S1)
	id := envelope.IDOf(raw)
	w.step(a, Submit{Raw: raw}, Found{junk})
	w.greet(a, b, "a", "b")
	w.greet(b, c, "b", "c")
	x := w.meet(c, d, -1)
	w.run()
	w.end(x)
	for _, want := range []struct {
		p     *person
		rank  uint8
		fixed bool
		junk  uint8
	}{{b, routing.Near, true, routing.Other}, {c, routing.Near, false, routing.Other}, {d, routing.Other, false, routing.Other}} {
		if rank, fixed := want.p.rank(id); rank != want.rank || fixed != want.fixed {
			t.Fatalf("rank %d, fixed %v; want %d, %v", rank, fixed, want.rank, want.fixed)
		}
		if rank, _ := want.p.rank(envelope.IDOf(junk)); rank != want.junk {
			t.Fatalf("a stranger's unit got rank %d over a contact", rank)
		}
	}
	// A contact's word lifts what came over a stranger first, although the
	// shelves are equal and nothing is listed; after a restart, too.
	w.greet(c, d, "c", "d")
	if rank, _ := d.rank(id); rank != routing.Near {
		t.Fatalf("not raised: rank %d", rank)
	}
	d.crash(w.rng)
	if rank, _ := d.rank(id); rank != routing.Near {
		t.Fatal("the rank did not outlive a crash")
	}
	// What was raised is told to the next contact.
	e := newPerson(t, 5, Config{})
	x = w.meet(d, e, -1)
	w.run()
	w.end(x)
	w.greet(d, e, "d", "e")
	if rank, _ := e.rank(id); rank != routing.Near {
		t.Fatalf("the raised rank was not told: %d", rank)
	}
}

// A contact brings no more than its credit, also after a restart, until proofs
// come.
func TestCreditOfAContact(t *testing.T) {
	w := newWorld(t, 32)
	p, informant := newPerson(t, 1, Config{}), newPerson(t, 2, Config{})
	near := func() (n, fixed int) {
		for id := range p.ids() {
			if rank, fix := p.rank(id); rank == routing.Near && fix {
				fixed++
			} else if rank == routing.Near {
				n++
			}
		}
		return n, fixed
	}
	flood := func() {
		for range routing.Credit + 100 {
			w.step(informant, Submit{Raw: sealed(t, w.rng, envelope.S1)})
		}
		w.greet(informant, p, "informant", "p")
	}
	flood()
	if n, fixed := near(); n != routing.Credit || fixed != routing.FirstUnits {
		t.Fatalf("%d near and %d reserved", n, fixed)
	}
	p.crash(w.rng)
	flood()
	if n, fixed := near(); n > routing.Credit+routing.FirstUnits || n+fixed < routing.Credit {
		t.Fatalf("%d near and %d reserved after a restart", n, fixed)
	}
	// A proof gives one credit back.
	osk := keyOf(w.rng)
	real, err := envelope.New(envelope.S1, 0, today+30, osk, make([]byte, envelope.S1.BodySize()))
	if err != nil {
		t.Fatal(err)
	}
	done, err := envelope.NewDone(real, osk)
	if err != nil {
		t.Fatal(err)
	}
	friendly := newPerson(t, 3, Config{HideOwn: true})
	w.step(friendly, Submit{Raw: real.Bytes()})
	w.greet(friendly, p, "friendly", "p")
	from := p.n.giver(friend("friendly"))
	if e := p.n.edge(from); e.Spent == 0 || e.Edge.First != 0 {
		t.Fatalf("not charged, or reserved in spite of HideOwn: %+v", e.Edge)
	}
	w.step(p, Blend{done.Bytes()})
	if e := p.n.edge(from); e.Spent != 0 || p.sh.Has(real.ID()) {
		t.Fatalf("the proof gave nothing back: %+v", e.Edge)
	}
	if rank, _ := p.rank(done.ID()); rank != routing.Near {
		t.Fatalf("our proof has rank %d", rank)
	}
	if len(p.trouble) > 0 {
		t.Fatal(p.trouble)
	}
}

// A stranger displaces a budget's worth in a meeting, and nothing of contacts'.
func TestEncounterBudget(t *testing.T) {
	w := newWorld(t, 33)
	p, s := newPerson(t, 1, Config{}), newPerson(t, 2, Config{})
	p.quota = 4 << 20
	if err := p.sh.Close(); err != nil {
		t.Fatal(err)
	}
	p.open(1, Config{})
	for range 2900 {
		w.step(p, Found{sealed(t, w.rng, envelope.S1)})
	}
	if p.sh.Stats().Free > 4096 {
		t.Fatalf("%d bytes free", p.sh.Stats().Free)
	}
	for range 1500 {
		w.step(s, Submit{Raw: sealed(t, w.rng, envelope.S1)})
	}
	x := w.meet(s, p, -1)
	w.run()
	w.end(x)
	if n := len(p.arrived) - 2900; n < 900 || n > routing.Encounter/1024+2 {
		t.Fatalf("%d units came in", n)
	}
}

// Notes of strangers, broken ones and ones of unknown labels change nothing.
func TestHostileNotes(t *testing.T) {
	w := newWorld(t, 34)
	p := newPerson(t, 1, Config{})
	raw := sealed(t, w.rng, envelope.S1)
	id := envelope.IDOf(raw)
	w.step(p, Found{raw})
	for i, peer := range []link.Peer{{}, {Key: "relay:x", Relay: true}, friend("f")} {
		l := LinkID(100 + i)
		w.step(p, Up{Link: l, Peer: peer}, Ready{l, credit}, Frame{l, rawHello()})
		for _, n := range [][]byte{{frameNote}, {frameNote, 1}, {frameNote, 1, 7}, append([]byte{frameNote, 0}, id[:]...), append([]byte{frameNote, 9}, id[:]...)} {
			w.step(p, Frame{l, n})
		}
		if peer.Key == "" || peer.Relay {
			w.step(p, Frame{l, append([]byte{frameNote, 1}, id[:]...)})
		}
		if rank, _ := p.rank(id); rank != routing.Other || len(p.closed) > 0 {
			t.Fatalf("peer %d: rank %d, closed %v", i, rank, p.closed)
		}
		w.step(p, Down{l})
	}
}
