package seal

import (
	"crypto/sha256"
	"fmt"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/identity"
)

// Session is one end of what two people share. It is a plain value without a
// lock: one goroutine at a time. It prints no secret.
type Session struct {
	transcript key // T, spec/seal.md, 4.2
	initiator  bool
	short      bool // started from the QR form of a card
	confirmed  bool
	ended      bool // only a name: see Inbox.Open
	peer       identity.Public

	root      key    // of epoch own; only kept to derive the next
	met       key    // the meeting key of the epoch before own; zero when not known
	own       uint16 // newest epoch that this end knows
	peerOwn   uint16 // newest epoch that the other end showed to know
	since     Tick   // when own began
	life      uint8  // longest lifetime used by this end, in days
	peerLife  uint8  // and by the other
	heardKey  check  // of the offered key of epoch own
	heardEnc  check  // of the answer that began epoch own
	send      sending
	acked     ack // what the other end received
	recv      []*receiving
	got       ack // what this end received
	offer     *offer
	answer    *answer
	card      *handover
	cardGiven Tick // when the other end got a card of ours; never: noTick
	start     *starting

	changed changes
	spent   []envelope.Tag // tags opened lately, only in memory
}

// noTick is the time of what never happened.
const noTick Tick = -1

// maxSpent is how many opened tags are remembered, in memory only.
const maxSpent = 64

// check is a short hash that tells two keys apart.
type check [8]byte

func checkOf(b []byte) check {
	h := sha256.Sum256(append([]byte("jauap/1 check"), b...))
	return check(h[:8])
}

// Format prints no secret.
func (s *Session) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "session %x", s.ID()) }

// ID names the session, the same at both ends.
func (s *Session) ID() [16]byte { return sessionID(&s.transcript) }

func sessionID(t *key) [16]byte {
	h := sha256.Sum256(append([]byte("jauap/1 session"), t[:]...))
	return [16]byte(h[:16])
}

// Peer is the other end's person.
func (s *Session) Peer() identity.Public { return s.peer }

// Starting is true while every letter is a Start: until the first reply.
func (s *Session) Starting() bool { return s.start != nil }

// Confirmed is true once the peer opened something of ours.
func (s *Session) Confirmed() bool { return s.confirmed }

// Ranks tells whether s is to be preferred to o for sending when both people
// started at once: both ends choose the lower transcript. A session that was
// put in the place of another is always preferred: that is the caller's to
// know. spec/seal.md, 4.5.
func (s *Session) Ranks(o *Session) bool {
	return string(s.transcript[:]) < string(o.transcript[:])
}

// Tags are all addresses at which the session now expects letters, those of
// S1 to S5 and those of S0. They are derived when first asked for: about 3 ms
// for each of the two or three live epochs.
func (s *Session) Tags() []envelope.Tag {
	s.changed = changes{}
	var t []envelope.Tag
	for _, r := range s.recv {
		r.derive()
		for i := range r.ahead {
			t = append(t, r.ahead[i].tags[:]...)
		}
		for i := range r.missing {
			t = append(t, r.missing[i].tags[:]...)
		}
	}
	return t
}

// TagsChanged are the differences since the last call of Tags or TagsChanged,
// or since ParseSession. Add first, then remove. For a session that Start or
// Inbox.Open made, the first call answers all.
func (s *Session) TagsChanged() (added, removed []envelope.Tag) {
	c := s.changed
	s.changed = changes{}
	return c.added, c.removed
}

// Room is how many bytes of parts, as PartSize counts them, fit an envelope
// of the class now. 0: the class cannot be used now. For S0 it is the room of
// the one part.
func (s *Session) Room(c envelope.Class) int {
	n := c.BodySize() - bodyCost - headSize
	switch {
	case s.ended:
		return 0
	case s.start != nil && envelope.Compare(c, envelope.S2) < 0:
		return 0
	case s.start != nil:
		n -= s.start.cost()
	case c == envelope.S0:
		return shortRoom + partHead
	}
	return max(n, 0)
}

// CanSeal is nil when a letter can be sealed now. ErrCap: wait for an answer,
// or start again with the restart card. ErrEnded: start again.
func (s *Session) CanSeal(now Tick) error {
	switch {
	case s.ended:
		return ErrEnded
	case s.start != nil:
		if len(s.start.slots) == 0 {
			return ErrCap
		}
	case s.send.next-s.ackedNext() >= sendCap:
		return ErrCap
	}
	return nil
}

// ackedNext is one past the highest index of the send epoch that the other
// end says it has.
func (s *Session) ackedNext() uint32 {
	if s.acked.epoch != s.send.epoch {
		return 0
	}
	return s.acked.next
}

// Expire erases keys of missing letters that no carrier keeps any more.
func (s *Session) Expire(now Tick) {
	keep := Tick(s.peerLife)*day + grace
	live := s.recv[:0]
	for _, r := range s.recv {
		for i := 0; i < len(r.missing); {
			if now-r.missing[i].passed < keep {
				i++
				continue
			}
			r.derive() // the caller is told of the tags
			r.drop(i, &s.changed)
		}
		if !r.closed || len(r.missing) > 0 {
			live = append(live, r)
		}
	}
	clear(s.recv[len(live):])
	s.recv = live
}

// bound keeps the number of missing keys at maxMissing: the longest overtaken
// go first.
func (s *Session) bound() {
	n := 0
	for _, r := range s.recv {
		n += len(r.missing)
	}
	for ; n > maxMissing; n-- {
		var oldest *receiving
		at := 0
		for _, r := range s.recv {
			for i := range r.missing {
				if oldest == nil || r.missing[i].passed < oldest.missing[at].passed {
					oldest, at = r, i
				}
			}
		}
		oldest.drop(at, &s.changed)
	}
}

// listen begins to expect letters of an epoch.
func (s *Session) listen(epoch uint16, ck key) {
	r := &receiving{epoch: epoch, ck: ck, derived: true}
	r.fill(&s.changed)
	s.recv = append(s.recv, r)
}

// find is the chain and the place of an envelope's tag.
func (s *Session) find(e envelope.Envelope) (*receiving, place, error) {
	tag, which := e.Tag(), 0
	if e.Class() == envelope.S0 {
		which = 1
	}
	for _, r := range s.recv {
		r.derive()
		if p, ok := r.find(tag, which); ok {
			return r, p, nil
		}
	}
	for _, t := range s.spent {
		if t == tag {
			return nil, place{}, ErrReplay
		}
	}
	return nil, place{}, ErrUnknownTag
}

// noteSpent remembers the tags of an opened letter for a while, so that a
// copy can be called by its name.
func noteSpent(spent []envelope.Tag, tags ...envelope.Tag) []envelope.Tag {
	spent = append(spent, tags...)
	if n := len(spent) - maxSpent; n > 0 {
		spent = append(spent[:0], spent[n:]...)
	}
	return spent
}
