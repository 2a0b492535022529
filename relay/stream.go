package relay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
)

// Errors that end a Stream.
var (
	// ErrBusy: the relay has no room for us now; try again in a while.
	ErrBusy = errors.New("relay: busy; try again in a while")
	// ErrRefused: the far end closed the session because of what we sent.
	ErrRefused = errors.New("relay: the far end refused what we sent")
	// ErrSilent: nothing came from the far end for too long.
	ErrSilent = errors.New("relay: the far end fell silent")
	// ErrStuck: what we wrote did not leave for too long.
	ErrStuck = errors.New("relay: the link is stuck")
)

// maxMessage is the most bytes in one message, so that a slow link shows
// progress often.
const maxMessage = 16 << 10

// Stream is the stream of bytes inside a WebSocket; both ends of the relay
// link use it. The borders of binary messages mean nothing, and an empty one
// says "still here": each end sends one after half of Quiet without anything
// else to send. A text message is the end, and its text the reason: without
// it an end cannot be told from a cut. spec/relay.md, 4.
//
// Read and Write may be used by one goroutine each, Close by any.
type Stream struct {
	ws           *websocket.Conn
	quiet, stall time.Duration
	now          func() time.Time

	r io.Reader // rest of the message being read

	writing sync.Mutex
	began   atomic.Int64 // when the write under way began, Unix ns; 0 when none is
	said    atomic.Int64 // when we last wrote
	heard   atomic.Int64 // when we last read

	watch  *time.Timer
	over   chan struct{} // closed at the end
	mu     sync.Mutex
	closed bool
	cause  error
}

// NewStream takes over ws. Without a byte from the far end for twice quiet
// the stream ends with ErrSilent; when a message needs more than stall to
// leave, with ErrStuck. The caller must Close it.
func NewStream(ws *websocket.Conn, quiet, stall time.Duration) *Stream {
	s := &Stream{ws: ws, quiet: quiet, stall: stall, now: time.Now, over: make(chan struct{})}
	ws.SetReadLimit(-1) // messages are read in pieces: their length costs nothing
	now := s.now().UnixNano()
	s.said.Store(now)
	s.heard.Store(now)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watch = time.AfterFunc(min(quiet, stall)/4, s.look)
	return s
}

// Read fills p with what the far end wrote. io.EOF says that it closed,
// io.ErrUnexpectedEOF that the link was cut; see also the errors above.
func (s *Stream) Read(p []byte) (int, error) {
	for {
		if s.r == nil {
			kind, r, err := s.ws.Reader(context.Background())
			if err != nil {
				return 0, s.fail(err)
			}
			s.heard.Store(s.now().UnixNano())
			if kind != websocket.MessageBinary {
				return 0, s.fail(farewell(r))
			}
			s.r = r
		}
		n, err := s.r.Read(p)
		switch {
		case err == io.EOF: // of the message; that of the link is wrapped
			s.r = nil
		case err != nil:
			// What came of a piece that was cut may still be masked.
			return 0, s.fail(err)
		}
		if n > 0 {
			s.heard.Store(s.now().UnixNano())
			return n, nil
		}
		if len(p) == 0 {
			return 0, nil
		}
	}
}

// Reasons to end a stream.
const (
	byeDone = ""
	byeBusy = "busy"
)

// maxReason bounds a reason, in bytes.
const maxReason = 100

// farewell reads the far end's reason.
func farewell(r io.Reader) error {
	reason, err := io.ReadAll(io.LimitReader(r, maxReason))
	switch {
	case err != nil:
		return err
	case string(reason) == byeDone:
		return io.EOF
	case string(reason) == byeBusy:
		return ErrBusy
	}
	return fmt.Errorf("%w: %q", ErrRefused, reason)
}

// Write sends p, in several messages when it is long.
func (s *Stream) Write(p []byte) (int, error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	n := 0
	for n < len(p) {
		part := p[n:min(len(p), n+maxMessage)]
		if err := s.send(part); err != nil {
			if errors.Is(err, net.ErrClosed) {
				// The far end closed; Read knows why, or will.
				return n, s.ended()
			}
			return n, s.fail(err)
		}
		n += len(part)
	}
	return n, nil
}

// send writes one message. Needs s.writing.
func (s *Stream) send(p []byte) error {
	s.began.Store(s.now().UnixNano())
	defer s.began.Store(0)
	if err := s.ws.Write(context.Background(), websocket.MessageBinary, p); err != nil {
		return err
	}
	s.said.Store(s.now().UnixNano())
	return nil
}

// Times for the end: to say goodbye, and to wait for the far end's.
const (
	byeTime    = time.Second
	lingerTime = 3 * time.Second
)

// Close says goodbye where nothing is in the way and ends the stream at once.
func (s *Stream) Close() error {
	s.goodbye(byeDone)
	s.end(net.ErrClosed)
	return nil
}

// Finish implements Line: it tells the far end why the stream ends and waits some seconds until it
// closed, so that what was written last is not lost on the way: a connection
// that is closed while bytes wait to be read takes back what it sent. The
// reader must go on reading.
func (s *Stream) Finish(reason string) {
	if s.goodbye(reason) {
		t := time.NewTimer(lingerTime)
		defer t.Stop()
		select {
		case <-s.over:
		case <-t.C:
		}
	}
	s.end(net.ErrClosed)
}

// Cut implements Line.
func (s *Stream) Cut() { s.end(net.ErrClosed) }

// goodbye sends the reason unless a Write is in the way.
func (s *Stream) goodbye(reason string) bool {
	if !s.writing.TryLock() {
		return false
	}
	defer s.writing.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), byeTime)
	defer cancel()
	return s.ws.Write(ctx, websocket.MessageText, []byte(reason)) == nil
}

// end closes once; the first cause is what Read and Write answer.
func (s *Stream) end(cause error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.closed, s.cause = true, cause
	s.watch.Stop()
	close(s.over)
	// An error here only says that the far end was gone before us.
	_ = s.ws.CloseNow()
}

// look is the watch: it keeps a silent stream alive and ends a dead one.
func (s *Stream) look() {
	now := s.now()
	since := func(v int64) time.Duration { return now.Sub(time.Unix(0, v)) }
	if b := s.began.Load(); b != 0 && since(b) > s.stall {
		s.end(ErrStuck)
		return
	}
	if since(s.heard.Load()) > 2*s.quiet {
		s.end(ErrSilent)
		return
	}
	s.mu.Lock()
	if !s.closed {
		s.watch.Reset(min(s.quiet, s.stall) / 4)
	}
	s.mu.Unlock()
	if since(s.said.Load()) >= s.quiet/2 && s.writing.TryLock() {
		defer s.writing.Unlock()
		if err := s.send(nil); err != nil {
			s.end(err)
		}
	}
}

// ended is the cause of the end; io.EOF while it is not known yet.
func (s *Stream) ended() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return s.cause
	}
	return io.EOF
}

// fail closes the stream and says why it ended in words of this package.
func (s *Stream) fail(err error) error {
	s.mu.Lock()
	closed, cause := s.closed, s.cause
	s.mu.Unlock()
	if closed {
		return cause
	}
	var ce websocket.CloseError
	switch {
	case errors.As(err, &ce) && (ce.Code == websocket.StatusNormalClosure || ce.Code == websocket.StatusGoingAway):
		err = io.EOF
	case errors.As(err, &ce):
		err = fmt.Errorf("%w: %q", ErrRefused, ce.Reason)
	case err == io.EOF: // goodbye
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		err = io.ErrUnexpectedEOF
	}
	s.end(err)
	return s.ended()
}
