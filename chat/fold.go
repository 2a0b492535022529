package chat

import (
	"strings"
	"unicode"
)

// Fold makes texts comparable as people remember them: no case, no accents,
// and the letters of Kazakh as the Russian ones that they are typed with when
// the keyboard has no others (қ as к, ө as о, ү and ұ as у).
func Fold(s string) string {
	return strings.Map(func(r rune) rune {
		r = unicode.ToLower(r)
		if r < 0x80 {
			return r
		}
		if unicode.Is(unicode.Mn, r) || unicode.Is(unicode.Cf, r) {
			return -1
		}
		if to, ok := strings.CutPrefix(pairFor(r), string(r)); ok {
			for _, t := range to {
				return t
			}
		}
		return r
	}, s)
}

// pairFor is a letter with its plain twin, or "".
func pairFor(r rune) string {
	const pairs = "әа ғг қк ңн өо ұу үу һх іи ёе йи ӯу ғг ґг їи єе ўу " +
		"áa àa âa äa ãa åa çc ée èe êe ëe íi ìi îi ïi ıi ñn óo òo ôo öo õo øo úu ùu ûu üu ýy ÿy ğg şs žz čc śs łl"
	i := strings.IndexRune(pairs, r)
	if i < 0 {
		return ""
	}
	end := strings.IndexByte(pairs[i:], ' ')
	if end < 0 {
		return pairs[i:]
	}
	return pairs[i : i+end]
}
