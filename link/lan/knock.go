package lan

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// A knock is a datagram of a type, 14 random bytes and a count. A Room answers it by the same
// bytes with the other type, no longer than what it got. Neither is authenticated: an
// answer is a reason to dial and nothing else. Both types lie outside of QUIC's
// (RFC 9000, 17: the second bit of its first byte is set).
const (
	typeKnock  = 0x01
	typeAnswer = 0x02
	knockSize  = 1 + 16
	knockCount = 14 // where the count stands in the 16 bytes

	answersASecond = 512
	knockedLately  = 5 * time.Second // an answer is worth a first flight so long
	maxKnown       = 64
	knocksOften    = time.Second // each knock asks what a greeting would
	knocksTimed    = 128         // the last of them: twelve seconds
)

// acquaintance is an address that we knock at: somebody told us of it, and wants it
// met as soon as it can be.
type acquaintance struct {
	nonce    [knockSize - 1]byte // its last two bytes count the knocks
	answered chan struct{}       // closed by the next answer
	at       time.Time           // of the last one that no first flight has used
	heard    time.Time           // of the last one
	sent     [knocksTimed]time.Time
	trip     time.Duration // there and back, as the last answer showed; 0: unknown
	often    int           // those that knock at it often now

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
	if every <= knocksOften {
		a.often++
		defer func() {
			r.mu.Lock()
			defer r.mu.Unlock()
			a.often--
		}()
	}
	r.mu.Unlock()

	t := time.NewTicker(every)
	defer t.Stop()
	for n := uint16(0); ; n++ {
		_, _ = r.quic.WriteTo(r.knock(a, n), net.UDPAddrFromAddrPort(to)) // no route: the next one may find one
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

// knock is the n-th knock.
func (r *Room) knock(a *acquaintance, n uint16) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	binary.BigEndian.PutUint16(a.nonce[knockCount:], n)
	a.sent[n%knocksTimed] = time.Now()
	return append([]byte{typeKnock}, a.nonce[:]...)
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
		if err != nil {
			continue
		}
		if now := time.Now(); now.Sub(second) >= time.Second {
			second, answers = now, 0
		}
		if answer := r.stranger(b[:n], addrPortOf(from)); answer != nil {
			if answers++; answers <= answersASecond {
				_, _ = r.quic.WriteTo(answer, from)
			}
		}
	}
}

// stranger takes a datagram that is not QUIC's, and says what to answer, if anything.
func (r *Room) stranger(b []byte, from netip.AddrPort) (answer []byte) {
	switch {
	case len(b) != knockSize:
	case b[0] == typeKnock:
		return append([]byte{typeAnswer}, b[1:]...)
	case b[0] == typeAnswer:
		r.wasAnswered(from, [knockSize - 1]byte(b[1:]))
	}
	return nil
}

func (r *Room) wasAnswered(from netip.AddrPort, nonce [knockSize - 1]byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	a := r.known[from]
	if a == nil || a.answered == nil || [knockCount]byte(a.nonce[:]) != [knockCount]byte(nonce[:]) {
		return
	}
	last, n := binary.BigEndian.Uint16(a.nonce[knockCount:]), binary.BigEndian.Uint16(nonce[knockCount:])
	now := time.Now()
	if a.trip = 0; last-n < knocksTimed {
		a.trip = now.Sub(a.sent[n%knocksTimed])
	}
	close(a.answered)
	a.answered, a.at, a.heard = nil, now, now
}

// trip is what the last answer to a knock at an address showed; 0 when there was none
// lately.
func (r *Room) trip(at netip.AddrPort) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	a := r.known[at]
	if a == nil || time.Since(a.heard) >= knockedLately {
		return 0
	}
	return a.trip
}

// knocking reports whether an address is knocked at often, and has not answered.
func (r *Room) knocking(at netip.AddrPort) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	a := r.known[at]
	return a != nil && a.often > 0
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
	r.sock.await(to, r.trip(to), hasty)
	open := r.sock.gate.Shut()
	defer open()
	conn, err := r.quic.DialEarly(ctx, net.UDPAddrFromAddrPort(to), r.tickets(to, true), r.configFor(to))
	if err != nil {
		return nil, far, false
	}
	c, err := r.dialled(conn, to)
	if err != nil {
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
	return c, far, true
}
