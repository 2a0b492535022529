package account

import (
	"errors"
	"fmt"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/identity"
	"github.com/jauap/jauap/seal"
)

// Received is what a unit did.
type Received struct {
	From       Contact       // whose device sealed it, or for a proof opened it
	NewContact bool          // the first that was heard of them
	NewSession bool          // they started (again); KeyChanged and Forked are in From
	Parts      int           // delivered to the App
	Proven     []envelope.ID // own envelopes that are known to have arrived by it
}

// Receive opens a unit that is for this account and delivers what it holds to
// the App, exactly once. Errors: ErrNotOurs, at once, for everything foreign
// and everything opened before; seal.ErrUpdate for what only a newer Jauap can
// read (keep it); other errors of seal and envelope for broken units;
// ErrFull and the like leave everything as it was, so that the same unit can
// be received later.
func (a *Account) Receive(at Moment, raw []byte) (Received, error) {
	r, err := a.ReceiveAll(at, [][]byte{raw})
	if err != nil {
		return Received{}, err
	}
	return r[0].Received, r[0].Err
}

// Result is the outcome for one unit of ReceiveAll.
type Result struct {
	Received
	Err error
	// Later: the vault or an App failed at it, nothing is wrong with the unit.
	// Receive it again.
	Later bool
}

// ReceiveAll is Receive for several units with one transaction for all that
// are ours: much faster than one after the other. What is wrong with a unit
// stands in its Result. An error is a failure of the vault.
func (a *Account) ReceiveAll(at Moment, raws [][]byte) ([]Result, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.fresh(at); err != nil {
		return nil, err
	}
	results := make([]Result, len(raws))
	var ours []arrival
	for i, raw := range raws {
		e, err := envelope.Parse(raw)
		if err == nil && !a.Knows(e.Tag()) {
			err = ErrNotOurs
		}
		if err == nil {
			ours = append(ours, arrival{i, e})
		}
		results[i].Err = err
	}
	if len(ours) == 0 {
		return results, nil
	}
	if a.app == nil {
		return nil, ErrNoApp
	}
	err := a.take(at, ours, results)
	if err == nil || len(ours) == 1 || errors.Is(err, ErrFull) || errors.Is(err, ErrClosed) {
		return results, err
	}
	// One of them does it: the others must not suffer.
	for _, u := range ours {
		if err := a.take(at, []arrival{u}, results); err != nil {
			results[u.place] = Result{Err: err, Later: true}
		}
	}
	return results, nil
}

// arrival is a unit of ours and its place in the list.
type arrival struct {
	place int
	e     envelope.Envelope
}

func (a *Account) take(at Moment, list []arrival, results []Result) error {
	return a.update(at, func(tx Tx) error {
		for _, u := range list {
			r, err := a.receive(tx, at, u.e)
			var no refusal
			if errors.As(err, &no) {
				err = no.error
			} else if err != nil {
				return err
			}
			results[u.place] = Result{Received: r, Err: err}
		}
		return nil
	})
}

// refusal is what is wrong with a unit, found before anything changed.
type refusal struct{ error }

func (r refusal) Unwrap() error { return r.error }

// refuse gives replays the name that callers look for.
func refuse(err error) error {
	if errors.Is(err, seal.ErrReplay) || errors.Is(err, seal.ErrUnknownTag) {
		err = fmt.Errorf("%w: %w", ErrNotOurs, err)
	}
	return refusal{err}
}

func (a *Account) receive(tx Tx, at Moment, e envelope.Envelope) (Received, error) {
	o, ok := a.owner(e.Tag())
	switch {
	case !ok:
		return Received{}, refuse(ErrNotOurs)
	case e.Class() == envelope.Done:
		return a.proof(tx, at, e)
	case o.chain != "" && a.guest != nil:
		return a.openGuest(tx, at, e, o.chain)
	case o.session != nil:
		return a.open(tx, at, e, o.session)
	case o.card != nil && o.card.inbox != nil:
		return a.begin(tx, at, e, o.card)
	}
	return Received{}, refuse(ErrNotOurs) // an own envelope that comes back
}

// open reads an envelope of a session.
func (a *Account) open(tx Tx, at Moment, e envelope.Envelope, s *session) (Received, error) {
	o, err := s.s.Open(a.now, e)
	if err != nil {
		return Received{}, refuse(err)
	}
	p := a.people[s.with]
	a.step(p, s)
	var r Received
	for _, k := range o.Acked {
		s.confirmed(k)
		id, err := tx.Get(tableAcks, ackKey(s.id, k))
		if err != nil {
			return r, err
		}
		if len(id) != 16 {
			continue
		}
		if err := a.prove(tx, at, envelope.ID(id)); err != nil {
			return r, err
		}
		r.Proven = append(r.Proven, envelope.ID(id))
	}
	if o.Confirmed {
		s.proven = true
		if c := a.cards[s.card]; c != nil && !c.retired {
			a.retire(c)
		}
	}
	if o.RestartCard != nil {
		a.adopt(p, o.RestartCard)
	}
	if o.Forked && !s.forked {
		s.forked, p.Forked = true, true
	}
	return r, a.deliver(tx, at, p, s, e, o, &r)
}

// begin reads a Start to one of our cards.
func (a *Account) begin(tx Tx, at Moment, e envelope.Envelope, c *card) (Received, error) {
	ss, from, o, err := c.inbox.Open(a.now, a.me, e)
	if err != nil {
		return Received{}, refuse(err)
	}
	a.played[c.id] = true
	if c.used == 0 {
		c.used = max(a.now, 1)
	}
	// A wrong day here only keeps the keys longer.
	c.long = c.long || e.Expiry() > at.Day.Add(envelope.Lifetime+envelope.MaxJitter)
	var r Received
	p := a.people[IDOf(from.Public())]
	if p == nil {
		p = a.meet(at, from, c)
		r.NewContact = true
	}
	s, fresh := a.join(p, ss, c)
	if fresh && c.given != p.ID && c.given != p.Was && a.people[c.given] != nil {
		// Somebody we know answers a card that only another contact had.
		p.KeyChanged, p.Was = true, c.given
	}
	if fresh {
		r.NewSession = true
		if o.RestartCard != nil {
			a.adopt(p, o.RestartCard)
		}
		if err := a.drop(tx, p); err != nil {
			return r, err
		}
		if err := a.flushContact(tx, p); err != nil {
			return r, err
		}
		if err := a.answer(tx, at, p); err != nil {
			return r, err
		}
	}
	if s != nil {
		a.step(p, s)
	}
	return r, a.deliver(tx, at, p, s, e, o, &r)
}

// meet makes a contact of somebody who answered a card of ours.
func (a *Account) meet(at Moment, from identity.Card, c *card) *person {
	p := &person{}
	p.ID, p.Public, p.AddedAt, p.Shard = IDOf(from.Public()), from.Public(), at.Wall, from.Shard()
	want := from.Name()
	if old := a.people[c.given]; old != nil {
		// Only that contact had the card. Another key answers it: loud, and
		// apart from the contact that is known.
		p.KeyChanged, p.Was = true, old.ID
		want = old.Name
	}
	p.Name = a.freeName(want, p.ID)
	a.people[p.ID] = p
	a.touch(p)
	return p
}

// flushContact writes a contact at once, because Queue looks for it.
func (a *Account) flushContact(tx Tx, p *person) error {
	a.touch(p)
	return tx.Put(tableContacts, p.ID[:], p.record())
}

// answer queues a letter without content: it tells the other device that its
// letters arrive, which lets it use smaller envelopes and more of them. One
// that waits already is enough.
func (a *Account) answer(tx Tx, at Moment, p *person) error {
	waits := false
	from, to := append(p.ID[:], rankRider), append(p.ID[:], rankRider+1)
	err := tx.Scan(tableQueue, from, to, false, func(k, v []byte) (bool, error) {
		w, err := parseWaiting(k, v)
		waits = err == nil && w.stream == ""
		return !waits, err
	})
	if err != nil || waits {
		return err
	}
	wait := max(at.Tick+a.config.between(a.config.AckMin, a.config.AckMax), 1)
	return a.Queue(tx, at, Outgoing{To: p.ID, Parts: []seal.Part{{Kind: KindHello}}, Alone: wait})
}

// deliver hands the parts to the App and queues the proof.
func (a *Account) deliver(tx Tx, at Moment, p *person, s *session, e envelope.Envelope, o seal.Opened, r *Received) error {
	p.heard++
	p.HeardAt = at.Wall
	a.touch(p)
	if s != nil {
		s.heard, s.at = p.heard, a.now
		if s.owed++; s.owed%answerEvery == 0 {
			if err := a.answer(tx, at, p); err != nil {
				return err
			}
		}
		if s.owed == hurryAfter {
			// Somebody sends us much, over a link that is there. Without a word of ours
			// their keys run out before it is over.
			if err := a.Queue(tx, at, Outgoing{To: p.ID, Parts: []seal.Part{{Kind: KindHello}}}); err != nil {
				return err
			}
		}
	}
	for _, part := range o.Parts {
		if part.Kind&^Critical < FirstAppKind {
			continue // a hello, or what a newer account says to another
		}
		if err := a.taker(part.Kind).Deliver(tx, p.Contact, at, part); err != nil {
			return err
		}
		r.Parts++
	}
	r.From = p.Contact
	if o.Proof == nil {
		return nil
	}
	return a.keepProof(tx, o.Proof)
}

// hurryAfter is after how many envelopes without an answer one is due at once: it must
// leave keys to the sender while it travels.
const hurryAfter = 40

// answerEvery is after how many envelopes without an answer one is owed: the
// other end stops at 96.
const answerEvery = 24
