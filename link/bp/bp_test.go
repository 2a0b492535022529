package bp

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/jauap/jauap/internal/limits"
	"github.com/jauap/jauap/link"
	"github.com/jauap/jauap/link/bundle"
	"github.com/jauap/jauap/link/linktest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func spotOf(t *testing.T, s string) Spot {
	t.Helper()
	spot, err := ParseSpot(s)
	if err != nil {
		t.Fatal(err)
	}
	return spot
}

func TestSpots(t *testing.T) {
	for in, want := range map[string]string{
		"tcpcl://192.0.2.7": "tcpcl://192.0.2.7:4556,to=dtn://jauap/~mail",
		"tcpcl://[2001:db8::1]:99,to=ipn:20.7,as=ipn:10.0": "tcpcl://[2001:db8::1]:99,to=ipn:20.7",
		"mtcp://:4557,listen":                              "mtcp://:4557,listen,to=dtn://jauap/~mail",
		"stcp://node.example,to=dtn://far/mail,life=3":     "stcp://node.example:4556,to=dtn://far/mail",
		"tcpcl://h, tls , bare, to=ipn:977000.268.77":      "tcpcl://h:4556,to=ipn:977000.268.77",
		"tcpcl://127.0.0.1:0,listen,tls=off,as=dtn://a/":   "tcpcl://127.0.0.1:0,listen,to=dtn://jauap/~mail",
	} {
		if got, err := ParseSpot(in); err != nil || got.String() != want {
			t.Errorf("%s: %v, %v; want %s", in, got, err, want)
		}
	}
	for _, bad := range []string{
		"", "192.0.2.7:4556", "udp://192.0.2.7", "tcpcl://", "tcpcl://:4556", "tcpcl://h:0", "tcpcl://h:70000", "tcpcl://h/path", "tcpcl://u@h",
		"tcpcl://h,to=dtn:none", "tcpcl://h,to=ipn:0.7", "tcpcl://h,to=ipn:4294967295.1", "tcpcl://h,to=http://x", "tcpcl://h,as=dtn://a/b",
		"tcpcl://h,as=ipn:10.1", "tcpcl://h,life=0", "tcpcl://h,life=61", "tcpcl://h,fast", "mtcp://h,tls", "tcpcl://h,to=dtn://a",
	} {
		if got, err := ParseSpot(bad); err == nil {
			t.Errorf("%q was taken as %v", bad, got)
		}
	}
}

// pair makes the two ends of a session.
func pair(t *testing.T, line, optionsA, optionsB string) (caller, called Session) {
	t.Helper()
	l, err := Listen(spotOf(t, line+"://127.0.0.1:0,listen"+optionsB), Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	got, over := make(chan Session, 1), make(chan struct{})
	go func() {
		defer close(over)
		_ = l.Serve(ctx, func(s Session) {
			got <- s
			<-ctx.Done()
			_ = s.Close()
		})
	}()
	a, err := Dial(ctx, spotOf(t, line+"://"+l.Addr()+optionsA), Options{})
	if err != nil {
		stop()
		<-over
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		_ = a.Close()
		<-over
	})
	return a, <-got
}

// exchange sends units from one end and answers what the other took.
func exchange(t *testing.T, from, to Session, units [][]byte) (got [][]byte) {
	t.Helper()
	ctx, stop := context.WithTimeout(context.Background(), 20*time.Second)
	defer stop()
	var under sync.WaitGroup
	under.Go(func() {
		_, err := to.Each(ctx, func(u []byte) error {
			if got = append(got, u); len(got) == len(units) {
				stop()
			}
			return nil
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("each: %v", err)
		}
	})
	size := int64(0)
	for _, u := range units {
		size += int64(len(u))
	}
	n, err := from.Leave(context.WithoutCancel(ctx), linktest.From(units))
	if err != nil || n != size {
		t.Errorf("leave: %d of %d bytes, %v", n, size, err)
	}
	under.Wait()
	return got
}

func same(t *testing.T, got, want [][]byte) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d of %d units arrived", len(got), len(want))
	}
	for i := range want {
		if !bytes.Equal(got[i], want[i]) {
			t.Fatalf("unit %d arrived changed", i)
		}
	}
}

func TestLines(t *testing.T) {
	units := linktest.Units(1, 22)
	for _, c := range []struct{ name, line, a, b string }{
		{"tcpcl, encrypted where both can", "tcpcl", "", ""},
		{"tcpcl in the open", "tcpcl", ",tls=off", ""},
		{"tcpcl, encrypted or not at all", "tcpcl", ",tls", ",tls"},
		{"mtcp", "mtcp", "", ""},
		{"stcp", "stcp", ",bare", ",bare"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, b := pair(t, c.line, c.a, c.b)
			same(t, exchange(t, a, b, units), units)
			if c.line == "tcpcl" {
				b, a = a, b
			} else if err := b.Hand(context.Background(), units[0], nil); !errors.Is(err, ErrRefused) {
				t.Errorf("who listens for %s sends: %v", c.line, err)
			}
		})
	}
}

func TestBothWaysAtOnce(t *testing.T) {
	a, b := pair(t, "tcpcl", "", "")
	units := linktest.Units(2, 44)
	ctx, stop := context.WithTimeout(context.Background(), 20*time.Second)
	defer stop()
	var under sync.WaitGroup
	for _, s := range []Session{a, b} {
		n := 0
		under.Go(func() {
			_, _ = s.Each(ctx, func([]byte) error { n++; return nil })
			if n != len(units) {
				t.Errorf("%d of %d arrived", n, len(units))
			}
		})
	}
	var both sync.WaitGroup
	for _, s := range []Session{a, b} {
		both.Go(func() {
			if _, err := s.Leave(ctx, linktest.From(units)); err != nil {
				t.Error(err)
			}
		})
	}
	both.Wait() // all was acknowledged, so all was taken
	_ = a.Close()
	under.Wait()
}

func TestTLSIsWanted(t *testing.T) {
	l, err := Listen(spotOf(t, "tcpcl://127.0.0.1:0,listen,tls=off"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	over := make(chan struct{})
	go func() { defer close(over); _ = l.Serve(ctx, func(s Session) { _ = s.Close() }) }()
	if _, err := Dial(ctx, spotOf(t, "tcpcl://"+l.Addr()+",tls"), Options{}); !errors.Is(err, ErrNode) {
		t.Errorf("a node without TLS was met with ,tls: %v", err)
	}
	stop()
	<-over
}

// TestNotTakenNotAcknowledged: what cannot be kept stays the sender's.
func TestNotTakenNotAcknowledged(t *testing.T) {
	a, b := pair(t, "tcpcl", "", "")
	full := errors.New("disk full")
	over := make(chan error, 1)
	go func() {
		_, err := b.Each(context.Background(), func([]byte) error { return full })
		_ = b.Close()
		over <- err
	}()
	n, err := a.Leave(context.Background(), linktest.From(linktest.Units(3, 1)))
	if n != 0 || !errors.Is(err, ErrEnded) {
		t.Errorf("%d bytes count as left, %v", n, err)
	}
	if err := <-over; !errors.Is(err, full) {
		t.Errorf("each: %v", err)
	}
}

// TestStrangersAreRefused: a bundle for another endpoint is not swallowed.
func TestStrangersAreRefused(t *testing.T) {
	a, b := pair(t, "tcpcl", ",to=ipn:9.9", ",as=ipn:10.0")
	n, err := a.Leave(context.Background(), linktest.From(linktest.Units(4, 1)))
	if n != 0 || !errors.Is(err, ErrRefused) {
		t.Errorf("%d bytes, %v; want it refused", n, err)
	}
	_ = a.Close()
	notes, err := b.Each(context.Background(), func([]byte) error { t.Error("it was taken"); return nil })
	if err != nil || len(notes) != 1 || !strings.Contains(notes[0].What, "for others") {
		t.Errorf("%v, %v", notes, err)
	}
}

// TestOwnNameIsOurs: a bundle for any service of the name we were given is taken.
func TestOwnNameIsOurs(t *testing.T) {
	a, b := pair(t, "tcpcl", ",to=dtn://here/anything", ",as=dtn://here/,to=dtn://there/mail")
	same(t, exchange(t, a, b, linktest.Units(5, 1)), linktest.Units(5, 1))
	if !strings.Contains(a.Peer(), "dtn://here/") || strings.Contains(b.Peer(), "jauap") {
		t.Errorf("a sees %q, b sees %q", a.Peer(), b.Peer())
	}
}

// TestNamesAreNew: who gave no name is nobody twice.
func TestNamesAreNew(t *testing.T) {
	seen := map[string]bool{}
	for range 50 {
		g := Packing{}
		if _, err := bundle.ParseEID(g.name()); err != nil || seen[g.name()] {
			t.Fatalf("%q: %v", g.name(), err)
		}
		seen[g.name()] = true
	}
}

func TestFilesAreADrop(t *testing.T) {
	linktest.RunDrop(t, func(t *testing.T) func() link.Drop {
		dir := t.TempDir()
		return func() link.Drop {
			g, err := NewPacking("")
			if err != nil {
				t.Fatal(err)
			}
			f, err := OpenFiles(dir, g, Options{})
			if err != nil {
				t.Fatal(err)
			}
			return f
		}
	})
}

func TestFilesLeaveOthersAlone(t *testing.T) {
	dir := t.TempDir()
	g, _ := NewPacking("")
	other, _ := NewPacking("to=ipn:5.5")
	good, _ := g.pack([]byte("a unit"), time.Now())
	strange, _ := other.pack([]byte("another"), time.Now())
	for name, b := range map[string][]byte{
		"good": good, "strange": strange, "cut": good[:len(good)-3], "text.txt": []byte("hello"), "half.part": good,
		"large": make([]byte, bundle.MaxBundle+5),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_ = os.Symlink("/etc/passwd", filepath.Join(dir, "link"))
	f, err := OpenFiles(dir, g, Options{})
	if err != nil {
		t.Fatal(err)
	}
	var got [][]byte
	notes, err := f.Each(context.Background(), func(u []byte) error { got = append(got, u); return nil })
	if err != nil || len(got) != 1 || string(got[0]) != "a unit" || len(notes) != 4 {
		t.Errorf("%q, %v, %v", got, notes, err)
	}
	if list, _ := os.ReadDir(dir); len(list) != 7 {
		t.Errorf("%d files are left of 7", len(list))
	}
}

// store is a bundle node of one endpoint: it keeps what it gets by one port and gives
// all of it to whoever calls the other.
type store struct {
	mu    sync.Mutex
	units [][]byte
}

// TestSessionsAreADrop runs the suite over real sessions to a node that stores.
func TestSessionsAreADrop(t *testing.T) {
	linktest.RunDrop(t, func(t *testing.T) func() link.Drop {
		st := &store{}
		ctx, stop := context.WithCancel(context.Background())
		serve := func(handle func(Session)) string {
			l, err := Listen(spotOf(t, "tcpcl://127.0.0.1:0,listen,tls=off"), Options{})
			if err != nil {
				t.Fatal(err)
			}
			over := make(chan struct{})
			go func() { defer close(over); _ = l.Serve(ctx, handle) }()
			t.Cleanup(func() { stop(); <-over })
			return l.Addr()
		}
		in := serve(func(s Session) {
			_, _ = s.Take(ctx, func(units [][]byte) error {
				st.mu.Lock()
				defer st.mu.Unlock()
				st.units = append(st.units, units...)
				return nil
			})
			_ = s.Close()
		})
		out := serve(func(s Session) {
			st.mu.Lock()
			units := st.units
			st.mu.Unlock()
			_, _ = s.Leave(ctx, linktest.From(units))
			_ = s.Close()
		})
		return func() link.Drop { return &called{t: t, in: in, out: out} }
	})
}

// called dials for each visit.
type called struct {
	t       *testing.T
	in, out string
}

func (c *called) Traits() link.Traits { return Traits() }

func (c *called) dial(addr string) Session {
	s, err := Dial(context.Background(), spotOf(c.t, "tcpcl://"+addr), Options{})
	if err != nil {
		c.t.Error(err)
	}
	return s
}

func (c *called) Each(ctx context.Context, take func([]byte) error) ([]link.Note, error) {
	s := c.dial(c.out)
	defer s.Close()
	return s.Each(ctx, take)
}

func (c *called) Leave(ctx context.Context, next func() ([]byte, bool)) (int64, error) {
	s := c.dial(c.in)
	defer s.Close()
	return s.Leave(ctx, next)
}

// talk plays a far end byte by byte against a session that was called.
func talk(t *testing.T, options string, far func(c net.Conn)) (Session, error) {
	t.Helper()
	a, b := net.Pipe()
	over := make(chan struct{})
	go func() { defer close(over); far(a) }()
	t.Cleanup(func() { _ = a.Close(); <-over })
	ctx, stop := context.WithTimeout(context.Background(), 10*time.Second)
	defer stop()
	s, err := greet(ctx, spotOf(t, "tcpcl://h"+options), Options{}, b, false)
	if err == nil {
		t.Cleanup(func() { _ = s.Close() })
	}
	return s, err
}

func init4(node string, keep byte) []byte {
	b := []byte{msgInit, 0, keep, 0, 0, 0, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 16, 0, 0, 0, byte(len(node))}
	return append(append(b, node...), 0, 0, 0, 0)
}

func TestBadGreetings(t *testing.T) {
	for name, far := range map[string]string{
		"another protocol":     "SSH-2.0-x",
		"version 3":            "dtn!\x03\x00\x00\x00",
		"a segment first":      "dtn!\x04\x00\x01\x03aaaaaaaa\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01x",
		"an unknown message":   "dtn!\x04\x00\x09",
		"a critical extension": "dtn!\x04\x00\x07\x00\x1e\x00\x00\x00\x00\x00\x00\x10\x00\x00\x00\x00\x00\x00\x00\x10\x00\x00\x00\x00\x00\x00\x05\x01\x00\x07\x00\x00",
		"no room":              "dtn!\x04\x00\x07\x00\x1e\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x10\x00\x00\x00\x00\x00\x00\x00",
		"endless extensions":   "dtn!\x04\x00\x07\x00\x1e\x00\x00\x00\x00\x00\x00\x10\x00\x00\x00\x00\x00\x00\x00\x10\x00\x00\x00\xff\xff\xff\xff",
		"silence":              "dtn!\x04",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := talk(t, "", func(c net.Conn) {
				go func() {
					_, _ = io.WriteString(c, far)
					if name == "silence" {
						_ = c.Close()
					}
				}()
				_, _ = io.Copy(io.Discard, c)
			})
			if err == nil {
				t.Error("a session came of it")
			}
		})
	}
}

// TestSegments plays a far end that cuts bundles into pieces, as RFC 9174 lets it.
func TestSegments(t *testing.T) {
	g, _ := NewPacking("")
	unit := linktest.Units(6, 8)[7]
	raw, err := g.pack(unit, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	acks := make(chan message, 16)
	s, err := talk(t, ",tls=off", func(c net.Conn) {
		r := bufio.NewReader(c)
		_, _ = c.Write([]byte("dtn!\x04\x00"))
		_, _ = io.ReadFull(r, make([]byte, 6))
		_, _ = c.Write(init4("dtn://far/", 0))
		done := make(chan struct{})
		go func() {
			defer close(done)
			for {
				m, err := readMessage(r)
				if err != nil {
					return
				}
				acks <- m
			}
		}()
		third := len(raw) / 3
		for i, piece := range [][]byte{raw[:third], raw[third : 2*third], raw[2*third:]} {
			flags := []byte{flagStart, 0, flagEnd}[i]
			_, _ = c.Write(append(appendSegmentHead(nil, flags, 7, len(raw), len(piece)), piece...))
			_, _ = c.Write([]byte{msgKeepalive})
		}
		<-done
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	_, _ = s.Each(ctx, func(u []byte) error {
		if !bytes.Equal(u, unit) {
			t.Error("the unit arrived changed")
		}
		stop()
		return nil
	})
	want := []uint64{uint64(len(raw) / 3), uint64(len(raw) / 3 * 2), uint64(len(raw))}
	for i, n := range want {
		m := <-acks
		for m.kind == msgInit {
			m = <-acks
		}
		if m.kind != msgAck || m.id != 7 || m.length != n || (m.flags&flagEnd != 0) != (i == 2) {
			t.Errorf("answer %d is %+v, want an acknowledgement of %d bytes", i, m, n)
		}
	}
}

// TestBadTalk: each ends the session, and nothing is taken.
func TestBadTalk(t *testing.T) {
	for name, bytes := range map[string]string{
		"an unknown message":   "\x0b",
		"a second greeting":    string(init4("x", 0)),
		"out of turn":          "\x01\x00aaaaaaaa\x00\x00\x00\x00\x00\x00\x00\x01x",
		"two at once":          "\x01\x02aaaaaaaa\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01x\x01\x02aaaaaaab\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01x",
		"an endless segment":   "\x01\x03aaaaaaaa\x00\x00\x00\x00\x7f\xff\xff\xff\xff\xff\xff\xff",
		"a critical extension": "\x01\x03aaaaaaaa\x00\x00\x00\x05\x01\x00\x09\x00\x00",
		"a reject":             "\x06\x02\x01",
	} {
		t.Run(name, func(t *testing.T) {
			s, err := talk(t, ",tls=off", func(c net.Conn) {
				r := bufio.NewReader(c)
				_, _ = c.Write([]byte("dtn!\x04\x00"))
				_, _ = io.ReadFull(r, make([]byte, 6))
				_, _ = c.Write(init4("", 0))
				go func() { _, _ = io.WriteString(c, bytes) }()
				_, _ = io.Copy(io.Discard, r)
			})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.Each(context.Background(), func([]byte) error { t.Error("taken"); return nil }); err == nil {
				t.Error("the session ended properly")
			}
		})
	}
}

// TestCrowd: the seventeenth caller is hung up on.
func TestCrowd(t *testing.T) {
	l, err := Listen(spotOf(t, "tcpcl://127.0.0.1:0,listen,tls=off"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	over := make(chan struct{})
	go func() { defer close(over); _ = l.Serve(ctx, func(s Session) { <-ctx.Done(); _ = s.Close() }) }()
	var all []Session
	for range maxCallers {
		s, err := Dial(ctx, spotOf(t, "tcpcl://"+l.Addr()), Options{})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	if _, err := Dial(ctx, spotOf(t, "tcpcl://"+l.Addr()), Options{}); err == nil {
		t.Error("one more was let in")
	}
	stop()
	for _, s := range all {
		_ = s.Close()
	}
	<-over
}

// FuzzTalk: whatever a far end says, nothing breaks and nothing grows.
func FuzzTalk(f *testing.F) {
	g, _ := NewPacking("")
	raw, _ := g.pack(make([]byte, 96), time.Now())
	f.Add(append(appendSegmentHead(nil, flagStart|flagEnd, 1, len(raw), len(raw)), raw...))
	f.Add(append(appendSegmentHead(nil, flagStart, 1, len(raw), 20), raw[:20]...))
	f.Add(append(init4("dtn://x/", 30), msgKeepalive, msgTerm, 0, 0))
	f.Add(append(bundle.AppendByteStringHead(nil, len(raw)), raw...))
	f.Add(appendAck(appendRefuse(nil, 4, 3), 1, 2, 3))
	limits.Hostile(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		defer limits.Watch(t, len(b))()
		for r := bufio.NewReader(bytes.NewReader(b)); ; {
			m, err := readMessage(r)
			if err != nil {
				break
			}
			if len(m.init.node) > maxNodeName {
				t.Fatalf("a name of %d bytes", len(m.init.node))
			}
			if m.kind == msgSegment {
				if n, _ := io.CopyN(io.Discard, r, int64(min(m.length, 1<<20))); n == 0 {
					break
				}
			}
		}
		for _, line := range []Line{MTCP, STCP} {
			for r := bufio.NewReader(bytes.NewReader(b)); ; {
				raw, err := readPlain(r, line)
				if err != nil {
					break
				}
				if len(raw) > bundle.MaxBundle {
					t.Fatalf("%d bytes were read", len(raw))
				}
			}
		}
	})
}

func BenchmarkTCPCL(b *testing.B) {
	unit := make([]byte, 1024)
	_, _ = rand.Read(unit)
	l, err := Listen(mustSpot(b, "tcpcl://127.0.0.1:0,listen,tls=off"), Options{})
	if err != nil {
		b.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	over := make(chan struct{})
	go func() {
		defer close(over)
		_ = l.Serve(ctx, func(s Session) {
			_, _ = s.Take(ctx, func([][]byte) error { return nil })
			_ = s.Close()
		})
	}()
	s, err := Dial(ctx, mustSpot(b, "tcpcl://"+l.Addr()), Options{})
	if err != nil {
		b.Fatal(err)
	}
	n := 0
	b.SetBytes(int64(len(unit)))
	b.ResetTimer()
	if _, err := s.Leave(ctx, func() ([]byte, bool) { n++; return unit, n <= b.N }); err != nil {
		b.Fatal(err)
	}
	b.StopTimer()
	_ = s.Close()
	stop()
	<-over
}

func mustSpot(b *testing.B, s string) Spot {
	spot, err := ParseSpot(s)
	if err != nil {
		b.Fatal(err)
	}
	return spot
}
