package dns

import (
	"testing"

	"github.com/jauap/jauap/link/dns/wire"
)

// TestLateWord: an Ask that was overtaken says nothing of what is under way: by
// its old base the numbers of eight bits would look like ones that came. Nor does
// an Open from before begin the stream anew.
func TestLateWord(t *testing.T) {
	s := stream{opened: true, gen: 3}
	for no := range uint8(wire.Window) {
		s.entries = append(s.entries, entry{no: 140 + no})
	}
	s.ack(wire.Up{Gen: 3, Count: 900, Base: 140})
	s.ack(wire.Up{Gen: 3, Count: 500, Base: 2}) // 138 numbers ago
	s.ack(wire.Up{Gen: 2, Count: 901, Base: 141})
	if len(s.entries) != wire.Window {
		t.Fatalf("%d of %d units are under way: the others count as arrived", len(s.entries), wire.Window)
	}
	s.open(t.Context(), nil, wire.Up{Gen: 2}, nil)
	s.open(t.Context(), nil, wire.Up{Gen: 3}, nil)
	if s.gen != 3 || len(s.entries) != wire.Window {
		t.Fatal("an old Open began the stream anew")
	}
	s.ack(wire.Up{Gen: 3, Count: 902, Base: 141, Came: 0b10})
	if len(s.entries) != wire.Window-1 || s.entries[0].no != 141 || !s.entries[1].came {
		t.Errorf("the newest word is not believed: %d, %+v", len(s.entries), s.entries[:2])
	}
}
