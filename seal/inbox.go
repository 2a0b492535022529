package seal

import (
	"crypto/ed25519"
	"crypto/hpke"
	"crypto/sha256"
	"fmt"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/identity"
)

// Inbox watches for Start letters to one card of one's own. It holds all
// secrets that they need, so the identity.CardSecret need not be kept beside
// it. It prints no secret.
type Inbox struct {
	card    identity.Card
	spk     identity.DHSecret
	kem     identity.KEMSecret
	salt    key
	retired bool
	slots   []watched // unused ones, by form and number
	begun   []*begun  // sessions that started here, oldest first
	spent   []envelope.Tag
}

// watched is a slot in which a Start may come.
type watched struct {
	short bool
	n     uint8
	seed  key
	tag   envelope.Tag
}

// begun is what later Starts of one session need after the card's secrets
// are gone: two keys for each slot that is still unused.
type begun struct {
	transcript key
	enc        key // SHA-256 of the encapsulated key: names the session
	short      bool
	peer       identity.Public
	slots      []slot // seeds are not set here
}

const maxBegun = 16

// NewInbox watches the 64 slots of each form of the card. It costs 128 keys:
// about 4 ms.
func NewInbox(c *identity.CardSecret) *Inbox {
	cardKey := key(c.Key())
	i := &Inbox{card: c.Card(), spk: *c.Prekey(), kem: *c.KEM(), salt: cardSalt(&cardKey)}
	for _, short := range []bool{false, true} {
		for n := range uint8(startSlots) {
			w := watched{short: short, n: n, seed: introSeed(&cardKey, short, n)}
			osk := ed25519.NewKeyFromSeed(w.seed[:])
			w.tag = envelope.TagOf(ovkOf(osk))
			clear(osk)
			i.slots = append(i.slots, w)
		}
	}
	clear(cardKey[:])
	return i
}

// Format prints no secret.
func (i *Inbox) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "inbox %x", i.card.ID()) }

// Card that the inbox watches for.
func (i *Inbox) Card() identity.Card { return i.card }

// Tags are the addresses of all unused slots.
func (i *Inbox) Tags() []envelope.Tag {
	t := make([]envelope.Tag, len(i.slots))
	for n := range i.slots {
		t[n] = i.slots[n].tag
	}
	return t
}

// Used tells whether any session started from the card.
func (i *Inbox) Used() bool { return len(i.begun) > 0 }

// Retired tells whether Retire was called.
func (i *Inbox) Retired() bool { return i.retired }

// Retire erases the card's secrets: no new session can start, but Starts on
// their way in sessions that did can still be opened. Call it when a session
// from a card that was for one person is confirmed, or 30 days after a newer
// card was given; drop the whole inbox when no carrier can hold a Start any
// more. spec/seal.md, 4.6.
func (i *Inbox) Retire() {
	i.spk.Clear()
	i.kem.Clear()
	clear(i.salt[:])
	i.retired = true
	var forms [2]bool
	for _, b := range i.begun {
		forms[form(b.short)] = true
	}
	left := i.slots[:0]
	for _, w := range i.slots {
		if forms[form(w.short)] {
			left = append(left, w)
		}
	}
	clear(i.slots[len(left):])
	i.slots = left
}

// Open reads a Start. The session is new, or one that the caller already has
// under the same ID: then keep the one there is, drop the one returned, and
// deliver the parts all the same. The inbox's new state must be durable
// together with the session and the parts. Each slot opens once.
//
// Of a session that began here with an earlier Start the returned one is only
// a name, good for ID and Peer. from is the peer's card and o.RestartCard the same
// with its key. A Start says nothing about when it was written.
//
// Every error leaves the state as it was: ErrUnknownTag, ErrReplay,
// ErrWrongKey, ErrMalformed, ErrUpdate, ErrCard when the card is retired, and
// envelope.ErrSignature.
func (i *Inbox) Open(now Tick, me *identity.Me, e envelope.Envelope) (s *Session, from identity.Card, o Opened, err error) {
	at, err := i.find(e)
	if err != nil {
		return nil, from, o, err
	}
	w := &i.slots[at]
	n := encSizeOf(w.short)
	body := e.Body()
	if envelope.Compare(e.Class(), envelope.S2) < 0 || len(body) < n+bodyCost+helloSize+bodyCost {
		return nil, from, o, fmt.Errorf("%w: %v cannot hold a start", ErrMalformed, e.Class())
	}
	in, err := i.enter(me, w, body[:n], body[n:], e.Header())
	if err != nil {
		return nil, from, o, err
	}
	osk := ed25519.NewKeyFromSeed(w.seed[:])
	defer clear(osk)
	if o.Proof, err = proofOf(e, osk); err != nil {
		return nil, from, Opened{}, err
	}
	l, err := parseLetter(in.plain, 0)
	if err == nil && (l.own != 0 || l.ack != ack{}) {
		err = fmt.Errorf("%w: a start acknowledges nothing", ErrMalformed)
	}
	if err != nil {
		return nil, from, Opened{}, err
	}
	s, invite, err := i.session(now, in, &l)
	if err != nil {
		return nil, from, Opened{}, err
	}
	o.Parts, o.RestartCard = l.parts, invite
	i.spend(at, in)
	in.agreement.clear()
	return s, in.from, o, nil
}

func (i *Inbox) find(e envelope.Envelope) (int, error) {
	if c := e.Class(); !c.Sealed() {
		return 0, fmt.Errorf("%w: no start in %v", ErrMalformed, c)
	}
	tag := e.Tag()
	for n := range i.slots {
		if i.slots[n].tag == tag {
			return n, nil
		}
	}
	for _, t := range i.spent {
		if t == tag {
			return 0, ErrReplay
		}
	}
	return 0, ErrUnknownTag
}

// arrival is an opened Start before anything changes.
type arrival struct {
	agreement agreement // zero for a session that began before
	known     *begun
	short     bool
	enc       key
	from      identity.Card
	plain     []byte
}

// enter opens both layers of a Start.
func (i *Inbox) enter(me *identity.Me, w *watched, enc, sealed, header []byte) (*arrival, error) {
	in := &arrival{short: w.short, enc: sha256.Sum256(enc)}
	for _, b := range i.begun {
		if b.enc == in.enc && b.short == w.short {
			in.known = b
		}
	}
	if in.known != nil {
		return in, i.again(in, w, enc, sealed, header)
	}
	if i.retired {
		return nil, fmt.Errorf("%w: it is retired", ErrCard)
	}
	x, err := i.recipient(w.short, enc)
	if err != nil {
		return nil, err
	}
	outer, err := export(x, "jauap/1 outer")
	if err != nil {
		return nil, ErrWrongKey
	}
	outerKey := slotKey(&outer, w.n)
	card, ek, inner, err := hello(&outerKey, sealed, header)
	if err != nil {
		return nil, err
	}
	if card.Public() == me.Public() {
		return nil, fmt.Errorf("%w: a start from ourselves", ErrMalformed)
	}
	// The prekey and the sender's long-term key authenticate the sender, our
	// long-term key and the one-time key authenticate us. spec/seal.md, 4.2.
	dh1, err := i.spk.Agree(card.Public().DH)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	dh2, err := me.Agree(ek)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	a, err := agree(x, dh1, dh2, i.salt, transcriptOf(i.form(w.short), card, enc, ek))
	clear(dh1[:])
	clear(dh2[:])
	if err != nil {
		return nil, ErrWrongKey
	}
	innerKey := slotKey(&a.inner, w.n)
	in.from, in.agreement = card, a
	in.plain, err = opened(&innerKey, inner, append(a.transcript[:], header...))
	return in, err
}

// again opens a further Start of a session whose keys were derived before.
func (i *Inbox) again(in *arrival, w *watched, enc, sealed, header []byte) error {
	b := in.known
	for n := range b.slots {
		sl := &b.slots[n]
		if sl.n != w.n {
			continue
		}
		card, ek, inner, err := hello(&sl.outer, sealed, header)
		if err != nil {
			return err
		}
		if transcriptOf(i.form(w.short), card, enc, ek) != b.transcript {
			return ErrWrongKey
		}
		in.from = card
		in.plain, err = opened(&sl.inner, inner, append(b.transcript[:], header...))
		return err
	}
	return ErrWrongKey
}

// form is the card as the initiator had it.
func (i *Inbox) form(short bool) identity.Card {
	if short {
		return i.card.Short()
	}
	return i.card
}

func (i *Inbox) recipient(short bool, enc []byte) (*hpke.Recipient, error) {
	sk, err := i.kem.HPKE()
	if short {
		sk, err = i.spk.HPKE()
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCard, err)
	}
	x, err := hpke.NewRecipient(enc, sk, kdf(), aead(), startInfo(i.card.ID()))
	if err != nil {
		return nil, fmt.Errorf("%w: encapsulated key", ErrMalformed)
	}
	return x, nil
}

// hello opens the outer layer: the sender's card, the one-time key, and the
// sealed letter.
func hello(k *key, sealed, header []byte) (card identity.Card, ek identity.DHPublic, inner []byte, err error) {
	b, err := opened(k, sealed, header)
	if err != nil {
		return card, ek, nil, err
	}
	card, err = identity.ParseCard(b[:identity.CardSize])
	if err != nil {
		return card, ek, nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	return card, identity.DHPublic(b[identity.CardSize:helloSize]), b[helloSize:], nil
}

// session makes our end of a session, or names the one that began before.
func (i *Inbox) session(now Tick, in *arrival, l *letter) (*Session, *identity.Invite, error) {
	k := l.part(kindKey)
	if len(k) != 32 || [32]byte(k) == [32]byte{} || l.part(kindAnswer) != nil || l.part(kindCard) != nil {
		return nil, nil, fmt.Errorf("%w: parts of a start", ErrMalformed)
	}
	invite := &identity.Invite{Card: in.from, Key: [32]byte(k)}
	if in.known != nil {
		return &Session{transcript: in.known.transcript, peer: in.known.peer, ended: true}, invite, nil
	}
	s := newSession(now, &in.agreement, false, in.short, in.from.Public())
	s.peerLife = max(s.peerLife, l.life)
	if b := l.part(kindOffer); b != nil {
		x, _, err := s.heardOffer(b)
		if err != nil {
			return nil, nil, err
		}
		if x != nil {
			s.enter(now, x)
		}
	}
	return s, invite, nil
}

// spend erases a slot everywhere and remembers a new session's other slots.
func (i *Inbox) spend(at int, in *arrival) {
	w := i.slots[at]
	i.spent = noteSpent(i.spent, w.tag)
	copy(i.slots[at:], i.slots[at+1:])
	clear(i.slots[len(i.slots)-1:])
	i.slots = i.slots[:len(i.slots)-1]
	for _, b := range i.begun {
		if b.short != w.short {
			continue
		}
		for n := range b.slots {
			if b.slots[n].n == w.n {
				copy(b.slots[n:], b.slots[n+1:])
				clear(b.slots[len(b.slots)-1:])
				b.slots = b.slots[:len(b.slots)-1]
				break
			}
		}
	}
	if in.known != nil {
		return
	}
	b := &begun{transcript: in.agreement.transcript, enc: in.enc, short: in.short, peer: in.from.Public()}
	for _, u := range i.slots {
		if u.short == in.short {
			b.slots = append(b.slots, slot{n: u.n, outer: slotKey(&in.agreement.outer, u.n), inner: slotKey(&in.agreement.inner, u.n)})
		}
	}
	if len(i.begun) == maxBegun {
		clear(i.begun[0].slots)
		i.begun = i.begun[:copy(i.begun, i.begun[1:])]
	}
	i.begun = append(i.begun, b)
}
