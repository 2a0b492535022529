package lan

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"
)

var farAway = netip.MustParseAddrPort("192.0.2.1:9")

// TestSpare: each one of some datagrams comes back from the others and the spare, two do
// not, and what belongs to another address does not count.
func TestSpare(t *testing.T) {
	list := [][]byte{bytes.Repeat([]byte{0xc1, 7}, 675), {0xd0, 1, 2}, bytes.Repeat([]byte{0xd2, 9, 5}, 400)}
	s := spareOf(list)
	for lost := range list {
		for _, other := range []int{-1, (lost + 1) % len(list)} {
			var r ring
			for i, d := range list {
				if i != lost && i != other {
					r.heard(d, farAway, time.Now())
				}
			}
			got := r.missing(s, farAway)
			if want := other < 0; want != bytes.Equal(got, list[lost]) {
				t.Errorf("without %d and %d: %d bytes", lost, other, len(got))
			}
			if r.missing(s, netip.MustParseAddrPort("192.0.2.2:9")) != nil {
				t.Error("what another said is used")
			}
		}
	}
	var r ring
	for _, d := range list {
		r.heard(d, farAway, time.Now())
	}
	if r.missing(s, farAway) != nil {
		t.Error("nothing is missing")
	}
	for _, bad := range [][][]byte{nil, {{}}, {make([]byte, spareBytes+1)}, make([][]byte, spareMost+1)} {
		if spareOf(bad) != nil {
			t.Errorf("a spare of %d datagrams", len(bad))
		}
	}
}

// TestSpareVector: spec/lan.md, 3.3.
func TestSpareVector(t *testing.T) {
	s := spareOf([][]byte{[]byte("\xc1greeting"), []byte("\xd2words")})
	const want = "0302" + "6a747867" + "596bf516" + "000f" + "13101d170107696e67"
	if hex.EncodeToString(s) != want {
		t.Errorf("%x", s)
	}
}

// lossy passes datagrams between two Rooms with a delay and loses what drop names.
type lossy struct {
	sock [2]*net.UDPConn
	ends [2]netip.AddrPort
	mu   sync.Mutex
	drop func(side int, b []byte) bool
}

func newLossy(t *testing.T, a, b *Room, delay time.Duration) *lossy {
	t.Helper()
	l := &lossy{ends: [2]netip.AddrPort{netip.MustParseAddrPort(a.Addr()), netip.MustParseAddrPort(b.Addr())}}
	for i := range l.sock {
		s, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		l.sock[i] = s
		t.Cleanup(func() { s.Close() })
	}
	type late struct {
		at   time.Time
		data []byte
	}
	for i := range l.sock {
		line := make(chan late, 1024)
		go func() {
			for d := range line {
				time.Sleep(time.Until(d.at))
				_, _ = l.sock[1-i].WriteToUDPAddrPort(d.data, l.ends[1-i])
			}
		}()
		go func() {
			defer close(line)
			for b := make([]byte, 2048); ; {
				n, _, err := l.sock[i].ReadFromUDPAddrPort(b)
				if errors.Is(err, net.ErrClosed) {
					return
				}
				if err != nil || l.loses(i, b[:n]) {
					continue
				}
				line <- late{time.Now().Add(delay), bytes.Clone(b[:n])}
			}
		}()
	}
	return l
}

func (l *lossy) loses(side int, b []byte) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.drop != nil && l.drop(side, b)
}

// lose names the next datagram of a side that is lost: the first for which is answers true.
func (l *lossy) lose(side int, is func(b []byte) bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	done := is == nil
	l.drop = func(s int, b []byte) bool {
		lost := !done && s == side && is(b)
		done = done || lost
		return lost
	}
}

// TestFirstFlightLoss: one lost packet of a first flight to somebody far away, or of its
// answer, costs no round trip.
func TestFirstFlightLoss(t *testing.T) {
	const delay = 100 * time.Millisecond
	a, b := room(t, nil), room(t, nil)
	l := newLossy(t, a, b, delay)
	at := l.sock[0].LocalAddr().String()
	words := bytes.Repeat([]byte("words"), 1000)
	kinds := func(mask, kind byte, least int) func(b []byte) bool {
		return func(b []byte) bool { return b[0]&mask == kind && len(b) >= least }
	}
	talk := func() (out, back time.Duration) {
		t.Helper()
		if err := a.Knock(soon(t), at, 5*time.Millisecond); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		x, err := a.Dial(soon(t), at)
		if err != nil {
			t.Fatal(err)
		}
		defer x.Close()
		if _, err := x.Write(words); err != nil {
			t.Fatal(err)
		}
		y, err := b.Accept(soon(t))
		if err != nil {
			t.Fatal(err)
		}
		defer y.Close()
		if _, err := io.ReadFull(y, make([]byte, 500)); err != nil {
			t.Fatal(err)
		}
		out = time.Since(began)
		if _, err := y.Write(words); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(x, make([]byte, 500)); err != nil {
			t.Fatal(err)
		}
		return out, time.Since(began)
	}
	talk() // the first meeting leaves a ticket
	for _, c := range []struct {
		name string
		side int
		is   func(b []byte) bool
	}{

		{"the first words", 0, kinds(headMask, headEarly, fullWords)},
		{"the answer", 1, kinds(headMask, headInitial, 0)},
		{"the first words back", 1, kinds(headLong, headFixed, fullWords)},
		{"nothing", 0, nil},
		{"the greeting", 0, kinds(headMask, headInitial, 0)},
	} {
		best := [2]time.Duration{time.Hour, time.Hour}
		for range 8 { // the machine may be busy
			l.lose(c.side, c.is)
			out, back := talk()
			best[0], best[1] = min(best[0], out), min(best[1], back)
			l.lose(0, nil)
			if best[0] < delay+delay/2 && best[1] < 3*delay {
				break
			}
		}
		t.Logf("%s: %v out, %v back", c.name, best[0], best[1])
		if best[0] >= 3*delay || best[1] >= 5*delay { // by QUIC alone it is six
			t.Errorf("%s lost: the first words came after %v, and those back after %v; the way is %v", c.name, best[0], best[1], delay)
		}
	}
}

// TestHush: who knocks at a dark address and calls it does not greet it again and again;
// without knocks it does.
func TestHush(t *testing.T) {
	for _, knocks := range []bool{true, false} {
		a, b := room(t, nil), room(t, nil)
		l := newLossy(t, a, b, 0)
		at := l.sock[0].LocalAddr().String()
		var greetings, others int
		l.mu.Lock()
		l.drop = func(side int, b []byte) bool {
			if b[0]&headMask == headInitial {
				greetings++
			} else {
				others++
			}
			return true
		}
		l.mu.Unlock()
		ctx, cancel := context.WithTimeout(t.Context(), 700*time.Millisecond)
		defer cancel()
		if knocks {
			go func() { _ = a.Knock(ctx, at, 5*time.Millisecond) }()
			for seen := 0; seen == 0; time.Sleep(time.Millisecond) {
				l.mu.Lock()
				seen = others
				l.mu.Unlock()
			}
		}
		if _, err := a.Dial(ctx, at); err == nil {
			t.Fatal("a dark address was dialled")
		}
		l.mu.Lock()
		if (greetings == 1) != knocks || greetings == 0 {
			t.Errorf("knocks %v: %d greetings", knocks, greetings)
		}
		l.mu.Unlock()
	}
}
