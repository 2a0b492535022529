package roster

import (
	"bytes"
	"maps"
	"slices"
)

// Member is somebody who belongs to the group.
type Member struct {
	Admin bool
	By    Key // who added them; zero for the founder
}

// State is what a set of entries means. spec/group.md, 6.2. It must not be changed.
type State struct {
	Name     string
	Rules    Rules
	Founder  Key
	Members  map[Key]Member
	Proposed map[Key][]Key // by whom; they are no members yet
	Gone     map[Key]Cut   // removed, or left
	Left     map[Key]bool  // those of Gone whom nobody removed

	ever map[Key]bool // added at any time, and the founder
}

// State of all entries.
func (l *Log) State() *State {
	if l.state == nil {
		var all set
		for i := range l.list {
			all = all.with(i)
		}
		l.state = l.eval(all)
	}
	return l.state
}

// eval computes the state of a set that holds the past of each of its entries.
func (l *Log) eval(in set) *State {
	s := &State{Members: map[Key]Member{}, Proposed: map[Key][]Key{}, Gone: map[Key]Cut{}, Left: map[Key]bool{}, ever: map[Key]bool{}}
	ends := map[Key][]*node{} // removals and leaves, by whom they end
	for _, n := range l.list {
		if !in.has(n.place) {
			continue
		}
		switch n.Kind {
		case Found:
			s.Name, s.Rules, s.Founder = n.Name, n.Rules, n.Author
			s.ever[n.Author] = true
		case Remove:
			s.end(n, n.Subject, ends)
		case Leave:
			s.end(n, n.Author, ends)
		case Add:
			s.ever[n.Subject] = true
		}
	}
	l.count(s, in, ends)
	for k := range s.Gone {
		delete(s.Members, k)
		delete(s.Proposed, k)
	}
	return s
}

func (s *State) end(n *node, who Key, ends map[Key][]*node) {
	ends[who] = append(ends[who], n)
	cut, gone := s.Gone[who]
	if !gone || cut.Gen < n.Cut.Gen || cut.Gen == n.Cut.Gen && cut.Next < n.Cut.Next {
		s.Gone[who] = n.Cut
	}
	if n.Kind == Leave && !gone {
		s.Left[who] = true
	} else if n.Kind == Remove {
		delete(s.Left, who)
	}
}

// count finds the adds and grants that count, and who is a member by them,
// whether removed or not.
func (l *Log) count(s *State, in set, ends map[Key][]*node) {
	if s.Founder == (Key{}) {
		return
	}
	counted := map[Key][]*node{} // by subject
	alone := map[*node]bool{}    // adds that need no second admin
	for _, n := range l.list {
		if !in.has(n.place) || n.Kind != Add && n.Kind != Grant {
			continue
		}
		if !n.before(ends[n.Author]) || !s.admin(n.Author, counted, alone, n.past) {
			continue
		}
		alone[n] = s.Rules&TwoToAdd == 0 || s.lonely(counted, alone, n.past)
		counted[n.Subject] = append(counted[n.Subject], n)
	}
	s.Members[s.Founder] = Member{Admin: true}
	for k, list := range counted {
		if k == s.Founder {
			continue
		}
		who, first, enough := adders(list, alone, nil)
		switch {
		case first == nil:
		case !enough:
			s.Proposed[k] = slices.SortedFunc(maps.Keys(who), func(a, b Key) int { return bytes.Compare(a[:], b[:]) })
		default:
			s.Members[k] = Member{Admin: s.admin(k, counted, alone, nil), By: first.Author}
		}
	}
}

// before reports whether an entry is in the past of all of these.
func (n *node) before(ends []*node) bool {
	for _, e := range ends {
		if !e.past.has(n.place) {
			return false
		}
	}
	return true
}

// adders are the different authors of the adds among these entries, as far as
// they are in past (nil: all), and the add that stands first in every order.
func adders(list []*node, alone map[*node]bool, past set) (who map[Key]bool, first *node, enough bool) {
	who = map[Key]bool{}
	for _, n := range list {
		if n.Kind != Add || past != nil && !past.has(n.place) {
			continue
		}
		who[n.Author] = true
		enough = enough || alone[n] || len(who) >= 2
		if first == nil || n.depth < first.depth || n.depth == first.depth && compare(n.id, first.id) < 0 {
			first = n
		}
	}
	return who, first, enough
}

// lonely reports whether the founder is the only admin in a past.
func (s *State) lonely(counted map[Key][]*node, alone map[*node]bool, past set) bool {
	for k := range counted {
		if k != s.Founder && s.admin(k, counted, alone, past) {
			return false
		}
	}
	return true
}

// admin reports whether somebody is a member and an admin by the counted
// entries in past (nil: all), removals left aside.
func (s *State) admin(k Key, counted map[Key][]*node, alone map[*node]bool, past set) bool {
	if k == s.Founder {
		return true
	}
	if _, _, enough := adders(counted[k], alone, past); !enough {
		return false
	}
	if s.Rules&AllAdmins != 0 {
		return true
	}
	for _, n := range counted[k] {
		if (past == nil || past.has(n.place)) && (n.Kind == Grant || n.Admin) {
			return true
		}
	}
	return false
}
