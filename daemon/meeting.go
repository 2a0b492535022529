package daemon

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jauap/jauap/exchange"
	"github.com/jauap/jauap/link"
	"github.com/jauap/jauap/node"
	"github.com/jauap/jauap/relay"
	"github.com/jauap/jauap/web/api"
)

// What the courier may have on its way into one link: about half a second of it, so
// that what became urgent is not stuck behind what is large.
const (
	creditBytes = 8 << 10 // at first: what the far end says changes what is next
	creditLeast = 8 << 10
	creditMost  = 1 << 20
	creditFor   = 500 * time.Millisecond
)

// meeting is one use of a Conn.
type meeting struct {
	id   node.LinkID
	kind string
	addr string // in the status
	peer link.Peer
	conn link.Conn // nil before the link is there; under courier

	mu    sync.Mutex
	more  sync.Cond
	queue [][]byte
	ended bool
	why   error
	// unasked are bytes in the queue that the courier gave no credit for.
	unasked  int
	listened bool // to the far end's slots; of the reader alone

	gauge   gauge
	asking  asking
	in, out atomic.Int64
}

// push queues one frame for the writer. It never blocks: the courier keeps
// within its credit.
func (m *meeting) push(frame []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.ended {
		m.queue = append(m.queue, frame)
		m.more.Signal()
	}
}

// spare lets the link spare its last packets once what is queued has left, if it can: an
// empty frame stands for that.
func (m *meeting) spare() {
	if _, ok := m.conn.(link.Sparer); ok {
		m.push(nil)
	}
}

// end closes the meeting with a reason; the first one stays.
func (m *meeting) end(why error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ended {
		return
	}
	m.ended, m.why = true, why
	m.more.Broadcast()
	if m.conn != nil {
		m.conn.Close()
	}
}

// pull takes what is queued; ok is false when the meeting has ended.
func (m *meeting) pull() (frames [][]byte, unasked int, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for len(m.queue) == 0 && !m.ended {
		m.more.Wait()
	}
	frames, m.queue = m.queue, nil
	unasked, m.unasked = m.unasked, 0
	return frames, unasked, !m.ended
}

// hold runs a meeting over conn until either side ends it. It answers why it
// ended; nil means that the far end closed it in order.
func (d *Daemon) hold(conn link.Conn, kind string) error {
	slow := d.startsSlow(kind, conn.Peer().Addr, conn.Traits())
	d.courier.Lock()
	small := slow && (!d.linked() || d.slowLinks()) && !d.metered.onlyTexts()
	d.courier.Unlock()
	d.people.Lock()
	d.packAhead(firstBytes, small) // so that the first flight holds what waits
	d.people.Unlock()
	m := d.prepare(kind, conn.Peer(), conn.Traits())
	m.gauge.slow.Store(slow)
	d.sayNear(m, conn)
	return d.attach(m, conn, conn.Peer().Addr, 0)
}

// attach runs a prepared meeting over conn, which has carried its first frames
// already, until either side ends it. addr is what the status calls it.
func (d *Daemon) attach(m *meeting, conn link.Conn, addr string, carried int) error {
	d.courier.Lock()
	if d.wasSlow(m.kind, addr) {
		m.gauge.slow.Store(true)
	}
	m.mu.Lock()
	m.conn, m.addr = conn, addr
	gone := 0
	for _, f := range m.queue[:min(carried, len(m.queue))] {
		gone += len(f) + exchange.Prefix
	}
	m.out.Add(int64(gone))
	first := gone
	m.queue = m.queue[min(carried, len(m.queue)):]
	over := m.ended || d.ctx.Err() != nil
	m.mu.Unlock()
	d.courier.Unlock()
	if over {
		conn.Close()
		d.discard(m)
		return errors.Join(m.why, d.ctx.Err())
	}
	if gone > 0 {
		d.step(node.Ready{Link: m.id, Bytes: gone})
	}
	d.rowUp(m)
	d.tell(m)
	d.count(m, first)

	done := make(chan struct{})
	go func() {
		defer close(done)
		d.write(m)
	}()
	// Seal now, beside it: what waits follows the greeting.
	sealed := make(chan struct{})
	go func() {
		defer close(sealed)
		d.settle()
	}()
	err := d.read(m)
	m.end(nil)
	<-done
	<-sealed
	d.courier.Lock()
	delete(d.meetings, m.id)
	d.courier.Unlock()
	d.step(node.Down{Link: m.id})
	d.settle()
	d.changes.bump()
	if m.why != nil {
		return m.why
	}
	if errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// framesAtOnce bounds how many frames that lie ready share one step, and so
// one sync of the disk.
const framesAtOnce = 64

func (d *Daemon) read(m *meeting) error {
	r := bufio.NewReaderSize(m.conn, 128<<10)
	for {
		frame, err := exchange.ReadFrame(r, nil)
		if frame = whole(frame, err); frame == nil {
			return err
		}
		evs, in := []node.Event{d.event(m, frame)}, len(frame)
		m.in.Add(int64(len(frame)) + exchange.Prefix)
		for err == nil && len(evs) < framesAtOnce && frameReady(r) {
			if frame, err = exchange.ReadFrame(r, nil); err != nil {
				break
			}
			evs, in = append(evs, d.event(m, frame)), in+len(frame)
			m.in.Add(int64(len(frame)) + exchange.Prefix)
		}
		d.step(evs...)
		d.settleIfNeeded()
		d.count(m, in)
		if err != nil {
			return err
		}
	}
}

// whole is a frame, or what can be used of one in which the link ended; nil for nothing.
func whole(frame []byte, err error) []byte {
	if err != nil {
		return exchange.Torn(frame)
	}
	return frame
}

// frameReady reports whether a whole frame lies in the reader's buffer.
func frameReady(r *bufio.Reader) bool {
	if r.Buffered() < exchange.Prefix {
		return false
	}
	p, err := r.Peek(exchange.Prefix)
	return err == nil && r.Buffered() >= exchange.Prefix+(int(p[0])<<16|int(p[1])<<8|int(p[2]))
}

// settleIfNeeded avoids the people's lock for frames that concern nobody here.
func (d *Daemon) settleIfNeeded() {
	d.courier.Lock()
	work := len(d.arrived)+len(d.handed) > 0
	d.courier.Unlock()
	if work {
		d.settle()
	}
}

func (d *Daemon) write(m *meeting) {
	w := bufio.NewWriterSize(m.conn, 64<<10)
	credit := creditBytes
	for {
		frames, unasked, ok := m.pull()
		if !ok {
			return
		}
		n := 0
		began := time.Now()
		for _, f := range frames {
			if f == nil {
				_ = w.Flush() // an error comes back below
				m.conn.(link.Sparer).Spare()
				continue
			}
			if err := exchange.WriteFrame(w, f); err != nil {
				m.end(fmt.Errorf("the link broke while sending: %w", err))
				return
			}
			n += len(f) + exchange.Prefix
		}
		if err := w.Flush(); err != nil {
			m.end(fmt.Errorf("the link broke while sending: %w", err))
			return
		}
		m.out.Add(int64(n))
		d.count(m, n)
		took := time.Since(began)
		m.gauge.add(n, took)
		next := creditAfter(credit, n, took)
		if back := n - unasked + next - credit; back > 0 {
			d.step(node.Ready{Link: m.id, Bytes: back})
		}
		credit = next
	}
}

// creditAfter follows the rate at which a link takes what is written: n bytes in took.
// It never takes back more than was given.
func creditAfter(credit, n int, took time.Duration) int {
	want := creditMost
	if took > 0 {
		want = int(min(float64(creditMost), float64(n)/took.Seconds()*creditFor.Seconds()))
	}
	if n < credit/2 {
		want = max(want, credit) // there was not enough to say to know
	}
	return max(min(want, 2*credit), credit-n, creditLeast)
}

// row is one line of the status: a way that is in use or was tried.
type row struct {
	kind, addr, state string
	since             time.Time
	err, code         string // code is cause's, of err
	m                 *meeting
	in, out           int64        // of ended meetings
	who               string       // the contact whose device it is, when it was met last
	slow              bool         // its last meeting was
	tries             tries        // of a relay
	fault             string       // of a relay: what it did wrong when it was met last
	airtime           *api.Airtime // of a radio
}

// maxRows bounds the status; the oldest that are down go first.
const maxRows = 64

func (d *Daemon) rowUp(m *meeting) {
	d.courier.Lock()
	defer d.courier.Unlock()
	r := d.row(m.kind, m.addr)
	r.state, r.since, r.m, r.who = "up", d.opts.Now(), m, ""
	r.because(nil)
	d.changes.bump()
}

func (d *Daemon) rowDown(kind, addr string, err error) {
	d.courier.Lock()
	defer d.courier.Unlock()
	r := d.row(kind, addr)
	if r.m != nil {
		r.in, r.out, r.slow, r.m = r.in+r.m.in.Load(), r.out+r.m.out.Load(), r.m.gauge.slow.Load(), nil
	}
	if f := relay.FaultOf(err); f != "" || r.state == "up" && d.opts.Now().Sub(r.since) >= steady {
		r.fault = f
	}
	if r.state != "down" {
		r.state, r.since = "down", d.opts.Now()
	}
	r.because(err)
}

// row finds or makes a line. courier is held.
func (d *Daemon) row(kind, addr string) *row {
	key := kind + " " + addr
	if r := d.rows[key]; r != nil {
		return r
	}
	if len(d.rows) >= maxRows {
		oldest := ""
		for k, r := range d.rows {
			if r.state != "up" && (oldest == "" || r.since.Before(d.rows[oldest].since)) {
				oldest = k
			}
		}
		delete(d.rows, oldest)
	}
	r := &row{kind: kind, addr: addr, state: "trying", since: d.opts.Now()}
	d.rows[key] = r
	return r
}
