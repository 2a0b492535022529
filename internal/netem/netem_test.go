package netem

import (
	"net"
	"net/netip"
	"testing"
	"time"
)

// TestLane: the rate counts IP packets, a lost packet uses its air time, and
// the queue is as long as it says.
func TestLane(t *testing.T) {
	start := time.Unix(0, 0)
	l := NewLane(Params{Rate: 64_000, Delay: 300 * time.Millisecond}, 1)
	for i := 1; i <= 3; i++ {
		f := l.Admit(start, 1252, true)
		want := start.Add(time.Duration(i)*160*time.Millisecond + 300*time.Millisecond)
		if len(f) != 1 || !f[0].At.Equal(want) {
			t.Fatalf("packet %d arrives at %v, not %v", i, f, want)
		}
	}
	for i := 3; i < 20; i++ {
		l.Admit(start, 1252, true)
	}
	if n := l.Count(); n.Full != 8 || l.Queued(start) != 12*1280 {
		t.Errorf("%d of 20 packets found no room, %d bytes wait", n.Full, l.Queued(start))
	}
	if l.Queued(start.Add(161*time.Millisecond)) != 11*1280 {
		t.Error("the queue does not empty at its rate")
	}
	if l.Admit(start, 1473, true) != nil || l.Admit(start.Add(time.Hour), 10, false) != nil {
		t.Error("a packet larger than the MTU, or of a dark link, came through")
	}
	lossy := NewLane(Params{Rate: 1e6, Loss: 0.5}, 2)
	at, through := start, 0
	for range 1000 {
		through += len(lossy.Admit(at, 97, true))
		at = at.Add(time.Millisecond)
	}
	n := lossy.Count()
	if through < 450 || through > 550 || n.AirBytes != 125_000 || n.Lost != int64(1000-through) {
		t.Errorf("%d of 1000 came through; %+v", through, n)
	}
	again := NewLane(Params{Rate: 1e6, Loss: 0.5}, 2)
	for range 1000 {
		again.Admit(at, 97, true)
		at = at.Add(time.Millisecond)
	}
	if again.Count() != func() Count { c := n; c.OutPackets, c.OutBytes = 0, 0; return c }() {
		t.Error("the same seed had other losses")
	}
}

// TestFaults: packets are corrupted, doubled and late about as often as said.
func TestFaults(t *testing.T) {
	l := NewLane(Params{Corrupt: 0.3, Duplicate: 0.2, Reorder: 0.1, Delay: 10 * time.Millisecond}, 3)
	now := time.Unix(0, 0)
	var flips, twice, late int
	for range 2000 {
		f := l.Admit(now, 100, true)
		if f[0].Flip >= 0 {
			flips++
		}
		if len(f) == 2 {
			twice++
		}
		if f[0].At.After(now.Add(10 * time.Millisecond)) {
			late++
		}
	}
	if flips < 520 || flips > 680 || twice < 330 || twice > 470 || late < 130 || late > 270 {
		t.Errorf("of 2000: %d corrupted, %d doubled, %d late", flips, twice, late)
	}
}

// TestLine: datagrams pass between real sockets while the Line is up, and nothing
// does while it is down.
func TestLine(t *testing.T) {
	var socks [2]*net.UDPConn
	var at [2]netip.AddrPort
	for i := range socks {
		s, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		socks[i], at[i] = s, s.LocalAddr().(*net.UDPAddr).AddrPort()
	}
	l, err := New(Params{Delay: 5 * time.Millisecond}, 1, at)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	far := netip.MustParseAddrPort(l.Addr(0))
	say := func(s string) {
		t.Helper()
		if _, err := socks[0].WriteToUDPAddrPort([]byte(s), far); err != nil {
			t.Fatal(err)
		}
	}
	say("into the dark")
	for l.Counts()[0].Dark == 0 {
		time.Sleep(time.Millisecond)
	}
	begun := l.Up(0)
	say("hello")
	b := make([]byte, 100)
	socks[1].SetReadDeadline(time.Now().Add(10 * time.Second))
	n, from, err := socks[1].ReadFromUDPAddrPort(b)
	if err != nil || string(b[:n]) != "hello" || from.String() != l.Addr(1) {
		t.Fatalf("heard %q from %v, %v", b[:n], from, err)
	}
	if d := time.Since(begun); d < 5*time.Millisecond {
		t.Errorf("it came after %v", d)
	}
	if _, err := socks[1].WriteToUDPAddrPort([]byte("and back"), from); err != nil {
		t.Fatal(err)
	}
	socks[0].SetReadDeadline(time.Now().Add(10 * time.Second))
	if n, _, err = socks[0].ReadFromUDPAddrPort(b); err != nil || string(b[:n]) != "and back" {
		t.Fatalf("heard %q, %v", b[:n], err)
	}
	if c := l.Counts(); c[0].OutBytes != 5+Overhead || c[1].OutPackets != 1 {
		t.Errorf("counts %+v", c)
	}
}
