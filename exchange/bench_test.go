package exchange

import (
	"testing"
	"time"

	"github.com/jauap/jauap/envelope"
)

// BenchmarkListing evens out two large shelves that differ by 100 units.
func BenchmarkListing(b *testing.B) {
	for _, n := range []int{10_000, 100_000} {
		b.Run(map[int]string{10_000: "shared=10k", 100_000: "shared=100k"}[n], func(b *testing.B) {
			rng := seeded(1)
			left, right := newShelf(b), newShelf(b)
			for range n {
				raw := unit(rng, envelope.Done)
				left.add(raw, 0, 2)
				right.add(raw, 0, 2)
			}
			var wire int
			for b.Loop() {
				b.StopTimer()
				for range 50 {
					left.add(unit(rng, envelope.Done), 0, 2)
					right.add(unit(rng, envelope.Done), 0, 2)
				}
				b.StartTimer()
				m := meet(b, [2]Config{}, left, right)
				m.run(rng, never)
				if !same(left, right) {
					b.Fatal("not even")
				}
				wire = m.total
			}
			b.ReportMetric(float64(wire), "wire-bytes")
		})
	}
}

// BenchmarkTexts moves 10,000 texts between two sessions.
func BenchmarkTexts(b *testing.B) {
	rng := seeded(2)
	left := newShelf(b)
	for range 10_000 {
		left.add(unit(rng, envelope.S1), 0, 2)
	}
	var took time.Duration
	var wire int
	for b.Loop() {
		start := time.Now()
		m := meet(b, [2]Config{}, left, newShelf(b))
		m.run(rng, never)
		took += time.Since(start)
		wire = m.total
	}
	b.ReportMetric(10_000*float64(b.N)/took.Seconds(), "units/s")
	b.ReportMetric(100*float64(wire-10_000*1024)/float64(10_000*1024), "%overhead")
}
