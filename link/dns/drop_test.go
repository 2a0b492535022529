package dns

import (
	"testing"

	"github.com/jauap/jauap/link"
	"github.com/jauap/jauap/link/linktest"
)

func TestDrop(t *testing.T) {
	linktest.RunDrop(t, func(t *testing.T) func() link.Drop {
		a, _ := serve(t, newBox())
		return func() link.Drop { return dial(t, Config{Address: a, Rate: 20_000}) }
	})
}
