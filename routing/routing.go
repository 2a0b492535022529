package routing

import (
	"cmp"

	"github.com/jauap/jauap/envelope"
)

// Verdict on a unit that somebody offers.
type Verdict uint8

// The verdicts; their values are those of exchange.Verdict.
const (
	Refuse       Verdict = iota // never
	Later                       // not now: there may be room another time
	Keep                        // hold it, do not pass it on
	KeepAndOffer                // hold it and pass it on
)

// Facts about a unit that is offered, and about the shelf.
type Facts struct {
	Class  envelope.Class
	Expiry envelope.Day // NoDay for S0
	Rank   uint8
	Today  envelope.Day
	Bulk   int64 // bytes of the shelf in use by large units of others
	Quota  int64 // bytes of the shelf; 0 means unlimited
}

// largeShare is the part of the shelf, as a divisor, that large units of others
// may fill before strangers' are put off: text must find room even when somebody
// carries films. Small units do not count: a flood of them must not shut out
// every attachment. It is the shelf that evicts them.
const largeShare = 2

// Admit says whether to take a unit. Layout and signature are not its matter.
func Admit(f Facts) Verdict {
	if f.Class.Size() == 0 {
		return Refuse
	}
	if f.Class != envelope.S0 {
		if f.Expiry < f.Today || f.Expiry > f.Today.Add(envelope.MaxLifetime+envelope.MaxJitter) {
			return Refuse
		}
	}
	if f.Rank == Own {
		return KeepAndOffer
	}
	if f.Quota > 0 && f.Rank > Near && large(f.Class) && f.Bulk+int64(f.Class.Size()) > f.Quota/largeShare {
		return Later
	}
	return KeepAndOffer
}

// Until is the last day on which to keep a unit that says none itself, and 0
// for units that do.
func Until(c envelope.Class, today envelope.Day) envelope.Day {
	if c == envelope.S0 {
		return today.Add(envelope.Lifetime)
	}
	return 0
}

func large(c envelope.Class) bool { return c == envelope.S4 || c == envelope.S5 }

// Unit is what the order of offering looks at.
type Unit struct {
	Size  int    // bytes
	Seq   uint64 // order of arrival
	At    int    // the caller's name for it
	From  uint32 // who brought it
	Class envelope.Class
	Rank  uint8
	// Weight of who brought it, from 1 to Whole; 0 is Whole.
	Weight uint8
	Back   bool // the one it is offered to brought it
	Words  bool // it goes before what has none
}

// Compare orders units for relays and drops: smallest class first, because
// that gives the most letters per window, then own and contacts', then oldest.
func Compare(a, b Unit) int {
	return cmp.Or(
		envelope.Compare(a.Class, b.Class),
		cmp.Compare(a.Rank, b.Rank),
		cmp.Compare(a.Seq, b.Seq),
	)
}
