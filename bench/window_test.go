package bench

import (
	"os"
	"testing"
	"time"

	"github.com/jauap/jauap/internal/netem"
)

// small is a load that a slow machine moves in a second.
func small() WindowOptions {
	o := UsualWindow()
	o.Rate, o.RTT, o.Loss, o.Up = 20e6, 20*time.Millisecond, 0.001, 60*time.Second
	o.Texts, o.Photos, o.Videos, o.Shared = 40, 3, 0, 200
	return o
}

// TestWindow: everything arrives whole both ways, and the figures fit each other.
func TestWindow(t *testing.T) {
	o := small()
	o.Dir = t.TempDir()
	w, runs, err := Windows(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if len(runs) != 1 || w.Everything == nil || w.FirstText == nil || w.AllTexts == nil || w.AllTextsBack == nil {
		t.Fatalf("not everything arrived: %+v", w)
	}
	if w.Texts != 40 || w.Photos != 3 || w.Payload != 40*textBytes+3*photoBytes {
		t.Errorf("%+v", w)
	}
	if *w.FirstText > *w.AllTexts || *w.AllTexts > *w.Everything || w.Wire[0] < w.Payload || w.Ratio < 1 {
		t.Errorf("the figures contradict each other: %+v", w)
	}
}

// TestFaultyWindow: 30 % of the packets corrupted, 20 % lost, some doubled and late: all
// arrives, and nothing that is wrong. (Each text and file is compared by the account's
// own checks; a corrupt one would not open and not count.)
func TestFaultyWindow(t *testing.T) {
	if os.Getenv("JAUAP_TEST") != "all" {
		t.Skip("takes half a minute: set JAUAP_TEST=all")
	}
	o := small()
	o.Dir, o.Rate, o.Loss, o.Up, o.Shared = t.TempDir(), 2e6, 0.2, 3*time.Minute, 50
	o.Faults = netem.Params{Corrupt: 0.3, Duplicate: 0.1, Reorder: 0.1}
	w, _, err := Windows(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if w.Everything == nil {
		t.Fatalf("not everything arrived: %+v", w)
	}
	t.Logf("all %.0f kB after %.1f s: %.2f of the rate", float64(w.Payload)/1e3, *w.Everything, w.Share)
}

// TestManyWindows: what was cut goes on where it was, window after window.
func TestManyWindows(t *testing.T) {
	if os.Getenv("JAUAP_TEST") != "all" {
		t.Skip("each pause lasts until both ends see that the link is gone: set JAUAP_TEST=all")
	}
	o := small()
	o.Dir, o.Rate, o.RTT, o.Up, o.Windows, o.Photos = t.TempDir(), 64e3, 600*time.Millisecond, 10*time.Second, 4, 4
	o.Log = t.Logf
	w, _, err := Windows(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", w)
	// The line has room for three; a busy machine lacks a part of the last.
	if w.Texts != 43 || w.Photos < 2 {
		t.Errorf("only %d texts and %d photos in four windows", w.Texts, w.Photos)
	}
	for i, first := range w.FirstEach {
		if first == nil || *first > 5 { // promised are 1.5 s, on a machine that has nothing else to do
			t.Errorf("window %d of %d brought its first text late or not at all", i+1, len(w.FirstEach))
		}
	}
	if w.Twice > 0.02 {
		t.Errorf("%.3f of the bytes came twice", w.Twice)
	}
}
