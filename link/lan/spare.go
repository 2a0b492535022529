package lan

import (
	"encoding/binary"
	"hash/crc32"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A spare stands for any one of some datagrams that left just before it: whoever has all
// but one makes the last one of them. spec/lan.md, 3.3. QUIC itself judges what is made:
// it takes no packet that the far end has not sealed, and none twice.
const (
	typeSpare = 0x03

	spareFirst = 8    // datagrams that one spare of a first flight stands for
	spareMost  = 16   // any
	spareBytes = 1452 // the largest of them
	ringSize   = 32   // datagrams that are remembered
	spareFor   = 3 * time.Second
)

// spareOf makes the spare of some datagrams; nil when there are none or too many, or one is
// too large.
func spareOf(list [][]byte) []byte {
	if len(list) == 0 || len(list) > spareMost {
		return nil
	}
	most := longest(list)
	if most == 0 || most > spareBytes {
		return nil
	}
	b := append(make([]byte, 0, 2+4*len(list)+2+most), typeSpare, byte(len(list)))
	length := uint16(0)
	for _, d := range list {
		b = binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(d))
		length ^= uint16(len(d))
	}
	b = binary.BigEndian.AppendUint16(b, length)
	sum := b[len(b) : len(b)+most]
	for _, d := range list {
		mix(sum, d)
	}
	return b[:len(b)+most]
}

func longest(list [][]byte) (most int) {
	for _, d := range list {
		most = max(most, len(d))
	}
	return most
}

func mix(sum, d []byte) {
	for i, x := range d[:min(len(d), len(sum))] {
		sum[i] ^= x
	}
}

// ring remembers what came last, for a while after somebody began a meeting.
type ring struct {
	until atomic.Int64 // Unix nanoseconds; nothing is remembered afterwards
	far   atomic.Int32 // meetings with who is far away: while there are, everything is

	mu   sync.Mutex
	next int
	got  [ringSize]heardOf
}

type heardOf struct {
	from netip.AddrPort
	sum  uint32
	data []byte
}

// heard takes a datagram; one that begins a meeting makes it remember for some seconds, and
// while somebody far away is met it always does.
func (r *ring) heard(b []byte, from netip.AddrPort, now time.Time) {
	if len(b) > 0 && b[0]&headLong == headLong {
		r.until.Store(now.Add(spareFor).UnixNano())
	}
	if len(b) > spareBytes || now.UnixNano() >= r.until.Load() && r.far.Load() == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	h := &r.got[r.next]
	h.from, h.sum, h.data = from, crc32.ChecksumIEEE(b), append(h.data[:0], b...)
	r.next = (r.next + 1) % ringSize
}

// missing is the datagram that a spare stands for and that did not come: nil when all came,
// two did not, or it is no spare.
func (r *ring) missing(b []byte, from netip.AddrPort) []byte {
	if len(b) < 2 || b[0] != typeSpare || b[1] == 0 || b[1] > spareMost {
		return nil
	}
	n := int(b[1])
	if len(b) <= 2+4*n+2 || len(b) > 2+4*n+2+spareBytes {
		return nil
	}
	sums, length, body := b[2:2+4*n], binary.BigEndian.Uint16(b[2+4*n:]), slices.Clone(b[2+4*n+2:])
	r.mu.Lock()
	defer r.mu.Unlock()
	var lacks []uint32
	for i := range n {
		sum := binary.BigEndian.Uint32(sums[4*i:])
		at := slices.IndexFunc(r.got[:], func(h heardOf) bool { return h.sum == sum && h.from == from && len(h.data) > 0 })
		if at < 0 {
			lacks = append(lacks, sum)
			continue
		}
		length ^= uint16(len(r.got[at].data))
		mix(body, r.got[at].data)
	}
	if len(lacks) != 1 || int(length) > len(body) || length == 0 || crc32.ChecksumIEEE(body[:length]) != lacks[0] {
		return nil
	}
	return body[:length]
}

// early are the remembered datagrams with words that left with a greeting, oldest first.
func (r *ring) early(from netip.AddrPort) (list [][]byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.got {
		h := &r.got[(r.next+i)%ringSize]
		if h.from == from && len(h.data) > 0 && h.data[0]&headMask == headEarly {
			list = append(list, slices.Clone(h.data))
		}
	}
	return list
}

// came looks at a datagram in its buffer and answers how long it is: a spare becomes the
// datagram that it was needed for. QUIC has dropped words whose greeting had not come, so
// they come again behind it.
func (p *calm) came(buf []byte, n int, at net.Addr) int {
	if n <= 0 {
		return n
	}
	from := addrPortOf(at)
	if buf[0] == typeSpare {
		d := p.ring.missing(buf[:n], from)
		if d == nil || len(d) > len(buf) {
			return n // a stranger's datagram, and passed over
		}
		if n = copy(buf, d); d[0]&headMask == headInitial {
			p.again, p.againFrom = p.ring.early(from), at
		}
	}
	p.ring.heard(buf[:n], from, time.Now())
	p.heard(buf[:n], from)
	return n
}

// follows is what has to follow a datagram that is leaving now; nil for nothing.
func (p *calm) follows(d []byte, to netip.AddrPort) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := p.trails[to].leaves(d)
	if s := p.spare(d, to); s != nil {
		return s
	}
	return last
}

// spare is what has to follow a datagram to somebody far away: the greeting and the first
// words must not wait for a second round trip because one of their packets was lost. mu is held.
func (p *calm) spare(d []byte, to netip.AddrPort) []byte {
	w := p.waits[to]
	if w == nil && d[0]&headMask == headInitial {
		p.remember(d, to)
	}
	if w == nil || w.trip < farTrip || w.spared || !w.early && !w.asked || time.Now().After(w.until) {
		return nil
	}
	w.flight = append(w.flight, slices.Clone(d))
	if w.asked && w.answer == nil && d[0]&headMask == headInitial {
		w.answer = w.flight[len(w.flight)-1]
	}
	w.spared = len(w.flight) == spareFirst
	if len(d) < fullWords || d[0]&headMask == headInitial {
		return nil
	}
	w.spared = true
	s := spareOf(w.flight)
	w.flight = nil
	return s
}

// fullWords is as long as a datagram is at least that has words of an exchange.
const fullWords = 256

// remember keeps an answer to a greeting, before it is known how far away who asked is. mu is held.
func (p *calm) remember(d []byte, to netip.AddrPort) {
	if len(p.answers) >= mostAwait {
		clear(p.answers) // a crowd: who lacks the answer waits for QUIC's repetition
	}
	p.answers[to] = answer{slices.Clone(d), time.Now()}
}

// answer is one to a greeting.
type answer struct {
	data []byte
	at   time.Time
}

// inSteps writes datagrams, of which quic-go may hand over several at once, and what is to
// follow one of them.
func (p *calm) inSteps(b, oob []byte, to *net.UDPAddr) (n, oobn int, err error) {
	at := addrPortOf(to)
	size := segment(oob)
	if size <= 0 || size > len(b) {
		size = len(b)
	}
	begin := 0
	for i := 0; i < len(b); i += size {
		end := min(i+size, len(b))
		s := p.follows(b[i:end], at)
		if s == nil {
			continue
		}
		if _, _, err := p.UDPConn.WriteMsgUDP(b[begin:end], oob, to); err != nil {
			return 0, 0, err
		}
		_, _ = p.UDPConn.WriteToUDP(s, to) // it is one more
		begin = end
	}
	if begin < len(b) {
		if _, _, err := p.UDPConn.WriteMsgUDP(b[begin:], oob, to); err != nil {
			return 0, 0, err
		}
	}
	return len(b), len(oob), nil
}
