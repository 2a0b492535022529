package node

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/link"
	"github.com/jauap/jauap/routing"
	"github.com/jauap/jauap/store"
)

// Outlet hands out every unit of the shelf once, for a line whose far end is no
// shelf that could be asked what it has, but stamps. Up to where that is done is kept in a
// mark of the shelf. It must not be used concurrently with its node.
type Outlet struct {
	n    *Node
	mark string
	unit int // largest

	after uint64 // the far end has all up to here
	top   uint64 // looked at up to here
	todo  []store.Entry
	under map[envelope.ID]bool // handed out, not landed
	has   map[envelope.ID]bool // the far end has these, above after
}

// Outlet opens the outlet of this name, at most 100 bytes, for a line with these
// traits. One without a name forgets when it is let go.
func (n *Node) Outlet(name string, t link.Traits) *Outlet {
	o := &Outlet{n: n, unit: t.Unit, under: map[envelope.ID]bool{}, has: map[envelope.ID]bool{}}
	if name == "" {
		return o
	}
	o.mark = "outlet/" + name
	epoch := n.sh.Epoch()
	if b := n.sh.Mark(o.mark); len(b) == len(epoch)+8 && bytes.Equal(b[:len(epoch)], epoch[:]) {
		o.after = binary.BigEndian.Uint64(b[len(epoch):])
	}
	o.top = o.after
	return o
}

// Next is the unit to send next, smallest class first and then by name: the order
// does not tell whose a unit is. False when there is nothing now. What it answers is
// under way until Landed or Again.
func (o *Outlet) Next() (id envelope.ID, unit []byte, ok bool) {
	o.look()
	for len(o.todo) > 0 {
		e := o.todo[0]
		o.todo = o.todo[1:]
		if o.has[e.ID] || e.Expiry < o.n.today {
			continue
		}
		raw, err := o.n.sh.Get(e.ID)
		if err != nil {
			continue // it went away meanwhile
		}
		o.under[e.ID] = true
		return e.ID, raw, true
	}
	o.settle()
	return id, nil, false
}

// look queues what is new on the shelf.
func (o *Outlet) look() {
	if o.n.sh.Top() == o.top {
		return
	}
	for {
		page := o.n.sh.Since(o.top, pageEntries)
		if len(page) == 0 {
			break
		}
		o.top = page[len(page)-1].Seq
		for _, e := range page {
			if e.Class != envelope.Stamp && (o.unit == 0 || int(e.Size) <= o.unit) {
				o.todo = append(o.todo, e)
			}
		}
	}
	slices.SortFunc(o.todo, func(a, b store.Entry) int {
		ua, ub := routing.Unit{Class: a.Class}, routing.Unit{Class: b.Class}
		return cmp.Or(routing.Compare(ua, ub), bytes.Compare(a.ID[:], b.ID[:]))
	})
}

// settle notes that all up to top is done.
func (o *Outlet) settle() {
	if len(o.todo)+len(o.under) > 0 || o.after == o.top {
		return
	}
	o.after = o.top
	for id := range o.has {
		if e, ok := o.n.sh.Entry(id); !ok || e.Seq <= o.after {
			delete(o.has, id)
		}
	}
	if o.mark == "" {
		return
	}
	epoch := o.n.sh.Epoch()
	// A mark that cannot be kept costs sending again after the next start.
	_ = o.n.sh.SetMark(o.mark, binary.BigEndian.AppendUint64(slices.Clone(epoch[:]), o.after))
}

// Landed says that the far end has a unit, or will never take it; own reports
// whether the unit was written here.
func (o *Outlet) Landed(id envelope.ID) (own bool) {
	delete(o.under, id)
	o.Brought(id)
	e, _ := o.n.sh.Entry(id)
	return e.Own
}

// Brought says that a unit came from the far end: it needs not go back.
func (o *Outlet) Brought(id envelope.ID) {
	if len(o.has) < maxBrought {
		o.has[id] = true
	}
}

const maxBrought = 100_000

// Again says that the line broke: what was under way is to be sent again.
func (o *Outlet) Again() {
	if len(o.under) == 0 {
		return
	}
	clear(o.under)
	o.todo, o.top = nil, o.after
}
