package pace

import (
	"sync/atomic"
	"time"

	"github.com/apernet/quic-go/congestion"
	"github.com/apernet/quic-go/monotime"
)

// mode is what a Sender is after.
type mode uint8

const (
	startup  mode = iota // how much does the path take?
	drain                // the queue that startup made is let go
	cruise               // send at the rate, and now and then a little more
	probeRTT             // how short can a round trip be?
)

// Gains and times of the design. draft-ietf-ccwg-bbr, "Parameters".
const (
	startupGain = 2.77
	drainGain   = 0.35
	windowGain  = 2.0
	upGain      = 1.25
	downGain    = 0.75
	upWorth     = 1.15            // times the rate: what was found by sending more, and more may be there
	cycleRounds = 8               // up, down, and the rest at the rate
	sharedRound = 24              // of a cycle where a queue has run over
	sharedCycle = 3 * time.Second // and no longer than this
	peakRounds  = 10

	growth     = 1.25 // of the rate in a round of startup that goes on
	fullRounds = 3    // without it, and the path is full

	startupQueue = 2 // times the shortest round trip: the queue says that it is full

	rttFor        = 10 * time.Second // the shortest round trip is believed so long
	rttNear       = 1.125            // times the shortest is as good as it
	rttMost       = 3 * rttFor       // but a queue may always have been there
	probeRTTFor   = 200 * time.Millisecond
	probeRTTShare = 0.5 // of what the path holds stays under way meanwhile

	firstWindow = 10 // packets: RFC 6928, and what middle boxes expect
	leastWindow = 4
	burstFor    = 10 * time.Millisecond // of the rate may leave at once: timers are late
	burstLeast  = 3                     // packets

	// A narrow path: its round trip is known to be long, it holds few packets, and takes
	// longer for each than QUIC waits until it confirms one by a packet of its own.
	narrowTrip  = 200 * time.Millisecond
	narrowLoss  = 0.1 // lost of the last rounds; beyond it the path's own loss must be learned
	lossyRounds = 8
	ackDelay    = 25 * time.Millisecond
	narrowSpare = 7    // packets under way beyond what it holds
	early       = 0.25 // of a packet is budget enough for the next

	lossThresh  = 0.02 // of a round: loss beyond it is looked at
	queueThresh = 1.25 // times the shortest round trip: a queue has formed
	fewPackets  = 6    // on a path that holds no more the queue may be ours alone
	othersAfter = 6    // rounds with a queue that is not ours: others want their share, and so do we
	beta        = 0.7  // what is left of the bound when a queue runs over
	mostFloor   = 0.5  // loss of the path itself that is made up for
	floorWindow = 200  // packets by which that loss is judged
)

// Sender is a congestion.CongestionControl for one connection. QUIC calls it from one
// goroutine. It is made by New.
type Sender struct {
	packet int64 // size of a full one
	now    monotime.Time
	inNow  int64 // bytes under way

	mode    mode
	samples sampler
	rate    peak // bytes a second
	round   uint64
	roundAt int64 // of delivered: the round ends there
	window  int64

	hint   atomic.Int64  // of Know
	known  time.Duration // the same, once heard
	rtt    time.Duration // the shortest
	rttAt  monotime.Time
	restAt monotime.Time // when last little was under way
	crowd  int           // rounds in which others kept a queue
	queued time.Duration // the shortest round trip of the last round

	full   float64 // rate of startup that was not outgrown
	stale  int     // rounds since
	isFull bool

	phase   int // of cruise
	phaseAt monotime.Time
	upFrom  float64 // the rate when more was begun to be sent

	restUntil monotime.Time // probeRTT: zero until little enough is under way

	// A bound on what is under way, where a queue has run over; 0 for none.
	bound     int64
	roundLost int64
	roundGot  int64
	roundRTT  time.Duration // the shortest of this round
	lossy     float64       // share lost of the last rounds

	lowLost, lowGot float64 // bytes that left while little was sent

	held     bool    // something waited for us since the last packet
	budget   float64 // bytes that may leave now
	budgetAt monotime.Time
}

var _ congestion.CongestionControlEx = (*Sender)(nil)

// New makes a Sender for quic.Conn.SetCongestionControl.
func New() *Sender {
	return &Sender{packet: int64(congestion.InitialPacketSize), window: firstWindow * int64(congestion.InitialPacketSize)}
}

// Know says what the round trip of the path is, measured just now by something small; 0
// says nothing. What is sent first often fills a slow path, and then what the first
// packets tell of the round trip is mostly the queue that they made. It may be called
// at any time, from any goroutine.
func (s *Sender) Know(rtt time.Duration) { s.hint.Store(int64(rtt)) }

// hear takes what Know said, once.
func (s *Sender) hear(r sample) {
	hint := time.Duration(s.hint.Load())
	if hint <= 0 || s.known != 0 || s.rtt == 0 && r.rtt == 0 {
		return
	}
	s.known = hint
	if s.rtt == 0 {
		s.rtt = r.rtt
	}
	s.rtt, s.rttAt = min(hint, s.rtt), s.now
}

// Rate is the measured rate of the path in bytes a second, 0 before it is known.
func (s *Sender) Rate() float64 { return s.rate.value[0] }

// OnPacketSent implements congestion.CongestionControl.
func (s *Sender) OnPacketSent(at monotime.Time, inFlight congestion.ByteCount, n congestion.PacketNumber, size congestion.ByteCount, ackEliciting bool) {
	s.now = at
	if !ackEliciting {
		return
	}
	s.refill(at)
	if !s.held && s.budget >= s.burst() {
		s.samples.idles(int64(inFlight - size)) // it could have gone before
	}
	s.held = false
	s.budget = max(s.budget-float64(size), -float64(s.packet))
	s.inNow = int64(inFlight)
	s.samples.leaves(n, int64(size), int64(inFlight), at, s.gain() < 1)
}

// OnCongestionEventEx implements congestion.CongestionControlEx: what one
// acknowledgement, or the want of one, tells.
func (s *Sender) OnCongestionEventEx(before congestion.ByteCount, at monotime.Time, acked []congestion.AckedPacketInfo, lost []congestion.LostPacketInfo) {
	s.now = at
	s.refill(at)
	bytes := s.samples.lost(lost, func(p sent) {
		if p.low {
			s.lowLost += float64(p.size)
		}
	})
	r := s.samples.acked(acked, at, func(p sent) {
		if p.low {
			s.lowGot += float64(p.size)
		}
	})
	r.lost = bytes
	s.samples.sweep(at)
	s.inNow = max(int64(before)-r.acked-r.lost, 0)
	s.learn(r)
}

// learn takes one sample through the state machine.
func (s *Sender) learn(r sample) {
	s.roundLost += r.lost
	s.roundGot += r.acked
	s.hear(r)
	if s.restAt == 0 {
		s.restAt = s.now
	}
	expired := s.rtt > 0 && (s.now.Sub(s.rttAt) > s.believed() || s.now.Sub(s.restAt) > rttMost)
	if r.rtt > 0 {
		if s.roundRTT == 0 || r.rtt < s.roundRTT {
			s.roundRTT = r.rtt
		}
		// A packet of full size is under way longer than the small ones of a
		// handshake, by its own air time.
		near := time.Duration(float64(s.rtt)*rttNear) + s.airTime(s.packet)
		switch {
		case s.rtt == 0 || r.rtt <= s.rtt:
			s.rtt, s.rttAt = r.rtt, s.now
		case expired && s.mode == probeRTT && s.restUntil != 0:
			// What is under way beyond what the path holds made it longer.
			more := s.airTime(max(s.restWindow()-s.path(1), 0))
			s.rtt, s.rttAt = max(r.rtt-more, s.rtt), s.now
		case r.rtt <= near:
			s.rttAt = s.now
		}
	}
	newRound := r.acked > 0 && r.prior >= s.roundAt
	if newRound {
		s.round++
		s.roundAt = s.samples.delivered
	}
	if r.rate > 0 && (!r.idle || r.rate >= s.rate.value[0]) {
		s.rate.put(s.round, r.rate, peakRounds)
	}
	if newRound {
		s.endRound(r)
	}
	s.forgetOldLoss()
	s.move(expired)
	s.grow(r.acked)
}

// believed is how long the shortest round trip is.
func (s *Sender) believed() time.Duration {
	if s.known > 0 && s.rtt <= s.known {
		return rttMost // measured apart from what we send
	}
	return rttFor
}

// endRound judges the round that has passed.
func (s *Sender) endRound(r sample) {
	lost := 0.0
	if sum := s.roundLost + s.roundGot; sum > 0 {
		lost = float64(s.roundLost) / float64(sum)
	}
	s.lossy += (lost - s.lossy) / lossyRounds
	queue := s.rtt > 0 && float64(s.roundRTT) > queueThresh*float64(s.rtt+s.airTime(s.packet))
	over := queue && s.roundLost >= 2*s.packet && lost-s.floor() > lossThresh
	if queue && s.mode == cruise && s.phase > 2 && s.path(1) >= fewPackets*s.packet {
		s.crowd = min(s.crowd+1, 2*othersAfter)
	} else if !queue {
		s.crowd = 0
	}
	s.queued = s.roundRTT
	s.roundLost, s.roundGot, s.roundRTT = 0, 0, 0
	if over {
		s.bound = max(int64(beta*float64(max(s.inNow, s.path(1)))), s.path(0.9), leastWindow*s.packet)
	}
	if s.mode != startup || r.idle {
		return
	}
	if rate := s.rate.value[0]; rate >= s.full*growth {
		s.full, s.stale = rate, 0
	} else {
		s.stale++
	}
	s.isFull = s.isFull || s.stale >= fullRounds || over || s.stale > 0 && queue && s.queued > startupQueue*s.rtt
}

// move changes the mode where its time has come. draft-ietf-ccwg-bbr, "State
// Machine".
func (s *Sender) move(expired bool) {
	switch {
	case s.mode == startup && s.isFull:
		s.mode = drain
	case s.mode == drain && (s.narrow() || s.inNow <= s.least()):
		s.toCruise()
	case s.mode == cruise:
		s.turn()
	}
	switch {
	case s.mode == probeRTT:
		s.rest()
	case expired && s.mode == cruise:
		s.mode, s.restUntil = probeRTT, 0
	}
}

// least is what a path holds without a queue. Confirmations wait behind what the far end
// sends, and on a path of few packets that is much: there some more stay under way.
func (s *Sender) least() int64 {
	return max(s.path(1), min(s.path(1)+burstLeast*s.packet, 2*leastWindow*s.packet))
}

func (s *Sender) toCruise() {
	s.mode, s.phase, s.phaseAt = cruise, 2, s.now
}

// turn goes to the next part of the cycle when this one has had its effect.
func (s *Sender) turn() {
	over := s.now.Sub(s.phaseAt) >= s.rtt
	switch s.phase {
	case 0: // up: until it is under way, or a queue runs over
		over = over && (s.inNow >= s.path(upGain) || s.bound > 0 || s.now.Sub(s.phaseAt) >= 2*s.rtt)
	case 1: // down: no longer than needed
		over = over || s.inNow <= s.least()
	}
	if !over {
		return
	}
	if rate := s.rate.value[0]; s.phase == 0 && rate >= upWorth*s.upFrom && s.bound == 0 {
		s.upFrom, s.phaseAt = rate, s.now // there is more: go on
		return
	}
	if s.upFrom = 0; s.phase+1 == s.cycle() {
		s.upFrom = s.rate.value[0]
	}
	s.phase, s.phaseAt = (s.phase+1)%s.cycle(), s.now
	if s.phase == 0 && s.bound > 0 { // a cycle without trouble widens the bound
		if s.bound = int64(float64(s.bound) * upGain); s.bound > s.window {
			s.bound = 0
		}
	}
}

// cycle is how many round trips pass from one look for more to the next. Where others
// are on the path it is long enough for them to find their share. draft-ietf-ccwg-bbr,
// "Time Scale for Bandwidth Probing".
func (s *Sender) cycle() int {
	if s.bound == 0 || s.rtt == 0 {
		return cycleRounds
	}
	return max(cycleRounds, min(sharedRound, int(sharedCycle/s.rtt)))
}

// rest keeps little under way for a while, so that queues empty.
func (s *Sender) rest() {
	if s.restUntil == 0 {
		if s.inNow <= s.restWindow() {
			s.restUntil = s.now.Add(max(probeRTTFor, s.rtt))
		}
		return
	}
	if s.now >= s.restUntil {
		s.rttAt, s.restAt, s.crowd = s.now, s.now, 0
		s.toCruise()
	}
}

// restWindow empties the queue of a path that holds much. One that holds few
// packets would run dry by it, as acknowledgements come for two at a time.
func (s *Sender) restWindow() int64 {
	few := min(s.path(1)+2*s.packet, 2*leastWindow*s.packet)
	return max(s.path(probeRTTShare), few, leastWindow*s.packet)
}

// narrow reports whether the path takes long for a packet and holds few. There round trips
// tell mostly of the far end's data, behind which confirmations wait: emptying our own queue
// makes them no shorter and the line idle. A window that is kept full sends a packet for
// each that comes, and takes the confirmation along.
func (s *Sender) narrow() bool {
	holds := s.path(1)
	return s.known >= narrowTrip && s.lossy < narrowLoss && s.airTime(s.packet) > ackDelay && holds >= 2*s.packet && holds < fewPackets*s.packet
}

// grow lets more be under way as more is confirmed.
func (s *Sender) grow(acked int64) {
	target := s.path(windowGain) + burstLeast*s.packet
	if s.narrow() && s.isFull {
		target = s.path(1) + narrowSpare*s.packet
	}
	if s.mode == startup {
		target = max(target, firstWindow*s.packet)
	}
	if s.crowd >= othersAfter && s.queued > s.rtt {
		// A queue that stays although we fill the path no more than twice is that of
		// others. Who only keeps to its own bound would be left with nothing.
		target = int64(float64(target) * s.queued.Seconds() / s.rtt.Seconds())
	}
	if s.isFull {
		s.window = min(s.window+acked, target)
	} else if s.window < target || s.known == 0 && s.samples.delivered < firstWindow*s.packet {
		s.window += acked
	}
	s.window = max(s.window, leastWindow*s.packet)
}

// cwnd is how much may be under way now.
func (s *Sender) cwnd() int64 {
	w := s.window
	if s.bound > 0 {
		w = min(w, max(s.bound, leastWindow*s.packet))
	}
	if s.mode == probeRTT {
		w = min(w, s.restWindow())
	}
	return w
}

// path is how many bytes the path holds, times gain.
func (s *Sender) path(gain float64) int64 {
	if s.rtt == 0 || s.rate.value[0] == 0 {
		return int64(gain * firstWindow * float64(s.packet))
	}
	return int64(gain * s.real() * s.rtt.Seconds())
}

// real is the rate at which the path takes bytes, of which it loses some.
func (s *Sender) real() float64 { return s.rate.value[0] / (1 - s.floor()) }

// floor is the share that the path loses also when little is sent: that loss tells
// nothing of how much it can take.
func (s *Sender) floor() float64 {
	if s.lowGot+s.lowLost < 20*float64(s.packet) {
		return 0
	}
	return min(s.lowLost/(s.lowGot+s.lowLost), mostFloor)
}

func (s *Sender) forgetOldLoss() {
	if s.lowGot+s.lowLost > floorWindow*float64(s.packet) {
		s.lowGot, s.lowLost = s.lowGot/2, s.lowLost/2
	}
}

// airTime is how long the path takes for so many bytes.
func (s *Sender) airTime(bytes int64) time.Duration {
	if s.rate.value[0] == 0 {
		return 0
	}
	return time.Duration(float64(bytes) / s.rate.value[0] * float64(time.Second))
}
