package lan

import (
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"
)

// TestSweptIn: only the own private network is asked, and of a large one the
// nearest addresses.
func TestSweptIn(t *testing.T) {
	for _, c := range []struct {
		own, net string
		want     int
		in, out  string
	}{
		{"192.168.1.7", "192.168.1.0/24", 253, "192.168.1.254", "192.168.1.255"},
		{"10.5.6.7", "10.0.0.0/8", 253, "10.5.6.1", "10.5.7.1"},
		{"172.20.10.2", "172.20.10.0/28", 13, "172.20.10.14", "172.20.10.15"},
		{"10.0.0.1", "10.0.0.0/31", 1, "10.0.0.0", "10.0.0.2"},
		{"10.0.0.1", "10.0.0.1/32", 0, "", "10.0.0.2"},
		{"203.0.113.9", "203.0.113.0/24", 0, "", "203.0.113.1"}, // everybody's internet
		{"100.64.1.1", "100.64.1.0/24", 0, "", "100.64.1.2"},    // an operator's
		{"169.254.3.4", "169.254.0.0/16", 0, "", "169.254.3.5"},
		{"192.168.1.7", "192.168.2.0/24", 0, "", "192.168.2.1"},
	} {
		own := netip.MustParseAddr(c.own)
		list := sweptIn(own, []netip.Prefix{netip.MustParsePrefix(c.net)})
		if len(list) != c.want || slices.Contains(list, own) {
			t.Errorf("%s in %s: %d addresses", c.own, c.net, len(list))
		}
		if c.in != "" && !slices.Contains(list, netip.MustParseAddr(c.in)) || slices.Contains(list, netip.MustParseAddr(c.out)) {
			t.Errorf("%s in %s: %v", c.own, c.net, list)
		}
	}
}

// TestSweepRests: nobody is asked where multicast is heard, or without being told
// to, and the pace is the promised one.
func TestSweepRests(t *testing.T) {
	r := room(t, func(c *Config) { c.Sweep, c.pace = true, usualTimes })
	b := newBeacons(r, nil)
	b.own = beacon{beaconVersion, 9, r.token}
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	p := place{name: "w", v4: netip.MustParseAddr("192.168.1.7"), nets: []netip.Prefix{netip.MustParsePrefix("192.168.1.0/24")}}
	b.voices = []*voice{{conn: conn, place: p, from: p.v4, port: 1}}
	b.beginSweep(at(0))
	if len(b.todo) != 253 {
		t.Fatalf("%d addresses to ask", len(b.todo))
	}
	if pause := b.sweepStep(at(0)); pause < 25*time.Millisecond || len(b.todo) != 252 {
		t.Errorf("the next address after %v, %d left", pause, len(b.todo))
	}
	b.todo = b.todo[:1]
	if pause := b.sweepStep(at(0)); pause < 7*time.Minute {
		t.Errorf("the next sweep after %v", pause)
	}
	there := netip.MustParseAddrPort("192.168.1.9:5")
	if _, _, err := b.crowd.hear(at(0), beacon{beaconVersion, 5, token{9}}, there, never); err != nil {
		t.Fatal(err)
	}
	if b.beginSweep(at(1)); len(b.todo) == 0 {
		t.Error("who was heard by a sweep alone ends the sweeps")
	}
	b.crowd.known[token{9}].cast = at(1)
	if b.beginSweep(at(2)); len(b.todo) != 0 {
		t.Error("a sweep where multicast works")
	}
	if b.beginSweep(at(200)); len(b.todo) == 0 {
		t.Error("no sweep although multicast fell silent")
	}
	b.room.config.Sweep = false
	if b.beginSweep(at(200)); len(b.todo) != 0 {
		t.Error("a sweep that nobody wants")
	}
}
