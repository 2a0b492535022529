package exchange

import (
	"testing"

	"github.com/jauap/jauap/envelope"
)

// TestSpoke: behind the last words in line, and not behind each unit, something may go along
// for a packet that is lost; behind few words later, or behind attachments, nothing.
func TestSpoke(t *testing.T) {
	rng := seeded(14)
	a, _ := twins(t, 14, 5)
	photo := a.add(unit(rng, envelope.S3), 0, 0)
	for range 3 {
		a.add(unit(rng, envelope.S3), 0, 0)
		a.items[len(a.items)-1].Words = true
	}
	c := Config{First: 128 << 10, FirstLarge: true, Chunk: 4096}
	s := New(c, a)
	words, spoke := int64(0), 0
	for f := s.Next(MaxFrame); f != nil; f = s.Next(MaxFrame) {
		words += int64(payload(f))
		if s.Spoke() {
			if spoke++; words != 3*int64(photo.Size) {
				t.Errorf("the last words ended after %d bytes", words)
			}
		}
	}
	if spoke != 1 || words != 4*int64(photo.Size) {
		t.Errorf("%d times in %d bytes", spoke, words)
	}
	for i, more := range []int64{1024, spareEach} {
		s.give.spoke, s.sent = true, s.sent+more
		if s.Spoke() != (i == 1) {
			t.Errorf("after %d bytes more", more)
		}
	}
}
