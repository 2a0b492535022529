package seal

import (
	"crypto/ed25519"
	"fmt"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/identity"
)

// Open reads an envelope of the session. Every error leaves the state as it
// was: ErrUnknownTag, ErrReplay, ErrWrongKey, ErrMalformed, ErrUpdate and
// envelope.ErrSignature. The new state must be durable together with what
// became of the parts; then a copy of the envelope is never delivered again.
func (s *Session) Open(now Tick, e envelope.Envelope) (Opened, error) {
	if c := e.Class(); c != envelope.S0 && !c.Sealed() {
		return Opened{}, fmt.Errorf("%w: no letter in %v", ErrMalformed, c)
	}
	r, at, err := s.find(e)
	if err != nil {
		return Opened{}, err
	}
	index, seed := r.at(at)
	mk, osk := letterKeys(seed)
	defer clear(mk[:])
	defer clear(osk)
	l, proof, err := s.read(e, r.epoch, &mk, osk)
	if err != nil {
		return Opened{}, err
	}
	p, err := s.plan(r.epoch, index, &l)
	if err != nil {
		return Opened{}, err
	}
	s.commit(now, e.Tag(), r, at, index, &l, p)
	p.out.Parts, p.out.Proof = l.parts, proof
	return p.out, nil
}

// read decrypts, checks the signature, parses, and makes the proof.
func (s *Session) read(e envelope.Envelope, epoch uint16, mk *key, osk ed25519.PrivateKey) (letter, []byte, error) {
	if e.Class() == envelope.S0 {
		plain, err := openedShort(mk, e.Salt(), e.Body(), e.Header())
		if err != nil {
			return letter{}, nil, err
		}
		l, err := parseShort(plain, epoch, s.send.epoch)
		return l, nil, err
	}
	plain, err := opened(mk, e.Body(), e.Header())
	if err != nil {
		return letter{}, nil, err
	}
	proof, err := proofOf(e, osk)
	if err != nil {
		return letter{}, nil, err
	}
	l, err := parseLetter(plain, epoch)
	return l, proof, err
}

// proofOf checks the signature and makes the proof. A copy with a broken
// signature would make a proof that no carrier of the right one takes.
func proofOf(e envelope.Envelope, osk ed25519.PrivateKey) ([]byte, error) {
	if err := e.Verify(); err != nil {
		return nil, err
	}
	done, err := envelope.NewDone(e, osk)
	if err != nil {
		return nil, err
	}
	return done.Bytes(), nil
}

// plan is what opening a letter will do, computed before anything changes.
type plan struct {
	out   Opened
	x     *exchange
	ahead uint32 // index to which our chain must skip: our state was old
	heard bool   // the acknowledgement is newer than the one we had
	card  bool   // our restart card arrived
}

// plan judges the head and this room's parts. What is contradictory but well
// formed does not lose the letter: it is reported as Forked.
func (s *Session) plan(epoch uint16, index uint32, l *letter) (*plan, error) {
	p := &plan{}
	p.out.Confirmed = !s.confirmed
	if l.part(kindKey) != nil {
		return nil, fmt.Errorf("%w: card key outside a start", ErrMalformed)
	}
	if b := l.part(kindCard); b != nil {
		i, err := parseHandover(b, s.peer)
		if err != nil {
			return nil, err
		}
		p.out.RestartCard = i
	}
	if err := s.planExchange(l, p); err != nil {
		return nil, err
	}
	s.planAck(l.ack, p)
	if !l.short {
		for _, r := range s.recv {
			if d := int(epoch) - int(r.epoch); d >= 1 && d <= len(l.finals) && !r.closed && l.finals[d-1] < r.base {
				p.out.Forked = true
			}
		}
	}
	return p, nil
}

func (s *Session) planExchange(l *letter, p *plan) error {
	var forked bool
	var err error
	if b := l.part(kindAnswer); b != nil {
		if p.x, forked, err = s.heardAnswer(b); err != nil {
			return err
		}
		p.out.Forked = p.out.Forked || forked
	}
	if b := l.part(kindOffer); b != nil {
		x, forked, err := s.heardOffer(b)
		if err != nil {
			return err
		}
		p.out.Forked = p.out.Forked || forked
		if x != nil && p.x != nil {
			return fmt.Errorf("%w: offer and answer for one epoch", ErrMalformed)
		}
		if x != nil {
			p.x = x
		}
	}
	// The other end can be ahead only by having answered our offer.
	known := s.own
	if s.offer != nil || p.x != nil {
		known++
	}
	if l.own > known {
		p.out.Forked = true
	}
	return nil
}

// planAck lists what is newly acknowledged. An acknowledgement of what we do
// not remember to have sealed means that our state is an old copy: the chain
// skips ahead, so that no index is used again. spec/seal.md, 6.5.
func (s *Session) planAck(a ack, p *plan) {
	if a.next == 0 {
		return
	}
	if a.epoch > s.send.epoch || a.epoch == s.send.epoch && a.next > s.send.next {
		p.out.Forked = true
		if a.epoch == s.send.epoch && a.next-s.send.next <= window {
			p.ahead, p.heard = a.next, true
		}
		return
	}
	p.heard = a.epoch > s.acked.epoch || a.epoch == s.acked.epoch && a.next >= s.acked.next
	first := uint32(0)
	if a.next > 65 {
		first = a.next - 65
	}
	for i := first; i < a.next; i++ {
		if a.has(i) && (a.epoch != s.acked.epoch || !s.acked.has(i)) {
			p.out.Acked = append(p.out.Acked, Acked{uint32(a.epoch), i})
		}
	}
	if s.card != nil {
		for _, in := range s.card.in {
			if in.Epoch == uint32(a.epoch) && a.has(in.Index) {
				p.card = true
			}
		}
	}
}

// parseHandover reads a restart card, which must be the peer's.
func parseHandover(b []byte, peer identity.Public) (*identity.Invite, error) {
	if len(b) != cardSize {
		return nil, fmt.Errorf("%w: card of %d bytes", ErrMalformed, len(b))
	}
	c, err := identity.ParseCard(b[:identity.CardSize])
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	i := &identity.Invite{Card: c, Key: [32]byte(b[identity.CardSize:])}
	if c.Public() != peer || i.Key == [32]byte{} {
		return nil, fmt.Errorf("%w: card of another person", ErrMalformed)
	}
	return i, nil
}

// commit makes the change that was planned. Nothing in it can fail.
func (s *Session) commit(now Tick, tag envelope.Tag, r *receiving, at place, index uint32, l *letter, p *plan) {
	r.take(now, at, &s.changed)
	s.spent = noteSpent(s.spent, tag)
	s.got.add(r.epoch, index)
	if !l.short {
		s.peerLife = max(s.peerLife, l.life)
		for _, old := range s.recv {
			if d := int(r.epoch) - int(old.epoch); d >= 1 {
				var count uint32
				if d <= len(l.finals) {
					count = l.finals[d-1]
				}
				old.close(now, count, &s.changed)
			}
		}
	}
	s.confirmed = true
	if s.start != nil {
		clear(s.start.slots)
		clear(s.start.key[:])
		s.start = nil
	}
	if p.x != nil {
		s.enter(now, p.x)
	}
	s.peerOwn = max(s.peerOwn, min(l.own, s.own))
	for s.send.epoch < min(s.own, s.peerOwn) && s.send.after != nil {
		s.send.advance()
	}
	if s.answer != nil && s.peerOwn >= s.own {
		s.answer = nil
	}
	if p.heard {
		s.acked = l.ack
	}
	for ; p.ahead > s.send.next; s.send.next++ {
		next, seed := step(&s.send.ck)
		s.send.ck = next
		clear(seed[:])
	}
	if p.card {
		s.card, s.cardGiven = nil, now
	}
	s.bound()
	s.tidy()
}

// tidy forgets epochs of which nothing can come any more.
func (s *Session) tidy() {
	live := s.recv[:0]
	for _, r := range s.recv {
		if !r.closed || len(r.missing) > 0 {
			live = append(live, r)
		}
	}
	clear(s.recv[len(live):])
	s.recv = live
}
