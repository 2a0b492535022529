package serial

import (
	"math/rand/v2"
	"time"
)

// Item is a unit that a station may send.
type Item struct {
	ID   ID
	Size int
	Own  bool // the owner's, and nobody else is known to hold it
}

// Config of a Station.
type Config struct {
	Frame   int                       // longest frame to send, MinFrame to MaxFrame
	Airtime func(n int) time.Duration // of a frame of n bytes
	Budget  *Budget
	Get     func(ID) ([]byte, bool) // a unit's bytes
	Rand    *rand.Rand              // of delays and digests; its seed should be secret
}

// Pace of a station. spec/serial.md, 5.
const (
	ownSends   = 4
	firstGap   = 15 * time.Second // and some slots: whoever passes it on does so before
	gapSlots   = 4
	maxGap     = 30 * time.Minute
	digestMin  = 2 * time.Minute
	digestMax  = 30 * time.Minute
	digestPart = 7 // of the budget, as a divisor, that digests take
	echoes     = 2 // copies from others after which a relayed unit is not sent
	maxWatched = 256
	maxFromAir = 4096
)

// Station decides what is sent when. It is not safe for concurrent use; time is
// given to it and must not go back.
type Station struct {
	c      Config
	gather gather
	watch  map[ID]*watched
	names  map[name]ID
	order  []ID
	all    []ID // everything held, for digests
	began  bool
	quiet  time.Time // nothing is sent before
	air    map[ID]bool
	ring   []ID

	digestAt  time.Time
	digestGap time.Duration

	counts Counts
}

// Counts of a station.
type Counts struct {
	Sent, Heard   int64     // frames of ours
	In, Out       int64     // bytes in these
	Foreign       int64     // frames of others, or broken
	LastHeard     time.Time // when a frame of another station came
	Sends, Echoed int64     // units sent, and own ones heard again from others
}

// watched is a unit and what is known of its way.
type watched struct {
	Item
	left  int       // sends that are planned
	due   time.Time // of the next
	sends int
	last  time.Time
	heard int // copies that others sent
	bits  int // pieces heard since the last whole copy
	next  int // piece
	burst int // pieces left of a send that has begun
}

// NewStation makes a station that has nothing.
func NewStation(c Config, now time.Time) *Station {
	s := &Station{c: c, watch: map[ID]*watched{}, names: map[name]ID{}, air: map[ID]bool{}}
	s.gather = gather{open: map[name]*begun{}, rng: c.Rand}
	s.digestGap = s.shortest()
	s.digestAt = now.Add(s.some(s.digestGap / 4))
	return s
}

// some is a random time up to d.
func (s *Station) some(d time.Duration) time.Duration {
	return time.Duration(s.c.Rand.Int64N(int64(max(d, 1))))
}

// slot is the unit of delays: a long frame's time on the air.
func (s *Station) slot() time.Duration { return s.c.Airtime(s.c.Frame) }

// shortest is the shortest time between two digests.
func (s *Station) shortest() time.Duration {
	if s.c.Budget.Limit <= 0 {
		return digestMax
	}
	fair := time.Duration(float64(s.slot()) * digestPart * float64(time.Hour) / float64(s.c.Budget.Limit))
	return max(digestMin, fair)
}

// Counts tells what passed.
func (s *Station) Counts() Counts { return s.counts }

// Pending is how many bytes of own units still have a send before them.
func (s *Station) Pending() (bytes int) {
	for _, w := range s.watch {
		if w.Own && w.left > 0 && w.sends == 0 {
			bytes += w.Size
		}
	}
	return bytes
}

// Update says what is held, most urgent first: all of it, for digests, of which the
// first 256 may be sent. Units that were not there in an earlier Update go on the
// air, own ones more often; of the first Update only own ones do.
func (s *Station) Update(now time.Time, items []Item) {
	s.all, s.order = s.all[:0], s.order[:0]
	for _, it := range items {
		s.all = append(s.all, it.ID)
	}
	seen := map[ID]bool{}
	for _, it := range items[:min(len(items), maxWatched)] {
		seen[it.ID] = true
		s.order = append(s.order, it.ID)
		w := s.watch[it.ID]
		if w == nil {
			w = s.admit(now, it)
			s.watch[it.ID], s.names[it.ID.name()] = w, it.ID
		}
		w.Own = it.Own
	}
	for id := range s.watch {
		if !seen[id] {
			delete(s.watch, id)
			delete(s.names, id.name())
		}
	}
	s.began = true
}

// admit plans the first sends of a unit.
func (s *Station) admit(now time.Time, it Item) *watched {
	w := &watched{Item: it}
	switch {
	case it.Own:
		w.left, w.due = ownSends, now.Add(s.some(2*s.slot()))
	case s.air[it.ID]: // passed on, unless others do
		w.left, w.due = 1, now.Add(s.slot()+s.some(8*s.slot()))
	case s.began:
		w.left, w.due = 1, now.Add(firstGap+s.some(2*firstGap))
	}
	if w.left > 0 {
		s.hurry(now)
	}
	return w
}

// hurry lets the next digest come soon: something is new.
func (s *Station) hurry(now time.Time) {
	s.digestGap = s.shortest()
	if at := now.Add(s.digestGap/2 + s.some(s.digestGap)); at.Before(s.digestAt) {
		s.digestAt = at
	}
}

// Heard takes a frame from the air and answers the unit that it completes, if it
// is one that is not held.
func (s *Station) Heard(now time.Time, frame []byte) (unit []byte) {
	s.hush(now.Add(s.slot()/8 + s.some(s.slot())))
	kind, rest, err := opened(frame)
	if err == nil {
		switch kind {
		case kindWhole:
			unit = s.heardWhole(rest)
		case kindPiece:
			var p piece
			if p, err = parsePiece(rest); err == nil {
				unit = s.heardPiece(now, p)
			}
		case kindHave:
			var h *have
			if h, err = parseHave(rest); err == nil {
				s.heardHave(now, h)
			}
		default:
			err = ErrFrame
		}
	}
	if err != nil {
		s.counts.Foreign++
		return nil
	}
	if s.counts.LastHeard.IsZero() || now.Sub(s.counts.LastHeard) > digestMax {
		s.hurry(now) // somebody came
	}
	s.counts.Heard++
	s.counts.In += int64(len(frame))
	s.counts.LastHeard = now
	if unit != nil {
		s.noteAir(IDOf(unit))
	}
	return unit
}

// hush keeps the station from talking before t.
func (s *Station) hush(t time.Time) {
	if t.After(s.quiet) {
		s.quiet = t
	}
}

func (s *Station) noteAir(id ID) {
	if s.air[id] {
		return
	}
	s.air[id] = true
	if s.ring = append(s.ring, id); len(s.ring) > maxFromAir {
		delete(s.air, s.ring[0])
		s.ring = s.ring[1:]
	}
}

func (s *Station) heardWhole(unit []byte) []byte {
	if len(unit) == 0 {
		return nil
	}
	if w := s.watch[IDOf(unit)]; w != nil {
		s.echo(w)
		return nil
	}
	return append([]byte(nil), unit...)
}

func (s *Station) heardPiece(now time.Time, p piece) []byte {
	if id, ok := s.names[p.name]; ok {
		w := s.watch[id]
		if w.bits++; w.bits >= p.k {
			w.bits = 0
			s.echo(w)
		}
		return nil
	}
	return s.gather.add(now, p)
}

// echo notes that another station sent a unit that is held here.
func (s *Station) echo(w *watched) {
	w.heard++
	if w.Own {
		s.counts.Echoed++
	}
	if w.burst == 0 && (w.heard >= echoes || w.sends > 0) {
		w.left = 0 // what is still lacked, a digest tells
	}
}

// heardHave plans to send what another station lacks, and calls off what it has.
func (s *Station) heardHave(now time.Time, h *have) {
	for _, id := range s.order {
		in, held := h.holds(id)
		w := s.watch[id]
		switch {
		case !in:
		case held && w.sends > 0 && w.burst == 0:
			w.left = 0
		case !held && w.left == 0:
			w.left, w.heard, w.bits = 1, 0, 0
			w.due = now.Add(s.some(4 * s.slot()))
			if w.sends > 0 {
				if later := w.last.Add(s.gap(w.sends)); later.After(w.due) {
					w.due = later
				}
			}
		}
	}
}

// gap is the time between two sends of a unit after so many: whoever asks for it
// again and again does not get it as often.
func (s *Station) gap(sends int) time.Duration {
	g := max(firstGap, gapSlots*s.slot()) << min(sends-1, 8)
	return min(g, max(maxGap, gapSlots*s.slot()))
}

// Next answers the frame that is to go on the air now, which then counts as sent;
// or none, and when to ask again unless something changes.
func (s *Station) Next(now time.Time) (frame []byte, at time.Time) {
	if now.Before(s.quiet) {
		return nil, s.quiet
	}
	sooner := func(t time.Time) {
		if at.IsZero() || t.Before(at) {
			at = t
		}
	}
	for _, id := range s.order {
		w := s.watch[id]
		if w.left == 0 {
			continue
		}
		if w.due.After(now) {
			sooner(w.due)
			continue
		}
		f, ok := s.make(w)
		if !ok {
			w.left = 0
			continue
		}
		if t := s.c.Budget.may(now, s.c.Airtime(len(f)), w.Own); t.After(now) {
			sooner(t)
			continue
		}
		s.sent(now, w)
		return s.out(now, f), s.quiet
	}
	if f := s.digest(now); f != nil {
		return s.out(now, f), s.quiet
	}
	sooner(s.digestAt)
	return nil, at
}

// digest is the frame that tells what is held, when it is time and there is budget.
func (s *Station) digest(now time.Time) []byte {
	if s.digestAt.After(now) {
		return nil
	}
	f := makeHave(s.all, s.c.Frame, s.c.Rand)
	if t := s.c.Budget.may(now, s.c.Airtime(len(f)), false); t.After(now) {
		s.digestAt = t.Add(s.some(time.Minute))
		return nil
	}
	s.digestGap = min(2*s.digestGap, max(digestMax, s.shortest()))
	s.digestAt = now.Add(s.digestGap/2 + s.some(s.digestGap))
	return f
}

// make is the next frame of a unit.
func (s *Station) make(w *watched) ([]byte, bool) {
	unit, ok := s.c.Get(w.ID)
	if !ok || len(unit) > MaxUnit {
		return nil, false
	}
	if len(unit)+wholeCost <= s.c.Frame {
		return whole(unit), true
	}
	return cut(unit, w.ID, shapeFor(len(unit), s.c.Frame), w.next).frame(), true
}

// sent notes that the next frame of a unit goes.
func (s *Station) sent(now time.Time, w *watched) {
	if w.Size+wholeCost > s.c.Frame {
		if w.burst == 0 {
			sh := shapeFor(w.Size, s.c.Frame)
			if w.burst = sh.k + sh.extra(); w.sends > 0 {
				w.burst = sh.k/2 + sh.extra() // they have some
			}
		}
		w.next++
		if w.burst--; w.burst > 0 {
			return
		}
	}
	s.counts.Sends++
	w.sends++
	w.left--
	w.last = now
	g := s.gap(w.sends)
	w.due = now.Add(g/2 + s.some(g))
}

// out accounts for a frame and answers it.
func (s *Station) out(now time.Time, f []byte) []byte {
	d := s.c.Airtime(len(f))
	s.c.Budget.spend(now, d)
	s.counts.Sent++
	s.counts.Out += int64(len(f))
	s.hush(now.Add(d + s.slot()/8 + s.some(s.slot())))
	return f
}
