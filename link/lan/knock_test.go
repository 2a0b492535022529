package lan

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/netip"
	"testing"
	"time"

	"github.com/jauap/jauap/internal/limits"
	"github.com/jauap/jauap/internal/netem"
)

// line leads a to b over a link with a delay.
func line(t *testing.T, a, b *Room, delay time.Duration) *netem.Line {
	t.Helper()
	l, err := netem.New(netem.Params{Delay: delay}, 1, [2]netip.AddrPort{netip.MustParseAddrPort(a.Addr()), netip.MustParseAddrPort(b.Addr())})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

// talk meets over the line and answers how long b took to hear what a wrote at once.
func talk(t *testing.T, a, b *Room, at string) (heard time.Duration, early bool) {
	t.Helper()
	began := time.Now()
	x, err := a.Dial(soon(t), at)
	if err != nil {
		t.Fatal(err)
	}
	_, waited := x.(*Conn).c.(*quicCarrier)
	if !waited {
		t.Fatal("TCP won where there is none")
	}
	if _, err := x.Write([]byte("letter")); err != nil {
		t.Fatal(err)
	}
	y, err := b.Accept(soon(t))
	if err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 6)
	if _, err := io.ReadFull(y, got); err != nil || string(got) != "letter" {
		t.Fatalf("%q, %v", got, err)
	}
	heard = time.Since(began)
	<-x.(*Conn).c.(*quicCarrier).conn.HandshakeComplete()
	early = x.(*Conn).c.(*quicCarrier).conn.ConnectionState().Used0RTT
	time.Sleep(3 * delayOfTest) // the ticket comes behind the handshake
	_ = x.Close()
	if _, err := io.ReadAll(y); err != nil {
		t.Fatal(err)
	}
	_ = y.Close()
	return heard, early
}

const delayOfTest = 50 * time.Millisecond

// TestKnock: a knock is answered as soon as the link is up, and what is said after it to
// somebody who was met before arrives one delay later, with the handshake.
func TestKnock(t *testing.T) {
	a, b := room(t, nil), room(t, nil)
	l := line(t, a, b, delayOfTest)
	at := l.Addr(0)
	knock := func(ctx context.Context) error { return a.Knock(ctx, at, 5*time.Millisecond) }
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Millisecond)
	defer cancel()
	if err := knock(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("a dark link answers: %v", err)
	}
	l.Up(0)
	if err := knock(soon(t)); err != nil {
		t.Fatal(err)
	}
	first, early := talk(t, a, b, at)
	if early || first < 3*delayOfTest {
		t.Errorf("the first meeting was early: %v, %v", first, early)
	}
	var best time.Duration
	for range 3 { // the machine may be busy
		if err := knock(soon(t)); err != nil {
			t.Fatal(err)
		}
		again, early := talk(t, a, b, at)
		if !early {
			t.Error("a later meeting had no first flight")
		}
		if best == 0 || again < best {
			best = again
		}
	}
	if best > 2*delayOfTest {
		t.Errorf("what was said at once arrived after %v, the delay is %v", best, delayOfTest)
	}
	// A call into the dark does not spoil the ticket.
	l.Down()
	ctx, cancel = context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := a.Dial(ctx, at); err == nil {
		t.Fatal("a dark link was dialled")
	}
	l.Up(0)
	if err := knock(soon(t)); err != nil {
		t.Fatal(err)
	}
	if _, early := talk(t, a, b, at); !early {
		t.Error("no first flight after a call into the dark")
	}
	// Without a knock nobody is trusted to be there.
	if _, early := talk(t, a, b, at); early {
		t.Error("a first flight was sent to whom did not answer")
	}
}

// TestForgotten: a far end that was started anew cannot read the first flight. The
// conn is cut, and the next one works.
func TestForgotten(t *testing.T) {
	a, b := room(t, nil), room(t, nil)
	l := line(t, a, b, delayOfTest)
	l.Up(0)
	at := l.Addr(0)
	if err := a.Knock(soon(t), at, 5*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	talk(t, a, b, at)
	_ = b.Close()
	b = room(t, nil)
	l.Lead(1, netip.MustParseAddrPort(b.Addr()))
	if err := a.Knock(soon(t), at, 5*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	x, err := a.Dial(soon(t), at)
	if err == nil {
		_, _ = x.Write([]byte("letter"))
		if _, err = io.ReadAll(x); !errors.Is(err, ErrCut) {
			t.Errorf("a first flight that was not read ended with %v", err)
		}
		_ = x.Close()
	}
	if err := a.Knock(soon(t), at, 5*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if _, early := talk(t, a, b, at); early {
		t.Error("an old ticket was used again")
	}
}

// TestTrip: the knock that was answered tells the round trip, also when others left
// meanwhile, and both ends' senders know it.
func TestTrip(t *testing.T) {
	a, b := room(t, nil), room(t, nil)
	l := line(t, a, b, delayOfTest)
	l.Up(0)
	at := l.Addr(0)
	least := time.Hour
	for range 3 { // the machine may be busy
		if err := a.Knock(soon(t), at, 5*time.Millisecond); err != nil {
			t.Fatal(err)
		}
		least = min(least, a.trip(netip.MustParseAddrPort(at)))
	}
	if least < 2*delayOfTest || least > 2*delayOfTest+60*time.Millisecond {
		t.Errorf("a round trip of %v looks like %v", 2*delayOfTest, least)
	}
	words := a.firstWords(netip.MustParseAddrPort(at))
	far, trip, err := readGreeting(bytes.NewReader(words))
	if err != nil || far != a.token || trip < 2*delayOfTest-time.Millisecond {
		t.Errorf("the greeting says %v, %v, %v", far, trip, err)
	}
	if _, trip, err := readGreeting(bytes.NewReader(b.firstWords(netip.MustParseAddrPort("192.0.2.1:9")))); err != nil || trip != 0 {
		t.Errorf("without a knock the greeting says %v, %v", trip, err)
	}
}

// TestCalm: a greeting is not repeated before its answer can be there.
func TestCalm(t *testing.T) {
	there := netip.MustParseAddrPort("192.0.2.1:9")
	greeting, handshake, data, answer := []byte{headInitial}, []byte{headHandshake}, []byte{headFixed}, []byte{typeAnswer}
	p := newCalm(nil)
	for range 2 {
		if !p.may(greeting, there) {
			t.Error("who is not known must wait")
		}
	}
	p.await(there, time.Hour, ours)
	if !p.may(greeting, there) || p.may(greeting, there) || !p.may(data, there) || !p.may(handshake, there) {
		t.Error("the greeting and its repetition are not told apart")
	}
	if p.heard(answer, there); p.may(greeting, there) {
		t.Error("an answer to a knock is taken for one to the greeting")
	}
	if p.heard(greeting, there); !p.may(greeting, there) {
		t.Error("what is heard does not end the wait")
	}
	p.await(there, time.Hour, asked)
	if !p.may(handshake, there) || !p.may(greeting, there) {
		t.Error("the answer itself does not leave")
	}
	if p.heard([]byte{headEarly}, there); p.may(greeting, there) || p.may(handshake, there) || !p.may(data, there) {
		t.Error("an answer is repeated while a first flight comes")
	}
	if p.heard(handshake, there); !p.may(handshake, there) {
		t.Error("the end of the handshake does not end the wait")
	}
	p.await(there, time.Nanosecond, asked)
	time.Sleep(time.Millisecond)
	if !p.may(greeting, there) {
		t.Error("the wait does not end by itself")
	}
}

// FuzzStranger: what anybody sends us outside of QUIC, and what a dialler says first.
func FuzzStranger(f *testing.F) {
	f.Add(append([]byte{typeKnock}, make([]byte, 16)...))
	f.Add(append([]byte{typeAnswer}, make([]byte, 16)...))
	f.Add(append(make([]byte, 16), goOnTrip, 2, 0x58))
	f.Add(spareOf([][]byte{[]byte("\xc1greeting"), []byte("\xd2words")}))
	from := netip.MustParseAddrPort("192.0.2.1:9")
	limits.Hostile(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		defer limits.Watch(t, len(b))()
		var near ring
		near.heard([]byte("\xc1greeting"), from, time.Now())
		if d := near.missing(b, from); len(d) > spareBytes || len(d) > len(b) {
			t.Fatalf("%x stands for %x", b, d)
		}
		asked := make(chan struct{})
		a := &acquaintance{answered: asked}
		copy(a.nonce[:], "secret of ours")
		r := &Room{known: map[netip.AddrPort]*acquaintance{from: a}}
		answer := r.stranger(b, from)
		if len(answer) > len(b) || answer != nil && (answer[0] != typeAnswer || !bytes.Equal(answer[1:], b[1:])) {
			t.Fatalf("%x is answered by %x", b, answer)
		}
		if a.answered == nil && !bytes.Contains(b, []byte("secret of ours")) {
			t.Fatalf("%x passes for an answer", b)
		}
		far, trip, err := readGreeting(bytes.NewReader(b))
		if err != nil {
			return
		}
		if trip < 0 || trip > 66*time.Second || !bytes.Equal(far[:], b[:len(far)]) {
			t.Fatalf("%x says %v, %v", b, far, trip)
		}
	})
}
