package pairing

import (
	"errors"
	"slices"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/identity"
	"github.com/jauap/jauap/seal"
)

// Tend does what is due: it seals drops, judges what was found, ends what is
// over. dated says that today's date can be believed. It tells whether there
// is something new to show or to put on the shelf.
func (p *Pairing) Tend(at account.Moment, dated bool) (moved bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.a.TickOf(at)
	moved, err = p.tendIntros(at)
	for _, l := range p.looks {
		more, e := p.tendLook(at, now, l)
		moved, err = moved || more, errors.Join(err, e)
	}
	for _, c := range p.codes {
		more, e := p.tendCode(at, now, c, dated)
		moved, err = moved || more, errors.Join(err, e)
	}
	return moved, err
}

func (p *Pairing) tendCode(at account.Moment, now seal.Tick, c *code, dated bool) (moved bool, err error) {
	switch {
	case c.ended > 0 && now-c.ended >= keepEnded && len(c.done) == 0:
		err = p.vault.Update(func(tx account.Tx) error { return tx.Delete(tableCodes, c.card[:]) })
		if err == nil {
			delete(p.codes, c.card)
		}
		return true, err
	case c.ended > 0:
		return false, nil
	case now-c.made >= life || slices.ContainsFunc(p.a.AnsweredBy(c.card), func(o account.Contact) bool { return o.Verified >= account.ByVoice }):
		return true, p.endCode(at, c)
	case len(c.drop) == 0 && dated:
		i, err := parseInvite(c.invite)
		if err != nil {
			return false, err
		}
		n := *c
		// A lifetime as any letter's, so that it looks like one.
		expiry := at.Day.Add(envelope.Lifetime + p.rng.IntN(envelope.MaxJitter+1))
		e, seed, err := newDrop(placeOf(c.code, p.memory), i, expiry)
		if err != nil {
			return false, err
		}
		n.drop, n.seed, n.id, n.invite = e.Bytes(), seed, e.ID(), nil
		if err := p.keepCode(&n); err != nil {
			return false, err
		}
		*c = n
		return true, nil
	}
	return false, nil
}

func (p *Pairing) tendLook(at account.Moment, now seal.Tick, l *look) (moved bool, err error) {
	switch {
	case l.state != Looking && now-l.since >= life+keepEnded:
		return true, p.forgetLook(l)
	case l.state != Looking:
		return false, nil
	}
	for len(l.waiting) > 0 && l.state == Looking && p.mayJudge(now) {
		n := p.rng.IntN(len(l.waiting))
		c := l.waiting[n]
		if err := p.judge(at, l, c); err != nil {
			return moved, err // the vault failed: it is judged again
		}
		if l.state == Looking {
			l.waiting = slices.Delete(l.waiting, n, n+1)
		}
		moved = true
	}
	if l.state == Looking && now-l.since >= life {
		o := *l
		o.state, o.at, o.waiting = TooLate, at.Wall, nil
		if err := p.keepLook(&o); err != nil {
			return moved, err
		}
		*l = o
		return true, nil
	}
	return moved, nil
}

// mayJudge spends the work that somebody with the code may cause.
func (p *Pairing) mayJudge(now seal.Tick) bool {
	if more := int((now - p.since) / each); more > 0 || now < p.since {
		p.spare, p.since = min(p.spare+max(more, 0), burst), now
	}
	if p.spare == 0 {
		return false
	}
	p.spare--
	return true
}

// judge believes the card to which the code commits, and no other.
func (p *Pairing) judge(at account.Moment, l *look, c candidate) error {
	o := *l
	o.at = at.Wall
	if c.invite == (identity.Invite{}) || codeOf(c.invite, p.memory) != l.code {
		o.falses++
		if o.bad = append(slices.Clone(l.bad), c.id); len(o.bad) > maxBad {
			o.bad = o.bad[1:]
		}
		if err := p.keepLook(&o); err != nil {
			return err
		}
		*l = o
		return nil
	}
	name := l.name
	if old, err := p.a.ContactByID(account.IDOf(c.invite.Card.Public())); err == nil {
		name = old.Name // a code of somebody known does not rename them
	}
	who, err := p.a.AcceptAs(at, c.invite, name, account.ByVoice, "")
	if errors.Is(err, account.ErrSelf) {
		return p.forgetLook(l) // an ended code of the owner
	}
	if err != nil {
		return err
	}
	o.state, o.contact, o.waiting = Found, who.ID, nil
	if err := p.keepLook(&o); err != nil {
		return err
	}
	*l = o
	return nil
}

// Units are drops and proofs that the shelf must have. Tell Stored of those
// that it has.
func (p *Pairing) Units() (list [][]byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.codes {
		switch {
		case len(c.done) > 0:
			list = append(list, c.done)
		case len(c.drop) > 0 && !c.stored:
			list = append(list, c.drop)
		}
	}
	return list
}

// Stored says that the shelf has these units durably.
func (p *Pairing) Stored(ids ...envelope.ID) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.codes {
		n := *c
		switch {
		case len(c.done) > 0 && slices.Contains(ids, envelope.IDOf(c.done)):
			n.done = nil
		case len(c.drop) > 0 && !c.stored && slices.Contains(ids, c.id):
			n.stored = true
		default:
			continue
		}
		if err := p.keepCode(&n); err != nil {
			return err
		}
		*c = n
	}
	return nil
}

// Handed says that another device, or a relay, has a unit.
func (p *Pairing) Handed(id envelope.ID, relay bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.codes {
		if c.id != id || c.ended > 0 || c.carried && (c.relay || !relay) {
			continue
		}
		n := *c
		n.carried, n.relay = true, c.relay || relay
		if err := p.keepCode(&n); err != nil {
			return err
		}
		*c = n
	}
	return nil
}
