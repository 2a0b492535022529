package pace

import (
	"testing"
	"time"

	"github.com/jauap/jauap/internal/netem"
)

// share is what of the rate arrived in the last part of a time, headers included.
func share(f *flow, before int64, rate float64, d time.Duration) float64 {
	return float64(f.arrived-before) * (full + netem.Overhead) / full * 8 / rate / d.Seconds()
}

// TestFillsThePath: on long and lossy links nearly all of the rate is used, and the
// queue stays short.
func TestFillsThePath(t *testing.T) {
	for _, c := range []struct {
		name        string
		p           netem.Params
		first, then float64 // share of the rate in the first 30 s, and after
	}{
		{"64 kbit/s, 600 ms, 1 %", netem.Params{Rate: 64e3, Delay: 300 * time.Millisecond, Loss: 0.01}, 0.94, 0.98},
		{"1 Mbit/s, 100 ms, 1 %", netem.Params{Rate: 1e6, Delay: 50 * time.Millisecond, Loss: 0.01}, 0.95, 0.97},
		{"20 Mbit/s, 40 ms, 0.1 %", netem.Params{Rate: 20e6, Delay: 20 * time.Millisecond, Loss: 0.001}, 0.96, 0.97},
		{"20 Mbit/s, 600 ms, 5 %", netem.Params{Rate: 20e6, Delay: 300 * time.Millisecond, Loss: 0.05}, 0.6, 0.9},
		{"1 Mbit/s, 100 ms, 44 %", netem.Params{Rate: 1e6, Delay: 50 * time.Millisecond, Loss: 0.44}, 0.3, 0.4},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(c.p, 1)
			f := w.flow(New(), 0)
			w.run(30 * time.Second)
			one := share(f, 0, c.p.Rate, 30*time.Second)
			before := f.arrived
			w.run(60 * time.Second)
			two := share(f, before, c.p.Rate, 60*time.Second)
			alive := 1 - c.p.Loss
			t.Logf("%.3f then %.3f of what is not lost; %d of %d packets lost", one/alive, two/alive, f.lostN, f.sentN)
			if one < c.first*alive && c.p.Loss < 0.4 || two < c.then*alive {
				t.Errorf("only %.3f then %.3f of what is not lost", one/alive, two/alive)
			}
			if q := w.lane.Queued(w.now); float64(q) > 2.5*c.p.Rate/8*c.p.Delay.Seconds()+20*full {
				t.Errorf("%d bytes wait in the queue", q)
			}
		})
	}
}

// TestBesideCubic: on a household's line neither we nor others starve.
func TestBesideCubic(t *testing.T) {
	for _, c := range []struct {
		name string
		p    netem.Params
		from time.Duration // when ours begins; the other one always begins at once
	}{
		{"2 Mbit/s up, 40 ms, short queue", netem.Params{Rate: 2e6, Delay: 20 * time.Millisecond}, 0},
		{"2 Mbit/s up, 40 ms, ours later", netem.Params{Rate: 2e6, Delay: 20 * time.Millisecond}, 20 * time.Second},
		{"20 Mbit/s, 40 ms", netem.Params{Rate: 20e6, Delay: 20 * time.Millisecond}, 0},
		{"20 Mbit/s, 40 ms, 1 s of queue", netem.Params{Rate: 20e6, Delay: 20 * time.Millisecond, Queue: 2_500_000}, 0},
		{"20 Mbit/s, 40 ms, 20 ms of queue", netem.Params{Rate: 20e6, Delay: 20 * time.Millisecond, Queue: 50_000}, 0},
		{"1 Mbit/s, 100 ms", netem.Params{Rate: 1e6, Delay: 50 * time.Millisecond}, 5 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(c.p, 1)
			other, ours := w.flow(newCubic(), 0), w.flow(New(), c.from)
			w.run(40 * time.Second)
			a, b := other.arrived, ours.arrived
			w.run(120 * time.Second)
			cubic, we := share(other, a, c.p.Rate, 120*time.Second), share(ours, b, c.p.Rate, 120*time.Second)
			t.Logf("Cubic %.2f, ours %.2f of the line", cubic, we)
			// A second of queue is hard on whoever does not fill it.
			if cubic < 0.08 || we < 0.05 {
				t.Errorf("somebody starves: Cubic %.2f, ours %.2f", cubic, we)
			}
			if cubic+we < 0.9 {
				t.Errorf("the line is not used: %.2f", cubic+we)
			}
		})
	}
}

// TestDark: a link that was dark for some seconds is full again at once, and the
// sender floods nobody meanwhile.
func TestDark(t *testing.T) {
	p := netem.Params{Rate: 1e6, Delay: 50 * time.Millisecond}
	w := newWorld(p, 1)
	f := w.flow(New(), 0)
	w.run(10 * time.Second)
	sent := f.sentN
	f.dark = true
	w.run(8 * time.Second)
	if n := f.sentN - sent; n > 100 {
		t.Errorf("%d packets were sent into the dark", n)
	}
	f.dark = false
	before := f.arrived
	w.run(5 * time.Second)
	if got := share(f, before, p.Rate, 5*time.Second); got < 0.85 {
		t.Errorf("%.2f of the rate in the 5 s after the dark", got)
	}
}

// TestLimiter: where somebody drops what is over a rate, without any queue, the
// rate is found and not run against.
func TestLimiter(t *testing.T) {
	p := netem.Params{Rate: 1e6, Delay: 50 * time.Millisecond, Queue: 4 * (full + netem.Overhead)}
	w := newWorld(p, 1)
	f := w.flow(New(), 0)
	w.run(20 * time.Second)
	before, sent, lost := f.arrived, f.sentN, f.lostN
	w.run(60 * time.Second)
	got := share(f, before, p.Rate, 60*time.Second)
	drop := float64(f.lostN-lost) / float64(f.sentN-sent)
	t.Logf("%.2f of the rate, %.3f of the packets dropped", got, drop)
	if got < 0.8 || drop > 0.1 {
		t.Errorf("%.2f of the rate, %.3f of the packets dropped", got, drop)
	}
}

// TestLittleAtFirst: a meeting begins with a few words each way. Whoever has much to say
// after that fills the path within some round trips.
func TestLittleAtFirst(t *testing.T) {
	for _, p := range []netem.Params{
		{Rate: 64e3, Delay: 300 * time.Millisecond, Loss: 0.01},
		{Rate: 1e6, Delay: 50 * time.Millisecond, Loss: 0.01},
		{Rate: 20e6, Delay: 20 * time.Millisecond, Loss: 0.001},
	} {
		w := newWorld(p, 1)
		f := w.flow(New(), 0)
		f.few, f.until = 2, epoch.Add(4*time.Second)
		w.at(f.until, f.send)
		w.run(4 * time.Second)
		before := f.arrived
		w.run(15 * time.Second)
		got := share(f, before, p.Rate, 15*time.Second)
		t.Logf("%.0f kbit/s: %.3f of the rate", p.Rate/1e3, got)
		if got < 0.9 {
			t.Errorf("%.0f kbit/s: only %.3f of the rate in the first 15 s", p.Rate/1e3, got)
		}
	}
}
