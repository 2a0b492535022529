package words

import (
	_ "embed"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ErrWords: these are not eight words of one list. The text says which is not.
var ErrWords = errors.New("words: not eight words of one language")

// Count is how many words a code has: 88 bits.
const Count = 8

const (
	listSize = 2048
	shortest = 4 // letters that are enough when one word begins so
)

//go:embed en.txt
var english string // BIP-39's English list

//go:embed ru.txt
var russian string

//go:embed kk.txt
var kazakh string

// Languages that have a list, the first for everybody else.
func Languages() []string { return []string{"en", "kk", "ru"} }

// list is all words of a language; English for one that has none.
func list(lang string) []string {
	switch lang {
	case "ru":
		return strings.Fields(russian)
	case "kk":
		return strings.Fields(kazakh)
	}
	return strings.Fields(english)
}

// Encode writes 88 bits as eight words of a language, the highest bits first.
func Encode(lang string, bits [11]byte) []string {
	all := list(lang)
	out := make([]string, Count)
	for i := range out {
		// 11 bits from bit 11·i on, out of the three bytes that hold them.
		bit := 11 * i
		v := uint32(bits[bit/8])<<16 | uint32(bits[bit/8+1])<<8
		if bit/8+2 < len(bits) {
			v |= uint32(bits[bit/8+2])
		}
		out[i] = all[v>>(13-bit%8)&(listSize-1)]
	}
	return out
}

// Decode reads eight words of whichever list they are from. Letters that a
// keyboard lacks may be replaced, and words be cut short. Errors: ErrWords.
func Decode(said []string) (bits [11]byte, err error) {
	if len(said) != Count {
		return bits, fmt.Errorf("%w: there are %d", ErrWords, len(said))
	}
	best, at := -1, ""
	for _, lang := range Languages() {
		out, n := decode(folded(lang), said)
		if n == Count {
			return out, nil
		}
		if n > best {
			best, at = n, said[n]
		}
	}
	return bits, fmt.Errorf("%w: word %d, %q, is not in the list", ErrWords, best+1, at)
}

func folded(lang string) []string {
	all := list(lang)
	out := make([]string, len(all))
	for i, w := range all {
		out[i] = Fold(w)
	}
	return out
}

// decode reads as far as the words are of the list, and says how far.
func decode(all, said []string) (bits [11]byte, n int) {
	for i, w := range said {
		v := find(all, Fold(w))
		if v < 0 {
			return bits, i
		}
		for b := range 11 {
			if v>>(10-b)&1 == 1 {
				bit := 11*i + b
				bits[bit/8] |= 1 << (7 - bit%8)
			}
		}
	}
	return bits, len(said)
}

// find is the place of a folded word in a folded list, -1 when it is none or could be several.
func find(all []string, word string) int {
	found := -1
	for i, w := range all {
		if w == word {
			return i
		}
		if utf8.RuneCountInString(word) >= shortest && strings.HasPrefix(w, word) {
			if found >= 0 {
				found = len(all) // several: only the whole word will do
			} else {
				found = i
			}
		}
	}
	if found == len(all) {
		return -1
	}
	return found
}

// Fold makes words equal that differ only in case or in letters that many
// keyboards lack.
func Fold(s string) string {
	return strings.Map(func(r rune) rune {
		switch r = unicode.ToLower(r); r {
		case 'ё':
			return 'е'
		case 'ә':
			return 'а'
		case 'ғ':
			return 'г'
		case 'қ':
			return 'к'
		case 'ң':
			return 'н'
		case 'ө':
			return 'о'
		case 'ұ', 'ү':
			return 'у'
		case 'һ':
			return 'х'
		case 'і':
			return 'и'
		}
		return r
	}, s)
}
