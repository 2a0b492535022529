package sim

import (
	"errors"
	"fmt"
	"slices"

	"github.com/jauap/jauap/envelope"
)

// ErrBroken: a promise did not hold.
var ErrBroken = errors.New("sim: a promise is broken")

// watch looks at the devices from outside.
type watch struct {
	told []int // letters that a node said it keeps
}

func (w *watch) stored(l int) { w.told = append(w.told, l) }

// check holds the devices to what they promised: no shelf above its quota, and
// no letter gone from its writer's shelf before it expired or was proven.
func (r *run) check() error {
	for p, who := range r.people {
		if who.sh == nil {
			continue
		}
		if st := who.sh.Stats(); st.Bytes > st.Quota {
			return fmt.Errorf("%w: the shelf of person %d has %d of %d bytes", ErrBroken, p, st.Bytes, st.Quota)
		}
	}
	today := envelope.DayOf(r.wall())
	r.watch.told = slices.DeleteFunc(r.watch.told, func(l int) bool {
		sh, id := r.people[r.letters[l].From].sh, envelope.IDOf(r.units[l].bytes)
		if sh.Has(id) {
			return false
		}
		if !sh.Done(id) && today <= firstDay+envelope.Lifetime {
			r.failed = fmt.Errorf("%w: letter %d is gone from its writer's shelf", ErrBroken, l)
		}
		return true
	})
	return r.failed
}
