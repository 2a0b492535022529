package store

import (
	"errors"
	"fmt"
	"slices"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/internal/durable"
)

// A place of a disk may fail for a minute or for good, and when it does nobody
// can tell which. So a unit that could not be read counts as lacking at once:
// it is not listed, and others may bring it again. Its record stays, and is
// tried again at the owner's pace, until it is read, replaced, or has failed
// so often and for so long that its file need not be kept for it any more.

const (
	// maxAiling is how many units may ail at once. A disk of which more fails is
	// not failing at a place.
	maxAiling = 256
	// maxRounds is how many Rechecks in vain end the hope: half an hour at the
	// pace that Recheck asks for.
	maxRounds = 6
)

// ailment is a unit that could not be read.
type ailment struct {
	slot   uint32
	rounds int // Rechecks in vain
}

// fetch appends all of a unit to b and checks it against its id. A read that fails is
// tried once more: memory or a cable may have erred, not the disk.
func (s *Shelf) fetch(b []byte, slot uint32) (_ []byte, err error) {
	u, had := s.x.at(slot), len(b)
	for range 2 {
		if b, err = s.appendUnit(b[:had], u, 0, int(u.size)); err == nil && envelope.IDOf(b[had:]) == u.id {
			return b, nil
		}
	}
	if err == nil {
		err = fmt.Errorf("%w %v", ErrCorrupt, u.id)
	}
	return b[:had], err
}

// fault draws the consequence of a fetch that failed. Wrong bytes of others are
// let go, so that a good copy may come; own ones only ail, since perhaps nobody
// else has them.
func (s *Shelf) fault(slot uint32, err error) error {
	if u := s.x.at(slot); errors.Is(err, ErrCorrupt) && !u.own() {
		s.losses++
		return errors.Join(err, s.drop(slot))
	}
	s.ail(slot)
	return err
}

// ail notes that a unit could not be read, if only its place is to blame.
func (s *Shelf) ail(slot uint32) {
	u := s.x.at(slot)
	if u.ails() || len(s.ailing) >= maxAiling || !s.placeOnly(u) {
		return
	}
	u.flags |= ailFlag
	s.ailing = append(s.ailing, ailment{slot: slot})
	s.losses++
}

// placeOnly says whether the rest of the disk is there.
func (s *Shelf) placeOnly(u *unit) bool {
	f := s.files[u.file]
	return f == nil || s.there(f)
}

// there says whether the disk is, a place in this file apart: its head can be read and is what
// it was, or that of the newest journal, or, as one place may take all of a small
// file, the copy beside it.
func (s *Shelf) there(f *logFile) bool {
	if s.headed(f) || f != s.active && s.headed(s.active) {
		return true
	}
	if f.side == 0 {
		return false
	}
	h, err := s.fs.Open(f.sideName(), durable.Read)
	if err != nil {
		return false
	}
	defer h.Close()
	head, err := readHead(h)
	return err == nil && head == f.fileHead
}

func (s *Shelf) headed(f *logFile) bool {
	h, err := s.handles.get(f)
	if err != nil {
		return false
	}
	head, err := readHead(h)
	return err == nil && head == f.fileHead
}

// lasting says that a unit failed long enough to be given up.
func (s *Shelf) lasting(slot uint32) bool {
	return slices.ContainsFunc(s.ailing, func(a ailment) bool { return a.slot == slot && a.rounds >= maxRounds })
}

// Ailing is how many units here cannot be read and count as lacking.
func (s *Shelf) Ailing() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.ailing)
}

// Losses grows with each unit that turned out to be unreadable or wrong, and
// begins with the damaged places that Open found.
func (s *Shelf) Losses() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.losses
}

// Back is a unit that can be read again.
type Back struct {
	Entry
	Raw []byte
}

// Recheck tries to read some of the units that ail, those first that waited
// longest, and answers those that could be read. They were written anew, under
// a new Seq, durable after Sync. Call it about every five minutes while any
// ail: a bad place of a turning disk takes seconds.
func (s *Shelf) Recheck(most int) (back []Back) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	for range min(most, len(s.ailing)) {
		if len(s.ailing) == 0 {
			break
		}
		a := s.ailing[0]
		s.ailing = append(s.ailing[1:], a)
		u := *s.x.at(a.slot)
		raw, err := s.fetch(nil, a.slot)
		switch {
		case err == nil:
			if e, err := s.renew(a.slot, u, raw); err == nil {
				back = append(back, Back{e, raw})
			}
		case errors.Is(err, ErrCorrupt) && !u.own():
			_ = s.drop(a.slot) // else it is tried again
		case s.placeOnly(&u):
			s.ailing[len(s.ailing)-1].rounds++
		}
	}
	return back
}

// renew writes a unit that ails anew as u, under a new seq, and lets go of what
// could not be read.
func (s *Shelf) renew(slot uint32, u unit, raw []byte) (Entry, error) {
	old := s.x.at(slot)
	u.flags = (u.flags | old.flags) &^ ailFlag
	u.file, u.off, u.next, u.prev, u.succ = 0, 0, 0, 0, 0
	if u.until = max(u.until, old.until); old.rank < u.rank {
		u.rank, u.from = old.rank, old.from
	}
	if err := s.makeSpace(u.total(), envelope.ID{}); err != nil {
		return Entry{}, err
	}
	if err := s.ready(u.total()); err != nil {
		return Entry{}, err
	}
	// Making space may have given the unit up.
	if slot = s.x.find(u.id); slot != 0 {
		old = s.x.at(slot)
		s.bufGraves = s.entomb(s.bufGraves, old.file, old.off)
		s.hold(old.file)
		s.forget(slot)
	}
	u.seq = s.next
	s.next++
	r := u.record()
	off := s.append(&r, raw)
	s.settle(s.x.add(u), s.active, off)
	s.dropPart(u.id)
	return u.entry(), nil
}

// sound says whether all of a unit was read and checked lately, and if not does
// so: who gives away parts of it must not hand on what the disk made of it.
func (s *Shelf) sound(slot uint32) error {
	id := s.x.at(slot).id
	if slices.Contains(s.checked[:], id) {
		return nil
	}
	if _, err := s.fetch(nil, slot); err != nil {
		return s.fault(slot, err)
	}
	s.checked[s.nextCheck%len(s.checked)] = id
	s.nextCheck++
	return nil
}
