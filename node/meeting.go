package node

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"time"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/exchange"
	"github.com/jauap/jauap/link"
	"github.com/jauap/jauap/routing"
)

// meeting is one link that is up.
type meeting struct {
	id        LinkID
	peer      link.Peer
	order     *order                        // of what it is offered; nil before, and of relays
	unit      int                           // the largest that goes over it, in bytes; 0 for any
	from      uint32                        // who brings what comes over it
	edge      *edge                         // of contacts
	sure      told                          // what the contact knows for certain
	before    *told                         // what it was told before anything was listed
	hide      bool                          // it is not told which units are own
	words     bool                          // what has words goes first
	labels    map[envelope.ID]routing.Label // what a contact said of its units
	s         *exchange.Session
	credit    int
	due       bool  // something happened on the link since it was last pumped
	silent    bool  // it had room and nothing to say when it was last pumped
	greeted   bool  // HELLO left
	displaced int64 // bytes that were asked for into a full shelf
	even      bool
	moved     time.Time // when it last brought something that was asked for
	// returning are units that it was asked for and that were evicted before, with
	// their bytes.
	returning map[envelope.ID]int64
	// lent are the counted units that went out to their end: true until the
	// peer said that it holds them.
	lent map[envelope.ID]bool
	// again are the units that it was asked for again, as their bytes were
	// wrong.
	again map[envelope.ID]bool

	told    time.Time
	last    Progress // as told
	now     Progress
	marks   []byte // as they are
	scope   [8]byte
	saved   []byte // as stored
	savedAt time.Time
}

// What a session is tuned to by the link's traits.
const (
	farLatency  = 50 * time.Millisecond  // from here on a round trip is worth a first flight
	slowLatency = 200 * time.Millisecond // from here on a chunk should not hold others up
	firstFlight = 14 << 10               // bytes: about what TCP and QUIC send before they hear anything
	meanwhile   = 128 << 10              // bytes: sixteen seconds at 64 kbit/s
	slowChunk   = 4 << 10
	partsTold   = 8
)

func (n *Node) meeting(id LinkID) *meeting {
	if i, ok := n.index(id); ok {
		return n.meetings[i]
	}
	return nil
}

func (n *Node) index(id LinkID) (int, bool) {
	return slices.BinarySearchFunc(n.meetings, id, func(m *meeting, id LinkID) int { return cmp.Compare(m.id, id) })
}

func (n *Node) up(ev Up) {
	i, ok := n.index(ev.Link)
	if ok {
		return // the name is in use: the caller's mistake changes nothing
	}
	m := &meeting{id: ev.Link, peer: ev.Peer, unit: ev.Traits.Unit, from: n.giver(ev.Peer), moved: n.now, savedAt: n.now}
	m.lent, m.again = map[envelope.ID]bool{}, map[envelope.ID]bool{}
	if contact(ev.Peer) {
		m.edge, m.labels = n.edge(m.from), map[envelope.ID]routing.Label{}
		m.surely()
	}
	c := exchange.Config{Top: n.sh.Top(), MaxItems: n.c.MaxItems}
	if ev.Peer.Relay {
		c.Shards = n.c.Shards
	} else {
		c.Nonce = n.nonce(ev.Link)
		c.Parts = n.beginnings(m)
		c.Order = n.order(m, n.rng.Uint64())
	}
	if first := n.sh.Since(0, 1); !ev.Peer.Relay && len(first) > 0 {
		// Nobody remembers where the last meeting with this stranger ended.
		c.From = first[0].Seq - 1 + n.rng.Uint64N(max(c.Top, first[0].Seq)-first[0].Seq+1)
	}
	if m.marked() {
		m.saved = n.sh.Mark(m.markName())
		m.marks = m.saved
		m.scope = n.scope(c.Shards)
		c.Give, c.Take = parseMarks(m.saved, m.scope)
	}
	if ev.Peer.Relay || contact(ev.Peer) && ev.Traits.Latency >= farLatency {
		// Not to strangers: it would show them what is ours.
		c.First = firstFlight
	}
	if !ev.Peer.Relay && ev.Traits.Latency >= farLatency {
		// Until it is known what differs a slow link would be idle for two round trips.
		c.First, c.FirstLarge = meanwhile, true
	}
	m.words = !ev.Peer.Relay && c.First > 0 // it sees which units are own, by what flies
	if ev.Traits.Latency >= slowLatency || ev.Traits.Metered {
		c.Chunk = slowChunk
	}
	m.now.Link, m.last.Link = m.id, m.id
	m.s = exchange.New(c, &view{n: n, m: m})
	n.meetings = slices.Insert(n.meetings, i, m)
}

// named makes a stranger's meeting that of a contact: what it brings from now on,
// and what it says of what it brought, is ranked so.
func (n *Node) named(ev Named) {
	m := n.meeting(ev.Link)
	if m == nil || m.peer.Key != "" || m.peer.Relay || ev.Key == "" {
		return
	}
	m.peer.Key, m.hide, m.words = ev.Key, ev.HideOwn, m.words || !ev.HideOwn
	m.from = n.giver(m.peer)
	m.edge, m.labels = n.edge(m.from), map[envelope.ID]routing.Label{}
	m.surely()
	if m.order != nil {
		m.order.from = m.from
		if !m.hide && !n.c.HideOwn {
			m.order.Befriend()
		}
	}
	m.s.Retry() // it does not wait for strangers
	n.all = true
}

// nonce of a meeting's sketch. What is said on one link tells nothing about
// the nonces of others.
func (n *Node) nonce(l LinkID) (x [8]byte) {
	h := sha256.Sum256(binary.BigEndian.AppendUint64(n.seed[:], uint64(l)))
	copy(x[:], h[:])
	return x
}

// order is that in which somebody who is met hears of units.
func (n *Node) order(m *meeting, nonce uint64) func() exchange.Order {
	return func() exchange.Order {
		near := contact(m.peer) && !m.hide && !n.c.HideOwn // own units go first
		m.order = &order{Turns: routing.NewTurns(near, nonce, n.c.Rules), n: n, from: m.from}
		return m.order
	}
}

// order is routing's, of a session's items.
type order struct {
	*routing.Turns
	n     *Node
	from  uint32 // who hears of them
	items []*[orderChunk]exchange.Item
	used  int   // places in items
	free  []int // of them
}

// orderChunk is how many items are allotted at once: what grows as a whole is copied
// over and over, and an order has a shelf's worth.
const orderChunk = 64

func (o *order) at(k int) *exchange.Item { return &o.items[k/orderChunk][k%orderChunk] }

// place finds room for an item.
func (o *order) place() (k int) {
	if last := len(o.free) - 1; last >= 0 {
		k, o.free = o.free[last], o.free[:last]
		return k
	}
	if o.used == len(o.items)*orderChunk {
		o.items = append(o.items, new([orderChunk]exchange.Item))
	}
	o.used++
	return o.used - 1
}

func (o *order) unit(it exchange.Item) routing.Unit {
	u := o.waits(it)
	if it.Rank <= routing.Near {
		u.Weight = o.n.weight(it.From)
	}
	return u
}

// waits is unit without the weight, which counts once something is spent.
func (o *order) waits(it exchange.Item) routing.Unit {
	return routing.Unit{Class: it.Class, Rank: it.Rank, From: it.From, Size: it.Size, Seq: it.Seq, Words: it.Words,
		Back: it.From == o.from && it.From&giverContact != 0}
}

func (o *order) Add(it exchange.Item) {
	u := o.waits(it)
	u.At = o.place()
	*o.at(u.At) = it
	o.Turns.Add(u)
}

func (o *order) Next() (it exchange.Item, ok bool) {
	u, ok := o.Turns.Next()
	if ok {
		it = *o.at(u.At)
	}
	return it, ok
}

func (o *order) Take() {
	if u, ok := o.Turns.Next(); ok {
		o.free = append(o.free, u.At)
		o.Turns.Take()
	}
}

func (o *order) Listed(it exchange.Item)           { o.Turns.Listed(o.unit(it)) }
func (o *order) Asked(it exchange.Item, bytes int) { o.Turns.Asked(o.unit(it), bytes) }
func (o *order) Held(it exchange.Item)             { o.Turns.Held(o.unit(it)) }

// frame takes one frame of a link.
func (n *Node) frame(m *meeting, data []byte) {
	m.due = true
	if len(data) > 0 && len(data) <= exchange.MaxFrame && data[0] == frameNote {
		n.noted(m, data)
		return
	}
	err := m.s.Receive(data)
	if err == nil || n.broken != nil {
		return
	}
	// Last words, if there is room for them.
	if m.credit >= exchange.MinRoom+exchange.Prefix {
		if f := m.s.Next(exchange.MinRoom); f != nil {
			n.emit(Send{Link: m.id, Data: f})
		}
	}
	n.end(m)
	n.emit(Close{Link: m.id, Reason: err})
}

// end forgets a link; what it was asked for is asked of others.
func (n *Node) end(m *meeting) {
	n.all = true
	n.outcome(m)
	n.unanswered(m)
	n.unsaid(m)
	n.saveMarks(m)
	if m.now != m.last {
		n.emit(m.now)
	}
	i, _ := n.index(m.id)
	n.meetings = slices.Delete(n.meetings, i, i+1)
	for id := range m.returning {
		n.returned(m, id)
	}
	freed := false
	for id, c := range n.claims {
		if c.link == m.id {
			delete(n.claims, id)
			freed = true
		}
	}
	if freed {
		n.retry()
	}
	if len(n.meetings) == 0 {
		n.page, n.pumped, n.out = nil, nil, exchange.Outcome{}
		if len(n.claims) == 0 && n.claimed {
			n.claims, n.claimed = make(map[envelope.ID]claim), false // a map keeps its size for ever
		}
	}
}

// retry lets all sessions ask again for what they wait for.
func (n *Node) retry() {
	if !n.waiting {
		return
	}
	n.waiting, n.all = false, true
	for _, m := range n.meetings {
		m.s.Retry()
	}
}

// sweepEvery is how often claims are looked at while a link waits.
func (n *Node) sweepEvery() time.Duration { return min(n.c.Patience/4, smallPatience/2) }

// sweepClaims takes units back from links that do not bring them.
func (n *Node) sweepClaims() {
	if !n.waiting || n.now.Before(n.sweep) {
		return
	}
	n.sweep = n.now.Add(n.sweepEvery())
	freed := false
	for id, c := range n.claims {
		quiet := c.at
		if m := n.meeting(c.link); m != nil && m.moved.After(quiet) {
			quiet = m.moved
		}
		// A link that brings other things only may not hold a unit for ever.
		patience := n.c.Patience
		if c.small {
			patience = min(patience, smallPatience)
		}
		if n.now.Sub(quiet) >= patience || n.now.Sub(c.at) >= 10*patience {
			delete(n.claims, id)
			freed = true
		}
	}
	if freed || len(n.claims) == 0 {
		n.retry() // with no claim left nobody waits, and no more Ticks are needed
	}
}

// pumpAll pumps the meetings that may have something to say. In a crowd a node has
// dozens, and what happens on one mostly concerns no other: those that have said
// all they had say nothing new before something happens to them.
func (n *Node) pumpAll() {
	all := n.all
	n.all = false // what a pump itself brings about is for the next Step
	tell := !n.now.Before(n.tell)
	if tell {
		n.tell = n.now.Add(tellEvery) // at the latest: progress makes it sooner
	}
	n.pumped = append(n.pumped[:0], n.meetings...)
	for _, m := range n.pumped {
		if all || m.due {
			m.due = false
			n.pump(m)
		} else if tell {
			n.progress(m)
		}
	}
	clear(n.pumped)
}

// pump says over a link what there is to say and room for.
func (n *Node) pump(m *meeting) {
	m.silent = false
	for n.broken == nil && m.credit >= exchange.MinRoom+exchange.Prefix && n.notes(m) {
		room := min(m.credit-exchange.Prefix, exchange.MaxFrame) // notes may have taken some
		f := m.s.Next(room)
		if f == nil {
			m.silent = room >= exchange.MinRoom // more room alone changes nothing
			break
		}
		m.credit -= len(f) + exchange.Prefix
		m.greeted = true
		n.emit(Send{Link: m.id, Data: f, Last: m.s.Spoke()})
	}
	if n.broken != nil {
		return
	}
	if o := n.outcome(m); o.Bye {
		n.end(m)
		n.emit(Close{Link: m.id, Reason: ErrEnded})
		return
	}
	n.progress(m)
}

// progress is told once in a while, and when all is done.
func (n *Node) progress(m *meeting) {
	if m.now == m.last {
		return
	}
	if at := m.told.Add(tellEvery); !m.even && n.now.Before(at) {
		if at.Before(n.tell) {
			n.tell = at
		}
		return
	}
	m.told, m.last = n.now, m.now
	n.emit(m.now)
}

// outcome passes on what happened in a session.
func (n *Node) outcome(m *meeting) *exchange.Outcome {
	o := &n.out
	m.s.TakeInto(o)
	for _, it := range o.Handed {
		n.count(m, it.ID)
		if it.Rank == routing.Own {
			set(n.told, it.ID)
			delete(n.tried, it.ID)
			if it.Class != envelope.Stamp {
				n.emit(Handed{ID: it.ID, Link: m.id, Peer: m.peer})
			}
		}
	}
	for _, it := range o.Flown {
		set(n.flown, it.ID)
		n.flown[it.ID] = false
	}
	for _, it := range o.Whole {
		if _, ok := n.flown[it.ID]; ok {
			n.flown[it.ID] = true
		}
	}
	for _, it := range o.Refused {
		switch {
		case it.Rank != routing.Own:
		case it.Class == envelope.Stamp:
			set(n.told, it.ID) // whoever knows its issuer asks for it; it need not leave unasked
		default:
			n.emit(Refused{ID: it.ID, Link: m.id, Reason: ErrPeerRefused})
		}
	}
	n.came += o.Received - m.now.Received
	m.now.Sent, m.now.Received, m.now.Waiting = o.Sent, o.Received, o.Waiting
	if o.Even && !m.even {
		n.emit(Even{Link: m.id})
	}
	if o.Answered {
		m.answered()
	}
	if m.even = o.Even; m.even {
		m.surely()
	}
	if o.Marked && m.marked() {
		m.marks = formatMarks(o.Give, o.Take, m.scope)
	}
	return o
}

// set notes a unit, among a bounded number: what is forgotten costs a few bytes.
func set(m map[envelope.ID]bool, id envelope.ID) {
	if len(m) >= maxHanded {
		clear(m)
	}
	m[id] = true
}

// marked says whether marks are kept for the peer: it is always the same one,
// and a relay, so that strangers cannot fill the shelf with marks.
func (m *meeting) marked() bool { return m.peer.Relay && m.peer.Key != "" }

func (m *meeting) unsaved() bool {
	return m.marked() && !bytes.Equal(m.marks, m.saved) || m.edge != nil && m.edge.dirty
}

func (m *meeting) markName() string {
	h := sha256.Sum256([]byte(m.peer.Key))
	return "relay " + hex.EncodeToString(h[:12])
}

// saveMarks stores how far the exchange with a relay is. Marks only save
// time: a shelf that has no room for them is no trouble.
func (n *Node) saveMarks(m *meeting) {
	if !m.unsaved() || n.broken != nil {
		return
	}
	m.savedAt = n.now
	if m.edge != nil {
		n.saveEdge(m.edge)
		return
	}
	m.saved = m.marks
	n.setMark(m.markName(), m.marks)
}

// formatMarks puts both marks into one value, with the scope that the take mark
// holds for.
func formatMarks(give, take exchange.Mark, scope [8]byte) []byte {
	return slices.Concat(give.Bytes(), take.Bytes(), scope[:])
}

// parseMarks is zero for what formatMarks did not write. With another scope
// both marks are void, so that a relay that was replaced is still noticed.
func parseMarks(b []byte, scope [8]byte) (give, take exchange.Mark) {
	if len(b) < 8 || len(b)%2 != 0 {
		return give, take
	}
	half := (len(b) - 8) / 2
	g, ok1 := exchange.ParseMark(b[:half])
	t, ok2 := exchange.ParseMark(b[half : 2*half])
	if !ok1 || !ok2 || !bytes.Equal(scope[:], b[2*half:]) {
		return give, take
	}
	return g, t
}
