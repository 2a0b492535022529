package boxtest

import (
	"testing"

	"github.com/jauap/jauap/relay"
)

func TestMemory(t *testing.T) {
	Run(t, func(*testing.T) relay.Box { return NewMemory() })
}
