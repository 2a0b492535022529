package relay_test

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/exchange"
	"github.com/jauap/jauap/link"
	linkrelay "github.com/jauap/jauap/link/relay"
	"github.com/jauap/jauap/relay"
	"github.com/jauap/jauap/relay/boxtest"
)

// phone is a client's shelf, kept in memory.
type phone struct {
	mu     sync.Mutex
	items  []exchange.Item
	raw    map[envelope.ID][]byte
	parts  map[envelope.ID][]byte
	refuse bool // take nothing
}

var _ exchange.Shelf = (*phone)(nil)

func newPhone(units ...envelope.Envelope) *phone {
	p := &phone{raw: map[envelope.ID][]byte{}, parts: map[envelope.ID][]byte{}}
	for _, e := range units {
		p.add(e)
	}
	return p
}

func (p *phone) add(e envelope.Envelope) exchange.Item {
	p.mu.Lock()
	defer p.mu.Unlock()
	it := exchange.Item{ID: e.ID(), Class: e.Class(), Size: len(e.Bytes()), Expiry: e.Expiry(),
		Shard: e.Shard(), Seq: uint64(len(p.items) + 1)}
	p.items = append(p.items, it)
	p.raw[it.ID] = e.Bytes()
	return it
}

func (p *phone) has(e envelope.Envelope) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.raw[e.ID()] != nil
}

func (p *phone) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.raw)
}

func (p *phone) Since(seq uint64, max int) []exchange.Item {
	p.mu.Lock()
	defer p.mu.Unlock()
	rest := p.items[min(int(seq), len(p.items)):]
	return append([]exchange.Item(nil), rest[:min(max, len(rest))]...)
}

func (p *phone) Want(it exchange.Item) (int, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.raw[it.ID] != nil {
		return it.Size, false
	}
	return len(p.parts[it.ID]), !p.refuse
}

func (p *phone) Append(to []byte, id envelope.ID, from, max int) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	b := p.raw[id]
	if b == nil {
		return nil, relay.ErrMissing
	}
	return append(to, b[from:min(from+max, len(b))]...), nil
}

func (p *phone) Write(it exchange.Item, from int, data []byte) (exchange.Verdict, bool, error) {
	p.mu.Lock()
	b := append(p.parts[it.ID][:from:from], data...)
	p.parts[it.ID] = b
	p.mu.Unlock()
	if len(b) < it.Size {
		return 0, false, nil
	}
	delete(p.parts, it.ID)
	e, err := envelope.Parse(b)
	if err != nil || e.ID() != it.ID {
		return exchange.Refuse, true, exchange.ErrMismatch
	}
	p.add(e)
	return exchange.KeepAndOffer, true, nil
}

func (p *phone) Sync() error { return nil }

// talk is one running session of a phone.
type talk struct {
	conn   link.Conn
	x      *exchange.Session
	frames chan []byte // wide: whoever does not read while writing can block both
	ended  chan error  // the reader's end
	total  exchange.Outcome
}

// start begins a session. Whoever starts one closes it.
func start(conn link.Conn, c exchange.Config, p exchange.Shelf) *talk {
	tk := &talk{conn: conn, x: exchange.New(c, p)}
	tk.listen()
	return tk
}

// listen reads frames until the link ends.
func (tk *talk) listen() {
	tk.frames, tk.ended = make(chan []byte, 4096), make(chan error, 1)
	go func() {
		for {
			f, err := exchange.ReadFrame(tk.conn, nil)
			if err != nil {
				tk.ended <- err
				close(tk.frames)
				return
			}
			tk.frames <- f
		}
	}()
}

// until runs the session until done is content or the session ends, and
// answers all that happened.
func (tk *talk) until(ctx context.Context, done func(exchange.Outcome) bool) (exchange.Outcome, error) {
	for {
		for f := tk.x.Next(exchange.MaxFrame); f != nil; f = tk.x.Next(exchange.MaxFrame) {
			if err := exchange.WriteFrame(tk.conn, f); err != nil {
				return tk.total, err
			}
		}
		o := tk.x.Take()
		o.Kept = append(tk.total.Kept, o.Kept...)
		o.Handed = append(tk.total.Handed, o.Handed...)
		o.Refused = append(tk.total.Refused, o.Refused...)
		tk.total = o
		if done(o) {
			return o, nil
		}
		select {
		case f, ok := <-tk.frames:
			if !ok {
				return tk.total, <-tk.ended
			}
			if err := tk.x.Receive(f); err != nil {
				return tk.total, err
			}
		case <-ctx.Done():
			return tk.total, ctx.Err()
		}
	}
}

func (tk *talk) close() {
	_ = tk.conn.Close()
	for range tk.frames {
	}
}

func even(o exchange.Outcome) bool { return o.Even }

// world is a relay on loopback.
type world struct {
	testing.TB
	box  relay.Box
	addr relay.Addr
	stop func()
}

// open serves a box on loopback until the test ends.
func open(tb testing.TB, box relay.Box, o relay.Options) *world {
	tb.Helper()
	key, err := relay.NewKey()
	if err != nil {
		tb.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	return serve(tb, ln, key, box, o)
}

func serve(tb testing.TB, ln net.Listener, key relay.Key, box relay.Box, o relay.Options) *world {
	tb.Helper()
	if o.Today == nil {
		o.Today = func() envelope.Day { return boxtest.Today }
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- relay.Serve(ctx, ln, key, box, o) }()
	w := &world{TB: tb, box: box, addr: relay.Addr{Host: "127.0.0.1", Port: 1, Key: key.ID()}}
	if a, ok := ln.Addr().(*net.TCPAddr); ok {
		w.addr.Port = uint16(a.Port)
	}
	w.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			tb.Errorf("Serve: %v", err)
		}
	})
	tb.Cleanup(w.stop)
	return w
}

func (w *world) dial(d *linkrelay.Dialer) link.Conn {
	w.Helper()
	if d == nil {
		d = &linkrelay.Dialer{}
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c, err := d.Dial(ctx, w.addr)
	if err != nil {
		w.Fatal(err)
	}
	return c
}

// meet runs one session of the phone until it is even.
func (w *world) meet(p *phone, c exchange.Config) exchange.Outcome {
	w.Helper()
	tk := start(w.dial(nil), c, p)
	defer tk.close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	o, err := tk.until(ctx, even)
	if err != nil {
		w.Fatalf("session: %v", err)
	}
	return o
}

func units(tb testing.TB, n int, class envelope.Class, slot relay.Slot, seed uint64) []envelope.Envelope {
	tb.Helper()
	all := make([]envelope.Envelope, n)
	for i := range all {
		all[i], _ = boxtest.Unit(tb, class, slot, boxtest.Today.Add(20), seed+uint64(i))
	}
	return all
}
