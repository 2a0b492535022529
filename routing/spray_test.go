package routing

import (
	"testing"
	"time"

	"github.com/jauap/jauap/envelope"
	"pgregory.net/rapid"
)

func drawRules(t *rapid.T) Rules {
	r := Default()
	r.Spray = rapid.IntRange(0, 9).Draw(t, "spray")
	r.Again = time.Duration(rapid.Int64Range(0, int64(72*time.Hour)).Draw(t, "again"))
	return r
}

func drawHanded(t *rapid.T, first time.Time) Handed {
	return Handed{Count: rapid.IntRange(0, 20).Draw(t, "count"), First: first}
}

func TestMayOffer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := envelope.Class(rapid.IntRange(0, 8).Draw(t, "class"))
		rank := uint8(rapid.IntRange(0, 3).Draw(t, "rank"))
		first := time.Unix(rapid.Int64Range(0, 1<<40).Draw(t, "first"), 0)
		now := first.Add(time.Duration(rapid.Int64().Draw(t, "since")))
		h, r := drawHanded(t, first), drawRules(t)
		may := MayOffer(c, rank, h, now, r, false)
		if MayOffer(c, rank, h, now, r, true) == (c == envelope.Stamp) {
			t.Fatal("not offered to a relay, or a stamp is")
		}
		if !may && (!Counted(c, rank) || h.Count < r.Spray) {
			t.Fatal("held back without need")
		}
		if may && Counted(c, rank) && h.Count >= r.Spray && (r.Again == 0 || now.Sub(first) < r.Again) {
			t.Fatal("handed on without end")
		}
		// More given is never more to give, and more time never less.
		more := h
		more.Count++
		if !may && MayOffer(c, rank, more, now, r, false) {
			t.Fatal("giving brought room")
		}
		if later := now.Add(time.Hour); may && later.After(now) && !MayOffer(c, rank, h, later, r, false) {
			t.Fatal("waiting took room")
		}
	})
}

// Who hands on whenever it may gives so many at once and then one each time, and is
// never done: the thirtieth that is met may be the reader.
func TestSprayGoesOn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := drawRules(t)
		r.Spray, r.Again = max(r.Spray, 1), max(r.Again, time.Minute)
		start := time.Unix(1e9, 0)
		hours := rapid.IntRange(0, 100).Draw(t, "hours")
		var h Handed
		for k := range 2 * hours {
			for now := start.Add(time.Duration(k) * 30 * time.Minute); MayOffer(envelope.S5, Other, h, now, r, false); {
				h = h.Another(now)
			}
		}
		if hours == 0 {
			return
		}
		last := time.Duration(2*hours-1) * 30 * time.Minute
		if want := r.Spray + int(last/r.Again); h.Count != want {
			t.Fatalf("%d in %v with %d and %v: want %d", h.Count, last, r.Spray, r.Again, want)
		}
	})
}
