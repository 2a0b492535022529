package daemon

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/jauap/jauap/config"
	"github.com/jauap/jauap/daemon/cause"
	"github.com/jauap/jauap/exchange"
	"github.com/jauap/jauap/link"
	"github.com/jauap/jauap/link/race"
	linkrelay "github.com/jauap/jauap/link/relay"
	"github.com/jauap/jauap/observe"
	"github.com/jauap/jauap/observe/probe"
	"github.com/jauap/jauap/relay"
)

const (
	dialTimeout = 8 * time.Second // the longest try
	dialShort   = 2 * time.Second // the shortest: three round trips of a satellite

	// lookEvery is how often a held link is felt for its pulse.
	lookEvery = 250 * time.Millisecond
	// pulseGone is how long the far end's system may confirm nothing before the
	// relay is dialled anew, at least; a path with a long trip gets four trips.
	pulseGone = 2 * time.Second
	// answerDue is how long the relay may take to answer what it got, on top of
	// the time that the bytes need at slowPath bytes a second. It is for paths
	// whose system confirms (a proxy) and systems that do not tell.
	// It doubles when dialling anew did not help for so long as answerMost.
	answerDue  = 5 * time.Second
	answerMost = time.Minute
	slowPath   = 4 << 10
	// aliveEvery is half the silence after which we say "still here", so that a
	// path that was cut while nobody wrote is noticed too. The relay's word
	// comes every 30 to 45 s: nothing for a minute means that it is gone.
	aliveMains   = 30 * time.Second
	aliveBattery = time.Minute
	stuck        = time.Minute // one message of 16 kB at 2.2 kbit/s
	// movedFor is how long a race may take that began because this device's
	// network changed, and movedGone is what pulseGone is at its end.
	movedFor  = 5 * time.Second
	movedGone = 500 * time.Millisecond

	// elsewhereFirst and elsewhereEvery are when the own ports of a relay that
	// is reached are looked at one by one: a restricted network is to be named.
	elsewhereFirst = 2 * time.Minute
	elsewhereEvery = 5 * time.Minute

	steady    = 5 * time.Second // a meeting that lasted so long was one
	busyLeast = 5 * time.Second // first rest after a relay said that it is full
	busyMost  = 2 * time.Minute
)

// patience is how long one try may hang and how many hang at once. A packet
// filter swallows packets, so a new try starts at each poll while older ones
// hang: the first second of a window is not spent waiting for a dead one.
func patience(poll time.Duration) (timeout time.Duration, atOnce int) {
	timeout = min(max(8*poll, dialShort), dialTimeout)
	return timeout, min(int(timeout/poll)+1, 12)
}

// way is one relay of the settings, known by its key.
type way struct {
	addr   relay.Addr // the first of its addresses, by which the status calls it
	inland bool
	own    []race.Way // by its own ports
	odd    []race.Way
	drafts *drafts
}

// waysOf reads the relays of the settings. Several addresses with one key are
// one relay.
func waysOf(c config.Config) (list []way, err error) {
	addrs := map[relay.KeyID][]relay.Addr{}
	for i, text := range append(append([]string(nil), c.Relays...), c.Inland...) {
		addr, err := relay.ParseAddr(text)
		if err != nil {
			return nil, err
		}
		if addrs[addr.Key] == nil {
			list = append(list, way{addr: addr, inland: i >= len(c.Relays), drafts: &drafts{}})
		}
		addrs[addr.Key] = append(addrs[addr.Key], addr)
	}
	for i := range list {
		list[i].own, list[i].odd = race.Ways(addrs[list[i].addr.Key], c.Proxy == "")
	}
	return list, nil
}

func (w way) evidence(by race.Way, k observe.Kind) observe.Evidence {
	return observe.Evidence{Kind: k, Way: by.Name(), Inland: w.inland}
}

// names are what the observatory calls the relay's ways.
func (w way) names() (list []string) {
	for _, by := range append(append([]race.Way(nil), w.own...), w.odd...) {
		list = append(list, by.Name())
	}
	return list
}

// keepRelay tries one relay until it answers, holds the meeting, and begins
// again when it ends.
func (d *Daemon) keepRelay(w way) {
	var conn *watched
	busy := busyLeast
	for d.ctx.Err() == nil {
		if conn == nil {
			if !d.awaitBudget(w) {
				return
			}
			var err error
			conn, err = d.race(d.ctx, w, func(by race.Way, err error) {
				d.noteSilence(w, by, err)
				d.tryFailed(w, by, err)
			})
			if err != nil {
				d.endDrafts(w.drafts)
				return
			}
		}
		d.won(w, conn)
		began := time.Now()
		var err error
		conn, err = d.attend(w, conn)
		switch {
		case conn != nil:
		case errors.Is(err, relay.ErrBusy), errors.Is(err, exchange.ErrProtocol), errors.Is(err, exchange.ErrTooLong), errors.Is(err, relay.ErrRefused):
			// Everybody comes when a window opens: do not push. Nor is a relay
			// that breaks the protocol soon a better one.
			d.rest(d.notice.between(busy, 2*busy))
			busy = min(2*busy, busyMost)
			continue
		case time.Since(began) < steady:
			d.restUntil(d.notice.try.rung(), d.opts.Config.Poll)
		}
		busy = busyLeast
	}
}

func (d *Daemon) rest(t time.Duration) { d.restUntil(nil, t) }

// restUntil rests until a bell rings, but no longer than t.
func (d *Daemon) restUntil(rung <-chan struct{}, t time.Duration) {
	select {
	case <-d.ctx.Done():
	case <-rung:
	case <-time.After(t):
	}
}

type dialled struct {
	conn *watched
	err  error
}

// race tries the ways to a relay until one answers; failed hears of each try
// that does not.
func (d *Daemon) race(ctx context.Context, w way, failed func(race.Way, error)) (*watched, error) {
	patience, atOnce := patience(d.opts.Config.Poll)
	since := d.opts.Now()
	r := &race.Racer{
		Dial: func(ctx context.Context, by race.Way, heard func()) (link.Conn, error) {
			c, err := d.dial(ctx, w, by, heard)
			if err != nil {
				return nil, err
			}
			return c, nil
		},
		Failed: func(by race.Way, err error) {
			if errors.Is(err, race.ErrNoAnswer) {
				err = cause.ErrNoAnswer
			}
			failed(by, err)
		},
		Volley: func(n int) []race.Way { return d.ways.unshunned(d.book(d.place(), w).Volley(n)) },
		Sweep:  func() []race.Way { return d.sweep(w) },
		Swept:  func() { d.sweptAll(w) },
		Pause:  func() time.Duration { return d.pause(w, since) },
		Ring:   d.notice.try.rung,
		Trip:   d.ways.trip(w.addr.Key), Patience: patience, AtOnce: atOnce, Gate: d.ways.gate,
	}
	conn, _, err := r.Run(ctx)
	if err != nil {
		return nil, err
	}
	return conn.(*watched), nil
}

// dial tries the relay once by one way.
func (d *Daemon) dial(ctx context.Context, w way, by race.Way, heard func()) (*watched, error) {
	alive := aliveMains
	if d.notice.onBattery() {
		alive = aliveBattery
	}
	c := &watched{due: answerDue, began: time.Now(), way: by}
	dialer := linkrelay.Dialer{
		Proxy: d.opts.Config.Proxy, Quiet: alive, Stall: stuck, Inland: w.inland, Heard: heard,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := (&net.Dialer{}).DialContext(ctx, network, addr)
			c.tcp, _ = conn.(*net.TCPConn)
			return conn, err
		},
	}
	if by.UDP {
		if box := d.tickets(w); box != nil {
			dialer.Tickets, dialer.Tokens = box, d.tokens(w)
		}
	}
	x, first, frames := d.takeDraft(w.drafts, dialer.Peer(w.addr), dialer.Traits())
	conn, err := dialer.DialPath(ctx, by.Addr, by.Path(), first)
	if err != nil {
		d.drop(w.drafts, x)
		return nil, err
	}
	c.Conn, c.draft, c.carried = conn, x, frames
	c.udp, _ = conn.(pulsing)
	c.release = sync.OnceFunc(func() { d.drop(w.drafts, x) })
	c.wrote(first, len(first))
	c.greeted(len(first))
	return c, nil
}

func (d *Daemon) noteSilence(w way, by race.Way, err error) {
	kind := observe.Silent
	if errors.Is(err, linkrelay.ErrNotOurRelay) {
		kind = observe.Foreign
	}
	d.observe(w.evidence(by, kind))
}

// mark changes the status of a way whose meeting is not over.
func (d *Daemon) mark(w way, state string, err error) {
	d.courier.Lock()
	defer d.courier.Unlock()
	r := d.row("relay", w.addr.HostPort())
	r.state, r.since = state, d.opts.Now()
	r.because(err)
	d.changes.bump()
}

// What Status says of a link that fell silent, and of a try that was cut short.
var (
	errSilent = fmt.Errorf("%w; the relay was reached anew", relay.ErrStall)
)

// rival is a race that runs beside a meeting which fell silent, or which may
// hang in a network that is gone.
type rival struct {
	done  chan dialled
	stop  context.CancelFunc
	until time.Time // before it, the race goes on although nothing is silent
}

func (d *Daemon) startRival(w way, until time.Time) *rival {
	ctx, stop := context.WithCancel(d.ctx)
	r := &rival{make(chan dialled, 1), stop, until}
	go func() {
		conn, err := d.race(ctx, w, func(by race.Way, err error) { d.noteSilence(w, by, err) })
		r.done <- dialled{conn, err}
	}()
	return r
}

// result is where the race's end is read; nil while there is no race.
func (r *rival) result() <-chan dialled {
	if r == nil {
		return nil
	}
	return r.done
}

// end stops a race and waits for it.
func (r *rival) end() {
	if r == nil {
		return
	}
	r.stop()
	if late := <-r.done; late.err == nil {
		late.conn.Close()
	}
}

// attend holds a meeting. When its link falls silent the relay is dialled
// anew, while the old link may yet come back; an answer wins, and attend
// returns it. Otherwise it returns why the meeting ended.
func (d *Daemon) attend(w way, c *watched) (next *watched, err error) {
	ended := make(chan error, 1)
	w.drafts.begin(c.draft)
	go func() { ended <- d.attach(c.draft.m, c, w.addr.HostPort(), c.carried) }()
	var beside *rival
	defer func() { beside.end() }()
	t := time.NewTicker(lookEvery)
	defer t.Stop()
	moved := d.notice.moved.rung()
	elsewhere := time.NewTimer(elsewhereFirst)
	defer elsewhere.Stop()
	for n := 0; ; {
		select {
		case <-elsewhere.C:
			if other := w.own[n%len(w.own)]; other != c.way {
				d.spawn(func() { d.lookElsewhere(w, other) })
			}
			n++
			elsewhere.Reset(elsewhereEvery)
		case err = <-ended:
			d.meetingOver(w, c, err)
			return nil, err
		case <-moved:
			moved = d.notice.moved.rung()
			if beside == nil {
				beside = d.startRival(w, time.Now().Add(movedFor))
			}
		case r := <-beside.result():
			beside.stop()
			beside = nil
			if r.err != nil {
				continue // this node is closing, and so is the meeting
			}
			if !c.lost(r.conn, time.Now()) {
				r.conn.Close()
				d.mark(w, "up", nil)
				continue
			}
			if time.Since(c.began) < answerMost {
				r.conn.due = min(2*c.due, answerMost)
			}
			c.Close()
			<-ended
			d.meetingOver(w, c, errSilent)
			return r.conn, nil
		case now := <-t.C:
			d.tally(w, c)
			silent := c.silent(now)
			if silent && c.mute() {
				d.ways.shun(c.way) // it greets and then swallows: the next one
			}
			beside = d.doubt(w, beside, silent, now)
		}
	}
}

// doubt begins or ends a race beside a meeting.
func (d *Daemon) doubt(w way, beside *rival, silent bool, now time.Time) *rival {
	switch {
	case silent && (beside == nil || !beside.until.IsZero()):
		d.log.Info("relay", "silent", w.addr.HostPort())
		d.mark(w, "trying", cause.ErrDoubtful)
		if beside == nil {
			return d.startRival(w, time.Time{})
		}
		beside.until = time.Time{}
	case !silent && beside != nil && now.After(beside.until):
		beside.end()
		d.mark(w, "up", nil)
		return nil
	}
	return beside
}

// meetingOver notes the end of a meeting. Whether the way is silent now the
// next try will tell.
func (d *Daemon) meetingOver(w way, c *watched, err error) {
	d.tally(w, c)
	if errors.Is(err, linkrelay.ErrNotOurRelay) {
		d.observe(w.evidence(c.way, observe.Foreign))
	}
	d.rowDown("relay", w.addr.HostPort(), err)
}

// tally tells the observatory what moved since the last time.
func (d *Daemon) tally(w way, c *watched) {
	out, in := c.moved()
	if in > 0 {
		d.observe(w.evidence(c.way, observe.Answered))
	}
	if out+in > 0 && !w.inland {
		d.courier.Lock()
		d.watch.Moved(d.opts.Now(), out, in)
		d.courier.Unlock()
	}
}

// watched is a link to a relay that knows how long its far end has owed an
// answer.
type watched struct {
	link.Conn
	way   race.Way
	tcp   *net.TCPConn  // to the relay or to a proxy; nil when it is something else
	udp   pulsing       // QUIC; nil when it is something else
	due   time.Duration // how long an answer may take
	began time.Time

	draft   *draft // what its first bytes belong to
	carried int    // frames of it that have gone
	release func() // gives the draft back

	mu      sync.Mutex
	frames  frames
	owed    int       // bytes written since it was last heard, from the first frame on that asks
	asked   time.Time // when that was written
	unsure  time.Time // since when the system has waited for a confirmation
	spoke   bool      // something came
	out, in int64     // since moved was last asked
	heard   uint64    // datagrams that had come when we wrote
	wroteAt time.Time // what no datagram has followed yet
}

// pulsing is a link whose far end's confirmations can be counted.
type pulsing interface {
	Heard() (datagrams uint64, trip time.Duration)
	Local() netip.Addr
}

// Close ends the link, and gives its draft back when no meeting began.
func (c *watched) Close() error {
	if c.release != nil {
		c.release()
	}
	return c.Conn.Close()
}

func (c *watched) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.mu.Lock()
		c.owed, c.spoke = 0, true
		c.in += int64(n)
		c.mu.Unlock()
	}
	return n, err
}

func (c *watched) Write(p []byte) (int, error) {
	c.wrote(p, 0)
	n, err := c.Conn.Write(p)
	c.mu.Lock()
	c.out += int64(n)
	c.mu.Unlock()
	return n, err
}

// greeted notes that a greeting has gone, which the relay answers with its own
// in any case.
func (c *watched) greeted(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.owed == 0 {
		c.owed, c.asked = max(n, 1), time.Now()
	}
}

// mute reports whether nothing ever came.
func (c *watched) mute() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.spoke
}

// wrote notes what goes out; done of it has gone already.
func (c *watched) wrote(p []byte, done int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if asks := c.frames.ask(p); c.owed > 0 || asks {
		if c.owed == 0 {
			c.asked = now
		}
		c.owed += len(p)
	}
	c.out += int64(done)
	if c.udp != nil && len(p) > 0 {
		if heard, _ := c.udp.Heard(); c.wroteAt.IsZero() || heard != c.heard {
			c.heard, c.wroteAt = heard, now
		}
	}
}

// frames follows a stream of frames, each a length of three bytes, a type and
// the rest. spec/exchange.md, 2.
type frames struct {
	head []byte // of the frame that begins
	left int    // bytes of the frame's rest
}

// ask reports whether a frame that begins in p is answered in any case.
func (f *frames) ask(p []byte) (yes bool) {
	for len(p) > 0 {
		if f.left > 0 {
			n := min(f.left, len(p))
			f.left -= n
			p = p[n:]
			continue
		}
		n := min(exchange.Prefix+1-len(f.head), len(p))
		f.head = append(f.head, p[:n]...)
		p = p[n:]
		if len(f.head) <= exchange.Prefix {
			break
		}
		yes = yes || exchange.Asks(f.head[exchange.Prefix])
		f.left = max(int(f.head[0])<<16|int(f.head[1])<<8|int(f.head[2]), 1) - 1
		f.head = f.head[:0]
	}
	return yes
}

// moved returns the bytes since it was last asked.
func (c *watched) moved() (out, in int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	out, in = c.out, c.in
	c.out, c.in = 0, 0
	return out, in
}

// silent reports whether the path looks cut. It must be asked regularly.
func (c *watched) silent(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if quiet, trip := c.unconfirmed(now); quiet > 0 {
		// Confirmations that come in tell of a path that is only slow.
		return quiet > max(pulseGone, 4*trip)
	}
	return c.owed > 0 && now.Sub(c.asked) > c.due+time.Duration(c.owed)*time.Second/slowPath
}

// unconfirmed is how long the system has waited for a confirmation without
// hearing anything; 0 when it does not wait or does not tell. mu is held.
func (c *watched) unconfirmed(now time.Time) (quiet, trip time.Duration) {
	if c.udp != nil {
		heard, trip := c.udp.Heard()
		if c.wroteAt.IsZero() || heard != c.heard {
			return 0, trip
		}
		return max(now.Sub(c.wroteAt), 1), trip
	}
	if c.tcp == nil {
		return 0, 0
	}
	p, ok := probe.PulseOf(c.tcp)
	if !ok || !p.Unconfirmed {
		c.unsure = time.Time{}
		return 0, 0
	}
	if c.unsure.IsZero() {
		c.unsure = now
	}
	return max(min(now.Sub(c.unsure), p.Silent), 1), p.Trip
}

// local is the address from which the link goes out, if it is known.
func (c *watched) local() netip.Addr {
	switch {
	case c.udp != nil:
		return c.udp.Local()
	case c.tcp != nil:
		return c.tcp.LocalAddr().(*net.TCPAddr).AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}

// lost judges a link after another reached the relay: it is when it is silent,
// or when it goes out from an address that is no longer the way.
func (c *watched) lost(other *watched, now time.Time) bool {
	if c.silent(now) {
		return true
	}
	ours, theirs := c.local(), other.local()
	if !ours.IsValid() || !theirs.IsValid() {
		return false
	}
	if ours != theirs {
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	quiet, trip := c.unconfirmed(now)
	return quiet > max(movedGone, 2*trip)
}
