package daemon

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	mrand "math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/jauap/jauap/link/race"
	"github.com/jauap/jauap/observe"
	"github.com/jauap/jauap/relay"
)

// place is a network, as a hash under a secret of this profile; zero when this
// device does not know where it is.
type place [16]byte

// spot is one relay seen from one place.
type spot struct {
	place place
	relay relay.KeyID
}

const (
	maxLast  = 3   // ways remembered of a spot
	maxSpots = 256 // spots remembered; the rest is forgotten by chance
)

// ways is what the links know of the ways to relays.
type ways struct {
	gate race.Gate

	mu     sync.Mutex
	secret [32]byte
	last   map[spot][]race.Way
	trips  map[relay.KeyID]time.Duration
	swept  map[spot]time.Time
	boxes  map[spot]*tls.ClientSessionState
	rng    *mrand.Rand
}

func newWays() *ways {
	w := &ways{
		gate: race.NewGate(), last: map[spot][]race.Way{}, trips: map[relay.KeyID]time.Duration{},
		swept: map[spot]time.Time{}, boxes: map[spot]*tls.ClientSessionState{},
		rng: mrand.New(mrand.NewPCG(mrand.Uint64(), mrand.Uint64())),
	}
	_, _ = rand.Read(w.secret[:]) // never fails
	return w
}

// place is where this device is now.
func (d *Daemon) place() (p place) {
	name := d.opts.Place()
	if name == "" {
		return p
	}
	d.ways.mu.Lock()
	defer d.ways.mu.Unlock()
	h := hmac.New(sha256.New, d.ways.secret[:])
	h.Write([]byte(name))
	copy(p[:], h.Sum(nil))
	return p
}

// book lists the ways to a relay as they look from a place.
func (ws *ways) book(p place, w way) race.Book {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	return race.Book{Own: w.own, Odd: w.odd, Last: slices.Clone(ws.last[spot{p, w.addr.Key}])}
}

func (ws *ways) trip(k relay.KeyID) time.Duration {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	return ws.trips[k]
}

// sweep answers the ways of a sweep when one is due: only while no way abroad
// answers, and seldom.
func (d *Daemon) sweep(w way) []race.Way {
	p := d.place()
	b := d.ways.book(p, w)
	d.ways.mu.Lock()
	defer d.ways.mu.Unlock()
	now := time.Now()
	if last, ok := d.ways.swept[spot{p, w.addr.Key}]; ok && now.Sub(last) < race.SweepEvery {
		return nil
	}
	trim(d.ways.swept)
	d.ways.swept[spot{p, w.addr.Key}] = now
	return b.Sweep(d.ways.rng)
}

// trim keeps a table of spots small.
func trim[T any](m map[spot]T) {
	for k := range m {
		if len(m) < maxSpots {
			return
		}
		delete(m, k)
	}
}

// remember puts the way that answered first.
func (ws *ways) remember(p place, by race.Way, trip time.Duration) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	s := spot{p, by.Addr.Key}
	list := append([]race.Way{by}, slices.DeleteFunc(slices.Clone(ws.last[s]), func(o race.Way) bool { return o == by })...)
	trim(ws.last)
	ws.last[s] = list[:min(maxLast, len(list))]
	if trip > 0 {
		ws.trips[s.relay] = trip
	}
}

// box is where the ticket of one spot is kept.
type box struct {
	ws *ways
	at spot
}

// tickets is nil where none may be shown: in a place without a name.
func (ws *ways) tickets(p place, w way) tls.ClientSessionCache {
	if p == (place{}) {
		return nil
	}
	return &box{ws, spot{p, w.addr.Key}}
}

// Get implements tls.ClientSessionCache.
func (b *box) Get(string) (*tls.ClientSessionState, bool) {
	b.ws.mu.Lock()
	defer b.ws.mu.Unlock()
	cs := b.ws.boxes[b.at]
	return cs, cs != nil
}

// Put implements tls.ClientSessionCache.
func (b *box) Put(_ string, cs *tls.ClientSessionState) {
	b.ws.mu.Lock()
	defer b.ws.mu.Unlock()
	if cs == nil {
		delete(b.ws.boxes, b.at)
		return
	}
	trim(b.ws.boxes)
	b.ws.boxes[b.at] = cs
}

// won notes which way answered.
func (d *Daemon) won(w way, c *watched) {
	d.observe(w.evidence(c.way, observe.Answered))
	var trip time.Duration
	if c.udp != nil {
		_, trip = c.udp.Heard()
	}
	d.ways.remember(d.place(), c.way, trip)
	d.rowWay(w, c.way)
}
