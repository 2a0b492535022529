package dns

import (
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"sync"

	"github.com/jauap/jauap/link/dns/wire"
)

// Source is who has units to give.
type Source interface {
	// Next is a unit of at most so many bytes to begin with; false when there is
	// none now. Unit and buffer are the tunnel's from then on.
	Next(most int) (unit []byte, ok bool)
	// Settled tells what became of one: Held, Refused, Later (the relay has no
	// room), or Under: everything was sent some times over and nobody answered.
	Settled(unit []byte, s wire.State)
}

const (
	flyMost  = 12 // uploads at once
	flyLarge = 3  // of them of 1,024 bytes and more
	// Without answers all symbols of a unit go out so often, in two turns: of 60 %
	// lost a unit of 222 bytes then comes through in 999 of 1,000 cases.
	blindTurn  = 3
	blindTurns = 2
	longName   = 240
	longAfter  = 16 // answers
)

// upload is a unit on its way.
type upload struct {
	unit    []byte
	src     Source
	blocks  []*block
	slot    uint8
	asked   bool // whether the relay has it
	turns   int  // in which all went out blindly
	settled wire.State
	over    bool
}

// block is a part of an upload.
type block struct {
	*wire.Spread
	symbol uint8 // next
	flying int   // symbols in queries that wait
	have   int   // symbols that the relay says it has
	haveAt uint16
	turn   int // symbols sent in this turn
}

func (u *upload) large() bool { return len(u.unit) >= wire.Block }

// upState is what is being given. Tunnel.mu guards it.
type upState struct {
	list    []*upload
	ended   []*upload // to be told
	slot    uint8
	sources []Source
	names   names
}

func (s *upState) empty() bool { return len(s.list) == 0 }

// forgotten: the relay knows nothing of what was sent.
func (s *upState) forgotten() {
	for _, u := range s.list {
		u.asked = false
		for _, b := range u.blocks {
			b.have, b.haveAt = 0, 0
		}
	}
}

// names tells whether long names pass.
type names struct {
	answers     int
	short, long float64
}

func (n *names) note(long, answered bool) {
	s := &n.short
	if long {
		s = &n.long
	}
	if n.answers == 0 {
		n.long = 0.5
	}
	*s *= 1 - scoreFade
	if answered {
		n.answers++
		*s += scoreFade
	}
}

// feed gives a source a place in the tunnel until ctx ends.
func (t *Tunnel) feed(src Source) (remove func()) {
	t.mu.Lock()
	t.up.sources = append(t.up.sources, src)
	t.mu.Unlock()
	t.wake()
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.up.sources = slices.DeleteFunc(t.up.sources, func(s Source) bool { return s == src })
		t.up.list = slices.DeleteFunc(t.up.list, func(u *upload) bool { return u.src == src })
		t.up.ended = slices.DeleteFunc(t.up.ended, func(u *upload) bool { return u.src == src })
	}
}

// Feed carries what a source has until ctx ends. Stir says that it has more.
func (t *Tunnel) Feed(ctx context.Context, src Source) error {
	defer t.feed(src)()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.ctx.Done():
		return ErrClosed
	}
}

// refill begins with new units where there is room. Sources are asked outside of
// the lock: they have their own.
func (t *Tunnel) refill() {
	t.mu.Lock()
	sources := slices.Clone(t.up.sources)
	t.mu.Unlock()
	for _, src := range sources {
		for {
			t.mu.Lock()
			most := t.up.room()
			t.mu.Unlock()
			if most == 0 {
				return
			}
			unit, ok := src.Next(most)
			if !ok {
				break
			}
			spreads, err := wire.Cut(unit)
			if err != nil {
				src.Settled(unit, wire.Refused)
				continue
			}
			t.mu.Lock()
			if slices.Contains(t.up.sources, src) {
				t.up.slot++
				u := &upload{unit: unit, src: src, slot: t.up.slot}
				for _, s := range spreads {
					u.blocks = append(u.blocks, &block{Spread: s})
				}
				t.up.list = append(t.up.list, u)
			}
			t.mu.Unlock()
		}
	}
}

// room is the largest unit that may be begun, in bytes; 0 for none.
func (s *upState) room() int {
	large := 0
	for _, u := range s.list {
		if u.large() {
			large++
		}
		// An answer tells of the newest States only.
		if s.slot-u.slot >= wire.States-1 {
			return 0
		}
	}
	switch {
	case len(s.list) >= flyMost:
		return 0
	case large >= flyLarge:
		return wire.Block - 1
	}
	return wire.MaxUnit
}

// settle tells sources what became of their units.
func (t *Tunnel) settle() {
	t.mu.Lock()
	ended := t.up.ended
	t.up.ended = nil
	t.mu.Unlock()
	for _, u := range ended {
		u.src.Settled(u.unit, u.settled)
	}
}

func (s *upState) end(u *upload, as wire.State) {
	if u.over {
		return
	}
	u.over, u.settled = true, as
	s.list = slices.DeleteFunc(s.list, func(o *upload) bool { return o == u })
	s.ended = append(s.ended, u)
}

// heard takes an answer's news of uploads.
func (s *upState) heard(d wire.Down, q *query) {
	for _, u := range slices.Clone(s.list) {
		if back := d.Newest - u.slot; back < wire.States && d.States[back] != wire.Under {
			s.end(u, d.States[back])
			continue
		}
		if q != nil && q.up == u && q.n > 0 && d.Slot == u.slot && d.Count >= q.block.haveAt {
			q.block.have, q.block.haveAt = int(d.Have), d.Count
		}
	}
}

// give chooses symbols to send.
func (t *Tunnel) give(r *route, blind bool) (wire.Up, *query, bool) {
	u, b := t.up.due(t.pace.loss, blind)
	if u == nil {
		return wire.Up{}, nil, false
	}
	m := wire.Up{Slot: u.slot, Code: b.Code}
	if u.large() && t.known && !blind && !u.asked {
		u.asked = true
		m.Kind = wire.Have
		h := sha256.Sum256(u.unit)
		m.ID = [16]byte(h[:])
		return m, &query{up: u, block: b}, true
	}
	n := 1
	if u.large() && !blind && t.known && r.edns > 0 {
		n = t.perName()
	}
	m.Kind = wire.Put
	for range n {
		p := wire.Piece{Index: b.symbol}
		copy(p.Symbol[:], b.Append(nil, b.symbol))
		m.Pieces = append(m.Pieces, p)
		b.symbol++
	}
	b.flying += n
	if b.turn += n; blind && u.turned() {
		if u.turns++; u.turns >= blindTurns && t.up.room() == 0 {
			t.up.end(u, wire.Under) // others wait
		}
	}
	return m, &query{up: u, block: b, n: n}, true
}

// turned tells whether enough of all blocks went out blindly, and begins anew.
func (u *upload) turned() bool {
	for _, b := range u.blocks {
		if !b.sent() {
			return false
		}
	}
	for _, b := range u.blocks {
		b.turn = 0
	}
	return true
}

func (b *block) sent() bool { return b.turn >= blindTurn*b.Code.K()+4 }

// perName is how many symbols go into one name.
func (t *Tunnel) perName() int {
	z := t.c.Address.Zone
	short, long := z.Symbols(wire.ShortName), z.Symbols(longName)
	n := &t.up.names
	switch {
	case n.answers < longAfter:
		return short
	case t.rng.IntN(explore) == 0:
		return long
	case n.long*float64(long) > n.short*float64(short):
		return long
	}
	return short
}

// cost orders blind turns: symbols of one, doubled for each that was had.
func (u *upload) cost() int {
	return len(u.blocks) * (blindTurn*u.blocks[0].Code.K() + 4) << min(u.turns, 16)
}

// due is what should send next: of the smallest upload, then of the oldest, the first
// block that lacks something. Blindly, small ones have some turns before large ones
// have their first.
func (s *upState) due(loss float64, blind bool) (best *upload, of *block) {
	for _, u := range s.list {
		switch {
		case best == nil, blind && u.cost() < best.cost(), !blind && best.large() && !u.large():
		default:
			continue
		}
		for _, b := range u.blocks {
			if blind && !b.sent() || !blind && b.need(loss, u.lacks()) > 0 {
				best, of = u, b
				break
			}
		}
	}
	return best, of
}

// lacks tells whether any block is known to lack symbols.
func (u *upload) lacks() bool {
	for _, b := range u.blocks {
		if b.have < b.Code.K() {
			return true
		}
	}
	return false
}

// need is how many more symbols to send before anything is heard of those under
// way.
func (b *block) need(loss float64, lacks bool) int {
	lack := b.Code.K() - b.have
	if lack <= 0 {
		if lacks {
			return 0
		}
		lack = 1 // all is there and we have not heard: ask by sending
	}
	return int(float64(lack)/(1-0.9*min(loss, 0.9))+0.999) - b.flying
}

// drop is a Source that is left once, for link.Drop.
type drop struct {
	next func() ([]byte, bool)
	over chan error // room for one

	mu     sync.Mutex
	peeked []byte
	again  [][]byte
	ended  bool // next has no more, or the Leave is over
	under  int
	bytes  int64
	err    error
	told   bool
}

var errRefused = errors.New("dns: the relay does not take a unit")

// Leave implements link.Drop: it returns when the relay holds everything, and
// goes on for as long as nobody answers.
func (t *Tunnel) Leave(ctx context.Context, next func() ([]byte, bool)) (int64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	s := &drop{next: next, over: make(chan error, 1)}
	remove := t.feed(s)
	defer remove()
	var err error
	select {
	case <-ctx.Done():
		err = ctx.Err()
	case <-t.ctx.Done():
		err = ErrClosed
	case err = <-s.over:
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true // next is not called any more
	return s.bytes, err
}

// Next implements Source.
func (s *drop) Next(most int) ([]byte, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.again) > 0 && len(s.again[0]) <= most {
		u := s.again[0]
		s.again = s.again[1:]
		s.under++
		return u, true
	}
	if s.peeked == nil && !s.ended {
		u, ok := s.next()
		s.ended = !ok
		if ok {
			s.peeked = append([]byte(nil), u...)
		}
	}
	if s.peeked != nil && len(s.peeked) <= most {
		u := s.peeked
		s.peeked = nil
		s.under++
		return u, true
	}
	if s.peeked != nil && len(s.peeked) > wire.MaxUnit {
		s.fail(wire.ErrUnit)
	}
	s.finish()
	return nil, false
}

// fail ends it with an error, once what is under way is settled. mu is held.
func (s *drop) fail(err error) {
	s.err, s.peeked, s.ended = errors.Join(s.err, err), nil, true
}

// finish tells Leave when nothing is left to wait for. mu is held.
func (s *drop) finish() {
	if s.ended && s.under == 0 && len(s.again) == 0 && s.peeked == nil && !s.told {
		s.told = true
		s.over <- s.err
	}
}

// Settled implements Source.
func (s *drop) Settled(unit []byte, as wire.State) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.under--
	switch as {
	case wire.Held:
		s.bytes += int64(len(unit))
	case wire.Refused:
		s.fail(errRefused)
	default:
		s.again = append(s.again, unit)
	}
	s.finish()
}
