package node

import (
	"bytes"
	"cmp"
	"slices"
	"time"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/link"
	"github.com/jauap/jauap/routing"
	"github.com/jauap/jauap/store"
)

// Offering hands out units for a Drop, in the order of a window. It must not
// be used concurrently with its node.
type Offering struct {
	sh   *store.Shelf
	todo []store.Entry
	left []envelope.ID
}

// pageEntries are asked of the shelf at a time.
const pageEntries = 1024

// Offer lists what to leave in a Drop with these traits: everything on the
// shelf that is not expired and not larger than the traits' Unit.
func (n *Node) Offer(_ time.Time, t link.Traits) *Offering {
	o := &Offering{sh: n.sh}
	for seq := uint64(0); ; {
		page := n.sh.Since(seq, pageEntries)
		if len(page) == 0 {
			break
		}
		seq = page[len(page)-1].Seq
		for _, e := range page {
			if t.Unit > 0 && int(e.Size) > t.Unit || e.Expiry < n.today {
				continue
			}
			o.todo = append(o.todo, e)
		}
	}
	slices.SortStableFunc(o.todo, func(a, b store.Entry) int { return routing.Compare(unitOf(a), unitOf(b)) })
	return o
}

// First moves the units that asked names to the front and keeps the order
// otherwise. It answers how many these are.
func (o *Offering) First(asked func(envelope.ID) bool) int {
	var first, rest []store.Entry
	for _, e := range o.todo {
		if asked(e.ID) {
			first = append(first, e)
		} else {
			rest = append(rest, e)
		}
	}
	o.todo = append(first, rest...)
	return len(first)
}

func unitOf(e store.Entry) routing.Unit {
	return routing.Unit{Class: e.Class, Rank: e.Rank, Seq: e.Seq}
}

// Next is the next unit, for link.Drop.Leave. Units that went away meanwhile
// are passed over.
func (o *Offering) Next() (unit []byte, ok bool) {
	for len(o.todo) > 0 {
		e := o.todo[0]
		o.todo = o.todo[1:]
		raw, err := o.sh.Get(e.ID)
		if err != nil {
			continue
		}
		if e.Own && e.Class != envelope.Stamp {
			o.left = append(o.left, e.ID)
		}
		return raw, true
	}
	return nil, false
}

// About is how many bytes Next has yet to hand out.
func (o *Offering) About() (n int64) {
	for _, e := range o.todo {
		n += int64(e.Size)
	}
	return n
}

// Listed is a unit that an Offering has yet to hand out.
type Listed struct {
	ID   envelope.ID
	Size int
	Rank uint8 // routing's; of Ranked only
}

// dear is what of it goes where bytes are dear: no stamps.
func (o *Offering) dear() []store.Entry {
	return slices.DeleteFunc(slices.Clone(o.todo), func(e store.Entry) bool { return e.Class == envelope.Stamp })
}

// Rest lists what Next has yet to hand out but stamps, smallest class first and then by
// name: for a link on which everybody hears everything, so that the order does
// not tell whose a unit is.
func (o *Offering) Rest() []Listed {
	todo := o.dear()
	slices.SortFunc(todo, func(a, b store.Entry) int {
		ua, ub := routing.Unit{Class: a.Class}, routing.Unit{Class: b.Class}
		return cmp.Or(routing.Compare(ua, ub), bytes.Compare(a.ID[:], b.ID[:]))
	})
	list := make([]Listed, len(todo))
	for i, e := range todo {
		list[i] = Listed{ID: e.ID, Size: int(e.Size)}
	}
	return list
}

// Ranked lists the same in the order of Next, with ranks: for a link to one relay
// that must choose.
func (o *Offering) Ranked() []Listed {
	todo := o.dear()
	list := make([]Listed, len(todo))
	for i, e := range todo {
		list[i] = Listed{ID: e.ID, Size: int(e.Size), Rank: e.Rank}
	}
	return list
}

// Left are the ids of the own units that Next handed out so far. They are in
// the Drop once Leave returned nil; then their letters are carried.
func (o *Offering) Left() []envelope.ID { return o.left }
