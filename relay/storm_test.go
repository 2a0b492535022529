package relay_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/exchange"
	"github.com/jauap/jauap/internal/durable"
	"github.com/jauap/jauap/relay"
	"github.com/jauap/jauap/relay/boxtest"
	"github.com/jauap/jauap/relay/embedded"
)

// openDisk opens a box on this machine's disk.
func openDisk(tb testing.TB, dir string, today envelope.Day) *embedded.Box {
	tb.Helper()
	fs, err := durable.OS(dir)
	if err != nil {
		tb.Fatal(err)
	}
	box, _, err := embedded.Open(fs, embedded.Options{Quota: 1 << 30, Today: today})
	if err != nil {
		tb.Fatal(err)
	}
	return box
}

// The network is back: a thousand clients connect at once, each leaves a
// letter and gets those of its shard while all stay connected.
func TestStorm(t *testing.T) {
	const clients, perShard = 1000, 4
	box := openDisk(t, t.TempDir(), boxtest.Today)
	defer box.Close()
	w := open(t, box, relay.Options{Limits: relay.Limits{LoopbackFree: true}})
	var all, connected sync.WaitGroup
	connected.Add(clients)
	begin := time.Now()
	for i := range clients {
		shard := uint8(1 + i/perShard)
		p := newPhone(units(t, 1, envelope.S1, shard, uint64(i))...)
		all.Go(func() {
			tk := start(w.dial(nil), exchange.Config{Shards: []uint8{shard}}, p)
			defer tk.close()
			// Each greets at once, as clients do: a relay does not wait for ever.
			err := exchange.WriteFrame(tk.conn, tk.x.Next(exchange.MaxFrame))
			connected.Done()
			connected.Wait()
			if err != nil {
				t.Errorf("client %d: %v", i, err)
				return
			}
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			_, err = tk.until(ctx, func(o exchange.Outcome) bool {
				return len(o.Handed) == 1 && p.count() == perShard
			})
			if err != nil {
				t.Errorf("client %d: %v with %d units", i, err, p.count())
			}
		})
	}
	connected.Wait()
	there := time.Since(begin)
	all.Wait()
	t.Logf("%d clients connected in %v; all letters delivered %v later", clients, there, time.Since(begin)-there)
	w.stop()
}

// The relay's disk was lost, or last week's copy of it was put back, or today's
// and the operator said so: clients meet it as if nothing had been, and nobody
// misses anything.
func TestReplacedRelay(t *testing.T) {
	for _, how := range []string{"wiped", "last week's", "today's copy", "same"} {
		t.Run(how, func(t *testing.T) {
			mem := durable.NewMem()
			box, _, err := embedded.Open(mem, embedded.Options{Quota: 64 << 20, Today: boxtest.Today})
			if err != nil {
				t.Fatal(err)
			}
			w := open(t, box, relay.Options{})
			alice, bob := newPhone(units(t, 3, envelope.S1, 0, 1)...), newPhone()
			w.meet(alice, exchange.Config{Shards: []uint8{1}})
			backup := mem.CrashClone(rand.New(rand.NewPCG(1, 1)))
			for _, e := range units(t, 3, envelope.S1, 0, 100) {
				alice.add(e)
			}
			a := w.meet(alice, exchange.Config{Shards: []uint8{1}})
			b := w.meet(bob, exchange.Config{Shards: []uint8{1}})
			w.stop()
			if err := box.Close(); err != nil {
				t.Fatal(err)
			}

			o2 := embedded.Options{Quota: 64 << 20, Today: boxtest.Today}
			switch how {
			case "wiped":
				mem = durable.NewMem()
			case "last week's":
				mem, o2.Today = backup, boxtest.Today.Add(7)
			case "today's copy":
				mem, o2.Renew = backup, true
			}
			box, _, err = embedded.Open(mem, o2)
			if err != nil {
				t.Fatal(err)
			}
			defer box.Close()
			w = open(t, box, relay.Options{})
			defer w.stop()
			o := w.meet(alice, exchange.Config{Shards: []uint8{1}, Take: a.Take, Give: a.Give})
			if want := map[string]int{"wiped": 6, "last week's": 3, "today's copy": 3, "same": 0}[how]; int(o.Sent) != want*1024 {
				t.Errorf("alice sent %d bytes, want %d units", o.Sent, want)
			}
			o = w.meet(newPhone(units(t, 1, envelope.S1, 0, 500)...), exchange.Config{Shards: []uint8{1}})
			if len(o.Kept) != 6 {
				t.Errorf("a newcomer pulled %d units, want 6", len(o.Kept))
			}
			w.meet(bob, exchange.Config{Shards: []uint8{1}, Take: b.Take, Give: b.Give})
			if bob.count() != 7 {
				t.Errorf("bob has %d units, want 7", bob.count())
			}
		})
	}
}

// BenchmarkRelayDeposit counts S1 deposits that were confirmed, which is on
// disk, over TLS on loopback. Client and relay share the processors.
func BenchmarkRelayDeposit(b *testing.B) {
	for _, conns := range []int{1, 16, 64, 256} {
		b.Run(fmt.Sprintf("conns=%d", conns), func(b *testing.B) {
			box := openDisk(b, b.TempDir(), boxtest.Today)
			defer box.Close()
			w := open(b, box, relay.Options{Limits: relay.Limits{LoopbackFree: true, FairShare: 1 << 40}})
			phones := make([]*phone, conns)
			for i := range phones {
				n := b.N / conns
				if i < b.N%conns {
					n++
				}
				phones[i] = newPhone(units(b, n, envelope.S1, 9, uint64(i)<<32)...)
			}
			talks := make([]*talk, conns)
			for i, p := range phones {
				talks[i] = start(w.dial(nil), exchange.Config{Shards: []uint8{5}}, p)
			}
			b.SetBytes(1024)
			b.ResetTimer()
			var all sync.WaitGroup
			for i, tk := range talks {
				all.Go(func() {
					want := phones[i].count()
					if _, err := tk.until(context.Background(), func(o exchange.Outcome) bool { return len(o.Handed) == want }); err != nil {
						b.Error(err)
					}
				})
			}
			all.Wait()
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "units/s")
			for _, tk := range talks {
				tk.close()
			}
			w.stop()
		})
	}
}
