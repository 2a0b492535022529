package seal

import (
	"crypto/ed25519"
	"crypto/hpke"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/identity"
)

// Sizes of a Start's parts in bytes. spec/seal.md, 4.3.
const (
	encSize      = 1120 // X-Wing, for full cards
	encShortSize = 32   // DHKEM(X25519), for QR forms
	helloSize    = identity.CardSize + 32
)

func encSizeOf(short bool) int {
	if short {
		return encShortSize
	}
	return encSize
}

// starting is what the initiator keeps until the first reply.
type starting struct {
	enc   []byte
	ek    identity.DHPublic
	card  identity.Card // ours, which becomes our restart card
	key   key           // of that card
	slots []slot        // unused ones
}

// slot is one of the 64 letters that a Start can be: the one-time signing key
// everybody with the card's key can derive, and two keys of the session.
type slot struct {
	n     uint8
	seed  key
	outer key
	inner key
}

func (st *starting) cost() int {
	return len(st.enc) + bodyCost + helloSize + partHead + len(st.key)
}

// introSeed is the signing seed of a slot. spec/seal.md, 4.1.
func introSeed(cardKey *key, short bool, n uint8) (seed key) {
	expand(cardKey, "jauap/1 intro", []byte{form(short), n}, &seed)
	return seed
}

func form(short bool) byte {
	if short {
		return 1
	}
	return 0
}

// cardSalt is what the card's key adds to the root, so that the key itself
// can be erased while the card is watched.
func cardSalt(cardKey *key) (salt key) {
	expand(cardKey, "jauap/1 card salt", nil, &salt)
	return salt
}

func startInfo(id identity.CardID) []byte { return append([]byte("jauap/1 start"), id[:]...) }

// exporter is either end's HPKE context.
type exporter interface {
	Export(context string, length int) ([]byte, error)
}

// agreement is what both ends know after the start. spec/seal.md, 4.2.
type agreement struct {
	transcript key
	root       key
	outer      key // base of the slots' outer keys
	inner      key // base of the slots' inner keys
}

func (a *agreement) clear() { *a = agreement{} }

func export(x exporter, context string) (k key, err error) {
	b, err := x.Export(context, 32)
	if err != nil {
		return k, ErrCard
	}
	copy(k[:], b)
	clear(b)
	return k, nil
}

// agree combines the encapsulated secret, the two Diffie-Hellman secrets and
// the card's key. spec/seal.md, 4.2.
func agree(x exporter, dh1, dh2 [32]byte, salt key, transcript key) (a agreement, err error) {
	ss, err := export(x, "jauap/1 root")
	if err != nil {
		return a, err
	}
	if a.outer, err = export(x, "jauap/1 outer"); err != nil {
		return a, err
	}
	var ikm [96]byte
	copy(ikm[:], ss[:])
	copy(ikm[32:], dh1[:])
	copy(ikm[64:], dh2[:])
	prk := extract(&salt, ikm[:])
	expand(&prk, "jauap/1 root0", transcript[:], &a.root)
	expand(&a.root, "jauap/1 start key", nil, &a.inner)
	a.transcript = transcript
	clear(ikm[:])
	clear(prk[:])
	clear(ss[:])
	return a, nil
}

// transcriptOf is T: everything public that the session rests on.
func transcriptOf(theirs, mine identity.Card, enc []byte, ek identity.DHPublic) (t key) {
	h := sha256.New()
	h.Write([]byte("jauap/1 transcript"))
	h.Write(theirs.Bytes())
	h.Write(mine.Bytes())
	h.Write(enc)
	h.Write(ek[:])
	h.Sum(t[:0])
	return t
}

// slotKey is the outer or inner key of a slot.
func slotKey(base *key, n uint8) (k key) {
	expand(base, "jauap/1 slot", []byte{n}, &k)
	return k
}

// Start begins a session with the owner of a card. mine is a fresh card of
// one's own: it travels with the start and becomes the card with which the
// peer can start again, so keep it and watch its Inbox. theirKey came with
// their card. Errors: ErrCard, ErrOwnCard.
func Start(now Tick, me *identity.Me, mine *identity.CardSecret, theirs identity.Card, theirKey [32]byte) (*Session, error) {
	switch {
	case theirs.IsZero() || theirKey == [32]byte{}:
		return nil, fmt.Errorf("%w: no card or no key", ErrCard)
	case theirs.Public() == me.Public():
		return nil, ErrOwnCard
	case mine.Card().Public() != me.Public():
		return nil, fmt.Errorf("%w: our card is of another person", ErrCard)
	}
	pk, err := cardHPKE(theirs)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCard, err)
	}
	enc, x, err := hpke.NewSender(pk, kdf(), aead(), startInfo(theirs.ID()))
	if err != nil {
		return nil, fmt.Errorf("%w: its key gives no secret", ErrCard)
	}
	ek := identity.NewDHSecret()
	dh1, err := me.Agree(theirs.Prekey())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCard, err)
	}
	dh2, err := ek.Agree(theirs.Public().DH)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCard, err)
	}
	st := &starting{enc: enc, ek: ek.Public(), card: mine.Card(), key: mine.Key()}
	ek.Clear()
	cardKey := key(theirKey)
	a, err := agree(x, dh1, dh2, cardSalt(&cardKey), transcriptOf(theirs, st.card, enc, st.ek))
	clear(dh1[:])
	clear(dh2[:])
	if err != nil {
		return nil, err
	}
	short := !theirs.Full()
	for n := range uint8(startSlots) {
		st.slots = append(st.slots, slot{n, introSeed(&cardKey, short, n), slotKey(&a.outer, n), slotKey(&a.inner, n)})
	}
	s := newSession(now, &a, true, short, theirs.Public())
	s.start = st
	s.cardGiven = now
	a.clear()
	return s, nil
}

// cardHPKE is the key to which a Start is encapsulated.
func cardHPKE(c identity.Card) (hpke.PublicKey, error) {
	if kem, ok := c.KEM(); ok {
		return kem.HPKE()
	}
	return c.Prekey().HPKE()
}

func newSession(now Tick, a *agreement, initiator, short bool, peer identity.Public) *Session {
	s := &Session{
		transcript: a.transcript, initiator: initiator, short: short, peer: peer,
		root: a.root, since: now, cardGiven: noTick,
		life: envelope.Lifetime, peerLife: envelope.Lifetime,
	}
	s.send.ck = chainKey(&a.root, !initiator)
	s.listen(0, chainKey(&a.root, initiator))
	return s
}

// sealStart seals a letter as a Start in a free slot taken at random, so that
// a state that was put back rarely takes the same one. spec/seal.md, 4.3.
func (s *Session) sealStart(now Tick, w Where, h head, ours, parts []Part) (Sealed, error) {
	st := s.start
	at := pick(len(st.slots))
	sl := &st.slots[at]
	ours = append(ours, Part{kindKey, st.key[:]}) // kinds ascend: an offer is before it
	size := w.Class.BodySize() - len(st.enc) - bodyCost - helloSize - bodyCost
	plain, err := appendLetter(nil, h, ours, parts, size)
	if err != nil {
		return Sealed{}, err
	}
	osk := ed25519.NewKeyFromSeed(sl.seed[:])
	header := envelope.Head(w.Class, w.Shard, w.Expiry, ovkOf(osk))
	hello := make([]byte, 0, w.Class.Size())
	hello = append(hello, st.card.Bytes()...)
	hello = append(hello, st.ek[:]...)
	hello = appendSealed(hello, &sl.inner, plain, append(s.transcript[:], header...))
	body := append(make([]byte, 0, w.Class.Size()), st.enc...)
	body = appendSealed(body, &sl.outer, hello, header)
	clear(plain)
	e, err := envelope.New(w.Class, w.Shard, w.Expiry, osk, body)
	clear(osk)
	if err != nil {
		return Sealed{}, err
	}
	out := Sealed{Bytes: e.Bytes(), ID: e.ID(), Index: uint32(sl.n), Start: true}
	copy(st.slots[at:], st.slots[at+1:])
	clear(st.slots[len(st.slots)-1:])
	st.slots = st.slots[:len(st.slots)-1]
	return out, nil
}

// pick is a random number below n, which is at most startSlots.
func pick(n int) int {
	var b [4]byte
	rand.Read(b[:])
	return int(binary.BigEndian.Uint32(b[:]) % uint32(n))
}
