package node

import (
	"fmt"
	"testing"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/routing"
)

// Who brings much that is never proven weighs little, after a restart, too; whose
// mail arrives does not, and towards strangers own units weigh as a contact's
// would who brought the same.
func TestDoubt(t *testing.T) {
	w := newWorld(t, 41)
	p, informant, friendly := newPerson(t, 1, Config{}), newPerson(t, 2, Config{}), newPerson(t, 3, Config{})
	for range 60 {
		w.step(informant, Submit{Raw: sealed(t, w.rng, envelope.S1)})
	}
	w.greet(informant, p, "informant", "p")
	var proofs [][]byte
	for range 60 {
		key := keyOf(w.rng)
		e, err := envelope.New(envelope.S1, 0, today+30, key, make([]byte, envelope.S1.BodySize()))
		if err != nil {
			t.Fatal(err)
		}
		done, err := envelope.NewDone(e, key)
		if err != nil {
			t.Fatal(err)
		}
		w.step(friendly, Submit{Raw: e.Bytes()})
		proofs = append(proofs, done.Bytes())
	}
	w.greet(friendly, p, "friendly", "p")
	bad, good := p.n.giver(friend("informant")), p.n.giver(friend("friendly"))
	if a, b := p.n.weight(bad), p.n.weight(good); a != b || a > routing.Whole/2 {
		t.Fatalf("weights %d and %d before anything is proven", a, b)
	}
	for range 60 {
		w.step(p, Submit{Raw: sealed(t, w.rng, envelope.S1)})
	}
	if a, b := p.n.weight(bad), p.n.weight(giverSelf); a != b {
		t.Fatalf("own units weigh %d, a contact's %d: a stranger could tell them", b, a)
	}
	for _, raw := range proofs {
		w.step(p, Blend{raw})
	}
	if a, b := p.n.weight(bad), p.n.weight(good); a > routing.Whole/2 || b != routing.Whole {
		t.Fatalf("weights %d and %d after the proofs", a, b)
	}
	// Its word is not passed on any more; that of who is believed is.
	late := [2][]byte{sealed(t, w.rng, envelope.S1), sealed(t, w.rng, envelope.S1)}
	w.step(informant, Submit{Raw: late[0]})
	w.step(friendly, Submit{Raw: late[1]})
	w.greet(informant, p, "informant", "p")
	w.greet(friendly, p, "friendly", "p")
	q := newPerson(t, 4, Config{})
	w.greet(p, q, "p", "q")
	for k, want := range []uint8{routing.Other, routing.Near} {
		id := envelope.IDOf(late[k])
		if rank, _ := p.rank(id); rank != routing.Near {
			t.Errorf("rank %d with who met its writer", rank)
		}
		if rank, _ := q.rank(id); rank != want {
			t.Errorf("rank %d one hop on, want %d", rank, want)
		}
	}
	before := p.n.weight(bad)
	w.greet(informant, p, "informant", "p")
	p.crash(w.rng)
	if a, b := p.n.weight(bad), p.n.weight(giverSelf); a != before || b != before {
		t.Fatalf("weights %d and %d after a restart, want %d", a, b, before)
	}
	if len(p.trouble)+len(q.trouble) > 0 {
		t.Fatal(p.trouble, q.trouble)
	}
}

// Where no proof comes for days, that nothing is proven is held against nobody.
func TestNoProofs(t *testing.T) {
	w := newWorld(t, 42)
	rich := routing.Default()
	rich.Credit = 1000
	p, busy, q := newPerson(t, 1, Config{}), newPerson(t, 2, Config{}), newPerson(t, 3, Config{Rules: rich})
	write := func(by *person) envelope.ID {
		raw := sealed(t, w.rng, envelope.S1)
		w.step(by, Submit{Raw: raw})
		return envelope.IDOf(raw)
	}
	for range routing.Vouch + 1 {
		write(busy)
	}
	w.greet(busy, p, "busy", "p")
	ranks := func(want uint8) {
		t.Helper()
		id := write(busy)
		w.greet(busy, p, "busy", "p")
		w.greet(p, q, "p", "q")
		if rank, _ := p.rank(id); rank != routing.Near {
			t.Errorf("rank %d with a contact of the writer", rank)
		}
		if rank, _ := q.rank(id); rank != want {
			t.Errorf("rank %d one hop on, want %d", rank, want)
		}
	}
	ranks(routing.Other)
	for k := range 3 {
		other := newPerson(t, uint64(10+k), Config{})
		for range routing.Quiet / 3 {
			write(other)
		}
		w.greet(other, p, fmt.Sprint("other ", k), "p")
	}
	ranks(routing.Near)
	if len(p.trouble) > 0 {
		t.Fatal(p.trouble)
	}
}
