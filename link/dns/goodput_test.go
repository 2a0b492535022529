package dns

import (
	"context"
	"net"
	"net/netip"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jauap/jauap/link/linktest"
)

// flow gives or takes units of one size for a while and answers bytes a second.
func flow(t testing.TB, tun *Tunnel, b *box, size, n int, down bool) float64 {
	t.Helper()
	units := make([][]byte, n)
	for i := range units {
		units[i] = noise(size)
		if down {
			_ = b.Deposit(context.Background(), units[i], "")
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	begin, got := time.Now(), 0
	var err error
	if down {
		_, err = tun.Pull(ctx, Want{Large: size >= 1024}, func(u []byte) error { got += len(u); return nil })
	} else {
		var sent int64
		sent, err = tun.Leave(ctx, linktest.From(units))
		got = int(sent)
	}
	if err != nil || got != n*size {
		t.Errorf("%d of %d bytes, %v", got, n*size, err)
	}
	return float64(got) / time.Since(begin).Seconds()
}

// TestGoodput measures in virtual time what a path with a round trip of 100 ms
// carries, and holds it to what is promised.
func TestGoodput(t *testing.T) {
	for _, c := range []struct {
		name     string
		h        *hostile
		rate     float64
		up, down float64 // at least, kB/s
	}{
		{"100 queries a second", &hostile{delay: 100 * time.Millisecond}, 0, 4, 30},
		{"as many as may wait", &hostile{delay: 100 * time.Millisecond}, 1e6, 15, 120},
		{"names of 72 bytes", &hostile{delay: 100 * time.Millisecond, longest: 72}, 0, 1, 30},
		{"60 % of queries lost", &hostile{delay: 100 * time.Millisecond, loss: 0.368}, 0, 1, 4},
	} {
		if testing.Short() && c.rate == 0 {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBox()
				tun := c.h.behind(t, b, Config{Rate: c.rate})
				up := flow(t, tun, b, 16384, 4, false) / 1000
				s0 := flow(t, tun, b, 222, 60, false) / 1000
				c.h.end(tun)
				in := newBox()
				h := &hostile{delay: c.h.delay, longest: c.h.longest, loss: c.h.loss}
				tun = h.behind(t, in, Config{Rate: c.rate})
				down := flow(t, tun, in, 16384, 40, true) / 1000
				t.Logf("up %.1f kB/s (S0 %.2f kB/s), down %.1f kB/s", up, s0, down)
				if up < c.up || down < c.down {
					t.Errorf("promised: up %.1f, down %.1f kB/s", c.up, c.down)
				}
				h.end(tun)
			})
		})
	}
}

// BenchmarkGoodput measures over sockets on loopback; with JAUAP_RESOLVER set to
// ADDR and JAUAP_SERVER to HOST:PORT, through a resolver that asks the server there
// for the zone t.jauap.example.
func BenchmarkGoodput(b *testing.B) {
	for _, c := range []struct {
		name string
		size int
		down bool
	}{{"up", 16384, false}, {"up-222", 222, false}, {"down", 16384, true}, {"down-222", 222, true}} {
		b.Run(c.name, func(b *testing.B) {
			in := newBox()
			place := os.Getenv("JAUAP_SERVER")
			if place == "" {
				place = "127.0.0.1:0"
			}
			a := serveAt(b, in, place)
			if r := os.Getenv("JAUAP_RESOLVER"); r != "" {
				a.Resolvers = []netip.AddrPort{netip.MustParseAddrPort(r)}
			}
			tun := dial(b, Config{Address: a, Rate: 1e6})
			for b.Loop() {
				b.ReportMetric(flow(b, tun, in, c.size, (2<<20)/c.size/10, c.down)/1000, "kB/s")
			}
		})
	}
}

var _ net.PacketConn = (*hostile)(nil)
