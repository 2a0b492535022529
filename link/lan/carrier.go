package lan

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"time"

	"github.com/apernet/quic-go"

	"github.com/jauap/jauap/link/pace"
)

// carrier is what a Conn needs of QUIC or TCP.
type carrier interface {
	Read(p []byte) (int, error) // io.EOF only after the far end's finish
	Write(p []byte) (int, error)
	SetDeadline(t time.Time) error
	handshake() tls.ConnectionState
	// shaken is handshake once it is over.
	shaken(ctx context.Context) (tls.ConnectionState, error)
	// finish tells the far end that nothing more comes. No Read or Write may
	// be running.
	finish() error
	// linger waits until the far end has read everything, or has had enough
	// time for it. What it still sends is thrown away.
	linger(ctx context.Context)
	// kill ends everything at once; clean says that nobody misses anything.
	kill(clean bool)
}

// times are the times that a link keeps. Tests make them shorter.
type times struct {
	handshake  time.Duration // for each part of becoming acquainted
	idle       time.Duration // silence after which QUIC calls a link cut
	headStart  time.Duration // of QUIC over TCP when dialling
	lingerQUIC time.Duration // how long a closed link waits for its far end to
	lingerTCP  time.Duration // read what was written, if that goes on living
	stall      time.Duration // how long a far end may take nothing over TCP
	drain      time.Duration // how soon a far end that only writes is told
	hurry      time.Duration // what a Room's Close gives goodbyes
	look       time.Duration // between two looks at the interfaces
	sweepWait  time.Duration // what multicast is given before addresses are asked
	sweepGap   time.Duration // between two addresses
	sweepEvery time.Duration // between the end of a sweep and the next
}

// usualTimes: a far end that is alive reads on, sees the end and lets go at
// once, so the long waits are rare.
var usualTimes = times{
	handshake: 5 * time.Second, idle: 15 * time.Second, headStart: 300 * time.Millisecond,
	lingerQUIC: 10 * time.Second, lingerTCP: 3 * time.Second, stall: time.Minute, drain: 150 * time.Millisecond,
	hurry: 500 * time.Millisecond, look: 5 * time.Second,
	sweepWait: 5 * time.Second, sweepGap: 40 * time.Millisecond, sweepEvery: 10 * time.Minute,
}

// drainMost is how much of what a closed link's far end still sends is read.
const drainMost = 1 << 20

// Application error codes of QUIC.
const (
	codeClean quic.ApplicationErrorCode = 0
	codeCut   quic.ApplicationErrorCode = 1
)

// quicCarrier is one QUIC connection with its only stream.
type quicCarrier struct {
	*quic.Stream
	conn   *quic.Conn
	sender *pace.Sender
	pace   *times
}

func (c *quicCarrier) handshake() tls.ConnectionState { return c.conn.ConnectionState().TLS }

func (c *quicCarrier) shaken(ctx context.Context) (tls.ConnectionState, error) {
	select {
	case <-c.conn.HandshakeComplete():
		return c.handshake(), nil
	default:
	}
	select {
	case <-c.conn.HandshakeComplete():
		return c.handshake(), nil
	case <-c.conn.Context().Done():
		return tls.ConnectionState{}, ErrCut
	case <-ctx.Done():
		return tls.ConnectionState{}, ctx.Err()
	}
}

func (c *quicCarrier) finish() error { return c.Stream.Close() }

func (c *quicCarrier) linger(ctx context.Context) {
	if drain(ctx, c.Stream, c.pace.drain) {
		return // the far end closed too
	}
	c.Stream.CancelRead(quic.StreamErrorCode(codeClean)) // its writers fail now
	ctx, cancel := context.WithTimeout(ctx, c.pace.lingerQUIC)
	defer cancel()
	select {
	case <-c.conn.Context().Done():
	case <-ctx.Done():
	}
}

func (c *quicCarrier) kill(clean bool) {
	code := codeCut
	if clean {
		code = codeClean
	}
	_ = c.conn.CloseWithError(code, "")
}

// tcpCarrier is one TLS connection over TCP.
type tcpCarrier struct {
	*tls.Conn
	raw  *net.TCPConn
	pace *times
}

// errRawEnd is the end of the TCP stream without TLS having said so.
var errRawEnd = errors.New("connection ended without a goodbye")

// strictConn makes the end of a TCP stream an error. crypto/tls takes it for a
// proper end when it falls between two records, and then a cut would look like
// one. The goodbye that TLS sends itself still reads as io.EOF.
type strictConn struct{ *net.TCPConn }

func (c strictConn) Read(p []byte) (int, error) {
	n, err := c.TCPConn.Read(p)
	if errors.Is(err, io.EOF) {
		err = errRawEnd
	}
	return n, err
}

func newTCPCarrier(raw *net.TCPConn, p *times, wrap func(net.Conn) *tls.Conn) *tcpCarrier {
	_ = raw.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: 5 * time.Second, Interval: 3 * time.Second, Count: 4})
	return &tcpCarrier{wrap(strictConn{raw}), raw, p}
}

// Write gives up when the far end takes nothing for long. Else a device that
// was carried away would stay here until the system despairs of it, a quarter of
// an hour.
func (c *tcpCarrier) Write(p []byte) (done int, err error) {
	const piece = 64 << 10
	for done < len(p) && err == nil {
		_ = c.SetWriteDeadline(time.Now().Add(c.pace.stall))
		var n int
		n, err = c.Conn.Write(p[done:min(len(p), done+piece)])
		done += n
	}
	if err != nil {
		c.kill(false) // TLS cannot go on after half a record
	}
	return done, err
}

func (c *tcpCarrier) handshake() tls.ConnectionState { return c.ConnectionState() }

func (c *tcpCarrier) shaken(context.Context) (tls.ConnectionState, error) {
	return c.handshake(), nil
}

func (c *tcpCarrier) finish() error {
	if err := c.CloseWrite(); err != nil {
		return err
	}
	return c.raw.CloseWrite()
}

func (c *tcpCarrier) linger(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, c.pace.lingerTCP)
	defer cancel()
	if !drain(ctx, c.Conn, c.pace.lingerTCP) {
		<-ctx.Done()
	}
}

func (c *tcpCarrier) kill(clean bool) {
	if !clean {
		_ = c.raw.SetLinger(0) // the far end gets a reset, never an end
	}
	_ = c.raw.Close()
}

// drain throws away what comes until an end or error (true), or until the time
// is over or too much came (false).
func drain(ctx context.Context, c interface {
	io.Reader
	SetReadDeadline(time.Time) error
}, d time.Duration) (ended bool) {
	_ = c.SetReadDeadline(time.Now().Add(d))
	stop := context.AfterFunc(ctx, func() { _ = c.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	_, err := io.CopyN(io.Discard, c, drainMost)
	var timeout net.Error
	return err != nil && (!errors.As(err, &timeout) || !timeout.Timeout())
}
