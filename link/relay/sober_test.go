package relay

import (
	"net"
	"testing"
	"time"
)

// TestSober: a socket that hears nothing says little after its first flight,
// and all once it heard something.
func TestSober(t *testing.T) {
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	told := 0
	s := newSober(c, func() { told++ })
	start := time.Now()
	sent := 0
	say := func(after time.Duration, want bool) {
		t.Helper()
		got := s.may(1200, start.Add(after))
		if got != want {
			t.Errorf("after %v: %v", after, got)
		}
		if got {
			sent += 1200
		}
	}
	for range 6 {
		say(10*time.Millisecond, true)
	}
	say(20*time.Millisecond, false) // too long a flight
	say(300*time.Millisecond, false)
	say(1800*time.Millisecond, false)
	say(2100*time.Millisecond, true)
	say(2110*time.Millisecond, true)
	say(2120*time.Millisecond, false)
	say(3900*time.Millisecond, false)
	say(4200*time.Millisecond, true)
	sent = 0
	for at := 5 * time.Second; at < 35*time.Second; at += 10 * time.Millisecond {
		if s.may(1200, start.Add(at)) {
			sent += 1200
		}
	}
	if sent > 30*2400/2+2400 {
		t.Errorf("%d bytes in 30 s without an answer", sent)
	}
	if _, err := s.WriteTo([]byte("to myself"), c.LocalAddr()); err != nil {
		t.Fatal(err)
	}
	s.listen(1)
	s.listen(1)
	if told != 1 || !s.may(1<<20, start.Add(5*time.Second)) {
		t.Errorf("told %d times, or still quiet", told)
	}
}
