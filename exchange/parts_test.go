package exchange

import (
	"bytes"
	"io"
	"testing"

	"github.com/jauap/jauap/envelope"
)

// TestGoesOn: what was cut goes on where it was, without being asked for, as soon as the
// far end's HELLO is there; also when its giver began anew before that.
func TestGoesOn(t *testing.T) {
	rng := seeded(8)
	a, b := twins(t, 8, 5)
	own := a.add(unit(rng, envelope.S5), 0, 0)
	const have = 100_000
	b.partial[own.ID] = append([]byte(nil), a.bytes[own.ID][:have]...)
	m := meet(t, [2]Config{}, a, b)
	for i := range m.s {
		m.pipe[i] = append(m.pipe[i], m.s[i].Next(MaxFrame))
	}
	m.deliver(0)
	m.deliver(1)
	coming := m.s[0].Next(MaxFrame)
	if coming[0] != frameHave || coming[1] != haveComing {
		t.Fatalf("after HELLO comes %#x", coming[:2])
	}
	data := m.s[0].Next(MaxFrame)
	f := fields{b: data[1:]}
	if _, from := f.uvarint(), f.uvarint(); data[0] != frameData || from != have {
		t.Fatalf("%#x from byte %d, not %d", data[0], from, have)
	}
	m.pipe[0] = append(m.pipe[0], coming, data)
	m.sent[0] += payload(data)
	m.run(rng, never)
	if !same(a, b) || m.sent[0] != int64(own.Size-have) || b.wants[own.ID] != 1 {
		t.Errorf("%d bytes were sent of %d, asked %d times", m.sent[0], own.Size-have, b.wants[own.ID])
	}
}

// TestBeginsAnew: a unit that left in the first flight from its first byte, while the far
// end held a beginning, is taken as it comes.
func TestBeginsAnew(t *testing.T) {
	rng := seeded(9)
	a, b := twins(t, 9, 5)
	own := a.add(unit(rng, envelope.S3), 0, 0)
	b.partial[own.ID], b.overlap = append([]byte(nil), a.bytes[own.ID][:5000]...), true
	m := meet(t, [2]Config{{First: 64 << 10, FirstLarge: true}, {}}, a, b)
	for range 3 { // HELLO, HAVE and DATA, before a word is heard
		m.pipe[0] = append(m.pipe[0], m.s[0].Next(MaxFrame))
	}
	m.run(rng, never)
	if !same(a, b) {
		t.Error("it did not arrive")
	}
}

// TestPlantedBeginning: who goes on with a beginning that somebody else spoiled is asked
// for the whole, and not blamed.
func TestPlantedBeginning(t *testing.T) {
	rng := seeded(10)
	a, b := twins(t, 10, 5)
	own := a.add(unit(rng, envelope.S4), 0, 0)
	b.partial[own.ID] = make([]byte, 30_000)
	m := meet(t, [2]Config{}, a, b)
	m.run(rng, never)
	if !same(a, b) || b.wants[own.ID] != 1 {
		t.Errorf("whole: %v, asked %d times", same(a, b), b.wants[own.ID])
	}
}

// TestTorn: of a frame in which a link ended, DATA is used as far as it came.
func TestTorn(t *testing.T) {
	data := append([]byte{frameData, 0x81, 1, 0x80, 2}, "bytes of a unit"...)
	for n := range len(data) + 1 {
		got := Torn(data[:n])
		if want := n > 5; (got != nil) != want || want && len(got) != n {
			t.Errorf("of %d bytes %d are used", n, len(got))
		}
	}
	for _, other := range []byte{frameHello, frameHave, frameGot, frameWant, frameBye, frameSketch} {
		if b := append([]byte{other}, data[1:]...); Torn(b) != nil {
			t.Errorf("a frame %#x that was cut is used", other)
		}
	}
	var stream bytes.Buffer
	if err := WriteFrame(&stream, data); err != nil {
		t.Fatal(err)
	}
	got, err := ReadFrame(io.LimitReader(&stream, Prefix+9), nil)
	if err == nil || string(got) != string(data[:9]) {
		t.Errorf("%d bytes of a frame that was cut after 9: %v", len(got), err)
	}
}

// TestTriedIsAsked: of what left unasked to somebody who spoke, and was cut, it is asked next
// time, at once; what left into silence leaves again.
func TestTriedIsAsked(t *testing.T) {
	for _, silent := range []bool{true, false} {
		a := newShelf(t)
		own := a.add(unit(seeded(12), envelope.S1), 0, 0)
		s := New(Config{First: 14 << 10}, a)
		for range 3 { // HELLO, HAVE, DATA
			s.Next(MaxFrame)
		}
		if !silent {
			if err := s.Receive(New(Config{}, newShelf(t)).Next(MaxFrame)); err != nil {
				t.Fatal(err)
			}
		}
		var tried []id
		s.Tried(func(it Item) { tried = append(tried, it.ID) })
		if want := !silent; (len(tried) == 1 && tried[0] == own.ID) != want {
			t.Fatalf("silent %v: tried %v", silent, tried)
		}
		a.items[0].Tried = len(tried) > 0
		s = New(Config{First: 14 << 10}, a)
		s.Next(MaxFrame)
		if f := s.Next(MaxFrame); f[0] != frameHave || (f[1] == haveComing) != silent {
			t.Errorf("silent %v: the next link begins with % x", silent, f)
		}
		if f := s.Next(MaxFrame); (f == nil) == silent {
			t.Errorf("silent %v: then comes % x", silent, f)
		}
	}
}

// refusing is a shelf that has proofs of what it lacks.
type refusing struct {
	*shelf
	refused []id
}

func (r refusing) Refusals(each func(id)) {
	for _, x := range r.refused {
		each(x)
	}
}

// TestRefusalsAreNotLacked: who reads a sketch does not ask for what it would not take.
func TestRefusalsAreNotLacked(t *testing.T) {
	var flown [2]int64
	for seed := range uint64(8) {
		a, b := twins(t, 20+seed, 200)
		gone := a.add(unit(seeded(seed), envelope.S1), 0, 0)
		b.refuse = func(it Item) bool { return it.ID == gone.ID }
		for k, sh := range []Shelf{b, refusing{b, []id{gone.ID}}} {
			a.items[len(a.items)-1].Tried = true // it leaves when it is lacked, not before
			m := meet(t, [2]Config{{}, {First: 64 << 10}}, b, a)
			m.s[0].sh = sh
			m.run(seeded(seed), never)
			flown[k] += m.sent[1]
		}
	}
	if flown[0] == 0 || flown[1] != 0 {
		t.Errorf("%d bytes came in vain of a shelf that cannot say what it refuses, %d of one that can", flown[0], flown[1])
	}
}

// TestDoubt: of a large unit that left to its last byte and was not confirmed it is asked
// before it is known what differs. What arrived does not come again; what did not is there
// before the sketch is solved.
func TestDoubt(t *testing.T) {
	for _, arrived := range []bool{true, false} {
		rng := seeded(13)
		a, b := twins(t, 13, 40)
		own := a.add(unit(rng, envelope.S3), 0, 0)
		if arrived {
			b.add(a.bytes[own.ID], 0, 0)
		} else {
			b.add(unit(rng, envelope.S1), 2, 0) // something else is lacking, too
		}
		last := len(a.items) - 1
		a.items[last].Flown, a.items[last].Whole = true, true
		c := Config{First: 64 << 10, FirstLarge: true, Chunk: 4096}
		m := meet(t, [2]Config{c, c}, a, b)
		for i := range m.s {
			for f := m.s[i].Next(MaxFrame); f != nil; f = m.s[i].Next(MaxFrame) {
				m.pipe[i] = append(m.pipe[i], f)
			}
		}
		m.deliver(0)
		m.deliver(1)
		f := m.s[0].Next(MaxFrame)
		if f[0] != frameHave || f[1] != 0 {
			t.Fatalf("arrived %v: after HELLO comes % x", arrived, f[:2])
		}
		m.pipe[0] = append(m.pipe[0], f)
		m.run(rng, never)
		var handed bool
		for _, it := range m.all[0].Handed {
			handed = handed || it.ID == own.ID
		}
		if !same(a, b) || (m.sent[0] == 0) != arrived || m.sent[0] > int64(own.Size) || !handed {
			t.Errorf("arrived %v: %d bytes left, confirmed: %v", arrived, m.sent[0], handed)
		}
	}
}
