package pairing

import (
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"unicode"

	"golang.org/x/crypto/argon2"

	"github.com/jauap/jauap/identity"
	"github.com/jauap/jauap/words"
)

// Errors of a code that a person typed.
var (
	// ErrMistyped: the code cannot be one. Nothing was looked for.
	ErrMistyped = errors.New("pairing: this code is not right; listen once more")
	// ErrOwn: it is one of the owner's codes.
	ErrOwn = errors.New("pairing: this is your own code; type the one that the other person reads")
)

const (
	codeDigits = 22
	allDigits  = 24
	codeMemory = 64 * 1024 // KiB, as for a fingerprint; tests take less
	maxTyped   = 512       // bytes
)

// Code is what one person reads aloud: it commits to an invitation. It is
// comparable. spec/pairing.md, 3.1.
type Code struct{ n [10]byte }

// CodeOf an invitation in the full form. It takes 64 MiB and about 0.1 s.
func CodeOf(i identity.Invite) Code { return codeOf(i, codeMemory) }

func codeOf(i identity.Invite, memory uint32) Code {
	in := append(i.Card.Bytes(), i.Key[:]...)
	f := argon2.IDKey(in, []byte("jauap/1 telephone code"), 1, memory, 1, 16)
	clear(in)
	v := new(big.Int).SetBytes(f)
	return newCode(v.Mod(v, tens(codeDigits)))
}

func newCode(v *big.Int) (c Code) {
	v.FillBytes(c.n[:])
	return c
}

func tens(n int64) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(n), nil) }

// number is the 22 digits.
func (c Code) number() string {
	return fmt.Sprintf("%0*s", codeDigits, new(big.Int).SetBytes(c.n[:]).String())
}

// all is the 24 digits, check digits included.
func (c Code) all() string {
	v := new(big.Int).SetBytes(c.n[:])
	rest := v.Mul(v, big.NewInt(100)).Mod(v, big.NewInt(97)).Int64()
	return fmt.Sprintf("%s%02d", c.number(), 98-rest)
}

// Digits are 24 digits in groups of four.
func (c Code) Digits() string {
	s := c.all()
	groups := make([]string, 0, allDigits/4)
	for i := 0; i < len(s); i += 4 {
		groups = append(groups, s[i:i+4])
	}
	return strings.Join(groups, " ")
}

// Words are the code as eight words of a language.
func (c Code) Words(lang string) []string { return words.Encode(lang, c.bits()) }

// bits are 74 bits of the number and 14 that check them.
func (c Code) bits() (out [11]byte) {
	v := new(big.Int).SetBytes(c.n[:])
	v.Lsh(v, 14).Or(v, big.NewInt(int64(c.check()))).FillBytes(out[:])
	return out
}

func (c Code) check() uint16 {
	h := sha256.Sum256(append([]byte("jauap/1 telephone words\x00\x00\x00\x00\x00\x00"), c.n[:]...))
	return uint16(h[0])<<6 | uint16(h[1])>>2
}

// ParseCode reads what a person typed: 24 digits or eight words, whatever is
// between them. Errors: ErrMistyped.
func ParseCode(s string) (Code, error) {
	if len(s) > maxTyped {
		return Code{}, fmt.Errorf("%w: it is too long", ErrMistyped)
	}
	parts := strings.FieldsFunc(s, func(r rune) bool {
		return unicode.IsSpace(r) || strings.ContainsRune("-–—.,;:/_", r)
	})
	joined := strings.Join(parts, "")
	if strings.IndexFunc(joined, func(r rune) bool { return r < '0' || r > '9' }) < 0 {
		return parseDigits(joined)
	}
	b, err := words.Decode(parts)
	if err != nil {
		_, why, _ := strings.Cut(err.Error(), ": ")
		return Code{}, fmt.Errorf("%w (%s)", ErrMistyped, why)
	}
	v := new(big.Int).SetBytes(b[:])
	v.Rsh(v, 14)
	if v.Cmp(tens(codeDigits)) >= 0 {
		return Code{}, fmt.Errorf("%w: a word is wrong", ErrMistyped)
	}
	c := newCode(v)
	if c.bits() != b {
		return Code{}, fmt.Errorf("%w: a word is wrong, or two are exchanged", ErrMistyped)
	}
	return c, nil
}

func parseDigits(s string) (Code, error) {
	if len(s) != allDigits {
		return Code{}, fmt.Errorf("%w: it has %d digits, not %d", ErrMistyped, len(s), allDigits)
	}
	v, _ := new(big.Int).SetString(s[:codeDigits], 10)
	c := newCode(v)
	if c.all() != s {
		return Code{}, fmt.Errorf("%w: a digit is wrong, or two are exchanged", ErrMistyped)
	}
	return c, nil
}

// place is where the drop of a code is found and how it is opened.
type place struct {
	key   [32]byte
	shard uint8
}

// placeOf a code takes as long as CodeOf. spec/pairing.md, 3.2.
func placeOf(c Code, memory uint32) (p place) {
	d := argon2.IDKey([]byte(c.number()), []byte("jauap/1 drop"), 1, memory, 1, 32)
	copy(p.key[:], expand(d, "jauap/1 drop key", len(p.key)))
	p.shard = expand(d, "jauap/1 drop shard", 1)[0]
	clear(d)
	return p
}

func expand(secret []byte, label string, n int) []byte {
	b, err := hkdf.Expand(sha256.New, secret, label, n)
	if err != nil {
		panic("pairing: internal error: HKDF refused a length")
	}
	return b
}
