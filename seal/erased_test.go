package seal_test

import (
	"bytes"
	"testing"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/seal"
)

// TestErasedKeysStayErased: what opens a letter stands in no state of either end
// once it was opened, and neither end's state opens the recorded envelope.
func TestErasedKeysStayErased(t *testing.T) {
	a, b := newPerson(t, "A"), newPerson(t, "B")
	sa, sb := confirmed(t, a, b, 0, false)
	chain, seed := sa.NextSecrets()
	if !bytes.Contains(sb.Marshal(), chain[:]) || !bytes.Contains(sa.Marshal(), chain[:]) {
		t.Fatal("the test does not find a key that must be there")
	}
	late := mustSeal(t, sa, 0, envelope.S1, "the letter")
	if state := sa.Marshal(); bytes.Contains(state, chain[:]) || bytes.Contains(state, seed[:]) {
		t.Error("the writer's state can open what it sealed")
	}
	// Overtaken, its own key is kept until it comes; then that goes, too.
	mustOpen(t, sb, 0, mustSeal(t, sa, 0, envelope.S1, "another").Bytes, "another")
	if !bytes.Contains(sb.Marshal(), seed[:]) {
		t.Fatal("the test does not find the key of an overtaken letter")
	}
	mustOpen(t, sb, 0, late.Bytes, "the letter")
	if state := sb.Marshal(); bytes.Contains(state, chain[:]) || bytes.Contains(state, seed[:]) {
		t.Error("the reader's state can open what was read")
	}
	for _, s := range []*seal.Session{sa, sb} {
		if _, err := reload(t, s).Open(0, parse(t, late.Bytes)); err == nil {
			t.Error("a state opens a letter that was read")
		}
	}
}
