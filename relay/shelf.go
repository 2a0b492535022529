package relay

import (
	"context"
	"errors"
	"fmt"
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
	weight  int  // bytes in parts
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
	alone bool // nothing of it came from, or goes to, other sessions
}

// largeUnit is the size in bytes from which sessions share what came of a
// unit. Smaller ones come in one piece or begin anew.
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
	if checkDay(it.Expiry, s.room.opts.Today()) != nil {
		return refused, false
	}
	if a := s.parts[it.ID]; a != nil {
		return len(a.data), true
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
		return 0, true
	}
	return s.claim(it)
}

// claim begins or continues a large unit.
func (s *shelf) claim(it exchange.Item) (from int, ok bool) {
	p, free, alone := s.room.parts.claim(it.ID, it.Size, time.Now())
	switch {
	case free:
		s.weight += len(p.data)
		s.parts[it.ID] = &assembly{partial: p}
		return len(p.data), true
	case alone:
		s.parts[it.ID] = &assembly{partial: &partial{id: it.ID}, alone: true}
		return 0, true
	}
	s.waiting = true
	return exchange.Wait, false
}

// Read answers bytes of a unit.
func (s *shelf) Read(id envelope.ID, from, max int) ([]byte, error) {
	b, err := s.room.box.Get(s.ctx, id, from, max)
	if err != nil && !errors.Is(err, ErrMissing) && !errors.Is(err, ErrDelivered) {
		s.broken = err
	}
	return b, err
}

// Write takes bytes of a unit.
func (s *shelf) Write(it exchange.Item, from int, data []byte) (exchange.Verdict, bool, error) {
	a := s.parts[it.ID]
	if a == nil {
		if from == 0 && len(data) >= it.Size {
			return s.whole(it, append([]byte(nil), data...))
		}
		a = &assembly{partial: &partial{id: it.ID}, alone: true}
		s.parts[it.ID] = a
	}
	if from != len(a.data) || from+len(data) > it.Size {
		return exchange.Refuse, false, fmt.Errorf("relay: internal error: %d bytes at %d of a unit of %d with %d here",
			len(data), from, it.Size, len(a.data))
	}
	if s.weight+len(data) > sessionParts || !s.room.parts.grow(len(data)) {
		s.drop(a)
		return exchange.Later, true, nil
	}
	s.weight += len(data)
	a.data = append(a.data, data...)
	if len(a.data) < it.Size {
		return 0, false, nil
	}
	raw := a.data
	shared := !a.alone
	s.drop(a)
	v, whole, err := s.whole(it, raw)
	if shared && errors.Is(err, exchange.ErrMismatch) {
		// Perhaps another's bytes were wrong: this time alone.
		s.parts[it.ID] = &assembly{partial: &partial{id: it.ID}, alone: true}
	}
	return v, whole, err
}

// drop forgets what came of a unit.
func (s *shelf) drop(a *assembly) {
	s.weight -= len(a.data)
	delete(s.parts, a.id)
	s.room.parts.settle(a.partial)
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
	for i, d := range units {
		switch err := results[i]; {
		case err == nil:
			slots = slots.Plus(SlotsOf(d.Unit.Shard()))
		case errors.Is(err, ErrDelivered):
			// Its proof arrived a moment ago: nothing is left to keep.
		default:
			if errors.Is(err, ErrFull) {
				s.room.full(time.Now(), err)
			}
			return err
		}
	}
	if slots != (Slots{}) {
		s.room.hub.ring(slots, time.Now())
	}
	return nil
}

// close leaves what came in part to whoever goes on.
func (s *shelf) close() {
	for _, a := range s.parts {
		switch {
		case a.alone && len(a.data) < largeUnit:
			s.room.parts.settle(a.partial)
		default:
			s.room.parts.pause(a.partial)
		}
	}
	s.parts = nil
}
