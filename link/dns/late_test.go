package dns

import (
	"testing"

	"github.com/jauap/jauap/link/dns/wire"
)

// TestLateAnswer: a number of eight bits means the unit that it meant when the
// query left, however late its answer comes.
func TestLateAnswer(t *testing.T) {
	s := downState{life: 2}
	s.note(7) // before the stream was open
	s.life = 3
	if ahead, ok := s.place(5, 7); !ok || ahead != 5 {
		t.Errorf("the first answer: %d, %v", ahead, ok)
	}
	s.note(8)
	s.passed = 200
	s.note(9)
	for _, c := range []struct {
		no    uint8
		count uint16
		ahead int
		ok    bool
	}{
		{200, 9, 0, true}, {199, 9, 0, false}, {7, 9, 63, true}, {8, 9, 0, false},
		{200, 8, 0, false},  // asked too long ago to tell
		{3, 8, 0, false},    // answered at the beginning: the fourth unit, not the 260th
		{3, 9, 59, true},    // the 260th
		{200, 10, 0, false}, // never asked
		{200, 9 + askedMost, 0, false},
	} {
		if ahead, ok := s.place(c.no, c.count); ok != c.ok || ok && ahead != c.ahead {
			t.Errorf("number %d in the answer to %d: %d, %v, want %d, %v", c.no, c.count, ahead, ok, c.ahead, c.ok)
		}
	}
	// Far ahead, as after many units a second: still the same unit.
	s.passed = 1000*wire.Window + 17
	s.note(77)
	if ahead, ok := s.place(uint8(17+5), 77); !ok || ahead != 5 {
		t.Errorf("far ahead: %d, %v", ahead, ok)
	}
}
