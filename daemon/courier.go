package daemon

import (
	"errors"
	"fmt"
	"slices"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/node"
)

// What is sealed late can still be ordered and packed well, and whoever writes
// another text meanwhile has it packed with the others. So no more is sealed than
// the links need for some seconds.
const (
	packBytes  = 4 << 20   // at one go, for a stick
	firstBytes = 144 << 10 // before a link says its first words
	aheadBytes = 2 << 20   // beyond what others hold
	aheadLeast = 16 << 10  // less is not worth sealing now
)

// step moves the courier and carries out what it asks for. What concerns the
// person is put aside for settle.
func (d *Daemon) step(evs ...node.Event) {
	d.courier.Lock()
	defer d.courier.Unlock()
	for _, e := range d.node.Step(d.opts.Now(), evs...) {
		d.effect(e)
	}
}

func (d *Daemon) effect(e node.Effect) {
	switch e := e.(type) {
	case node.Send:
		if m := d.meetings[e.Link]; m != nil {
			m.push(e.Data)
			if e.Last {
				m.spare()
			}
		}
	case node.Close:
		if m := d.meetings[e.Link]; m != nil {
			m.end(e.Reason)
		}
	case node.Stored:
		d.stored = append(d.stored, e.ID)
	case node.Arrived:
		d.keptBytes += int64(len(e.Raw))
		d.arrived = append(d.arrived, arrival{e.ID, e.Raw})
		d.kept++
		d.watch.Passed(0, 1)
	case node.Handed:
		d.handed = append(d.handed, e)
		delete(d.ahead, e.ID)
		d.leftAt = d.opts.Now()
		if e.Peer.Relay {
			d.watch.Passed(1, 0)
		}
	case node.Refused:
		delete(d.ahead, e.ID)
		d.log.Info("courier", "refused", e.ID.String(), "reason", e.Reason)
	case node.Trouble:
		d.trouble["shelf"] = "the shelf cannot write: " + e.Err.Error()
		d.log.Error("courier", "trouble", e.Err)
	}
}

// settle lets the person's side catch up with the courier: open what arrived,
// note who holds what, seal what waits. It returns when nothing is left to do.
func (d *Daemon) settle() {
	d.people.Lock()
	defer d.people.Unlock()
	d.settleLocked()
}

func (d *Daemon) settleLocked() {
	for {
		d.courier.Lock()
		arrived, handed := d.arrived, d.handed
		d.arrived, d.handed = nil, nil
		linked, slow := d.linked(), d.slowLinks()
		d.courier.Unlock()
		d.open1(arrived)
		more := d.again()
		d.takeNotices(arrived)
		d.noteHanded(handed)
		d.noteMail(arrived, handed)
		d.takeMail(trialsAtOnce)
		if len(arrived)+len(handed) > 0 {
			d.changes.bump()
		}
		if err := d.submitNotices(); err != nil {
			d.setTrouble("boards", "public notices: "+err.Error())
		}
		if err := d.postMail(); err != nil {
			d.setTrouble("inbox", "letters to an inbox: "+err.Error())
		}
		d.pair()
		moved := linked && d.packAhead(aheadBytes, slow)
		if len(arrived)+len(handed) == 0 && !moved && !more {
			return
		}
	}
}

// linked reports whether any meeting has a link. courier is held.
func (d *Daemon) linked() bool {
	for _, m := range d.meetings {
		if m.conn != nil {
			return true
		}
	}
	return d.lines > 0
}

// open1 offers envelopes to the account.
func (d *Daemon) open1(list []arrival) {
	var raws [][]byte
	for _, a := range list {
		d.offerDrop(a.raw)
		if e, err := envelope.Parse(a.raw); err == nil && (e.Class() == envelope.Done || d.acc.Knows(e.Tag())) {
			raws = append(raws, a.raw)
		}
	}
	if len(raws) == 0 {
		return
	}
	m, _ := d.clock.moment()
	results, err := d.acc.ReceiveAll(m, raws)
	if err != nil {
		// They are on the shelf: retry offers them again.
		d.unopened = true
		d.setTrouble("vault", "arrived letters wait: "+err.Error())
		return
	}
	why := ""
	for _, r := range results {
		if r.Later {
			d.unopened = true
			why = "arrived letters wait: " + r.Err.Error()
		} else if r.Err != nil && !errors.Is(r.Err, account.ErrNotOurs) {
			d.log.Warn("an envelope for us does not open", "error", r.Err)
		}
	}
	d.setTrouble("vault", why)
}

func (d *Daemon) noteHanded(list []node.Handed) {
	if len(list) == 0 {
		return
	}
	all := make([]account.Handover, len(list))
	for i, h := range list {
		all[i] = account.Handover{ID: h.ID, Who: h.Peer.Key, Abroad: h.Peer.Abroad}
		if h.Peer.Key == "" {
			all[i].Who = fmt.Sprintf("meeting %d", h.Link)
		}
	}
	d.noteDrops(list)
	if d.opts.Locked {
		d.later = append(d.later, all[:min(len(all), max(0, maxLater-len(d.later)))]...)
		return
	}
	m, _ := d.clock.moment()
	if err := d.acc.HandedAll(m, all); err != nil {
		d.setTrouble("vault", "letter states: "+err.Error())
	}
}

// packAhead seals what waits as far as the links need it, so that no more than most
// bytes are sealed and held by nobody else; slow says that all of them are slow. people
// is held.
func (d *Daemon) packAhead(most int, slow bool) bool {
	d.courier.Lock()
	unsent := 0
	for _, size := range d.ahead {
		unsent += size
	}
	d.courier.Unlock()
	most, h, ok := planAhead(most, unsent, slow)
	if !ok {
		return false
	}
	short := d.packSmall()
	return d.packWith(most, func(at account.Moment, most int) ([]account.Packed, error) {
		return d.acc.PackAhead(at, most, h)
	}) || short
}

// pack seals what waits, at most most bytes, and puts it on the shelf, together with
// the proofs that are due; it says whether anything moved. people is held.
func (d *Daemon) pack(most int) bool { return d.packWith(most, d.acc.Pack) }

func (d *Daemon) packWith(most int, seal func(account.Moment, int) ([]account.Packed, error)) bool {
	m, known := d.clock.moment()
	if !known {
		return false // Status tells of the clock
	}
	proofs, err := d.acc.Proofs(m, d.opts.Prompt)
	if err != nil {
		d.log.Warn("proofs", "error", err)
	}
	var evs []node.Event
	for _, p := range proofs {
		// Not as our own: the first flight would tell a relay which letters
		// were read behind this address.
		evs = append(evs, node.Blend{Raw: p})
	}
	if len(evs) > 0 {
		d.step(evs...)
		d.forget(proofs)
	}
	packed, err := seal(m, most)
	why := ""
	if err != nil {
		why = err.Error()
	}
	d.setTrouble("seal", why)
	return d.submit(packed) > 0
}

// forget lets the vault forget proofs that are on the shelf.
func (d *Daemon) forget(proofs [][]byte) {
	var ids []envelope.ID
	d.courier.Lock()
	for _, p := range proofs {
		if id := envelope.IDOf(p); d.shelf.Has(id) {
			ids = append(ids, id)
		}
	}
	d.courier.Unlock()
	if err := d.acc.Submitted(ids...); err != nil {
		d.log.Warn("proofs", "error", err)
	}
}

// submit hands sealed envelopes to the courier and lets the vault forget
// those that the shelf has synced; it answers how many.
func (d *Daemon) submit(packed []account.Packed) int {
	if len(packed) == 0 {
		return 0
	}
	units := make([]node.Submit, len(packed))
	for i, p := range packed {
		units[i] = node.Submit{Raw: p.Bytes, Words: p.Words}
	}
	d.setTrouble("shelf", "")
	d.step(d.paid(units)...)
	d.courier.Lock()
	d.submits += len(packed)
	ids := d.stored
	d.stored = nil
	for _, p := range packed {
		if d.shelf.Has(p.ID) {
			d.ahead[p.ID] = len(p.Bytes)
		}
	}
	d.stranded = d.stranded || len(ids) < len(packed)
	d.courier.Unlock()
	if err := d.acc.Submitted(ids...); err != nil {
		d.log.Warn("outbox", "error", err)
	}
	return len(ids)
}

func (d *Daemon) setTrouble(what, why string) {
	d.courier.Lock()
	defer d.courier.Unlock()
	if why == "" {
		delete(d.trouble, what)
		return
	}
	if d.trouble[what] != why {
		d.log.Warn("trouble", "where", what, "why", why)
	}
	d.trouble[what] = why
}

// troubles lists what a person should know, in a fixed order. courier is held.
func (d *Daemon) troubles() []string {
	list := []string{}
	for _, why := range d.trouble {
		list = append(list, why)
	}
	slices.Sort(list)
	return list
}
