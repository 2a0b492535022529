package relay

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/exchange"
	"github.com/jauap/jauap/internal/limits"
)

func TestBucket(t *testing.T) {
	now := time.Unix(1e9, 0)
	r := Rate{PerSecond: 10, Burst: 100}
	var b bucket
	if d := b.spend(r, 100, now); d != 0 {
		t.Errorf("the burst waited %v", d)
	}
	if d := b.spend(r, 50, now); d != 5*time.Second {
		t.Errorf("50 too many waited %v, want 5 s", d)
	}
	if d := b.spend(r, 0, now.Add(-time.Hour)); d != 5*time.Second {
		t.Errorf("a clock that went back: %v", d)
	}
	now = now.Add(-time.Hour + 6*time.Second)
	if d := b.spend(r, 10, now); d != 0 {
		t.Errorf("after 6 s: %v", d)
	}
	now = now.Add(time.Hour)
	for i := range 101 {
		if ok := b.take(r, now); ok != (i < 100) {
			t.Fatalf("take %d: %v", i, ok)
		}
	}
	if d := b.spend(r, 1<<40, now); d != time.Hour {
		t.Errorf("a giant spend waits %v, at most an hour", d)
	}
}

func newTestLoads(l Limits) *loads { return newLoads(Options{Limits: l}.filled().Limits) }

func TestLoadsByPrefix(t *testing.T) {
	l := newTestLoads(Limits{LoopbackFree: true})
	now := time.Unix(1e9, 0)
	same := func(a, b string) bool {
		x, ok := l.enter(a, now)
		y, ok2 := l.enter(b, now)
		if !ok || !ok2 {
			t.Fatal("not let in")
		}
		return x == y
	}
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{"192.0.2.1:5", "192.0.2.200:99", true},
		{"192.0.2.1:5", "192.0.3.1:5", false},
		{"192.0.2.1:5", "[::ffff:192.0.2.9]:5", true},
		{"[2001:db8:1:2::1]:5", "[2001:db8:1:ff::9]:5", true},
		{"[2001:db8:1::1]:5", "[2001:db8:2::1]:5", false},
		{"[fe80::1%eth0]:5", "[fe80::1%eth1]:5", true},
		{"pipe", "@", true},
		{"pipe", "127.0.0.1:1", false},
	} {
		if same(c.a, c.b) != c.same {
			t.Errorf("%s and %s", c.a, c.b)
		}
	}
	home, _ := l.enter("127.0.0.1:9", now)
	away, _ := l.enter("192.0.2.1:9", now)
	if !home.free || away.free {
		t.Error("only loopback is free")
	}
	if d := l.received(home, 1<<40, now); d != 0 {
		t.Errorf("loopback waits %v", d)
	}
}

// The table stays small whatever addresses come, and forgets none that is
// connected or in debt before those that are not.
func TestLoadsAreBounded(t *testing.T) {
	l := newTestLoads(Limits{Conns: 1 << 20})
	l.max = 1000
	now := time.Unix(1e9, 0)
	debtor, _ := l.enter("192.0.2.1:1", now)
	l.received(debtor, 1<<40, now)
	rng := rand.New(rand.NewPCG(1, 1))
	for range 20_000 {
		a := fmt.Sprintf("%d.%d.%d.1:1", 1+rng.IntN(200), rng.IntN(250), rng.IntN(250))
		if x, ok := l.enter(a, now); ok {
			l.leave(x)
		}
		now = now.Add(time.Millisecond)
		if len(l.table) > l.max+1 {
			t.Fatalf("%d loads in the table", len(l.table))
		}
	}
	if again, ok := l.enter("192.0.2.9:1", now); !ok || again != debtor {
		t.Error("a debtor with an open connection was forgotten")
	}
	if l.open != 2 {
		t.Errorf("%d open, want 2", l.open)
	}
}

func TestRankGrowsWithWhatOneLeaves(t *testing.T) {
	l := newTestLoads(Limits{FairShare: 1000})
	now := time.Unix(1e9, 0)
	x, _ := l.enter("192.0.2.1:1", now)
	var ranks []uint8
	for range 6 {
		ranks = append(ranks, l.deposited(x, 1000, now))
	}
	if fmt.Sprint(ranks) != "[2 3 4 4 5 5]" {
		t.Errorf("ranks %v", ranks)
	}
	if r := l.deposited(x, 1<<40, now); r != rankLast {
		t.Errorf("a giant has rank %d", r)
	}
	y, _ := l.enter("192.0.2.1:1", now)
	if y != x {
		t.Fatal("another load")
	}
	if r := l.deposited(x, 0, now.Add(60*24*time.Hour)); r != rankStranger {
		t.Errorf("after two months the rank is %d", r)
	}
}

// parts drives a table of partials at a clock of its own.
type parts struct {
	*testing.T
	*partials
	now time.Time
}

// partSize is the size of the units in these tests.
const partSize = 700

func partID(n byte) envelope.ID { return envelope.ID{n} }

// want claims a unit and wants to find so many bytes.
func (p *parts) want(s *shelf, n byte, have int) *partial {
	p.Helper()
	a, got := p.claim(s, partID(n), partSize, p.now)
	if a == nil || got != have {
		p.Fatalf("claim of %d: %v with %d bytes, want %d", n, a != nil, got, have)
	}
	return a
}

// grow adds n bytes and wants this result.
func (p *parts) grow(s *shelf, a *partial, from, n int, want added) []byte {
	p.Helper()
	got, raw := p.add(s, a, from, make([]byte, n), p.now)
	if got != want {
		p.Fatalf("adding %d at %d: %d, want %d; %d used", n, from, got, want, p.used)
	}
	return raw
}

// taken wants the unit to be in somebody else's hands.
func (p *parts) taken(s *shelf, n byte) {
	p.Helper()
	if b, _ := p.claim(s, partID(n), partSize, p.now); b != nil {
		p.Fatal("two holders")
	}
}

// empty wants nothing to be left.
func (p *parts) empty() {
	p.Helper()
	if p.used != 0 || len(p.byID) != 0 || p.idle.Len() != 0 {
		p.Fatalf("%d used, %d kept, %d idle", p.used, len(p.byID), p.idle.Len())
	}
}

func TestPartialsChangeHands(t *testing.T) {
	p := &parts{t, newPartials(1000), time.Unix(1e9, 0)}
	one, two := &shelf{}, &shelf{}
	a := p.want(one, 1, 0)
	p.grow(one, a, 0, 300, addedSome)
	p.now = p.now.Add(4 * time.Second)
	p.taken(two, 1)
	p.now = p.now.Add(2 * time.Second) // the first one's link is dead
	b := p.want(two, 1, 300)
	p.grow(one, a, 300, 10, addedLost)
	p.leave(one, a)
	p.grow(two, b, 300, 100, addedSome)
	p.leave(two, b)
	c := p.want(one, 1, 400)
	if raw := p.grow(one, c, 400, 300, addedAll); len(raw) != partSize {
		t.Fatalf("%d bytes whole", len(raw))
	}
	p.empty()
	p.grow(one, c, 400, 1, addedLost)

	// One that grows keeps its place, but not for ever.
	d := p.want(one, 2, 0)
	for i := range 4 {
		p.now = p.now.Add(4 * time.Second)
		if i < 3 {
			p.taken(two, 2)
		}
		p.grow(one, d, i, 1, addedSome)
	}
	p.leave(two, p.want(two, 2, 4))
}

func TestPartialsAreBounded(t *testing.T) {
	p := &parts{t, newPartials(1000 + 3*partialCost), time.Unix(1e9, 0)}
	one, two := &shelf{}, &shelf{}
	for n := byte(1); n <= 2; n++ {
		a := p.want(one, n, 0)
		p.grow(one, a, 0, 250, addedSome)
		p.leave(one, a)
	}
	held := p.want(one, 3, 0)
	p.grow(one, held, 0, 495, addedSome)
	p.grow(one, held, 495, 100, addedSome) // the oldest idle one goes
	if p.byID[partID(1)] != nil || p.byID[partID(2)] == nil || p.used != 845+2*partialCost {
		t.Fatalf("not the oldest went: %d used", p.used)
	}
	lone := p.begin(two, partID(3), partSize)
	p.grow(two, lone, 0, 405+partialCost, addedSome) // and the other one
	p.grow(two, lone, 405+partialCost, 1, addedNoWay)
	lone = p.begin(two, partID(3), partSize)
	p.grow(two, lone, 0, 5, addedSome)
	p.leave(two, lone)                    // there is another beginning
	p.grow(one, held, 500, 5, addedNoWay) // at the wrong byte
	p.empty()
	lone = p.begin(two, partID(4), largeUnit)
	p.grow(two, lone, 0, 5, addedSome)
	p.leave(two, lone)
	if p.byID[partID(4)] != lone {
		t.Fatal("what one brought alone is lost to others")
	}
}

// A byte each of many units takes no more memory than the bound says.
func TestCrumbsAreCounted(t *testing.T) {
	p := &parts{t, newPartials(100 * partialCost), time.Unix(1e9, 0)}
	one := &shelf{}
	for n := range 1000 {
		id := envelope.ID{byte(n), byte(n >> 8)}
		a := p.begin(one, id, partSize)
		p.grow(one, a, 0, 1, addedSome)
		p.leave(one, a)
	}
	if len(p.byID) > 100 || p.used > p.max || p.idle.Len() != len(p.byID) {
		t.Fatalf("%d beginnings, %d of %d bytes used", len(p.byID), p.used, p.max)
	}
}

// A small unit goes on where nobody is about it, from the longest beginning, and waits for nobody.
func TestSmallGoesOn(t *testing.T) {
	p := &parts{t, newPartials(1 << 20), time.Unix(1e9, 0)}
	one, two, three := &shelf{}, &shelf{}, &shelf{}
	first, second := p.begin(one, partID(1), partSize), p.begin(two, partID(1), partSize)
	p.grow(one, first, 0, 300, addedSome)
	p.grow(two, second, 0, 200, addedSome)
	p.leave(one, first)
	p.leave(two, second) // shorter: it goes
	if a, _ := p.resume(three, partID(1), partSize+1, p.now); a != nil {
		t.Fatal("a beginning under another size")
	}
	a, have := p.resume(three, partID(1), partSize, p.now)
	if a == nil || have != 300 {
		t.Fatalf("goes on at %d", have)
	}
	if b, _ := p.resume(two, partID(1), partSize, p.now); b != nil {
		t.Fatal("two hold one unit")
	}
	if raw := p.grow(three, a, 300, 400, addedAll); len(raw) != partSize {
		t.Fatalf("%d bytes whole", len(raw))
	}
	p.empty()
}

// What helloSlots reads from a greeting is what exchange wrote into it.
func TestHelloSlots(t *testing.T) {
	var lanes exchange.Mark
	lanes.Epoch, lanes.Seq = [8]byte{1}, 1<<40
	for i := range lanes.Lane {
		lanes.Lane[i] = 1<<50 + uint64(i)
	}
	for _, take := range []exchange.Mark{{}, {Epoch: [8]byte{9}, Seq: 300}, lanes} {
		for _, epoch := range [][8]byte{{}, {7}} {
			for _, shards := range [][]uint8{nil, {0}, {5}, {1, 63, 64, 200, 255}} {
				x := exchange.New(exchange.Config{Epoch: epoch, Top: 1 << 33, Take: take, Shards: shards}, nil)
				hello := x.Next(exchange.MaxFrame)
				slots, ok := helloSlots(hello)
				if ok != (len(shards) > 0) || ok && slots != SlotsOf(append(shards, 0)...) {
					t.Errorf("shards %v: %x, %v from % x", shards, slots, ok, hello)
				}
				for n := range hello {
					if _, ok := helloSlots(hello[:n]); ok {
						t.Errorf("shards %v: %d bytes of %d were enough", shards, n, len(hello))
					}
				}
			}
		}
	}
}

func FuzzHelloSlots(f *testing.F) {
	f.Add([]byte{0x81, 1, 6, 0, 64, 1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 0, 5, 1, 7})
	limits.Hostile(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		defer limits.Watch(t, len(b))()
		if slots, ok := helloSlots(b); ok && !slots.Has(0) {
			t.Error("everybody's slot is missing")
		}
	})
}

func TestHubRings(t *testing.T) {
	h := newHub()
	now := time.Now()
	a, b := h.join(SlotsOf(0, 1)), h.join(SlotsOf(0, 2))
	rung := func(e *ear) bool {
		select {
		case <-e.wake:
			return true
		default:
			return false
		}
	}
	h.ring(SlotsOf(1), now)
	if !rung(a) || rung(b) {
		t.Error("slot 1 is a's alone")
	}
	h.ring(SlotsOf(0), now.Add(time.Second))
	h.ring(SlotsOf(0), now.Add(2*time.Second))
	if !rung(a) || !rung(b) || rung(a) {
		t.Error("slot 0 is everybody's, and two rings are one")
	}
	h.narrow(b, SlotsOf(0, 9))
	h.ring(SlotsOf(2), now.Add(3*time.Second))
	if rung(b) {
		t.Error("b does not listen to slot 2 any more")
	}
	h.leave(a)
	h.ring(SlotsOf(1, 9), now.Add(4*time.Second))
	if rung(a) || !rung(b) {
		t.Error("a left")
	}
	// Rings that come too fast are gathered, not lost.
	h.ring(SlotsOf(9), now.Add(4*time.Second))
	<-b.wake
	h.leave(b)
}

func TestSlots(t *testing.T) {
	s := SlotsOf(0, 63, 64, 255)
	for n := range 256 {
		want := n == 0 || n == 63 || n == 64 || n == 255
		if s.Has(Slot(n)) != want {
			t.Errorf("slot %d", n)
		}
	}
	if !s.Meets(SlotsOf(255)) || s.Meets(SlotsOf(1, 254)) || !s.Plus(SlotsOf(1)).Has(1) || !allSlots().Has(77) {
		t.Error("sets")
	}
}

func TestCheckDays(t *testing.T) {
	const today = envelope.Day(1000)
	for _, c := range []struct {
		expiry envelope.Day
		want   error
	}{{999, ErrExpired}, {1000, nil}, {1122, nil}, {1123, ErrTooLong}, {envelope.NoDay - 1, ErrTooLong}, {envelope.NoDay, nil}} {
		if err := checkDay(c.expiry, today); !errors.Is(err, c.want) || c.want == nil && err != nil {
			t.Errorf("expiry %d: %v", c.expiry, err)
		}
	}
}

// A beginning under another size is nobody's: the next one begins anew.
func TestPlantedSize(t *testing.T) {
	parts := newPartials(64 << 20)
	id, now := envelope.ID{1}, time.Unix(1000, 0)
	liar, honest := &shelf{}, &shelf{}
	p, _ := parts.claim(liar, id, envelope.MaxSize, now)
	parts.add(liar, p, 0, []byte{1}, now)
	parts.leave(liar, p)
	p, have := parts.claim(honest, id, largeUnit, now)
	if have != 0 {
		t.Fatalf("goes on at byte %d of a unit of another size", have)
	}
	if what, _ := parts.add(honest, p, 0, make([]byte, largeUnit), now); what != addedAll {
		t.Fatalf("outcome %d", what)
	}
	if parts.used != 0 || parts.idle.Len() != 0 || len(parts.byID) != 0 {
		t.Fatalf("%d bytes, %d idle, %d known", parts.used, parts.idle.Len(), len(parts.byID))
	}
	// One that is alive keeps its hold.
	parts.claim(liar, id, envelope.MaxSize, now)
	if p, _ := parts.claim(honest, id, largeUnit, now); p != nil {
		t.Fatal("two hold one unit")
	}
	if p, _ := parts.claim(honest, id, largeUnit, now.Add(stale)); p == nil {
		t.Fatal("a silent holder keeps a unit")
	}
}
