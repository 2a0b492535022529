package embedded

import (
	"sync"

	"github.com/jauap/jauap/envelope"
)

// verdicts remembers why units were refused, so that those who offer them
// again hear it before they send them. It is bounded and may forget: Put
// decides anew.
type verdicts struct {
	mu       sync.Mutex
	now, old map[envelope.ID]error
}

// maxVerdicts is how many each of the two generations holds.
const maxVerdicts = 1 << 15

func newVerdicts() *verdicts {
	return &verdicts{now: map[envelope.ID]error{}}
}

func (v *verdicts) of(id envelope.ID) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if err := v.now[id]; err != nil {
		return err
	}
	return v.old[id]
}

func (v *verdicts) set(id envelope.ID, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.now) >= maxVerdicts {
		v.old, v.now = v.now, map[envelope.ID]error{}
	}
	v.now[id] = err
}
