package node

import (
	"fmt"
	"testing"

	"github.com/jauap/jauap/envelope"
)

// Meetings too short to become even do not say the same notes again: what
// followed them was answered.
func TestNotesAreSaidOnce(t *testing.T) {
	w := newWorld(t, 41)
	b, c := newPerson(t, 2, Config{}), newPerson(t, 3, Config{})
	for k := range 3 { // each within what is vouched for
		a := newPerson(t, uint64(10+k), Config{})
		for range 30 {
			w.step(a, Submit{Raw: sealed(t, w.rng, envelope.S1)})
		}
		w.greet(a, b, fmt.Sprint("a", k), "b")
	}
	notes := func(cut int) int {
		x := w.meetAs(b, c, friend("c"), friend("b"), cut)
		n := 0
		for !x.down && len(x.pipe[0])+len(x.pipe[1]) > 0 {
			for i := range x.pipe {
				for _, s := range x.pipe[i] {
					if s.Data[0] == frameNote && i == 0 {
						n += len(s.Data)
					}
				}
			}
			w.most(1)
		}
		w.end(x)
		return n
	}
	if n := notes(20_000); n < 90*16 || c.n == nil || len(c.ids()) == 0 || len(c.ids()) >= 90 {
		t.Fatalf("the first meeting said %d bytes of notes and brought %d units", n, len(c.ids()))
	}
	if n := notes(20_000); n >= 90*16 {
		t.Fatalf("the second meeting said %d bytes of notes again", n)
	}
	// A meeting in which nothing was answered is as if it had not been.
	d := newPerson(t, 4, Config{})
	x := w.meetAs(b, d, friend("d"), friend("b"), -1)
	w.most(2)
	w.end(x)
	w.greet(b, d, "b", "d")
	for id := range d.ids() {
		if rank, _ := d.rank(id); rank != 1 {
			t.Fatalf("rank %d after a meeting that was cut", rank)
		}
	}
	if len(d.ids()) != 90 {
		t.Fatalf("%d units", len(d.ids()))
	}
}
