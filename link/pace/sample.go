package pace

import (
	"time"

	"github.com/apernet/quic-go/congestion"
	"github.com/apernet/quic-go/monotime"
)

// sent is what is remembered of a packet under way: the state of the connection
// when it left. draft-ietf-ccwg-bbr, "Delivery Rate Sampling".
type sent struct {
	size      int64
	at        monotime.Time
	delivered int64         // bytes confirmed until then
	confirmed monotime.Time // when the last of them was
	first     monotime.Time // when the packet was sent whose confirmation that was
	idle      bool          // there was not enough to say to fill the path
	low       bool          // it left while less was sent than the path takes
	vague     bool          // another of its number was under way when it left
}

// sampler turns confirmations into rates.
type sampler struct {
	packets   map[congestion.PacketNumber]sent
	delivered int64
	confirmed monotime.Time
	first     monotime.Time
	idleUntil int64 // of delivered: samples before it may be too small
	swept     monotime.Time
}

// sample is what one acknowledgement tells.
type sample struct {
	rate  float64 // bytes a second; 0 when it tells none
	idle  bool
	rtt   time.Duration // 0 when it tells none
	prior int64         // delivered, when the newest packet of it left
	acked int64
	lost  int64
}

func (s *sampler) leaves(n congestion.PacketNumber, size int64, inFlight int64, now monotime.Time, low bool) {
	if inFlight <= size || s.confirmed == 0 { // nothing else was under way
		s.first, s.confirmed = now, now
	}
	if s.packets == nil {
		s.packets = map[congestion.PacketNumber]sent{}
	}
	_, vague := s.packets[n]
	s.packets[n] = sent{size: size, at: now, delivered: s.delivered, confirmed: s.confirmed, first: s.first,
		idle: s.idleUntil > s.delivered, low: low, vague: vague}
}

// acked counts confirmed packets. The newest of them tells the rate.
func (s *sampler) acked(list []congestion.AckedPacketInfo, now monotime.Time, each func(sent)) (r sample) {
	var newest sent
	for _, a := range list {
		p, ok := s.packets[a.PacketNumber]
		// Packet numbers of the handshake are those of the data, too (RFC 9000, 12.3).
		if !ok || p.size != int64(a.BytesAcked) {
			continue
		}
		delete(s.packets, a.PacketNumber)
		s.delivered += p.size
		s.confirmed = now
		r.acked += p.size
		each(p)
		// Of two of one number and size nobody can say which this is: the trip of the later
		// one would come out too short, and the path would look too small for ever.
		if p.vague {
			continue
		}
		if newest.size == 0 || p.at > newest.at || p.at == newest.at && p.delivered >= newest.delivered {
			newest = p
		}
	}
	if newest.size == 0 {
		return r
	}
	s.first = newest.at
	r.rtt, r.prior, r.idle = now.Sub(newest.at), newest.delivered, newest.idle
	// The slower of sending and confirming: bursts of acknowledgements must not
	// look like a fast path.
	span := max(newest.at.Sub(newest.first), now.Sub(newest.confirmed))
	if span > 0 {
		r.rate = float64(s.delivered-newest.delivered) / span.Seconds()
	}
	return r
}

func (s *sampler) lost(list []congestion.LostPacketInfo, each func(sent)) (bytes int64) {
	for _, l := range list {
		if p, ok := s.packets[l.PacketNumber]; ok {
			delete(s.packets, l.PacketNumber)
			bytes += p.size
			each(p)
		}
	}
	return bytes
}

// idles says that what is under way now is not all that the path could take.
func (s *sampler) idles(inFlight int64) { s.idleUntil = max(s.delivered+inFlight, 1) }

// keepFor is how long a packet is remembered that nobody speaks of any more: QUIC gives
// some up without a word.
const keepFor = 30 * time.Second

func (s *sampler) sweep(now monotime.Time) {
	if now.Sub(s.swept) < keepFor {
		return
	}
	s.swept = now
	for n, p := range s.packets {
		if now.Sub(p.at) > keepFor {
			delete(s.packets, n)
		}
	}
}

// peak is the largest of the values of the last rounds.
type peak struct {
	at    [3]uint64 // rounds; values fall, rounds rise
	value [3]float64
}

// put follows a value seen in a round; those older than width rounds are
// forgotten.
func (p *peak) put(round uint64, v float64, width uint64) {
	if v >= p.value[0] || round-p.at[2] > width {
		for i := range p.at {
			p.at[i], p.value[i] = round, v
		}
		return
	}
	switch {
	case v >= p.value[1]:
		p.at[1], p.value[1], p.at[2], p.value[2] = round, v, round, v
	case v >= p.value[2]:
		p.at[2], p.value[2] = round, v
	}
	age := round - p.at[0]
	switch {
	case age > width:
		p.shift(round, v)
		if round-p.at[0] > width {
			p.shift(round, v)
		}
	case p.at[1] == p.at[0] && age > width/4:
		p.at[1], p.value[1], p.at[2], p.value[2] = round, v, round, v
	case p.at[2] == p.at[1] && age > width/2:
		p.at[2], p.value[2] = round, v
	}
}

func (p *peak) shift(round uint64, v float64) {
	p.at[0], p.value[0] = p.at[1], p.value[1]
	p.at[1], p.value[1] = p.at[2], p.value[2]
	p.at[2], p.value[2] = round, v
}
