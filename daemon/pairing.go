package daemon

import (
	"context"
	"strings"
	"time"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/identity"
	"github.com/jauap/jauap/node"
	"github.com/jauap/jauap/pairing"
	"github.com/jauap/jauap/web/api"
	"github.com/jauap/jauap/words"
)

// offerDrop shows a unit that arrived to whoever looks for a card.
func (d *Daemon) offerDrop(raw []byte) {
	if e, err := envelope.Parse(raw); err == nil && d.pairing.Wants(e.Class(), e.Shard()) {
		d.pairing.Offer(raw)
	}
}

// searchDrops offers what is on the shelf.
func (d *Daemon) searchDrops() {
	if !d.pairing.Looking() {
		return
	}
	var seq uint64
	for {
		list := d.shelf.Since(seq, 4096)
		if len(list) == 0 {
			return
		}
		for _, e := range list {
			seq = e.Seq
			if !d.pairing.Wants(e.Class, e.Shard) {
				continue
			}
			if raw, err := d.shelf.Get(e.ID); err == nil {
				d.pairing.Offer(raw)
			}
		}
	}
}

// pair lets codes and looks go on, and puts drops on the shelf. people is held.
func (d *Daemon) pair() {
	m, known := d.clock.moment()
	moved, err := d.pairing.Tend(m, known)
	if moved && err == nil {
		err = d.pairing.Tell(m)
	}
	if err != nil {
		d.setTrouble("pairing", err.Error())
		return
	}
	d.setTrouble("pairing", "")
	if units := d.pairing.Units(); len(units) > 0 {
		d.submitDrops(units)
		moved = true
	}
	if moved {
		d.changes.bump()
	}
}

func (d *Daemon) submitDrops(units [][]byte) {
	evs := make([]node.Event, len(units))
	ids := map[envelope.ID]bool{}
	for i, raw := range units {
		evs[i] = node.Submit{Raw: raw}
		ids[envelope.IDOf(raw)] = true
	}
	d.step(evs...)
	var stored, others []envelope.ID
	d.courier.Lock()
	for _, id := range d.stored {
		if ids[id] {
			stored = append(stored, id)
		} else {
			others = append(others, id)
		}
	}
	d.stored = others
	d.courier.Unlock()
	if err := d.pairing.Stored(stored...); err != nil {
		d.log.Warn("pairing", "error", err)
	}
}

// noteDrops notes how far the own cards have come.
func (d *Daemon) noteDrops(list []node.Handed) {
	for _, h := range list {
		if err := d.pairing.Handed(h.ID, h.Peer.Relay); err != nil {
			d.log.Warn("pairing", "error", err)
		}
	}
}

// remind does once a minute what may have been missed.
func (d *Daemon) remind() {
	d.people.Lock()
	defer d.people.Unlock()
	d.searchDrops()
	if err := d.pairing.Tell(d.moment()); err != nil {
		d.log.Warn("pairing", "error", err)
	}
}

// NewCode implements api.Pairing.
func (d *Daemon) NewCode(context.Context) (api.Code, error) {
	d.people.Lock()
	defer d.people.Unlock()
	c, err := d.pairing.NewCode(d.moment())
	if err != nil {
		return api.Code{}, doorError(err)
	}
	d.changed()
	return d.code(c)
}

func (d *Daemon) code(c pairing.Mine) (api.Code, error) {
	a := api.Code{ID: c.ID, Digits: c.Code.Digits(), Words: map[string][]string{}, MadeAt: c.MadeAt.UTC(), Answers: []api.Person{}}
	for _, lang := range words.Languages() {
		a.Words[lang] = c.Code.Words(lang)
	}
	if c.Left > 0 {
		ends := d.opts.Now().Add(c.Left).UTC().Truncate(time.Minute)
		a.EndsAt = &ends
	}
	switch {
	case c.Relay:
		a.Out = "relay"
	case c.Carried:
		a.Out = "carried"
	case c.Out:
		a.Out = "here"
	default:
		a.Out = "waiting"
	}
	for _, who := range c.Answers {
		p, err := d.person(who)
		if err != nil {
			return a, err
		}
		a.Answers = append(a.Answers, p)
	}
	return a, nil
}

func (d *Daemon) look(l pairing.Theirs) (api.Look, error) {
	begin, _, _ := strings.Cut(l.Code.Digits(), " ")
	a := api.Look{ID: l.ID, Begin: begin, Name: l.Name, Since: l.Since.UTC(), At: known(l.At), False: l.False}
	switch l.State {
	case pairing.Found:
		a.State = "found"
		c, err := d.acc.ContactByID(l.Contact)
		if err != nil {
			return a, doorError(err)
		}
		p, err := d.person(c)
		if err != nil {
			return a, err
		}
		a.Person, a.Name = &p, p.Name
	case pairing.TooLate:
		a.State = "too-late"
	default:
		a.State = "looking"
	}
	return a, nil
}

// Calls implements api.Pairing.
func (d *Daemon) Calls(context.Context) (api.Calls, error) {
	calls := api.Calls{Codes: []api.Code{}, Looks: []api.Look{}}
	for _, c := range d.pairing.Codes(d.moment()) {
		a, err := d.code(c)
		if err != nil {
			return calls, err
		}
		calls.Codes = append(calls.Codes, a)
	}
	for _, l := range d.pairing.Looks() {
		a, err := d.look(l)
		if err != nil {
			return calls, err
		}
		calls.Looks = append(calls.Looks, a)
	}
	return calls, nil
}

// Look implements api.Pairing.
func (d *Daemon) Look(_ context.Context, ask api.LookAsk) (api.Look, error) {
	d.people.Lock()
	defer d.people.Unlock()
	if p, ok, err := d.matched(ask.Code); ok || err != nil {
		at := d.opts.Now().UTC()
		return api.Look{Name: p.Name, Since: at, State: "found", At: &at, Person: &p}, err
	}
	l, err := d.pairing.Look(d.moment(), ask.Code, ask.Name)
	if err != nil {
		return api.Look{}, doorError(err)
	}
	d.searchDrops()
	d.changed()
	for _, now := range d.pairing.Looks() {
		if now.ID == l.ID {
			l = now
		}
	}
	return d.look(l)
}

// matched verifies the contact whose card's words or digits these are.
func (d *Daemon) matched(code string) (p api.Person, ok bool, err error) {
	for _, c := range d.acc.Contacts() {
		f, err := d.acc.Fingerprint(c.ID)
		if err != nil {
			return p, false, err
		}
		if !f.Match(code) {
			continue
		}
		if c, err = d.acc.Verify(d.moment(), c.ID, code, false); err != nil {
			return p, false, doorError(err)
		}
		d.tellChecked()
		d.changed()
		p, err = d.person(c)
		return p, true, err
	}
	return p, false, nil
}

// tellChecked lets people know that they were verified here. people is held.
func (d *Daemon) tellChecked() {
	if err := d.pairing.Tell(d.moment()); err != nil {
		d.log.Warn("pairing", "error", err)
	}
}

// EndCall implements api.Pairing.
func (d *Daemon) EndCall(ctx context.Context, ask api.EndAsk) (api.Calls, error) {
	d.people.Lock()
	err := d.pairing.End(d.moment(), ask.ID)
	if err == nil {
		d.changed()
	}
	d.people.Unlock()
	if err != nil {
		return api.Calls{}, doorError(err)
	}
	return d.Calls(ctx)
}

func wordsIn(f identity.Fingerprint) map[string][]string {
	m := map[string][]string{}
	for _, lang := range words.Languages() {
		m[lang] = f.WordsIn(lang)
	}
	return m
}
