package web

import (
	"fmt"
	"strings"
	"time"
)

// finding says in words what was found about a package; english where the
// catalogue has no sentence for it, as of a newer Jauap.
func (l *language) finding(code string, args []string, english string) string {
	return l.sentence("proof.", code, args, english)
}

// sentence is the one for a code, with what it names; english when there is none.
func (l *language) sentence(kind, code string, args []string, english string) string {
	if _, ok := l.text[kind+code]; !ok || code == "" {
		return english
	}
	var pairs []any
	for i, a := range args[:min(len(args), 26)] {
		pairs = append(pairs, string(rune('a'+i)), a)
	}
	return l.say(kind+code, pairs...)
}

// fault says in words why a package does not hold.
func (l *language) fault(class, english string) string {
	return l.finding("bad-"+strings.ReplaceAll(class, " ", "-"), nil, english)
}

// Catalogue says what was found about a package of evidence.
type Catalogue struct{ l *language }

// Findings is the catalogue of a language: en, ru or kk.
func Findings(lang string) (Catalogue, error) {
	l := byTag(loadWords(), lang)
	if l == nil {
		return Catalogue{}, fmt.Errorf("web: there is no catalogue %q: en, ru or kk", lang)
	}
	return Catalogue{l}, nil
}

// Finding says one by its code and arguments; the English words where it is new.
func (c Catalogue) Finding(code string, args []string, english string) string {
	return c.l.finding(code, args, english)
}

// Class says whether it is proven.
func (c Catalogue) Class(class string) string { return c.l.say(classKey(class)) }

func classKey(class string) string { return "desk." + "is-" + strings.ReplaceAll(class, " ", "-") }

// dated is isolated, with times as this page shows them.
func (x *turn) dated(list []string) []string {
	out := isolated(list)
	for i, s := range list {
		if at, err := time.Parse(time.RFC3339, s); err == nil {
			out[i] = x.Lang.date(at, x.p.o.Zone)
		}
	}
	return out
}

// isolated keeps what stands in a sentence from turning it around.
func isolated(list []string) (out []string) {
	for _, s := range list {
		out = append(out, isolate(s))
	}
	return out
}
