package bp

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/jauap/jauap/link"
	"github.com/jauap/jauap/link/bundle"
)

// tcpcl is a session of TCPCL version 4. RFC 9174
type tcpcl struct {
	desk
	conn *steady
	r    *bufio.Reader
	far  sessInit
	keep time.Duration // 0: no signs of life were agreed on

	writing sync.Mutex
	wrote   time.Time

	mu      sync.Mutex
	nextID  uint64
	flight  map[uint64]*outgoing
	flown   int           // bytes in flight
	landed  chan struct{} // closed and replaced when something landed
	ending  bool          // no new transfers
	termOut bool          // our SESS_TERM is on its way

	handing sync.Mutex // segments of one transfer may not mix with another's. RFC 9174, 5.2.2

	in   incoming
	owed int // whole bundles whose end is not acknowledged yet

	once  sync.Once
	ended chan struct{}
	err   error
}

// outgoing is a transfer that waits for its acknowledgement.
type outgoing struct {
	size  int
	total uint64 // of the bundle
	done  func(error)
}

// incoming is the transfer that is arriving.
type incoming struct {
	open, refused bool
	id            uint64
	raw           []byte
}

// newTCPCL greets. ctx bounds it.
func newTCPCL(ctx context.Context, s Spot, o Options, conn net.Conn, active bool) (*tcpcl, error) {
	raw := conn
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	far, err := greetTCPCL(s, conn, active)
	if !stop() {
		err = errors.Join(ctx.Err(), err)
	}
	if err != nil {
		return nil, err
	}
	far.conn.quiet = max(2*far.keep, 2*patience) // RFC 9174, 5.1.1
	if far.keep == 0 {
		far.conn.quiet = plainQuiet
	}
	c := &tcpcl{
		desk: newDesk(s.Packing, o), conn: far.conn, r: far.r, far: far.init, keep: far.keep,
		wrote: time.Now(), flight: map[uint64]*outgoing{}, landed: make(chan struct{}), ended: make(chan struct{}),
	}
	go c.read()
	if c.keep > 0 {
		go c.beat()
	}
	return c, nil
}

// known is what the greetings tell of the far end.
type known struct {
	init sessInit
	keep time.Duration
	conn *steady
	r    *bufio.Reader
}

// greetTCPCL exchanges contact headers and SESS_INIT. RFC 9174, 4.1
func greetTCPCL(s Spot, conn net.Conn, active bool) (known, error) {
	flags, err := contact(s, &steady{Conn: conn, quiet: patience}, active)
	if err != nil {
		return known{}, err
	}
	if flags&canTLS != 0 && s.TLS != TLSOff {
		if conn, err = secure(conn, active); err != nil {
			return known{}, fmt.Errorf("bp: TLS: %w", err)
		}
	} else if s.TLS == TLSMust {
		return known{}, errTalk("it cannot encrypt; leave out ,tls if that does not matter")
	}
	k := known{conn: &steady{Conn: conn, quiet: patience}}
	k.r = bufio.NewReaderSize(k.conn, 64<<10)
	mine := appendInit(nil, s.name())
	if active {
		_, err = k.conn.Write(mine)
	}
	var m message
	for err == nil && m.kind != msgInit {
		m, err = readMessage(k.r)
		if err == nil && m.kind != msgInit && m.kind != msgKeepalive {
			err = errTalk("message %d before its SESS_INIT", m.kind)
		}
	}
	if err == nil && !active {
		_, err = k.conn.Write(mine)
	}
	if err != nil {
		return k, fmt.Errorf("bp: greeting: %w", err)
	}
	if k.init = m.init; k.init.segmentMRU == 0 || k.init.transMRU == 0 {
		return k, errTalk("it takes no bundle of any length")
	}
	k.keep = time.Duration(min(keepEvery, k.init.keepalive)) * time.Second // RFC 9174, 4.7
	return k, nil
}

// contact exchanges contact headers; who called speaks first. RFC 9174, 4.2
func contact(s Spot, conn io.ReadWriter, active bool) (flags byte, err error) {
	mine := append(contactHead[:len(contactHead):len(contactHead)], canTLS)
	if s.TLS == TLSOff {
		mine[len(contactHead)] = 0
	}
	if active {
		_, err = conn.Write(mine)
	}
	var far [len(contactHead) + 1]byte
	if err == nil {
		_, err = io.ReadFull(conn, far[:])
	}
	if err != nil {
		return 0, fmt.Errorf("bp: greeting: %w", err)
	}
	if !bytes.Equal(far[:4], contactHead[:4]) {
		return 0, errTalk("no bundle node is there")
	}
	if far[4] != contactHead[4] {
		return 0, errTalk("it speaks version %d of TCPCL, and 4 is known here; perhaps it knows mtcp or stcp", far[4])
	}
	if !active {
		if _, err = conn.Write(mine); err != nil {
			return 0, fmt.Errorf("bp: greeting: %w", err)
		}
	}
	return far[5], nil
}

// end ends the session for good and lands what is under way.
func (c *tcpcl) end(err error) {
	c.once.Do(func() {
		c.mu.Lock()
		c.err, c.ending = err, true
		flight := c.flight
		c.flight, c.flown = map[uint64]*outgoing{}, 0
		close(c.landed)
		c.landed = make(chan struct{})
		c.mu.Unlock()
		close(c.ended)
		_ = c.conn.Close()
		why := ErrEnded
		if err != nil {
			why = fmt.Errorf("%w: %w", ErrEnded, err)
		}
		for _, o := range flight {
			o.done(why)
		}
	})
}

// send writes one message whole.
func (c *tcpcl) send(parts ...[]byte) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	c.wrote = time.Now()
	for _, p := range parts {
		if _, err := c.conn.Write(p); err != nil {
			return fmt.Errorf("%w: %w", ErrEnded, err)
		}
	}
	return nil
}

// beat gives signs of life when nothing else does. RFC 9174, 5.1.1
func (c *tcpcl) beat() {
	t := time.NewTicker(c.keep / 3)
	defer t.Stop()
	for {
		select {
		case <-c.ended:
			return
		case <-t.C:
		}
		c.writing.Lock()
		idle := time.Since(c.wrote)
		c.writing.Unlock()
		if idle >= c.keep/2 {
			if err := c.send([]byte{msgKeepalive}); err != nil {
				c.end(err)
			}
		}
	}
}

// read takes messages until the session ends.
func (c *tcpcl) read() {
	defer close(c.done)
	for {
		m, err := readMessage(c.r)
		if err == nil {
			err = c.handle(m)
		}
		switch alien := errType(0); {
		case err == nil:
			continue
		case errors.As(err, &alien): // what follows it cannot be found. RFC 9174, 5.1.2
			_ = c.send([]byte{msgReject, rejectType, byte(alien)})
		case errors.Is(err, io.EOF) && c.mayEnd():
			err = nil
		case errors.Is(err, io.EOF):
			err = fmt.Errorf("%w: the line was cut", ErrEnded)
		}
		c.end(err)
		return
	}
}

// mayEnd reports whether the end of the line is a proper one: somebody said so, or
// nothing was under way.
func (c *tcpcl) mayEnd() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ending || len(c.flight) == 0 && !c.in.open
}

func (c *tcpcl) handle(m message) error {
	switch m.kind {
	case msgSegment:
		return c.segment(m)
	case msgAck:
		c.acked(m)
	case msgRefuse:
		if m.reason == refuseCompleted { // it has it already. RFC 9174, 5.2.4
			c.land(m.id, nil)
		} else {
			c.land(m.id, fmt.Errorf("%w (reason %d)", ErrRefused, m.reason))
		}
	case msgTerm:
		return c.term(m)
	case msgReject:
		return errTalk("it does not take message %d (reason %d)", m.flags, m.reason)
	case msgInit:
		_ = c.send([]byte{msgReject, rejectUnexpected, msgInit})
		return errTalk("a second SESS_INIT")
	}
	return nil
}

// term answers the far end's wish to end: no new transfers, but those under way are
// finished. RFC 9174, 6.1
func (c *tcpcl) term(m message) error {
	c.mu.Lock()
	c.ending = true
	reply := !c.termOut && m.flags&flagReply == 0
	c.termOut = true
	close(c.landed)
	c.landed = make(chan struct{})
	c.mu.Unlock()
	if reply {
		if err := c.send([]byte{msgTerm, flagReply, m.reason}); err != nil {
			return err
		}
	}
	c.endIfDone()
	return nil
}

// endIfDone ends a session that shall end when nothing is under way any more.
func (c *tcpcl) endIfDone() {
	c.mu.Lock()
	over := c.ending && c.termOut && len(c.flight) == 0 && !c.in.open && c.owed == 0
	c.mu.Unlock()
	if over {
		c.end(nil)
	}
}

// segment takes a piece of a bundle. RFC 9174, 5.2.2
func (c *tcpcl) segment(m message) error {
	in := &c.in
	start, end := m.flags&flagStart != 0, m.flags&flagEnd != 0
	if start == in.open || !start && m.id != in.id {
		_ = c.send([]byte{msgReject, rejectUnexpected, msgSegment})
		return errTalk("a segment out of turn")
	}
	if m.length > bundle.MaxBundle { // above what we said that we take
		return errTalk("a segment of %d bytes", m.length)
	}
	c.mu.Lock()
	if start {
		*in = incoming{open: true, id: m.id, raw: in.raw[:0]}
	}
	in.open = !end
	c.mu.Unlock()
	if !in.refused && uint64(len(in.raw))+m.length > bundle.MaxBundle {
		c.note(c.Peer(), bundle.ErrTooLarge.Error())
		if err := c.refuse(); err != nil {
			return err
		}
	}
	if in.refused { // the rest comes all the same. RFC 9174, 5.2.4
		_, err := io.CopyN(io.Discard, c.r, int64(m.length))
		return err
	}
	if err := c.readData(int(m.length)); err != nil {
		return err
	}
	if to, ok := bundle.For(in.raw); ok && !end && !c.g.ours(to) {
		c.desk.mu.Lock()
		c.strange++
		c.desk.mu.Unlock()
		return c.refuse()
	}
	if !end {
		return c.send(appendAck(nil, m.flags, m.id, uint64(len(in.raw))))
	}
	return c.arrived(m)
}

// readData reads a segment's bytes in pieces: who only promises much gets little
// memory.
func (c *tcpcl) readData(n int) error {
	for n > 0 {
		piece := min(n, 16<<10)
		c.in.raw = append(c.in.raw, make([]byte, piece)...)
		if _, err := io.ReadFull(c.r, c.in.raw[len(c.in.raw)-piece:]); err != nil {
			return fmt.Errorf("%w: cut in the middle of a bundle: %v", ErrEnded, err)
		}
		n -= piece
	}
	return nil
}

func (c *tcpcl) refuse() error {
	c.in.refused = true
	return c.send(appendRefuse(nil, refuseNotAcceptable, c.in.id))
}

// arrived queues a whole bundle; its end is acknowledged once it is kept.
func (c *tcpcl) arrived(m message) error {
	unit, err := c.open(c.Peer(), c.in.raw)
	if err != nil {
		return c.refuse()
	}
	ack := appendAck(nil, m.flags, m.id, uint64(len(c.in.raw)))
	c.mu.Lock()
	c.owed++
	c.mu.Unlock()
	taken := func() error {
		err := c.send(ack)
		c.mu.Lock()
		c.owed--
		c.mu.Unlock()
		c.endIfDone()
		return err
	}
	if !c.put(arrival{unit, taken}, c.ended) {
		return ErrEnded
	}
	return nil
}

func (c *tcpcl) acked(m message) {
	c.mu.Lock()
	o := c.flight[m.id]
	c.mu.Unlock()
	if o != nil && (m.flags&flagEnd != 0 || m.length >= o.total) {
		c.land(m.id, nil)
	}
}

// land finishes a transfer. An acknowledgement of one that is not known is passed
// over.
func (c *tcpcl) land(id uint64, err error) {
	c.mu.Lock()
	o := c.flight[id]
	if o == nil {
		c.mu.Unlock()
		return
	}
	delete(c.flight, id)
	c.flown -= o.size
	close(c.landed)
	c.landed = make(chan struct{})
	c.mu.Unlock()
	o.done(err)
	c.endIfDone()
}

// Hand implements Session.
func (c *tcpcl) Hand(ctx context.Context, unit []byte, done func(error)) error {
	raw, err := c.g.pack(unit, c.o.now())
	if err != nil {
		return err
	}
	if uint64(len(raw)) > c.far.transMRU {
		done(fmt.Errorf("%w: it takes bundles of up to %d bytes", ErrRefused, c.far.transMRU))
		return nil
	}
	c.handing.Lock()
	defer c.handing.Unlock()
	id, err := c.takeOff(ctx, &outgoing{size: len(raw), total: uint64(len(raw)), done: done})
	if err != nil {
		return err
	}
	for at := 0; at < len(raw); {
		n := int(min(uint64(len(raw)-at), c.far.segmentMRU))
		flags := byte(0)
		if at == 0 {
			flags |= flagStart
		}
		if at+n == len(raw) {
			flags |= flagEnd
		}
		if err := c.send(appendSegmentHead(nil, flags, id, len(raw), n), raw[at:at+n]); err != nil {
			c.end(err) // it lands there
			return nil
		}
		at += n
	}
	return nil
}

// takeOff waits for room and books it.
func (c *tcpcl) takeOff(ctx context.Context, o *outgoing) (id uint64, err error) {
	for {
		c.mu.Lock()
		if c.ending {
			c.mu.Unlock()
			return 0, ErrEnded
		}
		if len(c.flight) == 0 || len(c.flight) < maxFlight && c.flown+o.size <= maxFlown {
			id = c.nextID
			c.nextID++
			c.flight[id] = o
			c.flown += o.size
			c.mu.Unlock()
			return id, nil
		}
		landed := c.landed
		c.mu.Unlock()
		select {
		case <-landed:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// Leave implements link.Drop.
func (c *tcpcl) Leave(ctx context.Context, next func() ([]byte, bool)) (int64, error) {
	stop := context.AfterFunc(ctx, func() { c.end(ctx.Err()) }) // half a bundle is no bundle
	defer stop()
	return leave(ctx, c, next)
}

// Take implements Session.
func (c *tcpcl) Take(ctx context.Context, take func([][]byte) error) ([]link.Note, error) {
	err := c.take(ctx, take)
	if err == nil {
		<-c.ended
		err = c.err
	}
	return c.summary(c.Peer()), err
}

// Each implements link.Drop.
func (c *tcpcl) Each(ctx context.Context, take func([]byte) error) ([]link.Note, error) {
	return c.Take(ctx, one(take))
}

// Traits implements link.Drop.
func (c *tcpcl) Traits() link.Traits { return Traits() }

// Confirms implements Session.
func (c *tcpcl) Confirms() bool { return true }

// Peer implements Session.
func (c *tcpcl) Peer() string {
	addr := c.conn.RemoteAddr().String()
	if c.far.node == "" {
		return addr
	}
	name := strconv.QuoteToASCII(c.far.node)
	return addr + " " + name[1:min(len(name)-1, 64)]
}

// Done implements Session.
func (c *tcpcl) Done() <-chan struct{} { return c.ended }

// closing is how long the far end has to answer a SESS_TERM.
const closing = time.Second

// Close implements Session: it says so to the far end and waits a little for its
// answer, so that neither takes the end for a cut. RFC 9174, 6.1
func (c *tcpcl) Close() error {
	c.mu.Lock()
	said := c.termOut
	c.ending, c.termOut = true, true
	c.mu.Unlock()
	if !said {
		go func() {
			if err := c.send([]byte{msgTerm, 0, termUnknown}); err != nil {
				c.end(err)
			}
		}()
	}
	t := time.NewTimer(closing)
	defer t.Stop()
	select {
	case <-c.ended:
	case <-t.C:
	}
	c.end(ErrEnded)
	return nil
}
