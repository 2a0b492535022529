package lan

import (
	"net/netip"
	"testing"
	"time"
)

// TestFarConfig: who is far away, as a knock has measured, is not sent full packets with
// nothing in them to find out whether larger ones pass; nor is who calls.
func TestFarConfig(t *testing.T) {
	r := room(t, nil)
	at := func(port uint16, trip time.Duration) netip.AddrPort {
		a := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port)
		r.mu.Lock()
		r.known[a] = &acquaintance{trip: trip, heard: time.Now()}
		r.mu.Unlock()
		return a
	}
	for _, c := range []struct {
		trip  time.Duration
		looks bool
	}{{0, true}, {20 * time.Millisecond, true}, {600 * time.Millisecond, false}} {
		if got := r.configFor(at(1, c.trip)); got.DisablePathMTUDiscovery == c.looks {
			t.Errorf("%v away: larger packets are looked for: %v", c.trip, !c.looks)
		}
	}
	if !r.farConfig.DisablePathMTUDiscovery || r.quicConfig.DisablePathMTUDiscovery || r.farConfig.MaxIdleTimeout != r.quicConfig.MaxIdleTimeout {
		t.Error("the two configurations differ in something else")
	}
}
