package store

import (
	"container/heap"
)

// shared is the book of who holds how much of what may be evicted, by rank and
// by giver. It knows shares and nothing of why a unit has its rank.
type shared struct {
	on    bool
	parts [Ranks]int64
	all   int64 // of parts
	ranks [Ranks]holders
	used  [Ranks]int64
	index map[uint64]*holder
}

// holder is what one giver holds in one rank.
type holder struct {
	rank uint8
	from uint32
	cost int64
	at   int // in its heap
}

func newShared(parts [Ranks]int) shared {
	s := shared{}
	for r, p := range parts {
		s.parts[r] = int64(max(p, 0))
		s.all += s.parts[r]
	}
	if s.on = s.all > 0; s.on {
		s.index = make(map[uint64]*holder)
	}
	return s
}

// rankOf folds ranks that have no share of their own into the last one.
func rankOf(rank uint8) uint8 { return min(rank, Ranks-1) }

// add counts cost for a giver; a negative one is taken off.
func (s *shared) add(rank uint8, from uint32, cost int64) {
	if !s.on {
		return
	}
	r := rankOf(rank)
	s.used[r] += cost
	key := uint64(rank)<<32 | uint64(from)
	h := s.index[key]
	if h == nil {
		h = &holder{rank: rank, from: from}
		s.index[key] = h
		heap.Push(&s.ranks[r], h)
	}
	if h.cost += cost; h.cost > 0 {
		heap.Fix(&s.ranks[r], h.at)
		return
	}
	heap.Remove(&s.ranks[r], h.at)
	delete(s.index, key)
}

func (s *shared) total() (n int64) {
	for _, u := range s.used {
		n += u
	}
	return n
}

// excess is by how much a rank is above its share of room, counting u.
func (s *shared) excess(r uint8, u *unit, room int64) int64 {
	over := s.used[r] - max(room, 0)*s.parts[r]/s.all
	if u != nil && !u.stays() && rankOf(u.rank) == r {
		over += u.cost()
	}
	return over
}

// givable is the cost of what may go in favour of u.
func (s *shared) givable(u *unit, room int64) (n int64) {
	for r := range uint8(Ranks) {
		switch {
		case u.stays() || rankOf(u.rank) == r:
			n += s.used[r]
		default:
			n += max(s.excess(r, u, room), 0)
		}
	}
	return n
}

// heaviest is the giver whose unit goes next in favour of u: of the rank that
// is most above its share, who holds most. nil if nobody holds anything.
func (s *shared) heaviest(u *unit, room int64) *holder {
	best, most := -1, int64(0)
	for r := range uint8(Ranks) {
		if over := s.excess(r, u, room); len(s.ranks[r]) > 0 && (best < 0 || over > most) {
			best, most = int(r), over
		}
	}
	if best < 0 {
		return nil
	}
	top := s.ranks[best][0]
	if u == nil || u.stays() || rankOf(u.rank) != uint8(best) {
		return top
	}
	// With u, its giver may be the one who holds most.
	if h := s.index[uint64(u.rank)<<32|uint64(u.from)]; h != nil && h.cost+u.cost() > top.cost {
		return h
	}
	return top
}

// holders is a heap: who holds most is first, and of equals the lower number,
// so that the same history evicts the same units.
type holders []*holder

func (h holders) Len() int { return len(h) }
func (h holders) Less(i, j int) bool {
	a, b := h[i], h[j]
	if a.cost != b.cost {
		return a.cost > b.cost
	}
	if a.rank != b.rank {
		return a.rank > b.rank
	}
	return a.from < b.from
}
func (h holders) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].at, h[j].at = i, j
}
func (h *holders) Push(x any) {
	n := x.(*holder)
	n.at = len(*h)
	*h = append(*h, n)
}
func (h *holders) Pop() any {
	last := len(*h) - 1
	n := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return n
}
