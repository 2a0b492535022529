package postage

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"fmt"
	"math/big"

	"github.com/jauap/jauap/envelope"
)

// Sizes in bytes. spec/postage.md, 2.
const (
	ModulusSize = 256 // RSA with 2,048 bits
	exponent    = 65537
	bits        = 8 * ModulusSize
)

// Days. spec/postage.md, 4.
const (
	signDays  = 60           // a key signs for so long
	goodDays  = 60           // and what it signed is good for so much longer
	aheadDays = 2 * signDays // a key is shown so long before it signs its last, at most
	slackDays = 2            // by which the clocks of two devices may differ
)

// Errors, usable with errors.Is.
var (
	// ErrAnswer: what a relay said of postage is not as it must be.
	ErrAnswer = errors.New("postage: a relay's answer is wrong")
	// ErrDamaged: a file or record of ours cannot be read.
	ErrDamaged = errors.New("postage: damaged")
	// ErrSignature: a signature is not the issuer's.
	ErrSignature = errors.New("postage: wrong signature")
)

// Key is an issuer's public key, with the last day on which its tokens are good.
type Key struct {
	Modulus [ModulusSize]byte
	Last    envelope.Day
}

// Issuer names the key in stamps: the first 8 bytes of the SHA-256 of its modulus.
func (k *Key) Issuer() envelope.Issuer {
	h := sha256.Sum256(k.Modulus[:])
	return envelope.Issuer(h[:8])
}

func (k *Key) public() *rsa.PublicKey {
	return &rsa.PublicKey{N: new(big.Int).SetBytes(k.Modulus[:]), E: exponent}
}

// check refuses a modulus that is no product of two large primes at first sight.
func (k *Key) check() error {
	if k.Modulus[0]&0x80 == 0 || k.Modulus[ModulusSize-1]&1 == 0 {
		return fmt.Errorf("%w: a modulus that has not %d bits, or is even", ErrAnswer, bits)
	}
	return nil
}

// Good tells whether sig is the issuer's signature of a token's key: RSASSA-PSS with
// SHA-384 and 48 bytes of salt. RFC 9474, 4.5.
func (k *Key) Good(token [32]byte, sig []byte) bool {
	return good(k.public(), token, sig)
}

func good(pub *rsa.PublicKey, token [32]byte, sig []byte) bool {
	h := sha512.Sum384(message(token))
	return rsa.VerifyPSS(pub, crypto.SHA384, h[:], sig, &rsa.PSSOptions{SaltLength: len(h)}) == nil
}

// message is what an issuer signs.
func message(token [32]byte) []byte { return append([]byte("jauap/1 postage"), token[:]...) }
