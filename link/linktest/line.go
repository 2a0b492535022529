package linktest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/jauap/jauap/link"
)

// ErrCut is what both ends of a Line see after it was cut.
var ErrCut = errors.New("linktest: the line was cut")

// Line says what an in-memory link is like. Its zero value is fast, whole and
// holds 64 KiB in flight each way.
type Line struct {
	Rate     int           // bytes per second each way; 0 for no limit
	Delay    time.Duration // one way
	Buffer   int           // bytes in flight each way before Write blocks; 0 for 64 KiB
	CutAfter int64         // the line is cut when one way has taken so many bytes; 0 for never
	Traits   link.Traits   // what both ends tell; the zero value stands for Delay and Nearby
	Key      string        // what both ends tell of their peer's key; empty for strangers
}

// Pipe is an ideal link: Line's zero value.
func Pipe() (a, b *End) { return Line{}.Pipe() }

// Pipe opens the line.
func (l Line) Pipe() (a, b *End) {
	if l.Buffer <= 0 {
		l.Buffer = 64 << 10
	}
	if l.Traits == (link.Traits{}) {
		l.Traits = link.Traits{Latency: max(l.Delay, time.Millisecond), Exposure: link.Nearby}
	}
	w := &wire{line: l, changed: make(chan struct{})}
	a = &End{wire: w, in: 0, name: "a"}
	b = &End{wire: w, in: 1, name: "b"}
	return a, b
}

// End is one end of a Line. It is a link.Conn.
type End struct {
	wire *wire
	in   int // index of the way that this end reads; it writes the other
	name string
}

var _ link.Conn = (*End)(nil)

// wire is what the two ends share.
type wire struct {
	line    Line
	mu      sync.Mutex
	ways    [2]way
	closed  [2]bool // by the end that reads way i
	cut     bool
	changed chan struct{} // closed and replaced at each change
}

// way is one direction: parcels that are under way or have arrived.
type way struct {
	parcels []parcel
	held    int       // bytes in parcels
	free    time.Time // when the sender's side of the line is idle again
	taken   int64     // bytes ever written
	cutAt   bool      // the line is cut behind the last parcel
}

type parcel struct {
	at   time.Time // arrival
	data []byte
}

// Traits implements link.Conn.
func (e *End) Traits() link.Traits { return e.wire.line.Traits }

// Peer implements link.Conn.
func (e *End) Peer() link.Peer {
	return link.Peer{Key: e.wire.line.Key, Addr: "the other end of " + e.name}
}

// Cut breaks the line both ways. What is in flight is lost.
func (e *End) Cut() error {
	w := e.wire
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = true
	w.tell()
	return nil
}

// Close implements link.Conn. What was written before arrives.
func (e *End) Close() error {
	w := e.wire
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.closed[e.in] {
		w.closed[e.in] = true
		w.tell()
	}
	return nil
}

// tell wakes all who wait; the caller holds mu.
func (w *wire) tell() {
	close(w.changed)
	w.changed = make(chan struct{})
}

// Read implements link.Conn.
func (e *End) Read(p []byte) (int, error) {
	w := e.wire
	for {
		w.mu.Lock()
		n, wait, err := w.take(e.in, p)
		changed := w.changed
		w.mu.Unlock()
		if n > 0 || err != nil || len(p) == 0 {
			return n, err
		}
		pause(changed, wait)
	}
}

// take reads what has arrived on way i, or says how long to wait for the next
// parcel (0: until something changes).
func (w *wire) take(i int, p []byte) (n int, wait time.Duration, err error) {
	in := &w.ways[i]
	switch {
	case w.closed[i]:
		return 0, 0, fmt.Errorf("linktest: read: %w", io.ErrClosedPipe)
	case w.cut:
		return 0, 0, ErrCut
	case len(in.parcels) == 0 && (in.cutAt || w.ways[1-i].cutAt):
		return 0, 0, ErrCut
	case len(in.parcels) == 0 && w.closed[1-i]:
		return 0, 0, io.EOF
	case len(in.parcels) == 0:
		return 0, 0, nil
	}
	if wait = time.Until(in.parcels[0].at); wait > 0 {
		return 0, wait, nil
	}
	first := &in.parcels[0]
	n = copy(p, first.data)
	if first.data = first.data[n:]; len(first.data) == 0 {
		in.parcels = in.parcels[1:]
	}
	in.held -= n
	w.tell()
	return n, 0, nil
}

// Write implements link.Conn. It blocks while the line is full.
func (e *End) Write(p []byte) (int, error) {
	w := e.wire
	done := 0
	for {
		w.mu.Lock()
		n, err := w.put(e.in, p[done:])
		changed := w.changed
		w.mu.Unlock()
		done += n
		if err != nil || done == len(p) {
			return done, err
		}
		if n == 0 {
			<-changed // full: wait for the reader
		}
	}
}

// put sends a piece of p away from the end that reads way i.
func (w *wire) put(i int, p []byte) (int, error) {
	out := &w.ways[1-i]
	switch {
	case w.closed[i] || w.closed[1-i]:
		return 0, fmt.Errorf("linktest: write: %w", io.ErrClosedPipe)
	case w.cut || out.cutAt || w.ways[i].cutAt:
		return 0, ErrCut
	}
	l := w.line
	piece := min(len(p), l.Buffer-out.held, 16<<10)
	if l.Rate > 0 {
		piece = min(piece, max(1, l.Rate/100))
	}
	if l.CutAfter > 0 {
		piece = int(min(int64(piece), l.CutAfter-out.taken))
	}
	if piece <= 0 {
		return 0, nil
	}
	if now := time.Now(); out.free.Before(now) {
		out.free = now
	}
	if l.Rate > 0 {
		out.free = out.free.Add(time.Duration(piece) * time.Second / time.Duration(l.Rate))
	}
	out.parcels = append(out.parcels, parcel{at: out.free.Add(l.Delay), data: bytes.Clone(p[:piece])})
	out.held += piece
	out.taken += int64(piece)
	out.cutAt = out.taken == l.CutAfter
	w.tell()
	return piece, nil
}

// pause waits for a change, or for d when d is not 0.
func pause(changed <-chan struct{}, d time.Duration) {
	if d <= 0 {
		<-changed
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-changed:
	case <-t.C:
	}
}
