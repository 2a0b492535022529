package daemon

import (
	"context"
	"crypto/tls"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/finds"
	"github.com/jauap/jauap/link/race"
	linkrelay "github.com/jauap/jauap/link/relay"
	"github.com/jauap/jauap/observe"
	"github.com/jauap/jauap/relay"
)

// spot is one relay seen from one network.
type spot struct {
	place finds.Place
	relay relay.KeyID
}

const maxSpots = 256 // of which the last sweep is known

// ways is what the links know of the ways to relays besides the book of finds.
type ways struct {
	gate race.Gate

	mu    sync.Mutex
	trips map[relay.KeyID]time.Duration
	swept map[spot]time.Time
	token map[spot]*linkrelay.Tokens
	shuns map[race.Way]time.Time // until when
	rng   *rand.Rand
}

func newWays() *ways {
	return &ways{
		gate: race.NewGate(), trips: map[relay.KeyID]time.Duration{}, swept: map[spot]time.Time{}, token: map[spot]*linkrelay.Tokens{}, shuns: map[race.Way]time.Time{},
		rng: rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())),
	}
}

// openFinds opens the book of ways in the vault.
func (d *Daemon) openFinds() (err error) {
	if d.finds, err = finds.New(d.acc, d.vault); err != nil {
		return err
	}
	d.acc.Also(d.finds, account.Claim{Kinds: finds.Kinds(), Streams: finds.Streams})
	list, err := waysOf(d.opts.Config)
	if err != nil {
		return nil // Start tells
	}
	var relays []finds.Relay
	for _, w := range list {
		relays = append(relays, finds.Relay(w.addr.Key))
	}
	d.finds.Relays(relays)
	return nil
}

// place is the network that this device is in.
func (d *Daemon) place() finds.Place { return d.finds.Place(d.opts.Place()) }

func (d *Daemon) today() envelope.Day {
	m, _ := d.clock.moment()
	return m.Day
}

// book lists the ways to a relay as they look from a place.
func (d *Daemon) book(p finds.Place, w way) race.Book {
	b := race.Book{Own: w.own, Odd: w.odd}
	known := func(a relay.Addr, udp bool) {
		// Where there is no UDP, a find of it is none.
		if by := (race.Way{Addr: a, UDP: udp}); !udp || w.own[0].UDP {
			b.Last = append(b.Last, by)
		}
	}
	for _, l := range d.finds.Last(p, finds.Relay(w.addr.Key)) {
		// A host that the settings no longer name is not asked.
		for _, host := range w.hosts() {
			if host == l.Host {
				known(relay.Addr{Host: host, Port: l.Port, Key: w.addr.Key}, l.UDP)
			}
		}
	}
	list, err := d.finds.Finds(finds.Relay(w.addr.Key), d.today())
	if err != nil {
		d.log.Warn("finds", "error", err)
	}
	for _, f := range list {
		for _, host := range w.hosts() {
			if !f.UDP || w.own[0].UDP {
				b.Finds = append(b.Finds, race.Way{Addr: relay.Addr{Host: host, Port: f.Port, Key: w.addr.Key}, UDP: f.UDP})
			}
		}
	}
	return b
}

// hosts are those of a relay's addresses.
func (w way) hosts() (list []string) {
	seen := map[string]bool{}
	for _, by := range w.own {
		if !seen[by.Addr.Host] {
			seen[by.Addr.Host] = true
			list = append(list, by.Addr.Host)
		}
	}
	return list
}

// shunFor is how long a way is left out on which the relay proved its key and
// then nothing came: something on it lets greetings pass and no more.
const shunFor = 2 * time.Minute

func (ws *ways) shun(by race.Way) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	now := time.Now()
	for k, until := range ws.shuns {
		if now.After(until) {
			delete(ws.shuns, k)
		}
	}
	if len(ws.shuns) < maxSpots {
		ws.shuns[by] = now.Add(shunFor)
	}
}

// unshunned leaves out what is shunned, unless nothing else is left.
func (ws *ways) unshunned(list []race.Way) (rest []race.Way) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	for _, by := range list {
		if time.Now().After(ws.shuns[by]) {
			rest = append(rest, by)
		}
	}
	if len(rest) == 0 {
		return list
	}
	return rest
}

func (ws *ways) trip(k relay.KeyID) time.Duration {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	return ws.trips[k]
}

// sweep answers the ways of a sweep when one is due.
func (d *Daemon) sweep(w way) []race.Way {
	at := spot{d.place(), w.addr.Key}
	b := d.book(at.place, w)
	d.ways.mu.Lock()
	defer d.ways.mu.Unlock()
	if last, ok := d.ways.swept[at]; ok && time.Since(last) < race.SweepEvery {
		return nil
	}
	return b.Sweep(d.ways.rng)
}

// sweptAll notes that a sweep tried everything.
func (d *Daemon) sweptAll(w way) {
	at := spot{d.place(), w.addr.Key}
	d.ways.mu.Lock()
	defer d.ways.mu.Unlock()
	for k := range d.ways.swept {
		if len(d.ways.swept) < maxSpots {
			break
		}
		delete(d.ways.swept, k)
	}
	d.ways.swept[at] = time.Now()
}

// won notes which way answered, and lets contacts know of an odd port.
func (d *Daemon) won(w way, c *watched) {
	d.rowWay(w, c.way)
	d.observe(w.evidence(c.way, observe.Answered))
	if c.tcp != nil {
		d.log.Debug("tcp", "congestion", relay.Congestion(c.tcp))
	}
	if c.udp != nil {
		if _, trip := c.udp.Heard(); trip > 0 {
			d.ways.mu.Lock()
			d.ways.trips[w.addr.Key] = trip
			d.ways.mu.Unlock()
		}
	}
	m, sure := d.clock.moment()
	r, by := finds.Relay(w.addr.Key), c.way
	d.finds.Answered(d.place(), r, finds.Way{Host: by.Addr.Host, UDP: by.UDP, Port: by.Addr.Port}, m.Day)
	if !sure || w.owns(by) {
		return
	}
	d.people.Lock()
	defer d.people.Unlock()
	if err := d.finds.Tell(m, r, by.UDP, by.Addr.Port); err != nil {
		d.log.Warn("finds", "error", err)
	}
}

// owns reports whether a way goes by the port of an address.
func (w way) owns(by race.Way) bool {
	for _, o := range w.own {
		if o == by {
			return true
		}
	}
	return false
}

// box is where the ticket of one relay in one place is kept.
type box struct {
	d  *Daemon
	at spot
}

// tickets is nil where none may be shown: in a place without a name, or when
// the settings say so.
func (d *Daemon) tickets(w way) tls.ClientSessionCache {
	p := d.place()
	if p == (finds.Place{}) || !d.opts.Config.Tickets {
		return nil
	}
	return &box{d, spot{p, w.addr.Key}}
}

// tokens goes with tickets, in memory.
func (d *Daemon) tokens(w way) *linkrelay.Tokens {
	at := spot{d.place(), w.addr.Key}
	d.ways.mu.Lock()
	defer d.ways.mu.Unlock()
	t := d.ways.token[at]
	if t == nil {
		for k := range d.ways.token {
			if len(d.ways.token) < maxSpots {
				break
			}
			delete(d.ways.token, k)
		}
		t = &linkrelay.Tokens{}
		d.ways.token[at] = t
	}
	return t
}

// Get implements tls.ClientSessionCache.
func (b *box) Get(string) (*tls.ClientSessionState, bool) {
	f := account.ReadRecord(b.d.finds.Ticket(b.at.place, finds.Relay(b.at.relay), b.d.today()))
	f.Version(1)
	ticket, bytes := f.Blob(), f.Blob()
	if f.Done() != nil {
		return nil, false
	}
	state, err := tls.ParseSessionState(bytes)
	if err != nil {
		return nil, false
	}
	cs, err := tls.NewResumptionState(ticket, state)
	return cs, err == nil
}

// Put implements tls.ClientSessionCache.
func (b *box) Put(_ string, cs *tls.ClientSessionState) {
	var record []byte
	if cs != nil {
		ticket, state, err := cs.ResumptionState()
		if err != nil || state == nil {
			return
		}
		bytes, err := state.Bytes()
		if err != nil {
			return
		}
		record = account.NewRecord(1).Blob(ticket).Blob(bytes).Bytes()
	}
	b.d.finds.SetTicket(b.at.place, finds.Relay(b.at.relay), record, b.d.today())
}

// lookElsewhere asks an own port of the relay that is reached by an odd one:
// whether the network is open or restricted is worth knowing.
func (d *Daemon) lookElsewhere(w way, by race.Way) {
	ctx, done := context.WithTimeout(d.ctx, dialTimeout)
	defer done()
	dialer := linkrelay.Dialer{Proxy: d.opts.Config.Proxy, Inland: w.inland}
	conn, err := dialer.DialPath(ctx, by.Addr, by.Path(), nil)
	switch {
	case err == nil:
		conn.Close()
		d.observe(w.evidence(by, observe.Answered))
		d.noteTried(w, tried{way: by, answers: true})
	case d.ctx.Err() == nil:
		d.noteSilence(w, by, err)
		x := tried{way: by}
		x.saw, x.said = insteadOf(err)
		d.noteTried(w, x)
	}
}

// insteadOf says what answered in a relay's place.
func insteadOf(err error) (saw, said string) {
	var not *linkrelay.NotOurRelay
	if !errors.As(err, &not) {
		return "", ""
	}
	switch saw = "other"; not.Kind {
	case linkrelay.SeenPlain, linkrelay.SeenRedirect:
		saw = "portal"
	case linkrelay.SeenOtherKey:
		saw = "key"
	}
	return saw, not.What
}
