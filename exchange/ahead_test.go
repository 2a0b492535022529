package exchange

import (
	"testing"

	"github.com/jauap/jauap/envelope"
)

// A giver with an order does not list far ahead of what it has time to send: a
// short meeting would be spent on it. Large units do not count, as small ones go
// between their pieces.
func TestListsNotFarAhead(t *testing.T) {
	rng := seeded(9)
	a, b := newShelf(t), newShelf(t)
	for range 600 {
		a.add(unit(rng, envelope.S1), 0, 1)
	}
	film := unit(rng, envelope.S5)
	a.add(film, 0, 0)
	c := Config{Order: func() Order { return &bySeq{} }}
	m := meet(t, [2]Config{c, c}, a, b)
	g := &m.s[0].give
	most := int64(0)
	m.after = func() {
		ahead := g.wanted - m.s[0].sent
		most = max(most, ahead)
		if g.wanted < 0 || ahead > listAhead+int64(2*perHave*envelope.S1.Size()) {
			t.Fatalf("%d bytes in line after %d were sent", g.wanted, m.s[0].sent)
		}
	}
	m.run(rng, never)
	if !same(a, b) || g.wanted != 0 || most == 0 {
		t.Fatalf("not even, or %d bytes in line for ever", g.wanted)
	}
}
