package seal

import (
	"crypto/ed25519"

	"github.com/jauap/jauap/envelope"
)

// What tests outside the package need of its inside.

// Letter is a parsed plaintext as the second decoder sees it.
type Letter struct {
	Own, AckEpoch uint16
	AckNext       uint32
	AckBits       uint64
	Finals        [4]uint32
	Life          uint8
	Ours, Parts   []Part
}

// Head of a letter that a test writes by hand.
func (l Letter) head() head {
	return head{l.Own, ack{l.AckEpoch, l.AckNext, l.AckBits}, l.Finals, l.Life}
}

// ReadLetter is parseLetter.
func ReadLetter(b []byte, epoch uint16) (Letter, error) {
	l, err := parseLetter(b, epoch)
	return exported(l), err
}

// ReadShort is parseShort.
func ReadShort(b []byte, epoch, sending uint16) (Letter, error) {
	l, err := parseShort(b, epoch, sending)
	return exported(l), err
}

func exported(l letter) Letter {
	return Letter{l.own, l.ack.epoch, l.ack.next, l.ack.bits, l.finals, l.life, l.ours, l.parts}
}

// WriteLetter is appendLetter without a check of the kinds.
func WriteLetter(l Letter, size int) ([]byte, error) {
	return appendLetter(nil, l.head(), l.Ours, l.Parts, size)
}

// NextLetter is the head that the session would write now.
func (s *Session) NextLetter() Letter {
	l := Letter{Own: s.own, AckEpoch: s.got.epoch, AckNext: s.got.next, AckBits: s.got.bits, Finals: s.send.counts, Life: s.life}
	return l
}

// SealRaw seals any plaintext with the session's next key.
func (s *Session) SealRaw(w Where, plain []byte) envelope.Envelope {
	next, seed := step(&s.send.ck)
	mk, osk := letterKeys(&seed)
	body := appendSealed(nil, &mk, plain, envelope.Head(w.Class, w.Shard, w.Expiry, ovkOf(osk)))
	e, err := envelope.New(w.Class, w.Shard, w.Expiry, osk, body)
	if err != nil {
		panic(err)
	}
	s.send.ck = next
	s.send.next++
	return e
}

// SealShortRaw seals any plaintext of a right size as S0.
func (s *Session) SealShortRaw(salt [8]byte, plain []byte) envelope.Envelope {
	next, seed := step(&s.send.ck)
	mk, osk := letterKeys(&seed)
	_, tag := tagsOf(osk)
	e, err := envelope.NewShort(tag, salt, sealShort(&mk, salt, plain, envelope.ShortHead(tag)))
	if err != nil {
		panic(err)
	}
	s.send.ck = next
	s.send.next++
	return e
}

// Missing is the number of keys kept of overtaken letters.
func (s *Session) Missing() (n int) {
	for _, r := range s.recv {
		n += len(r.missing)
	}
	return n
}

// ChainLetter is one step of a chain, for the vectors.
type ChainLetter struct{ CK, Seed, MK, OVK [32]byte }

// Chain derives the first letters of an epoch from its root.
func Chain(root [32]byte, toInitiator bool, n int) (out []ChainLetter) {
	r := key(root)
	ck := chainKey(&r, toInitiator)
	for range n {
		next, seed := step(&ck)
		mk, osk := letterKeys(&seed)
		out = append(out, ChainLetter{ck, seed, mk, ovkOf(osk)})
		ck = next
	}
	return out
}

// SlotEnvelope is rubbish in a slot, validly signed.
func SlotEnvelope(cardKey [32]byte, short bool, n uint8, w Where) envelope.Envelope {
	k := key(cardKey)
	seed := introSeed(&k, short, n)
	osk := ed25519.NewKeyFromSeed(seed[:])
	e, err := envelope.New(w.Class, w.Shard, w.Expiry, osk, make([]byte, w.Class.BodySize()))
	if err != nil {
		panic(err)
	}
	return e
}

// ForgePeer makes the peer's next letter with the reader's own keys.
func (s *Session) ForgePeer(w Where, plain []byte) envelope.Envelope {
	r := s.recv[len(s.recv)-1]
	_, seed := step(&r.ck)
	mk, osk := letterKeys(&seed)
	body := appendSealed(nil, &mk, plain, envelope.Head(w.Class, w.Shard, w.Expiry, ovkOf(osk)))
	e, err := envelope.New(w.Class, w.Shard, w.Expiry, osk, body)
	if err != nil {
		panic(err)
	}
	return e
}

// NextSecrets are the chain key and the letter's seed that the session seals with next.
func (s *Session) NextSecrets() (chain, seed [32]byte) {
	ck := s.send.ck
	_, sk := step(&ck)
	return s.send.ck, sk
}
