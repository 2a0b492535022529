package daemon

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/jauap/jauap/config"
	"github.com/jauap/jauap/internal/netem"
	"github.com/jauap/jauap/relay"
	"github.com/jauap/jauap/web/api"
)

// slowNAT is a slow line to one UDP port, with an address translation in it:
// each socket that speaks to it gets one of its own beyond the line.
type slowNAT struct {
	near *net.UDPConn
	to   *net.UDPAddr
	stop chan struct{}
	work sync.WaitGroup

	mu    sync.Mutex
	lanes [2]*netem.Lane // out, in
	up    bool
	far   map[netip.AddrPort]*net.UDPConn
}

func newSlowNAT(t *testing.T, p netem.Params, to string) *slowNAT {
	t.Helper()
	near, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	n := &slowNAT{near: near, to: net.UDPAddrFromAddrPort(netip.MustParseAddrPort(to)), stop: make(chan struct{}),
		lanes: [2]*netem.Lane{netem.NewLane(p, 1), netem.NewLane(p, 2)}, up: true, far: map[netip.AddrPort]*net.UDPConn{}}
	n.work.Go(func() {
		n.pump(0, near, func(from netip.AddrPort) func([]byte) {
			c := n.beyond(from)
			return func(b []byte) { _, _ = c.Write(b) }
		})
	})
	t.Cleanup(func() {
		close(n.stop)
		near.Close()
		n.mu.Lock()
		for _, c := range n.far {
			c.Close()
		}
		n.mu.Unlock()
		n.work.Wait()
	})
	return n
}

// beyond is the socket beyond the line of one on this side.
func (n *slowNAT) beyond(from netip.AddrPort) *net.UDPConn {
	n.mu.Lock()
	defer n.mu.Unlock()
	c := n.far[from]
	if c == nil {
		var err error
		if c, err = net.DialUDP("udp4", nil, n.to); err != nil {
			panic(err)
		}
		n.far[from] = c
		n.work.Go(func() {
			n.pump(1, c, func(netip.AddrPort) func([]byte) {
				return func(b []byte) { _, _ = n.near.WriteToUDPAddrPort(b, from) }
			})
		})
	}
	return c
}

// pump takes what comes to a socket and passes each packet on at its time.
func (n *slowNAT) pump(lane int, c *net.UDPConn, way func(from netip.AddrPort) func([]byte)) {
	b := make([]byte, 1<<16)
	for {
		size, from, err := c.ReadFromUDPAddrPort(b)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		n.mu.Lock()
		now := time.Now()
		fates := n.lanes[lane].Admit(now, size, n.up)
		n.mu.Unlock()
		pass, data := way(from), bytes.Clone(b[:size])
		for _, f := range fates {
			n.work.Go(func() {
				select {
				case <-n.stop:
				case <-time.After(time.Until(f.At)):
					pass(data)
				}
			})
		}
	}
}

func (n *slowNAT) set(up bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.up = up
}

// bytes are those of IP packets that were offered, out and in.
func (n *slowNAT) bytes() (out, in int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.lanes[0].Count().InBytes, n.lanes[1].Count().InBytes
}

// farRelay is a relay behind a slow line that carries QUIC only.
func farRelay(t *testing.T, p netem.Params) (line *slowNAT, address string) {
	t.Helper()
	direct, through := startRelay(t)
	a, err := relay.ParseAddr(direct)
	if err != nil {
		t.Fatal(err)
	}
	line = newSlowNAT(t, p, a.HostPort())
	return line, through(line.near.LocalAddr().String())
}

// reopen opens a node that knows one relay, in a place that has a name.
func (o *one) reopen(relay string, change func(*config.Config)) *Daemon {
	o.t.Helper()
	c := config.Default()
	c.Listen, c.Multicast, c.Relays, c.Receipts, c.Power = "off", false, []string{relay}, config.ReceiptsPrompt, config.PowerMains
	c.Tune = []string{"off"}
	if change != nil {
		change(&c)
	}
	d, err := Open(Options{Dir: o.dir, Config: c, Now: o.now, Prompt: true, Place: func() string { return "gateway of a test" }})
	if err != nil {
		o.t.Fatal(err)
	}
	o.open = d
	return d
}

// leftAfter starts a node and waits until a letter has left.
func leftAfter(t *testing.T, d *Daemon, id string, since time.Time) time.Duration {
	t.Helper()
	awaitState(t, d, id, api.Left, api.Delivered, api.Read)
	return time.Since(since)
}

// TestFirstFlight: over a line with a round trip of 600 ms a waiting letter is
// confirmed after one round trip with a ticket, which survives a restart of the
// node, and after two without; on a dark line each try carries it, so that it is
// confirmed one round trip after a try that got through began.
func TestFirstFlight(t *testing.T) {
	t.Parallel()
	const trip = 600 * time.Millisecond
	line, address := farRelay(t, netem.Params{Rate: 64_000, Delay: trip / 2})
	aigerim, dana := newOne(t, "Aigerim", time.Now), newOne(t, "Dana", time.Now)
	d := aigerim.reopen(address, nil)
	befriend(t, d, dana.up(), "Aigerim", "Dana")
	// They know each other: a first letter ever takes 4 kB.
	stick := t.TempDir()
	send(t, d, "Dana", "the first")
	carry(t, stick, d, dana.open)
	send(t, dana.open, "Aigerim", "the answer")
	carry(t, stick, dana.open, d)
	if len(texts(t, d, "Dana")) != 1 {
		t.Fatal("no answer came by the stick")
	}
	dana.down()
	run := func(what string, change func(*config.Config)) time.Duration {
		aigerim.down()
		d = aigerim.reopen(address, change)
		id := send(t, d, "Dana", what)
		began := time.Now()
		out0, in0 := line.bytes()
		if err := d.Start(); err != nil {
			t.Fatal(err)
		}
		took := leftAfter(t, d, id, began)
		out, in := line.bytes()
		t.Logf("%s: confirmed after %.2f s (%.1f round trips), %d bytes out and %d in", what, took.Seconds(), took.Seconds()/trip.Seconds(), out-out0, in-in0)
		return took
	}
	first := run("first contact", nil)
	// A ticket is shown once; the next one comes a round trip after the answer.
	ticket := func() {
		t.Helper()
		for late := time.Now().Add(time.Minute); !hasTicket(t, d); <-time.After(10 * time.Millisecond) {
			if time.Now().After(late) {
				t.Fatal("no ticket came")
			}
		}
	}
	ticket()
	second := run("with a ticket", nil)
	ticket()
	if second > 2*trip+trip/2 || first < 2*trip {
		t.Errorf("with a ticket %v, without %v; it should be one round trip against two, and the time of the bytes", second, first)
	}
	if !thorough() {
		defer aigerim.down()
		t.Log("the dark line takes half a minute more: JAUAP_TEST=all measures it")
		return
	}
	if off := run("tickets switched off", func(c *config.Config) { c.Tickets = false }); off < 2*trip {
		t.Errorf("without a ticket %v: that is not possible", off)
	}

	// The dark.
	aigerim.down()
	d = aigerim.reopen(address, nil)
	defer aigerim.down()
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	await(t, d, "an open network", func(s api.Status) bool { return s.Network.State == "open" })
	ticket()
	line.set(false)
	id := send(t, d, "Dana", "in the dark")
	await(t, d, "the dark", func(s api.Status) bool { return s.Network.State == "dark" })
	dark := 4 * time.Second
	before, _ := line.bytes()
	<-time.After(dark) // the line's
	after, _ := line.bytes()
	began := time.Now()
	line.set(true)
	took := leftAfter(t, d, id, began)
	t.Logf("a dark line costs %d bytes a second; after it opened the letter was confirmed after %.2f s", (after-before)/int64(dark/time.Second), took.Seconds())
	if took > time.Second+3*trip {
		t.Errorf("%v: much more than the pause between tries, one round trip and the time of the bytes", took)
	}
}

func mustWay(t *testing.T, d *Daemon) way {
	t.Helper()
	list, err := waysOf(d.opts.Config)
	if err != nil {
		t.Fatal(err)
	}
	return list[0]
}

func hasTicket(t *testing.T, d *Daemon) bool {
	_, ok := d.tickets(mustWay(t, d)).Get("")
	return ok
}
