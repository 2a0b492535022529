package scan

import (
	"math/rand/v2"
	"strings"
	"testing"

	"rsc.io/qr"
)

// TestDrawnCodes: a code that a program drew, as in a saved picture or a screen
// shot, is always read, whatever stands in it and how large it is.
func TestDrawnCodes(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{200, 500, 1300, 1800} {
		for range 15 {
			var s strings.Builder
			for range n {
				s.WriteByte("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[rng.IntN(36)])
			}
			c, err := qr.Encode(s.String(), qr.L)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := Read(c.PNG()); err != nil || got != s.String() {
				t.Errorf("%d characters, %.20s…: %v", n, s.String(), err)
			}
		}
	}
}
