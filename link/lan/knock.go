package lan

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/jauap/jauap/link/pace"
)

// A knock is a datagram of a type and 16 random bytes. A Room answers it by the same
// bytes with the other type, no longer than what it got. Neither is authenticated: an
// answer is a reason to dial and nothing else. Both types lie outside of QUIC's
// (RFC 9000, 17: the second bit of its first byte is set).
const (
	typeKnock  = 0x01
	typeAnswer = 0x02
	knockSize  = 1 + 16

	answersASecond = 512
	knockedLately  = 5 * time.Second // an answer is worth a first flight so long
	maxKnown       = 64
)

// acquaintance is an address that we knock at: somebody told us of it, and wants it
// met as soon as it can be.
type acquaintance struct {
	nonce    [knockSize - 1]byte
	answered chan struct{} // closed by the next answer
	at       time.Time     // of the last one

	// What the last meeting left for a first flight before the handshake. It lives in
	// memory only, and only for addresses that we knock at.
	far    token
	ticket *tls.ClientSessionState
}

// Knock asks every now and then whether the Room at addr is there and answers nil
// when it is. A Dial that follows soon, to a Room that was met before, sends what is
// written at once, with its first packet. Errors: ErrAddress, ErrCrowded, that of ctx,
// net.ErrClosed.
func (r *Room) Knock(ctx context.Context, addr string, every time.Duration) error {
	to, err := netip.ParseAddrPort(addr)
	if err != nil || to.Port() == 0 {
		return fmt.Errorf("%w: %q", ErrAddress, addr)
	}
	to = netip.AddrPortFrom(to.Addr().Unmap(), to.Port())
	r.mu.Lock()
	a := r.known[to]
	if a == nil {
		if len(r.known) >= maxKnown {
			r.mu.Unlock()
			return ErrCrowded
		}
		a = &acquaintance{}
		r.known[to] = a
	}
	_, _ = rand.Read(a.nonce[:]) // never fails
	answered := make(chan struct{})
	a.answered = answered
	knock := append([]byte{typeKnock}, a.nonce[:]...)
	r.mu.Unlock()

	t := time.NewTicker(every)
	defer t.Stop()
	for {
		_, _ = r.quic.WriteTo(knock, net.UDPAddrFromAddrPort(to)) // no route: the next one may find one
		select {
		case <-answered:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-r.ctx.Done():
			return fmt.Errorf("lan: knock: %w", net.ErrClosed)
		case <-t.C:
		}
	}
}

// answerKnocks reads what is not QUIC on our port.
func (r *Room) answerKnocks() {
	b := make([]byte, knockSize+1)
	var second time.Time
	answers := 0
	for {
		n, from, err := r.quic.ReadNonQUICPacket(r.ctx, b)
		if r.ctx.Err() != nil {
			return
		}
		if err != nil || n != knockSize {
			continue
		}
		switch b[0] {
		case typeKnock:
			if now := time.Now(); now.Sub(second) >= time.Second {
				second, answers = now, 0
			}
			if answers++; answers <= answersASecond {
				b[0] = typeAnswer
				_, _ = r.quic.WriteTo(b[:n], from)
			}
		case typeAnswer:
			r.wasAnswered(addrPortOf(from), [knockSize - 1]byte(b[1:]))
		}
	}
}

func (r *Room) wasAnswered(from netip.AddrPort, nonce [knockSize - 1]byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	a := r.known[from]
	if a == nil || a.answered == nil || a.nonce != nonce {
		return
	}
	close(a.answered)
	a.answered, a.at = nil, time.Now()
}

// met notes who an address turned out to be.
func (r *Room) met(at netip.AddrPort, far token) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if a := r.known[at]; a != nil {
		a.far = far
	}
}

// tickets are those for an address that we knock at; strangers' are not kept: a
// ticket would link two meetings of one device.
// A Dial that waits for the handshake uses none: QUIC would mark it as one without a
// first flight for good.
func (r *Room) tickets(to netip.AddrPort, use bool) *tls.Config {
	r.mu.Lock()
	defer r.mu.Unlock()
	a := r.known[to]
	if a == nil {
		return r.quicTLS
	}
	c := r.quicTLS.Clone()
	c.ClientSessionCache = ticketOf{r, a, use}
	c.ServerName = to.Addr().String() // never sent, as it is no name
	return c
}

// ticketOf keeps the newest ticket of one far end.
type ticketOf struct {
	r   *Room
	a   *acquaintance
	use bool
}

func (t ticketOf) Get(string) (*tls.ClientSessionState, bool) {
	t.r.mu.Lock()
	defer t.r.mu.Unlock()
	return t.a.ticket, t.use && t.a.ticket != nil
}

func (t ticketOf) Put(_ string, s *tls.ClientSessionState) {
	t.r.mu.Lock()
	defer t.r.mu.Unlock()
	t.a.ticket = s
}

// again connects to a far end that answered a knock just now and that we have met: what
// is written leaves with the handshake. When the far end does not take that, since it was
// started anew, the conn is cut and the ticket forgotten.
func (r *Room) again(ctx context.Context, to netip.AddrPort) (carrier, token, bool) {
	r.mu.Lock()
	a := r.known[to]
	ok := a != nil && a.ticket != nil && a.far != token{} && time.Since(a.at) < knockedLately
	var far token
	if ok {
		far = a.far
		a.at = time.Time{}
	}
	r.mu.Unlock()
	if !ok {
		return nil, far, false
	}
	conn, err := r.quic.DialEarly(ctx, net.UDPAddrFromAddrPort(to), r.tickets(to, true), r.quicConfig)
	if err != nil {
		return nil, far, false
	}
	conn.SetCongestionControl(pace.New())
	stream, err := conn.OpenStream()
	if err != nil {
		_ = conn.CloseWithError(codeCut, "")
		return nil, far, false
	}
	r.work.Go(func() {
		select {
		case <-conn.HandshakeComplete():
			if conn.ConnectionState().Used0RTT {
				return
			}
		case <-conn.Context().Done():
		}
		r.mu.Lock()
		if a := r.known[to]; a != nil {
			a.ticket = nil
		}
		r.mu.Unlock()
	})
	return &quicCarrier{stream, conn, &r.config.pace}, far, true
}
