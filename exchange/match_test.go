package exchange

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/internal/limits"
)

// twins are two shelves that share n small units.
func twins(t testing.TB, seed uint64, n int) (a, b *shelf) {
	rng := seeded(seed + 1<<32)
	a, b = newShelf(t), newShelf(t)
	a.sketch, b.sketch = true, true
	for range n {
		raw := unit(rng, envelope.Done)
		a.add(raw, 0, 2)
		b.add(raw, 0, 2)
	}
	return a, b
}

// rounds lets both sides say all they can, half a round trip after half a
// round trip, and answers how many passed before the last unit was asked for.
func (m *meeting) rounds() (trips float64) {
	for half := 1; ; half++ {
		for i, s := range m.s {
			for f := s.Next(MaxFrame); f != nil; f = s.Next(MaxFrame) {
				m.pipe[i] = append(m.pipe[i], f)
				m.total += len(f) + Prefix
				m.sent[i] += payload(f)
				if f[0] == frameWant || f[0] == frameHave && f[1] == haveComing {
					trips = float64(half) / 2
				}
			}
			m.note(i)
		}
		if len(m.pipe[0])+len(m.pipe[1]) == 0 {
			return trips
		}
		for i := range m.pipe {
			for len(m.pipe[i]) > 0 {
				m.deliver(i)
			}
		}
	}
}

// Equal shelves cost next to nothing, a hundred differences few kilobytes and
// two round trips, however much is shared; nobody hears of what both hold.
func TestMatchCost(t *testing.T) {
	above, late := 0, 0
	for seed := range uint64(20) {
		rng := seeded(seed)
		a, b := twins(t, seed, 3000)
		m := meet(t, [2]Config{}, a, b)
		m.rounds()
		if m.total >= 100 || !m.marks[0].Even || !m.marks[1].Even {
			t.Fatalf("%d bytes between equal shelves, even %v %v", m.total, m.marks[0].Even, m.marks[1].Even)
		}
		for range 50 {
			a.add(unit(rng, envelope.Done), 0, 2)
			b.add(unit(rng, envelope.Done), 0, 2)
		}
		m = meet(t, [2]Config{{First: 14 << 10}, {First: 14 << 10}}, a, b)
		trips := m.rounds()
		if !same(a, b) || !m.marks[0].Even || !m.marks[1].Even {
			t.Fatalf("seed %d: not even", seed)
		}
		if n := m.total - int(m.sent[0]+m.sent[1]); n > 8000 {
			above++
		}
		if trips > 2 {
			late++
		}
		if len(a.wants)+len(b.wants) > 100 {
			t.Fatalf("seed %d: %d units were listed", seed, len(a.wants)+len(b.wants))
		}
	}
	if above > 2 || late > 2 {
		t.Fatalf("of 20 meetings %d cost more than 8 kB, %d more than two round trips", above, late)
	}
}

// Random shelves: both hold the union, and units of both are hardly listed.
func TestMatchConverges(t *testing.T) {
	for seed := range uint64(80) {
		rng := seeded(seed)
		a, b := twins(t, seed, rng.IntN(1500))
		n := len(a.items)
		for range rng.IntN(600) {
			sh := []*shelf{a, b}[rng.IntN(2)]
			sh.add(unit(rng, []envelope.Class{6, 6, 6, 0, 1, 2, 7, 8}[rng.IntN(8)]), 0, uint8(rng.IntN(3)))
		}
		apart := len(a.items) + len(b.items) - 2*n
		c := [2]Config{{First: rng.IntN(2) * 4096, From: rng.Uint64N(2000), MaxItems: 64 + rng.IntN(1000)}, {From: rng.Uint64N(2000)}}
		m := meet(t, c, a, b)
		m.room = func() int { return MinRoom + rng.IntN(3)*rng.IntN(MaxFrame-MinRoom)/2 }
		m.run(rng, never)
		if !same(a, b) || !m.marks[0].Even || !m.marks[1].Even {
			t.Fatalf("seed %d: %d shared, %d apart: not even", seed, n, apart)
		}
		if listing := m.total - int(m.sent[0]+m.sent[1]); listing > 100+45*n+90*apart {
			t.Fatalf("seed %d: %d shared, %d apart: %d bytes", seed, n, apart, listing)
		}
	}
}

// Sketches that are too large for the meetings do not keep units from moving:
// such meetings bring as much as with the plain list.
func TestShortMeetingsOfVeryDifferentStrangers(t *testing.T) {
	var moved [2]int64
	for i, sketch := range []bool{true, false} {
		rng := seeded(50)
		a, b := twins(t, 50, 4000)
		a.sketch, b.sketch = sketch, sketch
		for range 1200 {
			a.add(unit(rng, envelope.Done), 0, 2)
		}
		all := difference(a, b)
		for range 150 {
			m := meet(t, [2]Config{{From: rng.Uint64N(a.seq)}, {From: rng.Uint64N(b.seq)}}, a, b)
			m.run(rng, 12_000)
		}
		moved[i] = all - difference(a, b)
	}
	if moved[0] < 5000 || moved[0] < moved[1] {
		t.Fatalf("%d bytes moved, %d with the plain list", moved[0], moved[1])
	}
	t.Logf("%d bytes moved, %d with the plain list", moved[0], moved[1])
}

// A unit that is held and not to be offered is neither listed nor asked for.
func TestMute(t *testing.T) {
	a, b := twins(t, 51, 50)
	rng := seeded(51)
	for range 3 {
		raw := unit(rng, envelope.S2)
		a.add(raw, 0, 2)
		b.add(raw, 0, 2)
	}
	a.add(unit(rng, envelope.S2), 0, 2)
	for i := range a.items {
		a.items[i].Mute = a.items[i].Class == envelope.S2
	}
	b.items[52].Mute = true
	meet(t, [2]Config{}, a, b).run(rng, never)
	if len(a.wants)+len(b.wants) != 0 || len(b.items) != 53 {
		t.Fatalf("%d and %d listed, %d held", len(b.wants), len(a.wants), len(b.items))
	}
}

// A side that knows no sketches gets the plain list.
func TestOldPeer(t *testing.T) {
	rng := seeded(52)
	a, b := twins(t, 52, 200)
	fill(rng, a, 50)
	fill(rng, b, 50)
	b.sketch = false
	m := meet(t, [2]Config{}, a, b)
	m.run(rng, never)
	if !same(a, b) || !m.marks[0].Even || !m.marks[1].Even {
		t.Fatal("not even")
	}
}

// Sides that keep or need marks ignore the nonce.
func TestNoSketchWithMarks(t *testing.T) {
	for name, c := range map[string]Config{
		"relay":  {Epoch: [8]byte{1}, Serve: true},
		"client": {Take: Mark{Epoch: [8]byte{1}}},
		"shards": {Shards: []uint8{4}},
	} {
		c.Nonce = [8]byte{1}
		a, _ := twins(t, 53, 50)
		if b := New(c, a).Next(MaxFrame); b[2]&helloSum != 0 {
			t.Fatalf("%s: %x", name, b)
		}
	}
}

// player is a session and a far end that the test plays by hand.
type player struct {
	t     *testing.T
	s     *Session
	sh    *shelf
	heard [][]byte
}

// against is a session with 100 units that has greeted one whose summary is m.
func against(t *testing.T, mine nonce, m summary) *player {
	a, _ := twins(t, 54, 100)
	return facing(t, a, mine, m)
}

func facing(t *testing.T, a *shelf, mine nonce, m summary) *player {
	p := &player{t: t, s: New(Config{Nonce: mine}, a), sh: a}
	p.hear()
	h := hello{version: 1, window: 2048, summary: &m}
	p.say(h.encode())
	return p
}

// hear takes what the session says now; the kinds come back.
func (p *player) hear() (kinds []byte) {
	for f := p.s.Next(MaxFrame); f != nil; f = p.s.Next(MaxFrame) {
		p.heard = append(p.heard, f)
		kinds = append(kinds, f[0])
		if len(kinds) > 1000 {
			p.t.Fatal("it does not stop talking")
		}
	}
	return kinds
}

func (p *player) say(f []byte) {
	p.t.Helper()
	if err := p.s.Receive(f); err != nil {
		p.t.Fatalf("%x: %v", f[:min(len(f), 20)], err)
	}
}

func (p *player) breach(f []byte) {
	p.t.Helper()
	if err := p.s.Receive(f); !errors.Is(err, ErrProtocol) {
		p.t.Fatalf("%x: %v", f[:min(len(f), 20)], err)
	}
}

// strange is a summary that looks like few differences from the shelf of
// against, so that a sketch is worth it.
func strange(n nonce) summary {
	a, _ := twins(nil, 54, 100)
	m, k := summary{nonce: n}, newKeyed(n, nonce{})
	for _, it := range a.items[:98] {
		m.add(k.hash(&it.ID))
	}
	return m
}

func sketchBytes(total uint64, symbols int, f func(i int) symbol) []byte {
	b := binary.AppendUvarint([]byte{frameSketch}, total)
	for i := range symbols {
		b = appendSymbol(b, f(i))
	}
	return b
}

// A writer whose sketches never solve is asked for some larger ones, then gets
// the plain list.
func TestNeverSolved(t *testing.T) {
	rng := seeded(55)
	p := against(t, nonce{1}, strange(nonce{2}))
	begin := time.Now()
	total, have, asked := uint64(10), 0, 0
	for {
		for have < int(total) {
			n := min(400, int(total)-have)
			p.say(sketchBytes(total, n, func(int) symbol { return symbol{rng.Uint64() >> 16, rng.Uint32()} }))
			have += n
		}
		kinds := p.hear()
		if kinds[0] != frameMore || asked > 20 {
			t.Fatalf("says %x after %d symbols", kinds, have)
		}
		more := fields{b: p.heard[len(p.heard)-len(kinds)][1:]}
		if total = more.uvarint(); total == 0 {
			if !slices.Equal(kinds, []byte{frameMore, frameHave, frameEnd}) {
				t.Fatalf("gave up with %x", kinds)
			}
			break
		}
		asked++
	}
	if have > 400 || time.Since(begin) > time.Second {
		t.Fatalf("%d symbols for 198 units, %v", have, time.Since(begin))
	}
	p.say(sketchBytes(total, 3, func(int) symbol { return symbol{} })) // still on its way: ignored
}

func TestHostileWriter(t *testing.T) {
	zero := func(int) symbol { return symbol{} }
	t.Run("millions of symbols", func(t *testing.T) {
		p := against(t, nonce{1}, strange(nonce{2}))
		p.say(sketchBytes(math.MaxUint64, 100, zero))
		if k := p.hear(); !slices.Equal(k, []byte{frameMore, frameHave, frameEnd}) {
			t.Fatalf("says %x", k)
		}
	})
	t.Run("memory grows with what came", func(t *testing.T) {
		p := against(t, nonce{1}, strange(nonce{2}))
		p.say(sketchBytes(maxSymbols, 1, zero))
		if n := cap(p.s.match.row); n > 16 {
			t.Fatalf("room for %d symbols", n)
		}
	})
	t.Run("no sketch", func(t *testing.T) {
		p := against(t, nonce{1}, strange(nonce{2}))
		p.say([]byte{frameSketch, 0})
		if k := p.hear(); !slices.Equal(k, []byte{frameHave, frameEnd}) {
			t.Fatalf("says %x", k)
		}
	})
	t.Run("half a sketch, then END", func(t *testing.T) {
		p := against(t, nonce{1}, strange(nonce{2}))
		p.say(sketchBytes(20, 10, zero))
		p.say([]byte{frameEnd})
		if k := p.hear(); !slices.Equal(k, []byte{frameHave, frameEnd}) {
			t.Fatalf("says %x", k)
		}
	})
	t.Run("silence", func(t *testing.T) {
		p := against(t, nonce{1}, strange(nonce{2}))
		if k := p.hear(); k != nil || p.s.Take().Even {
			t.Fatalf("says %x", k)
		}
	})
	for name, f := range map[string][]byte{
		"half a symbol":     {frameSketch, 20, 1, 2, 3},
		"no symbols":        {frameSketch, 20},
		"symbols of none":   sketchBytes(0, 1, zero),
		"more than said":    sketchBytes(3, 4, zero),
		"no size":           {frameSketch},
		"LACK from writer":  {frameLack, 1},
		"MORE from writer":  {frameMore, 200, 1},
		"an endless varint": bytes.Repeat([]byte{0xff}, 12),
	} {
		t.Run(name, func(t *testing.T) { against(t, nonce{1}, strange(nonce{2})).breach(f) })
	}
	t.Run("another size", func(t *testing.T) {
		p := against(t, nonce{1}, strange(nonce{2}))
		p.say(sketchBytes(20, 1, zero))
		p.breach(sketchBytes(21, 1, zero))
	})
}

func TestHostileReader(t *testing.T) {
	// begun is a session that has said its first block.
	begun := func(t *testing.T) (p *player, total uint64) {
		p = against(t, nonce{2}, strange(nonce{1}))
		if k := p.hear(); !slices.Equal(k, []byte{frameSketch}) {
			t.Fatalf("says %x", k)
		}
		f := fields{b: p.heard[len(p.heard)-1][1:]}
		return p, f.uvarint()
	}
	more := func(n uint64) []byte { return binary.AppendUvarint([]byte{frameMore}, n) }
	t.Run("MORE without end", func(t *testing.T) {
		p, total := begun(t)
		for n := 0; total+total/2 <= maxSymbols; n++ {
			if n > 25 {
				t.Fatalf("%d blocks", n)
			}
			total += total / 2
			p.say(more(total))
			p.hear()
		}
		p.breach(more(maxSymbols + 1))
	})
	t.Run("MORE by little", func(t *testing.T) {
		p, total := begun(t)
		p.breach(more(total + 1))
	})
	t.Run("MORE after LACK", func(t *testing.T) {
		p, total := begun(t)
		p.say([]byte{frameLack, 0})
		p.breach(more(2 * total))
	})
	t.Run("lacks everything", func(t *testing.T) {
		p, total := begun(t)
		f := []byte{frameLack, 1}
		for i := range total + 1 {
			f = binary.BigEndian.AppendUint32(append(f, 0), uint32(i))
		}
		p.breach(f)
	})
	t.Run("lacks what is not there", func(t *testing.T) {
		p, _ := begun(t)
		p.say([]byte{frameLack, 1, 1, 2, 3, 4, 5, 2, 2, 3, 4, 5})
		if k := p.hear(); !slices.Equal(k, []byte{frameEnd}) {
			t.Fatalf("says %x", k)
		}
	})
	t.Run("gives up", func(t *testing.T) {
		p, _ := begun(t)
		p.say(more(0))
		if k := p.hear(); !slices.Equal(k, []byte{frameHave, frameEnd}) {
			t.Fatalf("says %x", k)
		}
	})
	t.Run("END instead of an answer", func(t *testing.T) {
		p, _ := begun(t)
		p.say([]byte{frameEnd})
		if k := p.hear(); !slices.Equal(k, []byte{frameHave, frameEnd}) {
			t.Fatalf("says %x", k)
		}
	})
	for name, f := range map[string][]byte{
		"LACK that falls":     {frameLack, 1, 2, 2, 3, 4, 5, 1, 2, 3, 4, 5},
		"LACK twice the same": {frameLack, 1, 1, 2, 3, 4, 5, 1, 2, 3, 4, 5},
		"LACK cut":            {frameLack, 1, 1, 2},
		"LACK with flags":     {frameLack, 3},
		"LACK without flags":  {frameLack},
		"MORE cut":            {frameMore},
		"MORE and more":       {frameMore, 0, 0},
		"SKETCH from reader":  {frameSketch, 0},
	} {
		t.Run(name, func(t *testing.T) {
			p, _ := begun(t)
			p.breach(f)
		})
	}
}

// Summaries that lie about the count lead to the plain list, or to a sketch of
// bounded size.
func TestLyingSummary(t *testing.T) {
	for _, n := range []uint64{0, 3, 4, 1000, maxSketched, maxSketched + 1, 1 << 40, math.MaxUint64} {
		for _, theirs := range []nonce{{0, 1}, {9}, {5}} {
			p := against(t, nonce{5}, summary{nonce: theirs, count: n})
			p.hear()
			if p.s.match.stage == reading {
				p.say([]byte{frameSketch, 0})
			} else if p.s.match.held() {
				p.say([]byte{frameMore, 0})
			}
			p.hear()
			if !p.s.give.ended || p.s.give.next != 100 {
				t.Fatalf("count %d, nonce %x: %d units listed", n, theirs, p.s.give.next)
			}
		}
	}
}

// FuzzSketch plays any frames to a writer or a reader of a sketch.
func FuzzSketch(f *testing.F) {
	join := func(frames ...[]byte) (b []byte) {
		for _, raw := range frames {
			b = append(binary.BigEndian.AppendUint16(b, uint16(len(raw))), raw...)
		}
		return b
	}
	a, _ := twins(f, 54, 100)
	k := newKeyed(nonce{2}, nonce{1})
	row := make(sketch, 30)
	for _, it := range a.items[3:] {
		row.toggle(k.short(&it.ID))
	}
	good := sketchBytes(30, 30, func(i int) symbol { return row[i] })
	f.Add(false, join(good, []byte{frameEnd}))
	f.Add(false, join(sketchBytes(2, 2, func(i int) symbol { return row[i] }), sketchBytes(4, 2, func(i int) symbol { return row[2+i] })))
	f.Add(true, join([]byte{frameLack, 1, 1, 2, 3, 4, 5}, []byte{frameEnd}))
	f.Add(true, join([]byte{frameMore, 60}, []byte{frameMore, 0}))
	reads, writes := strange(nonce{2}), strange(nonce{1})
	f.Fuzz(func(t *testing.T, writer bool, in []byte) {
		defer limits.Watch(t, len(in))()
		if len(in) > 64<<10 {
			return
		}
		// The far end sees what good says: all but three of our units.
		mine, theirs := nonce{1}, reads
		if writer {
			mine, theirs = nonce{2}, writes
		}
		sh := newShelf(t)
		sh.items = slices.Clone(a.items)
		p := facing(t, sh, mine, theirs)
		said := 0
		for len(in) >= 2 {
			n := min(int(binary.BigEndian.Uint16(in)), len(in)-2)
			err := p.s.Receive(in[2 : 2+n])
			in = in[2+n:]
			said += len(p.hear())
			m := &p.s.match
			if len(m.row) > maxSymbols || len(m.lacks) > maxSymbols || said > 1<<16 {
				t.Fatal("bounds broken")
			}
			if err != nil {
				break
			}
		}
		if p.s.give.next > 100 {
			t.Fatal("listed twice")
		}
	})
}
