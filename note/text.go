package note

import (
	"strings"
	"unicode"
	"unicode/utf16"
)

// Limits of one SMS. 3GPP TS 23.038, 6.2.1 and 6.2.3
const (
	limitGSM = 160
	limitUCS = 70
)

// gsm are the characters of the GSM 7-bit alphabet, and gsmTwo those that
// take two places.
const (
	gsm = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?" +
		"¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
	gsmTwo = "^{}\\[~]|€"
)

// Length is how many places a text takes in an SMS, and how many one has.
func Length(s string) (units, limit int) {
	for _, r := range s {
		switch {
		case strings.ContainsRune(gsm, r):
			units++
		case strings.ContainsRune(gsmTwo, r):
			units += 2
		default:
			return len(utf16.Encode([]rune(s))), limitUCS
		}
	}
	return units, limitGSM
}

// Saying is what a note says in words.
type Saying struct {
	Lang      string // en, ru or kk
	Kind      uint8  // 1 safe, 2 moved, 3 needs help, 4 looks for somebody
	Whom      string // of 4
	Town, Net string
	Words     string
}

// phrases are the words of the kinds.
func phrases(lang string) [5]string {
	switch lang {
	case "ru":
		return [5]string{"", "Я в порядке", "Я в порядке, в другом месте", "Мне нужна помощь", "Ищу"}
	case "kk":
		return [5]string{"", "Аманмын", "Аманмын, басқа жердемін", "Маған көмек керек", "Іздеп жүрмін"}
	}
	return [5]string{"", "I am safe", "I am safe, in another place", "I need help", "I look for"}
}

// Text is the note's words: "I am safe @Almaty. All at home."
func (s Saying) Text() string {
	text := phrases(s.Lang)[min(s.Kind, 4)]
	if s.Whom != "" {
		text += ": " + bare(s.Whom)
	}
	if place := strings.TrimSpace(bare(s.Town) + " " + bare(s.Net)); place != "" {
		text += " @" + place
	}
	text += "."
	if w := strings.Join(strings.Fields(strings.NewReplacer("#", "", "№", "", "＃", "").Replace(s.Words)), " "); w != "" {
		text += " " + w
	}
	return text
}

// bare takes what separates the parts of a note out of one of them.
func bare(s string) string {
	return strings.Join(strings.Fields(strings.NewReplacer("@", " ", "#", " ", "№", " ", "＃", " ", ".", " ").Replace(s)), " ")
}

// Line is a note for one SMS.
type Line struct {
	Text         string // words and code
	Code         string
	Units, Limit int
	Cut          bool // not all words fitted
}

// Compose writes a note that fits one SMS: words that do not fit are left out
// from the end, then the place, never the code.
func Compose(key [32]byte, n Note, s Saying) Line {
	n.Kind = s.Kind
	cut := false
	for _, part := range []*string{&s.Whom, &s.Town, &s.Net, &s.Words} {
		r := []rune(strings.ToValidUTF8(*part, ""))
		cut = cut || len(r) > limitGSM
		*part = string(r[:min(len(r), limitGSM)])
	}
	for ; ; cut = true {
		text := s.Text()
		code := Code(key, n, text)
		l := Line{Text: text + " #" + code, Code: code, Cut: cut}
		if l.Units, l.Limit = Length(l.Text); l.Units <= l.Limit || !s.shorten() {
			return l
		}
	}
}

// shorten leaves the last word out: of the words, of the network, the town,
// then the end of the name. It tells whether anything was left to take.
func (s *Saying) shorten() bool {
	for _, part := range []*string{&s.Words, &s.Net, &s.Town} {
		if f := strings.Fields(*part); len(f) > 0 {
			*part = strings.Join(f[:len(f)-1], " ")
			return true
		}
	}
	if r := []rune(s.Whom); len(r) > 1 {
		s.Whom = string(r[:len(r)-1])
		return true
	}
	return false
}

// Place and Rest take the words of a note apart: what stands between @ and the
// next full stop, and all but that and the phrase of the kind.
func Place(text string) (place, rest string) {
	before, after, ok := strings.Cut(text, "@")
	if !ok {
		before, after, _ = strings.Cut(text, ".")
		return "", trimPhrase(before, after)
	}
	place, after, _ = strings.Cut(after, ".")
	return strings.TrimSpace(place), trimPhrase(before, after)
}

// trimPhrase drops the words that say the kind, when they are ours.
func trimPhrase(before, after string) string {
	before, after = strings.TrimSpace(before), strings.TrimSpace(after)
	for _, lang := range []string{"en", "ru", "kk"} {
		list := phrases(lang)
		for _, p := range list[1:] {
			if Fold(before) == Fold(p) {
				return after
			}
			if name, ok := strings.CutPrefix(before, p+":"); ok {
				before = strings.TrimSpace(name)
			}
		}
	}
	return strings.Trim(before+". "+after, ". ")
}

// Fold is a text as it counts for the code: letters and digits only, without
// capitals, marks and the difference between letters that look alike or are
// missing on many keyboards. spec/status.md, 4.3
func Fold(s string) string {
	var b strings.Builder
	for _, r := range s {
		r = unicode.ToLower(r)
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			b.WriteRune(plainLetter(r))
		}
	}
	return b.String()
}

// plainLetter is the one letter for all that are taken for each other.
func plainLetter(r rune) rune {
	for _, group := range []string{
		"аaәä", "вb", "гғ", "еeёєə", "зz", "иiійlӏ1", "кkқ", "мm", "нhңһñ", "оoөö0", "рp", "сcç", "тt", "уyұүuü", "хx",
	} {
		if strings.ContainsRune(group, r) {
			for _, first := range group {
				return first
			}
		}
	}
	return r
}
