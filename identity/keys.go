package identity

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/hpke"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
)

// Errors of this room, usable with errors.Is.
var (
	ErrMalformed = errors.New("identity: malformed")
	ErrSignature = errors.New("identity: the card is forged or damaged; ask for it again")
	ErrName      = errors.New("identity: unusable name")
	ErrInvite    = errors.New("identity: not a usable invitation")
	ErrWeakKey   = errors.New("identity: the other key gives no secret")
)

// SigPublic is the Ed25519 key with which a person's cards are checked.
type SigPublic [32]byte

// DHPublic is an X25519 public key: of a person, of a card or one-time.
type DHPublic [32]byte

// KEMPublic is an X-Wing public key. draft-ietf-hpke-pq, MLKEM768-X25519.
type KEMPublic [1216]byte

// SigSecret is the seed of a person's signing key. It signs cards and
// nothing else.
type SigSecret struct{ seed [32]byte }

// DHSecret is an X25519 secret key.
type DHSecret struct{ key [32]byte }

// KEMSecret is the seed of an X-Wing key pair.
type KEMSecret struct{ seed [32]byte }

// redacted is what every secret prints, whatever the verb.
const redacted = "(secret)"

// Format prints no secret.
func (SigSecret) Format(f fmt.State, _ rune) { io.WriteString(f, redacted) }

// Format prints no secret.
func (DHSecret) Format(f fmt.State, _ rune) { io.WriteString(f, redacted) }

// Format prints no secret.
func (KEMSecret) Format(f fmt.State, _ rune) { io.WriteString(f, redacted) }

func newSigSecret() (s SigSecret) {
	rand.Read(s.seed[:])
	return s
}

// NewDHSecret makes a fresh X25519 key.
func NewDHSecret() (s DHSecret) {
	rand.Read(s.key[:])
	return s
}

// NewKEMSecret makes a fresh X-Wing key.
func NewKEMSecret() (s KEMSecret) {
	rand.Read(s.seed[:])
	return s
}

func (s *SigSecret) public() (p SigPublic) {
	k := ed25519.NewKeyFromSeed(s.seed[:])
	copy(p[:], k[32:])
	clear(k)
	return p
}

// Public is the key that belongs to the secret.
func (s *DHSecret) Public() (p DHPublic) {
	k, err := ecdh.X25519().NewPrivateKey(s.key[:])
	if err != nil {
		panic("identity: internal error: X25519 refused 32 bytes")
	}
	copy(p[:], k.PublicKey().Bytes())
	return p
}

// Agree is the X25519 shared secret with p. ErrWeakKey when it is all zero,
// which only a key of low order gives. RFC 7748, 6.1.
func (s *DHSecret) Agree(p DHPublic) (z [32]byte, err error) {
	k, err := ecdh.X25519().NewPrivateKey(s.key[:])
	if err != nil {
		return z, ErrWeakKey
	}
	q, err := ecdh.X25519().NewPublicKey(p[:])
	if err != nil {
		return z, ErrWeakKey
	}
	b, err := k.ECDH(q)
	if err != nil {
		return z, ErrWeakKey
	}
	copy(z[:], b)
	clear(b)
	return z, nil
}

// HPKE is the key as HPKE's DHKEM(X25519, HKDF-SHA256) takes it. RFC 9180, 7.1.
func (s *DHSecret) HPKE() (hpke.PrivateKey, error) {
	k, err := ecdh.X25519().NewPrivateKey(s.key[:])
	if err != nil {
		return nil, ErrMalformed
	}
	return hpke.NewDHKEMPrivateKey(k)
}

// HPKE is the key as HPKE's DHKEM(X25519, HKDF-SHA256) takes it. RFC 9180, 7.1.
func (p DHPublic) HPKE() (hpke.PublicKey, error) {
	k, err := hpke.DHKEM(ecdh.X25519()).NewPublicKey(p[:])
	if err != nil {
		return nil, ErrMalformed
	}
	return k, nil
}

// HPKE is the key pair as HPKE takes it; deriving it costs about 0.15 ms.
func (s *KEMSecret) HPKE() (hpke.PrivateKey, error) {
	return hpke.MLKEM768X25519().NewPrivateKey(s.seed[:])
}

// HPKE is the key as HPKE takes it; ErrMalformed when its encoding is not
// the only one of its value.
func (p *KEMPublic) HPKE() (hpke.PublicKey, error) {
	k, err := hpke.MLKEM768X25519().NewPublicKey(p[:])
	if err != nil {
		return nil, fmt.Errorf("%w: X-Wing key", ErrMalformed)
	}
	return k, nil
}

// Public is the key that belongs to the seed.
func (s *KEMSecret) Public() (p KEMPublic, err error) {
	k, err := s.HPKE()
	if err != nil {
		return p, err
	}
	copy(p[:], k.PublicKey().Bytes())
	return p, nil
}

// Bytes are the seed, for keeping inside a sealed state. The caller clears them.
func (s *KEMSecret) Bytes() []byte { return append([]byte(nil), s.seed[:]...) }

// KEMSecretOf reads what Bytes wrote.
func KEMSecretOf(seed [32]byte) KEMSecret { return KEMSecret{seed} }

// Bytes are the key, for keeping inside a sealed state. The caller clears them.
func (s *DHSecret) Bytes() []byte { return append([]byte(nil), s.key[:]...) }

// DHSecretOf reads what Bytes wrote.
func DHSecretOf(key [32]byte) DHSecret { return DHSecret{key} }

// Clear erases the secret as far as Go allows.
func (s *KEMSecret) Clear() { clear(s.seed[:]) }

// Clear erases the secret as far as Go allows.
func (s *DHSecret) Clear() { clear(s.key[:]) }
