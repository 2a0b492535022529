package node

import (
	"fmt"
	"testing"

	"github.com/jauap/jauap/envelope"
)

// TestLostWithoutRoomForIt: that something was lost is said also while the shelf has no room
// to note it, and is noted once there is.
func TestLostWithoutRoomForIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	p, d := onBadPlace(t, 3)
	raw := sealed(t, w.rng, envelope.S2)
	w.step(p, Submit{Raw: raw})
	name := func(k int) string { return fmt.Sprintf("%0100d", k) }
	marks := 0
	for ; p.sh.SetMark(name(marks), make([]byte, 20)) == nil; marks++ {
	}
	for p.sh.SetMark("x", []byte{1}) == nil && p.sh.SetMark(fmt.Sprintf("small %d", marks), []byte{1}) == nil {
		marks++
	}
	if p.n.Lost() {
		t.Fatal("lost before anything was")
	}
	d.bytes = raw[len(raw)-100:]
	if _, err := p.sh.Get(envelope.IDOf(raw)); err == nil {
		t.Fatal("read")
	}
	w.step(p, Tick{})
	if p.sh.Mark(lostName) != nil {
		t.Fatal("there was room: nothing is shown")
	}
	if !p.n.Lost() {
		t.Fatal("nobody would be told")
	}
	if err := p.sh.SetMark(name(0), nil); err != nil {
		t.Fatal(err)
	}
	w.step(p, Tick{})
	if p.n.lostOn() != p.n.today {
		t.Fatal("not noted when there is room")
	}
}
