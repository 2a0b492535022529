package node

import (
	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/exchange"
)

// A link that is cut every few kB must not cost a unit each time: what came of it stays,
// also of a small one, and what likely arrived is asked for, not sent again.

// small units are those of which a beginning may be planted: by somebody who knows their
// id and wants a letter to need one round trip more. A link that lists one and brings
// nothing keeps it waiting for smallPatience only.
func small(size int) bool { return size < envelope.S3.Size() }

// began notes who wrote to a beginning, from byte from on.
func (n *Node) began(m *meeting, id envelope.ID, from int) {
	if len(n.begun) >= maxAuthors {
		clear(n.begun)
	}
	before, known := n.begun[id]
	n.begun[id] = m.peer.Key != "" && (from == 0 || known && before)
}

// sound says whether a peer may go on with the beginning of a small unit: a contact or a
// relay does not build on what a stranger left, nor on what nobody remembers.
func (n *Node) sound(m *meeting, id envelope.ID) bool {
	authenticated, known := n.begun[id]
	return known && (authenticated || m.peer.Key == "")
}

// beginnings are those that a peer is told of.
func (n *Node) beginnings(m *meeting) (list []exchange.Part) {
	for _, p := range n.sh.Partials() {
		if len(list) == partsTold {
			break
		}
		if !small(p.Size) || n.sound(m, p.ID) {
			list = append(list, exchange.Part{ID: p.ID, Have: p.Have})
		}
	}
	return list
}

// unanswered notes what left over a link that ended before the far end spoke of it: it has
// likely arrived, and from there perhaps farther, so whoever is met next is asked first.
func (n *Node) unanswered(m *meeting) {
	m.s.Tried(func(it exchange.Item) { set(n.tried, it.ID) })
}

// Refusals implements exchange.Refuser.
func (v *view) Refusals(each func(envelope.ID)) {
	v.n.sh.EachDone(each)
	for id := range v.n.bad {
		each(id)
	}
	for id := range v.n.poor {
		each(id)
	}
	v.staysAway(each)
}
