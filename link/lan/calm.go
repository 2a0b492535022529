package lan

import (
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/apernet/quic-go"
	"golang.org/x/net/ipv4"
)

// QUIC repeats a greeting that was not answered after 0.2 s, 0.6 s and so on, whatever
// the round trip is, each time with two full packets. On a slow line they would be in the
// way of letters for most of a second. Where the round trip is known, repetitions leave
// only once an answer could be there.
const (
	patience  = 1.5 // round trips
	mostAwait = 256 // addresses
)

// farTrip is a round trip from which on larger packets are not looked for: each look is a
// full packet with nothing in it, and on a slow line all of them cost more than the heads
// that larger packets save in minutes.
const farTrip = 150 * time.Millisecond

// configFor is how an address is dialled. Who is called cannot know how far away the other
// end is, and never looks.
func (r *Room) configFor(to netip.AddrPort) *quic.Config {
	if r.trip(to) >= farTrip {
		return r.farConfig
	}
	return r.quicConfig
}

// calm is the socket of a Room.
type calm struct {
	*net.UDPConn
	batch *ipv4.PacketConn
	few   atomic.Int32 // len(waits)

	mu    sync.Mutex
	waits map[netip.AddrPort]*wait
}

type wait struct {
	until time.Time
	begun bool // the greeting left
	asked bool // by the far end
}

func newCalm(c *net.UDPConn) *calm {
	p := &calm{UDPConn: c, waits: map[netip.AddrPort]*wait{}}
	if c != nil {
		p.batch = ipv4.NewPacketConn(c)
	}
	return p
}

// await says how long the way to an address and back is, before a greeting to it leaves;
// asked, that the far end began and its greeting was answered just now.
func (p *calm) await(to netip.AddrPort, trip time.Duration, asked bool) {
	if trip <= 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	for a, w := range p.waits {
		if now.After(w.until) {
			delete(p.waits, a)
		}
	}
	if len(p.waits) < mostAwait {
		p.waits[to] = &wait{until: now.Add(time.Duration(patience * float64(trip))), begun: asked, asked: asked}
	}
	p.few.Store(int32(len(p.waits)))
}

// QUIC's first byte. RFC 9000, 17.2 and 17.3: long headers have the first bit, all but a
// stranger's the second.
const (
	headFixed     = 0x40
	headMask      = 0xf0
	headInitial   = 0xc0
	headEarly     = 0xd0
	headHandshake = 0xe0
)

// may reports whether a datagram may leave now.
func (p *calm) may(b []byte, to netip.AddrPort) bool {
	if p.few.Load() == 0 || len(b) == 0 {
		return true
	}
	kind := b[0] & headMask
	if kind != headInitial && kind != headHandshake {
		return true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	w := p.waits[netip.AddrPortFrom(to.Addr().Unmap(), to.Port())]
	if w == nil || kind == headHandshake && !w.asked || time.Now().After(w.until) {
		return true
	}
	first := !w.begun
	w.begun = true
	return first
}

// heard ends the patience with an address that answers.
func (p *calm) heard(b []byte, from net.Addr) {
	if p.few.Load() == 0 || len(b) == 0 || b[0]&headFixed == 0 {
		return // not QUIC: an answer to a knock
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	at := addrPortOf(from)
	w := p.waits[at]
	// Whoever asked goes on with its first flight before our answer is there.
	if kind := b[0] & headMask; w == nil || w.asked && (kind == headInitial || kind == headEarly) {
		return
	}
	delete(p.waits, at)
	p.few.Store(int32(len(p.waits)))
}

// WriteTo and WriteMsgUDP swallow what may not leave, as the network would.
func (p *calm) WriteTo(b []byte, to net.Addr) (int, error) {
	if !p.may(b, addrPortOf(to)) {
		return len(b), nil
	}
	return p.UDPConn.WriteTo(b, to)
}

func (p *calm) WriteMsgUDP(b, oob []byte, to *net.UDPAddr) (n, oobn int, err error) {
	if !p.may(b, to.AddrPort()) {
		return len(b), len(oob), nil
	}
	return p.UDPConn.WriteMsgUDP(b, oob, to)
}

// ReadBatch is how quic-go reads where it can read many datagrams at once; ReadFrom
// elsewhere.
func (p *calm) ReadBatch(ms []ipv4.Message, flags int) (int, error) {
	n, err := p.batch.ReadBatch(ms, flags)
	for i := range max(n, 0) {
		p.heard(ms[i].Buffers[0][:ms[i].N], ms[i].Addr)
	}
	return n, err
}

func (p *calm) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := p.UDPConn.ReadFrom(b)
	p.heard(b[:max(n, 0)], from)
	return n, from, err
}
