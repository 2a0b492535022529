package sim

import (
	"math/rand/v2"
	"testing"
	"time"
)

// P8: a flood without contact edges does not stop mail between contacts. Twenty
// phones in a starved town, each met by 67 Sybils a day who fill every shelf
// and link; a hundred letters between contacts.
func TestFlood(t *testing.T) {
	town := func(informants float64) Scenario {
		s := Flood(3, 20, informants)
		rng := rand.New(rand.NewPCG(3, 8))
		for range s.Random {
			f := s.Friends[rng.IntN(len(s.Friends))]
			k := rng.IntN(2)
			s.Letters = append(s.Letters, Letter{From: f[k], To: f[1-k], At: s.Since + time.Duration(rng.Int64N(int64(s.Until-s.Since)))})
		}
		s.Random = 0
		return s
	}
	calm, flood := play(t, town(-1), 3), play(t, town(0), 3)
	t.Logf("calm %+v", calm.Outcome)
	t.Logf("flood %+v, shelves %+v", flood.Outcome, flood.Shelf)
	if calm.Delivered < 99 {
		t.Fatalf("without a flood %d letters arrived: the town is too poor to show anything", calm.Delivered)
	}
	if flood.Shelf.Junk < 0.2 {
		t.Fatalf("%.2f of the shelves is junk: there was no flood", flood.Shelf.Junk)
	}
	if flood.MedianSeconds > 2*calm.MedianSeconds {
		t.Fatalf("the median is %.0f s, without a flood %.0f s", flood.MedianSeconds, calm.MedianSeconds)
	}
	if flood.Delivered < 99 {
		t.Fatalf("%d letters arrived, want 99", flood.Delivered)
	}
}

// Where bytes take time, nothing passes over a contact that begins as the other ends.
func TestIdealTakesTime(t *testing.T) {
	s := Scenario{
		Name: "touch", People: 3, End: time.Minute,
		Contacts: []Contact{{0, 1, 0, 10 * time.Second}, {1, 2, 10 * time.Second, 20 * time.Second}},
		Letters:  []Letter{{From: 2, To: 0, At: time.Second}},
	}
	if at := flood(s, s.Letters).arrived[0]; at != 10*time.Second {
		t.Fatalf("without latency the letter arrives at %v", at)
	}
	s.Network.Latency = time.Millisecond
	if at := flood(s, s.Letters).arrived[0]; at >= 0 {
		t.Fatalf("the letter arrives in no time, at %v", at)
	}
}
