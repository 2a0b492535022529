package routing

import (
	"time"

	"github.com/jauap/jauap/envelope"
)

// Ranks of units. The receiver of a hop decides; no sender can ask for one.
const (
	Own   uint8 = 0 // written here
	Near  uint8 = 1 // over edges between contacts at every hop since it was written
	Paid  uint8 = 2 // from a stranger, with postage
	Other uint8 = 3 // from a stranger
)

// Rules are the numbers of what follows. They were swept by simulation:
// docs/simulation.md, "Why these numbers".
type Rules struct {
	// Shares of a full shelf and of a link's time in percent, by rank. What a rank
	// does not use is lent to the others. Own units are outside of them.
	Shares [4]int
	// What an edge to a contact carries a day:
	Credit     int // units of rank Near that no proof has answered yet
	FirstUnits int // units of its own that stay until their last day
	FirstBytes int // of them
	// A contact weighs less in Turns once it brought more than so many units of
	// which less than so many percent were proven: Edge.Weight.
	Trust  int
	Proven int
	// A contact's word is passed on until it brought more than Vouch units, and
	// VouchProven for each that was proven (Edge.Vouched), or Quiet units came of
	// contacts since a proof of any.
	Vouch       int
	VouchProven int
	Quiet       int
	// Spray is to how many peers one device hands a large unit of others at once,
	// and Again how long it waits before each further one; 0: for ever. Text is
	// small enough to be given to everybody; a film is not.
	Spray int
	Again time.Duration
}

// Default are the rules that devices go by.
func Default() Rules {
	return Rules{
		Shares: Shares(), Credit: Credit, FirstUnits: FirstUnits, FirstBytes: 2 << 20, Trust: Trust, Proven: Proven,
		Vouch: Vouch, VouchProven: VouchProven, Quiet: Quiet, Spray: Spray, Again: Again,
	}
}

// Shares are those of Default.
func Shares() [4]int { return [4]int{Near: 70, Paid: 25, Other: 5} }

// Label is what a contact says of a unit that it lists.
type Label uint8

// The labels; their values are those on the wire (spec/exchange.md, 12).
const (
	Plain Label = iota // nothing is known of where it comes from
	Known              // its rank is Near with the contact
	First              // the contact wrote it
)

// LabelOf is what to say of a unit to a contact. Open is false where the
// person does not want contacts to know which units are their own.
func LabelOf(rank uint8, open bool) Label {
	switch {
	case rank == Own && open:
		return First
	case rank <= Near:
		return Known
	}
	return Plain
}

// Of Default.
const (
	Credit      = 400
	FirstUnits  = 20
	Trust       = 4
	Proven      = 50
	Vouch       = 40
	VouchProven = 5
	Quiet       = 300
)

// creditStep: a unit costs one credit and one more for each so many bytes.
const creditStep = 16 << 10

// fine is how many pieces a credit has: a proof whose envelope is not here
// costs one.
const fine = 8

// Edge is what is known of one contact's day. The zero value is a new edge.
type Edge struct {
	Day   envelope.Day
	Spent uint16 // pieces of credit
	First uint8  // units in the reserved lane
	Bytes uint32 // of them
	// What it brought of rank Near but proofs, and how much of that was proven to
	// have arrived. A day that begins halves both.
	Brought, Proven uint16
}

// on is the edge on a day.
func (e Edge) on(today envelope.Day) Edge {
	if e.Day == today {
		return e
	}
	return Edge{Day: today, Brought: e.Brought / 2, Proven: e.Proven / 2}
}

// bring counts a unit of rank Near. Nothing ever proves proofs and stamps.
func (e Edge) bring(c envelope.Class) Edge {
	if c == envelope.Done || c == envelope.Stamp {
		return e
	}
	if e.Brought == 1<<16-1 {
		e.Brought, e.Proven = e.Brought/2, e.Proven/2
	}
	e.Brought++
	return e
}

// Wrote counts an own unit. Own units have an edge, too, of which only the
// weight is used: towards strangers they stand where a contact's would who
// brought the same.
func (e Edge) Wrote(c envelope.Class, today envelope.Day) Edge { return e.on(today).bring(c) }

// Whole is the weight of who is not doubted.
const Whole = 16

// Weight is how much of a rank's turns a giver gets, from 1 to Whole. Mail that
// arrives is proven, junk is not: who brings much of which nothing is ever
// proven gets less than others while others have something, and all of the
// turns when nobody has. A new contact, and everybody where proofs do not come
// for days, is treated alike.
func (e Edge) Weight(r Rules) uint8 {
	if r.Trust <= 0 {
		return Whole
	}
	trust := 100 * r.Trust
	w := Whole * (100*int(e.Proven) + trust) / (max(r.Proven, 0)*int(e.Brought) + trust)
	return uint8(min(max(w, 1), Whole))
}

// Vouched says that a contact's word is passed on: that units which it ranked near
// are near for other contacts, too. Otherwise what an informant brings to its
// contacts is as near as all else from the second hop on, where nobody can tell
// whose it was. It ends when a contact brought more of which nothing was proven
// than Rules.Vouch.
func (e Edge) Vouched(r Rules) bool {
	return int(e.Brought) <= r.Vouch+r.VouchProven*int(e.Proven)
}

// Arrival is a unit that a peer brings.
type Arrival struct {
	Class   envelope.Class
	Today   envelope.Day
	Contact bool // over the edge to a contact
	Label   Label
	Paid    bool  // it has valid postage, or is that
	Proves  uint8 // of a proof: the rank of the envelope that goes by it
	Sure    bool  // of a proof: there is such an envelope, and it has its key
	Room    bool  // the reserved lane has room left on the shelf
}

// Grade is what a shelf is told about an arrival.
type Grade struct {
	Rank  uint8
	Fixed bool // stays until its last day
}

// Grade decides the rank of an arrival and answers the edge as it is then.
func (e Edge) Grade(a Arrival, r Rules) (Grade, Edge) {
	low := Grade{Rank: Other}
	if a.Paid {
		low.Rank = Paid
	}
	if a.Class == envelope.Done && a.Sure {
		// It takes less room than what goes by it, and nobody else can make it.
		low.Rank = min(low.Rank, max(a.Proves, Near))
		return low, e
	}
	// A stamp takes nothing from what contacts have for letters, which are near without it.
	if !a.Contact || a.Label == Plain || a.Class == envelope.Stamp {
		return low, e
	}
	e = e.on(a.Today)
	if size := uint32(a.Class.Size()); a.Label == First && a.Room && int(e.First) < r.FirstUnits && int64(e.Bytes)+int64(size) <= int64(r.FirstBytes) {
		e.First++
		e.Bytes += size
		return Grade{Rank: Near, Fixed: true}, e.bring(a.Class)
	}
	cost := price(a.Class)
	if int(e.Spent)+int(cost) > r.Credit*fine {
		return low, e
	}
	e.Spent += cost
	return Grade{Rank: Near}, e.bring(a.Class)
}

// Proved gives back what a unit cost, once it is proven to have arrived. What
// came by the reserved lane cost nothing.
func (e Edge) Proved(c envelope.Class, fixed bool) Edge {
	if !fixed {
		e.Spent -= min(e.Spent, price(c))
	}
	e.Proven = min(e.Proven+1, e.Brought)
	return e
}

// price of a unit in pieces of credit.
func price(c envelope.Class) uint16 {
	if c == envelope.Done {
		return 1
	}
	return fine * uint16(1+c.Size()/creditStep)
}

// Encounter is how many bytes of others a stranger may displace in one
// meeting. Empty room is open to everybody.
const Encounter = 1 << 20

// MayDisplace says whether a stranger's unit may come into a full shelf after
// so many bytes came so in the same meeting.
func MayDisplace(c envelope.Class, before int64) bool {
	return before+int64(c.Size()) <= Encounter
}

// ReservedPart is the part of the shelf, as a divisor, that the reserved lanes
// of all contacts may fill.
const ReservedPart = 8
