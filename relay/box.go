package relay

import (
	"context"
	"errors"

	"github.com/jauap/jauap/envelope"
)

// Slot is a mailbox shard: 0 is everybody's.
type Slot = uint8

// Mark is a place in the order in which a Box received units. Marks grow and
// are never used twice within one Epoch; 0 is before the first.
type Mark uint64

// Epoch names the order that marks count in. A Box that was wiped has a new
// one.
type Epoch [8]byte

// Slots is a set of slots.
type Slots [4]uint64

// SlotsOf is the set of these slots.
func SlotsOf(slots ...Slot) (s Slots) {
	for _, n := range slots {
		s[n>>6] |= 1 << (n & 63)
	}
	return s
}

func allSlots() Slots { return Slots{^uint64(0), ^uint64(0), ^uint64(0), ^uint64(0)} }

// Has tells whether the slot is in the set.
func (s Slots) Has(n Slot) bool { return s[n>>6]&(1<<(n&63)) != 0 }

// Meets tells whether the two sets share a slot.
func (s Slots) Meets(o Slots) bool {
	return s[0]&o[0]|s[1]&o[1]|s[2]&o[2]|s[3]&o[3] != 0
}

// Plus is the union of the sets.
func (s Slots) Plus(o Slots) Slots {
	return Slots{s[0] | o[0], s[1] | o[1], s[2] | o[2], s[3] | o[3]}
}

// Head is where a Box stands.
type Head struct {
	Epoch Epoch
	Top   Mark // newest mark that List may show
}

// Entry is a unit in a Box.
type Entry struct {
	ID     envelope.ID
	Class  envelope.Class
	Slot   Slot
	Size   int // bytes
	Expiry envelope.Day
	Mark   Mark
}

// Deposit is a checked unit on its way into a Box.
type Deposit struct {
	Unit envelope.Envelope
	// Rank orders eviction from a full Box: the highest goes first.
	Rank uint8
	// Today is the day on which it came.
	Today envelope.Day
}

// What a Box answers for one unit.
var (
	ErrMissing   = errors.New("relay: no such unit here")
	ErrDelivered = errors.New("relay: the unit was proven delivered")
	ErrTaken     = errors.New("relay: another unit under the same one-time key is here")
	ErrBogus     = errors.New("relay: the proof has another key than its envelope")
	ErrExpired   = errors.New("relay: the unit's last day is over")
	ErrFull      = errors.New("relay: the box is full")
)

// Box is where a relay keeps units. Any number of goroutines may use it.
// boxtest.Run shows what every Box must do.
type Box interface {
	// Head tells the epoch and the newest mark.
	Head(ctx context.Context) (Head, error)
	// Judge tells what Put would answer for the unit now: nil, ErrDelivered,
	// ErrTaken, ErrBogus, ErrExpired or ErrFull, as far as it can tell without
	// storing anything. Where Put refused a unit, Judge does afterwards.
	Judge(ctx context.Context, d Deposit) error
	// Put takes units. When the second result is nil, each unit whose own
	// result is nil is on stable storage, also when it was here before; the
	// other results are as for Judge. A Done removes the unit that it proves.
	// Concurrent calls share the cost of reaching stable storage. The second
	// result is the storage's trouble: then nothing is known of any unit.
	Put(ctx context.Context, units []Deposit) ([]error, error)
	// List tells, in order of marks, up to max units with marks above after in
	// the slots, and the mark up to which it looked: ask again from there;
	// no progress means no more. It shows only what is on stable storage, and
	// a mark only when no lower one can still come.
	List(ctx context.Context, after Mark, slots Slots, max int) ([]Entry, Mark, error)
	// Get reads up to n bytes of a unit from byte off, none behind its end; n 0
	// asks only whether it is here. Like List it shows only what is on stable storage. Errors:
	// ErrMissing; ErrDelivered when its proof was checked against the unit
	// itself (a proof alone may be anybody's).
	Get(ctx context.Context, id envelope.ID, off, n int) ([]byte, error)
	// Drop removes a unit, or does nothing when it is not here.
	Drop(ctx context.Context, id envelope.ID) error
	// Expire removes what no carrier keeps on that day and tells how many.
	Expire(ctx context.Context, today envelope.Day) (int, error)
}
