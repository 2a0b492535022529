package lan

import (
	"errors"
	"net/netip"
	"slices"
	"time"
)

// Limits and times of a crowd.
const (
	maxNeighbours   = 256
	maxPerAddress   = 16 // neighbours that one address may claim to be
	maxAddresses    = 4  // of one neighbour
	beaconsPerHost  = 64 // in one second
	beaconsOverall  = 512
	tellAgain       = 30 * time.Second
	higherWaits     = 6 * time.Second  // until the higher token dials too
	neighbourSilent = 60 * time.Second // forgotten then
)

// errFlood says that beacons come too fast or too many.
var errFlood = errors.New("lan: too many beacons")

// crowd is what has been heard: pure bookkeeping, the time is an argument.
type crowd struct {
	own   token
	known map[token]*neighbour

	second  time.Time // start of the second that is being counted
	overall int
	hosts   map[netip.Addr]int
}

type neighbour struct {
	addrs []netip.AddrPort // where it was heard from, in that order
	first time.Time
	last  time.Time
	told  time.Time // zero: never
	cast  time.Time // when its multicast was heard last; zero: never
	turn  int       // index of the address to tell next
}

func newCrowd(own token) *crowd {
	return &crowd{own: own, known: make(map[token]*neighbour), hosts: make(map[netip.Addr]int)}
}

// admit counts packets, before any work is done for one: errFlood.
func (c *crowd) admit(now time.Time, from netip.Addr) error {
	if d := now.Sub(c.second); d >= time.Second || d < 0 {
		c.second, c.overall = now, 0
		clear(c.hosts)
	}
	if c.overall >= beaconsOverall || c.hosts[from] >= beaconsPerHost {
		return errFlood
	}
	c.overall++
	c.hosts[from]++
	return nil
}

// hear takes in a beacon. fresh says that its sender is new; tell is an address
// that is to be dialled now, if there is one. Errors: errFlood.
func (c *crowd) hear(now time.Time, b beacon, at netip.AddrPort, met func(token, []netip.AddrPort) bool) (tell netip.AddrPort, fresh bool, err error) {
	if b.token == c.own {
		return netip.AddrPort{}, false, nil
	}
	n := c.known[b.token]
	if n != nil && now.Sub(n.last) > neighbourSilent {
		delete(c.known, b.token) // it went and came
		n = nil
	}
	if n == nil {
		if !c.room(now, at.Addr()) {
			return netip.AddrPort{}, false, errFlood
		}
		n = &neighbour{first: now}
		c.known[b.token] = n
		fresh = true
	}
	n.last = now
	if !slices.Contains(n.addrs, at) && len(n.addrs) < maxAddresses {
		n.addrs = append(n.addrs, at)
	}
	switch {
	case met(b.token, n.addrs):
		n.told = now // when it ends, its end is known to whoever held it
	case !lower(c.own, b.token) && now.Sub(n.first) < higherWaits:
	case !n.told.IsZero() && now.Sub(n.told) < tellAgain:
	default:
		tell = n.addrs[n.turn%len(n.addrs)]
	}
	return tell, fresh, nil
}

// said notes that an address of this neighbour was told.
func (c *crowd) said(now time.Time, t token) {
	if n := c.known[t]; n != nil {
		n.told = now
		n.turn++ // if it leads nowhere, the next may
	}
}

// room makes space for one more neighbour from an address, if it may.
func (c *crowd) room(now time.Time, from netip.Addr) bool {
	same := 0
	for t, n := range c.known {
		if now.Sub(n.last) > neighbourSilent {
			delete(c.known, t)
			continue
		}
		if n.addrs[0].Addr() == from {
			same++
		}
	}
	return len(c.known) < maxNeighbours && (same < maxPerAddress || from.IsLoopback())
}
