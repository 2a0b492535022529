package lan

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/jauap/jauap/link"
)

// ErrCut is what Read and Write answer when the link broke: not everything
// that was written has arrived.
var ErrCut = errors.New("lan: the link was cut")

// latency is a slow but usable Wi-Fi's.
const latency = 50 * time.Millisecond

// Conn is one meeting. It is a link.Conn. What was written before Close still
// arrives when the far end goes on reading and the link holds; a Write that is
// running when Close comes is cut off.
//
// A far end that vanishes is noticed within 15 seconds over QUIC, over TCP within
// 20, or a minute when bytes are under way to it.
type Conn struct {
	room   *Room
	c      carrier
	token  token // the far end's
	remote netip.AddrPort
	dialed bool
	since  time.Time
	traits link.Traits

	unfollow func() // of a far end that is far away; set before others see the Conn

	mu     sync.Mutex
	idle   sync.Cond // users became 0
	users  int       // calls of carrier's Read and Write
	writes int       // those that write
	closed bool      // by this end
	broken bool      // a Write failed: the far end lacks something
	ended  error     // why nothing more can be read
}

var (
	_ link.Bound  = (*Conn)(nil)
	_ link.Sparer = (*Conn)(nil)
)

// newConn makes a Conn; trip is how long the way there and back is, 0 when nobody
// measured it.
func newConn(r *Room, c carrier, far token, remote netip.AddrPort, dialed bool, trip time.Duration) *Conn {
	conn := &Conn{room: r, c: c, token: far, remote: remote, dialed: dialed, since: time.Now(),
		traits: link.Traits{Latency: max(latency, trip), Way: link.Both, Exposure: r.exposure(remote.Addr())}}
	conn.idle.L = &conn.mu
	return conn
}

// Traits implements link.Conn. Exposure is link.Nearby for peers on the same
// network and link.Open when a typed address lies beyond.
func (c *Conn) Traits() link.Traits { return c.traits }

// Peer implements link.Conn: a stranger at an address.
func (c *Conn) Peer() link.Peer { return link.Peer{Addr: c.remote.String()} }

// bindingLabel names what is drawn from the handshake. RFC 8446, 7.5
const bindingLabel = "EXPORTER-jauap-slots"

// Binding implements link.Bound. Errors: that of ctx, ErrCut.
func (c *Conn) Binding(ctx context.Context) (link.Binding, error) {
	s, err := c.c.shaken(ctx)
	if err != nil {
		return link.Binding{}, err
	}
	b, err := s.ExportKeyingMaterial(bindingLabel, nil, 32)
	if err != nil {
		return link.Binding{}, fmt.Errorf("%w: %v", ErrCut, err)
	}
	return link.Binding{Secret: [32]byte(b), Dialed: c.dialed}, nil
}

// Spare implements link.Sparer: of a QUIC conn with who is far away.
func (c *Conn) Spare() {
	if c.unfollow != nil {
		c.room.sock.spareSoon(c.remote)
	}
}

// enter registers a use of the carrier, or says why there can be none.
func (c *Conn) enter(write bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return fmt.Errorf("lan: %w", net.ErrClosed)
	case c.ended != nil && !write:
		return c.ended
	case c.ended != nil && errors.Is(c.ended, io.EOF):
		return fmt.Errorf("lan: the far end has closed: %w", net.ErrClosed)
	case c.ended != nil:
		return c.ended
	}
	c.users++
	if write {
		c.writes++
	}
	return nil
}

// leave ends a use and decides what the carrier's error means.
func (c *Conn) leave(write bool, err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if write {
		c.writes--
		c.broken = c.broken || err != nil
	}
	if c.users--; c.users == 0 {
		c.idle.Broadcast()
	}
	switch {
	case err == nil:
		return nil
	case c.closed:
		return fmt.Errorf("lan: %w", net.ErrClosed)
	case write: // what the far end wrote before can still be read
		return fmt.Errorf("%w: %v", ErrCut, err)
	}
	if c.ended == nil {
		if c.ended = err; !errors.Is(err, io.EOF) {
			c.ended = fmt.Errorf("%w: %v", ErrCut, err)
		}
		// A link is ended from both sides at once, and the far end, if it
		// closed, waits for just this.
		c.c.kill(errors.Is(err, io.EOF))
		c.room.forget(c)
	}
	return c.ended
}

// Read implements link.Conn. Errors: io.EOF when the far end closed and all it
// wrote was read, ErrCut, net.ErrClosed after Close.
func (c *Conn) Read(p []byte) (int, error) {
	if err := c.enter(false); err != nil {
		return 0, err
	}
	n, err := c.c.Read(p)
	return n, c.leave(false, err)
}

// Write implements link.Conn. It blocks while the far end does not read.
// Errors: ErrCut, net.ErrClosed.
func (c *Conn) Write(p []byte) (int, error) {
	if err := c.enter(true); err != nil {
		return 0, err
	}
	n, err := c.c.Write(p)
	return n, c.leave(true, err)
}

// Close implements link.Conn. It returns at once; the goodbye goes on in the
// background for some seconds at most.
func (c *Conn) Close() error {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil
	}
	c.closed = true
	midway := c.writes > 0 || c.broken
	ended := c.ended != nil
	c.mu.Unlock()

	c.room.forget(c)
	switch {
	case ended: // the carrier is dead already
	case midway || !c.room.linger(c.goodbye):
		c.c.kill(false)
	}
	return nil
}

// goodbye brings the last written bytes over. All deadlines of a closed link are
// set here, in order: one that wakes readers and is set late would end the wait
// for the far end.
func (c *Conn) goodbye() {
	_ = c.c.SetDeadline(time.Unix(1, 0)) // wakes whoever reads
	c.mu.Lock()
	for c.users > 0 { // a reader that wakes only now would wait with us
		c.idle.Wait()
	}
	c.mu.Unlock()
	_ = c.c.SetDeadline(time.Time{})
	err := c.c.finish()
	if err == nil {
		c.c.linger(c.room.hurry)
	}
	c.c.kill(err == nil)
}

// addrPortOf is an address without the IPv6 clothes of IPv4.
func addrPortOf(a net.Addr) netip.AddrPort {
	var ap netip.AddrPort
	switch a := a.(type) {
	case *net.UDPAddr:
		ap = a.AddrPort()
	case *net.TCPAddr:
		ap = a.AddrPort()
	}
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}
