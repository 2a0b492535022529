package seal

import (
	"crypto/ed25519"
	"crypto/rand"
	"fmt"

	"github.com/jauap/jauap/envelope"
)

// Seal puts the parts into one envelope of the class. Room that is left is
// used for the key exchange and a restart card, then padded. The session's
// new state must be durable before the bytes leave. Errors: ErrCap, ErrEnded,
// ErrTooLarge (see Room), ErrMalformed for unfit arguments.
func (s *Session) Seal(now Tick, w Where, parts []Part) (Sealed, error) {
	if w.Class == envelope.S0 && len(parts) == 1 {
		return s.SealShort(now, parts[0])
	}
	if err := s.CanSeal(now); err != nil {
		return Sealed{}, err
	}
	if err := checkParts(parts); err != nil {
		return Sealed{}, err
	}
	if w.Expiry == envelope.NoDay {
		return Sealed{}, fmt.Errorf("%w: no expiry", ErrMalformed)
	}
	if w.LifeDays < 0 || w.LifeDays > envelope.MaxLifetime {
		return Sealed{}, fmt.Errorf("%w: lifetime of %d days, at most %d", ErrMalformed, w.LifeDays, envelope.MaxLifetime)
	}
	if w.LifeDays == 0 {
		w.LifeDays = envelope.Lifetime
	}
	room := s.Room(w.Class)
	for _, p := range parts {
		room -= PartSize(p)
	}
	if room < 0 || w.Class.BodySize() == 0 {
		return Sealed{}, fmt.Errorf("%w: %v has %d bytes now", ErrTooLarge, w.Class, s.Room(w.Class))
	}
	c, err := s.load(now, room)
	if err != nil {
		return Sealed{}, err
	}
	h := head{own: s.own, ack: s.got, finals: s.send.counts, life: max(s.life, uint8(w.LifeDays))}
	var out Sealed
	if s.start != nil {
		out, err = s.sealStart(now, w, h, c.parts, parts)
	} else {
		out, err = s.sealNext(w, h, c.parts, parts)
	}
	if err != nil {
		return Sealed{}, err
	}
	s.life = h.life
	s.loaded(now, c, out)
	return out, nil
}

// sealNext seals a letter with the next key of the chain.
func (s *Session) sealNext(w Where, h head, ours, parts []Part) (Sealed, error) {
	plain, err := appendLetter(nil, h, ours, parts, w.Class.BodySize()-bodyCost)
	if err != nil {
		return Sealed{}, err
	}
	defer clear(plain)
	return s.spend(func(mk *key, osk ed25519.PrivateKey) (envelope.Envelope, error) {
		header := envelope.Head(w.Class, w.Shard, w.Expiry, ovkOf(osk))
		body := appendSealed(make([]byte, 0, w.Class.BodySize()), mk, plain, header)
		return envelope.New(w.Class, w.Shard, w.Expiry, osk, body)
	})
}

// spend lets f seal with the keys of the next index, and is the one place
// where the chain goes on: no index is used twice. When f fails none is used.
func (s *Session) spend(f func(mk *key, osk ed25519.PrivateKey) (envelope.Envelope, error)) (Sealed, error) {
	next, seed := step(&s.send.ck)
	mk, osk := letterKeys(&seed)
	e, err := f(&mk, osk)
	clear(mk[:])
	clear(seed[:])
	clear(osk)
	if err != nil {
		return Sealed{}, err
	}
	out := Sealed{Bytes: e.Bytes(), ID: e.ID(), Epoch: uint32(s.send.epoch), Index: s.send.next}
	s.send.ck = next
	s.send.next++
	return out, nil
}

// SealShort puts one part into an S0 envelope: no signature, no expiry, no
// proof, at most 179 bytes. Errors as those of Seal.
func (s *Session) SealShort(now Tick, p Part) (Sealed, error) {
	if err := s.CanSeal(now); err != nil {
		return Sealed{}, err
	}
	if err := checkParts([]Part{p}); err != nil {
		return Sealed{}, err
	}
	if s.start != nil {
		return Sealed{}, fmt.Errorf("%w: S0 has no room for a start", ErrTooLarge)
	}
	plain, err := appendShort(nil, head{own: s.own, ack: s.got}, s.send.epoch, p)
	if err != nil {
		return Sealed{}, fmt.Errorf("%w: S0 holds %d bytes", ErrTooLarge, shortRoom)
	}
	defer clear(plain)
	return s.spend(func(mk *key, osk ed25519.PrivateKey) (envelope.Envelope, error) {
		_, tag := tagsOf(osk)
		var salt [8]byte
		rand.Read(salt[:])
		return envelope.NewShort(tag, salt, sealShort(mk, salt, plain, envelope.ShortHead(tag)))
	})
}

// cargo is what a letter carries for this room.
type cargo struct {
	offer  *offer // carried, perhaps made for this letter
	answer bool
	card   bool
	parts  []Part // kinds ascending
}

// load chooses what fits: the answer first, because the other end waits for
// it, then the offer, then the card.
func (s *Session) load(now Tick, room int) (c cargo, err error) {
	fits := func(size int) bool {
		if room < partHead+size {
			return false
		}
		room -= partHead + size
		return true
	}
	c.answer = s.answer != nil && fits(answerSize)
	if (s.offer != nil || s.mayOffer(now)) && fits(offerSize) {
		c.offer = s.offer
		if c.offer == nil {
			if c.offer, err = newOffer(s.own + 1); err != nil {
				return c, err
			}
		}
		c.parts = append(c.parts, c.offer.part())
	}
	if c.answer {
		c.parts = append(c.parts, Part{kindAnswer, s.answer.body})
	}
	if c.card = s.card != nil && s.start == nil && fits(cardSize); c.card {
		c.parts = append(c.parts, Part{kindCard, s.card.body})
	}
	return c, nil
}

// loaded notes what a sealed letter carried.
func (s *Session) loaded(now Tick, c cargo, out Sealed) {
	if c.offer != nil {
		s.offer = c.offer
		s.offer.at = now
	}
	if c.answer {
		s.answer.at = now
	}
	if c.card {
		s.card.at = now
		s.card.in = append(s.card.in, Acked{out.Epoch, out.Index})
		if n := len(s.card.in) - maxHandover; n > 0 {
			s.card.in = append(s.card.in[:0], s.card.in[n:]...)
		}
	}
}
