package node

import (
	"testing"
	"time"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/link"
)

// TestOutlet: each unit goes out once, the small ones first, again when the line broke
// before it landed, and not again after a restart.
func TestOutlet(t *testing.T) {
	p, rng, now := newPerson(t, 1, Config{}), seeded(7), time.Unix(0, 0)
	var own [][]byte
	for _, c := range []envelope.Class{envelope.S3, envelope.S1, envelope.S2} {
		own = append(own, sealed(t, rng, c))
		p.step(now, Submit{Raw: own[len(own)-1]})
	}
	traits := link.Traits{Unit: 262144}
	o := p.n.Outlet("x", traits)
	drain := func() (ids []envelope.ID) {
		last := 0
		for {
			id, unit, ok := o.Next()
			if !ok {
				return ids
			}
			if len(unit) < last {
				t.Errorf("a unit of %d bytes after one of %d", len(unit), last)
			}
			last = len(unit)
			ids = append(ids, id)
		}
	}
	if got := drain(); len(got) != 3 || got[0] != envelope.IDOf(own[1]) {
		t.Fatalf("%d units, first %v", len(got), got)
	}
	if !o.Landed(envelope.IDOf(own[1])) {
		t.Error("an own unit is not known as one")
	}
	o.Again()
	if got := drain(); len(got) != 2 {
		t.Fatalf("%d units after the line broke, want the 2 that did not land", len(got))
	}
	strange := sealed(t, rng, envelope.S1)
	p.step(now, Found{Raw: strange})
	o.Brought(envelope.IDOf(strange))
	if got := drain(); len(got) != 0 {
		t.Error("what the far end brought goes back to it")
	}
	o.Landed(envelope.IDOf(own[0]))
	o.Landed(envelope.IDOf(own[2]))
	drain() // notes that all is done
	p.step(now, Found{Raw: sealed(t, rng, envelope.S1)})
	p.restart()
	if o = p.n.Outlet("x", traits); len(drain()) != 1 {
		t.Error("after a restart only the new unit should go")
	}
	if o = p.n.Outlet("", traits); len(drain()) != 5 {
		t.Error("an outlet without a name should remember nothing")
	}
	if o = p.n.Outlet("y", link.Traits{Unit: 2000}); len(drain()) != 3 {
		t.Error("units that the line cannot carry were handed out")
	}
}
