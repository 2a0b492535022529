package routing

import (
	"time"

	"github.com/jauap/jauap/envelope"
)

// Of Default.
const (
	Spray = 4
	Again = time.Hour
)

// Handed is what a device knows of handing a large unit of others on. The zero
// value: it never did.
type Handed struct {
	Count int       // peers that hold it from here
	First time.Time // when the first of them did
}

// Another is h after one more peer holds the unit.
func (h Handed) Another(now time.Time) Handed {
	if h.Count == 0 {
		h.First = now
	}
	h.Count++
	return h
}

// MayOffer says whether to offer a unit to a peer: text to everybody, a large unit
// of others to Rules.Spray peers and to one more each Rules.Again since the first,
// as the one who is met after that may be its reader and nobody here can tell.
// Relays, which many reach, are always offered it, and never a stamp, of which they
// have no use. A clock that went back counts as no time.
func MayOffer(c envelope.Class, rank uint8, h Handed, now time.Time, r Rules, relay bool) bool {
	if c == envelope.Stamp {
		return !relay
	}
	if relay || !Counted(c, rank) || h.Count < r.Spray {
		return true
	}
	return r.Again > 0 && int64(h.Count-r.Spray) < int64(max(now.Sub(h.First), 0)/r.Again)
}

// Counted says whether handing a unit on counts for MayOffer.
func Counted(c envelope.Class, rank uint8) bool { return rank != Own && large(c) }
