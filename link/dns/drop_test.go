package dns

import (
	"testing"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/link"
	"github.com/jauap/jauap/link/dns/wire"
	"github.com/jauap/jauap/link/linktest"
)

// letters is a tunnel that is given nothing large: TestHostile has that, and the
// suite gives much.
type letters struct{ *Tunnel }

func (l letters) Traits() link.Traits {
	t := l.Tunnel.Traits()
	t.Unit = 2048
	return t
}

func TestDrop(t *testing.T) {
	linktest.RunDrop(t, func(t *testing.T) func() link.Drop {
		a := serve(t, newBox())
		return func() link.Drop { return letters{dial(t, Config{Address: a, Rate: 1e6})} }
	})
}

// TestAllSizes: a size of envelope that no code stands for would never arrive, and
// nobody would hear of it.
func TestAllSizes(t *testing.T) {
	sizes := []int{96, 160, envelope.S0MaxSize, envelope.DoneSize}
	for _, c := range envelope.Sealed() {
		sizes = append(sizes, c.Size())
	}
	for _, n := range sizes {
		if c, ok := wire.CodeOf(n); ok != (n <= wire.MaxUnit) || ok && c.Unit() != n {
			t.Errorf("units of %d bytes: code %d, %v", n, c, ok)
		}
	}
}
