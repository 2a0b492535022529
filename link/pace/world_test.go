package pace

import (
	"container/heap"
	"math"
	"time"

	"github.com/apernet/quic-go/congestion"
	"github.com/apernet/quic-go/monotime"

	"github.com/jauap/jauap/internal/netem"
)

// full is a packet of data without IP and UDP headers.
const full = 1252

// An acknowledgement without IP and UDP headers, and how many packets it speaks of.
const (
	ackSize  = 32
	ackTells = 32
)

// world is a link in virtual time with some connections on it that always have
// something to say.
type world struct {
	now   time.Time
	lane  *netem.Lane
	back  *netem.Lane   // nil: acknowledgements take no room
	delay time.Duration // of acknowledgements
	todo  events
	n     int
	flows []*flow
}

var epoch = time.Unix(1_000_000, 0)

func mono(t time.Time) monotime.Time { return monotime.Time(t.Sub(epoch) + time.Second) }

func newWorld(p netem.Params, seed uint64) *world {
	return &world{now: epoch, lane: netem.NewLane(p, seed), delay: p.Delay}
}

type event struct {
	at time.Time
	n  int
	do func()
}

type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	return e[i].at.Before(e[j].at) || e[i].at.Equal(e[j].at) && e[i].n < e[j].n
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	old := *e
	x := old[len(old)-1]
	*e = old[:len(old)-1]
	return x
}

func (w *world) at(t time.Time, do func()) {
	w.n++
	heap.Push(&w.todo, event{t, w.n, do})
}

// run lets time pass.
func (w *world) run(d time.Duration) {
	end := w.now.Add(d)
	for len(w.todo) > 0 && !w.todo[0].at.After(end) {
		e := heap.Pop(&w.todo).(event)
		w.now = e.at
		e.do()
	}
	w.now = end
}

// flow is one connection: what QUIC does around a sender, as far as it matters.
type flow struct {
	w        *world
	lane     *netem.Lane
	back     *netem.Lane
	cc       congestion.CongestionControlEx
	next     int64
	out      map[int64]time.Time // under way
	oldest   int64               // none before it is
	inFlight int64
	arrived  int64 // bytes at the far end
	toAck    []int64
	said     []int64 // by earlier acknowledgements
	largest  int64
	srtt     time.Duration
	timer    int // of the sender; an older one does nothing
	pto      int
	dark     bool  // all of its packets vanish
	mate     *flow // of the same connection the other way: confirmations ride with its data
	alone    int   // confirmations that travelled alone
	few      int   // packets that there are to send until `until`
	until    time.Time
	sentN    int
	lostN    int
}

func (w *world) flow(cc congestion.CongestionControlEx, from time.Duration) *flow {
	return w.flowOn(w.lane, w.back, cc, from)
}

// flowOn is a connection whose data takes one lane and whose acknowledgements take the
// other.
func (w *world) flowOn(lane, back *netem.Lane, cc congestion.CongestionControlEx, from time.Duration) *flow {
	f := &flow{w: w, lane: lane, back: back, cc: cc, out: map[int64]time.Time{}, largest: -1, srtt: 300 * time.Millisecond}
	cc.SetMaxDatagramSize(full)
	w.flows = append(w.flows, f)
	w.at(epoch.Add(from), f.send)
	return f
}

func (f *flow) send() {
	w := f.w
	for f.cc.CanSend(congestion.ByteCount(f.inFlight)) {
		if w.now.Before(f.until) && f.sentN >= f.few {
			return
		}
		if !f.cc.HasPacingBudget(mono(w.now)) {
			at := f.cc.TimeUntilSend(congestion.ByteCount(f.inFlight))
			f.timer++
			mine := f.timer
			w.at(epoch.Add(time.Duration(at)-time.Second), func() {
				if mine == f.timer {
					f.send()
				}
			})
			return
		}
		f.put()
	}
	f.probeLater()
}

func (f *flow) put() {
	w, n := f.w, f.next
	f.next++
	f.sentN++
	f.out[n] = w.now
	f.inFlight += full
	f.cc.OnPacketSent(mono(w.now), congestion.ByteCount(f.inFlight), congestion.PacketNumber(n), full, true)
	var told []int64
	if f.mate != nil {
		told = f.mate.tell()
	}
	for _, fate := range f.lane.Admit(w.now, full, !f.dark) {
		w.at(fate.At, func() { f.arrive(n, told) })
	}
}

// probeLater is QUIC's probe timeout.
func (f *flow) probeLater() {
	f.pto++
	mine := f.pto
	f.w.at(f.w.now.Add(2*f.srtt+50*time.Millisecond), func() {
		if mine == f.pto && len(f.out) > 0 {
			f.put()
			f.probeLater()
		}
	})
}

// arrive brings a packet to the far end, and with it what that confirms.
func (f *flow) arrive(n int64, told []int64) {
	f.arrived += full
	f.toAck = append(f.toAck, n)
	if f.mate != nil {
		f.mate.acked(told) // QUIC looks whether it may send at whatever comes
	}
	if len(f.toAck) >= 2 {
		f.ack()
		return
	}
	f.w.at(f.w.now.Add(25*time.Millisecond), f.ack)
}

// tell is what the far end has to confirm; what one acknowledgement said, the next says
// again.
func (f *flow) tell() []int64 {
	list := f.toAck
	f.toAck = nil
	if len(list) == 0 {
		return nil
	}
	list = append(f.said, list...)
	f.said = list[max(0, len(list)-ackTells):]
	return list
}

func (f *flow) ack() {
	list := f.tell()
	if len(list) == 0 {
		return
	}
	f.alone++
	if f.back == nil {
		f.w.at(f.w.now.Add(f.w.delay), func() { f.acked(list) })
		return
	}
	for _, fate := range f.back.Admit(f.w.now, ackSize, true) {
		f.w.at(fate.At, func() { f.acked(list) })
	}
}

func (f *flow) acked(list []int64) {
	before := f.inFlight
	var got []congestion.AckedPacketInfo
	var lost []congestion.LostPacketInfo
	for _, n := range list {
		at, ok := f.out[n]
		if !ok {
			continue
		}
		delete(f.out, n)
		f.inFlight -= full
		f.largest = max(f.largest, n)
		f.srtt = (7*f.srtt + f.w.now.Sub(at)) / 8
		got = append(got, congestion.AckedPacketInfo{PacketNumber: congestion.PacketNumber(n), BytesAcked: full})
	}
	for ; f.oldest <= f.largest-3; f.oldest++ {
		if _, ok := f.out[f.oldest]; ok {
			lost = append(lost, congestion.LostPacketInfo{PacketNumber: congestion.PacketNumber(f.oldest), BytesLost: full})
		}
	}
	for _, l := range lost {
		delete(f.out, int64(l.PacketNumber))
		f.inFlight -= full
		f.lostN++
	}
	if len(got)+len(lost) > 0 {
		f.cc.OnCongestionEventEx(congestion.ByteCount(before), mono(f.w.now), got, lost)
	}
	f.send()
}

// cubic is the sender of most other programs. RFC 9438.
type cubic struct {
	window, most float64 // in packets
	slow         bool
	since        monotime.Time
	next         int64
	recover      int64
}

func newCubic() *cubic { return &cubic{window: 10, slow: true} }

func (c *cubic) OnPacketSent(_ monotime.Time, _ congestion.ByteCount, n congestion.PacketNumber, _ congestion.ByteCount, _ bool) {
	c.next = int64(n) + 1
}
func (c *cubic) CanSend(in congestion.ByteCount) bool { return float64(in) < c.window*full }
func (c *cubic) OnCongestionEventEx(_ congestion.ByteCount, at monotime.Time, got []congestion.AckedPacketInfo, lost []congestion.LostPacketInfo) {
	for _, l := range lost {
		if int64(l.PacketNumber) >= c.recover {
			c.most, c.window = c.window, max(c.window*0.7, 2)
			c.slow, c.since, c.recover = false, at, c.next
		}
	}
	for range got {
		if c.slow {
			c.window++
			continue
		}
		k := math.Cbrt(c.most * 0.3 / 0.4)
		t := at.Sub(c.since).Seconds() + 0.1
		target := 0.4*math.Pow(t-k, 3) + c.most
		c.window += max(min(target, 1.5*c.window)-c.window, 0.3/100) / c.window
	}
}
func (c *cubic) HasPacingBudget(monotime.Time) bool               { return true }
func (c *cubic) TimeUntilSend(congestion.ByteCount) monotime.Time { return 0 }
func (c *cubic) SetRTTStatsProvider(congestion.RTTStatsProvider)  {}
func (c *cubic) MaybeExitSlowStart()                              {}
func (c *cubic) OnRetransmissionTimeout(bool)                     {}
func (c *cubic) SetMaxDatagramSize(congestion.ByteCount)          {}
func (c *cubic) InSlowStart() bool                                { return c.slow }
func (c *cubic) InRecovery() bool                                 { return false }
func (c *cubic) GetCongestionWindow() congestion.ByteCount {
	return congestion.ByteCount(c.window * full)
}
func (c *cubic) OnPacketAcked(congestion.PacketNumber, congestion.ByteCount, congestion.ByteCount, monotime.Time) {
}
func (c *cubic) OnCongestionEvent(congestion.PacketNumber, congestion.ByteCount, congestion.ByteCount) {
}
