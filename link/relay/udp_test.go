package relay

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/jauap/jauap/link"
	"github.com/jauap/jauap/link/linktest"
	"github.com/jauap/jauap/relay"
	"github.com/jauap/jauap/relay/udp"
)

// udpEnd is a relay's end of a QUIC link, for tests.
type udpEnd struct {
	*udp.Stream
	done chan struct{}
}

func (s *udpEnd) Traits() link.Traits { return link.Traits{Latency: time.Second} }
func (s *udpEnd) Peer() link.Peer     { return link.Peer{Addr: "somebody"} }

// cuttable is a client's end whose socket a test can close.
type cuttable struct{ *udpConn }

func (c *cuttable) Cut() error { return c.pc.Close() }

// server answers QUIC on loopback and hands each stream to do.
func server(t *testing.T, key relay.Key, do func(*udp.Stream)) relay.Addr {
	t.Helper()
	pc, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	conf, err := key.TLS(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	addr := relay.Addr{Host: "127.0.0.1", Port: uint16(pc.LocalAddr().(*net.UDPAddr).Port), Key: key.ID()}
	go func() {
		served <- udp.Serve(ctx, pc, conf, func(l relay.Line, _ string) { do(l.(*udp.Stream)) }, udp.Options{Quiet: 2 * time.Second})
	}()
	t.Cleanup(func() {
		stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return addr
}

func newKey(t *testing.T) relay.Key {
	t.Helper()
	key, err := relay.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func udpPairs(client bool) linktest.Pair {
	return func(t *testing.T) (link.Conn, link.Conn) {
		t.Helper()
		ends := make(chan *udpEnd, 1)
		addr := server(t, newKey(t), func(s *udp.Stream) {
			e := &udpEnd{s, make(chan struct{})}
			ends <- e
			<-e.done
		})
		// The far end of a stream learns of it by its first byte.
		conn, err := (&Dialer{Quiet: 2 * time.Second}).DialPath(t.Context(), addr, Path{UDP: true, Port: addr.Port}, []byte{0})
		if err != nil {
			t.Fatal(err)
		}
		far := <-ends
		if _, err := io.ReadFull(far, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = conn.Close()
			_ = far.Close()
			close(far.done)
			<-conn.(*udpConn).Conn().Context().Done()
		})
		near := &cuttable{conn.(*udpConn)}
		if client {
			return near, far
		}
		return cutFar{far, near}, near
	}
}

// cutFar is the relay's end; its line is cut at the other one.
type cutFar struct {
	*udpEnd
	near *cuttable
}

func (c cutFar) Cut() error { return c.near.Cut() }

func TestUDPConnFromClient(t *testing.T) { linktest.RunConn(t, udpPairs(true)) }
func TestUDPConnFromRelay(t *testing.T)  { linktest.RunConn(t, udpPairs(false)) }

// one keeps one ticket, as Dialer.Tickets asks for it.
type one struct {
	mu    sync.Mutex
	cs    *tls.ClientSessionState
	came  chan struct{} // a token for each that was put
	taken int           // times that a ticket was thrown away
}

func newOne() *one { return &one{came: make(chan struct{}, 16)} }

func (o *one) Get(string) (*tls.ClientSessionState, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.cs, o.cs != nil
}

func (o *one) Put(_ string, cs *tls.ClientSessionState) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.cs = cs; cs != nil {
		o.came <- struct{}{}
	} else {
		o.taken++
	}
}

// echo answers what comes, byte for byte.
func echo(s *udp.Stream) {
	_, _ = io.Copy(s, s)
	s.Finish("")
}

// ask sends a first flight and reads its echo.
func ask(t *testing.T, d *Dialer, addr relay.Addr, text string) *udpConn {
	t.Helper()
	conn, err := d.DialPath(t.Context(), addr, Path{UDP: true, Port: addr.Port}, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(text))
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != text {
		t.Fatalf("%q, %v", got, err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn.(*udpConn)
}

// TestEarly: without a ticket the first flight follows the handshake, with one
// it precedes it, and a ticket that the relay forgot costs nothing but time.
func TestEarly(t *testing.T) {
	key := newKey(t)
	addr, again := server(t, key, echo), server(t, key, echo)
	tickets := newOne()
	d := &Dialer{Tickets: tickets, Timeout: 20 * time.Second}
	if c := ask(t, d, addr, "first contact"); c.Early() {
		t.Error("early without a ticket")
	}
	<-tickets.came
	if !marked(tickets.cs) {
		t.Error("the first ticket does not come of a hybrid exchange")
	}
	before := tickets.cs
	// On loopback the handshake is sometimes over before the first packet is
	// filled; then it is tried once more.
	early := func(text string) (c *udpConn) {
		for range 5 {
			c = ask(t, d, addr, text)
			<-tickets.came
			if c.Early() {
				return c
			}
		}
		t.Errorf("%s: never early with a ticket", text)
		return c
	}
	second := early("a letter in the first packet")
	if tickets.cs == before || !marked(tickets.cs) {
		t.Error("the ticket was not replaced, or lost its mark")
	}
	if curve := second.Conn().ConnectionState().TLS.CurveID; curve != tls.X25519 {
		t.Errorf("resumed with %v", curve)
	}
	for range 3 { // from ticket to ticket
		early("and again")
	}
	if c := ask(t, d, again, "to a relay that was restarted"); c.Early() {
		t.Error("early although the relay forgot the ticket")
	}
	<-tickets.came
	if marked(tickets.cs) {
		t.Error("a ticket of a plain exchange counts as hybrid")
	}
	if c := ask(t, d, again, "hybrid again"); c.Conn().ConnectionState().TLS.CurveID != tls.X25519MLKEM768 {
		t.Error("an unmarked ticket must come with a hybrid exchange")
	}
	if tickets.taken < 4 {
		t.Errorf("%d tickets were thrown away after use", tickets.taken)
	}
	if c := ask(t, &Dialer{}, addr, "tickets switched off"); c.Early() {
		t.Error("early with tickets switched off")
	}
}

// TestUDPStrangers: whoever answers in the relay's place is recognised.
func TestUDPStrangers(t *testing.T) {
	key := newKey(t)
	addr := server(t, key, echo)
	wrong := addr
	wrong.Key[0] ^= 1
	var not *NotOurRelay
	_, err := (&Dialer{}).DialPath(t.Context(), wrong, Path{UDP: true, Port: wrong.Port}, []byte("secret"))
	if !errors.As(err, &not) || not.Kind != SeenOtherKey {
		t.Errorf("another key: %v", err)
	}
	// The ticket of a relay is not taken by another key.
	tickets := newOne()
	ask(t, &Dialer{Tickets: tickets}, addr, "hello")
	<-tickets.came
	_, err = (&Dialer{Tickets: tickets}).DialPath(t.Context(), wrong, Path{UDP: true, Port: wrong.Port}, []byte("secret"))
	if !errors.As(err, &not) || not.Kind != SeenOtherKey {
		t.Errorf("a ticket under another key: %v", err)
	}
	// Silence does not cost the ticket.
	nobody := addr
	nobody.Port = 9
	if _, err = (&Dialer{Tickets: tickets, Timeout: 200 * time.Millisecond}).DialPath(t.Context(), nobody, Path{UDP: true, Port: 9}, []byte("x")); err == nil || tickets.cs == nil {
		t.Errorf("after silence: %v, ticket %v", err, tickets.cs != nil)
	}
	// Nobody, and somebody who answers garbage.
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var g sync.WaitGroup
	g.Go(func() {
		for b := make([]byte, 2000); ; {
			_, from, err := pc.ReadFrom(b)
			if err != nil {
				return
			}
			_, _ = pc.WriteTo([]byte("HTTP/1.1 302 Found\r\n\r\n"), from)
		}
	})
	defer g.Wait()
	defer pc.Close()
	at := addr
	at.Port = uint16(pc.LocalAddr().(*net.UDPAddr).Port)
	_, err = (&Dialer{Timeout: 300 * time.Millisecond}).DialPath(t.Context(), at, Path{UDP: true, Port: at.Port}, nil)
	if err == nil || errors.Is(err, ErrNotOurRelay) {
		t.Errorf("garbage: %v", err)
	}
	_, err = (&Dialer{Proxy: "http://127.0.0.1:1"}).DialPath(t.Context(), addr, Path{UDP: true, Port: addr.Port}, nil)
	if !errors.Is(err, ErrProxy) {
		t.Errorf("UDP through a proxy: %v", err)
	}
}

// TestFarewells: a busy relay is told from one that is done. What was wrong with
// us a BYE tells, which comes before the end.
func TestFarewells(t *testing.T) {
	for reason, want := range map[string]error{"": io.EOF, "busy": relay.ErrBusy, "protocol": io.EOF} {
		addr := server(t, newKey(t), func(s *udp.Stream) { s.Finish(reason) })
		conn, err := (&Dialer{}).DialPath(t.Context(), addr, Path{UDP: true, Port: addr.Port}, []byte("hello"))
		if err == nil {
			_, err = conn.Read(make([]byte, 1))
			conn.Close()
		}
		if !errors.Is(err, want) {
			t.Errorf("%q: %v", reason, err)
		}
	}
}
