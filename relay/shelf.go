package relay

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/exchange"
)

// shelf is the Box as one session of exchange sees it. It belongs to one
// goroutine.
type shelf struct {
	ctx  context.Context
	room *Mailbox
	load *load

	slots Slots // what the client takes

	pending []Deposit // whole and checked, not yet put
	parts   map[envelope.ID]*assembly
	weight  int  // bytes that this session added to parts
	waiting bool // somebody else is depositing what this client offered
	// broken is the box's failure to list or to read. The session must end
	// before it says that this was all, or that a unit is gone, or the client
	// would skip it for ever.
	broken error
}

var _ exchange.Shelf = (*shelf)(nil)

// assembly is a unit that is coming in pieces.
type assembly struct {
	*partial
	have  int // bytes, as far as this session knows
	mine  int // of them, from this session
	alone bool
}

// largeUnit is the size in bytes from which a session waits while another adds to what
// came of a unit. Smaller ones come from each, and go on only where nobody is about them.
const largeUnit = 16384

// sessionParts bounds the bytes of unfinished units in one session.
const sessionParts = 4 << 20

// sinceStep is how many units are asked of the box at once.
const sinceStep = 512

// Since lists what the client may take.
func (s *shelf) Since(seq uint64, max int) []exchange.Item {
	after := Mark(seq)
	for {
		entries, upto, err := s.room.box.List(s.ctx, after, s.slots, min(max, sinceStep))
		if err != nil {
			s.broken = err
			return nil
		}
		if len(entries) > 0 {
			items := make([]exchange.Item, len(entries))
			for i, e := range entries {
				items[i] = itemOf(e)
			}
			return items
		}
		if upto <= after {
			return nil
		}
		after = upto
	}
}

func itemOf(e Entry) exchange.Item {
	return exchange.Item{ID: e.ID, Class: e.Class, Size: e.Size, Expiry: e.Expiry,
		Shard: e.Slot, Seq: uint64(e.Mark), Rank: rankStranger}
}

// Want asks for what the box lacks, from the byte at which others stopped.
func (s *shelf) Want(it exchange.Item) (from int, ok bool) {
	const refused = 0
	if it.Class == envelope.Stamp || checkDay(it.Expiry, s.room.opts.Today()) != nil {
		return refused, false
	}
	if a := s.parts[it.ID]; a != nil {
		return a.have, true
	}
	switch _, err := s.room.box.Get(s.ctx, it.ID, 0, 0); {
	case err == nil:
		return it.Size, false
	case errors.Is(err, ErrDelivered):
		return refused, false
	case !errors.Is(err, ErrMissing):
		s.room.trouble("get", err)
		return exchange.NotNow, false
	}
	if s.room.isFull(time.Now()) {
		return exchange.NotNow, false
	}
	if it.Size < largeUnit {
		if p, have := s.room.parts.resume(s, it.ID, it.Size, time.Now()); p != nil {
			s.parts[it.ID] = &assembly{partial: p, have: have}
			return have, true
		}
		return 0, true
	}
	return s.claim(it)
}

// claim begins or continues a large unit.
func (s *shelf) claim(it exchange.Item) (from int, ok bool) {
	p, have := s.room.parts.claim(s, it.ID, it.Size, time.Now())
	if p == nil {
		s.waiting = true
		return exchange.Wait, false
	}
	s.parts[it.ID] = &assembly{partial: p, have: have}
	return have, true
}

// alone begins a unit of which nothing comes from, or goes to, other sessions.
func (s *shelf) alone(it exchange.Item) *assembly {
	a := &assembly{partial: s.room.parts.begin(s, it.ID, it.Size), alone: true}
	s.parts[it.ID] = a
	return a
}

// Append appends bytes of a unit.
func (s *shelf) Append(to []byte, id envelope.ID, from, max int) ([]byte, error) {
	b, err := s.room.box.Get(s.ctx, id, from, max)
	if err != nil && !errors.Is(err, ErrMissing) && !errors.Is(err, ErrDelivered) {
		s.broken = err
	}
	return append(to, b...), err
}

// Write takes bytes of a unit.
func (s *shelf) Write(it exchange.Item, from int, data []byte) (exchange.Verdict, bool, error) {
	a := s.parts[it.ID]
	if a != nil && from == 0 && a.have > 0 {
		// It was on its way before its giver knew that there is a beginning.
		s.forget(a)
		s.room.parts.leave(s, a.partial)
		a = nil
	}
	if a == nil {
		if from == 0 && len(data) == it.Size {
			return s.whole(it, bytes.Clone(data))
		}
		a = s.alone(it)
	}
	if s.weight+len(data) > sessionParts {
		s.forget(a)
		s.room.parts.leave(s, a.partial)
		return exchange.Later, true, nil
	}
	what, raw := s.room.parts.add(s, a.partial, from, data, time.Now())
	switch what {
	case addedSome:
		a.have += len(data)
		a.mine += len(data)
		s.weight += len(data)
		return exchange.Later, false, nil
	case addedLost, addedNoWay:
		s.forget(a)
		return exchange.Later, true, nil
	}
	s.forget(a)
	v, whole, err := s.whole(it, raw)
	if !a.alone && errors.Is(err, exchange.ErrMismatch) {
		s.alone(it) // perhaps another's bytes were wrong: once more, alone
	}
	return v, whole, err
}

// forget takes a unit off the session's list.
func (s *shelf) forget(a *assembly) {
	s.weight -= a.mine
	delete(s.parts, a.id)
}

// whole judges a complete unit and keeps it for Sync. raw is ours.
func (s *shelf) whole(it exchange.Item, raw []byte) (exchange.Verdict, bool, error) {
	if envelope.IDOf(raw) != it.ID {
		return exchange.Refuse, false, exchange.ErrMismatch
	}
	today := s.room.opts.Today()
	e, err := Check(raw, today)
	if err != nil {
		return exchange.Refuse, true, nil
	}
	d := Deposit{Unit: e, Today: today}
	for _, p := range s.pending {
		if p.Unit.Class() == e.Class() && e.Class() != envelope.S0 && p.Unit.Key() == e.Key() && it.ID != p.Unit.ID() {
			return exchange.Refuse, true, nil
		}
	}
	switch err := s.room.box.Judge(s.ctx, d); {
	case errors.Is(err, ErrFull):
		s.room.full(time.Now(), err)
		return exchange.Later, true, nil
	case refuses(err):
		return exchange.Refuse, true, nil
	case err != nil:
		return exchange.Later, true, err
	}
	d.Rank = s.room.loads.deposited(s.load, len(raw), time.Now())
	s.pending = append(s.pending, d)
	return exchange.KeepAndOffer, true, nil
}

// refuses tells the errors by which a box will never take a unit.
func refuses(err error) bool {
	return errors.Is(err, ErrDelivered) || errors.Is(err, ErrTaken) || errors.Is(err, ErrBogus) ||
		errors.Is(err, ErrExpired)
}

// Sync puts what is pending. A unit that Judge took but Put refuses (another
// session was faster, or the box just became full) ends the session: nothing
// of this batch is confirmed, and the client learns the verdict next time.
func (s *shelf) Sync() error {
	if len(s.pending) == 0 {
		return nil
	}
	units := s.pending
	s.pending = nil
	results, err := s.room.box.Put(s.ctx, units)
	if err != nil {
		s.room.full(time.Now(), err)
		return err
	}
	var slots Slots
	var refused error
	for i, d := range units {
		switch err := results[i]; {
		case err == nil:
			slots = slots.Plus(SlotsOf(d.Unit.Shard()))
		case errors.Is(err, ErrDelivered):
			// Its proof arrived a moment ago: nothing is left to keep.
		default:
			refused = err
			if errors.Is(err, ErrFull) {
				s.room.full(time.Now(), err)
			}
		}
	}
	if slots != (Slots{}) {
		s.room.hub.ring(slots, time.Now())
	}
	return refused
}

// close leaves what came in part to whoever goes on.
func (s *shelf) close() {
	for _, a := range s.parts {
		s.room.parts.leave(s, a.partial)
	}
	s.parts = nil
}
