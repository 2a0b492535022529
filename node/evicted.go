package node

import (
	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/exchange"
	"github.com/jauap/jauap/routing"
	"github.com/jauap/jauap/store"
)

// returns says whether a listed unit that would get the rank is worth asking for: one
// that was evicted here may not be. What is asked for takes its room at once, since
// hundreds are asked for before the first has come.
func (v *view) returns(it exchange.Item, rank uint8) bool {
	e := v.n.sh.Evicted(it.ID)
	if e.Times == 0 {
		return true
	}
	n, m := v.n, v.m
	if !again(e, rank, it.Size, n.sh.Stats().Free-n.returning) {
		return false
	}
	if m.returning == nil {
		m.returning = make(map[envelope.ID]int64)
	}
	n.returning += int64(it.Size) - m.returning[it.ID]
	m.returning[it.ID] = int64(it.Size)
	return true
}

// returned takes back what returns counted of a unit.
func (n *Node) returned(m *meeting, id envelope.ID) {
	n.returning -= m.returning[id]
	delete(m.returning, id)
}

func again(e store.Evicted, rank uint8, size int, free int64) bool {
	return routing.TakeAgain(rank, routing.Gone{Rank: e.Rank, Times: int(e.Times)}, int64(size), free)
}

// staysAway calls each for what was evicted and would not be taken from this far end,
// for a letter of the smallest class: a sketch finds it missing.
func (v *view) staysAway(each func(envelope.ID)) {
	free := v.n.sh.Stats().Free - v.n.returning
	v.n.sh.EachEvicted(func(e store.Evicted) {
		rank := routing.Other
		if v.m.labels[e.ID] != routing.Plain {
			rank = routing.Near
		}
		if !again(e, rank, envelope.S1.Size(), free) {
			each(e.ID)
		}
	})
}
