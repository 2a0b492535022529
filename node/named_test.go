package node

import (
	"testing"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/link"
	"github.com/jauap/jauap/routing"
)

// TestNamedLater: a far end that is recognised while the meeting runs is a contact
// from then on, in both directions; relays and named links stay what they are.
func TestNamedLater(t *testing.T) {
	w := newWorld(t, 41)
	a, b := newPerson(t, 1, Config{}), newPerson(t, 2, Config{})
	early, late := sealed(t, w.rng, envelope.S1), sealed(t, w.rng, envelope.S1)
	w.step(a, Submit{Raw: early})
	x := w.meet(a, b, -1)
	w.run()
	if rank, _ := b.rank(envelope.IDOf(early)); rank != routing.Other {
		t.Fatalf("rank %d from a stranger", rank)
	}
	w.step(a, Named{Link: x.id[0], Key: "contact:b"})
	w.step(b, Named{Link: x.id[1], Key: "contact:a"})
	w.step(a, Submit{Raw: late})
	w.run()
	for _, raw := range [][]byte{early, late} {
		if rank, _ := b.rank(envelope.IDOf(raw)); rank != routing.Near {
			t.Fatalf("rank %d from a contact", rank)
		}
	}
	// Another name for the same link changes nothing.
	from := b.n.meeting(x.id[1]).from
	w.step(b, Named{Link: x.id[1], Key: "contact:c"}, Named{Link: 99, Key: "contact:c"})
	if m := b.n.meeting(x.id[1]); m.from != from || m.from != b.n.giver(friend("a")) {
		t.Fatal("a named link took another name")
	}
	w.end(x)
	y := w.meetAs(a, b, link.Peer{Key: "relay:x", Relay: true}, link.Peer{Relay: true}, -1)
	w.step(b, Named{Link: y.id[1], Key: "contact:a"})
	if b.n.meeting(y.id[1]).edge != nil {
		t.Fatal("a relay became a contact")
	}
}

// TestNotesLostWithTheLink: what a contact was told on a link that broke is told
// again, otherwise its rank would be lost for good.
func TestNotesLostWithTheLink(t *testing.T) {
	w := newWorld(t, 42)
	a, b := newPerson(t, 1, Config{}), newPerson(t, 2, Config{})
	raw := sealed(t, w.rng, envelope.S1)
	w.step(a, Submit{Raw: raw})
	// b has it from a stranger already.
	x := w.meet(a, b, -1)
	w.run()
	w.end(x)
	// The first meeting as contacts ends when a has said everything and b has
	// heard nothing but HELLO.
	y := w.meetAs(a, b, friend("b"), friend("a"), -1)
	hello := y.pipe[0][0]
	if hello.Data[0] == frameNote {
		hello = y.pipe[0][1]
	}
	w.step(b, Frame{Link: y.id[1], Data: hello.Data})
	w.end(y)
	w.greet(a, b, "a", "b")
	if rank, _ := b.rank(envelope.IDOf(raw)); rank != routing.Near {
		t.Fatalf("rank %d: the note was not said again", rank)
	}
}
