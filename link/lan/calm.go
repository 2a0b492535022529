package lan

import (
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/apernet/quic-go"
	"github.com/apernet/quic-go/quicvarint"
	"golang.org/x/net/ipv4"

	"github.com/jauap/jauap/link/early"
)

// QUIC repeats a greeting that was not answered after 0.2 s, 0.6 s and so on, whatever
// the round trip is, each time with two full packets. On a slow line they would be in the
// way of letters for most of a second. Where the round trip is known, repetitions leave
// only once an answer could be there. Who was asked waits longer, as the rest of the greeting
// comes behind the first words; whoever asks again gets the same answer at once.
const (
	patience  = 1.5 // round trips
	answerFor = 4   // of who was asked
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
	gate  early.Gate

	mu    sync.Mutex
	waits map[netip.AddrPort]*wait

	answers map[netip.AddrPort]answer // greetings that left for whom nothing is known of
	trails  map[netip.AddrPort]*trail // of those who are far away
	ring    ring

	// Of the reader alone: datagrams that come once more.
	again     [][]byte
	againFrom net.Addr
}

type wait struct {
	until  time.Time
	trip   time.Duration
	begun  bool // the greeting left
	asked  bool // by the far end
	early  bool // words leave with the greeting
	heard  bool // the answer came
	flight [][]byte
	spared bool // a spare of them left
	answer []byte
	again  bool // it was repeated
}

func newCalm(c *net.UDPConn) *calm {
	p := &calm{UDPConn: c, waits: map[netip.AddrPort]*wait{}, answers: map[netip.AddrPort]answer{}}
	if c != nil {
		p.batch = ipv4.NewPacketConn(c)
	}
	return p
}

// whose greeting it is that await is told of.
type whose int

const (
	ours  whose = iota
	hasty       // ours, and words leave with it
	asked       // the far end's, answered just now
)

// await says how long the way to an address and back is, before a greeting to it leaves, or
// once a far end's was answered.
func (p *calm) await(to netip.AddrPort, trip time.Duration, who whose) {
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
		w := &wait{until: now.Add(time.Duration(patience * float64(trip))), trip: trip, early: who == hasty}
		if who == asked {
			w.until, w.asked = now.Add(answerFor*trip), true
			// QUIC may be about to send it.
			if a, ok := p.answers[to]; ok && now.Sub(a.at) < max(2*trip, time.Second) {
				w.begun, w.answer, w.flight = true, a.data, [][]byte{a.data}
			}
		}
		p.waits[to] = w
	}
	delete(p.answers, to)
	p.ring.until.Store(now.Add(spareFor).UnixNano())
	p.few.Store(int32(len(p.waits)))
}

// hush lets a greeting leave once, since knocks ask already whether the address is there.
// In the moment when a dark way opens its repetitions, two full packets each, would be in
// the way of the first flight that follows the answered knock.
func (p *calm) hush(to netip.AddrPort, long time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.waits) < mostAwait {
		p.waits[to] = &wait{until: time.Now().Add(long)}
	}
	p.few.Store(int32(len(p.waits)))
}

// QUIC's first byte. RFC 9000, 17.2 and 17.3: long headers have the first bit, all but a
// stranger's the second.
const (
	headFixed     = 0x40
	headLong      = 0xc0
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
	if w.heard { // its confirmation is a full packet, and follows from what comes next
		return kind != headInitial || !alone(b)
	}
	first := !w.begun
	w.begun = w.begun || kind == headInitial
	return first
}

// alone reports whether a datagram that begins with an Initial holds nothing else.
// RFC 9000, 17.2.2.
func alone(b []byte) bool {
	at := 5 // type, version
	for range 2 {
		if at >= len(b) {
			return false
		}
		at += 1 + int(b[at])
	}
	var length uint64
	for i := range 2 { // the token's, which is skipped, and that of the rest
		if at >= len(b) {
			return false
		}
		v, n, err := quicvarint.Parse(b[at:])
		if err != nil || v > uint64(len(b)) {
			return false
		}
		if at += n; i == 0 {
			at += int(v)
		}
		length = v
	}
	return at+int(length) >= len(b)
}

// heard ends the patience with an address that answers.
func (p *calm) heard(b []byte, at netip.AddrPort) {
	if len(b) == 0 || b[0]&headFixed == 0 || p.few.Load() == 0 && b[0]&headMask != headInitial {
		return // not QUIC: an answer to a knock
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	w, kind := p.waits[at], b[0]&headMask
	if kind == headInitial {
		delete(p.answers, at) // it was to an earlier greeting
	}
	switch {
	case w == nil || w.heard:
	case w.asked && kind == headInitial:
		if w.answer != nil && !w.again {
			w.again = true
			_, _ = p.UDPConn.WriteToUDPAddrPort(w.answer, at)
			return
		}
		p.forget(at) // QUIC's repetitions are needed
	case w.asked && kind == headEarly: // it goes on with its first flight before our answer is there
	case w.early && w.begun && kind >= headInitial:
		w.heard, w.until = true, time.Now().Add(time.Duration(patience*float64(w.trip)))
	case w.early && w.begun: // words of the far end, whose greeting was lost: its spare may be next
	default:
		p.forget(at)
	}
}

// forget ends a wait. mu is held.
func (p *calm) forget(at netip.AddrPort) {
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
	if len(b) == 0 || p.few.Load() == 0 && p.ring.far.Load() == 0 && b[0]&headMask != headInitial {
		return p.UDPConn.WriteMsgUDP(b, oob, to)
	}
	return p.inSteps(b, oob, to)
}

// ReadBatch is how quic-go reads where it can read many datagrams at once; ReadFrom
// elsewhere.
func (p *calm) ReadBatch(ms []ipv4.Message, flags int) (int, error) {
	n, err := p.batch.ReadBatch(ms, flags)
	p.gate.Pass()
	for i := range max(n, 0) {
		ms[i].N = p.came(ms[i].Buffers[0], ms[i].N, ms[i].Addr)
	}
	for ; err == nil && n < len(ms) && len(p.again) > 0; n++ {
		m := &ms[n]
		m.N, m.NN, m.Flags, m.Addr = copy(m.Buffers[0], p.again[0]), 0, 0, p.againFrom
		p.again = p.again[1:]
	}
	return n, err
}

func (p *calm) ReadFrom(b []byte) (int, net.Addr, error) {
	if len(p.again) > 0 {
		n := copy(b, p.again[0])
		p.again = p.again[1:]
		return n, p.againFrom, nil
	}
	n, from, err := p.UDPConn.ReadFrom(b)
	p.gate.Pass()
	return p.came(b, n, from), from, err
}
