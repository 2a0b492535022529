package relay_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	linkrelay "github.com/jauap/jauap/link/relay"
	"github.com/jauap/jauap/relay"
)

// pipes is a listener in memory, for tests in which time does not pass by
// itself: see testing/synctest.
type pipes struct {
	next   chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes {
	return &pipes{next: make(chan net.Conn), closed: make(chan struct{})}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.next:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return from("192.0.2.1:1") }

// from is an address that a pipe claims to come from.
type from string

func (from) Network() string  { return "tcp" }
func (f from) String() string { return string(f) }

// wire is one direction of a pipe: like a socket it holds some bytes.
type wire struct {
	mu     sync.Mutex
	change *sync.Cond
	data   []byte
	closed bool
}

const wireSize = 64 << 10

func newWire() *wire {
	w := &wire{}
	w.change = sync.NewCond(&w.mu)
	return w
}

func (w *wire) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	w.change.Broadcast()
}

// deadline is a moment after which waiting ends.
type deadline struct {
	w     *wire
	timer *time.Timer
	over  bool
}

func (d *deadline) set(t time.Time) {
	d.w.mu.Lock()
	defer d.w.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
	}
	d.timer, d.over = nil, false
	if t.IsZero() {
		return
	}
	var timer *time.Timer
	timer = time.AfterFunc(time.Until(t), func() {
		d.w.mu.Lock()
		defer d.w.mu.Unlock()
		if d.timer == timer {
			d.over = true
			d.w.change.Broadcast()
		}
	})
	d.timer = timer
}

type pipeEnd struct {
	in, out     *wire
	read, write deadline
	remote      from
}

func newPipe(remote string) (near, far *pipeEnd) {
	a, b := newWire(), newWire()
	near = &pipeEnd{in: a, out: b, remote: "192.0.2.1:443"}
	far = &pipeEnd{in: b, out: a, remote: from(remote)}
	for _, p := range []*pipeEnd{near, far} {
		p.read.w, p.write.w = p.in, p.out
	}
	return near, far
}

func (p *pipeEnd) Read(b []byte) (int, error) {
	w := p.in
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.data) == 0 {
		switch {
		case w.closed:
			return 0, io.EOF
		case p.read.over:
			return 0, os.ErrDeadlineExceeded
		}
		w.change.Wait()
	}
	n := copy(b, w.data)
	w.data = w.data[n:]
	w.change.Broadcast()
	return n, nil
}

func (p *pipeEnd) Write(b []byte) (int, error) {
	w := p.out
	w.mu.Lock()
	defer w.mu.Unlock()
	sent := 0
	for sent < len(b) {
		switch {
		case w.closed:
			return sent, net.ErrClosed
		case p.write.over:
			return sent, os.ErrDeadlineExceeded
		}
		if n := min(len(b)-sent, wireSize-len(w.data)); n > 0 {
			w.data = append(w.data, b[sent:sent+n]...)
			sent += n
			w.change.Broadcast()
			continue
		}
		w.change.Wait()
	}
	return sent, nil
}

func (p *pipeEnd) Close() error {
	p.in.close()
	p.out.close()
	return p.SetDeadline(time.Time{})
}

func (p *pipeEnd) LocalAddr() net.Addr  { return from("192.0.2.1:443") }
func (p *pipeEnd) RemoteAddr() net.Addr { return p.remote }

func (p *pipeEnd) SetDeadline(t time.Time) error {
	return errors.Join(p.SetReadDeadline(t), p.SetWriteDeadline(t))
}

func (p *pipeEnd) SetReadDeadline(t time.Time) error {
	p.read.set(t)
	return nil
}

func (p *pipeEnd) SetWriteDeadline(t time.Time) error {
	p.write.set(t)
	return nil
}

// dialFrom opens a raw connection that seems to come from an address.
func (p *pipes) dialFrom(ctx context.Context, remote string) (net.Conn, error) {
	near, far := newPipe(remote)
	select {
	case p.next <- far:
		return near, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-p.closed:
		return nil, errors.New("the relay is gone")
	}
}

// dialer dials as somebody at this address.
func (p *pipes) dialer(remote string) *linkrelay.Dialer {
	return &linkrelay.Dialer{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return p.dialFrom(ctx, remote)
	}}
}

// openPipes serves a box in memory until the test ends.
func openPipes(t *testing.T, box relay.Box, o relay.Options) (*world, *pipes) {
	t.Helper()
	key, err := relay.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	p := newPipes()
	return serve(t, p, key, box, o), p
}
