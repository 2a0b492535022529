package dns

import (
	"context"
	"time"

	"github.com/jauap/jauap/link"
	"github.com/jauap/jauap/link/dns/wire"
)

// Cursor is how far a Pull came: a relay's epoch and a mark in it. The zero value
// is the beginning.
type Cursor struct {
	Epoch uint32
	Mark  uint64
}

// Want says what a Pull is for.
type Want struct {
	From   Cursor
	Large  bool    // units of 1,024 bytes and more; else all smaller ones
	Mine   bool    // also what this tunnel brought
	Shards []uint8 // at most wire.MaxShards; none means all
}

// pull is a Want under way.
type pull struct {
	Want
	got  chan struct{} // something is ready; room for one
	over chan error    // room for one
}

// downState is what is being taken. Tunnel.mu guards it.
type downState struct {
	pull    *pull
	gen     uint8 // of the Open that counts
	opened  bool
	life    int    // of the numbers
	since   uint16 // the newest count that was used when it showed
	at      Cursor
	passed  int // all numbers before it came, counted on beyond eight bits
	came    uint64
	asked   [askedMost]asked
	gathers map[uint8]*parts
	ready   []whole
	pause   time.Time // the relay has nothing to send before
}

// asked tells how far the stream was when a query left: what its answer holds has
// a number from then on, or at most a window before.
type asked struct {
	count  uint16
	life   int
	passed int
}

// askedMost is how many queries are remembered so; an answer to an older one says
// nothing of the stream.
const askedMost = 1024

// note remembers how far the stream is when a query leaves.
func (s *downState) note(count uint16) {
	s.asked[count%askedMost] = asked{count, s.life, s.passed}
}

// place tells how far ahead of the first missing one a number of an answer is.
func (s *downState) place(no uint8, count uint16) (ahead int, ok bool) {
	a := s.asked[count%askedMost]
	if a.count != count {
		return 0, false
	}
	from := -wire.Window // before the stream was open
	if a.life == s.life {
		from += a.passed
	}
	ahead = from + int(no-uint8(from)) - s.passed
	return ahead, ahead >= 0 && ahead < wire.Window
}

// whole is a unit that came and was not given out yet; nil when there is none
// under its number.
type whole struct {
	no   uint8
	unit []byte
	life int
}

// Pull takes what the relay has behind a cursor until nothing is left, and
// answers how far it came: also with an error, so that the next one goes on
// there. take gets untrusted bytes, which are its own.
func (t *Tunnel) Pull(ctx context.Context, w Want, take func(unit []byte) error) (Cursor, error) {
	select {
	case t.turns <- struct{}{}: // one at a time
		defer func() { <-t.turns }()
	case <-ctx.Done():
		return w.From, ctx.Err()
	case <-t.ctx.Done():
		return w.From, ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return w.From, err
	}
	p := &pull{Want: w, got: make(chan struct{}, 1), over: make(chan error, 1)}
	t.mu.Lock()
	t.down = downState{pull: p, gen: t.down.gen + 1, life: t.down.life, at: w.From, gathers: map[uint8]*parts{}}
	t.mu.Unlock()
	t.wake()
	for {
		var err error
		select {
		case err = <-p.over:
		case <-ctx.Done():
			err = ctx.Err()
		case <-t.ctx.Done():
			err = ErrClosed
		case <-p.got:
			if err = t.hand(take); err == nil {
				continue
			}
		}
		t.mu.Lock()
		defer t.mu.Unlock()
		t.down.pull = nil
		return t.down.at, err
	}
}

// hand gives out what is ready, and then says that it came.
func (t *Tunnel) hand(take func([]byte) error) error {
	for {
		t.mu.Lock()
		if len(t.down.ready) == 0 {
			t.mu.Unlock()
			t.wake()
			return nil
		}
		w := t.down.ready[0]
		t.down.ready = t.down.ready[1:]
		t.mu.Unlock()
		if w.unit != nil {
			if err := take(w.unit); err != nil {
				return err
			}
		}
		t.mu.Lock()
		t.down.arrived(w)
		t.mu.Unlock()
	}
}

// arrived counts a number as done.
func (s *downState) arrived(w whole) {
	if w.life != s.life {
		return // it was begun anew meanwhile; the unit comes again
	}
	s.came |= 1 << (w.no - uint8(s.passed))
	for s.came&1 == 1 {
		delete(s.gathers, uint8(s.passed))
		s.came >>= 1
		s.passed++
	}
	s.pause = time.Time{}
}

// heard takes an answer's part of the stream.
func (s *downState) heard(d wire.Down, newest uint16, now time.Time) {
	switch {
	case s.pull == nil:
		return
	case d.Flags&wire.FlagNone != 0:
		if s.opened && d.Count > s.since {
			s.reopen()
		}
		return
	case d.Gen != s.gen:
		return
	}
	if !s.opened {
		s.opened, s.passed, s.came, s.ready = true, 0, 0, nil
		s.life++
		s.since = newest
		clear(s.gathers)
	}
	if c := (Cursor{d.Epoch, d.Mark}); d.Epoch != s.at.Epoch || c.Mark > s.at.Mark {
		s.at = c
	}
	for _, r := range d.Runs {
		if ahead, ok := s.place(r.No, d.Count); ok && s.came>>ahead&1 == 0 {
			s.run(r)
		}
	}
	if len(d.Runs) == 0 {
		s.pause = now.Add(emptyPause)
	}
	if d.Flags&wire.FlagDry != 0 && len(s.ready) == 0 {
		select {
		case s.pull.over <- nil:
		default:
		}
	}
}

// reopen begins the stream anew at the cursor, under another number: what is still
// on its way under the old one means other units.
func (s *downState) reopen() {
	s.opened = false
	s.gen++
}

// parts is a unit that comes in blocks.
type parts struct {
	code   wire.Code // of the first block
	blocks map[int]*wire.Gather
	whole  map[int][]byte
	over   bool
}

// run takes symbols of one unit that has not come.
func (s *downState) run(r wire.Run) {
	p := s.gathers[r.No]
	if p == nil {
		p = &parts{code: r.Code.First(), blocks: map[int]*wire.Gather{}, whole: map[int][]byte{}}
		s.gathers[r.No] = p
	}
	switch {
	case p.over:
		return
	case r.Code.Unit() == 0:
		s.give(whole{no: r.No, life: s.life}, p)
		return
	case r.Code.First() != p.code:
		return
	}
	n := r.Code.N()
	g := p.blocks[n]
	if g == nil {
		g = wire.NewGather(r.Code)
		p.blocks[n] = g
	}
	for i := 0; i < len(r.Symbols) && p.whole[n] == nil; i += wire.Symbol {
		if block, ok := g.Add(r.First+uint8(i/wire.Symbol), r.Symbols[i:i+wire.Symbol]); ok {
			p.whole[n] = block
		}
	}
	if len(p.whole) < p.code.Blocks() {
		return
	}
	var unit []byte
	for i := range p.code.Blocks() {
		unit = append(unit, p.whole[i]...)
	}
	s.give(whole{r.No, unit, s.life}, p)
}

func (s *downState) give(w whole, p *parts) {
	p.over, p.blocks, p.whole = true, nil, nil
	s.ready = append(s.ready, w)
	select {
	case s.pull.got <- struct{}{}:
	default:
	}
}

// ask chooses what to say of the stream.
func (t *Tunnel) ask(now time.Time, r *route) (wire.Up, *query, bool) {
	s := &t.down
	if s.pull == nil || now.Before(s.pause) {
		return wire.Up{}, nil, false
	}
	if !s.opened {
		for _, q := range t.pending {
			if q.kind == wire.Open && !t.blind(now) {
				return wire.Up{}, nil, false // it is under way
			}
		}
		u := wire.Up{Kind: wire.Open, Gen: s.gen, Mine: s.pull.Mine, Epoch: s.at.Epoch, Mark: s.at.Mark, Shards: s.pull.Shards}
		u.Code = wire.Small()
		if s.pull.Large {
			u.Code = wire.Large()
		}
		return u, &query{}, true
	}
	return wire.Up{Kind: wire.Ask, Gen: s.gen, Room: r.room(), Cookie: t.cookie, Base: uint8(s.passed), Came: s.came}, &query{}, true
}

// Each implements link.Drop: all that the relay holds, from the beginning.
func (t *Tunnel) Each(ctx context.Context, take func(unit []byte) error) ([]link.Note, error) {
	for _, large := range []bool{false, true} {
		if _, err := t.Pull(ctx, Want{Large: large, Mine: true}, take); err != nil {
			return nil, err
		}
	}
	return nil, nil
}
