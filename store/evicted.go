package store

import (
	"encoding/binary"

	"github.com/jauap/jauap/envelope"
)

// Evicted is what is remembered of a unit that went for want of room.
type Evicted struct {
	ID envelope.ID
	// Rank is the best that it ever went with; 0, which no unit that may go has, of what is
	// proven delivered: the proof went.
	Rank  uint8
	Times uint8 // how often it went; 255 stands for more
}

// evictions are the units that went lately, so that they need not come again. It is a
// cache and only in memory: ways entries for each place, the newest first. Who makes
// ids that fall on one place makes it forget, and a unit comes once more.
type evictions struct {
	all []Evicted // empty until something goes
	n   int       // its length then: a multiple of ways
}

const (
	ways          = 4
	evictedFor    = 512     // bytes of quota for each entry, of 18 bytes
	maxEvictions  = 1 << 16 // entries
	evictionsLeft = 255     // Times ends there
)

func newEvictions(quota int64) evictions {
	return evictions{n: int(min(max(quota/evictedFor, ways), maxEvictions)) / ways * ways}
}

// place is where the unit would be remembered. Ids are hashes.
func (v *evictions) place(id envelope.ID) []Evicted {
	k := int(binary.BigEndian.Uint32(id[:])%uint32(v.n/ways)) * ways
	return v.all[k : k+ways]
}

// of is what is remembered of the unit; Times is 0 if that is nothing.
func (v *evictions) of(id envelope.ID) Evicted {
	if v.all == nil {
		return Evicted{}
	}
	for _, e := range v.place(id) {
		if e.Times > 0 && e.ID == id {
			return e
		}
	}
	return Evicted{}
}

// note that a unit went.
func (v *evictions) note(id envelope.ID, rank uint8) {
	if v.all == nil {
		v.all = make([]Evicted, v.n)
	}
	place := v.place(id)
	e, at := Evicted{ID: id, Rank: rank}, ways-1
	for k, old := range place {
		if old.Times > 0 && old.ID == id {
			e, at = old, k
			e.Rank = min(e.Rank, rank)
		}
	}
	if e.Times < evictionsLeft {
		e.Times++
	}
	copy(place[1:at+1], place[:at])
	place[0] = e
}

// evicted notes that a unit goes for want of room, and with a proof what it proves.
func (s *Shelf) evicted(u *unit) {
	s.gone.note(u.id, u.rank)
	if u.class == envelope.Done && u.flags&sureFlag != 0 {
		s.gone.note(u.proves, 0)
	}
}

// Evicted is what is remembered of a unit that went for want of room since Open; Times
// is 0 where nothing is. The unit may be here again.
func (s *Shelf) Evicted(id envelope.ID) Evicted {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.gone.of(id)
}

// EachEvicted calls take for all that is remembered of units that are not here. take
// must not use the shelf.
func (s *Shelf) EachEvicted(take func(Evicted)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.gone.all {
		if e.Times > 0 && s.x.find(e.ID) == 0 {
			take(e)
		}
	}
}
