package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/jauap/jauap/routing"
)

// BenchmarkSweep prints what each number of routing.Rules does to a town under a
// flood with informants and without postage, one at a time: docs/simulation.md, "Why
// these numbers".
//
//	go test ./sim -run '^$' -bench Sweep -benchtime 1x -timeout 2h
func BenchmarkSweep(b *testing.B) {
	type change struct {
		name string
		do   func(*Scenario)
	}
	changes := []change{{"as it is", func(*Scenario) {}}, {"with postage", func(s *Scenario) { s.Postage = Honest }}}
	add := func(name string, do func(*Scenario)) { changes = append(changes, change{name, do}) }
	for _, near := range []int{45, 60} {
		add(fmt.Sprintf("near %d %%, others %d %%", near, 75-near), func(s *Scenario) {
			s.Rules.Shares[routing.Near], s.Rules.Shares[routing.Other] = near, 75-near
		})
	}
	for _, credit := range []int{20, 100} {
		add(fmt.Sprintf("credit %d", credit), func(s *Scenario) { s.Rules.Credit = credit })
	}
	for _, units := range []int{20, 60, 120, 10_000} {
		add(fmt.Sprintf("vouched for %d units", units), func(s *Scenario) { s.Rules.Vouch = units })
	}
	for _, proven := range []int{2, 10} {
		add(fmt.Sprintf("and %d for each proven", proven), func(s *Scenario) { s.Rules.VouchProven = proven })
	}
	for _, lane := range []int{0, 5} {
		add(fmt.Sprintf("reserved lane %d", lane), func(s *Scenario) { s.Rules.FirstUnits = lane })
	}
	for _, batch := range []time.Duration{5 * time.Minute, 4 * time.Hour} {
		add(fmt.Sprintf("proofs each %v", batch), func(s *Scenario) { s.Batch = batch })
	}
	for _, c := range changes {
		b.Run(c.name, func(b *testing.B) {
			for range b.N {
				for seed := range uint64(2) {
					s := Flood(seed+1, 20, 0.05)
					s.Rules, s.Postage = routing.Default(), NoPostage
					c.do(&s)
					r, err := Run(b.Context(), s, seed+1)
					if err != nil {
						b.Fatal(err)
					}
					b.ReportMetric(float64(r.Delivered), fmt.Sprintf("delivered-%d", seed+1))
					b.ReportMetric(r.MedianSeconds/3600, fmt.Sprintf("hours-%d", seed+1))
				}
			}
		})
	}
}

// BenchmarkContacts prints what ideal flooding brings in the town of a flood over all
// meetings, and over those of contacts alone: docs/reliability.md, "Flood".
//
//	go test ./sim -run '^$' -bench Contacts -benchtime 1x
func BenchmarkContacts(b *testing.B) {
	for _, phones := range []int{20, 60, 100, 300} {
		for _, alone := range []bool{false, true} {
			b.Run(fmt.Sprintf("%d phones, contacts alone %v", phones, alone), func(b *testing.B) {
				for range b.N {
					o := wayOf(Flood(1, phones, -1), alone).outcome()
					b.ReportMetric(o.MedianSeconds/3600, "hours")
					b.ReportMetric(o.Share, "delivered")
				}
			})
		}
	}
}

// wayOf floods a town with a thousand letters between people who are no contacts.
func wayOf(s Scenario, alone bool) *tally {
	known := make(map[[2]int]bool)
	for _, f := range s.Friends {
		known[[2]int{min(f[0], f[1]), max(f[0], f[1])}] = true
	}
	of := func(a, b int) bool { return known[[2]int{min(a, b), max(a, b)}] }
	if alone {
		s.Contacts = slices.DeleteFunc(s.Contacts, func(c Contact) bool { return !of(c.A, c.B) })
	}
	rng := rand.New(rand.NewPCG(1, 99))
	var letters []Letter
	for len(letters) < 1000 {
		if a, b := rng.IntN(s.People), rng.IntN(s.People); a != b && !of(a, b) {
			letters = append(letters, Letter{From: a, To: b, At: s.Since + time.Duration(rng.Int64N(int64(s.Until-s.Since)))})
		}
	}
	return flood(s, letters)
}
