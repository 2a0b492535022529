package relay

import (
	"container/list"
	"sync"
	"time"

	"github.com/jauap/jauap/envelope"
)

// partials holds the beginnings of units whose deposit was cut, so that
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
	used int64      // bytes of all, also of those assembled alone, and what keeping them costs
}

// partialCost is about what one beginning takes beside its bytes: somebody who leaves a
// byte each of many must not get more memory than max.
const partialCost = 256

// partial is one unit's beginning.
type partial struct {
	id     envelope.ID
	size   int // bytes of the whole unit
	data   []byte
	holder *shelf        // the session that adds to it; nil when idle
	moved  time.Time     // when it last grew
	until  time.Time     // how long its holder keeps others waiting at most
	place  *list.Element // in idle
	alone  bool          // of one session only, not in byID
}

func newPartials(max int64) *partials {
	return &partials{max: max, byID: map[envelope.ID]*partial{}, idle: list.New()}
}

// A holder keeps others from sending the same unit while it grows, but no
// longer than patience and the unit's size at slowest bytes a second. After
// that, or after stale without a byte, the next one goes on in its place: most
// often it is the same client, whose dead connection nobody noticed yet.
const (
	stale    = 5 * time.Second
	patience = 15 * time.Second
	slowest  = 16 << 10
)

// claim makes the session the holder of the unit's beginning and tells how
// many bytes are there; nil while somebody else is about it.
func (t *partials) claim(s *shelf, id envelope.ID, size int, now time.Time) (p *partial, have int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p = t.byID[id]
	if p != nil && p.size != size && (p.holder == nil || now.Sub(p.moved) >= stale || !now.Before(p.until)) {
		// One of the two lied about the size. Who comes now is not bound by what
		// the other left.
		t.settle(p)
		p = nil
	}
	switch {
	case p == nil:
		p = &partial{id: id, size: size}
		t.byID[id] = p
	case p.holder == nil:
		t.idle.Remove(p.place)
		p.place = nil
	case now.Sub(p.moved) < stale && now.Before(p.until):
		return nil, 0
	}
	p.holder, p.moved = s, now
	p.until = now.Add(patience + time.Duration(size)*time.Second/slowest)
	return p, len(p.data)
}

// resume makes the session the holder of a beginning that nobody holds: nil for none.
// For small units: nobody waits for another's.
func (t *partials) resume(s *shelf, id envelope.ID, size int, now time.Time) (p *partial, have int) {
	t.mu.Lock()
	free := t.byID[id] != nil && t.byID[id].holder == nil && t.byID[id].size == size
	t.mu.Unlock()
	if !free {
		return nil, 0
	}
	return t.claim(s, id, size, now)
}

// begin begins a unit that only this session knows of.
func (t *partials) begin(s *shelf, id envelope.ID, size int) *partial {
	return &partial{id: id, size: size, holder: s, alone: true}
}

// What became of an add.
type added uint8

const (
	addedSome  added = iota
	addedAll         // the unit is whole: its bytes are the answer
	addedLost        // another session holds it now
	addedNoWay       // no room, at the byte from which the session thought it stood
)

// add appends bytes that begin at byte from. Room is made at the cost of the
// oldest idle beginnings. When the unit is whole it answers its bytes and
// forgets it, as it does with one that has no room.
func (t *partials) add(s *shelf, p *partial, from int, data []byte, now time.Time) (added, []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if p.holder != s {
		return addedLost, nil
	}
	cost := len(data)
	if len(p.data) == 0 {
		cost += partialCost
	}
	if from != len(p.data) || from+len(data) > p.size || !t.room(cost) {
		t.settle(p)
		return addedNoWay, nil
	}
	t.used += int64(cost)
	p.data = append(p.data, data...)
	p.moved = now
	if len(p.data) < p.size {
		return addedSome, nil
	}
	raw := p.data
	t.settle(p)
	return addedAll, raw
}

// room makes room for n more bytes. Needs t.mu.
func (t *partials) room(n int) bool {
	for t.used+int64(n) > t.max {
		oldest := t.idle.Front()
		if oldest == nil {
			return false
		}
		t.settle(oldest.Value.(*partial))
	}
	return true
}

// settle forgets a beginning. Needs t.mu.
func (t *partials) settle(p *partial) {
	if len(p.data) > 0 {
		t.used -= int64(len(p.data)) + partialCost
	}
	p.data, p.holder = nil, nil
	if p.place != nil {
		t.idle.Remove(p.place)
		p.place = nil
	}
	if t.byID[p.id] == p {
		delete(t.byID, p.id)
	}
}

// share makes what one session assembled alone the unit's beginning, unless there is one
// that somebody adds to or that is longer. Needs t.mu.
func (t *partials) share(p *partial) {
	if old := t.byID[p.id]; old != nil {
		if old.holder != nil || old.size == p.size && len(old.data) >= len(p.data) {
			return
		}
		t.settle(old)
	}
	p.alone = false
	t.byID[p.id] = p
}

// leave ends the session's hold and keeps what came for whoever goes on.
func (t *partials) leave(s *shelf, p *partial) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if p.holder != s {
		return
	}
	if p.alone && len(p.data) > 0 {
		t.share(p)
	}
	if p.alone || len(p.data) == 0 {
		t.settle(p)
		return
	}
	p.holder = nil
	p.place = t.idle.PushBack(p)
}
