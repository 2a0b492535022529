package account

import (
	"strings"
	"unicode"
)

// Clean makes a text that somebody else wrote fit to be shown: without control
// characters other than line ends and tabs, without marks that turn the direction
// of writing, without space around it.
func Clean(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r):
			return -1
		}
		return r
	}, s))
}
