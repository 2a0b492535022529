package node

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"

	"github.com/jauap/jauap/envelope"
)

const (
	recheckEvery = 5 * time.Minute
	recheckUnits = 4 // at once: a bad place of a turning disk takes seconds
	lostName     = "lost"
)

// recheck tries again what the shelf could not read, and tells of what it could
// as of what arrives.
func (n *Node) recheck() {
	n.noteLost()
	switch {
	case n.sh.Ailing() == 0:
		n.recheckAt = time.Time{}
		return
	case n.recheckAt.IsZero():
		n.recheckAt = n.now.Add(recheckEvery)
		return
	case n.now.Before(n.recheckAt):
		return
	}
	n.recheckAt = n.now.Add(recheckEvery)
	for _, u := range n.sh.Recheck(recheckUnits) {
		n.dirty = true
		n.put = append(n.put, placed{itemOf(u.Entry), 0})
		if !u.Own {
			n.later = append(n.later, Arrived{ID: u.ID, Raw: u.Raw})
		}
	}
}

// noteLost makes the marks of relays void, which say that all is here: they list
// everything again. At most once a day, for a long list is dear on a thin link;
// others say what they have at each meeting anyway.
func (n *Node) noteLost() {
	losses := n.sh.Losses()
	if losses == n.losses || n.lostOn() == n.today {
		return
	}
	n.setMark(lostName, binary.BigEndian.AppendUint16(nil, uint16(n.today)))
	if n.lostOn() == n.today {
		n.losses = losses // else there was no room for the mark: again
	}
}

// lostOn is the day on which something was last known to be lost; 0: never.
func (n *Node) lostOn() envelope.Day {
	if b := n.sh.Mark(lostName); len(b) == 2 {
		return envelope.Day(binary.BigEndian.Uint16(b))
	}
	return 0
}

// Lost says whether the disk ever lost a unit of this shelf.
func (n *Node) Lost() bool { return n.lostOn() != 0 || n.sh.Losses() > 0 }

// scope hashes what marks hold for: the shards, and what was lost before.
func (n *Node) scope(shards []uint8) (b [8]byte) {
	h := sha256.Sum256(slices.Concat(shards, n.sh.Mark(lostName)))
	return [8]byte(h[:8])
}
