package dns

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/jauap/jauap/link"
	"github.com/jauap/jauap/link/dns/wire"
)

// Config of a tunnel. All but Address may be zero.
type Config struct {
	Address Address
	// Resolvers lists the system's; nil: System. It is asked again while
	// nothing answers.
	Resolvers func() ([]netip.AddrPort, error)
	// Listen opens the socket; nil: UDP on a port of the system's choice.
	Listen func() (net.PacketConn, error)
	// Rate is the most queries a second; 0: 100.
	Rate float64
}

const (
	defaultRate = 100
	rtoFirst    = 2 * time.Second
	rtoLeast    = 300 * time.Millisecond
	rtoMost     = 4 * time.Second

	// Blind is who got no answer for so long, and to so many queries.
	blindAfter   = 5 * time.Second
	blindQueries = 8
	blindGap     = 100 * time.Millisecond
	blindGapMost = 10 * time.Second
	blindDouble  = time.Minute // by which the gap doubles
	lookAgain    = 30 * time.Second

	// Two of so many messages are halves of the greeting, until it was heard; at
	// first most of them, because what is said before the relay knows them is lost.
	helloFirst = 3
	helloEager = 18 // messages
	helloOften = 6
	helloTired = 90 // messages; by then half of all greetings would do
	helloRare  = 24
	lostAfter  = 5 * time.Second
	emptyPause = 100 * time.Millisecond
)

// ErrClosed: the tunnel was closed.
var ErrClosed = errors.New("dns: the tunnel is closed")

// Tunnel is one client's tunnel. Its methods may be used by any goroutines.
type Tunnel struct {
	c    Config
	pc   net.PacketConn
	stop context.CancelFunc
	ctx  context.Context
	done sync.WaitGroup
	kick chan struct{}
	// turns lets one Pull at a time ask.
	turns chan struct{}

	mu      sync.Mutex
	rng     *rand.Rand
	ses     *wire.Session
	known   bool // the relay answered under the session's key
	count   uint16
	greets  int
	turn    int
	cookie  uint16
	cookied uint16
	pending map[uint16]*query
	routes  []*route
	looked  time.Time
	greeted time.Time // when half a greeting left last
	met     time.Time // when the relay answered the session first

	pace         pace
	trip, spread time.Duration
	next         time.Time // no query before
	heard        time.Time
	silent       int // queries since the last answer
	stirred      time.Time

	up     upState
	down   downState
	counts Counts
	fault  error
}

// Counts are a tunnel's figures since it began.
type Counts struct {
	Queries, Answers int
	Out, In          int64     // bytes of DNS messages
	Heard            time.Time // last answer of the relay
	Last             error     // why nothing can be sent
}

// query is one that waits for its answer.
type query struct {
	at    time.Time
	route *route
	up    *upload // of a Put or a Have
	block *block
	n     int // symbols in it
	kind  wire.Kind
}

// Dial opens a tunnel. Nothing is sent before something is to be carried.
func Dial(c Config) (*Tunnel, error) {
	if c.Rate <= 0 {
		c.Rate = defaultRate
	}
	if c.Resolvers == nil {
		c.Resolvers = System
	}
	if c.Listen == nil {
		c.Listen = func() (net.PacketConn, error) { return net.ListenPacket("udp", ":0") }
	}
	pc, err := c.Listen()
	if err != nil {
		return nil, fmt.Errorf("dns: %w", err)
	}
	t := &Tunnel{
		c: c, pc: pc, kick: make(chan struct{}, 1), turns: make(chan struct{}, 1), rng: rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())),
		pace: pace{window: windowFirst, base: 1}, stirred: time.Now(),
	}
	if err := t.renew(); err != nil {
		pc.Close()
		return nil, err
	}
	t.ctx, t.stop = context.WithCancel(context.Background())
	t.done.Go(t.read)
	t.done.Go(t.run)
	return t, nil
}

// Close ends the tunnel and what waits in it.
func (t *Tunnel) Close() error {
	t.stop()
	err := t.pc.Close()
	t.done.Wait()
	return err
}

// Traits implements link.Drop.
func (t *Tunnel) Traits() link.Traits {
	return link.Traits{Latency: 5 * time.Second, Unit: wire.MaxUnit, Way: link.Both, Lossy: true, Exposure: link.Open}
}

// Counts tells the tunnel's figures.
func (t *Tunnel) Counts() Counts {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.counts
	c.Heard, c.Last = t.heard, t.fault
	return c
}

// Stir says that something changed: the network, or what there is to carry. A
// tunnel that hears nothing tries harder for some minutes.
func (t *Tunnel) Stir() {
	t.mu.Lock()
	t.stirred, t.looked = time.Now(), time.Time{}
	t.mu.Unlock()
	t.wake()
}

func (t *Tunnel) wake() {
	select {
	case t.kick <- struct{}{}:
	default:
	}
}

// renew begins a session. mu is held, or nobody else is there yet.
func (t *Tunnel) renew() error {
	s, err := wire.Client(t.c.Address.Key)
	if err != nil {
		return err
	}
	t.ses, t.count, t.known, t.greets, t.cookied = s, 0, false, 0, 0
	t.down.since = 0
	t.pending = map[uint16]*query{}
	t.up.forgotten()
	for _, u := range t.up.list {
		for _, b := range u.blocks {
			b.flying = 0
		}
	}
	t.down.reopen()
	return nil
}

// read takes answers until the socket closes.
func (t *Tunnel) read() {
	b := make([]byte, wire.MaxPacket+1)
	for {
		n, _, err := t.pc.ReadFrom(b)
		if t.ctx.Err() != nil {
			return
		}
		if err != nil {
			// A complaint about a resolver that is gone.
			t.sleep(10 * time.Millisecond)
			continue
		}
		_, _, payload, err := wire.Payload(b[:n])
		if err == nil {
			t.answer(payload, n)
		}
	}
}

func (t *Tunnel) sleep(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.ctx.Done():
	}
}

// run sends queries until the tunnel is closed.
func (t *Tunnel) run() {
	for t.ctx.Err() == nil {
		t.refill()
		b, to, wait := t.step(time.Now())
		t.settle()
		if b != nil {
			_, err := t.pc.WriteTo(b, net.UDPAddrFromAddrPort(to))
			t.mu.Lock()
			t.fault = err
			t.counts.Queries++
			t.counts.Out += int64(len(b))
			t.mu.Unlock()
			continue
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-t.kick:
		case <-t.ctx.Done():
		}
		timer.Stop()
	}
}

// idleWait is how long a tunnel with nothing to do sleeps, unless it is woken.
const idleWait = time.Second

// step decides: a query to send now, or how long to wait.
func (t *Tunnel) step(now time.Time) (packet []byte, to netip.AddrPort, wait time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.expire(now)
	if t.up.empty() && t.down.pull == nil {
		return nil, to, idleWait
	}
	if d := t.next.Sub(now); d > 0 {
		return nil, to, d
	}
	if t.count >= wire.MaxCount {
		if err := t.renew(); err != nil {
			t.fault = err
			return nil, to, idleWait
		}
	}
	blind := t.blind(now)
	if !blind && len(t.pending) >= t.pace.room() {
		return nil, to, t.soonest(now)
	}
	if len(t.routes) == 0 || blind && now.Sub(t.looked) > lookAgain {
		t.look(now)
	}
	r := pick(t.routes, t.turn, blind, t.rng)
	if r == nil {
		return nil, to, idleWait
	}
	sealed, wait := t.message(now, r, blind)
	if sealed == nil {
		return nil, to, wait
	}
	t.turn++
	t.silent++
	t.next = now.Add(t.gap(now, blind))
	b, err := wire.Query(uint16(t.rng.Uint32()), t.c.Address.Zone.Name(sealed), r.typ, r.edns)
	if err != nil {
		t.fault = err
		return nil, to, idleWait
	}
	return b, r.to, 0
}

// look asks for resolvers.
func (t *Tunnel) look(now time.Time) {
	t.looked = now
	list := t.c.Address.Resolvers
	if len(list) == 0 {
		var err error
		if list, err = t.c.Resolvers(); err != nil {
			t.fault = err
			return
		}
	}
	t.routes = routesOf(list, t.routes)
}

// message seals what is most useful to say now. Without one it answers how long
// to wait.
func (t *Tunnel) message(now time.Time, r *route, blind bool) (sealed []byte, wait time.Duration) {
	if !t.known {
		every := helloOften
		switch {
		case t.greets < helloEager:
			every = helloFirst
		case t.greets > helloTired:
			every = helloRare
		}
		n := t.greets % every
		t.greets++
		if n < 2 {
			t.greeted = now
			return t.ses.Hello(n), 0
		}
	}
	u, q, ok := t.say(now, r, blind)
	if !ok {
		return nil, t.soonest(now)
	}
	t.count++
	u.Count = t.count
	q.at, q.route, q.kind = now, r, u.Kind
	t.pending[u.Count] = q
	t.down.note(u.Count)
	return t.ses.SealUp(u.Bytes()), 0
}

// say chooses between giving and asking: three of four messages give, while both
// are wanted.
func (t *Tunnel) say(now time.Time, r *route, blind bool) (wire.Up, *query, bool) {
	ask := func() (wire.Up, *query, bool) { return t.ask(now, r) }
	give := func() (wire.Up, *query, bool) { return t.give(r, blind) }
	order := []func() (wire.Up, *query, bool){give, ask}
	if t.turn%4 == 3 {
		order[0], order[1] = ask, give
	}
	for _, f := range order {
		if u, q, ok := f(); ok {
			return u, q, true
		}
	}
	return wire.Up{}, nil, false
}

func (t *Tunnel) blind(now time.Time) bool {
	return t.silent >= blindQueries && now.Sub(t.heard) > blindAfter
}

// gap is the time to the next query: never an even step.
func (t *Tunnel) gap(now time.Time, blind bool) time.Duration {
	gap := time.Duration(float64(time.Second) / t.c.Rate * t.pace.slower())
	if blind {
		gap = blindGap
		for d := now.Sub(t.stirred); d > blindDouble && gap < blindGapMost; d -= blindDouble {
			gap *= 2
		}
	}
	return gap/2 + time.Duration(t.rng.Int64N(int64(gap)+1))
}

func (t *Tunnel) rto() time.Duration {
	if t.trip == 0 {
		return rtoFirst
	}
	return min(max(t.trip+4*t.spread, rtoLeast), rtoMost)
}

// soonest is when the oldest query is given up.
func (t *Tunnel) soonest(now time.Time) time.Duration {
	wait := idleWait
	for _, q := range t.pending {
		wait = min(wait, q.at.Add(t.rto()).Sub(now))
	}
	if d := t.down.pause.Sub(now); d > 0 {
		wait = min(wait, d)
	}
	return max(wait, time.Millisecond)
}

// expire gives up queries without an answer.
func (t *Tunnel) expire(now time.Time) {
	rto := t.rto()
	for c, q := range t.pending {
		if now.Sub(q.at) < rto {
			continue
		}
		delete(t.pending, c)
		t.resolved(q, false)
	}
}

// resolved counts the end of a query, answered or not.
func (t *Tunnel) resolved(q *query, answered bool) {
	q.route.note(answered)
	if q.n > 0 {
		q.block.flying -= q.n
		t.up.names.note(q.n > 1, answered)
	}
	t.pace.note(answered)
}

// answer takes what the relay sealed.
func (t *Tunnel) answer(payload []byte, n int) {
	defer t.wake()
	t.mu.Lock()
	defer t.mu.Unlock()
	plain, lost, ok := t.ses.OpenDown(payload)
	if lost {
		// What was said before the greeting is answered so, perhaps late.
		if t.known && time.Since(t.met) > lostAfter {
			t.known, t.greets = false, 0
			t.up.forgotten()
			t.down.reopen()
		}
		t.silent = 0
		return
	}
	if !ok {
		return
	}
	d, err := wire.ParseDown(plain)
	if err != nil {
		return
	}
	now := time.Now()
	if !t.known {
		t.met = now
	}
	if t.known = true; t.trip == 0 && d.Count == 0 {
		t.timed(now.Sub(t.greeted)) // what left before the greeting was heard is soon given up
	}
	t.heard, t.silent = now, 0
	t.counts.Answers++
	t.counts.In += int64(n)
	if d.Count >= t.cookied {
		t.cookie, t.cookied = d.Cookie, d.Count
	}
	q := t.pending[d.Count]
	if q != nil {
		delete(t.pending, d.Count)
		t.timed(now.Sub(q.at))
		t.resolved(q, true)
	}
	t.up.heard(d, q)
	t.down.heard(d, t.count, now)
}

// timed follows the round trip. RFC 6298, 2.
func (t *Tunnel) timed(d time.Duration) {
	if t.trip == 0 {
		t.trip, t.spread = d, d/2
		return
	}
	t.spread += ((t.trip - d).Abs() - t.spread) / 4
	t.trip += (d - t.trip) / 8
}
