package sim

import (
	"fmt"
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
