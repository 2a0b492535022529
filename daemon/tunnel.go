package daemon

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"sort"
	"sync"
	"time"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/link"
	"github.com/jauap/jauap/link/broadcast"
	"github.com/jauap/jauap/link/dns"
	"github.com/jauap/jauap/link/dns/wire"
	"github.com/jauap/jauap/node"
	"github.com/jauap/jauap/routing"
)

const (
	tunnelRetry = 15 * time.Second
	// heardFor is how long a tunnel counts as open after an answer.
	heardFor = time.Minute
	// What is new is asked for at uneven times: soon after something moved, more and
	// more seldom after that.
	pollLeast = 1500 * time.Millisecond
	pollMost  = 40 * time.Second
	pollPart  = 8 // of the time since something moved
	// largeFor bounds one go at units of 1,024 bytes: small ones go before.
	largeFor = 20 * time.Second
	// A list of what to give is made anew so long after the last one, and
	// planTimes the time that it took.
	planFor   = 2 * time.Second
	planTimes = 20
	// tunnelAhead is how many own units are sealed for a tunnel and wait for it.
	tunnelAhead = 4
	shortBytes  = 8 * envelope.S0MaxSize
	laterFor    = time.Minute
)

// tunnel is one use of link/dns.
type tunnel struct {
	d    *Daemon
	a    dns.Address
	t    *dns.Tunnel
	name string
	peer link.Peer

	mu      sync.Mutex
	planned time.Time // when todo was made
	took    time.Duration
	top     uint64 // of the shelf then
	again   bool   // something that was put off may be due
	todo    []node.Listed
	flying  map[envelope.ID]bool
	held    map[envelope.ID]bool
	later   map[envelope.ID]time.Time
	tries   map[envelope.ID]int // in vain
	moved   time.Time
}

// keepTunnel carries through name servers for as long as no relay is linked.
func (d *Daemon) keepTunnel(a dns.Address) {
	h := sha256.Sum256(a.Key[:])
	tn := &tunnel{
		d: d, a: a, name: "dns " + hex.EncodeToString(h[:12]),
		peer:   link.Peer{Key: a.Text(), Addr: string(a.Zone), Relay: true, Abroad: true},
		flying: map[envelope.ID]bool{}, held: map[envelope.ID]bool{}, later: map[envelope.ID]time.Time{}, tries: map[envelope.ID]int{},
		moved: time.Now(),
	}
	for d.ctx.Err() == nil {
		var err error
		if tn.t, err = dns.Dial(dns.Config{Address: a}); err == nil {
			tn.run()
			tn.t.Close()
			continue
		}
		d.rowAir("dns", string(a.Zone), "down", err, 0, 0)
		d.rest(tunnelRetry)
	}
}

// run starts and stops the use of the tunnel.
func (tn *tunnel) run() {
	d := tn.d
	var stop context.CancelFunc
	var group sync.WaitGroup
	halt := func() {
		if stop != nil {
			stop()
			group.Wait()
			stop = nil
		}
	}
	defer halt()
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	for {
		rung := d.notice.try.rung()
		switch needed := !d.relayLinked(); {
		case needed && stop == nil:
			tn.mu.Lock()
			clear(tn.flying) // what was on its way when it stopped
			tn.planned = time.Time{}
			tn.mu.Unlock()
			ctx, cancel := context.WithCancel(d.ctx)
			stop = cancel
			group.Go(func() { _ = tn.t.Feed(ctx, tn) }) // it ends with ctx
			group.Go(func() { tn.pull(ctx) })
		case !needed:
			halt()
		}
		if stop != nil {
			tn.seal()
		}
		tn.row(stop != nil)
		select {
		case <-d.ctx.Done():
			return
		case <-rung:
			tn.t.Stir()
		case <-tick.C:
		}
	}
}

// relayLinked reports whether a relay is reached by a way that carries everything.
func (d *Daemon) relayLinked() bool {
	d.courier.Lock()
	defer d.courier.Unlock()
	for _, m := range d.meetings {
		if m.conn != nil && m.peer.Relay {
			return true
		}
	}
	return false
}

// row tells of the tunnel in the status.
func (tn *tunnel) row(used bool) {
	c := tn.t.Counts()
	state := "resting"
	switch {
	case used && !c.Heard.IsZero() && time.Since(c.Heard) < heardFor:
		state = "up"
	case used:
		state = "trying"
	}
	tn.d.rowAir("dns", string(tn.a.Zone), state, c.Last, c.In, c.Out)
}

// seal makes small envelopes of what waits, a few at a time: sealed late, letters
// for other links are packed better. Where no short letter waits and the relay
// answers, what waits is packed as it comes.
func (tn *tunnel) seal() {
	d := tn.d
	d.courier.Lock()
	ahead := 0
	for _, size := range d.ahead {
		if size <= wire.MaxUnit {
			ahead++
		}
	}
	d.courier.Unlock()
	if ahead >= tunnelAhead {
		return
	}
	d.people.Lock()
	defer d.people.Unlock()
	d.settleLocked()
	m, known := d.clock.moment()
	if !known {
		return // Status tells of the clock
	}
	packed, err := d.acc.PackShort(m, shortBytes)
	if err != nil {
		d.setTrouble("seal", err.Error())
		return
	}
	moved := d.submit(packed) > 0
	if !moved && ahead == 0 && time.Since(tn.t.Counts().Heard) < heardFor {
		moved = d.pack(wire.MaxUnit)
	}
	if moved {
		tn.stir()
	}
}

// stir notes that something moved.
func (tn *tunnel) stir() {
	tn.mu.Lock()
	tn.planned, tn.moved = time.Time{}, time.Now()
	tn.mu.Unlock()
	tn.t.Stir()
}

// stale tells whether the list should be made anew. On a large shelf that takes a
// while, so it is not done often. mu is held.
func (tn *tunnel) stale() bool {
	since := time.Since(tn.planned)
	if since < max(planFor, planTimes*tn.took) {
		return tn.planned.IsZero()
	}
	return tn.top != tn.d.shelf.Top() || tn.again || since > laterFor
}

// plan lists what to give, own letters first. Strangers' wait for a tunnel that
// answers.
func (tn *tunnel) plan() {
	d := tn.d
	tn.mu.Lock()
	defer tn.mu.Unlock()
	if !tn.stale() {
		return
	}
	begin := time.Now()
	d.courier.Lock()
	tn.top = d.shelf.Top()
	list := d.node.Offer(d.opts.Now(), tn.t.Traits()).Ranked()
	d.courier.Unlock()
	here := make(map[envelope.ID]bool, len(list))
	open := time.Since(tn.t.Counts().Heard) < heardFor
	tn.todo, tn.again = nil, !open
	for _, u := range list {
		here[u.ID] = true
		if !tn.held[u.ID] && !tn.flying[u.ID] && (open || u.Rank <= routing.Near) && time.Since(tn.later[u.ID]) > laterFor {
			tn.todo = append(tn.todo, u)
		}
	}
	sort.SliceStable(tn.todo, func(i, j int) bool {
		a, b := &tn.todo[i], &tn.todo[j]
		return cmp.Or(cmp.Compare(a.Rank, b.Rank), cmp.Compare(tn.tries[a.ID], tn.tries[b.ID])) < 0
	})
	keep(tn.held, here)
	keep(tn.later, here)
	keep(tn.tries, here)
	tn.planned, tn.took = time.Now(), time.Since(begin)
}

// keep forgets what is no longer here.
func keep[V any](m map[envelope.ID]V, here map[envelope.ID]bool) {
	maps.DeleteFunc(m, func(id envelope.ID, _ V) bool { return !here[id] })
}

// Next implements dns.Source.
func (tn *tunnel) Next(most int) ([]byte, bool) {
	tn.plan()
	tn.mu.Lock()
	defer tn.mu.Unlock()
	for i, u := range tn.todo {
		if u.Size > most {
			continue
		}
		raw, ok := tn.d.unit(broadcast.Key(u.ID))
		if !ok {
			continue
		}
		tn.todo = slices.Delete(tn.todo, i, i+1)
		tn.flying[u.ID] = true
		return raw, true
	}
	return nil, false
}

// Settled implements dns.Source.
func (tn *tunnel) Settled(raw []byte, s wire.State) {
	id := envelope.IDOf(raw)
	tn.mu.Lock()
	delete(tn.flying, id)
	switch s {
	case wire.Held, wire.Refused:
		tn.held[id] = true // the relay needs it no more
	case wire.Later:
		tn.later[id] = time.Now()
	case wire.Under:
		tn.tries[id]++ // it is its turn again when all others had theirs
		tn.again = true
	}
	tn.moved = time.Now()
	tn.mu.Unlock()
	if s != wire.Held {
		return
	}
	d := tn.d
	d.courier.Lock()
	defer d.courier.Unlock()
	if e, ok := d.shelf.Entry(id); ok && e.Own {
		d.effect(node.Handed{ID: id, Peer: tn.peer})
	}
}

// pull takes what is new until ctx ends.
func (tn *tunnel) pull(ctx context.Context) {
	for ctx.Err() == nil {
		if tn.take(ctx, false) == nil {
			ctx, done := context.WithTimeout(ctx, largeFor)
			_ = tn.take(ctx, true) // the next time it goes on there
			done()
		}
		tn.mu.Lock()
		every := min(max(time.Since(tn.moved)/pollPart, pollLeast), pollMost)
		tn.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-time.After(every/2 + rand.N(every)):
		}
	}
}

var errShelf = errors.New("the shelf cannot write")

// take takes what is new among small units or large ones.
func (tn *tunnel) take(ctx context.Context, large bool) error {
	d, name := tn.d, tn.name
	if large {
		name += " large"
	}
	from := dns.Cursor{}
	if b := d.shelf.Mark(name); len(b) == 12 {
		from = dns.Cursor{Epoch: binary.BigEndian.Uint32(b), Mark: binary.BigEndian.Uint64(b[4:])}
	}
	at, err := tn.t.Pull(ctx, dns.Want{From: from, Large: large}, func(unit []byte) error {
		d.found([][]byte{unit})
		d.settleIfNeeded()
		d.courier.Lock()
		broken := d.trouble["shelf"] != ""
		d.courier.Unlock()
		if broken {
			return errShelf
		}
		tn.mu.Lock()
		tn.held[envelope.IDOf(unit)] = true
		tn.moved = time.Now()
		tn.mu.Unlock()
		return nil
	})
	if at != from {
		b := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(nil, at.Epoch), at.Mark)
		if err := d.shelf.SetMark(name, b); err != nil {
			d.log.Debug("tunnel", "mark", err) // it only saves time
		}
	}
	return err
}
