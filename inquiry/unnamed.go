package inquiry

import "strings"

// unnamed are the words of a language for what PFIF demands and nobody said: an
// author's name, and the text of a note. spec/inquiry.md, 6.
type unnamed struct{ asker, helper, asks string }

var unnamedIn = map[string]unnamed{
	"en": {"someone who asks (name not given)", "someone who helps (name not given)", "Asks after this person."},
	"ru": {"тот, кто спрашивает (имя не указано)", "тот, кто помогает (имя не указано)", "Спрашивает об этом человеке."},
	"kk": {"сұраған адам (аты айтылмаған)", "көмектескен адам (аты айтылмаған)", "Осы адам туралы сұрайды."},
}

// wordsIn are those of a language; English where it is unknown.
func wordsIn(lang string) unnamed {
	if w, ok := unnamedIn[lang]; ok {
		return w
	}
	return unnamedIn["en"]
}

// said is what somebody said, without the words that stand for nothing.
func said(s string) string {
	for _, w := range unnamedIn {
		if t := strings.TrimSpace(s); t == w.asker || t == w.helper || t == w.asks {
			return ""
		}
	}
	return s
}
