package lan

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"testing"
	"time"
)

// TestTCPStall shows that a far end that takes nothing for long counts as gone.
func TestTCPStall(t *testing.T) {
	t.Parallel()
	a := room(t, func(c *Config) { c.pace.headStart, c.pace.stall = 0, 200*time.Millisecond })
	b := room(t, nil)
	m := newMiddle(t, b.Addr())
	m.noUDP.Store(true)
	x, y := meet(t, a, b, m.addr)
	start := time.Now()
	n, err := x.Write(make([]byte, 64<<20))
	if !errors.Is(err, ErrCut) || n == 64<<20 || time.Since(start) < 200*time.Millisecond {
		t.Errorf("%d bytes, %v after %v", n, err, time.Since(start))
	}
	if _, err := io.Copy(io.Discard, y); !errors.Is(err, ErrCut) {
		t.Errorf("the far end read to a proper end: %v", err)
	}
}

// TestRoomCloseEndsMeetings shows that the far end gets what was written and a
// proper end, soon.
func TestRoomCloseEndsMeetings(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"quic", "tcp"} {
		a := room(t, nil)
		b := room(t, nil)
		m := newMiddle(t, b.Addr())
		m.noUDP.Store(kind == "tcp")
		x, y := meet(t, a, b, m.addr)
		if _, err := x.Write([]byte("goodbye")); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		go a.Close()
		got, err := io.ReadAll(y)
		if err != nil || string(got) != "goodbye" {
			t.Errorf("%s: %q, %v", kind, got, err)
		}
		_ = a.Close()
		if d := time.Since(start); d > time.Second {
			t.Errorf("%s: close took %v", kind, d)
		}
	}
}

// TestTCPEndWithoutGoodbye ends the TCP stream between two records, as a killed
// process or a forger does: that is a cut.
func TestTCPEndWithoutGoodbye(t *testing.T) {
	t.Parallel()
	a, b := room(t, func(c *Config) { c.pace.headStart = 0 }), room(t, nil)
	m := newMiddle(t, b.Addr())
	m.noUDP.Store(true)
	x, y := meet(t, a, b, m.addr)
	if _, err := x.Write([]byte("whole record")); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 12)
	if _, err := io.ReadFull(y, got); err != nil {
		t.Fatal(err)
	}
	if err := x.c.(*tcpCarrier).raw.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if n, err := y.Read(got); n != 0 || !errors.Is(err, ErrCut) {
		t.Errorf("%d, %v; want a cut", n, err)
	}
}

// patient is a pace at which nothing ends by waiting.
func patient(c *Config) {
	c.pace.lingerQUIC, c.pace.lingerTCP, c.pace.hurry, c.pace.handshake = 20*time.Second, 20*time.Second, 20*time.Second, 20*time.Second
	c.pace.drain = 50 * time.Millisecond
}

// TestReaderLetsGo shows that a closed link ends as soon as its far end has read
// everything, even when that one does not close.
func TestReaderLetsGo(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"quic", "tcp"} {
		a, b := room(t, patient), room(t, patient)
		m := newMiddle(t, b.Addr())
		m.noUDP.Store(kind == "tcp")
		x, y := meet(t, a, b, m.addr)
		_, _ = x.Write(make([]byte, 1000))
		_ = x.Close()
		if got, err := io.ReadAll(y); err != nil || len(got) != 1000 {
			t.Errorf("%s: %d bytes, %v", kind, len(got), err)
		}
		start := time.Now()
		_, _ = a.Close(), b.Close()
		if d := time.Since(start); d > 5*time.Second {
			t.Errorf("%s: the goodbye took %v", kind, d)
		}
	}
}

// TestWriterIsTold shows that a far end that only writes learns soon that the
// link was closed. TCP cannot tell before the closer has waited.
func TestWriterIsTold(t *testing.T) {
	t.Parallel()
	a, b := room(t, patient), room(t, patient)
	x, y := meet(t, a, b, b.Addr())
	_ = x.Close()
	start := time.Now()
	for err := error(nil); err == nil; {
		_, err = y.Write(make([]byte, 1000))
	}
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("told after %v", d)
	}
	_ = y.Close()
}

// TestOwnReadReturnsAtOnce closes under a blocked Read while the far end reads
// nothing: the Read must not wait for the goodbye.
func TestOwnReadReturnsAtOnce(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"quic", "tcp"} {
		a, b := room(t, patient), room(t, patient)
		m := newMiddle(t, b.Addr())
		m.noUDP.Store(kind == "tcp")
		x, y := meet(t, a, b, m.addr)
		done := make(chan error)
		go func() { _, err := x.Read(make([]byte, 1)); done <- err }()
		time.Sleep(20 * time.Millisecond)
		start := time.Now()
		_ = x.Close()
		if err := <-done; !errors.Is(err, net.ErrClosed) || time.Since(start) > 5*time.Second {
			t.Errorf("%s: %v after %v", kind, err, time.Since(start))
		}
		_ = y.Close()
	}
}

// TestBegin is the table of who lets go when two links to one peer come up.
func TestBegin(t *testing.T) {
	r := room(t, nil)
	r.token = token{5}
	below, above := token{4}, token{6}
	now := time.Now()
	for _, c := range []struct {
		far   token
		first *Conn // there already
		next  *Conn
		want  error
		why   string
	}{
		{above, nil, &Conn{dialed: true}, nil, "nothing else"},
		{above, nil, &Conn{}, nil, "nothing else"},
		{above, &Conn{dialed: true, since: now}, &Conn{dialed: true}, ErrMet, "dialled twice"},
		{above, &Conn{since: now}, &Conn{dialed: true}, ErrMet, "the far end's link goes on"},
		{below, &Conn{since: now}, &Conn{dialed: true}, ErrMet, "the far end's link goes on"},
		{above, &Conn{dialed: true, since: now}, &Conn{}, ErrMet, "crossed, ours stays"},
		{below, &Conn{dialed: true, since: now}, &Conn{}, nil, "crossed, the far end's stays"},
		{above, &Conn{dialed: true, since: now.Add(-time.Minute)}, &Conn{}, nil, "the far end has lost the old one"},
	} {
		c.next.token = c.far
		if c.first != nil {
			c.first.token = c.far
			r.conns[c.first] = true
		}
		if err := r.begin(c.next); !errors.Is(err, c.want) || (err == nil) != r.conns[c.next] {
			t.Errorf("%s: %v, want %v (far %d)", c.why, err, c.want, c.far[0])
		}
		if !r.meeting(c.far, nil) && (c.first != nil || c.want == nil) {
			t.Errorf("%s: there is no meeting", c.why)
		}
		clear(r.conns)
	}
}

func BenchmarkThroughput(b *testing.B) {
	for _, kind := range []string{"quic", "tcp"} {
		b.Run(kind, func(b *testing.B) {
			x, y := room(b, nil), room(b, nil)
			dial := x.dialQUIC
			if kind == "tcp" {
				dial = x.dialTCP
			}
			to := netip.MustParseAddrPort(y.Addr())
			c, err := dial(soon(b), to)
			if err != nil {
				b.Fatal(err)
			}
			far, err := farToken(c.handshake())
			if err != nil {
				b.Fatal(err)
			}
			_, _ = c.Write(append(x.token[:len(x.token):len(x.token)], goOn))
			out := newConn(x, c, far, to, true, 0)
			in, err := y.Accept(soon(b))
			if err != nil {
				b.Fatal(err)
			}
			const piece = 256 << 10
			b.SetBytes(piece)
			done := make(chan struct{})
			go func() {
				defer close(done)
				_, _ = io.Copy(struct{ io.Writer }{io.Discard}, in)
			}()
			buf := make([]byte, piece)
			for b.Loop() {
				if _, err := out.Write(buf); err != nil {
					b.Fatal(err)
				}
			}
			_ = out.Close()
			<-done
		})
	}
}

// slowCarrier's Read takes a while to notice that it was woken.
type slowCarrier struct {
	woken   chan struct{}
	reading atomic.Bool
	early   atomic.Bool // finish came while a Read was running
}

func (c *slowCarrier) Read([]byte) (int, error) {
	c.reading.Store(true)
	defer c.reading.Store(false)
	<-c.woken
	time.Sleep(30 * time.Millisecond)
	return 0, os.ErrDeadlineExceeded
}

func (c *slowCarrier) SetDeadline(t time.Time) error {
	if !t.IsZero() {
		close(c.woken)
	}
	return nil
}

func (c *slowCarrier) finish() error                      { c.early.Store(c.reading.Load()); return nil }
func (c *slowCarrier) Write(p []byte) (int, error)        { return len(p), nil }
func (c *slowCarrier) linger(context.Context)             {}
func (c *slowCarrier) handshake() (s tls.ConnectionState) { return s }
func (c *slowCarrier) kill(bool)                          {}

func (c *slowCarrier) shaken(context.Context) (s tls.ConnectionState, err error) { return s, nil }

// TestGoodbyeWaitsForReader: a Read that is still on its way out would else be
// caught again by the goodbye's own deadline and wait as long as that.
func TestGoodbyeWaitsForReader(t *testing.T) {
	r := room(t, nil)
	slow := &slowCarrier{woken: make(chan struct{})}
	c := newConn(r, slow, token{}, netip.AddrPort{}, true, 0)
	done := make(chan error)
	go func() { _, err := c.Read(make([]byte, 1)); done <- err }()
	for !slow.reading.Load() {
		time.Sleep(time.Millisecond)
	}
	_ = c.Close()
	if err := <-done; !errors.Is(err, net.ErrClosed) {
		t.Errorf("the read answered %v", err)
	}
	_ = r.Close()
	if slow.early.Load() {
		t.Error("the goodbye began while a read was running")
	}
}
