package group

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"

	"filippo.io/edwards25519"
	"golang.org/x/crypto/chacha20poly1305"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/seal"
)

type key [32]byte

// Key is a member's pseudonym: an Ed25519 public key.
type Key [32]byte

// Secret is the owner's half of a pseudonym.
type Secret struct{ priv ed25519.PrivateKey }

// NewSecret makes a pseudonym.
func NewSecret() Secret {
	var seed [32]byte
	rand.Read(seed[:])
	return SecretOf(seed)
}

// SecretOf is the pseudonym of a seed that Seed gave.
func SecretOf(seed [32]byte) Secret { return Secret{ed25519.NewKeyFromSeed(seed[:])} }

// Seed is what is kept of it.
func (s Secret) Seed() [32]byte { return [32]byte(s.priv.Seed()) }

// Key is its public half.
func (s Secret) Key() Key { return Key(s.priv[32:]) }

// Private signs roster entries and what else is signed by the pseudonym itself.
func (s Secret) Private() ed25519.PrivateKey { return s.priv }

func expand(k *key, label string, n int) []byte {
	b, err := hkdf.Expand(sha256.New, k[:], label, n)
	if err != nil {
		panic("seal/group: internal error: HKDF refused a length")
	}
	return b
}

// step moves a chain by one. spec/group.md, 2.
func step(ck *key) (next, seed key) {
	b := expand(ck, "jauap/1 group step", 64)
	defer clear(b)
	return key(b), key(b[32:])
}

// letterKeys are the body key and the blinding of one letter. spec/group.md, 2.
func letterKeys(seed *key) (mk key, h *edwards25519.Scalar) {
	b := expand(seed, "jauap/1 group letter", 96)
	defer clear(b)
	h, err := edwards25519.NewScalar().SetUniformBytes(b[32:])
	if err != nil {
		panic("seal/group: internal error: a scalar of 64 bytes was refused")
	}
	return key(b), h
}

// blinded is the one-time key K + h*B.
func blinded(k *edwards25519.Point, h *edwards25519.Scalar) [32]byte {
	p := new(edwards25519.Point).ScalarBaseMult(h)
	return [32]byte(p.Add(p, k).Bytes())
}

// point decodes a pseudonym; one encoding each (RFC 8032, 5.1.3).
func (k Key) point() (*edwards25519.Point, error) {
	p, err := new(edwards25519.Point).SetBytes(k[:])
	if err != nil || Key(p.Bytes()) != k {
		return nil, seal.ErrMalformed
	}
	return p, nil
}

// signer signs under the one-time key of a blinding. Its signatures verify as
// Ed25519 under K + h*B. spec/group.md, 2.
func (s Secret) signer(h *edwards25519.Scalar) envelope.Signer {
	wide := sha512.Sum512(s.priv.Seed())
	defer clear(wide[:])
	a, err := edwards25519.NewScalar().SetBytesWithClamping(wide[:32])
	if err != nil {
		panic("seal/group: internal error: a scalar of 32 bytes was refused")
	}
	a.Add(a, h)
	own := sha512.Sum512(append(append([]byte("jauap/1 group prefix"), wide[32:]...), h.Bytes()...))
	ovk := [32]byte(new(edwards25519.Point).ScalarBaseMult(a).Bytes())
	return envelope.Signer{Key: ovk, Sign: func(m []byte) []byte {
		r := uniform(own[:32], m)
		R := new(edwards25519.Point).ScalarBaseMult(r).Bytes()
		k := uniform(R, ovk[:], m)
		return append(R, edwards25519.NewScalar().MultiplyAdd(k, a, r).Bytes()...)
	}}
}

// uniform is SHA-512 of all parts modulo the group's order.
func uniform(parts ...[]byte) *edwards25519.Scalar {
	h := sha512.New()
	for _, p := range parts {
		h.Write(p)
	}
	s, err := edwards25519.NewScalar().SetUniformBytes(h.Sum(nil))
	if err != nil {
		panic("seal/group: internal error: a scalar of 64 bytes was refused")
	}
	return s
}

const (
	nonceSize = chacha20poly1305.NonceSizeX
	bodyCost  = nonceSize + chacha20poly1305.Overhead
)

// appendSealed appends nonce, ciphertext and MAC; the nonce is random for the
// same reason as in seal.
func appendSealed(dst []byte, k *key, plaintext, bound []byte) []byte {
	a, err := chacha20poly1305.NewX(k[:])
	if err != nil {
		panic("seal/group: internal error: XChaCha20-Poly1305 refused a key")
	}
	var nonce [nonceSize]byte
	rand.Read(nonce[:])
	return a.Seal(append(dst, nonce[:]...), nonce[:], plaintext, bound)
}

func opened(k *key, sealed, bound []byte) ([]byte, error) {
	a, err := chacha20poly1305.NewX(k[:])
	if err != nil {
		panic("seal/group: internal error: XChaCha20-Poly1305 refused a key")
	}
	if len(sealed) < bodyCost {
		return nil, seal.ErrMalformed
	}
	b, err := a.Open(nil, sealed[:nonceSize], sealed[nonceSize:], bound)
	if err != nil {
		return nil, seal.ErrWrongKey
	}
	return b, nil
}
