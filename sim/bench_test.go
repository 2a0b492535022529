package sim

import (
	"runtime"
	"testing"
)

// BenchmarkCity plays two hundred people of Almaty through their six days. A step
// is one call of a node's Step.
func BenchmarkCity(b *testing.B) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	const people = 200
	steps := 0
	for b.Loop() {
		r, err := Run(b.Context(), Almaty(7, people), 7)
		if err != nil {
			b.Fatal(err)
		}
		steps += r.Steps
	}
	b.ReportMetric(float64(steps)/b.Elapsed().Seconds(), "steps/s")
}
