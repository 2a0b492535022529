package early

import (
	"testing"
	"testing/synctest"
)

// TestGate: what is set while the gate is shut is seen behind it, without any
// lock but the gate, by readers that come before it opens.
func TestGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Gate
		g.Pass()
		set := 0
		open := g.Shut()
		seen := make(chan int)
		for range 3 {
			go func() {
				g.Pass()
				seen <- set
			}()
		}
		synctest.Wait()
		set = 1
		open()
		open()
		for range 3 {
			if got := <-seen; got != 1 {
				t.Errorf("a reader passed before the gate was open: %d", got)
			}
		}
		g.Pass()
	})
}

// TestForgotten: a gate that nobody opens opens by itself, and its late holder
// does not open it for the next.
func TestForgotten(t *testing.T) {
	var g Gate
	late := g.Shut()
	g.Pass() // after Most
	open := g.Shut()
	late()
	passed := make(chan bool)
	set := false
	go func() {
		g.Pass()
		passed <- set
	}()
	set = true
	open()
	if !<-passed {
		t.Error("the first holder opened the second one's gate")
	}
}
