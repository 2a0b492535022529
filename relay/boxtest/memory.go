package boxtest

import (
	"context"
	"crypto/rand"
	"sort"
	"sync"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/relay"
)

// Memory is a Box that forgets everything with the process.
type Memory struct {
	mu        sync.Mutex
	epoch     relay.Epoch
	top       relay.Mark
	order     []relay.Entry // by Mark
	units     map[envelope.ID]envelope.Envelope
	byTag     map[envelope.Tag]envelope.ID
	proofs    map[envelope.ID]envelope.Envelope // by the unit that they prove
	delivered map[envelope.ID]bool

	// Fail, when set, is asked before each call of Put, List, Get and Head,
	// named in lower case; its error is the call's.
	Fail func(call string) error
}

var _ relay.Box = (*Memory)(nil)

// NewMemory is an empty Box with a new epoch.
func NewMemory() *Memory {
	b := &Memory{
		units: map[envelope.ID]envelope.Envelope{}, byTag: map[envelope.Tag]envelope.ID{},
		proofs: map[envelope.ID]envelope.Envelope{}, delivered: map[envelope.ID]bool{},
	}
	_, _ = rand.Read(b.epoch[:]) // never fails: crypto/rand
	return b
}

func (b *Memory) fail(call string) error {
	if b.Fail == nil {
		return nil
	}
	return b.Fail(call)
}

// Head tells the epoch and the newest mark.
func (b *Memory) Head(context.Context) (relay.Head, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return relay.Head{Epoch: b.epoch, Top: b.top}, b.fail("head")
}

// Judge tells what Put would answer.
func (b *Memory) Judge(_ context.Context, d relay.Deposit) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.judge(d)
}

func (b *Memory) judge(d relay.Deposit) error {
	e := d.Unit
	id := e.ID()
	if e.Expiry() < d.Today {
		return relay.ErrExpired
	}
	if b.delivered[id] {
		return relay.ErrDelivered
	}
	switch other, taken := b.byTag[e.Tag()]; {
	case e.Class() == envelope.Done:
		if u, ok := b.units[e.Proves()]; ok && u.Key() != e.Key() {
			return relay.ErrBogus
		}
	case e.Class() != envelope.S0 && taken && other != id:
		return relay.ErrTaken
	}
	if p, ok := b.proofs[id]; ok && p.Key() == e.Key() {
		return relay.ErrDelivered
	}
	return nil
}

// Put takes units.
func (b *Memory) Put(_ context.Context, units []relay.Deposit) ([]error, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.fail("put"); err != nil {
		return nil, err
	}
	results := make([]error, len(units))
	for i, d := range units {
		switch results[i] = b.judge(d); results[i] {
		case nil:
			b.put(d.Unit)
		case relay.ErrDelivered:
			b.delivered[d.Unit.ID()] = true // its proof was seen to be true
		}
	}
	return results, nil
}

func (b *Memory) put(e envelope.Envelope) {
	id := e.ID()
	if _, ok := b.units[id]; ok {
		return
	}
	if e.Class() == envelope.Done {
		b.proofs[e.Proves()] = e
		if _, ok := b.units[e.Proves()]; ok {
			b.drop(e.Proves())
			b.delivered[e.Proves()] = true
		}
	} else {
		if p, ok := b.proofs[id]; ok { // of another key, as judge saw
			b.drop(p.ID())
		}
		b.byTag[e.Tag()] = id
	}
	b.units[id] = e
	b.top++
	b.order = append(b.order, relay.Entry{ID: id, Class: e.Class(), Slot: e.Shard(),
		Size: len(e.Bytes()), Expiry: e.Expiry(), Mark: b.top})
}

// List tells what is above a mark.
func (b *Memory) List(_ context.Context, after relay.Mark, slots relay.Slots, max int) ([]relay.Entry, relay.Mark, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.fail("list"); err != nil {
		return nil, after, err
	}
	var found []relay.Entry
	at := sort.Search(len(b.order), func(i int) bool { return b.order[i].Mark > after })
	for _, e := range b.order[at:] {
		if len(found) == max {
			return found, after, nil
		}
		after = e.Mark
		if slots.Has(e.Slot) {
			found = append(found, e)
		}
	}
	return found, after, nil
}

// Get reads bytes of a unit.
func (b *Memory) Get(_ context.Context, id envelope.ID, off, n int) ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.fail("get"); err != nil {
		return nil, err
	}
	if b.delivered[id] {
		return nil, relay.ErrDelivered
	}
	e, ok := b.units[id]
	if !ok {
		return nil, relay.ErrMissing
	}
	raw := e.Bytes()
	off = min(off, len(raw))
	return raw[off:min(off+n, len(raw))], nil
}

// Drop removes a unit.
func (b *Memory) Drop(_ context.Context, id envelope.ID) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.drop(id)
	return nil
}

func (b *Memory) drop(id envelope.ID) {
	e, ok := b.units[id]
	if !ok {
		return
	}
	delete(b.units, id)
	if e.Class() == envelope.Done {
		delete(b.proofs, e.Proves())
	} else {
		delete(b.byTag, e.Tag())
	}
	for i := range b.order {
		if b.order[i].ID == id {
			b.order = append(b.order[:i:i], b.order[i+1:]...)
			return
		}
	}
}

// Expire removes what is over.
func (b *Memory) Expire(_ context.Context, today envelope.Day) (n int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for id, e := range b.units {
		if e.Expiry() < today {
			b.drop(id)
			n++
		}
	}
	return n, nil
}
