package chat

import (
	"path"
	"strings"
	"unicode"
	"unicode/utf8"
)

// cut shortens a string to at most n bytes without splitting a letter.
func cut(s string, n int) string {
	for len(s) > n {
		_, size := utf8.DecodeLastRuneInString(s[:n+1])
		s = s[:max(n+1-size, 0)]
	}
	return s
}

// cleanText makes a text from outside fit to be shown: valid UTF-8, no control
// characters but line feed and tab, no marks that turn round what follows.
func cleanText(b []byte) string {
	s := strings.ReplaceAll(strings.ToValidUTF8(string(b), "\uFFFD"), "\r\n", "\n")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case unicode.IsControl(r), r >= 0x202a && r <= 0x202e: // embeddings and overrides
			return -1
		}
		return r
	}, s)
}

// cleanFileName makes a name from outside a plain file name that is harmless on
// every system: no folders, no hidden or reserved names, no odd characters.
func cleanFileName(s string) string {
	s = strings.ToValidUTF8(s, "_")
	if i := strings.LastIndexAny(s, `/\`); i >= 0 {
		s = s[i+1:]
	}
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.Is(unicode.Bidi_Control, r), unicode.IsControl(r):
			return -1
		case !unicode.IsPrint(r), strings.ContainsRune(`<>:"|?*`, r):
			return '_'
		}
		return r
	}, s)
	s = strings.TrimLeft(strings.TrimSpace(s), ".- ")
	s = strings.TrimRight(s, ". ")
	if len(s) > maxFileName {
		ext := path.Ext(s)
		if len(ext) > 12 {
			ext = ""
		}
		s = cut(strings.TrimSuffix(s, ext), maxFileName-len(ext)) + ext
	}
	base, _, _ := strings.Cut(strings.ToLower(s), ".")
	base = strings.TrimSpace(base)
	switch base {
	case "con", "prn", "aux", "nul", "conin$", "conout$":
		s = "_" + s
	}
	if len(base) == 4 && (base[:3] == "com" || base[:3] == "lpt") && base[3] >= '0' && base[3] <= '9' {
		s = "_" + s
	}
	if s == "" {
		return "file"
	}
	return s
}
