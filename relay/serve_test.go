package relay_test

import (
	"context"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/exchange"
	"github.com/jauap/jauap/relay"
	"github.com/jauap/jauap/relay/boxtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Two people meet only the relay and get each other's units of their slots.
func TestTwoClients(t *testing.T) {
	w := open(t, boxtest.NewMemory(), relay.Options{})
	mine := units(t, 3, envelope.S1, 0, 1)
	big := units(t, 1, envelope.S5, 7, 50)
	foreign := units(t, 2, envelope.S2, 8, 100)
	alice := newPhone(append(append(mine, big...), foreign...)...)
	o := w.meet(alice, exchange.Config{Shards: []uint8{9}})
	if len(o.Handed) != 6 || len(o.Kept) != 0 {
		t.Fatalf("alice handed %d and kept %d", len(o.Handed), len(o.Kept))
	}
	bob := newPhone()
	o = w.meet(bob, exchange.Config{Shards: []uint8{7}})
	if len(o.Kept) != 4 || bob.has(foreign[0]) || !bob.has(big[0]) || !bob.has(mine[2]) {
		t.Fatalf("bob kept %d, foreign %v", len(o.Kept), bob.has(foreign[0]))
	}
	if !o.Marked {
		t.Fatal("bob has no mark for the relay")
	}

	// With the marks of last time only the news come.
	news := units(t, 1, envelope.S1, 7, 200)
	w.meet(newPhone(news...), exchange.Config{Shards: []uint8{9}})
	o = w.meet(bob, exchange.Config{Shards: []uint8{7}, Take: o.Take, Give: o.Give})
	if len(o.Kept) != 1 || !bob.has(news[0]) || o.Received != int64(len(news[0].Bytes())) || o.Sent != 0 {
		t.Fatalf("the second time bob kept %d, received %d bytes, sent %d", len(o.Kept), o.Received, o.Sent)
	}
}

// Both are connected: what one deposits reaches the other at once.
func TestPushedWhileConnected(t *testing.T) {
	w := open(t, boxtest.NewMemory(), relay.Options{})
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	alice, bob := newPhone(), newPhone()
	a := start(w.dial(nil), exchange.Config{Shards: []uint8{1}}, alice)
	defer a.close()
	b := start(w.dial(nil), exchange.Config{Shards: []uint8{2}}, bob)
	defer b.close()
	for _, tk := range []*talk{a, b} {
		if _, err := tk.until(ctx, even); err != nil {
			t.Fatal(err)
		}
	}
	var worst time.Duration
	for i := range 20 {
		e := units(t, 1, envelope.S1, 2, uint64(10+i))[0]
		begin := time.Now()
		a.x.Added(alice.add(e))
		handed := make(chan error, 1)
		go func() {
			_, err := a.until(ctx, func(o exchange.Outcome) bool { return len(o.Handed) == i+1 })
			handed <- err
		}()
		if _, err := b.until(ctx, func(o exchange.Outcome) bool { return len(o.Kept) == i+1 }); err != nil {
			t.Fatal(err)
		}
		worst = max(worst, time.Since(begin))
		if err := <-handed; err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("worst of 20 deliveries through the relay: %v", worst)
	if alice.count() != 20 || bob.count() != 20 {
		t.Fatalf("alice has %d, bob %d", alice.count(), bob.count())
	}
}
