package sim

import (
	"cmp"
	"slices"
	"time"
)

// flood is what an ideal flood does: everybody who is in contact, directly or
// through others at the same moment, holds the same letters at once.
func flood(s Scenario, letters []Letter) *tally {
	type event struct {
		at   time.Duration
		kind int // 0 contact begins, 1 letter, 2 contact ends
		i    int
	}
	var events []event
	for i, c := range s.Contacts {
		events = append(events, event{c.From, 0, i}, event{c.To, 2, i})
	}
	for i, l := range letters {
		events = append(events, event{l.At, 1, i})
	}
	slices.SortFunc(events, func(a, b event) int {
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.kind, b.kind), cmp.Compare(a.i, b.i))
	})

	near := make([]map[int]int, s.People) // people in contact, and how often
	for p := range near {
		near[p] = make(map[int]int)
	}
	holds := make([][]bool, s.People)
	for p := range holds {
		holds[p] = make([]bool, len(letters))
	}
	t := newTally(letters)
	give := func(p, l int, at time.Duration) {
		if !holds[p][l] {
			holds[p][l] = true
			t.holder(l, p, at)
		}
	}
	for _, e := range events {
		switch e.kind {
		case 0:
			c := s.Contacts[e.i]
			near[c.A][c.B]++
			near[c.B][c.A]++
			all := group(near, c.A)
			for l := range letters {
				if slices.ContainsFunc(all, func(p int) bool { return holds[p][l] }) {
					for _, p := range all {
						give(p, l, e.at)
					}
				}
			}
		case 1:
			for _, p := range group(near, letters[e.i].From) {
				give(p, e.i, e.at)
			}
		case 2:
			c := s.Contacts[e.i]
			for _, d := range [][2]int{{c.A, c.B}, {c.B, c.A}} {
				if near[d[0]][d[1]]--; near[d[0]][d[1]] == 0 {
					delete(near[d[0]], d[1])
				}
			}
		}
	}
	return t
}

// group is everybody whom p reaches through contacts that last now, in order.
func group(near []map[int]int, p int) []int {
	seen := map[int]bool{p: true}
	all := []int{p}
	for i := 0; i < len(all); i++ {
		for q := range near[all[i]] {
			if !seen[q] {
				seen[q] = true
				all = append(all, q)
			}
		}
	}
	slices.Sort(all)
	return all
}
