package sim

import (
	"cmp"
	"slices"
	"sort"
	"time"
)

// flood is what an ideal flood does: everybody who is in contact, directly or
// through others at the same moment, holds the same letters at once.
func flood(s Scenario, letters []Letter) *tally {
	events, live := eventsOf(s, letters)
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
			for _, l := range live {
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

// moment is what ideal flooding looks at.
type moment struct {
	at   time.Duration
	kind int // 0 contact begins, 1 letter, 2 contact ends
	i    int
}

// eventsOf are the moments in order, and the letters that count.
func eventsOf(s Scenario, letters []Letter) (events []moment, live []int) {
	hostile := make(map[int]bool)
	for _, p := range slices.Concat(s.Sybils, s.Informants) {
		hostile[p] = true
	}
	for i, l := range letters {
		if !l.Noise {
			live = append(live, i)
		}
	}
	for i, c := range s.Contacts {
		if hostile[c.A] || hostile[c.B] {
			continue
		}
		events = append(events, moment{c.From, 0, i}, moment{c.To, 2, i})
	}
	for _, i := range live {
		events = append(events, moment{letters[i].At, 1, i})
	}
	// A contact that begins as another ends: where bytes take time nothing comes from
	// that one any more.
	order := [3]int{0, 1, 2}
	if s.Network.Latency > 0 {
		order = [3]int{1, 2, 0}
	}
	sort.Slice(events, func(i, j int) bool {
		a, b := events[i], events[j]
		return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(order[a.kind], order[b.kind]), cmp.Compare(a.i, b.i)) < 0
	})
	return events, live
}
