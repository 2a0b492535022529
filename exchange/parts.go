package exchange

import (
	"encoding/binary"
	"fmt"
	"sort"

	"github.com/jauap/jauap/envelope"
)

// A short window must not begin with the question how much of a large unit came through
// the last one: who holds beginnings says so in HELLO, and who holds the whole goes on
// at once. spec/exchange.md, 3 and 5.

// maxParts bounds the beginnings named in HELLO.
const maxParts = 8

// Part is the beginning of a unit.
type Part struct {
	ID   envelope.ID
	Have int // bytes
}

// partKey names a unit to somebody who holds it, too, and to nobody else.
type partKey [8]byte

// parts is what HELLO says of beginnings.
type parts []struct {
	key  partKey
	have uint64
}

func (p parts) append(b []byte) []byte {
	b = append(b, byte(len(p)))
	for _, x := range p {
		b = append(b, x.key[:]...)
		b = binary.AppendUvarint(b, x.have)
	}
	return b
}

func (f *fields) parts() (p parts, err error) {
	n := int(f.u8())
	if n > maxParts {
		return nil, fmt.Errorf("%w: HELLO names %d beginnings, at most %d", ErrProtocol, n, maxParts)
	}
	p = make(parts, n)
	for i := range p {
		copy(p[i].key[:], f.take(len(partKey{})))
		p[i].have = f.uvarint()
	}
	return p, nil
}

// begun puts our beginnings into HELLO, beside a summary only: its nonce is their key.
func (s *Session) begun(k *keyed) {
	list := s.c.Parts[:min(len(s.c.Parts), maxParts)]
	if len(list) == 0 {
		return
	}
	s.part = make(map[id]int, len(list))
	s.hi.parts = make(parts, len(list))
	for i, p := range list {
		s.part[p.ID] = p.Have
		copy(s.hi.parts[i].key[:], k.hash(&p.ID)[:])
		s.hi.parts[i].have = uint64(p.Have)
	}
}

// goOn finds the units of ours whose beginnings the far end holds.
func (s *Session) goOn() {
	theirs := s.peer.parts
	if len(theirs) == 0 && !s.c.FirstLarge || s.peer.summary == nil || !s.anonymous() || s.marking() {
		return
	}
	k := newKeyed(s.peer.summary.nonce, nonce{})
	s.eachItem(^uint64(0), func(it *Item) {
		if have, ok := s.theyHave(k, it); ok {
			s.resume = append(s.resume, resumed{*it, have})
		}
	})
	sort.Slice(s.resume, func(i, j int) bool { return s.compare(s.resume[i].item, s.resume[j].item) < 0 })
}

// theyHave says that a unit of ours goes on, and from which byte. A far end that names all
// its beginnings and does not name a large one of which something left has all of it or
// nothing: nothing, so that it begins anew, if its last byte never left; else it is asked.
func (s *Session) theyHave(k *keyed, it *Item) (have int, ok bool) {
	if theirs := s.peer.parts; len(theirs) > 0 {
		key := partKey(k.hash(&it.ID)[:len(partKey{})])
		for _, p := range theirs {
			if p.key == key {
				return int(p.have), p.have > 0 && p.have < uint64(it.Size) && s.offers(*it)
			}
		}
	}
	if it.Rank != 0 || groupOf(it.Class) == 0 || !s.lost(*it) || !s.offers(*it) {
		return 0, false
	}
	if it.Whole && len(s.give.doubts) < maxParts {
		s.give.doubts = append(s.give.doubts, *it)
	}
	return 0, !it.Whole
}

// resumed is a unit that goes on where it was cut.
type resumed struct {
	item Item
	from int
}

// resumeFrame lists them as coming; nil when there are none.
func (s *Session) resumeFrame() []byte {
	list := s.resume
	s.resume = nil
	g := &s.give
	var items []Item
	for _, r := range list {
		if g.flown[r.item.ID] != nil {
			continue // it left in the first flight, from its first byte
		}
		if len(g.flown) >= firstUnits {
			break // the others are listed in their turn
		}
		if g.flown == nil {
			g.flown = make(map[id]*given)
		}
		u := s.open(r.item)
		g.flown[r.item.ID] = u
		s.enqueue(u, r.from)
		items = append(items, r.item)
	}
	if len(items) == 0 {
		return nil
	}
	return s.have(haveComing, items)
}

// beginning is how much of a unit we said to hold.
func (s *Session) beginning(it Item) (have int, ok bool) {
	if have, ok = s.part[it.ID]; !ok || have >= it.Size {
		return 0, false
	}
	return have, true
}

// doubtFrame lists, without sending them, units that left in an earlier meeting and were
// not answered: whether they arrived need not wait for a sketch.
func (s *Session) doubtFrame() []byte {
	g := &s.give
	list := g.doubts
	g.doubts = nil
	var items []Item
	for _, it := range list {
		if len(g.flown) < firstUnits && g.flown[it.ID] == nil {
			if g.flown == nil {
				g.flown = make(map[id]*given)
			}
			g.flown[it.ID] = s.open(it)
			items = append(items, it)
		}
	}
	if len(items) == 0 {
		return nil
	}
	return s.have(0, items)
}

// spareEach is how many bytes of units are worth a spare packet behind the last words.
const spareEach = 64 << 10

// Spoke says that the frame which Next answered last ended the last words in line: the loss
// of one of the packets that leave now would hold up words that are nearly there. It says so
// once for each 64 KiB, the first time after 16.
func (s *Session) Spoke() bool {
	g := &s.give
	yes := g.spoke && s.sent-g.spared >= spareEach
	if g.spoke = false; yes {
		g.spared = s.sent
	}
	return yes
}
