package relay

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"sync/atomic"
	"time"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/exchange"
)

// session is one client's connection. Two goroutines work on it: hear reads
// frames into the inbox, run does everything else.
type session struct {
	room   *Mailbox
	load   *load
	line   Line
	in     *inbox
	gone   chan struct{} // closed when run has ended
	shelf  *shelf
	x      *exchange.Session
	ear    *ear
	seen   Mark  // what the ear's rings were followed up to
	met    bool  // the first frame came
	failed error // what the client broke while we spoke
	left   int64
	// used is when the last frame moved, Unix ns; shed is closed when the
	// relay wants the place for another client.
	used atomic.Int64
	shed chan struct{}
	// minting says that an answer about postage is being made, and minted brings it.
	minting bool
	minted  chan []byte
}

// frameRoom is the most bytes of one frame to the client: small, so that what
// is urgent does not wait long, and one message with its length.
const frameRoom = maxMessage - exchange.Prefix

// retryEvery is how often a session looks whether what another was depositing
// has come.
const retryEvery = 250 * time.Millisecond

// serve runs a session on a line until its end and closes the line.
func (m *Mailbox) serve(ctx context.Context, line Line, l *load) {
	head, err := m.box.Head(ctx)
	if err != nil {
		m.trouble("head", err)
		line.Finish(byeBusy)
		return
	}
	all := allSlots()
	s := &session{
		room: m, load: l, line: line, in: newInbox(), gone: make(chan struct{}),
		shelf: &shelf{ctx: ctx, room: m, load: l, slots: all, parts: map[envelope.ID]*assembly{}},
		seen:  head.Top, left: m.opts.Limits.SessionOut, shed: make(chan struct{}), minted: make(chan []byte, 1),
	}
	s.used.Store(time.Now().UnixNano())
	s.x = exchange.New(exchange.Config{Epoch: head.Epoch, Top: uint64(head.Top), Serve: true}, s.shelf)
	s.ear = m.hub.join(all)
	m.enroll(s)
	heard := make(chan struct{})
	go func() {
		defer close(heard)
		s.hear()
	}()
	bye := s.run(ctx)
	close(s.gone)
	m.hub.leave(s.ear)
	m.dismiss(s)
	if bye == hangUp {
		line.Cut()
		<-heard
		s.rest()
		s.shelf.close()
		return
	}
	s.shelf.close()
	line.Finish(bye)
	<-heard
}

// hear reads frames until the stream ends.
func (s *session) hear() {
	r := bufio.NewReaderSize(s.line, 4<<10)
	var total int64
	for {
		frame, err := exchange.ReadFrame(r, nil)
		if err != nil {
			if torn := exchange.Torn(frame); torn != nil {
				s.in.put(torn, s.gone)
			}
			s.in.close(err)
			break
		}
		n := len(frame) + exchange.Prefix
		if total += int64(n); total > s.room.opts.Limits.SessionIn {
			s.in.close(errSpent)
			break
		}
		if !s.in.put(frame, s.gone) || !s.pause(s.room.loads.received(s.load, n, time.Now())) {
			break
		}
	}
	// The session is over or about to be; what still comes is nobody's. See
	// Stream.Finish.
	_, _ = io.Copy(io.Discard, r)
}

// errSpent: the session moved as many bytes as one may.
var errSpent = errors.New("relay: the session's bytes are used up")

// pause waits; false when the session ended meanwhile.
func (s *session) pause(d time.Duration) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-s.gone:
		return false
	}
}

// hangUp as a reason closes the stream without a word; stay is none.
const (
	hangUp = "-"
	stay   = "+"
)

// run is the session's main loop. It answers the reason of the end.
func (s *session) run(ctx context.Context) (bye string) {
	greet := time.NewTimer(s.room.opts.Limits.Hello)
	defer greet.Stop()
	if bye := s.speak(ctx); bye != stay {
		return bye
	}
	for late := false; ; {
		var retry <-chan time.Time
		if s.shelf.waiting {
			retry = time.After(retryEvery)
		}
		select {
		case <-s.in.ready:
		case <-s.ear.wake:
			s.additions(ctx)
		case <-retry:
			s.shelf.waiting = false
			s.x.Retry()
		case answer := <-s.minted:
			if bye := s.issue(ctx, answer); bye != stay {
				return bye
			}
		case <-greet.C:
			late = true // it may have come in this moment
		case <-s.shed:
			return byeDone
		case <-ctx.Done():
			s.x.Bye()
			_ = s.speak(context.WithoutCancel(ctx)) // the last word
			return byeDone
		}
		if bye := s.listen(ctx); bye != stay {
			return bye
		}
		if late && !s.met {
			return "no greeting"
		}
	}
}

// listen takes what came and says what there is to say. It answers stay, or
// the reason of the end.
func (s *session) listen(ctx context.Context) (bye string) {
	for {
		frames, err := s.in.take()
		if err != nil {
			return closing(err)
		}
		if err := s.receive(frames); err != nil {
			_ = s.speak(ctx) // last words
			return closing(err)
		}
		if bye = s.speak(ctx); bye != stay || len(frames) == 0 {
			return bye
		}
	}
}

func (s *session) receive(frames [][]byte) error {
	for _, f := range frames {
		if !s.met {
			s.met = true
			s.greeted(f)
		} else if s.isAsk(f) {
			continue
		}
		if err := s.x.Receive(f); err != nil {
			return err
		}
		s.used.Store(time.Now().UnixNano())
	}
	return nil
}

// rest takes what came before the line broke and was not looked at yet. Nothing can be
// confirmed any more: the next session answers for it.
func (s *session) rest() {
	if frames, _ := s.in.take(); s.receive(frames) == nil {
		_ = s.shelf.Sync()
	}
}

// closing translates the reason of a session's end. The far end learns no more
// than its class.
func closing(err error) (bye string) {
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, exchange.ErrOver), errors.Is(err, errSpent):
		return byeDone
	case errors.Is(err, exchange.ErrProtocol), errors.Is(err, exchange.ErrTooLong):
		return "protocol"
	case errors.Is(err, exchange.ErrVersion):
		return "version"
	}
	return hangUp
}

// greeted narrows what the session listens to.
func (s *session) greeted(hello []byte) {
	if slots, ok := helloSlots(hello); ok {
		s.shelf.slots = slots
		s.room.hub.narrow(s.ear, slots)
	}
}

// speak sends all that there is to say. It looks into the inbox between
// frames, so that small things that come up go before large ones.
func (s *session) speak(ctx context.Context) (bye string) {
	for {
		frame := s.x.Next(frameRoom)
		if err := s.shelf.broken; err != nil {
			s.room.trouble("read", err)
			return byeBusy
		}
		if frame == nil {
			break
		}
		n := len(frame) + exchange.Prefix
		if s.left -= int64(n); s.left < 0 {
			return byeDone
		}
		wait := s.room.loads.sent(s.load, n, time.Now())
		if !s.breathe(ctx, wait) {
			return hangUp
		}
		if err := exchange.WriteFrame(s.line, frame); err != nil {
			return hangUp
		}
		s.used.Store(time.Now().UnixNano())
		// What came meanwhile counts before the next frame is chosen. The end
		// of the stream is left for listen.
		frames, err := s.in.take()
		if err != nil {
			nudge(s.in.ready)
		}
		if err := s.receive(frames); err != nil && !errors.Is(err, exchange.ErrOver) {
			s.failed = err
		}
		select {
		case <-s.ear.wake:
			s.additions(ctx)
		default:
		}
		if ctx.Err() != nil {
			return stay // run says goodbye
		}
	}
	if s.failed != nil {
		return closing(s.failed)
	}
	switch o := s.x.Take(); {
	case o.Err != nil:
		return byeBusy
	case o.Bye:
		return byeDone
	}
	return stay
}

// breathe waits out what the prefix's bucket demands.
func (s *session) breathe(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// additions tells the session what others deposited since it last looked.
func (s *session) additions(ctx context.Context) {
	for {
		entries, upto, err := s.room.box.List(ctx, s.seen, s.shelf.slots, sinceStep)
		if err != nil {
			s.shelf.broken = err
			return
		}
		for _, e := range entries {
			s.x.Added(itemOf(e))
		}
		if upto <= s.seen {
			return
		}
		s.seen = upto
	}
}

// helloSlots reads the slots that a client takes from its greeting; none
// means all. exchange judges the same frame: this only saves the relay from
// listing what the session would not offer. spec/exchange.md, 3.
func helloSlots(frame []byte) (slots Slots, ok bool) {
	const head, withEpoch, withSince = 1 + 1 + 1 + 2, 2, 4
	if len(frame) < head {
		return slots, false
	}
	flags, b := frame[2], frame[head:]
	skip := func(epoch bool, uvarints int) bool {
		if epoch {
			if len(b) < 8 {
				return false
			}
			b = b[8:]
		}
		for range uvarints {
			_, n := binary.Uvarint(b)
			if n <= 0 {
				return false
			}
			b = b[n:]
		}
		return true
	}
	if flags&withEpoch != 0 && !skip(true, 1) {
		return slots, false
	}
	if flags&withSince != 0 {
		if !skip(true, 1) || len(b) == 0 {
			return slots, false
		}
		n := int(b[0])
		b = b[1:]
		for range n {
			if len(b) == 0 {
				return slots, false
			}
			b = b[1:]
			if !skip(false, 1) {
				return slots, false
			}
		}
	}
	if len(b) == 0 || b[0] == 0 || int(b[0]) >= len(b) {
		return slots, false
	}
	return SlotsOf(b[1 : 1+int(b[0])]...).Plus(SlotsOf(0)), true
}
