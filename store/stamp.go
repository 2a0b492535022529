package store

import (
	"errors"

	"github.com/jauap/jauap/envelope"
)

// A stamp stands among the units with its tag, so that there is one for a token, and
// besides in a chain of those for its envelope.

func (x *index) stamps(id envelope.ID) uint32 { return x.byStamp.find(x, id, provesOf) }

// stamp puts a slot that holds a stamp into the chain of its envelope.
func (x *index) stamp(slot uint32) {
	u := x.at(slot)
	h := x.hash(u.proves)
	if u.beside = x.byStamp.findHash(x, h, u.proves, provesOf); u.beside != 0 {
		x.byStamp.replace(h, u.beside, slot)
	} else {
		x.byStamp.insert(h, slot)
	}
}

// unstamp takes it out.
func (x *index) unstamp(slot uint32) {
	u := x.at(slot)
	h := x.hash(u.proves)
	switch first := x.byStamp.findHash(x, h, u.proves, provesOf); {
	case first == slot && u.beside == 0:
		x.byStamp.remove(h, slot)
	case first == slot:
		x.byStamp.replace(h, slot, u.beside)
	default:
		for p := first; p != 0; p = x.at(p).beside {
			if x.at(p).beside == slot {
				x.at(p).beside = u.beside
				break
			}
		}
	}
}

// proven says whether a proof of the envelope is here whose key was seen to be its.
func (x *index) proven(id envelope.ID) bool {
	for slot := x.proofs(id); slot != 0; slot = x.at(slot).next {
		if x.at(slot).flags&sureFlag != 0 {
			return true
		}
	}
	return false
}

// judgeStamp decides whether a stamp may stand beside what is here. Nothing proves a
// stamp delivered, so what says that it does goes.
func (s *Shelf) judgeStamp(u *unit) (gone []envelope.ID, err error) {
	if s.x.proven(u.proves) {
		return nil, ErrDone
	}
	if s.x.tagged(u.tag) != 0 {
		return nil, ErrTaken
	}
	if slot := s.x.find(u.proves); slot != 0 && !s.x.at(slot).class.Stampable() {
		return nil, ErrBogus
	}
	alike := 0
	for slot := s.x.stamps(u.proves); slot != 0; slot = s.x.at(slot).beside {
		if alike++; alike >= maxAlike {
			return nil, ErrTaken
		}
	}
	for slot := s.x.proofs(u.id); slot != 0; slot = s.x.at(slot).next {
		gone = append(gone, s.x.at(slot).id)
	}
	return gone, nil
}

// stampsOf lists the stamps of an envelope.
func (s *Shelf) stampsOf(id envelope.ID) (list []envelope.ID) {
	for slot := s.x.stamps(id); slot != 0; slot = s.x.at(slot).beside {
		list = append(list, s.x.at(slot).id)
	}
	return list
}

// useless drops the stamps of an envelope that turned out to be proven when it came.
func (s *Shelf) useless(id envelope.ID) (err error) {
	for _, stamp := range s.stampsOf(id) {
		if slot := s.x.find(stamp); slot != 0 {
			err = errors.Join(err, s.makeSpaceToDrop(), s.drop(slot))
		}
	}
	return err
}

// Stamped says whether a stamp of the unit is here, and may be.
func (s *Shelf) Stamped(id envelope.ID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.x.stamps(id) != 0
}
