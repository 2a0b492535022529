package seal

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/hpke"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/jauap/jauap/envelope"
)

type key [32]byte

const (
	nonceSize = chacha20poly1305.NonceSizeX
	macSize   = chacha20poly1305.Overhead
	bodyCost  = nonceSize + macSize
)

// expand is HKDF-Expand with SHA-256 over the label and what it binds.
// RFC 5869, 2.3. Every label begins with "jauap/1 ".
func expand(k *key, label string, bound []byte, out ...*key) {
	b, err := hkdf.Expand(sha256.New, k[:], label+string(bound), 32*len(out))
	if err != nil {
		panic("seal: internal error: HKDF refused a length")
	}
	for i, o := range out {
		copy(o[:], b[32*i:])
	}
	clear(b)
}

// extract is HKDF-Extract with SHA-256. RFC 5869, 2.2.
func extract(salt *key, secret []byte) (k key) {
	b, err := hkdf.Extract(sha256.New, secret, salt[:])
	if err != nil {
		panic("seal: internal error: HKDF refused a salt")
	}
	copy(k[:], b)
	clear(b)
	return k
}

// step moves a chain by one: the next chain key and the seed of one letter.
// spec/seal.md, 5.1.
func step(ck *key) (next, seed key) {
	expand(ck, "jauap/1 step", nil, &next, &seed)
	return next, seed
}

// letterKeys are the body key and the one-time signing key of one letter.
// spec/seal.md, 5.1.
func letterKeys(seed *key) (mk key, osk ed25519.PrivateKey) {
	var os key
	expand(seed, "jauap/1 letter", nil, &mk, &os)
	osk = ed25519.NewKeyFromSeed(os[:])
	clear(os[:])
	return mk, osk
}

// chainKey is the first chain key of an epoch in one direction: 0 from the
// initiator, 1 to the initiator. spec/seal.md, 5.1.
func chainKey(root *key, toInitiator bool) (ck key) {
	d := []byte{0}
	if toInitiator {
		d[0] = 1
	}
	expand(root, "jauap/1 ck", d, &ck)
	return ck
}

func ovkOf(osk ed25519.PrivateKey) [32]byte { return [32]byte(osk[32:]) }

// appendSealed appends nonce, ciphertext and MAC of the plaintext. The nonce
// is random although the key is one-time: a state that was put back repeats
// the key, and must not repeat the key stream.
func appendSealed(dst []byte, k *key, plaintext, bound []byte) []byte {
	a, err := chacha20poly1305.NewX(k[:])
	if err != nil {
		panic("seal: internal error: XChaCha20-Poly1305 refused a key")
	}
	var nonce [nonceSize]byte
	rand.Read(nonce[:])
	dst = append(dst, nonce[:]...)
	return a.Seal(dst, nonce[:], plaintext, bound)
}

// opened is the plaintext of what appendSealed appended: ErrWrongKey.
func opened(k *key, sealed, bound []byte) ([]byte, error) {
	if len(sealed) < bodyCost {
		return nil, ErrMalformed
	}
	a, err := chacha20poly1305.NewX(k[:])
	if err != nil {
		panic("seal: internal error: XChaCha20-Poly1305 refused a key")
	}
	b, err := a.Open(nil, sealed[:nonceSize], sealed[nonceSize:], bound)
	if err != nil {
		return nil, ErrWrongKey
	}
	return b, nil
}

// shortNonce is the nonce of an S0: eight random bytes and a constant.
func shortNonce(salt [8]byte) []byte {
	n := append(make([]byte, 0, nonceSize), salt[:]...)
	return append(n, "jauap/1 short\x00\x00\x00"...)
}

// Both HPKE contexts of this room use this suite. RFC 9180, 7.
func kdf() hpke.KDF   { return hpke.HKDFSHA256() }
func aead() hpke.AEAD { return hpke.ChaCha20Poly1305() }

func be16(v uint16) []byte { return binary.BigEndian.AppendUint16(nil, v) }

// tagsOf are the two addresses of a one-time key.
func tagsOf(osk ed25519.PrivateKey) (tag, short envelope.Tag) {
	ovk := ovkOf(osk)
	return envelope.TagOf(ovk), envelope.ShortTagOf(ovk)
}

// sealShort and openedShort are the body of an S0.
func sealShort(k *key, salt [8]byte, plain, bound []byte) []byte {
	a, err := chacha20poly1305.NewX(k[:])
	if err != nil {
		panic("seal: internal error: XChaCha20-Poly1305 refused a key")
	}
	return a.Seal(nil, shortNonce(salt), plain, bound)
}

func openedShort(k *key, salt [8]byte, sealed, bound []byte) ([]byte, error) {
	a, err := chacha20poly1305.NewX(k[:])
	if err != nil {
		panic("seal: internal error: XChaCha20-Poly1305 refused a key")
	}
	b, err := a.Open(nil, shortNonce(salt), sealed, bound)
	if err != nil {
		return nil, ErrWrongKey
	}
	return b, nil
}
