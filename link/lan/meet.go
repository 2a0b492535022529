package lan

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/netip"
	"syscall"
	"time"

	"github.com/apernet/quic-go"

	"github.com/jauap/jauap/link"
	"github.com/jauap/jauap/link/pace"
)

// Accept waits for the next meeting that another began. Errors: that of ctx,
// net.ErrClosed.
func (r *Room) Accept(ctx context.Context) (link.Conn, error) {
	select {
	case c := <-r.ready:
		return c, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-r.ctx.Done():
		return nil, fmt.Errorf("lan: accept: %w", net.ErrClosed)
	}
}

func (r *Room) acceptQUIC() {
	for {
		conn, err := r.in.Accept(r.ctx)
		if err != nil {
			return // closed
		}
		sender := pace.New()
		conn.SetCongestionControl(sender)
		refuse := func() { _ = conn.CloseWithError(codeCut, "") }
		// Whoever lost a race of its own does not even finish the handshake, and is not
		// counted before it says something.
		if r.halfOpen.Add(1) > maxHalfOpen {
			r.halfOpen.Add(-1)
			refuse()
			continue
		}
		r.work.Go(func() {
			defer r.halfOpen.Add(-1)
			ctx, cancel := context.WithTimeout(r.ctx, r.config.pace.handshake)
			defer cancel()
			stream, err := conn.AcceptStream(ctx)
			if err != nil {
				refuse()
				return
			}
			r.greetIncoming(addrPortOf(conn.RemoteAddr()), func(context.Context) (carrier, error) {
				return &quicCarrier{stream, conn, sender, &r.config.pace}, nil
			}, refuse)
		})
	}
}

func (r *Room) acceptTCP() {
	for pause := 5 * time.Millisecond; ; {
		raw, err := r.tcp.AcceptTCP()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // out of descriptors, or a peer that left at once
			select {
			case <-time.After(pause):
			case <-r.ctx.Done():
				return
			}
			pause = min(2*pause, time.Second)
			continue
		}
		pause = 5 * time.Millisecond
		r.greetIncoming(addrPortOf(raw.RemoteAddr()), func(ctx context.Context) (carrier, error) {
			c := newTCPCarrier(raw, &r.config.pace, func(n net.Conn) *tls.Conn { return tls.Server(n, r.tcpTLS) })
			if err := c.HandshakeContext(ctx); err != nil {
				_ = raw.Close()
				return nil, err
			}
			return c, nil
		}, func() { _ = raw.Close() })
	}
}

// greetIncoming brings a new connection to Accept, in the background. A dialler
// that lost its own race, a port scanner and whoever says nothing is dropped
// without a word.
func (r *Room) greetIncoming(from netip.AddrPort, open func(context.Context) (carrier, error), refuse func()) {
	if !r.arrive(from.Addr()) {
		refuse()
		return
	}
	r.work.Go(func() {
		ctx, cancel := context.WithTimeout(r.ctx, r.config.pace.handshake)
		defer cancel()
		c, err := open(ctx)
		if err != nil {
			r.depart(from.Addr())
			return
		}
		far, trip, err := r.greeting(ctx, c)
		if err != nil {
			c.kill(false)
			r.depart(from.Addr())
			return
		}
		if q, ok := c.(*quicCarrier); ok {
			q.sender.Know(trip)
			r.sock.await(from, trip, asked)
		}
		conn := newConn(r, c, far, from, false, trip)
		if r.begin(conn) != nil {
			c.kill(true)
			r.depart(from.Addr())
			return
		}
		select {
		case r.ready <- conn:
		default: // nobody fetches them
			_ = conn.Close()
		}
	})
}

// A dialler says first: its token (the other end's is that of its certificate), a byte by
// which the meeting begins, and with the second kind how long the way there and back is,
// u16 in milliseconds. Who is called cannot know it yet.
const (
	goOn     = 1
	goOnTrip = 2
)

func (r *Room) firstWords(to netip.AddrPort) []byte {
	b := append([]byte(nil), r.token[:]...)
	trip := r.trip(to).Milliseconds()
	if trip <= 0 || trip > math.MaxUint16 {
		return append(b, goOn)
	}
	return binary.BigEndian.AppendUint16(append(b, goOnTrip), uint16(trip))
}

// greeting reads what a dialler says first.
func (r *Room) greeting(ctx context.Context, c carrier) (far token, trip time.Duration, err error) {
	err = r.timed(ctx, c, func() (err error) {
		far, trip, err = readGreeting(c)
		return err
	})
	return far, trip, err
}

func readGreeting(c io.Reader) (far token, trip time.Duration, err error) {
	var b [len(far) + 1]byte
	if _, err := io.ReadFull(c, b[:]); err != nil {
		return far, 0, err
	}
	copy(far[:], b[:])
	switch b[len(far)] {
	case goOn:
	case goOnTrip:
		if _, err := io.ReadFull(c, b[:2]); err != nil {
			return far, 0, err
		}
		trip = time.Duration(binary.BigEndian.Uint16(b[:])) * time.Millisecond
	default:
		return far, 0, errors.New("lan: no greeting of ours")
	}
	return far, trip, nil
}

// timed runs one step of becoming acquainted, until ctx ends at the latest.
func (r *Room) timed(ctx context.Context, c carrier, step func() error) error {
	_ = c.SetDeadline(time.Now().Add(r.config.pace.handshake))
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	err := step()
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err == nil {
		err = c.SetDeadline(time.Time{})
	}
	return err
}

// Dial meets the Room at addr, "ip:port", with a zone for IPv6 link-local
// addresses. QUIC is tried first; when it has not come through after 300 ms, TCP
// is tried beside it and the first to succeed is taken. Errors: ErrAddress,
// ErrNoReply, ErrSelf, ErrMet, ErrCrowded, net.ErrClosed, that of ctx.
func (r *Room) Dial(ctx context.Context, addr string) (link.Conn, error) {
	to, err := netip.ParseAddrPort(addr)
	if err != nil || to.Port() == 0 || to.Addr().IsUnspecified() || to.Addr().IsMulticast() {
		return nil, fmt.Errorf("%w: %q", ErrAddress, addr)
	}
	to = netip.AddrPortFrom(to.Addr().Unmap(), to.Port())
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	stop := context.AfterFunc(r.ctx, cancel)
	defer stop()

	c, far, err := r.reach(ctx, to)
	if err != nil {
		return nil, r.dialError(ctx, err)
	}
	if far == r.token {
		c.kill(false)
		return nil, ErrSelf
	}
	if !r.arrive(to.Addr()) {
		c.kill(false)
		return nil, r.dialError(ctx, ErrCrowded)
	}
	conn := newConn(r, c, far, to, true, r.trip(to))
	if err := r.begin(conn); err != nil {
		c.kill(false)
		r.depart(to.Addr())
		return nil, r.dialError(ctx, err)
	}
	if _, err := c.Write(r.firstWords(to)); err != nil {
		c.kill(false)
		r.forget(conn)
		return nil, r.dialError(ctx, fmt.Errorf("%w (%v)", ErrNoReply, err))
	}
	return conn, nil
}

func (r *Room) dialError(ctx context.Context, err error) error {
	switch {
	case r.ctx.Err() != nil:
		return fmt.Errorf("lan: dial: %w", net.ErrClosed)
	case errors.Is(ctx.Err(), context.Canceled):
		return ctx.Err()
	}
	return err
}

// reach connects to an address and says whose it is.
func (r *Room) reach(ctx context.Context, to netip.AddrPort) (carrier, token, error) {
	if c, far, ok := r.again(ctx, to); ok {
		return c, far, nil
	}
	c, err := r.race(ctx, to)
	if err != nil {
		return nil, token{}, err
	}
	far, err := farToken(c.handshake())
	if err != nil {
		c.kill(false)
		return nil, token{}, fmt.Errorf("%w (%v)", ErrNoReply, err)
	}
	r.met(to, far)
	return c, far, nil
}

// race connects to one address in both ways and takes the first that works.
func (r *Room) race(ctx context.Context, to netip.AddrPort) (carrier, error) {
	type result struct {
		c   carrier
		err error
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // also stops the loser
	results := make(chan result, 2)
	running := 0
	start := func(dial func(context.Context, netip.AddrPort) (carrier, error)) {
		running++
		go func() {
			c, err := dial(ctx, to)
			results <- result{c, err}
		}()
	}
	start(r.dialQUIC)
	late := time.NewTimer(r.config.pace.headStart)
	defer late.Stop()
	second := late.C
	var errs []error
	for running > 0 || second != nil {
		select {
		case <-second:
			second = nil
			start(r.dialTCP)
		case res := <-results:
			running--
			if res.err == nil {
				// The loser may connect yet.
				for range running {
					go func() {
						if res := <-results; res.c != nil {
							res.c.kill(true)
						}
					}()
				}
				return res.c, nil
			}
			errs = append(errs, res.err)
			if second != nil { // no reason to wait
				second = nil
				start(r.dialTCP)
			}
		}
	}
	return nil, fmt.Errorf("%w (%w)", ErrNoReply, errors.Join(errs...))
}

func (r *Room) dialQUIC(ctx context.Context, to netip.AddrPort) (carrier, error) {
	if r.knocking(to) {
		r.sock.hush(to, r.config.pace.handshake)
	} else {
		r.sock.await(to, r.trip(to), ours)
	}
	conn, err := r.quic.Dial(ctx, net.UDPAddrFromAddrPort(to), r.tickets(to, false), r.configFor(to))
	if err != nil {
		return nil, fmt.Errorf("QUIC: %w", err)
	}
	c, err := r.dialled(conn, to)
	if err != nil {
		return nil, fmt.Errorf("QUIC: %w", err)
	}
	return c, nil
}

// dialled opens the stream of a connection that we began.
func (r *Room) dialled(conn *quic.Conn, to netip.AddrPort) (*quicCarrier, error) {
	sender := pace.New()
	sender.Know(r.trip(to))
	conn.SetCongestionControl(sender)
	stream, err := conn.OpenStream()
	if err != nil {
		_ = conn.CloseWithError(codeCut, "")
		return nil, err
	}
	return &quicCarrier{stream, conn, sender, &r.config.pace}, nil
}

func (r *Room) dialTCP(ctx context.Context, to netip.AddrPort) (carrier, error) {
	var d net.Dialer
	if own := r.local.Addr(); !own.IsUnspecified() && own.Is4() == to.Addr().Is4() {
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(own, 0))
	}
	conn, err := d.DialContext(ctx, "tcp", to.String())
	if err != nil {
		return nil, fmt.Errorf("TCP: %w", err)
	}
	raw := conn.(*net.TCPConn)
	c := newTCPCarrier(raw, &r.config.pace, func(n net.Conn) *tls.Conn { return tls.Client(n, r.tcpTLS) })
	if err := c.HandshakeContext(ctx); err != nil {
		_ = raw.Close()
		return nil, fmt.Errorf("TCP: %w", err)
	}
	return c, nil
}

// isBusy tells a port that is taken; the second number is Windows'.
func isBusy(err error) bool {
	return errors.Is(err, syscall.EADDRINUSE) || errors.Is(err, syscall.Errno(10048))
}
