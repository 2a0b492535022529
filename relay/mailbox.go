package relay

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
)

// Path is where exchange sessions begin. spec/relay.md, 3.
const Path = "/v1/exchange"

// Mailbox serves a Box over HTTP. It is an http.Handler for those who bring
// their own server; Serve does the whole.
type Mailbox struct {
	box   Box
	opts  Options
	loads *loads
	parts *partials
	hub   *hub

	// life ends with Close.
	life context.Context
	end  context.CancelFunc

	// fullUntil is until when no deposits are asked for, Unix ns.
	fullUntil atomic.Int64
	troubleAt atomic.Int64 // when trouble was last logged, Unix ns

	mu       sync.Mutex
	sessions map[*session]struct{}
	lines    map[Line]struct{}
	closed   bool
	shedAt   time.Time
	running  sync.WaitGroup
}

// Handler serves the box at GET / (a plain page) and GET /v1/exchange; all
// else is 404. The caller's server bounds connections and headers and must
// speak HTTP/1.1; Close ends the sessions.
func Handler(box Box, o Options) *Mailbox {
	o = o.filled()
	m := &Mailbox{
		box: box, opts: o, loads: newLoads(o.Limits), parts: newPartials(o.Limits.Partials), hub: newHub(),
		sessions: map[*session]struct{}{}, lines: map[Line]struct{}{},
	}
	m.life, m.end = context.WithCancel(context.Background())
	return m
}

// loadKey is where Serve leaves the load of a connection that it let in.
type loadKey struct{}

// ServeHTTP answers one request.
func (m *Mailbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/" && (r.Method == http.MethodGet || r.Method == http.MethodHead):
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(m.opts.Page) // whoever looked at the page went away
	case r.URL.Path == Path && upgrades(r):
		m.exchange(w, r)
	default:
		http.NotFound(w, r)
	}
}

// upgrades tells whether the request asks for a WebSocket. Anything else
// finds nothing at that path, so that a curious visitor learns no more than
// from any other path.
func upgrades(r *http.Request) bool {
	return r.Method == http.MethodGet && strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
}

// exchange lets one client in and serves it to its end.
func (m *Mailbox) exchange(w http.ResponseWriter, r *http.Request) {
	l, ok := r.Context().Value(loadKey{}).(*load)
	if !ok {
		now := time.Now()
		if l, ok = m.enter(r.RemoteAddr, now); !ok {
			w.Header().Set("Retry-After", "30")
			http.Error(w, "busy", http.StatusServiceUnavailable)
			return
		}
		defer m.loads.leave(l)
	}
	if !m.begin() {
		http.Error(w, "closing", http.StatusServiceUnavailable)
		return
	}
	defer m.running.Done()
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{CompressionMode: websocket.CompressionDisabled})
	if err != nil {
		return // Accept has answered
	}
	m.attend(NewStream(ws, m.opts.Limits.Quiet, m.opts.Limits.Frame), l)
}

// Line is one client's stream of bytes, whatever carries it. One goroutine
// reads and one writes; Finish and Cut may come from any.
type Line interface {
	io.ReadWriter
	// Finish tells the far end why the line ends (empty: done; "busy": come
	// again later; else what it did wrong), gives what was written some
	// seconds to arrive, and closes. Somebody must go on reading.
	Finish(reason string)
	// Cut closes at once and says nothing.
	Cut()
}

// Attend serves one client over a line until its end; remote is the client's
// IP address and port, for the limits of its prefix.
func (m *Mailbox) Attend(line Line, remote string) {
	l, ok := m.enter(remote, time.Now())
	if !ok {
		line.Finish(byeBusy)
		return
	}
	defer m.loads.leave(l)
	if !m.begin() {
		line.Finish(byeDone)
		return
	}
	defer m.running.Done()
	m.attend(line, l)
}

func (m *Mailbox) attend(line Line, l *load) {
	m.track(line)
	defer m.untrack(line)
	m.serve(m.life, line, l)
}

// enter counts a connection in, and makes room by ending idle sessions when
// there is none.
func (m *Mailbox) enter(remote string, now time.Time) (*load, bool) {
	l, ok := m.loads.enter(remote, now)
	if !ok && m.loads.crowded() {
		m.shed(now)
	}
	return l, ok
}

// begin counts a running session; false once closing.
func (m *Mailbox) begin() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return false
	}
	m.running.Add(1)
	return true
}

func (m *Mailbox) track(line Line) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lines[line] = struct{}{}
}

func (m *Mailbox) untrack(line Line) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.lines, line)
}

func (m *Mailbox) enroll(s *session) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sessions[s] = struct{}{}
}

func (m *Mailbox) dismiss(s *session) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.sessions, s)
}

// Shedding: once a second at most, a relay without room ends one in 50 of
// its sessions, of those that moved nothing for some seconds.
const (
	shedEvery = time.Second
	shedIdle  = 5 * time.Second
	shedShare = 50
)

func (m *Mailbox) shed(now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if d := now.Sub(m.shedAt); d >= 0 && d < shedEvery {
		return
	}
	m.shedAt = now
	n := len(m.sessions)/shedShare + 1
	for s := range m.sessions { // map order: whom it meets is chance
		if n == 0 {
			return
		}
		if now.Sub(time.Unix(0, s.used.Load())) > shedIdle {
			delete(m.sessions, s)
			close(s.shed)
			n--
		}
	}
}

// Close ends all sessions: each says goodbye; after Options.Grace, or when ctx
// ends, the rest are cut. It answers when all are gone. What was acknowledged
// is in the box.
func (m *Mailbox) Close(ctx context.Context) {
	m.mu.Lock()
	m.closed = true
	m.mu.Unlock()
	m.end()
	done := make(chan struct{})
	go func() {
		m.running.Wait()
		close(done)
	}()
	grace := time.NewTimer(m.opts.Grace)
	defer grace.Stop()
	select {
	case <-done:
		return
	case <-grace.C:
	case <-ctx.Done():
	}
	m.mu.Lock()
	for line := range m.lines {
		line.Cut()
	}
	m.mu.Unlock()
	<-done
}

// putOff is how long no deposits are asked for after the box could not take
// one. Pulling goes on meanwhile.
const putOff = 10 * time.Second

// full notes that the box could not take a deposit.
func (m *Mailbox) full(now time.Time, err error) {
	if m.fullUntil.Swap(now.Add(putOff).UnixNano()) < now.UnixNano() {
		m.trouble("put", err)
	}
}

func (m *Mailbox) isFull(now time.Time) bool { return now.UnixNano() < m.fullUntil.Load() }

// trouble logs what went wrong with the box, once a second at most. Its errors
// speak of files, never of clients.
func (m *Mailbox) trouble(what string, err error) {
	now := time.Now().UnixNano()
	last := m.troubleAt.Load()
	if now-last < int64(time.Second) || !m.troubleAt.CompareAndSwap(last, now) || m.life.Err() != nil {
		return
	}
	m.opts.Log.Error("box failed", "call", what, "err", err)
}
