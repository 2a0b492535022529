package relay

import (
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/ipv4"

	"github.com/jauap/jauap/link/early"
)

// A try that is not answered repeats its greeting, and the next try says it
// again: on a slow line the repetitions would fill it, and no try would ever be
// answered in time. So before it hears anything a socket sends its first flight
// and then little.
const (
	flightTime = 200 * time.Millisecond // in which the first flight leaves
	flightMost = 8 << 10                // bytes of it
	repeatOnce = 2 * time.Second
	repeatMost = 2 << 10 // bytes, once in repeatOnce
)

// sober is a UDP socket that is quiet until it hears something.
type sober struct {
	*net.UDPConn
	batch *ipv4.PacketConn
	heard atomic.Bool
	tell  func() // of the first datagram; may be nil
	gate  early.Gate

	mu    sync.Mutex
	began time.Time
	said  int       // bytes since then, or since the last repetition began
	again time.Time // when that was
}

func newSober(c *net.UDPConn, tell func()) *sober {
	return &sober{UDPConn: c, batch: ipv4.NewPacketConn(c), tell: tell}
}

// may reports whether n bytes may leave now.
func (s *sober) may(n int, now time.Time) bool {
	if s.heard.Load() {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.began.IsZero() {
		s.began = now
	}
	if now.Sub(s.began) < flightTime {
		s.said += n
		s.again = now
		return s.said <= flightMost
	}
	if now.Sub(s.again) >= repeatOnce {
		s.again, s.said = now, 0
	} else if s.said > repeatMost || now.Sub(s.again) > flightTime {
		return false
	}
	s.said += n
	return s.said <= repeatMost+1500
}

func (s *sober) listen(n int) {
	s.gate.Pass()
	if n > 0 && !s.heard.Swap(true) && s.tell != nil {
		s.tell()
	}
}

// WriteTo and WriteMsgUDP swallow what may not leave, as the network would.
func (s *sober) WriteTo(b []byte, to net.Addr) (int, error) {
	if !s.may(len(b), time.Now()) {
		return len(b), nil
	}
	return s.UDPConn.WriteTo(b, to)
}

func (s *sober) WriteMsgUDP(b, oob []byte, to *net.UDPAddr) (n, oobn int, err error) {
	if !s.may(len(b), time.Now()) {
		return len(b), len(oob), nil
	}
	return s.UDPConn.WriteMsgUDP(b, oob, to)
}

// ReadBatch is how quic-go reads where it can read many datagrams at once;
// ReadFrom elsewhere.
func (s *sober) ReadBatch(ms []ipv4.Message, flags int) (int, error) {
	n, err := s.batch.ReadBatch(ms, flags)
	s.listen(n)
	return n, err
}

func (s *sober) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := s.UDPConn.ReadFrom(b)
	s.listen(n)
	return n, from, err
}
