package pace

import (
	"time"

	"github.com/apernet/quic-go/congestion"
	"github.com/apernet/quic-go/monotime"
)

// gain is what the rate is multiplied by now.
func (s *Sender) gain() float64 {
	switch s.mode {
	case startup:
		return startupGain
	case drain:
		return drainGain
	case cruise:
		switch s.phase {
		case 0:
			return upGain
		case 1:
			if !s.narrow() {
				return downGain
			}
		}
	}
	return 1
}

// pacing is the rate of sending in bytes a second; 0 for as fast as can be. Who has
// said little yet has measured little: in startup it does not fall below the first
// window in a round trip.
func (s *Sender) pacing() float64 {
	rate := s.real()
	if s.mode == startup && rate > 0 {
		rate = max(rate, firstWindow*float64(s.packet)/max(s.rtt, time.Millisecond).Seconds())
	}
	return s.gain() * rate
}

// burst is how many bytes may leave at once.
func (s *Sender) burst() float64 {
	return max(burstLeast*float64(s.packet), s.pacing()*burstFor.Seconds())
}

func (s *Sender) refill(now monotime.Time) {
	if s.budgetAt == 0 {
		s.budgetAt, s.budget = now, s.burst()
	}
	if d := now.Sub(s.budgetAt); d > 0 {
		s.budget = min(s.budget+s.pacing()*d.Seconds(), s.burst())
		s.budgetAt = now
	}
}

// due is the budget with which a packet may leave when QUIC asks by itself, which it does
// when something came. On a path where a packet takes long, data a little before its time
// takes the confirmation along, which would else be a packet of its own: 4 % of the line.
func (s *Sender) due() float64 {
	if s.narrow() {
		return early * float64(s.packet)
	}
	return float64(s.packet)
}

// HasPacingBudget implements congestion.CongestionControl.
func (s *Sender) HasPacingBudget(now monotime.Time) bool {
	s.refill(now)
	yes := s.pacing() == 0 || s.budget >= s.due()
	s.held = s.held || !yes
	return yes
}

// TimeUntilSend implements congestion.CongestionControl.
func (s *Sender) TimeUntilSend(congestion.ByteCount) monotime.Time {
	lacks := float64(s.packet) - s.budget
	if s.pacing() == 0 || lacks <= 0 {
		return 0
	}
	wait := time.Duration(lacks / s.pacing() * float64(time.Second))
	return s.budgetAt.Add(max(wait, congestion.MinPacingDelay))
}

// CanSend implements congestion.CongestionControl.
func (s *Sender) CanSend(inFlight congestion.ByteCount) bool {
	yes := int64(inFlight) < s.cwnd()
	s.held = s.held || !yes
	return yes
}

// GetCongestionWindow implements congestion.CongestionControl.
func (s *Sender) GetCongestionWindow() congestion.ByteCount {
	return congestion.ByteCount(s.cwnd())
}

// SetMaxDatagramSize implements congestion.CongestionControl.
func (s *Sender) SetMaxDatagramSize(size congestion.ByteCount) {
	if s.rate.value[0] == 0 {
		s.window = max(s.window, firstWindow*int64(size))
	}
	s.packet = int64(size)
}

// InSlowStart implements congestion.CongestionControl.
func (s *Sender) InSlowStart() bool { return s.mode == startup }

// InRecovery implements congestion.CongestionControl: there is no such mode.
func (s *Sender) InRecovery() bool { return false }

// The rest of congestion.CongestionControl tells a Sender nothing that
// OnCongestionEventEx does not.

func (s *Sender) SetRTTStatsProvider(congestion.RTTStatsProvider) {}
func (s *Sender) MaybeExitSlowStart()                             {}
func (s *Sender) OnPacketAcked(congestion.PacketNumber, congestion.ByteCount, congestion.ByteCount, monotime.Time) {
}
func (s *Sender) OnCongestionEvent(congestion.PacketNumber, congestion.ByteCount, congestion.ByteCount) {
}
func (s *Sender) OnRetransmissionTimeout(bool) {}
