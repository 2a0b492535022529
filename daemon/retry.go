package daemon

import (
	"errors"

	"github.com/jauap/jauap/store"
)

// unread notes that a unit on the shelf could not be read: it is offered again, but
// for one that is gone, which others bring again. people and courier are held.
func (d *Daemon) unread(err error) {
	if errors.Is(err, store.ErrMissing) || errors.Is(err, store.ErrCorrupt) {
		return
	}
	d.unopened = true
	d.trouble["unread"] = "arrived letters wait: the shelf cannot be read: " + err.Error()
}

// retry does again what a disk or vault without room stopped: sealed envelopes
// that the shelf did not take are submitted again, and what arrived and was not
// opened is offered again. Both are durable where they are; this only spares
// the wait for the next start. And it says what a disk lost for good.
func (d *Daemon) retry() {
	d.people.Lock()
	defer d.people.Unlock()
	d.courier.Lock()
	stranded := d.stranded
	d.stranded = false
	d.courier.Unlock()
	if stranded {
		left, err := d.acc.Unhanded()
		if err != nil {
			d.courier.Lock()
			d.stranded = true
			d.courier.Unlock()
			d.setTrouble("vault", "sealed letters wait: "+err.Error())
			return
		}
		d.submit(left)
	}
	if d.unopened {
		d.unopened = false
		d.courier.Lock()
		d.offerShelf()
		d.courier.Unlock()
		d.settleLocked()
	}
	d.tellLost()
}
