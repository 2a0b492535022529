package node

import (
	"errors"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/exchange"
	"github.com/jauap/jauap/routing"
	"github.com/jauap/jauap/store"
)

// view is the shelf as one session sees it: an exchange.Shelf.
type view struct {
	n *Node
	m *meeting
}

// Since lists what is held; what may not be offered to this peer is mute. It
// is called after Step's Sync only, so all of it is durable.
func (v *view) Since(seq uint64, max int) []exchange.Item {
	n := v.n
	if n.page = n.page[:0]; cap(n.page) == 0 {
		n.page = make([]exchange.Item, 0, min(max, n.sh.Stats().Envelopes))
	}
	n.sh.Each(seq, max, func(e store.Entry) {
		it := itemOf(e)
		it.Told, it.Tried = n.told[e.ID], n.tried[e.ID]
		it.Whole, it.Flown = n.flown[e.ID]
		it.Words = v.m.words && n.words[e.ID]
		if v.m.unit > 0 && int(e.Size) > v.m.unit {
			it.Mute = true
		} else if e.Class == envelope.Stamp || routing.Counted(e.Class, e.Rank) {
			it.Mute = !routing.MayOffer(e.Class, e.Rank, n.handed[e.ID], n.now, n.c.Rules, v.m.peer.Relay)
		}
		n.page = append(n.page, it)
	})
	return n.page
}

// Want judges a unit by what its giver says of it; Write judges what it is.
func (v *view) Want(it exchange.Item) (from int, ok bool) {
	n := v.n
	if n.sh.Has(it.ID) {
		return it.Size, false
	}
	if n.sh.Done(it.ID) || n.bad[it.ID] || n.poor[it.ID] || !v.takes(it.Class) {
		return 0, false
	}
	rank := n.expected(v.m, it)
	if err := n.admit(it.Class, it.Expiry, rank); err != nil {
		if v.verdictOf(err) == exchange.Refuse {
			return 0, false
		}
		return exchange.NotNow, false
	}
	full := v.full(it.Class)
	if full && v.m.peer.Key == "" && !routing.MayDisplace(it.Class, v.m.displaced) {
		return exchange.NotNow, false
	}
	if !v.returns(it, rank) {
		return exchange.NotNow, false
	}
	if c, taken := n.claims[it.ID]; taken && !v.mayTake(c) {
		n.waiting = true
		if !n.sweep.After(n.now) {
			n.sweep = n.now.Add(n.sweepEvery())
		}
		return exchange.Wait, false
	}
	n.claims[it.ID] = claim{link: v.m.id, at: n.now, small: small(it.Class.Size())}
	n.claimed = n.claimed || len(n.claims) > 8
	if full {
		v.m.displaced += int64(it.Class.Size())
	}
	if small(it.Class.Size()) && !n.sound(v.m, it.ID) {
		return 0, true
	}
	// When a crash came between the last byte and the shelf, the last byte is
	// asked for again.
	return min(n.sh.PartialOf(it.ID, it.Size), it.Size-1), true
}

// full says that a unit of the class would displace others.
func (v *view) full(c envelope.Class) bool { return v.n.sh.Stats().Free < 2*int64(c.Size()) }

// mayTake says whether the link may take a unit over from the one that was
// asked for it. Anybody can list a unit and bring nothing: a peer whose name is
// authenticated does not wait for a stranger.
func (v *view) mayTake(c claim) bool {
	if c.link == v.m.id {
		return true
	}
	m := v.n.meeting(c.link)
	if m == nil || v.m.peer.Key == "" {
		return m == nil
	}
	// A contact who is met anew has most likely left the older link behind.
	return m.peer.Key == "" || m.peer.Key == v.m.peer.Key && m.id < v.m.id
}

func (v *view) Append(b []byte, id envelope.ID, from, max int) ([]byte, error) {
	had := len(b)
	b, e, err := v.n.sh.AppendAt(b, id, from, max)
	if err == nil && routing.Counted(e.Class, e.Rank) && from+len(b)-had == int(e.Size) {
		if _, before := v.m.lent[id]; !before {
			v.m.lent[id] = true
		}
	}
	return b, err
}

// Names implements exchange.Namer.
func (v *view) Names(seq uint64, each func(*envelope.ID, uint64, envelope.Class, int) bool) {
	v.n.sh.Names(seq, each)
}

// Write takes bytes of a unit. Two links may bring the same one when the first
// was slow: bytes that are here already are passed over.
func (v *view) Write(it exchange.Item, from int, data []byte) (exchange.Verdict, bool, error) {
	n := v.n
	if n.broken != nil {
		return 0, false, n.broken
	}
	v.m.moved = n.now
	if n.sh.Has(it.ID) {
		return exchange.Keep, true, nil
	}
	if from == 0 && len(data) == it.Size {
		return v.whole(it, data)
	}
	have := n.sh.PartialOf(it.ID, it.Size)
	if from == 0 && small(it.Size) {
		have = 0
	}
	if c, taken := n.claims[it.ID]; taken && c.link != v.m.id && (c.alone || have == 0 && n.sh.PartialSize(it.ID) > 0) {
		return v.settled(it, exchange.Later) // it would spoil what the other brings
	}
	if from > have {
		return v.settled(it, exchange.Later)
	}
	if fresh := from + len(data) - have; fresh > 0 {
		err := n.sh.AddPartial(it.ID, it.Size, have, data[len(data)-fresh:])
		switch {
		case errors.Is(err, store.ErrPartial) || errors.Is(err, store.ErrFull):
			return v.settled(it, exchange.Later)
		case err != nil:
			n.fail(err)
			return 0, false, n.broken
		}
		v.wrote(it.ID, have)
		if small(it.Size) {
			n.began(v.m, it.ID, have)
		}
		have += fresh
	}
	if have < it.Size {
		return 0, false, nil
	}
	raw, err := n.sh.TakePartial(it.ID)
	switch {
	case errors.Is(err, store.ErrCorrupt) || errors.Is(err, store.ErrMissing):
		return v.spoiled(it)
	case err != nil:
		n.fail(err)
		return 0, false, n.broken
	}
	delete(n.authors, it.ID)
	delete(n.begun, it.ID)
	return v.whole(it, raw)
}

// wrote notes that this link wrote to a partial from byte from on.
func (v *view) wrote(id envelope.ID, from int) {
	n := v.n
	switch {
	case from > 0 && n.authors[id] != v.m.id:
		delete(n.authors, id)
	case from == 0:
		if len(n.authors) >= maxAuthors {
			clear(n.authors)
		}
		n.authors[id] = v.m.id
	}
}

// spoiled asks once more for a unit whose bytes were wrong, from its first byte
// and from this link alone. Only who brought all of them answers for them: an
// honest link must not end for what another wrote between.
func (v *view) spoiled(it exchange.Item) (exchange.Verdict, bool, error) {
	n, m := v.n, v.m
	author, known := n.authors[it.ID]
	sole := known && author == m.id
	delete(n.authors, it.ID)
	c, taken := n.claims[it.ID]
	may := !taken || v.mayTake(c)
	if !sole && (!may || m.again[it.ID] || len(m.again) >= maxAgain) {
		return v.settled(it, exchange.Later)
	}
	if len(m.again) < maxAgain {
		m.again[it.ID] = true
	}
	if may && !small(it.Class.Size()) {
		n.claims[it.ID] = claim{link: m.id, at: n.now, alone: true}
	}
	return exchange.Later, false, exchange.ErrMismatch
}

// settled ends this link's claim on a unit.
func (v *view) settled(it exchange.Item, verdict exchange.Verdict) (exchange.Verdict, bool, error) {
	n := v.n
	n.returned(v.m, it.ID)
	if n.claims[it.ID].link == v.m.id {
		delete(n.claims, it.ID)
	}
	if verdict < exchange.Keep {
		n.retry()
	}
	return verdict, true, nil
}

// whole checks a unit and puts it on the shelf.
func (v *view) whole(it exchange.Item, raw []byte) (exchange.Verdict, bool, error) {
	n := v.n
	if envelope.IDOf(raw) != it.ID {
		return exchange.Later, false, exchange.ErrMismatch
	}
	e, err := envelope.Parse(raw)
	if err == nil && e.Class() != it.Class {
		err = envelope.ErrMalformed
	}
	if err == nil && !v.takes(e.Class()) {
		err = ErrPostage
	}
	if err == nil {
		err = n.check(e)
	}
	if errors.Is(err, ErrPostage) {
		n.spurn(it.ID)
		return v.settled(it, exchange.Refuse)
	}
	if err != nil {
		n.remember(it.ID)
		return v.settled(it, exchange.Refuse)
	}
	meta, edge := n.grade(v.m, n.arrival(v.m, e, it.ID))
	if err := n.admit(e.Class(), e.Expiry(), meta.Rank); err != nil {
		return v.settled(it, v.verdictOf(err))
	}
	err = n.keep(e, it.ID, meta, v.m.id)
	if n.broken != nil {
		return 0, false, n.broken
	}
	if err == nil {
		if v.m.edge != nil {
			n.brings(v.m.edge, edge)
		}
		if e.Class() != envelope.Stamp {
			n.later = append(n.later, Arrived{ID: it.ID, Raw: raw})
		}
	}
	verdict := v.verdictOf(err)
	if verdict == exchange.Refuse && e.Class() == envelope.Stamp {
		n.spurn(it.ID) // its token is used, or its unit delivered
	}
	return v.settled(it, verdict)
}

// verdictOf the shelf's and routing's decisions.
func (v *view) verdictOf(err error) exchange.Verdict {
	switch {
	case err == nil:
		return exchange.KeepAndOffer
	case errors.Is(err, store.ErrHave):
		return exchange.Keep
	case errors.Is(err, store.ErrFull), errors.Is(err, ErrFull):
		return exchange.Later
	case errors.Is(err, ErrUseless) && v.m.marked():
		// This device's date may be wrong, and what is refused counts as settled
		// in the marks of a relay: it would never be listed again.
		return exchange.Later
	}
	return exchange.Refuse
}

// Sync has been done by Step; what it could not do is told here.
func (v *view) Sync() error { return v.n.sync() }

// count that somebody holds a unit that was sent to its end over this link:
// once a link, however often it is asked for.
func (n *Node) count(m *meeting, id envelope.ID) {
	if !m.lent[id] {
		return
	}
	m.lent[id] = false
	if len(n.handed) >= maxHanded {
		clear(n.handed)
	}
	n.handed[id] = n.handed[id].Another(n.now)
}

// remember a bad unit, so that it is not fetched from each link in turn.
func (n *Node) remember(id envelope.ID) {
	if n.bad[id] {
		return
	}
	n.bad[id] = true
	n.badRing = append(n.badRing, id)
	if len(n.badRing) > maxBad {
		delete(n.bad, n.badRing[0])
		n.badRing = n.badRing[1:]
	}
}
