package exchange

import (
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
