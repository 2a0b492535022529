package note

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// Errors of Read, usable with errors.Is.
var (
	ErrNoCode = errors.New("note: there is no code in it: the code stands at the end, after #")
	ErrLength = errors.New("note: the code is not whole")
	ErrTypo   = errors.New("note: the code has a wrong character: compare it with what was sent")
)

// Sizes of a code, in characters of five bits. spec/status.md, 4.2
const (
	headLen  = 6 // version 2 bits, kind 3, number 25
	macLen   = 7
	wordsLen = 3
	checkLen = 2
	codeLen  = headLen + macLen + wordsLen + checkLen
	dataLen  = codeLen - checkLen
)

// MaxSeq is the greatest number that a code can carry.
const MaxSeq = 1<<25 - 1

// alphabet has no I, L, O and U: they are read as 1, 1, 0 and V.
const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// Note is what a code carries.
type Note struct {
	Kind uint8 // 1 to 7
	Seq  uint32
}

func (n Note) head() uint32 { return uint32(n.Kind&7)<<25 | n.Seq&MaxSeq }

// tag is the first bits of an HMAC under a label. spec/status.md, 4.2
func (n Note) tag(key [32]byte, label, rest string, bits int) uint64 {
	m := hmac.New(sha256.New, key[:])
	m.Write([]byte(label))
	m.Write(binary.BigEndian.AppendUint32(nil, n.head()))
	m.Write([]byte(rest))
	return binary.BigEndian.Uint64(m.Sum(nil)) >> (64 - bits)
}

// mac proves kind, number and author; text proves the words beside them.
func (n Note) mac(key [32]byte) uint64 { return n.tag(key, "jauap/1 note", "", 5*macLen) }

func (n Note) text(key [32]byte, words string) uint64 {
	return n.tag(key, "jauap/1 words", Fold(words), 5*wordsLen)
}

// Code is the code of a note with its words, in three groups.
func Code(key [32]byte, n Note, words string) string {
	var c [codeLen]byte
	digits(c[:headLen], uint64(n.head()))
	digits(c[headLen:headLen+macLen], n.mac(key))
	digits(c[headLen+macLen:dataLen], n.text(key, words))
	protect(&c)
	var b strings.Builder
	for i, d := range c {
		if i > 0 && i%6 == 0 {
			b.WriteByte('-')
		}
		b.WriteByte(alphabet[d])
	}
	return b.String()
}

func digits(to []byte, v uint64) {
	for i := len(to) - 1; i >= 0; i-- {
		to[i] = byte(v & 31)
		v >>= 5
	}
}

func number(from []byte) (v uint64) {
	for _, d := range from {
		v = v<<5 | uint64(d)
	}
	return v
}

// Found is a note as it was typed: its words and a code that may be anybody's.
type Found struct {
	Words string
	codes [][codeLen]byte // what was typed, or before it what may have been meant
	typo  bool
}

// Checked is what a code proves.
type Checked struct {
	Note
	Words bool // the words are those of which the code was made
	Typo  bool // a wrong character was put right
}

// Check tells whether the owner of a key made the note.
func (f Found) Check(key [32]byte) (Checked, bool) {
	for _, c := range f.codes {
		head := number(c[:headLen])
		n := Note{Kind: uint8(head >> 25 & 7), Seq: uint32(head & MaxSeq)}
		if head>>28 != 0 || n.Kind == 0 {
			continue
		}
		if n.mac(key) != number(c[headLen:headLen+macLen]) {
			continue
		}
		return Checked{n, n.text(key, f.Words) == number(c[headLen+macLen:dataLen]), f.typo}, true
	}
	return Checked{}, false
}

// Typo tells whether the code has a wrong character: when nobody's key fits
// then, it was typed wrong, and else it is not from any of them.
func (f Found) Typo() bool { return f.typo }

// MaxText is the longest text that Read looks at, in bytes.
const MaxText = 4096

// Read takes a note apart. The code is what follows the last # (or №), or else
// what the text ends with. Errors: ErrNoCode, ErrLength.
func Read(s string) (Found, error) {
	if len(s) > MaxText {
		return Found{}, fmt.Errorf("%w: at most %d bytes", ErrNoCode, MaxText)
	}
	s = strings.ToValidUTF8(s, "?")
	at := strings.LastIndexAny(s, "#№＃")
	if at < 0 {
		return readEnd(s)
	}
	_, mark := runeAt(s, at)
	got, whole := symbols(s[at+mark:])
	if len(got) != codeLen || !whole {
		return Found{}, fmt.Errorf("%w: it has %d characters, and %d were found", ErrLength, codeLen, len(got))
	}
	return found(strings.TrimSpace(s[:at]), got), nil
}

func runeAt(s string, i int) (r rune, size int) {
	for j, r := range s[i:] {
		if j == 0 {
			return r, len(string(r))
		}
	}
	return 0, 0
}

// readEnd looks for a code without its mark at the end of a text: so many
// groups as make one.
func readEnd(s string) (Found, error) {
	fields := strings.Fields(s)
	for n := 1; n <= len(fields) && n <= codeLen; n++ {
		i := len(fields) - n
		got, whole := symbols(strings.Join(fields[i:], ""))
		if !whole || len(got) > codeLen {
			break
		}
		if len(got) == codeLen {
			return found(strings.Join(fields[:i], " "), got), nil
		}
	}
	return Found{}, ErrNoCode
}

// symbols reads characters of a code until one that cannot be part of it; whole
// is false when such a one stands inside.
func symbols(s string) (list []byte, whole bool) {
	for _, r := range s {
		d, kind := symbol(r)
		switch kind {
		case isSymbol:
			list = append(list, d)
		case isEnd:
			return list, len(list) >= codeLen
		}
		if len(list) > codeLen {
			return list, true
		}
	}
	return list, true
}

const (
	isSymbol = iota
	isGap
	isEnd
)

// symbol reads one character: capitals or not, Latin or Cyrillic letters that
// look alike. spec/status.md, 4.3
func symbol(r rune) (d byte, kind int) {
	r = alike(unicode.ToUpper(r))
	switch {
	case r < 128 && strings.IndexByte(alphabet, byte(r)) >= 0:
		return byte(strings.IndexByte(alphabet, byte(r))), isSymbol
	case unicode.IsSpace(r), unicode.Is(unicode.Pd, r), strings.ContainsRune("_.,:*'`\u00ad\u200b\u2212", r):
		return 0, isGap
	}
	return 0, isEnd
}

// alike is the letter of the alphabet that a capital looks like.
func alike(r rune) rune {
	const from = "ILOUІӀ|ОАВСЕНКМРТХУҮЗБЧЅЈҒҚҢӨՕΟΑΒΕΖΗΚΜΝΡΤΥΧ"
	const into = "110V1110ABCEHKMPTXYY364SJFKH0" + "00ABEZHKMNPTYX"
	i := 0
	for _, f := range from {
		if f == r {
			return rune(into[i])
		}
		i++
	}
	return r
}

// found is a note with what its code may have been: exactly what was typed
// when that is in order.
func found(words string, typed []byte) Found {
	c := [codeLen]byte(typed)
	s1, s2 := syndromes(&c)
	f := Found{Words: words, typo: s1 != 0 || s2 != 0}
	if !f.typo {
		f.codes = append(f.codes, c)
		return f
	}
	if m, ok := mended(c); ok {
		f.codes = append(f.codes, m)
	}
	for i := range codeLen - 1 {
		t := c
		t[i], t[i+1] = t[i+1], t[i]
		if s1, s2 := syndromes(&t); s1 == 0 && s2 == 0 {
			f.codes = append(f.codes, t)
		}
	}
	f.codes = append(f.codes, c) // the wrong ones may prove nothing that matters
	return f
}

// The check characters are a Reed-Solomon code over GF(32), x^5+x^2+1, whose
// words have the roots a and a². Any two wrong characters are noticed, and one
// can be put right.

// power is a^n.
func power(n int) (v int) {
	v = 1
	for range n % 31 {
		if v <<= 1; v >= 32 {
			v ^= 0b100101
		}
	}
	return v
}

func times(x, y int) (v int) {
	for ; y > 0; y >>= 1 {
		if y&1 == 1 {
			v ^= x
		}
		if x <<= 1; x >= 32 {
			x ^= 0b100101
		}
	}
	return v
}

// over is x / y: y^30 is 1/y.
func over(x, y int) int {
	inverse := 1
	for range 30 {
		inverse = times(inverse, y)
	}
	return times(x, inverse)
}

// syndromes are the sums of c_i·a^i and c_i·a^2i, i counted from the end.
func syndromes(c *[codeLen]byte) (s1, s2 int) {
	for j, d := range c {
		i := codeLen - 1 - j
		s1 ^= times(int(d), power(i))
		s2 ^= times(int(d), power(2*i))
	}
	return s1, s2
}

// protect sets the last two characters so that both sums are zero:
// x·a + y = s1, x·a² + y = s2.
func protect(c *[codeLen]byte) {
	c[codeLen-2], c[codeLen-1] = 0, 0
	s1, s2 := syndromes(c)
	x := over(s1^s2, power(1)^power(2))
	c[codeLen-2], c[codeLen-1] = byte(x), byte(s1^times(x, power(1)))
}

// mended puts one wrong character right: s1 = e·a^i, s2 = e·a^2i.
func mended(c [codeLen]byte) ([codeLen]byte, bool) {
	s1, s2 := syndromes(&c)
	if s1 == 0 || s2 == 0 {
		return c, false
	}
	at, e := over(s2, s1), over(times(s1, s1), s2)
	for i := range codeLen {
		if power(i) == at {
			c[codeLen-1-i] ^= byte(e)
			return c, true
		}
	}
	return c, false
}
