package exchange

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/jauap/jauap/envelope"
)

// Two strangers find what differs by one sketch, from the side whose nonce is
// the larger (the writer) to the other (the reader), before either lists
// anything. spec/exchange.md, 11.

// What is spent on a sketch. spec/exchange.md, 11.3 leaves it to the writer.
const (
	blockRoom  = 4 << 10 // bytes of a sketch in one frame
	earlyRoom  = 2 << 10 // of a large one, so that units come between
	earlySize  = 1024    // symbols from which on listing does not wait for them
	blockSpare = 8       // symbols beyond what is estimated
	fewApart   = 256     // up to here the estimate is trebled, beyond doubled
	fewUnits   = 32      // so many in all are listed at once
	farRank    = 2       // from here on units are strangers'
	listedSize = 20      // bytes of a unit in a HAVE
	lackSize   = 5       // of a unit in a LACK
)

// stage of a matching.
type stage uint8

const (
	unmatched  stage = iota // no sketch, or not any more: everything is listed
	judging                 // writer: the summaries are to be compared
	writing                 // writer: symbols are to be sent
	hearkening              // writer: all is said, LACK or MORE comes
	answering               // writer: all LACK came
	reading                 // reader: symbols come
	solving                 // reader: a block is complete
	asking                  // reader: more symbols are to be asked for
	lacking                 // reader: LACK is to be said
	matched                 // both know what differs
)

// matching is the state of a session's sketch.
// Its parts are named from one side's view; each side uses some.
type matching struct {
	stage  stage
	top    uint64 // the newest unit of ours that takes part
	own    summary
	key    *keyed
	row    sketch // ours; of the reader: what came
	total  int    // symbols of all blocks so far
	sent   int    // symbols that left
	lacks  map[uint64]bool
	toLack []uint64
	told   map[id]bool // what was listed before the difference was known
	credit int         // units that may be listed before
	turn   bool        // the last frame was of a large sketch: others are next
}

// sketching says whether this session offers a sketch at all.
func (s *Session) sketching() bool {
	c := &s.c
	return c.Nonce != nonce{} && s.anonymous() && !c.Serve && len(c.Shards) == 0 && c.Take.Epoch == [8]byte{}
}

// each runs over the names of our units that take part in the sketch. It answers
// false when there are too many. f must not use the shelf.
func (s *Session) each(top uint64, f func(x *id, seq uint64)) bool {
	if sh, ok := s.sh.(Namer); ok {
		n := 0
		sh.Names(0, func(x *id, seq uint64, c envelope.Class, size int) bool {
			if seq > top {
				return false
			}
			if n++; n > maxSketched {
				return false
			}
			if listable(c, size) {
				f(x, seq)
			}
			return true
		})
		return n <= maxSketched
	}
	return s.eachItem(top, func(it *Item) { f(&it.ID, it.Seq) })
}

// eachItem is each of all that the shelf says of the units. f must not use the shelf.
func (s *Session) eachItem(top uint64, f func(it *Item)) bool {
	n := 0
	for at := uint64(0); ; {
		page := s.sh.Since(at, pageItems)
		if len(page) == 0 {
			return true
		}
		if n += len(page); n > maxSketched {
			return false
		}
		for i := range page {
			if at = page[i].Seq; at > top {
				return true
			}
			if listable(page[i].Class, page[i].Size) {
				f(&page[i])
			}
		}
	}
}

// summarize puts our summary into HELLO, when the shelf is worth a sketch.
func (s *Session) summarize() {
	if !s.sketching() {
		return
	}
	m := &s.match
	m.own = summary{nonce: s.c.Nonce}
	k := newKeyed(s.c.Nonce, nonce{})
	ok := s.each(^uint64(0), func(x *id, seq uint64) {
		m.own.add(k.hash(x))
		m.top = seq
	})
	if ok && m.own.count >= minSketched {
		s.hi.summary = &m.own
		s.begun(k)
	}
}

// beginMatching decides by both HELLOs alone, so that both sides decide alike.
func (s *Session) beginMatching() {
	m, theirs := &s.match, s.peer.summary
	if s.hi.summary == nil || theirs == nil || theirs.nonce == m.own.nonce {
		return
	}
	if s.marking() || s.peer.serve || len(s.peer.shards) > 0 || s.peer.since.Epoch != [8]byte{} {
		return
	}
	if theirs.count < minSketched || theirs.count > maxSketched {
		return
	}
	if string(m.own.nonce[:]) > string(theirs.nonce[:]) {
		m.stage, m.key = judging, newKeyed(m.own.nonce, theirs.nonce)
	} else {
		m.stage, m.key = reading, newKeyed(theirs.nonce, m.own.nonce)
	}
}

// held says whether the listing waits for the sketch.
func (m *matching) held() bool { return m.stage != unmatched && m.stage != matched }

// early says that a sketch is so large that a short meeting might end before
// it is whole: units are listed beside it, so that each meeting brings some.
func (m *matching) early() bool { return m.held() && m.total > earlySize }

// listEarly begins to list beside a large sketch.
func (s *Session) listEarly() {
	if s.match.early() && s.match.told == nil {
		s.match.told = make(map[id]bool)
		s.beginGiving()
	}
}

// plainly gives the sketch up: everything is listed.
func (s *Session) plainly() {
	begun := s.match.told != nil
	s.match = matching{}
	if !begun {
		s.beginGiving()
	}
}

// settleMatch ends the matching: only these of our units, and newer ones, are
// listed.
func (s *Session) settleMatch(units []Item) {
	top, told := s.match.top, s.match.told
	s.match = matching{stage: matched}
	s.beginGiving()
	g := &s.give
	for i := range g.groups {
		g.groups[i].cur = cursor{at: top, leg: 2}
	}
	for _, it := range units {
		if s.offers(it) && !told[it.ID] {
			s.add(s.pool(it.Class), it)
		}
	}
}

// matchFrame does and says what the matching has next; nil when it waits.
func (s *Session) matchFrame(room int) []byte {
	m := &s.match
	switch m.stage {
	case judging:
		s.judgeSummaries()
	case solving:
		s.solve()
	case answering:
		return s.answerLacks(room)
	}
	m.turn = m.early()
	switch m.stage {
	case writing:
		return s.sketchFrame(room)
	case asking:
		if m.total *= 2; m.total > maxSymbols || uint64(m.total) > m.own.count+s.peer.summary.count {
			s.plainly()
			return []byte{frameMore, 0}
		}
		m.stage = reading
		s.listEarly()
		return binary.AppendUvarint([]byte{frameMore}, uint64(m.total))
	case lacking:
		return s.lackFrame(room)
	}
	return nil
}

// endOfMatch takes note of an END. In place of a sketch it says that the
// shelves are equal; where it makes no sense, everything is listed.
func (s *Session) endOfMatch() {
	switch m := &s.match; m.stage {
	case unmatched, matched, lacking, answering: // all was said that END needs
	case reading:
		if m.total == 0 {
			s.settleMatch(nil)
			return
		}
		s.plainly()
	default:
		s.plainly()
	}
}

// judgeSummaries compares the far end's summary with one of our units under
// its nonce, and makes the first block as large as the difference looks.
func (s *Session) judgeSummaries() {
	m, theirs := &s.match, s.peer.summary
	mine := summary{nonce: theirs.nonce}
	k := newKeyed(theirs.nonce, nonce{})
	shorts := make([]uint64, 0, m.own.count)
	s.each(m.top, func(x *id, _ uint64) {
		mine.add(k.hash(x))
		shorts = append(shorts, m.key.short(x))
	})
	apart := mine.apart(theirs)
	if apart == 0 {
		s.settleMatch(nil)
		return
	}
	size := blockSpare + 2*apart + min(apart, fewApart)
	units := int(mine.count + theirs.count)
	m.stage = writing
	if units <= fewUnits || size > maxSymbols || size*symbolSize+3*apart >= (units-min(apart, units))*listedSize {
		return // no symbols: list everything
	}
	m.total, m.row = size, make(sketch, size)
	for _, h := range shorts {
		m.row.toggle(h)
	}
	s.listEarly()
}

// sketchFrame sends a piece of a block, or says that there will be none.
func (s *Session) sketchFrame(room int) []byte {
	m := &s.match
	b := binary.AppendUvarint([]byte{frameSketch}, uint64(m.total))
	if m.total == 0 {
		s.plainly()
		return b
	}
	if m.row == nil {
		m.row = make(sketch, m.total)
		s.each(m.top, func(x *id, _ uint64) { m.row.toggle(m.key.short(x)) })
	}
	most := blockRoom
	if m.early() {
		most = earlyRoom
	}
	n := min((min(room, most)-len(b))/symbolSize, m.total-m.sent)
	m.credit += perEarly
	for _, p := range m.row[m.sent : m.sent+n] {
		b = appendSymbol(b, p)
	}
	if m.sent += n; m.sent == m.total {
		m.stage, m.row = hearkening, nil
	}
	return b
}

func (s *Session) onSketch(f *fields) error {
	m := &s.match
	if !m.held() {
		return nil // never begun, or given up while this was on its way
	}
	total := f.uvarint()
	switch {
	case m.stage != reading || f.bad || len(f.b)%symbolSize != 0:
		return fmt.Errorf("%w: SKETCH out of place or malformed", ErrProtocol)
	case total == 0 && len(f.b) == 0:
		s.plainly()
		return nil
	case total > maxSymbols && m.total == 0:
		// More than we would ever use: it may be meant well.
		m.total, m.stage = maxSymbols, asking
		return nil
	case m.total == 0:
		m.total = int(total)
		s.listEarly()
	}
	n := len(f.b) / symbolSize
	if total != uint64(m.total) || n == 0 || n > m.total-len(m.row) {
		return fmt.Errorf("%w: SKETCH of another size than was said", ErrProtocol)
	}
	for range n {
		m.row = append(m.row, f.symbol())
	}
	m.credit += perEarly
	if len(m.row) == m.total {
		m.stage = solving
	}
	return nil
}

// solve looks for the difference once a block is complete.
func (s *Session) solve() {
	m := &s.match
	type unit struct{ short, seq uint64 }
	units := make([]unit, 0, m.own.count)
	diff := make(sketch, m.total)
	copy(diff, m.row)
	s.each(m.top, func(x *id, seq uint64) {
		short := m.key.short(x)
		diff.toggle(short)
		units = append(units, unit{short, seq})
	})
	apart, ok := diff.solve()
	if !ok {
		m.stage = asking
		return
	}
	var mine []Item
	for _, u := range units {
		if !apart[u.short] {
			continue
		}
		apart[u.short] = false
		mine = s.appendItem(mine, u.seq)
	}
	if r, ok := s.sh.(Refuser); ok {
		r.Refusals(func(x id) { delete(apart, m.key.short(&x)) })
	}
	var lacks []uint64
	for short, theirs := range apart {
		if theirs {
			lacks = append(lacks, short>>(48-8*lackSize))
		}
	}
	slices.Sort(lacks)
	s.settleMatch(mine)
	m.stage, m.toLack = lacking, slices.Compact(lacks)
}

// appendItem appends our unit with this number, if it is still here.
func (s *Session) appendItem(list []Item, seq uint64) []Item {
	for _, it := range s.sh.Since(seq-1, 1) {
		if it.Seq == seq {
			list = append(list, it)
		}
	}
	return list
}

// lackFrame names what the far end has and we lack.
func (s *Session) lackFrame(room int) []byte {
	m := &s.match
	n := min((min(room, blockRoom)-2)/lackSize, len(m.toLack))
	b := []byte{frameLack, 0}
	if n == len(m.toLack) {
		b[1], m.stage = lackLast, matched
	}
	for _, x := range m.toLack[:n] {
		b = append(b, byte(x>>32))
		b = binary.BigEndian.AppendUint32(b, uint32(x))
	}
	m.toLack = m.toLack[n:]
	return b
}

func (s *Session) onLack(f *fields) error {
	m := &s.match
	if !m.held() {
		return nil
	}
	flags := f.u8()
	if m.stage != hearkening || f.bad || flags&^lackLast != 0 || len(f.b)%lackSize != 0 {
		return fmt.Errorf("%w: LACK out of place or malformed", ErrProtocol)
	}
	if m.lacks == nil {
		m.lacks = make(map[uint64]bool)
	}
	for last := int64(-1); len(f.b) > 0; {
		p := f.take(lackSize)
		x := uint64(p[0])<<32 | uint64(binary.BigEndian.Uint32(p[1:]))
		if int64(x) <= last || len(m.lacks) >= m.total {
			return fmt.Errorf("%w: LACK does not rise or has too many", ErrProtocol)
		}
		last, m.lacks[x] = int64(x), true
	}
	if flags&lackLast != 0 {
		m.stage = answering
	}
	return nil
}

func (s *Session) onMore(f *fields) error {
	m := &s.match
	if !m.held() {
		return nil
	}
	total := f.uvarint()
	switch {
	case m.stage != hearkening || m.lacks != nil || f.bad || len(f.b) > 0:
		return fmt.Errorf("%w: MORE out of place or malformed", ErrProtocol)
	case total == 0:
		s.plainly()
	case total > maxSymbols || total < uint64(m.total+m.total/2):
		// Each block costs a walk over the shelf: there must not be many.
		return fmt.Errorf("%w: MORE asks for %d symbols after %d", ErrProtocol, total, m.total)
	default:
		m.total, m.stage = int(total), writing
		s.listEarly()
	}
	return nil
}

// answerLacks lists what the far end lacks. Small ones come unasked, as many
// as a first flight may have, and so do those that left in an earlier meeting and did not
// arrive.
func (s *Session) answerLacks(room int) []byte {
	m, g := &s.match, &s.give
	var seqs []uint64
	s.each(m.top, func(x *id, seq uint64) {
		if m.lacks[m.key.short(x)>>(48-8*lackSize)] {
			seqs = append(seqs, seq)
		}
	})
	units := make([]Item, 0, len(seqs))
	for _, seq := range seqs {
		units = s.appendItem(units, seq)
	}
	units = slices.DeleteFunc(units, func(it Item) bool { return m.told[it.ID] || !s.offers(it) })
	s.settleMatch(units)
	if g.flown == nil {
		g.flown = make(map[id]*given)
	}
	left := s.c.First
	for _, u := range g.flown {
		left -= u.item.Size
	}
	s.sort(units)
	most := min(firstUnits-len(g.flown), (room-12)/entrySize, s.limit()-len(g.open))
	var fly []Item
	for _, it := range units {
		if len(fly) >= most || it.Size > left || !s.flies(it) && !s.lost(it) {
			break
		}
		if g.flown[it.ID] == nil {
			left -= it.Size
			fly = append(fly, it)
		}
	}
	return s.fly(fly)
}
