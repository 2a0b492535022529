package bp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/jauap/jauap/link"
	"github.com/jauap/jauap/link/bundle"
)

// Errors, usable with errors.Is. Others are the network's.
var (
	ErrNode    = errors.New("bp: the far end does not speak this protocol as it should")
	ErrRefused = errors.New("bp: the node will not have the bundle")
	ErrEnded   = errors.New("bp: the session has ended")
)

// Limits.
const (
	patience     = 30 * time.Second // for greetings, and without a byte in the middle of something
	keepEvery    = 30               // seconds between signs of life, if the far end agrees. RFC 9174, 4.7
	maxQueue     = 32               // bundles that wait to be taken
	maxFlight    = 64               // transfers that wait for their acknowledgement
	maxFlown     = 1 << 20          // and their bytes
	maxCallers   = 16               // sessions of one listener
	maxNodeName  = 1024
	maxExtension = 4096
	maxNotes     = 16
	writePiece   = 16 << 10
)

// Options of a session. The zero value is right where the clock is.
type Options struct {
	// Now is the time; it answers zero where this device does not know it.
	Now func() time.Time
	// DialContext opens connections; nil for a net.Dialer.
	DialContext func(ctx context.Context, network, addr string) (net.Conn, error)
}

func (o Options) now() time.Time {
	if o.Now == nil {
		return time.Now()
	}
	return o.Now()
}

// Session is a line to one bundle node. It is a link.Drop: Leave hands bundles over,
// Each takes those that come until the far end ends the session. Both may go on at
// once, and should where the far end sends: what it sends waits for Each, and what
// stands behind it waits, too.
type Session interface {
	link.Drop
	// Hand sends one unit. done is called once, from anywhere: with nil when the node
	// has it (with MTCP and STCP, which do not tell: when it was written), ErrRefused,
	// or why the session ended. Hand waits while too much is under way. An error means
	// that done is not called.
	Hand(ctx context.Context, unit []byte, done func(error)) error
	// Take is Each for those who keep several units at one go. Bundles are acknowledged
	// when take answers nil.
	Take(ctx context.Context, take func(units [][]byte) error) ([]link.Note, error)
	// Confirms reports whether done tells more than that the unit was written.
	Confirms() bool
	// Peer is the far end for a person: its address, and its name if it told one.
	Peer() string
	// Done is closed when the session has ended.
	Done() <-chan struct{}
	Close() error
}

// Traits are those of every session: somewhere behind it bundles may wait for days.
func Traits() link.Traits {
	return link.Traits{Latency: 24 * time.Hour, Unit: bundle.MaxUnit, Way: link.Both, Lossy: true, Exposure: link.Open}
}

// Dial calls the node at a spot. ctx bounds the greetings alone.
func Dial(ctx context.Context, s Spot, o Options) (Session, error) {
	ctx, done := context.WithTimeout(ctx, patience)
	defer done()
	dial := o.DialContext
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	conn, err := dial(ctx, "tcp", s.Addr)
	if err != nil {
		return nil, fmt.Errorf("bp: cannot reach %s: %w", s.Addr, err)
	}
	return greet(ctx, s, o, conn, true)
}

// greet makes a session of a connection.
func greet(ctx context.Context, s Spot, o Options, conn net.Conn, active bool) (Session, error) {
	if s.Line == TCPCL {
		c, err := newTCPCL(ctx, s, o, conn, active)
		if err != nil {
			_ = conn.Close()
			return nil, err
		}
		return c, nil
	}
	return newPlain(s, o, conn, active), nil
}

// Listener waits for nodes to call.
type Listener struct {
	spot Spot
	o    Options
	l    net.Listener
}

// Listen waits at a spot.
func Listen(s Spot, o Options) (*Listener, error) {
	l, err := net.Listen("tcp", s.Addr)
	if err != nil {
		return nil, fmt.Errorf("bp: cannot listen: %w", err)
	}
	return &Listener{spot: s, o: o, l: l}, nil
}

// Addr is where nodes can call.
func (l *Listener) Addr() string { return l.l.Addr().String() }

// Serve calls handle with each session that comes about, in a goroutine of its own,
// until ctx ends; then it waits for them. Handle ends the session. At most 16 are
// there at once: who calls beyond is hung up on.
func (l *Listener) Serve(ctx context.Context, handle func(Session)) error {
	stop := context.AfterFunc(ctx, func() { _ = l.l.Close() })
	defer stop()
	defer l.l.Close()
	var all sync.WaitGroup
	defer all.Wait()
	room := make(chan struct{}, maxCallers)
	for {
		conn, err := l.l.Accept()
		if err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if ne := net.Error(nil); errors.As(err, &ne) && !errors.Is(err, net.ErrClosed) {
				pause(ctx, 100*time.Millisecond) // no file handles left, a caller gone again
				continue
			}
			return fmt.Errorf("bp: listen: %w", err)
		}
		select {
		case room <- struct{}{}:
		default:
			_ = conn.Close()
			continue
		}
		all.Go(func() {
			defer func() { <-room }()
			greeting, done := context.WithTimeout(ctx, patience)
			s, err := greet(greeting, l.spot, l.o, conn, false)
			done()
			if err == nil {
				handle(s)
			}
		})
	}
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// steady is a connection on which nothing may hang: a read or write that moves no
// byte for so long fails.
type steady struct {
	net.Conn
	quiet time.Duration
}

func (s *steady) Read(p []byte) (int, error) {
	_ = s.Conn.SetReadDeadline(time.Now().Add(s.quiet))
	return s.Conn.Read(p)
}

func (s *steady) Write(p []byte) (n int, err error) {
	for len(p) > 0 && err == nil {
		_ = s.Conn.SetWriteDeadline(time.Now().Add(2 * patience))
		m := 0
		m, err = s.Conn.Write(p[:min(len(p), writePiece)])
		n, p = n+m, p[m:]
	}
	return n, err
}

// desk judges bundles that come and passes them on to whoever takes them.
type desk struct {
	g     Packing
	o     Options
	queue chan arrival
	done  chan struct{} // closed when no more will come

	mu      sync.Mutex
	notes   []link.Note
	strange int
}

// arrival is a unit that waits to be taken.
type arrival struct {
	unit  []byte
	taken func() error // acknowledges it
}

func newDesk(g Packing, o Options) desk {
	return desk{g: g, o: o, queue: make(chan arrival, maxQueue), done: make(chan struct{})}
}

var errStranger = errors.New("bp: the bundle is for somebody else")

// open takes a unit out of a bundle.
func (d *desk) open(where string, raw []byte) ([]byte, error) {
	if to, ok := bundle.For(raw); ok && !d.g.ours(to) {
		d.mu.Lock()
		d.strange++
		d.mu.Unlock()
		return nil, errStranger
	}
	b, err := bundle.Parse(raw)
	if err == nil && b.Expired(d.o.now()) {
		err = errors.New("bp: the bundle's lifetime has ended")
	}
	if err != nil {
		d.note(where, err.Error())
		return nil, err
	}
	return bytes.Clone(b.Payload), nil
}

func (d *desk) note(where, what string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.notes) < maxNotes {
		d.notes = append(d.notes, link.Note{Where: where, What: what})
	}
}

func (d *desk) summary(where string) []link.Note {
	d.mu.Lock()
	defer d.mu.Unlock()
	notes := d.notes
	if d.strange > 0 {
		notes = append(notes, link.Note{Where: where, What: fmt.Sprintf("%d bundles were for others and were left alone; let the node send only those for Jauap", d.strange)})
	}
	return notes
}

// put queues an arrival; false when the session has ended.
func (d *desk) put(a arrival, ended <-chan struct{}) bool {
	select {
	case d.queue <- a:
		return true
	case <-ended:
		return false
	}
}

// take is Session.Take: it ends when nothing more comes, with the session's error.
func (d *desk) take(ctx context.Context, take func([][]byte) error) error {
	for {
		var first arrival
		select {
		case first = <-d.queue:
		default:
			select {
			case first = <-d.queue:
			case <-ctx.Done():
				return ctx.Err()
			case <-d.done:
				if len(d.queue) == 0 {
					return nil
				}
				continue
			}
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		batch := []arrival{first}
		for more := true; more && len(batch) < maxQueue; {
			select {
			case a := <-d.queue:
				batch = append(batch, a)
			default:
				more = false
			}
		}
		units := make([][]byte, len(batch))
		for i, a := range batch {
			units[i] = a.unit
		}
		if err := take(units); err != nil {
			return err
		}
		for _, a := range batch {
			if err := a.taken(); err != nil {
				break // the session has ended; it will be sent again
			}
		}
	}
}

// leave is Leave by way of Hand: it answers the bytes of the units before the first
// that did not arrive.
func leave(ctx context.Context, s Session, next func() ([]byte, bool)) (int64, error) {
	var mu sync.Mutex
	var sizes []int
	var ends []error
	var under sync.WaitGroup
	var failed error
	for failed == nil {
		if failed = ctx.Err(); failed != nil {
			break
		}
		unit, ok := next()
		if !ok {
			break
		}
		i := len(sizes)
		mu.Lock()
		sizes, ends = append(sizes, len(unit)), append(ends, ErrEnded)
		mu.Unlock()
		under.Add(1)
		failed = s.Hand(ctx, unit, func(err error) {
			mu.Lock()
			ends[i] = err
			mu.Unlock()
			under.Done()
		})
		if failed != nil {
			under.Done()
		}
	}
	under.Wait()
	bytes := int64(0)
	for i, n := range sizes {
		if ends[i] != nil {
			return bytes, errors.Join(failed, ends[i])
		}
		bytes += int64(n)
	}
	return bytes, failed
}

var _ io.Closer = Session(nil)
