package exchange

import (
	"bytes"
	"testing"

	"github.com/jauap/jauap/envelope"
)

// pass lets one side say so many frames at most and the other hear them; the answer
// are their kinds.
func pass(t *testing.T, from, to *Session, most int) (kinds []byte) {
	t.Helper()
	for len(kinds) < most {
		f := from.Next(MaxFrame)
		if f == nil {
			break
		}
		kinds = append(kinds, f[0])
		if err := to.Receive(f); err != nil {
			t.Fatal(err)
		}
	}
	return kinds
}

// TestLineGivenUp: much is in line, so that listing waits for it, and then the far end
// has all of that by another link. What waited is listed at once: no other frame would
// bring it about, and no room that becomes free on a link on which nothing moves.
func TestLineGivenUp(t *testing.T) {
	rng := seeded(7)
	a, b := newShelf(t), newShelf(t)
	const all = 3 * perHave
	for range all {
		a.add(unit(rng, envelope.S2), 0, 2)
	}
	a.Sync()
	s, far := New(Config{Order: func() Order { return &shuffled{rng: rng} }}, a), New(Config{}, b)
	pass(t, s, far, 1)
	pass(t, far, s, 2) // HELLO, END
	if got := pass(t, s, far, 2); !bytes.Equal(got, []byte{frameHave, frameHave}) {
		t.Fatalf("listed by frames %x", got)
	}
	pass(t, far, s, all) // WANT
	if got := pass(t, s, far, 1); !bytes.Equal(got, []byte{frameData}) {
		t.Fatalf("then came frames %x", got)
	}
	if n := s.give.queue.Len(); n != 2*perHave-1 || s.mayList() {
		t.Fatalf("%d units are in line, listing waits: %v", n, !s.mayList())
	}
	for _, u := range far.take.open {
		raw := a.bytes[u.item.ID]
		far.Added(b.put(raw, 0, 2))
	}
	pass(t, far, s, all) // GOT
	if got := pass(t, s, far, 1); !bytes.Equal(got, []byte{frameHave}) {
		t.Fatalf("after all in line was given up came frames %x", got)
	}
	for pass(t, far, s, all) != nil || pass(t, s, far, all) != nil {
	}
	if len(b.bytes) != all || !s.even() || !far.even() {
		t.Fatalf("%d of %d units came, even %v and %v", len(b.bytes), all, s.even(), far.even())
	}
}
