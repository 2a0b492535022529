package lan

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/jauap/jauap/link"
	"github.com/jauap/jauap/link/linktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// quickPace is usualTimes for tests.
var quickPace = times{
	handshake: 2 * time.Second, idle: 1200 * time.Millisecond, headStart: 300 * time.Millisecond,
	lingerQUIC: 1500 * time.Millisecond, lingerTCP: 300 * time.Millisecond, stall: 10 * time.Second,
	drain: 100 * time.Millisecond, hurry: 30 * time.Millisecond, look: 50 * time.Millisecond,
	sweepWait: 100 * time.Millisecond, sweepGap: time.Millisecond, sweepEvery: 2 * time.Second,
}

// room listens on the loopback.
func room(t testing.TB, change func(*Config)) *Room {
	t.Helper()
	config := Config{Addr: "127.0.0.1:0", pace: quickPace}
	if change != nil {
		change(&config)
	}
	r, err := Listen(context.Background(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func soon(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// meet dials addr from a and accepts at b.
func meet(t testing.TB, a, b *Room, addr string) (x, y *Conn) {
	t.Helper()
	dialled, err := a.Dial(soon(t), addr)
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := b.Accept(soon(t))
	if err != nil {
		t.Fatal(err)
	}
	return dialled.(*Conn), accepted.(*Conn)
}

// cutConn lets the suite cut the line.
type cutConn struct {
	link.Conn
	*middle
}

// through makes pairs for the suite that run through a middle.
func through(prepare func(*middle), change func(*Config)) linktest.Pair {
	return func(t *testing.T) (link.Conn, link.Conn) {
		a, b := room(t, change), room(t, change)
		m := newMiddle(t, b.Addr())
		prepare(m)
		x, y := meet(t, a, b, m.addr)
		return cutConn{x, m}, y
	}
}

func TestQUICPasses(t *testing.T) {
	linktest.RunConn(t, func(t *testing.T) (link.Conn, link.Conn) {
		a, b := room(t, nil), room(t, nil)
		x, y := meet(t, a, b, b.Addr())
		if _, ok := x.c.(*quicCarrier); !ok {
			t.Fatalf("the link runs over %T", x.c)
		}
		return deafConn{x}, y
	})
}

// deafConn is cut by taking its socket away.
type deafConn struct{ *Conn }

func (c deafConn) Cut() error { return c.room.udp.Close() }

func TestTCPPasses(t *testing.T) {
	noWait := func(c *Config) { c.pace.headStart = time.Millisecond }
	linktest.RunConn(t, func(t *testing.T) (link.Conn, link.Conn) {
		a, b := through(func(m *middle) { m.noUDP.Store(true) }, noWait)(t)
		if _, ok := a.(cutConn).Conn.(*Conn).c.(*tcpCarrier); !ok {
			t.Fatalf("the link runs over %T", a.(cutConn).Conn.(*Conn).c)
		}
		return a, b
	})
}

func TestIPv6Passes(t *testing.T) {
	six := func(c *Config) { c.Addr = "[::1]:0" }
	if ln, err := net.Listen("tcp6", "[::1]:0"); err != nil {
		t.Skipf("no IPv6 here: %v", err)
	} else {
		ln.Close()
	}
	a, b := room(t, six), room(t, six)
	x, y := meet(t, a, b, b.Addr())
	go func() { _, _ = x.Write([]byte("six")); _ = x.Close() }()
	got, err := io.ReadAll(y)
	if err != nil || string(got) != "six" || !strings.HasPrefix(y.Peer().Addr, "[::1]:") {
		t.Errorf("%q from %s, %v", got, y.Peer().Addr, err)
	}
}

// TestBlockedQUIC shows that TCP takes over after its 300 ms, and that the far
// end sees one meeting only.
func TestBlockedQUIC(t *testing.T) {
	t.Parallel()
	a, b := room(t, nil), room(t, nil)
	m := newMiddle(t, b.Addr())
	m.noUDP.Store(true)
	start := time.Now()
	x, _ := meet(t, a, b, m.addr)
	took := time.Since(start)
	if _, ok := x.c.(*tcpCarrier); !ok {
		t.Errorf("the link runs over %T", x.c)
	}
	if took < 300*time.Millisecond || took > 2*time.Second {
		t.Errorf("dialling took %v, want little over 300 ms", took)
	}
	m.noUDP.Store(false) // late QUIC packets come through now
	onlyOne(t, b)
	t.Logf("UDP blocked: met over TCP after %v", took)
}

func onlyOne(t *testing.T, r *Room) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 400*time.Millisecond)
	defer cancel()
	if c, err := r.Accept(ctx); err == nil {
		t.Errorf("a second meeting came up, with %s", c.Peer().Addr)
	}
}

// TestLossyLine loses every 20th packet: QUIC must bring everything over.
func TestLossyLine(t *testing.T) {
	t.Parallel()
	a, b := room(t, nil), room(t, nil)
	m := newMiddle(t, b.Addr())
	x, y := meet(t, a, b, m.addr)
	m.lossy.Store(true)
	var data []byte
	for _, u := range linktest.Units(1, 30) {
		data = append(data, u...)
	}
	var g sync.WaitGroup
	g.Go(func() {
		if _, err := x.Write(data); err != nil {
			t.Error(err)
		}
		_ = x.Close()
	})
	if got, err := io.ReadAll(y); err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d of %d bytes, %v", len(got), len(data), err)
	}
	g.Wait()
	if m.count.Load() < 100 {
		t.Errorf("only %d packets went over the lossy line", m.count.Load())
	}
}

func TestFreeQUICWins(t *testing.T) {
	t.Parallel()
	a, b := room(t, nil), room(t, nil)
	m := newMiddle(t, b.Addr())
	start := time.Now()
	x, y := meet(t, a, b, m.addr)
	t.Logf("met over QUIC after %v", time.Since(start))
	if _, ok := x.c.(*quicCarrier); !ok {
		t.Errorf("the link runs over %T", x.c)
	}
	onlyOne(t, b)
	for _, c := range []link.Conn{x, y} {
		if c.Peer().Key != "" || c.Peer().Relay || c.Peer().Abroad {
			t.Errorf("a stranger has properties: %+v", c.Peer())
		}
		if tr := c.Traits(); tr.Exposure != link.Nearby || tr.Metered || tr.Lossy {
			t.Errorf("traits: %+v", tr)
		}
	}
}

// TestCloseRace lets QUIC and TCP race closely, so that either may win and the
// loser often completes too: never more than one meeting may come up.
func TestCloseRace(t *testing.T) {
	a := room(t, func(c *Config) { patient(c); c.pace.headStart = time.Microsecond })
	b := room(t, patient)
	won := make(map[bool]int)
	for range 20 {
		x, y := meet(t, a, b, b.Addr())
		_, quic := x.c.(*quicCarrier)
		won[quic]++
		go func() { _, _ = x.Write([]byte("hello")); _ = x.Close() }()
		if got, err := io.ReadAll(y); err != nil || string(got) != "hello" {
			t.Fatalf("%q, %v", got, err)
		}
		_ = y.Close()
	}
	onlyOne(t, b)
	noneLeft(t, b)
	t.Logf("QUIC won %d times, TCP %d", won[true], won[false])
}

func TestDialErrors(t *testing.T) {
	t.Parallel()
	a := room(t, func(c *Config) { c.pace.handshake = 500 * time.Millisecond })
	for _, addr := range []string{"", "nonsense", "127.0.0.1", "127.0.0.1:0", "0.0.0.0:99", "239.1.1.1:99", "example.org:99"} {
		if _, err := a.Dial(soon(t), addr); !errors.Is(err, ErrAddress) {
			t.Errorf("dial of %q: %v", addr, err)
		}
	}
	if _, err := a.Dial(soon(t), a.Addr()); !errors.Is(err, ErrSelf) {
		t.Errorf("dial of ourselves: %v", err)
	}
	nobody := room(t, nil)
	_ = nobody.Close()
	if _, err := a.Dial(soon(t), nobody.Addr()); !errors.Is(err, ErrNoReply) {
		t.Errorf("dial of nobody: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := a.Dial(ctx, nobody.Addr()); !errors.Is(err, context.Canceled) {
		t.Errorf("dial in a done context: %v", err)
	}
	if _, err := a.Accept(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("accept in a done context: %v", err)
	}
	b := room(t, nil)
	x, _ := meet(t, a, b, b.Addr())
	if _, err := a.Dial(soon(t), b.Addr()); !errors.Is(err, ErrMet) {
		t.Errorf("dial of a peer that we meet already: %v", err)
	}
	_ = x.Close()
	if _, err := a.Dial(soon(t), b.Addr()); err != nil {
		t.Errorf("dial after the meeting: %v", err)
	}
	_ = a.Close()
	if _, err := a.Dial(soon(t), b.Addr()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("dial from a closed room: %v", err)
	}
	if _, err := a.Accept(soon(t)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("accept in a closed room: %v", err)
	}
}

// TestCrossedDials lets both dial at the same moment: one meeting must come up,
// the same at both ends.
func TestCrossedDials(t *testing.T) {
	t.Parallel()
	for range 8 {
		a, b := room(t, nil), room(t, nil)
		rooms := []*Room{a, b}
		alive := make(chan link.Conn, 4)
		var g sync.WaitGroup
		for i, r := range rooms {
			g.Go(func() {
				c, err := r.Dial(soon(t), rooms[1-i].Addr())
				if err != nil && !errors.Is(err, ErrMet) {
					t.Errorf("dial: %v", err)
				}
				// A link that is let go ends at once.
				if err == nil && speaks(c) {
					alive <- c
				}
			})
			g.Go(func() {
				ctx, cancel := context.WithTimeout(context.Background(), 150*time.Millisecond)
				defer cancel()
				for {
					c, err := r.Accept(ctx)
					if err != nil {
						return
					}
					if speaks(c) {
						alive <- c
					}
				}
			})
		}
		g.Wait()
		if n := len(alive); n != 2 {
			t.Errorf("%d ends of meetings are alive, want 2", n)
		}
		_, _ = a.Close(), b.Close()
	}
}

// speaks says whether one byte gets over both ways.
func speaks(c link.Conn) bool {
	if _, err := c.Write([]byte("x")); err != nil {
		return false
	}
	_, err := io.ReadFull(c, make([]byte, 1))
	return err == nil
}

func TestListenErrors(t *testing.T) {
	a := room(t, nil)
	if _, err := Listen(context.Background(), Config{Addr: a.Addr()}); !errors.Is(err, ErrBusy) {
		t.Errorf("listen on a taken port: %v", err)
	}
	for _, c := range []Config{{Addr: "nonsense"}, {Group: "1.2.3.4:5"}, {Group: "239.1.1.1"}, {Group: "x,y"}} {
		if _, err := Listen(context.Background(), c); !errors.Is(err, ErrAddress) {
			t.Errorf("listen with %+v: %v", c, err)
		}
	}
	tcp, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	if _, err := Listen(context.Background(), Config{Addr: tcp.Addr().String()}); !errors.Is(err, ErrBusy) {
		t.Errorf("listen where only TCP is taken: %v", err)
	}
}

func TestContextClosesRoom(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	r, err := Listen(ctx, Config{Addr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, ok := <-r.Found(); ok {
		t.Error("somebody was found")
	}
	if _, err := r.Accept(soon(t)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("accept: %v", err)
	}
	_ = r.Close()
	again, err := Listen(context.Background(), Config{Addr: r.Addr()})
	if err != nil {
		t.Fatalf("the port is not free again: %v", err)
	}
	_ = again.Close()
}

// TestSilentStrangers holds connections open that say nothing: they are limited
// and dropped, and others still get through.
func TestSilentStrangers(t *testing.T) {
	t.Parallel()
	b := room(t, func(c *Config) { c.pace.handshake = 500 * time.Millisecond })
	var silent []net.Conn
	for range maxPerHost + 10 {
		c, err := net.Dial("tcp4", b.Addr())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		silent = append(silent, c)
	}
	for i, c := range silent {
		_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
		if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("silent connection %d is still held: %v", i, err)
		}
	}
	// One that finishes TLS and then talks nonsense, and one of another trade.
	_, config := tlsConfigs(tls.Certificate{})
	c, err := tls.Dial("tcp4", b.Addr(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, _ = c.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"))
	a := room(t, nil)
	x, y := meet(t, a, b, b.Addr())
	_, _ = x.Close(), y.Close()
	noneLeft(t, b)
}

// noneLeft waits until r counts no connection any more, not even half-open ones.
func noneLeft(t *testing.T, r *Room) {
	t.Helper()
	deadline := time.Now().Add(5 * time.Second)
	for {
		r.mu.Lock()
		left := len(r.hosts)
		r.mu.Unlock()
		if left == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("connections are still counted after all have gone")
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func TestNobodyFetches(t *testing.T) {
	t.Parallel()
	b := room(t, nil)
	const more = 3
	let := make(chan bool, maxWaiting+more)
	for range maxWaiting + more {
		c, err := room(t, nil).Dial(soon(t), b.Addr())
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			_, _ = c.Read(make([]byte, 1))
			let <- true
		}()
	}
	for range more { // those for whom there is no room are let go
		select {
		case <-let:
		case <-time.After(5 * time.Second):
			t.Fatal("nobody was let go")
		}
	}
	got := 0
	for {
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		_, err := b.Accept(ctx)
		cancel()
		if err != nil {
			break
		}
		got++
	}
	if got != maxWaiting {
		t.Errorf("%d meetings were waiting, want %d", got, maxWaiting)
	}
}

func TestCertificateSaysNothing(t *testing.T) {
	one, _, err := newCertificate()
	if err != nil {
		t.Fatal(err)
	}
	two, _, err := newCertificate()
	if err != nil {
		t.Fatal(err)
	}
	x, err := x509.ParseCertificate(one.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	y, err := x509.ParseCertificate(two.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	if x.Subject.String() != "" || x.Issuer.String() != "" || len(x.DNSNames)+len(x.IPAddresses) > 0 {
		t.Errorf("the certificate has a name: %v", x.Subject)
	}
	if x.SerialNumber.Cmp(y.SerialNumber) == 0 || string(x.RawSubjectPublicKeyInfo) == string(y.RawSubjectPublicKeyInfo) {
		t.Error("two starts share something")
	}
	if !x.NotBefore.Equal(y.NotBefore) || time.Since(x.NotBefore) < 24*time.Hour {
		t.Error("the certificate tells about the clock")
	}
}

func TestExposure(t *testing.T) {
	r := room(t, nil)
	r.setPlaces([]place{{nets: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}}})
	for a, want := range map[string]link.Exposure{
		"127.0.0.1": link.Nearby, "192.168.3.4": link.Nearby, "10.9.9.9": link.Nearby, "169.254.1.1": link.Nearby,
		"fe80::1%eth0": link.Nearby, "fd00::1": link.Nearby, "198.51.100.7": link.Nearby,
		"198.51.101.7": link.Open, "8.8.8.8": link.Open, "100.64.0.1": link.Open, "2001:db8::1": link.Open,
	} {
		if got := r.exposure(netip.MustParseAddr(a)); got != want {
			t.Errorf("exposure of %s is %v, want %v", a, got, want)
		}
	}
}

// TestMoved: a Room says that it is in another network when no IPv4 address is left,
// not while one stays or none is there.
func TestMoved(t *testing.T) {
	r := room(t, nil)
	in := func(addrs ...string) bool {
		var all []place
		for _, a := range addrs {
			all = append(all, place{name: a, v4: netip.MustParseAddr(a), loopback: strings.HasPrefix(a, "127.")})
		}
		r.setPlaces(all)
		select {
		case <-r.Moved():
			return true
		default:
			return false
		}
	}
	for _, still := range [][]string{{"127.0.0.1"}, {"127.0.0.1", "192.168.1.7"}, {"192.168.1.7"}, nil, {"192.168.1.7", "10.0.0.3"}, {"10.0.0.3"}, nil} {
		if in(still...) {
			t.Fatalf("moved to %v", still)
		}
	}
	if !in("192.168.1.7") || !in("172.16.0.2") {
		t.Fatal("not moved to another network")
	}
}

// TestSpelled: an address of one link is tried on each of our own interfaces, unless it
// names one of them.
func TestSpelled(t *testing.T) {
	own := []string{"eth0", "wlan1"}
	for addr, want := range map[string][]string{
		"[fe80::7%wlan0]:40123": {"[fe80::7%eth0]:40123", "[fe80::7%wlan1]:40123"},
		"[fe80::7]:40123":       {"[fe80::7%eth0]:40123", "[fe80::7%wlan1]:40123"},
		"[fe80::7%eth0]:40123":  {"[fe80::7%eth0]:40123"},
		"192.168.1.5:40123":     {"192.168.1.5:40123"},
		"[2001:db8::7]:40123":   {"[2001:db8::7]:40123"},
		"not an address":        {"not an address"},
	} {
		if got := spelled(addr, own); !slices.Equal(got, want) {
			t.Errorf("%s: %v", addr, got)
		}
	}
}
