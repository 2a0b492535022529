package relay

import (
	"container/list"
	"sync"
	"time"

	"github.com/jauap/jauap/envelope"
)

// partials holds the beginnings of large units whose deposit was cut, so that
// the next connection, whosoever it is, goes on at the byte. They live in
// memory: after a restart of the relay such a unit begins anew.
//
// A beginning may be poison: bytes that do not belong to the id. Nobody can
// tell before the whole is there; then it is thrown away, and the depositor
// who was fooled assembles the unit alone (see assembly in shelf.go).
type partials struct {
	max int64

	mu   sync.Mutex
	byID map[envelope.ID]*partial
	idle *list.List // of those without a holder, oldest first
	used int64      // bytes of all, also of those assembled alone
}

// partial is one unit's beginning.
type partial struct {
	id    envelope.ID
	data  []byte
	held  bool      // a session is adding to it
	until time.Time // how long its holder keeps others waiting
	place *list.Element
}

func newPartials(max int64) *partials {
	return &partials{max: max, byID: map[envelope.ID]*partial{}, idle: list.New()}
}

// Times after which a slow depositor no longer keeps others from sending the
// same unit: patience plus the unit's size at slowest bytes a second.
const (
	patience = 15 * time.Second
	slowest  = 16 << 10
)

// claim asks for the right to add to a unit. free is false while somebody
// else is about it; alone says that the other had time enough, so that the
// caller may assemble the unit by itself.
func (t *partials) claim(id envelope.ID, size int, now time.Time) (p *partial, free, alone bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p = t.byID[id]
	switch {
	case p == nil:
		p = &partial{id: id}
		t.byID[id] = p
	case p.held:
		return nil, false, now.After(p.until)
	default:
		t.idle.Remove(p.place)
		p.place = nil
	}
	p.held = true
	p.until = now.Add(patience + time.Duration(size)*time.Second/slowest)
	return p, true, false
}

// grow makes room for n more bytes, at the cost of the oldest idle
// beginnings. It answers false when there is none.
func (t *partials) grow(n int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.used+int64(n) > t.max {
		oldest := t.idle.Front()
		if oldest == nil {
			return false
		}
		t.forget(oldest.Value.(*partial))
	}
	t.used += int64(n)
	return true
}

// forget removes an idle beginning. Needs t.mu.
func (t *partials) forget(p *partial) {
	t.idle.Remove(p.place)
	delete(t.byID, p.id)
	t.used -= int64(len(p.data))
}

// settle ends a claim: the unit is whole, or the bytes were wrong.
func (t *partials) settle(p *partial) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.used -= int64(len(p.data))
	p.data = nil
	if t.byID[p.id] == p {
		delete(t.byID, p.id)
	}
}

// pause ends a claim and keeps what came for whoever goes on.
func (t *partials) pause(p *partial) {
	t.mu.Lock()
	other := t.byID[p.id]
	keep := len(p.data) > 0 && (other == nil || other == p)
	if keep {
		t.byID[p.id] = p
		p.held = false
		p.place = t.idle.PushBack(p)
	}
	t.mu.Unlock()
	if !keep {
		t.settle(p)
	}
}
