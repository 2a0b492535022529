package sim

import (
	"testing"
	"time"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/routing"
)

// BenchmarkLarge plays the conference and the office with letters of 64 and 256 KiB and two
// limits of copies. Once each is enough: -benchtime 1x.
func BenchmarkLarge(b *testing.B) {
	for _, name := range []string{"conference", "office"} {
		for _, c := range []envelope.Class{envelope.S4, envelope.S5} {
			for _, rules := range []struct {
				name  string
				spray int
				again time.Duration
			}{{"8", 8, 0}, {"default", routing.Spray, routing.Again}} {
				b.Run(name+"/"+c.String()+"/"+rules.name, func(b *testing.B) {
					for range b.N {
						s, err := Named(name, 1, 0)
						if err != nil {
							b.Fatal(err)
						}
						s.Class, s.Random, s.ProofAfter = c, 40, time.Hour
						s.Rules = routing.Default()
						s.Rules.Spray, s.Rules.Again = rules.spray, rules.again
						r, err := Run(b.Context(), s, 7)
						if err != nil {
							b.Fatal(err)
						}
						b.ReportMetric(100*r.Share, "%")
						b.ReportMetric(100*r.Ideal.Share, "%ideal")
						b.ReportMetric(100*r.Within6h, "%6h")
						b.ReportMetric(100*r.Ideal.Within6h, "%ideal6h")
						b.ReportMetric(r.InAll, "copies")
						b.ReportMetric(r.Ideal.InAll, "copiesideal")
						b.ReportMetric(float64(r.Bytes)/1e6, "MB")
					}
				})
			}
		}
	}
}
