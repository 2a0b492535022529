package dns

import (
	"testing"

	"github.com/jauap/jauap/link"
	"github.com/jauap/jauap/link/linktest"
)

// letters is a tunnel that is given nothing large: TestHostile has that, and the
// suite gives much.
type letters struct{ *Tunnel }

func (l letters) Traits() link.Traits {
	t := l.Tunnel.Traits()
	t.Unit = 1024
	return t
}

func TestDrop(t *testing.T) {
	linktest.RunDrop(t, func(t *testing.T) func() link.Drop {
		a := serve(t, newBox())
		return func() link.Drop { return letters{dial(t, Config{Address: a, Rate: 1e6})} }
	})
}
