package embedded

import (
	"sort"
	"sync"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/relay"
)

// lines is the order of arrival slot by slot, so that a client who takes two
// slots of 256 costs no walk over all units. It may name units that are gone:
// who reads it asks the shelf; sweep clears them away.
type lines struct {
	mu   sync.RWMutex
	slot [256][]place
}

// place is one unit in its slot's line.
type place struct {
	seq uint64
	id  envelope.ID
}

// fewSlots is up to how many slots lines are merged. Whoever takes more is
// served from the whole order.
const fewSlots = 8

// add puts a unit behind all others of its slot. Numbers must rise.
func (l *lines) add(slot relay.Slot, seq uint64, id envelope.ID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.slot[slot] = append(l.slot[slot], place{seq, id})
}

// page answers up to max places of the slots in order, above after and not
// above top.
func (l *lines) page(slots []relay.Slot, after, top uint64, max int) []place {
	l.mu.RLock()
	defer l.mu.RUnlock()
	rest := make([][]place, 0, fewSlots)
	for _, n := range slots {
		line := l.slot[n]
		at := sort.Search(len(line), func(i int) bool { return line[i].seq > after })
		rest = append(rest, line[at:])
	}
	var found []place
	for len(found) < max {
		first := -1
		for i, r := range rest {
			if len(r) > 0 && r[0].seq <= top && (first < 0 || r[0].seq < rest[first][0].seq) {
				first = i
			}
		}
		if first < 0 {
			break
		}
		found = append(found, rest[first][0])
		rest[first] = rest[first][1:]
	}
	return found
}

// sweep forgets places of units that are gone.
func (l *lines) sweep(alive func(place) bool) {
	for n := range l.slot {
		l.mu.RLock()
		old := l.slot[n]
		l.mu.RUnlock()
		kept := make([]place, 0, len(old))
		for _, p := range old {
			if alive(p) {
				kept = append(kept, p)
			}
		}
		if len(kept) == len(old) {
			continue
		}
		l.mu.Lock()
		l.slot[n] = append(kept, l.slot[n][len(old):]...) // with what came meanwhile
		l.mu.Unlock()
	}
}

// few are the slots of a set, if they are few.
func few(set relay.Slots) (slots []relay.Slot, ok bool) {
	for n := range 256 {
		if set.Has(relay.Slot(n)) {
			if slots = append(slots, relay.Slot(n)); len(slots) > fewSlots {
				return nil, false
			}
		}
	}
	return slots, true
}
