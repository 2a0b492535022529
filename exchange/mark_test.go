package exchange

import (
	"math/rand/v2"
	"testing"

	"github.com/jauap/jauap/envelope"
)

// client is a person's side that keeps marks for one relay.
type client struct {
	*shelf
	give, take Mark
}

// visit is one meeting with a relay; bytes beside payload come back.
func (c *client) visit(t *testing.T, rng *rand.Rand, relay *shelf, cut int) (m *meeting, listing int) {
	m = meet(t, [2]Config{
		{Give: c.give, Take: c.take, First: 4096, Chunk: 4096},
		{Epoch: relay.epoch, Serve: true, Chunk: 4096},
	}, c.shelf, relay)
	m.after = func() {
		if o := m.s[0].Take(); o.Marked {
			m.marks[0] = o
			c.give, c.take = o.Give, o.Take
		}
	}
	m.run(rng, cut)
	if m.marks[0].Marked {
		c.give, c.take = m.marks[0].Give, m.marks[0].Take
	}
	return m, m.total - int(m.sent[0]+m.sent[1])
}

func TestRelayCursors(t *testing.T) {
	rng := seeded(20)
	relay := newShelf(t)
	relay.epoch = [8]byte{1, 2, 3}
	c := &client{shelf: newShelf(t)}
	fill(rng, relay, 400)
	fill(rng, c.shelf, 400)
	c.visit(t, rng, relay, never)
	if !same(c.shelf, relay) {
		t.Fatal("first visit: not even")
	}
	if c.take.Seq != relay.seq || c.give.Seq == 0 {
		t.Fatalf("marks after an even visit: take %d of %d, give %d", c.take.Seq, relay.seq, c.give.Seq)
	}
	c.visit(t, rng, relay, never)
	if _, n := c.visit(t, rng, relay, never); n > 120 {
		t.Fatalf("%d bytes to say that nothing is new", n)
	}
	c.add(unit(rng, envelope.S1), 0, 0)
	relay.add(unit(rng, envelope.S2), 0, 2)
	if _, n := c.visit(t, rng, relay, never); n > 300 || !same(c.shelf, relay) {
		t.Fatalf("%d bytes beside two units", n)
	}
}

// Marks are exact through any number of cuts and crashes of nobody: what is
// below them was settled.
func TestMarksThroughCuts(t *testing.T) {
	for seed := range uint64(150) {
		rng := seeded(seed)
		relay := newShelf(t)
		relay.epoch = [8]byte{9}
		c := &client{shelf: newShelf(t)}
		fill(rng, relay, 30)
		fill(rng, c.shelf, 30)
		diff := difference(c.shelf, relay) + difference(relay, c.shelf)
		var sent, lost int64
		for n := range 120 {
			cut := rng.IntN(60_000)
			if n == 119 {
				cut = never
			}
			m, _ := c.visit(t, rng, relay, cut)
			sent, lost = sent+m.sent[0]+m.sent[1], lost+m.lost
			for _, x := range relay.items {
				if x.Seq <= c.take.at(lane(x.Class, 0)) && c.bytes[x.ID] == nil {
					t.Fatalf("seed %d: take mark covers %v, which is missing", seed, x)
				}
			}
			for _, x := range c.items {
				if x.Seq <= c.give.at(lane(x.Class, x.Rank)) && relay.bytes[x.ID] == nil {
					t.Fatalf("seed %d: give mark covers %v, which is missing", seed, x)
				}
			}
			if n < 119 && rng.IntN(20) == 0 {
				raw := unit(rng, envelope.S1)
				relay.add(raw, 0, 2)
				diff += int64(len(raw))
			}
		}
		if !same(c.shelf, relay) {
			t.Fatalf("seed %d: not even", seed)
		}
		if sent-lost < diff {
			t.Fatalf("seed %d: %d sent, %d lost, %d needed", seed, sent, lost, diff)
		}
	}
}

// Windows that are too short for everything still bring everything: small
// units that are settled are not listed again.
func TestMarksMakeProgress(t *testing.T) {
	rng := seeded(21)
	relay := newShelf(t)
	relay.epoch = [8]byte{9}
	c := &client{shelf: newShelf(t)}
	for range 500 {
		relay.add(unit(rng, envelope.Class(rng.IntN(4))), 0, 2)
	}
	visits := 0
	for !same(c.shelf, relay) {
		if visits++; visits > 600 {
			t.Fatalf("%d of %d units after %d windows", len(c.items), len(relay.items), visits)
		}
		c.visit(t, rng, relay, 24_000)
	}
	t.Logf("%d windows of 24 kB for %d kB", visits, difference(relay, newShelf(t))/1000)
}

// An own unit that a relay refused is offered at the next meeting again; what
// the relay will not have of others is not.
func TestOwnRefusedIsOfferedAgain(t *testing.T) {
	rng := seeded(23)
	relay := newShelf(t)
	relay.epoch = [8]byte{1}
	relay.refuse = func(Item) bool { return true }
	c := &client{shelf: newShelf(t)}
	own := c.add(unit(rng, envelope.S2), 0, 0)
	other := c.add(unit(rng, envelope.S2), 0, 2)
	c.visit(t, rng, relay, never)
	c.visit(t, rng, relay, never)
	if relay.wants[own.ID] != 2 || relay.wants[other.ID] != 1 {
		t.Fatalf("offered %d and %d times", relay.wants[own.ID], relay.wants[other.ID])
	}
	relay.refuse = nil
	c.visit(t, rng, relay, never)
	if relay.bytes[own.ID] == nil {
		t.Fatal("the own unit did not reach the relay that has come to its senses")
	}
}

// Strangers keep no marks: a random beginning of the listing lets meetings
// that are far too short for it still bring everything.
func TestShortMeetingsOfStrangers(t *testing.T) { eachWay(t, testShortMeetingsOfStrangers) }

func testShortMeetingsOfStrangers(t *testing.T, empty func() *shelf) {
	rng := seeded(24)
	a, b := empty(), empty()
	for range 1500 {
		raw := unit(rng, envelope.Done)
		a.add(raw, 0, 2)
		if rng.IntN(20) > 0 {
			b.add(raw, 0, 2)
		}
	}
	meetings := 0
	for ; !same(a, b); meetings++ {
		if meetings > 400 {
			t.Fatalf("%d bytes still differ", difference(a, b))
		}
		meet(t, [2]Config{{From: rng.Uint64N(a.seq)}, {From: rng.Uint64N(b.seq)}}, a, b).run(rng, 12_000)
	}
	t.Logf("%d meetings of 12 kB, a listing has 30 kB", meetings)
}

func TestRelayReplaced(t *testing.T) {
	for name, replace := range map[string]func(relay *shelf) *shelf{
		"another epoch": func(old *shelf) *shelf {
			n := newShelf(old.t)
			n.epoch = [8]byte{7, 7}
			return n
		},
		"restored from an older state": func(old *shelf) *shelf {
			n := newShelf(old.t)
			n.epoch = old.epoch
			for _, it := range old.items[:5] {
				n.add(old.bytes[it.ID], 0, 2)
			}
			return n
		},
	} {
		t.Run(name, func(t *testing.T) {
			rng := seeded(22)
			relay := newShelf(t)
			relay.epoch = [8]byte{1}
			c := &client{shelf: newShelf(t)}
			fill(rng, relay, 20)
			fill(rng, c.shelf, 20)
			c.visit(t, rng, relay, never)
			relay = replace(relay)
			relay.add(unit(rng, envelope.S1), 0, 2)
			c.visit(t, rng, relay, never)
			if !same(c.shelf, relay) {
				t.Fatal("not even after the relay was replaced")
			}
			if c.take.Epoch != relay.epoch || c.take.Seq != relay.seq {
				t.Fatalf("take mark %v, relay at %d", c.take, relay.seq)
			}
		})
	}
}

func TestMarkBytes(t *testing.T) {
	m := Mark{Epoch: [8]byte{1, 2}, Seq: 1 << 40}
	m.Lane[3], m.Lane[20] = 5, 1<<63
	if got, ok := ParseMark(m.Bytes()); !ok || got != m {
		t.Fatalf("%v", got)
	}
	if _, ok := ParseMark(m.Bytes()[1:]); ok {
		t.Fatal("a short mark was read")
	}
}
