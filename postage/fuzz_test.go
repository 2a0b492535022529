package postage

import (
	"bytes"
	"testing"

	"github.com/jauap/jauap/internal/limits"
)

// FuzzPostage gives strange bytes to all that reads frames and files of this room.
func FuzzPostage(f *testing.F) {
	key := Key{Last: today}
	key.Modulus[0], key.Modulus[255] = 0x80, 1
	ring := &Ring{list: []Issued{{Relay{1}, key}}}
	f.Add(Ask{}.Bytes())
	f.Add(Ask{Blinded: make([][BlindSize]byte, 2)}.Bytes())
	f.Add(Answer{Left: 9, Keys: []Key{key}, Sigs: make([][BlindSize]byte, 1)}.Bytes())
	f.Add(ring.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		defer limits.Watch(t, len(b))()
		if a, err := ParseAsk(b); err == nil && !bytes.Equal(a.Bytes(), b) {
			t.Errorf("an ask is written otherwise: %x", a.Bytes())
		}
		if a, err := ParseAnswer(b, today); err == nil && !bytes.Equal(a.Bytes(), b) {
			t.Errorf("an answer is written otherwise: %x", a.Bytes())
		}
		if r, err := ParseRing(b); err == nil && len(b) > 0 && !bytes.Equal(r.Bytes(), b) {
			t.Errorf("a ring is written otherwise: %x", r.Bytes())
		}
	})
}
