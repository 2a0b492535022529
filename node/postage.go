package node

import (
	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/routing"
	"github.com/jauap/jauap/store"
)

// A stamp is a unit beside the one that it pays for, which may be here before it or come
// after it. It is kept and passed on like others, and nobody above hears of it.

// check verifies a unit and, of a stamp, its token.
func (n *Node) check(e envelope.Envelope) error {
	if err := n.c.Verify(e); err != nil {
		return err
	}
	if e.Class() == envelope.Stamp && (n.c.Postage == nil || !n.c.Postage.Valid(e)) {
		return ErrPostage
	}
	return nil
}

// paid says whether a unit has postage. Of a stamp it must be checked besides.
func (n *Node) paid(e envelope.Envelope, id envelope.ID) bool {
	return e.Class() == envelope.Stamp || e.Class().Stampable() && n.sh.Stamped(id) || n.c.Paid != nil && n.c.Paid(e)
}

// stamped gives the unit that a stamp pays for, if it is here, the rank that it would get
// if it came now.
func (n *Node) stamped(stamp envelope.Envelope) {
	if stamp.Class() != envelope.Stamp {
		return
	}
	old, ok := n.sh.Entry(stamp.Stamped())
	if ok && old.Rank > routing.Paid && n.sh.Raise(old.ID, store.Meta{Rank: routing.Paid, From: old.From}) {
		n.all = true
	}
}

// spurn remembers a stamp that was refused, so that it is not fetched at each meeting. It
// may be good tomorrow: more issuers may be known then.
func (n *Node) spurn(id envelope.ID) {
	if n.poor == nil {
		n.poor = make(map[envelope.ID]bool)
	}
	if len(n.poor) >= maxBad {
		clear(n.poor)
	}
	n.poor[id] = true
}

// takes says whether stamps are taken from the peer at all.
func (v *view) takes(c envelope.Class) bool {
	return c != envelope.Stamp || v.n.c.Postage != nil && !v.m.peer.Relay
}
