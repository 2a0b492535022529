package lan

import (
	"math/rand/v2"
	"net"
	"net/netip"
	"time"
)

// A sweep asks each address of the own network: many access points and telephones
// drop multicast. It takes ten seconds for 253 addresses. spec/lan.md, 2.1.
const (
	sweepBits   = 24              // no more than the 256 addresses around the own one
	heardLately = 2 * time.Minute // multicast that was heard so long ago shows that it works
)

// swept is one address that is to be asked, by the voice on its network.
type swept struct {
	by *voice
	to netip.Addr
}

// sweptIn lists the addresses around own in random order: those of its network, if
// that is a private one, and of a larger one the nearest 256.
func sweptIn(own netip.Addr, nets []netip.Prefix) (list []netip.Addr) {
	if !own.Is4() || !own.IsPrivate() {
		return nil
	}
	for _, n := range nets {
		if !n.Contains(own) {
			continue
		}
		n = netip.PrefixFrom(own, max(n.Bits(), sweepBits)).Masked()
		for a := n.Addr(); n.Contains(a); a = a.Next() {
			edge := a == n.Addr() || !n.Contains(a.Next()) // the network's own, and everybody
			if a != own && (!edge || n.Bits() == 31) {
				list = append(list, a)
			}
		}
		break
	}
	rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list
}

// beginSweep decides whom to ask: nobody where multicast was heard.
func (b *beacons) beginSweep(now time.Time) {
	b.todo = nil
	if !b.room.config.Sweep {
		return
	}
	for _, v := range b.voices {
		if v.place.loopback || !v.place.v4.IsValid() || v.place.v4 != v.from {
			continue
		}
		b.mu.Lock()
		works := b.crowd.heardOn(now, v.place)
		b.mu.Unlock()
		if works {
			continue
		}
		for _, a := range sweptIn(v.from, v.place.nets) {
			b.todo = append(b.todo, swept{v, a})
		}
	}
}

// sweepStep asks one address and says when to go on.
func (b *beacons) sweepStep(now time.Time) time.Duration {
	p := &b.room.config.pace
	if len(b.todo) == 0 {
		if b.beginSweep(now); len(b.todo) == 0 {
			return jitter(p.sweepEvery)
		}
	}
	s := b.todo[0]
	b.todo = b.todo[1:]
	// Nobody there, or no route any more: silence either way.
	_, _ = s.by.conn.WriteTo(b.own.encode(), net.UDPAddrFromAddrPort(netip.AddrPortFrom(s.to, s.by.port)))
	if len(b.todo) == 0 {
		return jitter(p.sweepEvery)
	}
	return jitter(p.sweepGap)
}

// heardOn says whether anybody was heard by multicast on a network lately.
func (c *crowd) heardOn(now time.Time, p place) bool {
	for _, n := range c.known {
		if !n.cast.IsZero() && now.Sub(n.cast) < heardLately && p.holds(n.addrs[0].Addr()) {
			return true
		}
	}
	return false
}

// answer tells a newcomer who asked us alone, or who may have, that we are here: it
// may never hear our multicast.
func (b *beacons) answer(e *ear, to netip.Addr) {
	_, _ = e.conn.WriteTo(b.own.encode(), net.UDPAddrFromAddrPort(netip.AddrPortFrom(to, e.group.Port())))
}
