package udp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/apernet/quic-go"

	"github.com/jauap/jauap/relay"
)

// ALPN is what the greeting names. Everybody on the way can read it, so it is
// the most common word there is. spec/relay.md, 10.
const ALPN = "h3"

// PacketSize is the size of the first datagrams, in bytes: it passes wherever
// QUIC does (RFC 9000, 14).
const PacketSize = 1200

// Codes with which a connection is closed. spec/relay.md, 10.
const (
	codeDone quic.ApplicationErrorCode = 0
	codeBusy quic.ApplicationErrorCode = 1
	codeBad  quic.ApplicationErrorCode = 2 // what the far end did wrong is the reason phrase
	codeCut  quic.ApplicationErrorCode = 3
)

// Times for the end.
const (
	lingerTime = 3 * time.Second // for what was written to arrive
	drainTime  = 150 * time.Millisecond
	drainMost  = 1 << 20
)

// maxReason bounds a reason, in bytes.
const maxReason = 100

// Stream is the stream of bytes of one QUIC connection. It is a relay.Line,
// and what a link.Conn is made of. Read and Write may be used by one
// goroutine each, Close, Finish and Cut by any.
type Stream struct {
	conn  *quic.Conn
	str   *quic.Stream
	stall time.Duration

	mu     sync.Mutex
	idle   sync.Cond // no Read and no Write runs
	users  int
	writes int
	closed bool  // by this end
	broken bool  // a Write failed: the far end lacks something
	ended  error // why nothing more can be read
}

var _ relay.Line = (*Stream)(nil)

// NewStream takes over a connection and its only stream. A piece of what is
// written that the far end does not take for longer than stall ends it with
// relay.ErrStuck.
func NewStream(conn *quic.Conn, str *quic.Stream, stall time.Duration) *Stream {
	s := &Stream{conn: conn, str: str, stall: stall}
	s.idle.L = &s.mu
	return s
}

// Conn is the connection, for its statistics.
func (s *Stream) Conn() *quic.Conn { return s.conn }

func (s *Stream) enter(write bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return fmt.Errorf("relay/udp: %w", net.ErrClosed)
	case s.ended != nil && write && errors.Is(s.ended, io.EOF):
		return fmt.Errorf("relay/udp: the far end has closed: %w", net.ErrClosed)
	case s.ended != nil:
		return s.ended
	}
	s.users++
	if write {
		s.writes++
	}
	return nil
}

// leave ends a use and says what the connection's error means.
func (s *Stream) leave(write bool, err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if write {
		s.writes--
		s.broken = s.broken || err != nil
	}
	if s.users--; s.users == 0 {
		s.idle.Broadcast()
	}
	switch {
	case err == nil:
		return nil
	case s.closed:
		return fmt.Errorf("relay/udp: %w", net.ErrClosed)
	}
	err = meaning(err)
	if write { // what the far end wrote before can still be read
		return err
	}
	if s.ended == nil {
		s.ended = err
		code := codeCut
		if errors.Is(err, io.EOF) {
			code = codeDone // the far end, which closed, waits for just this
		}
		go s.conn.CloseWithError(code, "")
	}
	return s.ended
}

// meaning translates the end of a connection into the errors of package relay.
func meaning(err error) error {
	var app *quic.ApplicationError
	var silent *quic.IdleTimeoutError
	var part *quic.StreamError
	switch {
	case errors.Is(err, io.EOF):
		return io.EOF
	case errors.As(err, &app) && app.ErrorCode == codeDone:
		return io.EOF
	case errors.As(err, &app) && app.ErrorCode == codeBusy:
		return relay.ErrBusy
	case errors.As(err, &app) && app.ErrorCode == codeBad:
		return fmt.Errorf("%w: %q", relay.ErrRefused, app.ErrorMessage[:min(maxReason, len(app.ErrorMessage))])
	case errors.As(err, &silent):
		return relay.ErrSilent
	case errors.As(err, &part) && part.Remote:
		return fmt.Errorf("relay/udp: the far end has closed: %w", net.ErrClosed)
	}
	return fmt.Errorf("%w (%v)", io.ErrUnexpectedEOF, err)
}

// Read answers io.EOF when the far end closed and all it wrote was read,
// io.ErrUnexpectedEOF when the link was cut, and the errors of relay.Stream.
func (s *Stream) Read(p []byte) (int, error) {
	if err := s.enter(false); err != nil {
		return 0, err
	}
	if len(p) == 0 {
		return 0, s.leave(false, nil)
	}
	n, err := s.str.Read(p)
	if n > 0 {
		err = nil // it comes again
	}
	return n, s.leave(false, err)
}

// Write sends p.
func (s *Stream) Write(p []byte) (done int, err error) {
	if err := s.enter(true); err != nil {
		return 0, err
	}
	const piece = 16 << 10
	for done < len(p) && err == nil {
		_ = s.str.SetWriteDeadline(time.Now().Add(s.stall))
		var n int
		n, err = s.str.Write(p[done:min(len(p), done+piece)])
		done += n
	}
	var late net.Error
	if errors.As(err, &late) && late.Timeout() && s.conn.Context().Err() == nil && !s.over() {
		_ = s.leave(true, err)
		s.Cut()
		return done, relay.ErrStuck
	}
	return done, s.leave(true, err)
}

func (s *Stream) over() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// Close ends the stream. It returns at once; what was written still arrives
// when the far end goes on reading and the link holds.
func (s *Stream) Close() error {
	if first, midway := s.shut(); first {
		go s.finish(midway, codeDone, "")
	}
	return nil
}

// shut marks the stream as closed by this end. It says whether it was the
// first to do so, and whether something that was written is lost by it.
func (s *Stream) shut() (first, midway bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	first = !s.closed
	s.closed = true
	return first, s.writes > 0 || s.broken
}

// Finish implements relay.Line.
func (s *Stream) Finish(reason string) {
	first, midway := s.shut()
	switch {
	case reason == "busy":
		_ = s.conn.CloseWithError(codeBusy, reason)
	case first && reason == "":
		s.finish(midway, codeDone, "")
	case first:
		s.finish(midway, codeBad, reason[:min(maxReason, len(reason))])
	}
}

// Cut implements relay.Line.
func (s *Stream) Cut() {
	s.shut()
	_ = s.conn.CloseWithError(codeCut, "")
}

// finish brings the last written bytes over and closes.
func (s *Stream) finish(midway bool, code quic.ApplicationErrorCode, reason string) {
	if midway {
		_ = s.conn.CloseWithError(codeCut, reason)
		return
	}
	_ = s.str.SetDeadline(time.Unix(1, 0)) // wakes whoever reads
	s.mu.Lock()
	for s.users > 0 {
		s.idle.Wait()
	}
	s.mu.Unlock()
	_ = s.str.SetDeadline(time.Time{})
	if err := s.str.Close(); err != nil {
		code = codeCut
	} else {
		s.linger()
	}
	_ = s.conn.CloseWithError(code, reason)
}

// linger waits until the far end closed, which it does when it has read
// everything. What it still sends is thrown away.
func (s *Stream) linger() {
	_ = s.str.SetReadDeadline(time.Now().Add(drainTime))
	_, err := io.CopyN(io.Discard, s.str, drainMost)
	var late net.Error
	if err != nil && (!errors.As(err, &late) || !late.Timeout()) {
		return // the far end closed too
	}
	s.str.CancelRead(0) // whoever only writes learns of it
	ctx, cancel := context.WithTimeout(s.conn.Context(), lingerTime)
	defer cancel()
	<-ctx.Done()
}
