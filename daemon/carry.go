package daemon

import (
	"context"
	"errors"
	"fmt"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/link/folder"
	"github.com/jauap/jauap/node"
	"github.com/jauap/jauap/web/api"
)

// foundAtOnce is how many units of a drop go to the courier in one step, and
// so share one sync of the disk.
const foundAtOnce = 256

// Carry implements api.Net: both ways in one visit, one visit at a time. Nobody
// waits for a slow stick who does not want one: the account is free meanwhile.
func (d *Daemon) Carry(ctx context.Context, ask api.CarryAsk) (api.Haul, error) {
	d.sticks.One.Lock()
	defer d.sticks.One.Unlock()
	defer d.sticks.End(ask.Path)
	drop, err := folder.Open(ask.Path, folder.Options{Keep: d.stillGood, MaxWrite: ask.Max, Progress: d.sticks.Progress(ask.Path)})
	if err != nil {
		return api.Haul{}, fmt.Errorf("%w: %w", api.ErrUsage, err)
	}
	newest, err := d.lastBefore()
	if err != nil {
		return api.Haul{}, err
	}
	haul, err := d.takeFrom(ctx, drop)
	if err != nil {
		return haul, doorError(err)
	}
	d.people.Lock()
	d.allMail()
	d.settleLocked()
	for d.pack(packBytes) {
	}
	d.people.Unlock()
	asks := d.asksOf(drop)
	err = d.leaveAt(ctx, drop, asks.wanted, &haul)
	if err == nil || errors.Is(err, folder.ErrFull) {
		d.leaveAsk(ctx, drop, asks)
	}
	switch {
	case ctx.Err() != nil:
	case errors.Is(err, folder.ErrReadOnly):
		haul.ReadOnly, err = true, nil
	case errors.Is(err, folder.ErrFull):
		haul.Full, err = true, nil
	}
	d.people.Lock()
	defer d.people.Unlock()
	d.changed()
	if list, listErr := d.chat.Arrived(account.ContactID{}, newest, allLetters); listErr == nil {
		haul.Opened = len(list)
	}
	return haul, doorError(err)
}

// lastBefore is newestArrival before a visit.
func (d *Daemon) lastBefore() (account.LetterID, error) {
	d.people.Lock()
	defer d.people.Unlock()
	return d.newestArrival()
}

// newestArrival is the letter that arrived last; zero when none did.
func (d *Daemon) newestArrival() (account.LetterID, error) {
	list, err := d.chat.Arrived(account.ContactID{}, account.LetterID{}, 1)
	if err != nil || len(list) == 0 {
		return account.LetterID{}, err
	}
	return list[0].ID, nil
}

// stillGood says whether anybody can still use a unit that lies on a stick: a
// pack in which none is gets cleaned away.
func (d *Daemon) stillGood(unit []byte) bool {
	e, err := envelope.Parse(unit)
	if err != nil {
		return true // perhaps of a newer Jauap
	}
	m, known := d.clock.moment()
	if known && e.Expiry() != envelope.NoDay && e.Expiry() < m.Day {
		return false
	}
	d.courier.Lock()
	defer d.courier.Unlock()
	return !d.shelf.Done(e.ID())
}

// takeFrom puts what a drop holds on the shelf.
func (d *Daemon) takeFrom(ctx context.Context, drop *folder.Folder) (haul api.Haul, err error) {
	before := d.keptCount()
	var batch []node.Event
	flush := func() {
		d.step(batch...)
		batch = nil
	}
	notes, err := drop.Each(ctx, func(unit []byte) error {
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
	return haul, err
}

func (d *Daemon) keptCount() int {
	d.courier.Lock()
	defer d.courier.Unlock()
	return d.kept
}

// given is a unit that was handed to a drop's Leave.
type given struct {
	id   envelope.ID
	size int64
}

// leaveAt writes to a drop what it lacks, most urgent first. What is on stable storage counts, also when the
// drop fails on the way.
func (d *Daemon) leaveAt(ctx context.Context, drop *folder.Folder, wanted map[envelope.ID]bool, haul *api.Haul) error {
	holds, err := drop.Holds()
	if err != nil {
		return err
	}
	d.courier.Lock()
	offer := d.node.Offer(d.opts.Now(), drop.Traits())
	haul.Asked = offer.First(func(id envelope.ID) bool { return wanted[id] })
	about := offer.About()
	d.courier.Unlock()
	there := map[envelope.ID]bool{}
	var wrote []given
	bytes, leaveErr := drop.LeaveAbout(ctx, about, func() ([]byte, bool) {
		d.courier.Lock()
		defer d.courier.Unlock()
		for {
			unit, ok := offer.Next()
			if !ok {
				return nil, false
			}
			if holds(unit) {
				there[envelope.IDOf(unit)] = true
				continue
			}
			wrote = append(wrote, given{envelope.IDOf(unit), int64(len(unit))})
			return unit, true
		}
	})
	haul.Bytes = bytes
	for _, g := range wrote {
		if bytes -= g.size; bytes < 0 {
			break
		}
		there[g.id] = true
		haul.Written++
	}
	var handed []account.Handover
	for _, id := range offer.Left() {
		if there[id] {
			handed = append(handed, account.Handover{ID: id, Who: "stick"})
		}
	}
	d.people.Lock()
	defer d.people.Unlock()
	if err := d.acc.HandedAll(d.moment(), handed); err != nil {
		return err
	}
	return leaveErr
}
