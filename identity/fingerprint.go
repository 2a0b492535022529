package identity

import (
	"fmt"
	"math/big"
	"strings"
	"unicode"

	"golang.org/x/crypto/argon2"

	"github.com/jauap/jauap/words"
)

// Cost of a fingerprint: Argon2id with 64 MiB, one pass, one lane. It makes
// each guess of somebody who looks for a key with the same words expensive.
const (
	fingerprintMemory = 64 * 1024 // KiB
	fingerprintLabel  = "jauap/1 fingerprint"
	fingerprintDigits = 24
)

// Fingerprint is what two people compare to know that they hold each other's
// keys: a commitment to the keys, no secret.
type Fingerprint struct{ b [16]byte }

// Fingerprint of the two keys. It takes 64 MiB and about 0.15 s: cache it.
// spec/seal.md, 3.5.
func (p Public) Fingerprint() (f Fingerprint) {
	in := append(append([]byte(nil), p.Sig[:]...), p.DH[:]...)
	copy(f.b[:], argon2.IDKey(in, []byte(fingerprintLabel), 1, fingerprintMemory, 1, uint32(len(f.b))))
	return f
}

// Words are the first 88 bits as eight English words.
func (f Fingerprint) Words() []string { return f.WordsIn("en") }

// WordsIn are the same bits in the words of a language. spec/pairing.md, 6.
func (f Fingerprint) WordsIn(lang string) []string { return words.Encode(lang, [11]byte(f.b[:11])) }

// Digits are the 128 bits modulo 10^24 as six groups of four digits.
func (f Fingerprint) Digits() string {
	s := f.digits()
	groups := make([]string, 0, fingerprintDigits/4)
	for i := 0; i < len(s); i += 4 {
		groups = append(groups, s[i:i+4])
	}
	return strings.Join(groups, " ")
}

func (f Fingerprint) digits() string {
	v := new(big.Int).SetBytes(f.b[:])
	v.Mod(v, new(big.Int).Exp(big.NewInt(10), big.NewInt(fingerprintDigits), nil))
	return fmt.Sprintf("%0*s", fingerprintDigits, v.String())
}

// Match tells whether the code is this fingerprint: all eight words of one
// language or all 24 digits, in any case, with any spaces, dashes, dots or commas between.
func (f Fingerprint) Match(code string) bool {
	if len(code) > 512 {
		return false
	}
	parts := strings.FieldsFunc(strings.ToLower(code), func(r rune) bool {
		return unicode.IsSpace(r) || strings.ContainsRune("-–—.,;/_", r)
	})
	if joined := strings.Join(parts, ""); joined == f.digits() {
		return true
	}
	bits, err := words.Decode(parts)
	return err == nil && bits == [11]byte(f.b[:11])
}

// IsZero tells the zero value from a fingerprint.
func (f Fingerprint) IsZero() bool { return f == Fingerprint{} }

// Marshal writes the 16 bytes of the fingerprint.
func (f Fingerprint) Marshal() []byte { return append([]byte(nil), f.b[:]...) }

// ParseFingerprint reads what Marshal wrote: ErrMalformed.
func ParseFingerprint(b []byte) (f Fingerprint, err error) {
	if len(b) != len(f.b) {
		return f, fmt.Errorf("%w: fingerprint of %d bytes", ErrMalformed, len(b))
	}
	copy(f.b[:], b)
	return f, nil
}
