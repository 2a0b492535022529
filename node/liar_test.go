package node

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/internal/durable"
	"github.com/jauap/jauap/link"
	"github.com/jauap/jauap/routing"
	"github.com/jauap/jauap/store"
)

// Frames as a liar writes them.
func rawHello() []byte { return []byte{0x81, 1, 0, 0x20, 0, 0} }

func rawHave(id envelope.ID, c envelope.Class) []byte {
	b := append(append([]byte{0x82, 0}, id[:]...), byte(c), 0)
	return binary.BigEndian.AppendUint16(b, uint16(today+30))
}

func rawWant(number, from uint64) []byte {
	return binary.AppendUvarint(binary.AppendUvarint([]byte{0x84}, number), from)
}

func rawData(number, from uint64, p ...byte) []byte {
	return append(binary.AppendUvarint(binary.AppendUvarint([]byte{0x85}, number), from), p...)
}

// lists brings up a link on which a liar lists a unit.
func lists(w *world, p *person, l LinkID, id envelope.ID, c envelope.Class) {
	w.step(p, Up{Link: l}, Ready{Link: l, Bytes: credit}, Frame{l, rawHello()}, Frame{l, rawHave(id, c)})
}

// One byte planted under any class does not keep a unit away.
func TestPlantedByte(t *testing.T) {
	for _, c := range envelope.Sealed() {
		for _, lie := range envelope.Sealed() {
			w := newWorld(t, 1)
			p, honest := newPerson(t, 1, Config{}), newPerson(t, 2, Config{})
			raw := sealed(t, seeded(9), c)
			w.step(honest, Submit{Raw: raw})
			lists(w, p, 1000, envelope.IDOf(raw), lie)
			w.step(p, Frame{1000, rawData(0, 0, 0x11)}, Down{Link: 1000})
			w.meet(p, honest, -1)
			w.run()
			if !p.arrived[envelope.IDOf(raw)] || len(p.closed) > 0 {
				t.Errorf("class %v, planted as %v: did not arrive, closed %v", c, lie, p.closed)
			}
		}
	}
}

// A contact and a relay do not build on the beginning of a letter that a stranger left, and
// go on with what came from either of them; a stranger goes on with anything.
func TestSoundBeginnings(t *testing.T) {
	peers := map[string]link.Peer{"stranger": {}, "contact": {Key: "aa"}, "relay": {Key: "relay:abc", Relay: true}}
	const have = 300
	for left, by := range peers {
		for met, with := range peers {
			w := newWorld(t, 1)
			p := newPerson(t, 1, Config{})
			raw := sealed(t, seeded(9), envelope.S1)
			id := envelope.IDOf(raw)
			w.step(p, Up{Link: 1, Peer: by}, Ready{Link: 1, Bytes: credit}, Frame{1, rawHello()}, Frame{1, rawHave(id, envelope.S1)})
			w.step(p, Frame{1, rawData(0, 0, raw[:have]...)}, Down{Link: 1})
			want := 0
			if left != "stranger" || met == "stranger" {
				want = have
			}
			from := -1
			for _, s := range p.step(w.now, Up{Link: 2, Peer: with}, Ready{Link: 2, Bytes: credit}, Frame{2, rawHello()}, Frame{2, rawHave(id, envelope.S1)}) {
				if s.Data[0] == 0x84 {
					f, _ := binary.Uvarint(s.Data[2:])
					from = int(f)
				}
			}
			if from != want {
				t.Errorf("left by a %s, a %s is asked from byte %d, not %d", left, met, from, want)
			}
			w.step(p, Frame{2, rawData(0, uint64(want), raw[want:]...)})
			if !p.arrived[id] {
				t.Errorf("left by a %s, brought by a %s: it did not arrive", left, met)
			}
		}
	}
}

// What another link writes between an honest link's pieces does not end the
// honest one, nor keep the unit away.
func TestGarbageBetween(t *testing.T) {
	const liar, honest = 1000, 2000
	for _, c := range []struct {
		name    string
		lie     envelope.Class
		swept   bool // the honest link's claim is gone by then
		arrives bool
	}{
		{"same size", envelope.S4, false, true},
		{"same size, claim lost", envelope.S4, true, false},
		{"other size", envelope.S3, false, true},
	} {
		w := newWorld(t, 1)
		p := newPerson(t, 1, Config{})
		raw := sealed(t, seeded(9), envelope.S4)
		id := envelope.IDOf(raw)
		bring := func(from, to int) { w.step(p, Frame{honest, rawData(0, uint64(from), raw[from:to]...)}) }
		lists(w, p, liar, id, c.lie)
		if c.lie == envelope.S4 {
			w.step(p, Frame{liar, rawData(0, 0, ^raw[0])})
		}
		lists(w, p, honest, id, envelope.S4)
		w.now = w.now.Add(time.Minute)
		w.step(p, Tick{})
		if c.lie == envelope.S4 { // the first byte is not asked for
			bring(1, 30_000)
			bring(30_000, len(raw))
		}
		bring(0, 20_000)
		if c.swept {
			clear(p.n.claims)
		}
		if c.lie == envelope.S4 {
			w.step(p, Frame{liar, rawData(0, 1, bytes.Repeat([]byte{0x22}, 25_000)...)})
		} else {
			w.step(p, Frame{liar, rawData(0, 0, 0x11)})
		}
		bring(20_000, 30_000)
		bring(30_000, len(raw))
		if err := p.closed[honest]; err != nil || p.arrived[id] != c.arrives {
			t.Errorf("%s: arrived %v, closed %v", c.name, p.arrived[id], err)
		}
		// Who brought all the wrong bytes alone does answer for them.
		other := envelope.ID{1}
		lists(w, p, 3000, other, envelope.S4)
		for range 2 {
			w.step(p, Frame{3000, rawData(0, 0, raw[:30_000]...)}, Frame{3000, rawData(0, 30_000, raw[30_000:]...)})
		}
		if p.closed[3000] == nil {
			t.Errorf("%s: wrong bytes twice, and nothing said", c.name)
		}
	}
}

// A link that asks for the last byte again and again counts as one, and only
// when it says that it holds the unit.
func TestSprayIsHonest(t *testing.T) {
	w := newWorld(t, 1)
	p := newPerson(t, 1, Config{})
	raw := sealed(t, seeded(9), envelope.S4)
	id := envelope.IDOf(raw)
	w.step(p, Found{raw})
	last := uint64(len(raw) - 1)
	for l := LinkID(1000); l < 1010; l++ {
		w.step(p, Up{Link: l}, Ready{Link: l, Bytes: credit}, Frame{l, rawHello()})
		for range 3 {
			w.step(p, Frame{l, rawWant(0, last)})
		}
		if l == 1009 {
			w.step(p, Frame{l, []byte{0x86, 2, 0, 1}})
		}
		w.step(p, Down{Link: l})
	}
	if n := p.n.handed[id].Count; n != 1 {
		t.Fatalf("counted %d times", n)
	}
}

// Silent links that list a letter or a large unit do not keep it waiting.
func TestSilentLinks(t *testing.T) {
	for _, c := range envelope.Sealed() {
		w := newWorld(t, 1)
		p, honest := newPerson(t, 1, Config{}), newPerson(t, 2, Config{})
		raw := sealed(t, seeded(9), c)
		w.step(honest, Submit{Raw: raw})
		for l := LinkID(1000); l < 1016; l++ {
			lists(w, p, l, envelope.IDOf(raw), c)
		}
		w.next = 5000
		w.meetAs(p, honest, link.Peer{Relay: true, Key: "relay:x"}, link.Peer{}, -1)
		w.run()
		if !p.arrived[envelope.IDOf(raw)] {
			t.Errorf("%v waits for silent links", c)
		}
	}
}

// A flood of small units does not shut out large ones of strangers, and large
// ones fill no more than half.
func TestHalfIsOfLargeUnits(t *testing.T) {
	p := newPerson(t, 1, Config{})
	sh, _, err := store.Open(durable.NewMem(), store.Options{Quota: 2 << 20, Today: today, Shares: routing.Shares()})
	if err != nil {
		t.Fatal(err)
	}
	p.sh, p.n = sh, New(Config{Today: today}, sh, seeded(1))
	rng := seeded(5)
	for range 1500 {
		p.step(today.Start(), Found{sealed(t, rng, envelope.S1)})
	}
	if st := sh.Stats(); st.Bytes < st.Quota/2 {
		t.Fatalf("no flood: %+v", st)
	}
	for range 30 {
		p.step(today.Start(), Found{sealed(t, rng, envelope.S4)})
	}
	large := 0
	for _, e := range sh.Since(0, 10_000) {
		if e.Class == envelope.S4 {
			large++
		}
	}
	st := sh.Stats()
	if large == 0 || st.Bulk != int64(large)<<16 || st.Bulk > st.Quota/2 {
		t.Fatalf("%d large units, %+v", large, st)
	}
}
