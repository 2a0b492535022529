package node

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/exchange"
	"github.com/jauap/jauap/link"
	"github.com/jauap/jauap/routing"
	"github.com/jauap/jauap/store"
)

// Numbers of givers, as the shelf keeps them. They are hashes under a secret
// of the shelf, so that its disk alone does not say who they were.
const (
	giverSelf    uint32 = 0
	giverDrop    uint32 = 1 << 29 // sticks and folders
	giverRelay   uint32 = 1 << 30
	giverContact uint32 = 1 << 31
	// strangers share so many numbers, drawn anew at each meeting: a thousand
	// of them get what a thousand devices could claim anyway.
	strangers = 1024
)

const (
	// frameNote says which of its units a contact ranks as near: spec/exchange.md, 12.
	frameNote  = 0x04
	noteHead   = 2
	noteIDs    = 256      // in one frame
	noteFirst  = 4000     // said at the first meeting since this node started
	maxLabels  = 16 << 10 // of units that are not here, remembered in a meeting
	maxRaised  = 4096     // units whose rank rose, remembered for contacts
	maxEdges   = 4096     // contacts in memory
	edgeSize   = 13
	oldEdge    = 9 // without what was brought and proven
	saltName   = "salt"
	saltLength = 16
)

// told is how far a contact knows the ranks here.
type told struct{ told, raised uint64 }

// edge is a contact: what it may give today, and what it was told.
type edge struct {
	routing.Edge
	from  uint32
	dirty bool
	// It knows the rank of everything up to told, and of so many raised ones.
	told   uint64
	raised uint64
	begun  bool
}

// contact says whether the far end is a contact's device: links authenticate
// those, and relays, and nobody else.
func contact(p link.Peer) bool { return p.Key != "" && !p.Relay }

// giver is the number of who brings units over a link.
func (n *Node) giver(p link.Peer) uint32 {
	if p.Key == "" {
		return 1 + n.rng.Uint32N(strangers)
	}
	h := sha256.Sum256(append(n.salt(), p.Key...))
	x := binary.BigEndian.Uint32(h[:]) & (giverDrop - 1)
	if p.Relay {
		return giverRelay | x
	}
	return giverContact | x
}

// salt is the shelf's secret for numbers of givers.
func (n *Node) salt() []byte {
	b := n.sh.Mark(saltName)
	if len(b) == saltLength {
		return slices.Clone(b)
	}
	b = make([]byte, 0, saltLength)
	b = binary.BigEndian.AppendUint64(b, n.rng.Uint64())
	b = binary.BigEndian.AppendUint64(b, n.rng.Uint64())
	n.setMark(saltName, b)
	return slices.Clone(b)
}

// setMark keeps a small value. A shelf without room for it is no trouble.
func (n *Node) setMark(name string, v []byte) {
	err := n.sh.SetMark(name, v)
	if err != nil && !errors.Is(err, store.ErrMark) && !errors.Is(err, store.ErrFull) {
		n.fail(err)
	}
	n.dirty = true
}

func edgeName(from uint32) string { return fmt.Sprintf("edge %08x", from) }

// edge finds or loads a contact.
func (n *Node) edge(from uint32) *edge {
	if e := n.edges[from]; e != nil {
		return e
	}
	if len(n.edges) >= maxEdges {
		for _, from := range slices.Sorted(maps.Keys(n.edges)) {
			if e := n.edges[from]; !n.inUse(e) {
				n.saveEdge(e)
				delete(n.edges, from)
			}
		}
	}
	e := &edge{from: from}
	if b := n.sh.Mark(edgeName(from)); len(b) == edgeSize || len(b) == oldEdge {
		e.Day = envelope.Day(binary.BigEndian.Uint16(b))
		e.Spent = binary.BigEndian.Uint16(b[2:])
		e.First = b[4]
		e.Bytes = binary.BigEndian.Uint32(b[5:])
		if len(b) == edgeSize {
			e.Brought, e.Proven = binary.BigEndian.Uint16(b[9:]), binary.BigEndian.Uint16(b[11:])
		}
	}
	n.edges[from] = e
	return e
}

func (n *Node) inUse(e *edge) bool {
	return slices.ContainsFunc(n.meetings, func(m *meeting) bool { return m.edge == e })
}

func (n *Node) saveEdge(e *edge) {
	if !e.dirty || n.broken != nil {
		return
	}
	e.dirty = false
	b := binary.BigEndian.AppendUint16(nil, uint16(e.Day))
	b = binary.BigEndian.AppendUint16(b, e.Spent)
	b = append(b, e.Edge.First)
	b = binary.BigEndian.AppendUint32(b, e.Bytes)
	b = binary.BigEndian.AppendUint16(b, e.Brought)
	n.setMark(edgeName(e.from), binary.BigEndian.AppendUint16(b, e.Proven))
}

// weight of who brought a unit of rank Near, and of own units.
func (n *Node) weight(from uint32) uint8 {
	if from == giverSelf {
		return n.self().Weight(n.c.Rules)
	}
	if e := n.known(from); e != nil {
		return e.Weight(n.c.Rules)
	}
	return routing.Whole
}

// known is the edge of a giver; nil for one that is no contact, and where there is
// no room to remember another.
func (n *Node) known(from uint32) *edge {
	if from&giverContact == 0 {
		return nil
	}
	if e := n.edges[from]; e != nil || len(n.edges) >= maxEdges {
		return e
	}
	return n.edge(from)
}

// self is the edge of own units. It is not kept on disk: those that nothing has
// proven are on the shelf.
func (n *Node) self() *routing.Edge {
	if n.own == nil {
		n.own = &routing.Edge{Day: n.today}
		n.sh.Each(0, math.MaxInt, func(e store.Entry) {
			if e.Rank == routing.Own {
				*n.own = n.own.Wrote(e.Class, n.today)
			}
		})
	}
	return n.own
}

// brings takes over what routing made of an edge that brought something.
func (n *Node) brings(e *edge, r routing.Edge) {
	if r.Brought > e.Brought {
		n.unproven++
	}
	e.set(r)
}

// set takes over what routing made of an edge.
func (e *edge) set(r routing.Edge) {
	if r != e.Edge {
		e.Edge, e.dirty = r, true
	}
}

// arrival are the facts about a unit that a meeting brings.
func (n *Node) arrival(m *meeting, e envelope.Envelope, id envelope.ID) routing.Arrival {
	a := routing.Arrival{Class: e.Class(), Today: n.today, Contact: m.edge != nil, Label: m.labels[id], Paid: n.paid(e, id)}
	a.Proves, a.Sure = n.proven(e)
	a.Room = n.reserve(e.Class())
	return a
}

// reserve says whether the reserved lanes have room for a unit.
func (n *Node) reserve(c envelope.Class) bool {
	st := n.sh.Stats()
	return st.Fixed+int64(c.Size()) <= st.Quota/routing.ReservedPart
}

// proven is the rank of the envelope here that a proof lets go.
func (n *Node) proven(e envelope.Envelope) (rank uint8, ok bool) {
	if e.Class() != envelope.Done {
		return 0, false
	}
	old, ok := n.sh.Entry(e.Proves())
	return old.Rank, ok && old.Tag == e.Tag()
}

// grade is what the shelf is told of a unit that a meeting brings, and the
// edge as it is once the unit is kept.
func (n *Node) grade(m *meeting, a routing.Arrival) (store.Meta, routing.Edge) {
	var before routing.Edge
	if m.edge != nil {
		before = m.edge.Edge
	}
	g, after := before.Grade(a, n.c.Rules)
	return store.Meta{Rank: g.Rank, Fixed: g.Fixed, From: m.from}, after
}

// expected is the rank that a listed unit would get. A proof may turn out
// better than that.
func (n *Node) expected(m *meeting, it exchange.Item) uint8 {
	a := routing.Arrival{Class: it.Class, Today: n.today, Contact: m.edge != nil, Label: m.labels[it.ID]}
	meta, _ := n.grade(m, a)
	return meta.Rank
}

// refund gives credit back to the contact who brought what was delivered.
func (n *Node) refund(old store.Entry) {
	n.unproven = 0
	switch {
	case old.Rank == routing.Own:
		*n.self() = n.self().Proved(old.Class, true)
	case old.Rank == routing.Near && old.From&giverContact != 0:
		e := n.edge(old.From)
		e.set(e.Proved(old.Class, old.Fixed))
	}
}

// raise gives a unit that is here the rank with which a contact offers it:
// otherwise the fast way over strangers would take the better rank from it.
func (n *Node) raise(m *meeting, old store.Entry) {
	if old.Rank <= routing.Near || m.labels[old.ID] == routing.Plain {
		return
	}
	a := routing.Arrival{Class: old.Class, Today: n.today, Contact: true, Label: m.labels[old.ID], Room: n.reserve(old.Class)}
	meta, after := n.grade(m, a)
	if meta.Rank >= old.Rank || !n.sh.Raise(old.ID, meta) {
		return
	}
	n.brings(m.edge, after)
	n.dirty, n.all = true, true
	n.raised = append(n.raised, old.ID)
	if over := len(n.raised) - maxRaised; over > 0 {
		n.raised = slices.Delete(n.raised, 0, over)
		n.raisedGone += uint64(over)
	}
}

// noted takes a contact's word on how near its units are.
func (n *Node) noted(m *meeting, data []byte) {
	if m.edge == nil || len(data) < noteHead || (len(data)-noteHead)%len(envelope.ID{}) != 0 {
		return
	}
	label := routing.Label(data[1])
	if label != routing.Known && label != routing.First {
		return
	}
	for b := data[noteHead:]; len(b) > 0; b = b[len(envelope.ID{}):] {
		id := envelope.ID(b)
		if len(m.labels) < maxLabels {
			m.labels[id] = label
		}
		if old, ok := n.sh.Entry(id); ok {
			n.raise(m, old)
		}
	}
}

// unsaid takes back what a contact was told since the meeting was last even: the
// link is gone, and with it what was on its way. To be told twice does no harm.
func (n *Node) unsaid(m *meeting) {
	if e := m.edge; e != nil && e.begun {
		e.told, e.raised = min(e.told, m.sure.told), min(e.raised, m.sure.raised)
	}
}

// answered notes that all that the contact was told before anything was listed has
// arrived: it spoke of what was listed. Short meetings are never even, and to say
// the same again in each would take a tenth of them.
func (m *meeting) answered() {
	if m.edge != nil && m.before != nil {
		m.sure = told{max(m.sure.told, m.before.told), max(m.sure.raised, m.before.raised)}
	}
}

// surely notes that all that the contact was told has arrived.
func (m *meeting) surely() {
	if m.edge != nil {
		m.sure = told{m.edge.told, m.edge.raised}
	}
}

// notes tells a contact the rank of what it has not heard of, within its
// room, before the session lists any of it. It answers whether all is told.
func (n *Node) notes(m *meeting) bool {
	e := m.edge
	if e == nil || !m.greeted {
		return true
	}
	ok := n.tellAll(m, e)
	if ok && m.before == nil {
		m.before = &told{e.told, e.raised}
	}
	return ok
}

func (n *Node) tellAll(m *meeting, e *edge) bool {
	if !e.begun {
		e.begun, e.raised = true, n.raisedGone+uint64(len(n.raised))
		for skip := n.sh.Stats().Envelopes - noteFirst; skip > 0; skip -= noteIDs {
			page := n.sh.Since(e.told, min(skip, noteIDs))
			if len(page) == 0 {
				break
			}
			e.told = page[len(page)-1].Seq
		}
		m.surely()
	}
	for e.raised = max(e.raised, n.raisedGone); e.raised < n.raisedGone+uint64(len(n.raised)); {
		from := n.raised[e.raised-n.raisedGone:]
		from = from[:min(len(from), noteIDs)]
		n.near = n.near[:0]
		for _, id := range from {
			if u, ok := n.sh.Entry(id); ok {
				n.near = append(n.near, brought{id, u.From})
			}
		}
		if !n.note(m, routing.Known, n.believed(n.near)) {
			return false
		}
		e.raised += uint64(len(from))
	}
	for e.told < n.sh.Top() {
		at, open := e.told, !n.c.HideOwn && !m.hide
		var first []envelope.ID
		known := n.near[:0]
		n.sh.Each(e.told, noteIDs, func(u store.Entry) {
			switch at = u.Seq; routing.LabelOf(u.Rank, open) {
			case routing.First:
				first = append(first, u.ID)
			case routing.Known:
				known = append(known, brought{u.ID, u.From})
			}
		})
		if at == e.told {
			return true
		}
		if m.credit < noteRoom {
			return false
		}
		n.note(m, routing.First, first)
		n.note(m, routing.Known, n.believed(known))
		n.near = known
		e.told = at
	}
	return true
}

// brought is a unit of rank Near and who brought it.
type brought struct {
	id   envelope.ID
	from uint32
}

// believed are those of the units of which contacts are told that they are near.
func (n *Node) believed(list []brought) (ids []envelope.ID) {
	quiet := n.unproven > n.c.Rules.Quiet // that nothing is proven means nothing then
	for _, u := range list {
		if e := n.known(u.from); quiet || e == nil || e.Vouched(n.c.Rules) {
			ids = append(ids, u.id)
		}
	}
	return ids
}

// noteRoom is what two notes take at most.
const noteRoom = 2*(noteHead+exchange.Prefix) + noteIDs*16

func (n *Node) note(m *meeting, l routing.Label, ids []envelope.ID) bool {
	if len(ids) == 0 {
		return true
	}
	b := []byte{frameNote, byte(l)}
	for _, id := range ids {
		b = append(b, id[:]...)
	}
	if m.credit < len(b)+exchange.Prefix {
		return false
	}
	m.credit -= len(b) + exchange.Prefix
	n.emit(Send{Link: m.id, Data: b})
	return true
}
