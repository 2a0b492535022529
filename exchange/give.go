package exchange

import (
	"cmp"
	"container/heap"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/jauap/jauap/envelope"
)

// Units are listed group by group; the groups are the size classes, the four
// smallest and stamps together.
const (
	groups   = 5
	bigGroup = 2 // from here on a unit takes long enough to be in the way

	horizon   = 4096    // units of a group that are put in order at a time
	wide      = 1 << 16 // the same where Config.Order orders them
	pageItems = 128     // units asked of the shelf at a time
	perHave   = 128     // units in one HAVE: small, so that DATA comes between
	perEarly  = 48      // units listed beside a frame of a sketch
	besides   = 4 << 10 // bytes of another large unit, until we hear how much of one is there
)

// groupOf is -1 for units that cannot be listed.
func groupOf(c envelope.Class) int {
	switch c {
	case envelope.Done, envelope.S0, envelope.S1, envelope.Stamp, envelope.S1b:
		return 0
	case envelope.S2, envelope.S3, envelope.S4, envelope.S5:
		return int(c - envelope.S1)
	}
	return -1
}

// given is one unit that we listed.
type given struct {
	item    Item
	number  uint64
	at      int // next byte to send
	step    *step
	asked   uint8
	queued  bool // in giver.queue
	left    bool // some of it
	behind  bool // it leaves unasked, and others are before it that may be asked for
	closed  bool // GOT came
	gone    bool // no longer on our shelf
	settled bool // refused, held or gone: counts for the mark
}

type giver struct {
	base   Mark // what was settled before
	next   uint64
	open   map[uint64]*given
	big    int // open units of large groups
	queue  sendQueue
	groups [groups]lister
	order  Order         // of Config.Order: then only the first group has units, and they are there
	flown  map[id]*given // the first flight, and what else need not wait for a sketch
	doubts []Item        // of which it is asked at once whether they arrived
	spoke  bool          // the last frame ended the last unit with words that is in line
	spared int64         // bytes of units that had left when Spoke said so last
	tracks lanes
	begun  bool
	cut    bool   // some large unit of ours left before, and nobody is known to hold it
	cutAt  Item   // the first of them
	seen   uint64 // the newest number met in our sequence
	ended  bool   // END was said and nothing listed since
	to     uint64 // what END said last
	later  bool   // the far end put something off
	// listing counts the bytes of HAVE, and wanted those of small units in the queue.
	listing int
	wanted  int64
}

// lister walks our sequence for one group.
type lister struct {
	cur  cursor
	look bool   // there may be more behind cur
	pool []Item // met, not yet listed
	raw  bool   // some of the pool is not in order
	// sorted is how many at the pool's beginning are in order.
	sorted int
}

// cursor is a place in a walk that begins at Config.From, goes on at the start
// up to From, and then takes what is new (legs 0, 1, 2).
type cursor struct {
	at, tail uint64
	leg      uint8
}

func (g *giver) waiting() int {
	n := len(g.open) + g.ordered()
	for i := range g.groups {
		n += len(g.groups[i].pool)
	}
	return n
}

// ordered is how many units wait in the order.
func (g *giver) ordered() int {
	if g.order == nil {
		return 0
	}
	return g.order.Len()
}

// marking says whether we keep a give mark for the far end.
func (s *Session) marking() bool { return s.peer.epoch != [8]byte{} }

func (s *Session) beginGiving() {
	g := &s.give
	since := &s.peer.since
	switch {
	case !s.anonymous() && since.Epoch == s.c.Epoch && since.top() <= s.c.Top:
		g.base = *since
	case s.marking() && s.c.Give.Epoch == s.peer.epoch:
		g.base = s.c.Give
	}
	if s.c.Order != nil && !s.marking() && s.anonymous() {
		g.order = s.c.Order()
	}
	g.queue.line = g.order != nil
	start := cursor{at: g.base.Seq, leg: 2}
	if s.anonymous() && !s.marking() && s.c.From > start.at {
		start = cursor{at: s.c.From}
	} else {
		s.c.From = 0
	}
	for i := range g.groups {
		g.groups[i] = lister{cur: start, look: true}
	}
	g.seen, g.begun = s.c.Top, true
}

func (s *Session) lookAgain() {
	if s.give.begun {
		for i := range s.give.groups {
			s.give.groups[i].look = true
		}
	}
}

// limit is how many units we may have open.
func (s *Session) limit() int {
	if !s.met {
		return minWindow
	}
	return min(s.c.MaxItems, s.peer.window)
}

// rank for the order of listing: a sequence that others follow has no ranks.
func (s *Session) rank(it Item) uint8 {
	if !s.anonymous() {
		return 0
	}
	return min(it.Rank, laneRanks-1)
}

// pool is the lister that a unit goes to.
func (s *Session) pool(c envelope.Class) int {
	k := groupOf(c)
	if k > 0 && s.give.order != nil {
		return 0
	}
	return k
}

// add puts a unit in line to be listed.
func (s *Session) add(k int, it Item) {
	g := &s.give
	if g.order != nil {
		g.order.Add(it)
		return
	}
	g.groups[k].pool = append(g.groups[k].pool, it)
	g.groups[k].raw = true
}

// sort puts units in the order of offering. With an Order they are all that is
// in it, and stay there.
func (s *Session) sort(units []Item) {
	o := s.give.order
	if o == nil {
		slices.SortFunc(units, s.compare)
		return
	}
	for i := range units {
		units[i], _ = o.Next()
		o.Take()
	}
	for _, it := range units {
		o.Add(it)
	}
}

// thirsty says that a lister has less than what is put in order at a time.
func (s *Session) thirsty(l *lister) bool {
	if s.give.order != nil {
		return s.give.order.Len() < wide
	}
	return len(l.pool) < horizon
}

func (s *Session) lane(it Item) int { return lane(it.Class, s.rank(it)) }

// compare orders units for listing and for sending: words first, then the smallest
// class, then rank, then oldest, beginning after From.
func (s *Session) compare(a, b Item) int {
	if a.Words != b.Words {
		return b2i(b.Words) - b2i(a.Words)
	}
	if c := envelope.Compare(a.Class, b.Class); c != 0 {
		return c
	}
	if c := cmp.Compare(s.rank(a), s.rank(b)); c != 0 {
		return c
	}
	// Own ones are not turned: an attachment that was begun in the last meeting is to
	// be whole before another begins.
	if c := cmp.Compare(b2i(a.Seq <= s.c.From), b2i(b.Seq <= s.c.From)); c != 0 && s.rank(a) > 0 {
		return c
	}
	return cmp.Compare(a.Seq, b.Seq)
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// offers says whether the far end should hear of it.
func (s *Session) offers(it Item) bool {
	if it.Mute || !listable(it.Class, it.Size) || it.Seq <= s.give.base.at(s.lane(it)) {
		return false
	}
	return it.Shard == 0 || len(s.peer.shards) == 0 || slices.Contains(s.peer.shards, it.Shard)
}

// refill walks on for one group, and for all others that stand at the same
// place, until the group has a horizon's worth or nothing is left.
func (s *Session) refill(gi int) {
	g := &s.give
	me := &g.groups[gi]
	for me.look && s.thirsty(me) {
		cur := me.cur
		page := s.sh.Since(cur.at, pageItems)
		var along [groups]bool
		for i := range g.groups {
			l := &g.groups[i]
			along[i] = l.look && l.cur == cur && s.thirsty(l)
		}
		next, end := cur, len(page) == 0
		for _, it := range page {
			if cur.leg == 1 && it.Seq > s.c.From {
				end = true
				break
			}
			next.at = it.Seq
			g.seen = max(g.seen, it.Seq)
			if k := s.pool(it.Class); k >= 0 && along[k] && s.offers(it) {
				s.add(k, it)
			}
		}
		if end {
			switch cur.leg {
			case 0:
				next = cursor{at: g.base.Seq, tail: cur.at, leg: 1}
			case 1:
				next = cursor{at: max(cur.at, next.at), leg: 2}
				if len(page) > 0 {
					next.at = cur.tail
				}
			}
		}
		for i := range g.groups {
			if along[i] {
				g.groups[i].cur = next
				g.groups[i].look = !end || cur.leg < 2
			}
		}
	}
}

// nextItem is the next unit to list.
func (s *Session) nextItem() (Item, bool) {
	g := &s.give
	if g.order != nil {
		return s.nextInOrder()
	}
	for i := range g.groups {
		if i >= bigGroup && g.big >= s.limit()/2 {
			break // room is kept for small ones
		}
		l := &g.groups[i]
		for {
			if len(l.pool) == 0 {
				s.refill(i)
			}
			if len(l.pool) == 0 {
				break
			}
			if l.raw && l.sorted == 0 {
				s.sort(l.pool)
				l.raw, l.sorted = false, len(l.pool)
			}
			it := l.pool[0]
			l.pool = l.pool[1:]
			l.sorted--
			if !s.settledBefore(it) {
				return it, true
			}
		}
		l.pool, l.sorted = nil, 0
	}
	return Item{}, false
}

// nextInOrder is nextItem with an Order.
func (s *Session) nextInOrder() (Item, bool) {
	g := &s.give
	for i := range g.groups {
		if g.groups[i].look {
			s.refill(i)
		}
	}
	for {
		it, ok := g.order.Next()
		if ok && s.match.held() && it.Rank >= farRank && s.match.credit <= 0 {
			return Item{}, false // a sketch costs less; near units do not wait for it
		}
		if !ok || groupOf(it.Class) >= bigGroup && g.big >= s.limit()/2 {
			return Item{}, false // its turn comes when some have arrived
		}
		g.order.Take()
		if !s.settledBefore(it) {
			g.order.Listed(it)
			return it, true
		}
	}
}

// settledBefore says that a unit need not be listed: it left in the first
// flight, or the far end listed it.
func (s *Session) settledBefore(it Item) bool {
	g := &s.give
	l := s.lane(it)
	if f := g.flown[it.ID]; f != nil {
		if s.marking() && f.step == nil {
			f.step = g.tracks.add(l, it.Seq)
			if f.settled {
				g.tracks.done(l, f.step)
			}
		}
		return true
	}
	theirs, ok := s.known[it.ID]
	if !ok {
		return false
	}
	delete(s.known, it.ID)
	if !theirs {
		s.out.Handed = append(s.out.Handed, it)
	}
	if s.marking() {
		g.tracks.done(l, g.tracks.add(l, it.Seq))
	}
	return true
}

// open gives a unit its number.
func (s *Session) open(it Item) *given {
	g := &s.give
	u := &given{item: it, number: g.next}
	g.next++
	g.open[u.number] = u
	if groupOf(it.Class) >= bigGroup {
		g.big++
	}
	g.ended = false
	return u
}

// have writes one HAVE.
func (s *Session) have(flags byte, items []Item) []byte {
	b := append(make([]byte, 0, 12+len(items)*entrySize), frameHave, flags)
	last := items[0].Seq
	if !s.anonymous() {
		b = binary.AppendUvarint(b, last)
	}
	for _, it := range items {
		b = appendEntry(b, it)
		if !s.anonymous() {
			b = binary.AppendVarint(b, int64(it.Seq-last))
			last = it.Seq
		}
	}
	return b
}

func (s *Session) listFrame(room int) []byte {
	items := s.items[:0]
	n := min(perHave, (room-12)/entrySize, s.limit()-len(s.give.open))
	if s.match.held() && s.give.order == nil {
		n = min(n, s.match.credit)
	}
	for len(items) < n {
		it, ok := s.nextItem()
		if !ok {
			break
		}
		u := s.open(it)
		if s.marking() {
			u.step = s.give.tracks.add(s.lane(it), it.Seq)
		}
		if s.match.held() {
			s.match.told[it.ID] = true
			if s.give.order == nil || it.Rank >= farRank {
				s.match.credit--
			}
		}
		items = append(items, it)
	}
	s.items = items
	if len(items) == 0 {
		return nil
	}
	return s.have(0, items)
}

// dry says that everything there is was listed.
func (g *giver) dry() bool {
	if g.ordered() > 0 {
		return false
	}
	for i := range g.groups {
		if g.groups[i].look || len(g.groups[i].pool) > 0 {
			return false
		}
	}
	return true
}

func (s *Session) endFrame() []byte {
	g := &s.give
	if !g.begun || s.match.held() || !g.dry() || g.ended && (s.anonymous() || g.seen == g.to) {
		return nil
	}
	g.ended, g.to = true, g.seen
	b := []byte{frameEnd}
	if !s.anonymous() {
		b = binary.AppendUvarint(b, g.to)
	}
	return b
}

// enqueue puts a unit in line for DATA.
func (s *Session) enqueue(u *given, from int) {
	if u.queued {
		s.give.unwant(u, u.item.Size-u.at)
	}
	u.at = from
	s.give.unwant(u, u.at-u.item.Size)
	u.asked++
	if !u.queued {
		u.queued = true
		heap.Push(&s.give.queue, u)
	}
}

// unwant says that so many bytes of a unit are no longer in line.
func (g *giver) unwant(u *given, bytes int) {
	if groupOf(u.item.Class) == 0 {
		g.wanted -= int64(bytes)
	}
}

func (s *Session) onWant(f *fields) error {
	s.out.Answered = true
	for ok := true; ok; ok = len(f.b) > 0 {
		number, from := f.uvarint(), f.uvarint()
		u := s.give.open[number]
		switch {
		case f.bad || u == nil:
			return fmt.Errorf("%w: WANT for a number that is not open", ErrProtocol)
		case from >= uint64(u.item.Size):
			return fmt.Errorf("%w: WANT behind the end of a unit", ErrProtocol)
		case u.asked >= maxTries:
			return fmt.Errorf("%w: WANT too often for one unit", ErrProtocol)
		}
		if s.give.order != nil && u.asked == 0 {
			s.give.order.Asked(u.item, u.item.Size-int(from))
		}
		s.enqueue(u, int(from))
	}
	return nil
}

// dataHead bounds the bytes of a DATA before the unit's own.
const dataHead = 1 + 2*binary.MaxVarintLen64

func (s *Session) dataFrame(room int) []byte {
	q := &s.give.queue
	for q.Len() > 0 {
		u := q.units[0]
		if u.closed {
			heap.Pop(q)
			s.give.unwant(u, u.item.Size-u.at)
			continue
		}
		n := min(s.c.Chunk, room-dataHead, u.item.Size-u.at)
		b := append(make([]byte, 0, dataHead+n), frameData)
		b = binary.AppendUvarint(b, u.number)
		b = binary.AppendUvarint(b, uint64(u.at))
		head := len(b)
		if more, err := s.sh.Append(b, u.item.ID, u.at, n); err == nil && len(more) > head {
			b = more
		} else {
			u.gone = true
		}
		data := b[head:]
		if !u.left {
			u.left = true
			if groupOf(u.item.Class) > 0 {
				s.out.Flown = append(s.out.Flown, u.item)
			}
		}
		u.at += len(data)
		if u.at == u.item.Size && groupOf(u.item.Class) > 0 {
			s.out.Whole = append(s.out.Whole, u.item)
		}
		s.give.unwant(u, len(data))
		s.sent += int64(len(data))
		if u.gone || u.at == u.item.Size {
			heap.Pop(q)
			s.give.unwant(u, u.item.Size-u.at)
			u.queued = false
			s.give.spoke = u.item.Words && (q.Len() == 0 || !q.units[0].item.Words)
		}
		return b
	}
	return nil
}

func (s *Session) onGot(f *fields) error {
	s.out.Answered = true
	for ok := true; ok; ok = len(f.b) > 0 {
		v, first, count := Verdict(f.u8()), f.uvarint(), f.uvarint()
		if f.bad || v > KeepAndOffer || count > uint64(len(s.give.open)) {
			return fmt.Errorf("%w: malformed GOT", ErrProtocol)
		}
		for number := first; number != first+count; number++ {
			u := s.give.open[number]
			if u == nil {
				return fmt.Errorf("%w: GOT for a number that is not open", ErrProtocol)
			}
			s.close(u, v)
		}
	}
	return nil
}

// close settles a unit that we listed.
func (s *Session) close(u *given, v Verdict) {
	g := &s.give
	delete(g.open, u.number)
	if groupOf(u.item.Class) >= bigGroup {
		g.big--
	}
	u.closed = true
	if g.order != nil && u.asked == 0 {
		g.order.Held(u.item)
	}
	switch {
	case v >= Keep:
		s.out.Handed = append(s.out.Handed, u.item)
	case v == Refuse:
		s.out.Refused = append(s.out.Refused, u.item)
		if u.item.Rank == 0 {
			// A relay with a wrong date must not make us forget an own letter:
			// it is offered again at each meeting.
			g.later = true
			return
		}
	case !u.gone:
		g.later = true
		return
	}
	u.settled = true
	g.tracks.done(s.lane(u.item), u.step)
}

func (s *Session) givingDone() bool {
	return s.give.ended && len(s.give.open) == 0 && s.give.dry()
}

func (s *Session) giveMark() Mark {
	var all uint64
	if s.givingDone() && !s.give.later {
		all = s.give.seen
	}
	return build(s.give.base, s.peer.epoch, all, s.give.tracks)
}
