package store

import (
	"errors"
	"fmt"

	"github.com/jauap/jauap/envelope"
)

// room is how the quota is shared out, in bytes.
type room struct {
	quota    int64
	segment  int64 // length of journals and segments
	stepSize int64 // of a move
	lag      int64 // of journals that may wait to be drained
	largest  int64 // record that is taken
	gap      int64 // what one move may hold twice
	reserve  int64 // kept free by what is put, for moves, drops and marks
	limit    int64 // of the cost of all units here
	floor    int64 // sure for partials
	ceiling  int64 // of partials
	marked   int64 // of marks
}

func roomOf(o Options) (room, error) {
	q := o.Quota
	if q < MinQuota {
		return room{}, fmt.Errorf("%w, not %d bytes", ErrQuota, q)
	}
	r := room{quota: q}
	r.segment = min(max(q/32, 32<<10), 64<<20)
	if o.SegmentSize > 0 {
		r.segment = min(max(o.SegmentSize, 4<<10), q/32, 64<<20)
	}
	r.stepSize = min(max(r.segment/16, 64<<10), 4<<20)
	r.lag = min(q/8, 256<<20)
	r.largest = min(q/16, maxRecordSize+align)
	r.gap = max(r.segment, r.largest) + fileHeadSize
	r.marked = min(256<<10, q/64)
	r.reserve = 2*r.gap + 2*r.marked + 16<<10
	r.floor = min(q/16, 64<<20)
	r.ceiling = min(q/4, 64<<20)
	// A sixteenth may be dead, so that moving the living costs little.
	r.limit = q - r.reserve - 2*r.gap - q/16 - r.floor
	return r, nil
}

// fits says whether n more bytes may be put now.
func (s *Shelf) fits(n int64) bool { return s.disk+n <= s.quota-s.reserve }

// makeRoom evicts for the unit what goes before it, gone being what goes
// anyway. ErrFull, with nothing evicted, if that is not enough.
func (s *Shelf) makeRoom(u *unit, gone []envelope.ID) error {
	if u.total() > s.largest {
		return fmt.Errorf("%w: a unit of %d bytes is too large for its quota", ErrFull, u.size)
	}
	over := s.x.cost + u.cost() - s.limit
	for _, id := range gone {
		if slot := s.x.find(id); slot != 0 {
			over -= s.x.at(slot).cost()
		}
	}
	if over > 0 {
		if err := s.evict(u, over); err != nil {
			return err
		}
	}
	return s.makeSpace(u.total(), envelope.ID{})
}

// evict drops units of others until over bytes are free: see victim. ErrFull,
// with nothing evicted, if that cannot be.
func (s *Shelf) evict(u *unit, over int64) error {
	if s.evictable(u, over) < over {
		return ErrFull
	}
	for over > 0 {
		slot := s.victim(u)
		if slot == 0 {
			return ErrFull
		}
		v := *s.x.at(slot)
		over -= v.cost()
		if err := s.drop(slot); err != nil {
			return err
		}
		s.evicted(&v)
	}
	return nil
}

// evictable is the cost, as far as over, of what would go in favour of u.
func (s *Shelf) evictable(u *unit, over int64) int64 {
	if s.x.shared.on {
		return s.x.shared.givable(u, s.limit-s.x.cost+s.x.shared.total())
	}
	may := int64(0)
	for k := range s.x.buckets {
		if s.x.buckets[k].key > lastKey(u) || may >= over {
			break
		}
		may += s.x.buckets[k].cost
	}
	return may
}

// victim is the unit that goes next in favour of u (nil: of a lower quota), 0
// if none may. With shares it is of the rank that is most above its own, and
// there of the giver who holds most; without, of the highest rank. Then the
// nearest last day goes, then the oldest. Without shares, what has a lower
// rank than u stays, unless that is our own. The unit's own last day is not
// compared: short letters are the urgent ones and must get in.
func (s *Shelf) victim(u *unit) uint32 {
	from := uint64(0)
	last := lastKey(u)
	if s.x.shared.on {
		h := s.x.shared.heaviest(u, s.limit-s.x.cost+s.x.shared.total())
		if h == nil {
			return 0
		}
		from, last = bucketKey(false, h.rank, h.from, 0), bucketKey(false, h.rank, h.from, envelope.NoDay)
	}
	n, _ := s.x.bucketAt(from)
	if n >= len(s.x.buckets) || s.x.buckets[n].key > last {
		return 0
	}
	return s.x.buckets[n].head
}

// lastKey is that of the last bucket that goes in favour of u without shares.
func lastKey(u *unit) uint64 {
	if u == nil || u.own() {
		return staysKey - 1
	}
	return bucketKey(false, u.rank, 1<<32-1, envelope.NoDay)
}

// makeSpace brings space back on disk until n bytes may be put, at last from
// partials but one. A call rarely moves more than a segment, since Sync pays
// for it bit by bit.
func (s *Shelf) makeSpace(n int64, spare envelope.ID) error {
	for moved := int64(0); !s.fits(n); {
		m, err := s.step(true)
		if err != nil {
			return err
		}
		moved += m
		if m == 0 && !s.dropOldestPart(spare) || moved > 4*s.quota {
			return ErrFull
		}
	}
	return nil
}

// makeSpaceToDrop is makeSpace for records that let go of something: they may
// use the reserve.
func (s *Shelf) makeSpaceToDrop() error {
	err := s.makeSpace(recordHeadSize, envelope.ID{})
	if errors.Is(err, ErrFull) && s.disk+recordHeadSize <= s.quota-s.gap {
		return nil
	}
	return err
}
