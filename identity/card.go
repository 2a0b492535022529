package identity

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"io"
)

// Sizes of the two forms of a card in bytes. spec/seal.md, 3.2.
const (
	CardSize  = 1427 // full: with the X-Wing key and the signature
	ShortSize = 147  // QR form: without both
)

const (
	cardVersion = 1
	flagShort   = 1
	cardLabel   = "jauap/1 card"
)

// CardID names a card.
type CardID [16]byte

// Card is a parsed card of one person for one contact. The zero value is no
// card: see IsZero.
type Card struct{ raw string }

// ParseCard reads a card of either form. The signature of a full card is
// checked; a QR form has none and rests on the eyes that saw it. The X-Wing
// key is only checked when it is used. Errors: ErrMalformed, ErrSignature.
func ParseCard(b []byte) (Card, error) {
	if len(b) != CardSize && len(b) != ShortSize {
		return Card{}, fmt.Errorf("%w: card of %d bytes", ErrMalformed, len(b))
	}
	if b[0] != cardVersion {
		return Card{}, fmt.Errorf("%w: card of version %d; update Jauap", ErrMalformed, b[0])
	}
	full := len(b) == CardSize
	if full != (b[1] == 0) || b[1] > flagShort {
		return Card{}, fmt.Errorf("%w: card flags %#x", ErrMalformed, b[1])
	}
	c := Card{string(b)}
	if _, err := parseName([]byte(c.nameField())); err != nil {
		return Card{}, err
	}
	if full && !ed25519.Verify(b[2:34], append([]byte(cardLabel), b[:CardSize-64]...), b[CardSize-64:]) {
		return Card{}, ErrSignature
	}
	return c, nil
}

// IsZero tells the zero value from a parsed card.
func (c Card) IsZero() bool { return c.raw == "" }

// Full is false for the QR form.
func (c Card) Full() bool { return len(c.raw) == CardSize }

// Bytes of the card, in the form in which it came.
func (c Card) Bytes() []byte { return []byte(c.raw) }

// Public keys of the person whose card it is.
func (c Card) Public() (p Public) {
	if !c.IsZero() {
		copy(p.Sig[:], c.raw[2:])
		copy(p.DH[:], c.raw[34:])
	}
	return p
}

// ID of the card, the same in both forms.
func (c Card) ID() (id CardID) {
	if !c.IsZero() {
		copy(id[:], c.raw[66:])
	}
	return id
}

// Prekey is the X25519 key of the card.
func (c Card) Prekey() (p DHPublic) {
	if !c.IsZero() {
		copy(p[:], c.raw[82:])
	}
	return p
}

// KEM is the X-Wing key of a full card; ok is false for the QR form.
func (c Card) KEM() (p KEMPublic, ok bool) {
	if !c.Full() {
		return p, false
	}
	copy(p[:], c.raw[114:])
	return p, true
}

// Name that the person chose. It proves nothing.
func (c Card) Name() string {
	if c.IsZero() {
		return ""
	}
	name, _ := parseName([]byte(c.nameField()))
	return name
}

// Shard is the relay mailbox shard that the person reads; 0 is everybody's.
func (c Card) Shard() uint8 {
	if c.IsZero() {
		return 0
	}
	return c.raw[c.tail()+MaxName]
}

func (c Card) nameField() string { return c.raw[c.tail() : c.tail()+MaxName] }

// tail is the offset of the name.
func (c Card) tail() int {
	if c.Full() {
		return 114 + len(KEMPublic{})
	}
	return 114
}

// Short is the QR form of the card.
func (c Card) Short() Card {
	if !c.Full() {
		return c
	}
	t := c.tail()
	return Card{c.raw[:1] + string(rune(flagShort)) + c.raw[2:114] + c.raw[t:t+MaxName+1]}
}

// CardSecret is the issuer's half of a card.
type CardSecret struct {
	spk  DHSecret
	kem  KEMSecret
	key  [32]byte
	card Card
}

// NewCard makes a fresh card, to be given to one person.
func (m *Me) NewCard(shard uint8) (*CardSecret, error) {
	c := &CardSecret{spk: NewDHSecret(), kem: NewKEMSecret()}
	rand.Read(c.key[:])
	var id CardID
	rand.Read(id[:])
	kem, err := c.kem.Public()
	if err != nil {
		return nil, err
	}
	spk := c.spk.Public()
	b := make([]byte, 0, len(cardLabel)+CardSize)
	b = append(b, cardLabel...)
	b = append(b, cardVersion, 0)
	b = append(b, m.pub.Sig[:]...)
	b = append(b, m.pub.DH[:]...)
	b = append(b, id[:]...)
	b = append(b, spk[:]...)
	b = append(b, kem[:]...)
	b = append(b, padName(m.name)...)
	b = append(b, shard)
	k := ed25519.NewKeyFromSeed(m.sig.seed[:])
	b = append(b, ed25519.Sign(k, b)...)
	clear(k)
	c.card = Card{string(b[len(cardLabel):])}
	return c, nil
}

// Card is the public half, in the full form.
func (c *CardSecret) Card() Card { return c.card }

// Key is the random key handed over beside the card, never published.
func (c *CardSecret) Key() [32]byte { return c.key }

// Invite is what the other person is given.
func (c *CardSecret) Invite() Invite { return Invite{c.card, c.key} }

// Prekey is the secret of the card's X25519 key.
func (c *CardSecret) Prekey() *DHSecret { return &c.spk }

// KEM is the secret of the card's X-Wing key.
func (c *CardSecret) KEM() *KEMSecret { return &c.kem }

// Format prints no secret.
func (c *CardSecret) Format(f fmt.State, _ rune) { io.WriteString(f, redacted) }

const cardSecretSize = 1 + 3*32 + CardSize

// Marshal writes the secrets for the vault; the caller keeps them sealed.
func (c *CardSecret) Marshal() []byte {
	b := make([]byte, 0, cardSecretSize)
	b = append(b, 1)
	b = append(b, c.spk.key[:]...)
	b = append(b, c.kem.seed[:]...)
	b = append(b, c.key[:]...)
	return append(b, c.card.raw...)
}

// ParseCardSecret reads what Marshal wrote and checks that the secrets are
// the card's: ErrMalformed, ErrSignature. It costs about 0.3 ms.
func ParseCardSecret(b []byte) (*CardSecret, error) {
	if len(b) != cardSecretSize || b[0] != 1 {
		return nil, fmt.Errorf("%w: card secret", ErrMalformed)
	}
	card, err := ParseCard(b[97:])
	if err != nil {
		return nil, err
	}
	c := &CardSecret{card: card}
	copy(c.spk.key[:], b[1:])
	copy(c.kem.seed[:], b[33:])
	copy(c.key[:], b[65:])
	kem, err := c.kem.Public()
	if err != nil {
		return nil, fmt.Errorf("%w: card secret", ErrMalformed)
	}
	want, _ := card.KEM()
	if c.spk.Public() != card.Prekey() || !bytes.Equal(kem[:], want[:]) || noKey(c.key) {
		return nil, fmt.Errorf("%w: card secret of another card", ErrMalformed)
	}
	return c, nil
}

func noKey(k [32]byte) bool {
	return subtle.ConstantTimeCompare(k[:], make([]byte, 32)) == 1
}
