package daemon

import (
	"fmt"
	"slices"
	"strings"
)

const maxBare = 4096 // envelopes looked at

// tellLost says whose letters were on a place of the disk that cannot be read any
// more before anybody took them: they are not sealed again by themselves, for their
// words are not kept for that. people is held.
func (d *Daemon) tellLost() {
	d.courier.Lock()
	lost := d.node.Lost()
	d.courier.Unlock()
	if !lost {
		return
	}
	m, _ := d.clock.moment()
	bare, err := d.acc.Bare(m, maxBare)
	if err != nil {
		d.setTrouble("vault", err.Error())
		return
	}
	var names []string
	d.courier.Lock()
	for _, b := range bare {
		if !d.shelf.Has(b.ID) && !slices.Contains(names, b.To) {
			names = append(names, b.To)
		}
	}
	d.courier.Unlock()
	why := ""
	if len(names) > 0 {
		slices.Sort(names)
		why = fmt.Sprintf("the disk lost letters to %s before anybody took them: write again what does not say that it left", strings.Join(names, ", "))
	}
	d.setTrouble("lost", why)
}
