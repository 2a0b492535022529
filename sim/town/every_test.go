package town

import (
	"os"
	"testing"

	"github.com/jauap/jauap/internal/durable"
)

// TestEveryEffect lets the same small town be struck once at its n-th point: one
// phone is killed at the n-th effect or commit, or the n-th call of its disk
// fails or finds no room. JAUAP_TEST=all takes every n, the plain run some of them.
func TestEveryEffect(t *testing.T) {
	for _, c := range []struct {
		name    string
		step    int
		strike  func(d *device, n int)
		reached func(d *device, n int) bool
	}{
		{"killed at an effect", 40, func(d *device, n int) { d.fuse = n }, func(d *device, _ int) bool { return d.fuse == 0 }},
		{"a call fails", 6, failAt(errDisk), called},
		{"no room at a call", 6, failAt(durable.ErrNoSpace), called},
	} {
		step, runs := c.step, 0
		if os.Getenv("JAUAP_TEST") == "all" {
			step = 1
		}
		for n := min(step, 8); ; n += step {
			w, err := found(Options{Seed: 5, Hours: 6, People: 2, bare: true}.usual())
			if err != nil {
				t.Fatal(err)
			}
			d := w.people[0]
			before := d.disk.Calls()
			c.strike(d, n)
			for ; w.hour < 6 && w.failed == nil; w.hour++ {
				w.anHour()
			}
			reached := c.reached(d, before+n)
			if w.failed == nil {
				w.heal(t.Context())
			}
			if w.failed != nil {
				t.Fatalf("%s, n = %d: %v", c.name, n, w.failed)
			}
			if w.result().Letters == 0 {
				t.Fatalf("%s, n = %d: no letters: nothing is shown", c.name, n)
			}
			if !reached {
				break
			}
			runs++
		}
		t.Logf("%s: %d places", c.name, runs)
		if runs < 3 {
			t.Errorf("%s: only %d places were struck", c.name, runs)
		}
	}
}

func failAt(err error) func(*device, int) {
	return func(d *device, n int) { d.disk.FailAt(n, err, false) }
}

func called(d *device, n int) bool { return d.disk.Calls() >= n }
