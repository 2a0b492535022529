package web

import (
	"embed"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

//go:embed words/*.json
var wordFiles embed.FS

// languages are the catalogues, in the order of the switch on the page.
var languages = [...]string{"en", "ru", "kk"}

// language is one catalogue: every sentence that a person reads.
type language struct {
	Tag  string // BCP 47
	Name string // in the language itself
	Dir  string // ltr or rtl
	text map[string]phrase
}

// phrase has one form, or one for each plural form of the language.
type phrase map[string]string // "" or a CLDR category

// UnmarshalJSON takes a string or an object of plural forms.
func (p *phrase) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*p = phrase{"": one}
		return nil
	}
	var many map[string]string
	if err := json.Unmarshal(b, &many); err != nil {
		return err
	}
	*p = many
	return nil
}

// loadWords reads the catalogues that are built in.
func loadWords() []*language {
	var list []*language
	for _, tag := range languages {
		b, err := wordFiles.ReadFile("words/" + tag + ".json")
		l := &language{Tag: tag}
		if err == nil {
			err = json.Unmarshal(b, &l.text)
		}
		if err != nil {
			panic(fmt.Sprintf("web: internal error: catalogue %s: %v", tag, err))
		}
		l.Name, l.Dir = l.say("lang.name"), l.say("lang.dir")
		list = append(list, l)
	}
	return list
}

// say is the phrase of key; args are pairs of a placeholder and its value. A
// value "n" of type int also chooses the plural form.
func (l *language) say(key string, args ...any) string {
	forms, ok := l.text[key]
	if !ok {
		return key // tests hold every catalogue to every key
	}
	s := forms[""]
	pairs := make([]string, 0, len(args))
	for i := 0; i+1 < len(args); i += 2 {
		if n, ok := args[i+1].(int); ok && args[i] == "n" && len(forms) > 1 {
			s = forms[plural(l.Tag, n)]
		}
		pairs = append(pairs, "{"+fmt.Sprint(args[i])+"}", fmt.Sprint(args[i+1]))
	}
	return strings.NewReplacer(pairs...).Replace(s)
}

// Say is say without values, for what is shown in several languages at once.
func (l *language) Say(key string) string { return l.say(key) }

// plural is the CLDR category of a whole number.
func plural(tag string, n int) string {
	if tag != "ru" {
		if n == 1 {
			return "one"
		}
		return "other"
	}
	switch d, h := n%10, n%100; {
	case d == 1 && h != 11:
		return "one"
	case d >= 2 && d <= 4 && (h < 12 || h > 14):
		return "few"
	}
	return "many"
}

// choose is the first catalogue that the browser's Accept-Language names, in
// its order of weight; English when none is known.
func choose(list []*language, accept string) *language {
	best, weight := list[0], 0.0
	for i, item := range strings.Split(accept, ",") {
		if i == 20 {
			break
		}
		tag, params, _ := strings.Cut(strings.TrimSpace(item), ";")
		q := 1.0
		if v, ok := strings.CutPrefix(strings.TrimSpace(params), "q="); ok {
			if _, err := fmt.Sscanf(v, "%g", &q); err != nil {
				continue
			}
		}
		base, _, _ := strings.Cut(strings.ToLower(tag), "-")
		if l := byTag(list, base); l != nil && q > weight && q <= 1 {
			best, weight = l, q
		}
	}
	return best
}

func byTag(list []*language, tag string) *language {
	for _, l := range list {
		if l.Tag == tag {
			return l
		}
	}
	return nil
}

// age says how long ago t was; the exact date when it is a week or more, or
// lies ahead of this device's clock.
func (l *language) age(now, t time.Time, zone *time.Location) string {
	const day = 24 * time.Hour
	switch d := now.Sub(t); {
	case d < -2*time.Minute || d >= 7*day:
		return l.date(t, zone)
	case d < time.Minute:
		return l.say("age.now")
	case d < time.Hour:
		return l.say("age.minutes", "n", int(d/time.Minute))
	case d < day:
		return l.say("age.hours", "n", int(d/time.Hour))
	default:
		return l.say("age.days", "n", int(d/day))
	}
}

// date is a day and an hour as people write them.
func (l *language) date(t time.Time, zone *time.Location) string {
	t = t.In(zone)
	return l.say("date.full", "d", t.Day(), "month", l.say(fmt.Sprint("month.", int(t.Month()))), "y", t.Year(), "hour", t.Format("15:04"))
}

// size is a number of bytes in words.
func (l *language) size(n int64) string {
	switch {
	case n < 1000:
		return l.say("size.bytes", "n", int(n))
	case n < 1_000_000:
		return l.say("size.kb", "x", (n+500)/1000)
	case n < 1_000_000_000:
		return l.say("size.mb", "x", short(float64(n)/1e6))
	}
	return l.say("size.gb", "x", short(float64(n)/1e9))
}

// short has one decimal below ten.
func short(x float64) string {
	if x < 9.95 {
		return fmt.Sprintf("%.1f", x)
	}
	return fmt.Sprintf("%.0f", x)
}

// isolate keeps a name in another script from turning the sentence around.
// Marks inside it that would end the isolation are left out.
func isolate(s string) string {
	s = strings.Map(func(r rune) rune {
		if '\u202a' <= r && r <= '\u202e' || '\u2066' <= r && r <= '\u2069' {
			return -1
		}
		return r
	}, s)
	return "\u2068" + s + "\u2069"
}
