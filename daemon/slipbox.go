package daemon

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/inbox"
	"github.com/jauap/jauap/inquiry"
	"github.com/jauap/jauap/web/api"
)

// manySlips waiting are more than a team works off in order.
const manySlips = 500

// joinSlips lets slips and answers go through public inboxes.
func (d *Daemon) joinSlips() {
	d.inquiry.Through(d.inboxes)
	d.inboxes.Listen(func(tx account.Tx, at account.Moment, box, about inbox.ID, content []byte) error {
		return d.inquiry.Heard(tx, at, box, about, content)
	})
}

// askInbox asks after somebody by way of a public inbox. people is held.
func (d *Daemon) askInbox(to string, s inquiry.Slip) (out api.Sent, err error) {
	c, err := d.cardTo(to)
	if err != nil {
		return out, err
	}
	m, known := d.clock.moment()
	if !known {
		return out, fmt.Errorf("%w: %s", api.ErrClock, d.clock.doubt())
	}
	if err := d.inboxes.Save(c); err != nil { // a withdrawal must find the way
		return out, inboxError(err)
	}
	back := inbox.NewAddress()
	b, err := d.inquiry.Box(m, s, c.ID(), back.Chain, back.Shard)
	if err != nil {
		return out, slipError(err)
	}
	keep := func(tx account.Tx, letter inbox.ID) error { return d.inquiry.Keep(tx, b, letter) }
	if _, err := d.inboxes.Send(m, c, inbox.Post{Kind: inbox.Slip, Content: b.Content, About: inbox.ID(b.ID), Address: back, Days: s.Days, Also: keep}); err != nil {
		return out, inboxError(err)
	}
	d.changed()
	return api.Sent{ID: b.ID.String()}, nil
}

// fileSlips puts what came to the own public inboxes into the queue of slips,
// as long as there is room; the rest waits. people is held.
func (d *Daemon) fileSlips(list []inbox.Message) error {
	full := map[inbox.ID]bool{}
	list = slices.DeleteFunc(list, func(m inbox.Message) bool { return !m.Whole || m.Kind != inbox.Slip })
	if len(list) > manySlips { // a flood shall not be first only because it came first
		rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	}
	for _, m := range list {
		if full[m.Box] {
			continue
		}
		c, _, err := d.inboxes.Content(m.ID)
		if err != nil {
			return err
		}
		b := make([]byte, c.Size())
		if _, err := io.ReadFull(io.NewSectionReader(c, 0, c.Size()), b); err != nil {
			return err
		}
		switch _, err := d.inquiry.File(d.moment(), m.Box, b); {
		case errors.Is(err, inquiry.ErrFull):
			full[m.Box] = true
			continue
		case err != nil:
			return err
		}
		if err := d.inboxes.Delete(m.ID); err != nil {
			return err
		}
		d.changes.bump()
	}
	return nil
}

// slipsOf says how many slips of an own inbox are open, wait, or were refused.
func (d *Daemon) slipsOf(i inbox.Info, out *api.Inbox) error {
	if !i.Mine {
		return nil
	}
	refused, open, err := d.inquiry.Refused(i.ID)
	out.Slips, out.SlipsWait, out.SlipsFull, out.SlipsRefused = open, i.Slips, i.Full, refused
	return err
}

// boxNames are the inboxes, as those by whose way slips came and went.
func (d *Daemon) boxNames() map[account.ContactID]string {
	names := map[account.ContactID]string{}
	for _, i := range d.inboxes.List() {
		names[account.ContactID(i.ID)] = i.Name
	}
	return names
}

// arrivedSlips are the own messages that the inbox confirmed.
func (d *Daemon) arrivedSlips() map[inquiry.ID]bool {
	list := map[inquiry.ID]bool{}
	for _, s := range d.inboxes.SentAll() {
		if s.Kind == inbox.Slip && s.Arrived {
			list[inquiry.ID(s.ID)] = true
		}
	}
	return list
}

// throughInbox completes the door's words of a slip that came by way of a
// public inbox, or went there.
func throughInbox(v *inquiry.View, s *api.Slip, names map[account.ContactID]string, arrived map[inquiry.ID]bool) {
	if !v.Boxed {
		return
	}
	name := names[v.Via]
	if name == "" {
		name = "?" // its card was forgotten
	}
	s.Via, s.Inbox = name, true
	if v.Mine {
		s.Arrived = arrived[v.Letter]
	} else {
		s.Askers = v.Askers
	}
	var takers []string
	for _, t := range s.Takers {
		if t == "" { // of an inbox one learns only its name
			t = name
		}
		if len(takers) == 0 || takers[len(takers)-1] != t {
			takers = append(takers, t)
		}
	}
	s.Takers = takers
	for i := range s.Events {
		e := &s.Events[i]
		if v.Events[i].Via == v.Via {
			if e.Via = name; e.Who == "" {
				e.Who = name
			}
			s.Arrived = s.Arrived || v.Mine
		}
	}
}

// forgetSlip erases what an own slip to an inbox left behind. people is held.
func (d *Daemon) forgetSlip(v *inquiry.View) error {
	if !v.Mine || !v.Boxed {
		return nil
	}
	err := d.inboxes.Forget(inbox.ID(v.Letter))
	if errors.Is(err, inbox.ErrUnknown) {
		err = nil // it was forgotten before
	}
	return inboxError(errors.Join(err, d.inboxes.Forgo(inbox.ID(v.ID))))
}
