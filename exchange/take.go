package exchange

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/jauap/jauap/envelope"
)

// taken is one unit that the far end listed.
type taken struct {
	item    Item
	number  uint64
	at      int // next byte to come
	step    *step
	state   takeState
	tries   uint8
	verdict Verdict
	new     bool // received in this session
	begun   bool // in an earlier one: we said so in HELLO
	judged  bool // the shelf was asked about it when it came
	gone    bool // the far end has it no longer
}

type takeState uint8

const (
	todo    takeState = iota // not judged yet
	waiting                  // another link is bringing it
	coming                   // will come unasked
	asked
	settled
)

type taker struct {
	base    Mark
	next    uint64
	open    map[uint64]*taken
	byID    map[id]*taken
	todo    [groups][]*taken
	waiting []*taken
	wants   []*taken // judged, WANT not yet said
	asked   int      // units asked for
	bytes   int64    // of them, in large classes
	unasked int      // units that were listed as coming
	acks    []*taken // settled, GOT not yet said
	last    [laneClasses]uint64
	tracks  lanes
	ended   bool
	to      uint64
	later   bool
}

// beginTaking knows whether the far end's numbers mean something.
func (s *Session) beginTaking() {
	if s.marking() {
		for c := range s.take.last {
			s.take.last[c] = s.take.base.at(lane(envelope.Class(c), 0))
		}
	}
}

func (s *Session) onHave(f *fields) error {
	t := &s.take
	flags := f.u8()
	if flags&^haveComing != 0 {
		return fmt.Errorf("%w: unknown flags in HAVE", ErrProtocol)
	}
	var seq uint64
	if s.marking() {
		seq = f.uvarint()
	}
	for ok := true; ok; ok = len(f.b) > 0 {
		it := f.entry()
		if s.marking() {
			seq += uint64(f.svarint())
			it.Seq = seq
		}
		if f.bad {
			return fmt.Errorf("%w: malformed HAVE", ErrProtocol)
		}
		// What is settled counts until GOT said so: who reads no GOT may not list.
		if len(t.open)+len(t.acks) >= s.c.MaxItems {
			return fmt.Errorf("%w: more than %d open units", ErrProtocol, s.c.MaxItems)
		}
		if err := s.listen(it, flags&haveComing != 0); err != nil {
			return err
		}
	}
	return nil
}

// listen takes note of one unit that the far end has.
func (s *Session) listen(it Item, unasked bool) error {
	t := &s.take
	u := &taken{item: it, number: t.next}
	if s.marking() {
		last := &t.last[laneClass(it.Class)]
		if it.Seq <= *last {
			return fmt.Errorf("%w: sequence numbers must rise", ErrProtocol)
		}
		*last = it.Seq
		u.step = t.tracks.add(lane(it.Class, 0), it.Seq)
	}
	gi := groupOf(it.Class)
	if unasked {
		t.unasked++
		u.at, u.begun = s.beginning(it)
		if gi > firstGroup && !u.begun || t.unasked > firstUnits {
			return fmt.Errorf("%w: too much comes unasked", ErrProtocol)
		}
		u.state = coming
	}
	t.next++
	t.open[u.number] = u
	t.ended = false
	if t.byID[it.ID] != nil {
		// Listed twice: the first one decides.
		s.settle(u, Later)
		return nil
	}
	t.byID[it.ID] = u
	if _, ok := s.known[it.ID]; !ok && len(s.known) < maxKnown {
		s.known[it.ID] = false
	}
	if !unasked {
		t.todo[gi] = append(t.todo[gi], u)
	}
	return nil
}

func (s *Session) onEnd(f *fields) error {
	var to uint64
	if s.marking() {
		to = f.uvarint()
	}
	if f.bad || len(f.b) > 0 {
		return fmt.Errorf("%w: malformed END", ErrProtocol)
	}
	s.take.ended, s.take.to = true, to
	s.endOfMatch()
	return nil
}

// judge asks the shelf about listed units, smallest class first, as long as
// not too much is asked for.
func (s *Session) judge() {
	t := &s.take
	for gi := range t.todo {
		for len(t.todo[gi]) > 0 {
			if t.asked >= maxWants || gi >= bigGroup && t.bytes >= maxWantBytes {
				return
			}
			u := t.todo[gi][0]
			t.todo[gi] = t.todo[gi][1:]
			if u.state == todo {
				s.ask(u)
			}
		}
		t.todo[gi] = nil
	}
}

func (s *Session) ask(u *taken) {
	from, ok := s.sh.Want(u.item)
	switch {
	case ok:
		if from < 0 || from >= u.item.Size {
			from = 0
		}
		s.want(u, from)
	case from == Wait:
		u.state = waiting
		s.take.waiting = append(s.take.waiting, u)
	default:
		s.decline(u, from)
	}
}

// welcome asks the shelf about a unit that came unasked, and settles it where
// it is not to be written. One that another link is bringing is written: it is
// here.
func (s *Session) welcome(u *taken) bool {
	u.judged = true
	from, ok := s.sh.Want(u.item)
	if ok || from == Wait {
		return true
	}
	s.decline(u, from)
	return false
}

// decline settles a unit that Want said no to.
func (s *Session) decline(u *taken, from int) {
	switch from {
	case NotNow:
		s.settle(u, Later)
	case u.item.Size:
		s.settle(u, Keep)
	default:
		// A shelf that says no more than no may still hold it.
		if b, err := s.sh.Append(nil, u.item.ID, 0, 1); err == nil && len(b) > 0 {
			s.settle(u, Keep)
		} else {
			s.settle(u, Refuse)
		}
	}
}

// want puts a unit in line for WANT.
func (s *Session) want(u *taken, from int) {
	t := &s.take
	u.state, u.at = asked, from
	u.tries++
	t.wants = append(t.wants, u)
	t.asked++
	if groupOf(u.item.Class) >= bigGroup {
		t.bytes += int64(u.item.Size)
	}
}

// unwant takes back what want counted.
func (s *Session) unwant(u *taken) {
	if u.state != asked {
		return
	}
	s.take.asked--
	if groupOf(u.item.Class) >= bigGroup {
		s.take.bytes -= int64(u.item.Size)
	}
}

func (t *taker) retry() {
	again := t.waiting
	t.waiting = nil
	var front [groups][]*taken
	for _, u := range again {
		if u.state == waiting {
			u.state = todo
			gi := groupOf(u.item.Class)
			front[gi] = append(front[gi], u)
		}
	}
	for gi := range front {
		if len(front[gi]) > 0 {
			t.todo[gi] = append(front[gi], t.todo[gi]...)
		}
	}
}

// settle ends the matter of one listed unit; GOT will say so.
func (s *Session) settle(u *taken, v Verdict) {
	t := &s.take
	s.unwant(u)
	u.state, u.verdict = settled, v
	delete(t.open, u.number)
	if t.byID[u.item.ID] == u {
		delete(t.byID, u.item.ID)
		if v < Keep {
			delete(s.known, u.item.ID)
		} else if u.new && len(s.known) < maxKnown {
			s.known[u.item.ID] = true
		}
	}
	t.acks = append(t.acks, u)
}

func (s *Session) onData(f *fields) error {
	t := &s.take
	number, from := f.uvarint(), f.uvarint()
	if f.bad || number >= t.next {
		return fmt.Errorf("%w: DATA for an unknown number", ErrProtocol)
	}
	data := f.b
	s.received += int64(len(data))
	u := t.open[number]
	if u != nil && u.begun && !u.judged && from == 0 {
		u.at = 0 // its giver had not read our HELLO
	}
	switch {
	case u == nil:
		return nil
	case u.state != asked && u.state != coming:
		return fmt.Errorf("%w: DATA that nobody asked for", ErrProtocol)
	case len(data) == 0:
		u.gone = true
		s.settle(u, Later)
		return nil
	case from != uint64(u.at) || len(data) > u.item.Size-u.at:
		return fmt.Errorf("%w: DATA for the wrong place in a unit", ErrProtocol)
	}
	if u.state == coming && !u.judged && !s.welcome(u) {
		return nil
	}
	v, whole, err := s.sh.Write(u.item, u.at, data)
	u.at += len(data)
	switch {
	case errors.Is(err, ErrMismatch):
		return s.again(u)
	case err != nil:
		return err
	case whole:
		u.new = v >= Keep
		s.settle(u, v)
	case u.at == u.item.Size:
		s.settle(u, Later) // the shelf lost its thread: another meeting
	}
	return nil
}

// again asks once more for a unit whose bytes were wrong: some may have come
// from another link. The second time they were all from here.
func (s *Session) again(u *taken) error {
	if u.tries > 1 || u.state == coming && !u.begun {
		return fmt.Errorf("%w: %w", ErrProtocol, ErrMismatch)
	}
	s.unwant(u)
	s.want(u, 0)
	return nil
}

func (s *Session) wantFrame(room int) []byte {
	t := &s.take
	var b []byte
	for len(t.wants) > 0 && len(b)+2*binary.MaxVarintLen64 < room {
		u := t.wants[0]
		t.wants = t.wants[1:]
		if u.state != asked {
			continue
		}
		if b == nil {
			b = append(b, frameWant)
		}
		b = binary.AppendUvarint(b, u.number)
		b = binary.AppendUvarint(b, uint64(u.at))
	}
	if len(t.wants) == 0 {
		t.wants = nil
	}
	return b
}

// gotFrame confirms what is settled, after the shelf made it durable.
func (s *Session) gotFrame(room int) []byte {
	t := &s.take
	if len(t.acks) == 0 {
		return nil
	}
	if slices.ContainsFunc(t.acks, func(u *taken) bool { return u.verdict >= Keep }) {
		if err := s.sh.Sync(); err != nil {
			s.fail(err)
			return s.lastWords()
		}
	}
	slices.SortFunc(t.acks, func(a, b *taken) int { return cmp.Compare(a.number, b.number) })
	b := []byte{frameGot}
	for len(t.acks) > 0 && len(b)+1+2*binary.MaxVarintLen64 <= room {
		first, n := t.acks[0], 0
		for n < len(t.acks) && t.acks[n].number == first.number+uint64(n) && t.acks[n].verdict == first.verdict {
			s.acked(t.acks[n])
			n++
		}
		t.acks = t.acks[n:]
		b = append(b, byte(first.verdict))
		b = binary.AppendUvarint(b, first.number)
		b = binary.AppendUvarint(b, uint64(n))
	}
	if len(t.acks) == 0 {
		t.acks = nil
	}
	return b
}

// acked counts a unit whose verdict is durable.
func (s *Session) acked(u *taken) {
	if u.new {
		s.out.Kept = append(s.out.Kept, u.item)
		if !s.anonymous() || s.marking() {
			s.lookAgain() // marks go on over what the far end gave
		}
	}
	if u.verdict == Later && !u.gone {
		s.take.later = true
		return
	}
	s.take.tracks.done(lane(u.item.Class, 0), u.step)
}

func (s *Session) takingDone() bool {
	return s.take.ended && len(s.take.open) == 0 && len(s.take.acks) == 0
}

func (s *Session) takeMark() Mark {
	var all uint64
	if s.takingDone() && !s.take.later {
		all = s.take.to
	}
	return build(s.take.base, s.peer.epoch, all, s.take.tracks)
}
