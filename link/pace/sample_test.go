package pace

import (
	"testing"
	"time"

	"github.com/apernet/quic-go/congestion"
	"github.com/apernet/quic-go/monotime"
)

// TestTwoOfOneNumber: a handshake's packet and one of data may have one number and size.
// What confirms the first tells no trip of the second, which left later: on a path of
// 100 ms it came out below nothing, and four packets were sent in each trip for good.
func TestTwoOfOneNumber(t *testing.T) {
	t.Parallel()
	const size, trip = 1250, 100 * time.Millisecond
	begin := monotime.Now()
	at := func(d time.Duration) monotime.Time { return begin.Add(d) }
	for _, second := range []time.Duration{40 * time.Millisecond, 109 * time.Millisecond} {
		s := New()
		s.Know(trip)
		sends := func(when time.Duration, n congestion.PacketNumber) {
			s.OnPacketSent(at(when), size, n, size, true)
		}
		hears := func(when time.Duration, n congestion.PacketNumber) {
			s.OnCongestionEventEx(2*size, at(when), []congestion.AckedPacketInfo{{PacketNumber: n, BytesAcked: size}}, nil)
		}
		sends(0, 0)
		sends(second, 0)
		hears(trip, 0)
		sends(second+time.Millisecond, 1)
		hears(second+time.Millisecond+trip, 1)
		if s.rtt < trip*9/10 || s.rtt > trip*11/10 {
			t.Errorf("the second leaves after %v: a trip of %v, want %v", second, s.rtt, trip)
		}
	}
}
