package relay

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/apernet/quic-go"

	"github.com/jauap/jauap/link"
	"github.com/jauap/jauap/link/pace"
	"github.com/jauap/jauap/relay"
	"github.com/jauap/jauap/relay/udp"
)

// keepAlive is the pause after which a silent QUIC connection says something,
// at most: a mobile operator's address translation forgets after 30 s.
const keepAlive = 25 * time.Second

// udpConn is a link to a relay over QUIC.
type udpConn struct {
	*udp.Stream
	peer   link.Peer
	traits link.Traits
	local  netip.Addr
	early  bool
	pc     *net.UDPConn
}

func (c *udpConn) Peer() link.Peer     { return c.peer }
func (c *udpConn) Traits() link.Traits { return c.traits }

// Early reports whether the relay took the first flight before the handshake.
func (c *udpConn) Early() bool { return c.early }

// Local is the address that the system chose for the way to the relay.
func (c *udpConn) Local() netip.Addr { return c.local }

// Heard counts the datagrams received so far, and Trip is the round trip.
func (c *udpConn) Heard() (packets uint64, trip time.Duration) {
	s := c.Conn().ConnectionStats()
	return s.PacketsReceived, s.SmoothedRTT
}

// dialUDP reaches the relay by QUIC. first is sent before the handshake when
// there is a ticket, and behind it at once when there is none or the relay does
// not take it. spec/relay.md, 10.
func (d *Dialer) dialUDP(ctx context.Context, addr relay.Addr, first []byte) (link.Conn, error) {
	to, local, err := d.whither(ctx, addr)
	if err != nil {
		return nil, err
	}
	pc, err := net.ListenUDP("udp", nil)
	if err != nil {
		return nil, fmt.Errorf("relay link: %w", err)
	}
	quiet := orElse(d.Quiet, time.Minute)
	sock := newSober(pc, d.Heard)
	tr := &quic.Transport{Conn: sock}
	end := func() {
		_ = tr.Close()
		_ = pc.Close()
	}
	g := &greeting{addr: addr, tickets: d.Tickets, pass: d.Tokens}
	conf, opened := g.config(), func() {}
	if g.shown != nil {
		opened = sock.gate.Shut()
		defer opened()
	}
	conn, err := tr.DialEarly(ctx, to, conf, &quic.Config{
		HandshakeIdleTimeout:  orElse(d.Timeout, 30*time.Second),
		MaxIdleTimeout:        2 * quiet,
		KeepAlivePeriod:       min(quiet/2, keepAlive),
		MaxIncomingStreams:    -1,
		MaxIncomingUniStreams: -1,
		InitialPacketSize:     udp.PacketSize,
		TokenStore:            g.tokens(),
	})
	if err != nil {
		end()
		return nil, g.judge(ctx, err)
	}
	conn.SetCongestionControl(pace.New())
	context.AfterFunc(conn.Context(), end)
	str, early, err := flight(ctx, conn, first, opened)
	if err != nil {
		_ = conn.CloseWithError(0, "")
		return nil, g.judge(ctx, err)
	}
	return &udpConn{
		Stream: udp.NewStream(conn, str, orElse(d.Stall, 2*time.Minute)),
		peer:   d.Peer(addr), traits: d.Traits(), local: local, early: early, pc: pc,
	}, nil
}

// flight sends the first bytes as early as can be and waits until the relay
// has proven its key. opened hears that the stream is there.
func flight(ctx context.Context, conn *quic.Conn, first []byte, opened func()) (str *quic.Stream, early bool, err error) {
	stop := context.AfterFunc(ctx, func() { _ = conn.CloseWithError(0, "") })
	defer stop()
	select {
	case <-conn.HandshakeComplete():
	default:
		early = true
	}
	send := func() error {
		str, err = conn.OpenStream()
		opened()
		if err != nil || len(first) == 0 {
			return err
		}
		_, err := str.Write(first)
		return err
	}
	err = send()
	if !early {
		return str, false, err
	}
	if err != nil && !errors.Is(err, quic.Err0RTTRejected) {
		return nil, false, err
	}
	select {
	case <-conn.HandshakeComplete():
	case <-conn.Context().Done():
		return nil, false, context.Cause(conn.Context())
	}
	if conn.ConnectionState().Used0RTT {
		return str, true, err
	}
	// The relay has forgotten the ticket: what was sent is void.
	// Its answer is the same conn, or nil: conn stays what the end of ctx closes.
	if _, err = conn.NextConnection(ctx); err != nil {
		return nil, false, err
	}
	err = send()
	return str, false, err
}

// whither finds where to send datagrams, and from which of our addresses they
// go. No packet is sent but for the name's.
func (d *Dialer) whither(ctx context.Context, addr relay.Addr) (to *net.UDPAddr, local netip.Addr, err error) {
	ips := []netip.Addr{}
	if ip, err := netip.ParseAddr(addr.Host); err == nil {
		ips = append(ips, ip)
	} else if ips, err = net.DefaultResolver.LookupNetIP(ctx, "ip", addr.Host); err != nil {
		return nil, local, fmt.Errorf("relay link: cannot find %s: %w", addr.Host, err)
	}
	err = errors.New("no address")
	for _, ip := range ips {
		to = net.UDPAddrFromAddrPort(netip.AddrPortFrom(ip.Unmap(), addr.Port))
		var c *net.UDPConn
		if c, err = net.DialUDP("udp", nil, to); err == nil {
			ap := c.LocalAddr().(*net.UDPAddr).AddrPort()
			_ = c.Close()
			return to, ap.Addr().Unmap(), nil
		}
	}
	return nil, local, fmt.Errorf("relay link: cannot reach %s: %w", addr.HostPort(), err)
}

// greeting is the TLS side of one dial: which ticket it shows, and whether the
// far end held the key.
type greeting struct {
	addr    relay.Addr
	tickets tls.ClientSessionCache // nil for none
	pass    *Tokens                // nil for none
	shown   *tls.ClientSessionState
	strong  bool // the secret is safe from a quantum computer of the future
	other   bool // another key
}

// Tokens keeps the token that a relay gave with its last ticket. It tells the
// relay that this address hears it, and both ends how long a round trip takes:
// without it they repeat their greetings after 0.2 s, which fills a slow line.
// It is shown as long and as seldom as the ticket, and dies with the process.
type Tokens struct {
	mu    sync.Mutex
	token *quic.ClientToken
}

// Pop implements quic.TokenStore. It leaves the token: tries in the dark share
// it.
func (t *Tokens) Pop(string) *quic.ClientToken {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.token
}

// Put implements quic.TokenStore.
func (t *Tokens) Put(_ string, token *quic.ClientToken) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.token = token
}

func (g *greeting) tokens() quic.TokenStore {
	if g.pass == nil {
		return nil
	}
	return g.pass
}

// mark in a ticket's extra data says that its secret began with a hybrid
// exchange, so that a resumption needs no second one.
const mark = "jauap hybrid"

func (g *greeting) config() *tls.Config {
	conf := pinned(g.addr)
	conf.NextProtos = []string{udp.ALPN}
	prove := conf.VerifyConnection
	conf.VerifyConnection = func(s tls.ConnectionState) error {
		if err := prove(s); err != nil {
			g.other = true
			return err
		}
		g.strong = s.CurveID == tls.X25519MLKEM768 || s.DidResume && marked(g.shown)
		if g.tickets != nil {
			g.tickets.Put("", nil) // used once; the relay gives another
		}
		g.pass.Put("", nil)
		return nil
	}
	if g.tickets == nil {
		conf.SessionTicketsDisabled = true
		return conf
	}
	conf.ClientSessionCache = g
	if shown, ok := g.tickets.Get(""); ok {
		g.shown = shown
	}
	if marked(g.shown) {
		// 1.2 kB less in the first flight.
		conf.CurvePreferences = []tls.CurveID{tls.X25519}
	}
	return conf
}

// Get implements tls.ClientSessionCache.
func (g *greeting) Get(string) (*tls.ClientSessionState, bool) { return g.shown, g.shown != nil }

// Put implements tls.ClientSessionCache.
func (g *greeting) Put(_ string, cs *tls.ClientSessionState) {
	if cs == nil {
		return // crypto/tls throws it away after any failure, such as silence; we do when it is used
	}
	ticket, state, err := cs.ResumptionState()
	if err != nil || state == nil {
		return
	}
	if g.strong {
		state.Extra = append(state.Extra, []byte(mark))
	}
	if cs, err = tls.NewResumptionState(ticket, state); err == nil {
		g.tickets.Put("", cs)
	}
}

func marked(cs *tls.ClientSessionState) bool {
	if cs == nil {
		return false
	}
	_, state, err := cs.ResumptionState()
	return err == nil && state != nil && slices.ContainsFunc(state.Extra, func(b []byte) bool { return bytes.Equal(b, []byte(mark)) })
}

// judge translates the handshake's failure.
func (g *greeting) judge(ctx context.Context, err error) error {
	var crypto *quic.TransportError
	var app *quic.ApplicationError
	var version *quic.VersionNegotiationError
	switch {
	case g.other:
		return &NotOurRelay{SeenOtherKey, anotherKey}
	case errors.As(err, &app) && app.Remote:
		return relay.ErrBusy
	case errors.As(err, &version), errors.As(err, &crypto) && crypto.Remote:
		return &NotOurRelay{SeenNoPath, "QUIC that refuses us (" + clean(err.Error()) + ")"}
	case ctx.Err() != nil:
		return fmt.Errorf("relay link: no answer: %w", context.Cause(ctx))
	}
	return fmt.Errorf("relay link: no answer by UDP: %w", err)
}
