package dns

import (
	"context"
	"encoding/binary"
	"errors"
	"time"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/link/dns/wire"
	"github.com/jauap/jauap/relay"
)

const (
	listStep   = 512
	listSteps  = 4  // for one message
	largeAtAll = 16 // units of 1,024 bytes and more under way
	// againAfter is how long the client may take to say that a unit came before
	// more of it is sent.
	againAfter = 250 * time.Millisecond
	gaveMost   = 16 // answers that can be repeated
)

// stream is what one client is given, in the order of marks.
type stream struct {
	opened  bool
	gen     uint8
	acked   uint16 // count of the newest Ask that was believed
	code    wire.Code
	slots   relay.Slots
	mine    map[envelope.ID]bool // not to be given back; nil: all is wanted
	epoch   uint32
	listed  relay.Mark // looked at
	mark    relay.Mark // all up to here came
	end     bool       // nothing was behind listed
	next    uint8      // number of the next unit
	entries []entry
	gave    [gaveMost]given
}

// entry is a unit under way.
type entry struct {
	no   uint8
	mark relay.Mark
	id   envelope.ID
	code wire.Code // of the first block
	lap  int       // how often all was sent
	sent int       // symbols of this lap, block after block
	at   time.Time
	gone bool
	came bool
}

// all is how many symbols one lap has.
func (e *entry) all() int {
	if e.gone {
		return 1
	}
	return e.code.K() * e.code.Blocks()
}

// open begins a stream anew, unless it is the one that runs or came late from
// before it.
func (s *stream) open(ctx context.Context, box relay.Box, u wire.Up, mine map[envelope.ID]bool) {
	if s.opened && int8(u.Gen-s.gen) <= 0 {
		return
	}
	head, err := box.Head(ctx)
	if err != nil {
		return // the client asks again
	}
	*s = stream{opened: true, gen: u.Gen, code: u.Code, mine: mine, epoch: binary.BigEndian.Uint32(head.Epoch[:])}
	if u.Mine {
		s.mine = nil
	}
	if u.Epoch == s.epoch {
		s.mark = relay.Mark(u.Mark)
		s.listed = s.mark
	}
	s.slots = relay.Slots{}
	if len(u.Shards) == 0 {
		s.slots = relay.Slots{^uint64(0), ^uint64(0), ^uint64(0), ^uint64(0)}
	} else {
		s.slots = relay.SlotsOf(u.Shards...).Plus(relay.SlotsOf(0))
	}
}

// ack takes the client's word for what came. A word that was overtaken by a newer
// one is not believed: numbers have eight bits, and by an old base what is under
// way now would look like what came long ago.
func (s *stream) ack(u wire.Up) {
	if !s.opened || u.Gen != s.gen || u.Count <= s.acked {
		return
	}
	s.acked = u.Count
	for i := range s.entries {
		ahead := int8(s.entries[i].no - u.Base)
		if ahead < 0 || u.Came>>uint(ahead)&1 == 1 {
			s.entries[i].came = true
		}
	}
	s.advance()
}

func (s *stream) advance() {
	n := 0
	for n < len(s.entries) && s.entries[n].came {
		s.mark = s.entries[n].mark
		n++
	}
	s.entries = s.entries[n:]
	if len(s.entries) == 0 {
		s.mark = s.listed
	}
}

// most is how many units are under way at once.
func (s *stream) most() int {
	if s.code == wire.Large() {
		return largeAtAll
	}
	return wire.Window
}

// wanted tells the code of an entry that belongs to the stream: one of small units,
// or one of large ones.
func (s *stream) wanted(e relay.Entry) (wire.Code, bool) {
	c, ok := wire.CodeOf(e.Size)
	large := e.Size >= wire.Block
	return c, ok && large == (s.code == wire.Large()) && !s.mine[e.ID]
}

// list looks for more.
func (s *stream) list(ctx context.Context, box relay.Box) error {
	for range listSteps {
		room := s.most() - len(s.entries)
		if room <= 0 {
			return nil
		}
		found, upto, err := box.List(ctx, s.listed, s.slots, listStep)
		if err != nil {
			return err
		}
		for _, e := range found {
			c, ok := s.wanted(e)
			if ok && room == 0 {
				return nil
			}
			if s.listed = e.Mark; ok {
				s.entries = append(s.entries, entry{no: s.next, mark: e.Mark, id: e.ID, code: c})
				s.next++
				room--
			}
		}
		if s.end = upto <= s.listed && len(found) == 0; s.end {
			break
		}
		s.listed = upto
	}
	if len(s.entries) == 0 {
		s.mark = s.listed
	}
	return nil
}

// given is what one answer held of a stream.
type given struct {
	count uint16
	runs  []wire.Run // without symbols; n stands in lens
	lens  []int
}

// remember notes the runs of an answer, for a resolver that asks again.
func (s *stream) remember(d *wire.Down) {
	g := given{count: d.Count}
	for _, r := range d.Runs {
		g.lens = append(g.lens, len(r.Symbols)/wire.Symbol)
		r.Symbols = nil
		g.runs = append(g.runs, r)
	}
	s.gave[d.Count%gaveMost] = g
}

// repeat gives the same again, as far as it was not confirmed since.
func (s *stream) repeat(ctx context.Context, box relay.Box, room int, d *wire.Down) error {
	g := s.gave[d.Count%gaveMost]
	if g.count != d.Count {
		return nil
	}
	for i, r := range g.runs {
		for k := range s.entries {
			e := &s.entries[k]
			if e.no != r.No || e.came {
				continue
			}
			size := wire.RunHead + g.lens[i]*wire.Symbol
			if room -= size; room < 0 {
				return nil
			}
			if r.Code.Unit() != 0 {
				raw, err := box.Get(ctx, e.id, r.Code.N()*wire.Block, r.Code.Size())
				if err != nil {
					return err
				}
				r.Symbols = symbols(r.Code, raw, r.First, g.lens[i])
			}
			d.Runs = append(d.Runs, r)
		}
	}
	return nil
}

func symbols(c wire.Code, block []byte, first uint8, n int) (b []byte) {
	spread := wire.NewSpread(c, block)
	for i := range n {
		b = spread.Append(b, first+uint8(i))
	}
	return b
}

// fill puts into an answer what there is room for, and says where the stream is;
// again repeats an answer.
func (s *stream) fill(ctx context.Context, box relay.Box, room int, now time.Time, again bool, d *wire.Down) error {
	if !s.opened {
		d.Flags |= wire.FlagNone
		return nil
	}
	err := s.list(ctx, box)
	d.Gen, d.Epoch, d.Mark = s.gen, s.epoch, uint64(s.mark)
	if err != nil {
		return err
	}
	if s.end && len(s.entries) == 0 {
		d.Flags |= wire.FlagDry
	}
	if again {
		return s.repeat(ctx, box, room, d)
	}
	defer s.remember(d)
	for room > 0 {
		e := s.due(now)
		if e == nil {
			break
		}
		run, ok, err := e.run(ctx, box, room, now)
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		d.Runs = append(d.Runs, run)
		room -= wire.RunHead + len(run.Symbols)
	}
	return nil
}

// due is the unit of which symbols are sent next: the first that was not sent
// whole, then the one that waits longest for its confirmation.
func (s *stream) due(now time.Time) *entry {
	var oldest *entry
	for i := range s.entries {
		e := &s.entries[i]
		switch {
		case e.came:
		case e.sent < e.all():
			return e
		case now.Sub(e.at) >= againAfter && (oldest == nil || e.at.Before(oldest.at)):
			oldest = e
		}
	}
	if oldest != nil {
		oldest.lap, oldest.sent = oldest.lap+1, 0
	}
	return oldest
}

// run takes symbols of a unit, as many as there is room for.
func (e *entry) run(ctx context.Context, box relay.Box, room int, now time.Time) (r wire.Run, ok bool, err error) {
	k := e.code.K()
	block, done := e.sent/k, e.sent%k
	n := min((room-wire.RunHead)/wire.Symbol, k-done)
	if n <= 0 {
		return r, false, nil
	}
	e.at = now
	if !e.gone {
		raw, err := box.Get(ctx, e.id, block*wire.Block, e.code.Size())
		switch {
		case err == nil:
			// Each lap goes on with the next k of the 256 symbols.
			r = wire.Run{No: e.no, Code: e.code + wire.Code(block), First: uint8(e.lap*k + done)}
			r.Symbols = symbols(r.Code, raw, r.First, n)
			e.sent += n
			return r, true, nil
		case !errors.Is(err, relay.ErrMissing) && !errors.Is(err, relay.ErrDelivered):
			return r, false, err
		}
		e.gone = true
	}
	e.sent = 1
	return wire.Run{No: e.no}, true, nil
}
