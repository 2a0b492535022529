package lan

import (
	"context"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jauap/jauap/link"
)

// bind answers what both ends of a link have in common, after seeing that they do.
func bind(t *testing.T, x, y link.Conn) [32]byte {
	t.Helper()
	a, err := x.(link.Bound).Binding(soon(t))
	if err != nil {
		t.Fatal(err)
	}
	b, err := y.(link.Bound).Binding(soon(t))
	if err != nil {
		t.Fatal(err)
	}
	if a.Secret != b.Secret || a.Secret == [32]byte{} {
		t.Fatal("the ends have different secrets")
	}
	if !a.Dialed || b.Dialed {
		t.Fatal("the ends do not agree who dialled")
	}
	return a.Secret
}

// TestBinding: each link has a secret of its own, over QUIC, over TCP, and where a
// first flight precedes the handshake.
func TestBinding(t *testing.T) {
	seen := map[[32]byte]bool{}
	note := func(s [32]byte) {
		t.Helper()
		if seen[s] {
			t.Fatal("two links have one secret")
		}
		seen[s] = true
	}
	a, b := room(t, nil), room(t, nil)
	for range 2 {
		x, y := meet(t, a, b, b.Addr())
		note(bind(t, x, y))
		_ = x.Close()
		if _, err := io.ReadAll(y); err != nil {
			t.Fatal(err)
		}
		_ = y.Close()
	}
	m := newMiddle(t, b.Addr())
	m.noUDP.Store(true)
	x, y := meet(t, a, b, m.addr)
	if _, ok := x.c.(*tcpCarrier); !ok {
		t.Fatalf("the link runs over %T", x.c)
	}
	note(bind(t, x, y))
}

// TestBindingAfterFirstFlight: the secret is there when the handshake is over, and
// whoever does not wait is told.
func TestBindingAfterFirstFlight(t *testing.T) {
	a, b := room(t, nil), room(t, nil)
	l := line(t, a, b, delayOfTest)
	l.Up(0)
	at := l.Addr(0)
	if err := a.Knock(soon(t), at, 5*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	talk(t, a, b, at)
	if err := a.Knock(soon(t), at, 5*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	x, err := a.Dial(soon(t), at)
	if err != nil {
		t.Fatal(err)
	}
	past, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := x.(link.Bound).Binding(past); err == nil {
		t.Fatal("a secret before the far end took part in it")
	}
	if _, err := x.Write([]byte("letter")); err != nil {
		t.Fatal(err)
	}
	y, err := b.Accept(soon(t))
	if err != nil {
		t.Fatal(err)
	}
	bind(t, x, y)
	if !x.(*Conn).c.(*quicCarrier).conn.ConnectionState().Used0RTT {
		t.Fatal("there was no first flight")
	}
}

// TestMiddle: somebody who meets both ends, each believing it to be the other, has
// another secret with each, so that nothing that is passed on matches.
func TestMiddle(t *testing.T) {
	a, m, b := room(t, nil), room(t, nil), room(t, nil)
	x, fromA := meet(t, a, m, m.Addr())
	toB, y := meet(t, m, b, b.Addr())
	if bind(t, x, fromA) == bind(t, toB, y) {
		t.Fatal("the middle has one secret with both")
	}
}

// airOf is what passes on the air in one stay of a device: beacons, and a meeting;
// and, behind it, what a stranger who meets the device sees inside.
func airOf(t *testing.T, overTCP bool) []byte {
	t.Helper()
	config := Config{Addr: "127.0.0.1:0", pace: quickPace}
	config.pace.headStart, config.pace.hurry = time.Millisecond, time.Millisecond
	device, err := Listen(context.Background(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer device.Close()
	stranger, err := Listen(context.Background(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	var mu sync.Mutex
	var air []byte
	m := newMiddle(t, device.Addr())
	m.tap = func(b []byte) {
		mu.Lock()
		defer mu.Unlock()
		if air = append(air, b...); len(air) > 1<<20 {
			t.Error("the meeting does not end")
		}
	}
	m.noUDP.Store(overTCP)
	x, y := meet(t, stranger, device, m.addr)
	inside := x.c.handshake().PeerCertificates[0].Raw
	if _, err := y.Write(make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(x, make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	_, _ = x.Close(), y.Close()
	_ = m.Cut()
	mu.Lock()
	defer mu.Unlock()
	for range 3 {
		air = append(air, beacon{beaconVersion, device.local.Port(), device.token}.encode()...)
	}
	return append(append(air, inside...), x.token[:]...)
}

// TestStrangersCannotLink: a classifier that learns from the air of many stays of two
// devices, and from what a stranger sees inside, cannot tell which of them it meets.
// The same classifier tells them apart where eight bytes return.
func TestStrangersCannotLink(t *testing.T) {
	stays := 60
	if os.Getenv("JAUAP_TEST") == "all" {
		stays = 1000
	}
	rng := rand.New(rand.NewPCG(5, 9))
	marks := [2][8]byte{}
	for k := range marks {
		for i := range marks[k] {
			marks[k][i] = byte(rng.Uint32())
		}
	}
	type stay struct {
		device int
		air    []byte
	}
	all := make([]stay, stays)
	for i := range all {
		all[i].device = rng.IntN(2)
	}
	var next atomic.Int64
	var work sync.WaitGroup
	for range 8 {
		work.Go(func() {
			for i := next.Add(1) - 1; i < int64(stays) && !t.Failed(); i = next.Add(1) - 1 {
				all[i].air = airOf(t, i%4 == 3)
			}
		})
	}
	if work.Wait(); t.Failed() {
		return
	}
	judge := func(marked bool) (right, of int) {
		seen := make(map[uint64][2]int, 1<<20)
		grams := func(s stay) []uint64 {
			b := s.air
			if marked {
				b = append(b[:len(b):len(b)], marks[s.device][:]...)
			}
			var all []uint64
			for i := 0; i+8 <= len(b); i++ {
				all = append(all, binary.BigEndian.Uint64(b[i:])>>16) // six bytes
			}
			slices.Sort(all)
			return slices.Compact(all)
		}
		for _, s := range all[:stays/2] {
			for _, g := range grams(s) {
				c := seen[g]
				c[s.device]++
				seen[g] = c
			}
		}
		for _, s := range all[stays/2:] {
			score := 0
			for _, g := range grams(s) {
				if c := seen[g]; c[0]+c[1] > 1 && (c[0] == 0 || c[1] == 0) {
					score += c[0] - c[1]
				}
			}
			if of++; (score > 0) == (s.device == 0) && score != 0 || score == 0 && rng.IntN(2) == 0 {
				right++
			}
		}
		return right, of
	}
	if right, of := judge(true); right < of*9/10 {
		t.Fatalf("the classifier finds a mark in %d of %d stays only: it is worth nothing", right, of)
	}
	right, of := judge(false)
	t.Logf("right in %d of %d stays", right, of)
	// Guessing gives half; four times the spread of it is the limit.
	if d := 2*right - of; d*d > 16*of {
		t.Fatalf("right in %d of %d stays", right, of)
	}
}
