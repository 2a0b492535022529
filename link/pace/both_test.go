package pace

import (
	"testing"
	"time"

	"github.com/jauap/jauap/internal/netem"
)

// TestBothWays: both ends have much to say from the first packet on, and the
// confirmations of one wait behind the data of the other. Who knows the round trip keeps
// the lines busy and the queues short, and lets confirmations ride with data.
func TestBothWays(t *testing.T) {
	const seeds = 20
	var sum [2]float64
	queue, full, alone := 0, int64(0), 0
	for seed := range uint64(seeds) {
		p := netem.Params{Rate: 64e3, Delay: 300 * time.Millisecond, Loss: 0.01}
		w := newWorld(p, seed)
		w.back = netem.NewLane(p, seed+100)
		out, back := New(), New()
		out.Know(2 * p.Delay)
		back.Know(2 * p.Delay)
		flows := [2]*flow{w.flowOn(w.lane, w.back, out, 0), w.flowOn(w.back, w.lane, back, 450*time.Millisecond)}
		flows[0].mate, flows[1].mate = flows[1], flows[0]
		for i := range 24 {
			w.run(time.Second)
			if i >= 4 {
				queue += w.lane.Queued(w.now) + w.back.Queued(w.now)
			}
		}
		for i, f := range flows {
			alone += f.alone
			sum[i] += share(f, 0, p.Rate, w.now.Sub(epoch)) / seeds
			full += f.lane.Count().Full
		}
	}
	queue /= 2 * 20 * seeds
	t.Logf("%.3f out, %.3f back of the rate; %d bytes in the queues, %d packets found no room, %d confirmations alone", sum[0], sum[1], queue, full, alone)
	// Up to 0.9 s pass before the first packet of each has arrived, 1 % is lost. Without a
	// window for narrow paths it would be .901 and .881, and 3,451 confirmations alone.
	if sum[0] < 0.905 || sum[1] < 0.905 {
		t.Errorf("%.3f out, %.3f back of the rate", sum[0], sum[1])
	}
	if alone > 2_200 {
		t.Errorf("%d confirmations travelled alone", alone)
	}
	if queue > 8_000 || full > seeds {
		t.Errorf("%d bytes in the queues, %d packets found no room", queue, full)
	}
}
