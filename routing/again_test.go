package routing

import (
	"testing"

	"pgregory.net/rapid"
)

func TestTakeAgainTable(t *testing.T) {
	for _, c := range []struct {
		name       string
		rank       uint8
		gone       Gone
		size, free int64
		want       bool
	}{
		{"never went, full", Other, Gone{}, 1024, 0, true},
		{"went, full", Other, Gone{Other, 1}, 1024, 2047, false},
		{"went, room", Other, Gone{Other, 9}, 1024, 2048, true},
		{"a contact has it now", Near, Gone{Other, 1}, 1024, 0, true},
		{"a contact had it before", Near, Gone{Near, 1}, 1024, 0, false},
		{"a stranger has what a contact had", Other, Gone{Near, 1}, 1024, 0, false},
		{"proven delivered, room", Near, Gone{Own, 1}, 1024, 1 << 30, false},
	} {
		if got := TakeAgain(c.rank, c.gone, c.size, c.free); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// TestTakeAgainEnds: more room and a better rank never turn a unit away, and in a full
// shelf a unit is taken once for each rank at most, in whatever order it is offered.
func TestTakeAgainEnds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g, taken := Gone{}, 0
		for range rapid.IntRange(1, 60).Draw(t, "offers") {
			rank := uint8(rapid.IntRange(int(Near), int(Other)).Draw(t, "rank"))
			size, free := rapid.Int64Range(1, 1<<18).Draw(t, "size"), rapid.Int64Range(-1<<18, 1<<19).Draw(t, "free")
			if TakeAgain(rank, g, size, free) && (!TakeAgain(rank, g, size, free+1) || rank > Near && !TakeAgain(rank-1, g, size, free)) {
				t.Fatalf("rank %d, %+v: %d of %d bytes free are better", rank, g, free, size)
			}
			if !TakeAgain(rank, g, size, size-1) {
				continue
			}
			if taken++; g.Times == 0 || rank < g.Rank {
				g.Rank = rank
			}
			g.Times++ // it goes again at once
		}
		if taken < 1 || taken > int(Other) {
			t.Fatalf("taken %d times", taken)
		}
	})
}
