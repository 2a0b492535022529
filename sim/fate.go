package sim

import "fmt"

// Lost says why letters did not arrive. Each is counted once, by the first that
// holds.
type Lost struct {
	Unreachable int `json:"unreachable"` // ideal flooding among honest people does not bring it either
	Unsent      int `json:"unsent"`      // nobody but its writer ever held it
	Unmet       int `json:"unmet"`       // nobody who held it met its reader
	Displaced   int `json:"displaced"`   // all who held it evicted it before they met its reader again
	Crowded     int `json:"crowded"`     // it was held in meetings with its reader, and other units took them
	// Of Crowded ones on average: such meetings, and the honest devices that hold
	// it at the end.
	Meetings float64 `json:"crowded_meetings"`
	Holders  float64 `json:"crowded_holders"`
}

// String says it to a person.
func (x Lost) String() string {
	return fmt.Sprintf("did not arrive: %d that ideal flooding does not bring either, %d that only their writer held, %d whose carriers did not meet the reader, "+
		"%d that all carriers evicted, %d in %.0f meetings of the reader with a carrier each, whose time went to others",
		x.Unreachable, x.Unsent, x.Unmet, x.Displaced, x.Crowded, x.Meetings)
}

// fate is what happened to a letter before it arrived.
type fate struct {
	shared  bool // another device than its writer's held it when a contact ended
	met     int  // contacts of its reader with somebody who held it when they ended
	holders int  // at the end
}

// part looks at the letters under way as a contact ends.
func (r *run) part(c Contact) {
	a, b := r.people[c.A].sh, r.people[c.B].sh
	if a == nil || b == nil {
		return
	}
	for i, l := range r.letters {
		if l.Noise || l.At > c.From || r.tally.arrived[i] >= 0 {
			continue
		}
		id := r.ids[i]
		holds := [2]bool{a.Has(id), b.Has(id)}
		for k, p := range [2]int{c.A, c.B} {
			if holds[k] && p != l.From {
				r.fates[i].shared = true
			}
			if holds[k] && l.To == [2]int{c.B, c.A}[k] {
				r.fates[i].met++
			}
		}
	}
}

// lost sorts the letters that did not arrive.
func (r *run) lost(ideal *tally) (x Lost) {
	for i, l := range r.letters {
		if l.Noise || r.tally.arrived[i] >= 0 {
			continue
		}
		f := &r.fates[i]
		for p, who := range r.people {
			if who.sh != nil && p != l.From && who.sh.Has(r.ids[i]) {
				f.holders++
			}
		}
		switch {
		case ideal.arrived[i] < 0:
			x.Unreachable++
		case f.met > 0:
			x.Crowded++
			x.Meetings += float64(f.met)
			x.Holders += float64(f.holders)
		case !f.shared && f.holders == 0:
			x.Unsent++
		case f.holders == 0:
			x.Displaced++
		default:
			x.Unmet++
		}
	}
	x.Meetings /= float64(max(x.Crowded, 1))
	x.Holders /= float64(max(x.Crowded, 1))
	return x
}
