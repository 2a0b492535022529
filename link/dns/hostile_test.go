package dns

import (
	"bytes"
	"context"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/link/dns/wire"
	"github.com/jauap/jauap/link/linktest"
	far "github.com/jauap/jauap/relay/dns"
)

// hostile is a resolver, and the networks on both sides of it, as the worst ones
// are. It stands in the place of a socket.
type hostile struct {
	loss    float64       // of queries, and again of answers
	delay   time.Duration // at most, each way
	mangle  bool          // changes the case of names, as RFC draft 0x20 does, and does not change it back
	cache   bool          // answers what it knows, for ever
	rewrite float64       // share of answers in whose place it puts an advertisement; also all that are negative
	rate    float64       // queries a second; what is above is lost
	strict  bool          // nothing is answered while more are asked
	oldest  bool          // knows no EDNS
	only    wire.Type     // other types fail
	longest int           // bytes of a name; longer ones vanish
	repeat  bool          // asks the server again and again
	mute    bool          // no answer ever comes back

	server *far.Server
	rng    *rand.Rand
	in     chan []byte
	gone   chan struct{}
	once   sync.Once
	group  sync.WaitGroup

	mu      sync.Mutex
	known   map[string][]byte
	tokens  float64
	at      time.Time
	queries int
	large   int // of the largest answer
	ratio   float64
}

func (h *hostile) ReadFrom(b []byte) (int, net.Addr, error) {
	select {
	case p := <-h.in:
		return copy(b, p), h.LocalAddr(), nil
	case <-h.gone:
		return 0, nil, net.ErrClosed
	}
}

func (h *hostile) WriteTo(b []byte, _ net.Addr) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.queries++
	if h.rate > 0 {
		now := time.Now()
		h.tokens = min(h.rate, h.tokens+now.Sub(h.at).Seconds()*h.rate)
		h.at = now
		if h.tokens < 1 {
			if h.strict {
				h.tokens = 0
			}
			return len(b), nil
		}
		h.tokens--
	}
	if h.rng.Float64() < h.loss {
		return len(b), nil
	}
	there, back, lost := h.rng.Float64(), h.rng.Float64(), h.rng.Float64() < h.loss
	query := bytes.Clone(b)
	h.group.Go(func() {
		time.Sleep(time.Duration(there * float64(h.delay)))
		answer := h.resolve(query)
		time.Sleep(time.Duration(back * float64(h.delay)))
		if lost || h.mute || answer == nil {
			return
		}
		select {
		case h.in <- answer:
		case <-h.gone:
		}
	})
	return len(b), nil
}

// asked is how many queries there were, worst the largest answer and the largest
// answer for its query.
func (h *hostile) asked() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.queries
}

func (h *hostile) worst() (int, float64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.large, h.ratio
}

// resolve does what a resolver does with one query.
func (h *hostile) resolve(b []byte) []byte {
	q, ok, err := wire.ParseQuestion(b)
	if err != nil || !ok {
		return nil
	}
	name := q.Name.String()
	if h.longest > 0 && len(name)+1 > h.longest {
		return nil
	}
	if h.only != 0 && q.Type != h.only {
		out, _ := wire.Fail(q, dnsmessage.RCodeServerFailure)
		return out
	}
	key := strings.ToLower(name) + q.Type.String()
	h.mu.Lock()
	old, server := h.known[key], h.server
	ad := h.rng.Float64() < h.rewrite
	if h.mangle {
		name = strings.Map(func(r rune) rune {
			if r >= 'a' && r <= 'z' && h.rng.IntN(2) == 0 {
				return r - 32
			}
			return r
		}, name)
	}
	h.mu.Unlock()
	if h.cache && old != nil {
		out := bytes.Clone(old)
		out[0], out[1] = b[0], b[1]
		return out
	}
	edns := wire.EDNSSize
	if h.oldest {
		edns = 0
	}
	up, err := wire.Query(q.ID, name, q.Type, edns)
	if err != nil {
		return nil
	}
	from := netip.MustParseAddrPort("192.0.2.53:4000")
	out := server.Answer(context.Background(), up, from, time.Now())
	if h.repeat {
		out = server.Answer(context.Background(), up, from, time.Now())
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.large, h.ratio = max(h.large, len(out)), max(h.ratio, float64(len(out))/float64(len(up)))
	if ad && out != nil {
		return advertise(q)
	}
	if size := q.Size; !q.EDNS && len(out) > size {
		out[2] |= 2 // truncated
		out = out[:size]
	}
	h.known[key] = out
	return out
}

// advertise answers anything with a page to look at.
func advertise(q wire.Question) []byte {
	q.EDNS = false
	out, _ := wire.Reply(q, []byte("v=spf1 buy now"))
	return out
}

func (h *hostile) Close() error { h.once.Do(func() { close(h.gone) }); return nil }

// end closes the tunnel and waits for what is on its way.
func (h *hostile) end(tun *Tunnel) {
	tun.Close()
	h.group.Wait()
}
func (h *hostile) LocalAddr() net.Addr              { return &net.UDPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 53} }
func (h *hostile) SetDeadline(time.Time) error      { return nil }
func (h *hostile) SetReadDeadline(time.Time) error  { return nil }
func (h *hostile) SetWriteDeadline(time.Time) error { return nil }

// behind makes a tunnel through h to a server over b.
func (h *hostile) behind(t *testing.T, b *box, c Config) *Tunnel {
	t.Helper()
	k := newKey(t)
	h.server = far.New(far.Options{Zone: zone, Key: k, Box: b, Deposit: b.Deposit})
	h.rng, h.in, h.gone, h.known = rand.New(rand.NewPCG(5, 6)), make(chan []byte, 64), make(chan struct{}), map[string][]byte{}
	c.Address = Address{Zone: zone, Key: k.Public(), Resolvers: []netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:53")}}
	c.Listen = func() (net.PacketConn, error) { return h, nil }
	return dial(t, c)
}

// Whatever the resolver does, letters come through both ways, in the time that is
// given (virtual).
func TestHostile(t *testing.T) {
	many := 18 // units, of all sizes that pass
	if testing.Short() {
		many = 7
	}
	for _, c := range []struct {
		name  string
		h     *hostile
		limit time.Duration
	}{
		{"well-behaved", &hostile{delay: 50 * time.Millisecond}, 20 * time.Second},
		{"60 % lost", &hostile{loss: 1 - 0.632, delay: 100 * time.Millisecond}, 2 * time.Minute},
		{"84 % lost", &hostile{loss: 0.6, delay: 100 * time.Millisecond}, 10 * time.Minute},
		{"changes case", &hostile{mangle: true, delay: 50 * time.Millisecond}, 20 * time.Second},
		{"caches for ever", &hostile{cache: true, delay: 50 * time.Millisecond}, 20 * time.Second},
		{"reorders by seconds", &hostile{delay: 2 * time.Second}, 5 * time.Minute},
		{"advertises in place of a third", &hostile{rewrite: 0.33, delay: 50 * time.Millisecond}, time.Minute},
		{"ten a second", &hostile{rate: 10, delay: 50 * time.Millisecond}, 4 * time.Minute},
		{"ten a second, strictly", &hostile{rate: 10, strict: true, delay: 50 * time.Millisecond}, 6 * time.Minute},
		{"no EDNS", &hostile{oldest: true, delay: 50 * time.Millisecond}, 20 * time.Second},
		{"AAAA only, no EDNS", &hostile{oldest: true, only: wire.AAAA, delay: 50 * time.Millisecond}, time.Minute},
		{"NULL only", &hostile{only: wire.NULL, delay: 50 * time.Millisecond}, 30 * time.Second},
		{"72 bytes at most", &hostile{longest: wire.ShortName, delay: 50 * time.Millisecond}, time.Minute},
		{"asks twice", &hostile{repeat: true, delay: 50 * time.Millisecond}, 20 * time.Second},
		{"everything", &hostile{loss: 0.3, delay: 300 * time.Millisecond, mangle: true, cache: true, rewrite: 0.2, rate: 20, oldest: true, longest: wire.ShortName, repeat: true}, 10 * time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBox()
				theirs, ours := linktest.UnitsOf(1, many, wire.MaxUnit), linktest.UnitsOf(2, many, wire.MaxUnit)
				for _, u := range theirs {
					_ = b.Deposit(context.Background(), u, "")
				}
				h := c.h
				tun := h.behind(t, b, Config{})
				ctx, cancel := context.WithTimeout(context.Background(), c.limit)
				defer cancel()
				begin := time.Now()
				var gave, took time.Duration
				var g sync.WaitGroup
				g.Go(func() {
					if _, err := tun.Leave(ctx, linktest.From(ours)); err != nil {
						t.Errorf("leave: %v", err)
					}
					gave = time.Since(begin)
				})
				got := map[string]bool{}
				g.Go(func() {
					for _, large := range []bool{false, true} {
						if _, err := tun.Pull(ctx, Want{Large: large}, func(u []byte) error {
							for _, w := range theirs {
								if bytes.Equal(u, w) {
									got[string(u)] = true
								}
							}
							return nil
						}); err != nil {
							t.Errorf("pull: %v", err)
						}
					}
					took = time.Since(begin)
				})
				g.Wait()
				if len(got) != len(theirs) {
					t.Errorf("%d of %d units came", len(got), len(theirs))
				}
				for i, u := range ours {
					if !b.has(u) {
						t.Errorf("unit %d of %d bytes was called held and is not", i, len(u))
					}
				}
				t.Logf("%d units: out in %.1f s, in in %.1f s; %d queries", len(ours), gave.Seconds(), took.Seconds(), h.asked())
				h.end(tun)
			})
		})
	}
}

// box.has tells whether a unit is there.
func (b *box) has(raw []byte) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.marks[envelope.IDOf(raw)] != 0
}

// source is a Source that offers a few units over and over, as a node does.
type source struct {
	mu   sync.Mutex
	todo [][]byte
	told []wire.State
}

func (s *source) Next(most int) ([]byte, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, u := range s.todo {
		if len(u) <= most {
			s.todo = append(s.todo[:i:i], s.todo[i+1:]...)
			return u, true
		}
	}
	return nil, false
}

func (s *source) Settled(u []byte, as wire.State) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.told = append(s.told, as); as != wire.Held {
		s.todo = append(s.todo, u)
	}
}

// What is given counts although no answer ever comes back, and most of what is
// asked is lost.
func TestNoAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBox()
		h := &hostile{loss: 0.6, delay: 100 * time.Millisecond, mute: true}
		tun := h.behind(t, b, Config{})
		units := [][]byte{noise(96), noise(160), noise(222), noise(222), noise(1024)}
		s := &source{todo: append([][]byte(nil), units...)}
		ctx, cancel := context.WithCancel(context.Background())
		fed := make(chan error, 1)
		go func() { fed <- tun.Feed(ctx, s) }()
		begin := time.Now()
		for i, u := range units {
			limit := 3 * time.Minute
			if len(u) == 1024 {
				limit = 15 * time.Minute
			}
			for !b.has(u) {
				if time.Since(begin) > limit {
					t.Fatalf("unit %d of %d bytes is not there after %v and %d queries", i, len(u), limit, h.asked())
				}
				time.Sleep(time.Second)
			}
			t.Logf("%d bytes after %.0f s, %d queries", len(u), time.Since(begin).Seconds(), h.asked())
		}
		s.mu.Lock()
		for _, as := range s.told {
			if as != wire.Under {
				t.Errorf("a unit was called %v although nobody said so", as)
			}
		}
		s.mu.Unlock()
		n := h.asked()
		time.Sleep(time.Hour)
		if more := h.asked() - n; more > 3600/5+100 {
			t.Errorf("%d queries in an hour without an answer", more)
		}
		cancel()
		<-fed
		n = h.asked()
		time.Sleep(time.Hour)
		if h.asked() != n {
			t.Errorf("%d queries in an hour in which nothing was to be carried", h.asked()-n)
		}
		h.end(tun)
	})
}

// An answer is three times its query until the asker has shown that it hears, and
// never more than 1,232 bytes.
func TestNoAmplification(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBox()
		for range 50 {
			_ = b.Deposit(context.Background(), noise(222), "")
		}
		h := &hostile{mute: true, delay: 10 * time.Millisecond}
		tun := h.behind(t, b, Config{})
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if _, err := tun.Pull(ctx, Want{}, func([]byte) error { return nil }); err == nil {
			t.Error("a pull ended although nobody answered")
		}
		if _, ratio := h.worst(); ratio > 3 || h.asked() < 20 {
			t.Errorf("to somebody who hears nothing an answer was %.2f times its query, %d queries", ratio, h.asked())
		}
		h.end(tun)
		heard := &hostile{delay: 10 * time.Millisecond}
		tun = heard.behind(t, b, Config{})
		n := 0
		if _, err := tun.Pull(context.Background(), Want{}, func([]byte) error { n++; return nil }); err != nil || n != 50 {
			t.Errorf("%d units, %v", n, err)
		}
		if large, _ := heard.worst(); large > wire.EDNSSize || large < 900 {
			t.Errorf("the largest answer had %d bytes", large)
		}
		heard.end(tun)
	})
}

// A relay that was started anew forgets sessions; what was under way goes on.
func TestRelayBeginsAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBox()
		theirs := linktest.UnitsOf(3, 60, 222)
		for _, u := range theirs {
			_ = b.Deposit(context.Background(), u, "")
		}
		h := &hostile{delay: 30 * time.Millisecond}
		tun := h.behind(t, b, Config{Rate: 30})
		k := newKey(t)
		tun.mu.Lock()
		tun.c.Address.Key = k.Public()
		if err := tun.renew(); err != nil {
			t.Fatal(err)
		}
		tun.mu.Unlock()
		again := func() {
			s := far.New(far.Options{Zone: zone, Key: k, Box: b, Deposit: b.Deposit})
			h.mu.Lock()
			h.server = s
			h.mu.Unlock()
		}
		again()
		ours := linktest.UnitsOf(4, 30, 1024)
		seen := map[string]bool{}
		var g sync.WaitGroup
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
		defer cancel()
		g.Go(func() {
			if _, err := tun.Leave(ctx, linktest.From(ours)); err != nil {
				t.Errorf("leave: %v", err)
			}
		})
		g.Go(func() {
			if _, err := tun.Pull(ctx, Want{}, func(u []byte) error { seen[string(u)] = true; return nil }); err != nil {
				t.Errorf("pull: %v", err)
			}
		})
		for range 5 {
			time.Sleep(2 * time.Second)
			again()
		}
		g.Wait()
		for i, u := range theirs {
			if !seen[string(u)] {
				t.Errorf("unit %d did not come", i)
			}
		}
		for i, u := range ours {
			if !b.has(u) {
				t.Errorf("our unit %d is not there", i)
			}
		}
		h.end(tun)
	})
}

func TestAddresses(t *testing.T) {
	key := newKey(t).Public()
	text := "T.Example.org.#" + key.String()
	a, err := ParseAddress(text + "@192.0.2.1, [2001:db8::1]:5353 ,2001:db8::2")
	if err != nil || a.Zone != "t.example.org" || a.Key != key || len(a.Resolvers) != 3 {
		t.Fatalf("%+v, %v", a, err)
	}
	if a.Resolvers[0] != netip.MustParseAddrPort("192.0.2.1:53") || a.Resolvers[1].Port() != 5353 || a.Resolvers[2].Port() != Port {
		t.Errorf("resolvers: %v", a.Resolvers)
	}
	if back, err := ParseAddress(a.Text()); err != nil || back.Zone != a.Zone || back.Key != key {
		t.Errorf("%q does not read back: %v", a.Text(), err)
	}
	for _, bad := range []string{"", "t.example.org", "t.example.org#abc", "#" + key.String(), text + "@resolver.example", text + "@192.0.2.1:0", text + "@,"} {
		if _, err := ParseAddress(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
	if _, err := os.Stat(resolvConf); err == nil {
		if list, err := System(); err != nil && len(list) > 0 {
			t.Error(err)
		}
	}
}
