package netem

import (
	"math/rand/v2"
	"time"
)

// Overhead is what IPv4 and UDP add to a datagram.
const Overhead = 28

// Params of one direction.
type Params struct {
	Rate  float64       // bits a second of IP packets; 0 for no limit
	Delay time.Duration // one way, after the last bit has left
	Loss  float64       // 0 … 1, of each packet by itself
	Queue int           // bytes that may wait; 0 for 16,000 or 300 ms of the rate, whichever is more
	MTU   int           // of IP packets; larger ones vanish; 0 for 1,500

	// Faults, each 0 … 1 of each packet by itself.
	Corrupt   float64 // one bit is turned
	Duplicate float64 // it comes twice
	Reorder   float64 // it comes up to Delay/2 + 20 ms later than its turn
}

const (
	leastQueue  = 16_000
	queueTime   = 0.3
	usualMTU    = 1500
	lateness    = 20 * time.Millisecond
	bitsPerByte = 8
)

func (p Params) queue() int {
	if p.Queue > 0 {
		return p.Queue
	}
	return max(leastQueue, int(p.Rate/bitsPerByte*queueTime))
}

// Count is what happened to the packets of one direction; bytes are those of
// IP packets.
type Count struct {
	InPackets, InBytes   int64 // offered
	AirBytes             int64 // that used the rate
	OutPackets, OutBytes int64 // delivered
	Lost, Full, Dark     int64 // packets: by chance, for want of room, while the link was down
}

// Lane is one direction of a link. It is not safe for concurrent use; times must
// not go back.
type Lane struct {
	p       Params
	rng     *rand.Rand
	free    time.Time // when the last bit of what was admitted has left
	waiting []leaving
	bytes   int // in waiting
	n       Count
}

type leaving struct {
	at   time.Time
	size int
}

// NewLane makes one direction whose chances come from seed.
func NewLane(p Params, seed uint64) *Lane {
	return &Lane{p: p, rng: rand.New(rand.NewPCG(seed, 0x6a61756170))}
}

// Fate is what becomes of a packet that was admitted.
type Fate struct {
	At   time.Time // when it arrives
	Flip int       // bit to turn, counted from the datagram's first; -1 for none
}

// Admit offers a datagram of size bytes of payload and says when it arrives; nil when
// it does not. There are two answers for one that is duplicated.
func (l *Lane) Admit(now time.Time, size int, up bool) []Fate {
	ip := size + Overhead
	l.n.InPackets++
	l.n.InBytes += int64(ip)
	mtu := l.p.MTU
	if mtu == 0 {
		mtu = usualMTU
	}
	switch {
	case !up:
		l.n.Dark++
		return nil
	case ip > mtu:
		l.n.Full++
		return nil
	}
	done := now
	if l.p.Rate > 0 {
		l.settle(now)
		if l.bytes+ip > l.p.queue() {
			l.n.Full++
			return nil
		}
		if done.Before(l.free) {
			done = l.free
		}
		done = done.Add(time.Duration(float64(ip*bitsPerByte) / l.p.Rate * float64(time.Second)))
		l.free = done
		l.bytes += ip
		l.waiting = append(l.waiting, leaving{done, ip})
	}
	l.n.AirBytes += int64(ip)
	if l.chance(l.p.Loss) {
		l.n.Lost++
		return nil
	}
	return l.fates(done.Add(l.p.Delay), size)
}

func (l *Lane) fates(at time.Time, size int) []Fate {
	f := Fate{At: at, Flip: -1}
	if size > 0 && l.chance(l.p.Corrupt) {
		f.Flip = l.rng.IntN(size * bitsPerByte)
	}
	if l.chance(l.p.Reorder) {
		f.At = at.Add(time.Duration(l.rng.Int64N(int64(l.p.Delay/2 + lateness))))
	}
	if l.chance(l.p.Duplicate) {
		return []Fate{f, {At: at, Flip: -1}}
	}
	return []Fate{f}
}

func (l *Lane) chance(p float64) bool { return p > 0 && l.rng.Float64() < p }

// settle forgets what has left by now.
func (l *Lane) settle(now time.Time) {
	for len(l.waiting) > 0 && !l.waiting[0].at.After(now) {
		l.bytes -= l.waiting[0].size
		l.waiting = l.waiting[1:]
	}
}

// Queued is how many bytes wait at now.
func (l *Lane) Queued(now time.Time) int {
	l.settle(now)
	return l.bytes
}

// Arrived counts a delivery of a datagram with size bytes of payload, Darkened one
// that was on its way when the link went down.
func (l *Lane) Arrived(size int) {
	l.n.OutPackets++
	l.n.OutBytes += int64(size + Overhead)
}

// Darkened: see Arrived.
func (l *Lane) Darkened() { l.n.Dark++ }

// Count is what happened so far.
func (l *Lane) Count() Count { return l.n }

// Set changes the direction from now on; what is on its way is not changed.
func (l *Lane) Set(p Params) { l.p = p }
