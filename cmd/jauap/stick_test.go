package main

import (
	"slices"
	"strings"
	"sync"
	"testing"
)

// TestTwoProgramsOneStick: two real programs visit one folder at the same time,
// again and again, and lose nothing.
func TestTwoProgramsOneStick(t *testing.T) {
	t.Parallel()
	aigerim, dana := newProgram(t, "Aigerim"), newProgram(t, "Dana")
	pair(t, aigerim, dana, "Aigerim", "Dana")
	stick := t.TempDir()
	var want []string
	for round := range 3 {
		text := strings.Repeat("хат ", 200) + string(rune('1'+round))
		want = append(want, text)
		aigerim.send("Dana", text)
		dana.send("Aigerim", text)
		var both sync.WaitGroup
		for _, p := range []program{aigerim, dana} {
			both.Go(func() {
				if _, errs, code := p.try("carry", stick); code != exitOK {
					t.Errorf("carry: %d: %s", code, errs)
				}
			})
		}
		both.Wait()
	}
	aigerim.ok("carry", stick)
	dana.ok("carry", stick)
	for who, p := range map[string]program{"Dana": aigerim, "Aigerim": dana} {
		got := p.texts(who)
		slices.Sort(got) // a stick may hand them out in any order
		if !slices.Equal(got, want) {
			t.Errorf("from %s: %d letters of %d", who, len(got), len(want))
		}
	}
}
