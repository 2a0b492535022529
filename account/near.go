package account

import (
	"slices"
	"sort"
)

// Near is what is needed to recognise a contact's device on a link.
type Near struct {
	ID   ContactID
	Say  [][32]byte // what this device says, of the session in use first
	Hear [][32]byte // what theirs may say
}

// maxSaid is how many sessions of a contact are said: the one in use, and the one
// that a restart replaced, which is all that the other end may have.
const maxSaid = 2

// Near lists everybody with whom there is a session, by id. The secrets change as
// sessions do: ask anew for each link.
func (a *Account) Near() []Near {
	a.mu.Lock()
	defer a.mu.Unlock()
	var list []Near
	for _, p := range a.people {
		n := Near{ID: p.ID}
		best := p.preferred()
		rest := slices.DeleteFunc(slices.Clone(p.sessions), func(s *session) bool { return s == best })
		slices.SortStableFunc(rest, func(x, y *session) int { return int(y.at - x.at) })
		if best != nil {
			rest = slices.Insert(rest, 0, best)
		}
		for _, s := range rest {
			say, hear := s.s.MeetKeys()
			if hear == nil {
				continue
			}
			if len(n.Say) < maxSaid {
				n.Say = append(n.Say, say)
			}
			n.Hear = append(n.Hear, hear...)
		}
		if len(n.Hear) > 0 {
			list = append(list, n)
		}
	}
	sort.SliceStable(list, func(i, j int) bool { return string(list[i].ID[:]) < string(list[j].ID[:]) })
	return list
}

// Met notes that a contact's device was recognised on a link: it was heard. ErrUnknown.
func (a *Account) Met(at Moment, id ContactID) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.update(at, func(Tx) error {
		p := a.people[id]
		if p == nil {
			return ErrUnknown
		}
		if at.Wall.After(p.HeardAt) {
			p.HeardAt = at.Wall
			a.touch(p)
		}
		return nil
	})
}
