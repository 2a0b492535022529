package daemon

import (
	"context"
	"fmt"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/link"
	"github.com/jauap/jauap/node"
	"github.com/jauap/jauap/web/api"
)

// foundAtOnce is how many units of a drop go to the courier in one step, and
// so share one sync of the disk.
const foundAtOnce = 256

// takeFrom puts what a drop holds on the shelf. It answers what was there, so
// that it need not be written again. people is held.
func (d *Daemon) takeFrom(ctx context.Context, drop link.Drop) (haul api.Haul, seen map[envelope.ID]bool, err error) {
	seen = map[envelope.ID]bool{}
	before := d.keptCount()
	var batch []node.Event
	flush := func() {
		d.step(batch...)
		batch = nil
	}
	notes, err := drop.Each(ctx, func(unit []byte) error {
		seen[envelope.IDOf(unit)] = true
		batch = append(batch, node.Found{Raw: unit})
		if len(batch) == foundAtOnce {
			flush()
		}
		return nil
	})
	flush()
	haul.Read = d.keptCount() - before
	for _, n := range notes {
		haul.Notes = append(haul.Notes, fmt.Sprintf("%s: %s", n.Where, n.What))
	}
	return haul, seen, err
}

func (d *Daemon) keptCount() int {
	d.courier.Lock()
	defer d.courier.Unlock()
	return d.kept
}

// leaveAt writes to a drop what it lacks, most urgent first, at most most
// bytes unless that is 0. people is held.
func (d *Daemon) leaveAt(ctx context.Context, drop link.Drop, seen map[envelope.ID]bool, most int64, haul *api.Haul) error {
	d.courier.Lock()
	offer := d.node.Offer(d.opts.Now(), drop.Traits())
	d.courier.Unlock()
	var offered int64
	bytes, err := drop.Leave(ctx, func() ([]byte, bool) {
		d.courier.Lock()
		defer d.courier.Unlock()
		for {
			unit, ok := offer.Next()
			if !ok || most > 0 && offered+int64(len(unit)) > most {
				return nil, false
			}
			if seen[envelope.IDOf(unit)] {
				continue
			}
			offered += int64(len(unit))
			haul.Written++
			return unit, true
		}
	})
	haul.Bytes = bytes
	if err != nil {
		haul.Written = 0 // not known to be on the drop
		return err
	}
	m := d.moment()
	for _, id := range offer.Left() {
		if err := d.acc.Handed(m, id, "stick", false); err != nil {
			return err
		}
	}
	return nil
}
