package web

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jauap/jauap/internal/limits"
)

// inGo are the keys that Go code puts together; the others stand in the
// templates and in the sources as they are.
func madeKeys() []string {
	var list []string
	for prefix, names := range map[string]string{
		"nav.":     "people add carry net me safe",
		"net.":     "no-link dark nearby open not-known",
		"state.":   "saved carried left delivered read expired",
		"word.":    "safe moved hurt",
		"say.":     "safe moved hurt looking",
		"promise.": "waiting reported cancelled overdue place-dark",
		"call.":    "out.waiting out.here out.carried out.relay",
		"way.":     "lan relay folder broadcast dns radio dtn tor up down trying resting",
		"slip.":    "open taken answered withdrawn expired",
		"group.":   "asking left removed",
		"month.":   "1 2 3 4 5 6 7 8 9 10 11 12",
		"witness.": "by-straight by-proxy by-tor file-tsr file-ots",
		"inbox.":   "letter report slip claim stamps",
		"desk.":    "ungraded confirmed fair weak contested discounted official hospital monitor witness media other stands withdrawn revised did-report did-claimed did-incident did-put did-merge did-grade did-source did-claim did-status did-note did-undo is-proven is-claimed is-not-proven is-broken",
		"report.":  "killed injured detained missing witnessed heard inferred by-witness by-relative by-medical by-official by-media by-other may-private may-desk may-publish did-claim did-forget",
		"proof.":   "whole signed witnessed heard inferred place clock clock-doubt seen-neighbour seen-relay unseen after-bulletin after-beacon after-text not-after stamp-named stamp-not-named stamp stamp-unread block waiting no-block no-stamp author unclaimed unknown bad-not-a-package bad-too-large bad-newer bad-layout bad-manifest bad-signature bad-media bad-seen bad-claim bad-stamp",
		"stuck.":   "invitation first answer",
		"trouble.": "vault boards inbox shelf disk metered unread slips pairing report vanish lan seal lost folder near-unheard near-unsent near-network near-flood near-version",
		"outcome.": "spoke close neighbour no-answer not-there other",
	} {
		for _, n := range strings.Fields(names) {
			list = append(list, prefix+n)
		}
	}
	return append(list, "net.trouble", "trust.in person", "trust.by voice", "lang.name", "lang.dir")
}

// usedKeys finds what templates and sources ask for.
func usedKeys(t *testing.T) map[string]bool {
	t.Helper()
	used := map[string]bool{}
	for _, k := range madeKeys() {
		used[k] = true
	}
	find := func(text string, re *regexp.Regexp) {
		for _, m := range re.FindAllStringSubmatch(text, -1) {
			used[m[1]] = true
		}
	}
	_ = fs.WalkDir(htmlFiles, "html", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := htmlFiles.ReadFile(path)
		find(string(b), regexp.MustCompile(`\.(?:T|Say) "([^"]+)"`))
		return err
	})
	// In Go, a literal that begins like a key of the catalogue is one.
	beginnings := map[string]bool{}
	for k := range loadWords()[0].text {
		if first, _, dotted := strings.Cut(k, "."); dotted {
			beginnings[first] = true
		}
	}
	literal := regexp.MustCompile(`"((?:` + strings.Join(slices.Sorted(maps.Keys(beginnings)), "|") + `)\.[a-z-]+)"`)
	sources, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range sources {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		find(string(b), literal)
	}
	used["unknown"] = true
	for k := range loadWords()[0].text { // daemon/cause holds its table to them
		used[k] = used[k] || strings.HasPrefix(k, "why.")
	}
	delete(used, "people.html")
	delete(used, "codes.js")
	return used
}

func TestCataloguesAreComplete(t *testing.T) {
	used := usedKeys(t)
	list := loadWords()
	if len(list) != len(languages) {
		t.Fatalf("%d catalogues", len(list))
	}
	holes := regexp.MustCompile(`\{[a-z]+\}`)
	want := map[string][]string{"en": {"one", "other"}, "kk": {"one", "other"}, "ru": {"few", "many", "one"}}
	english := list[0]
	for _, l := range list {
		for k := range used {
			if _, ok := l.text[k]; !ok {
				t.Errorf("%s: %q is missing", l.Tag, k)
			}
		}
		for k, forms := range l.text {
			if !used[k] {
				t.Errorf("%s: nothing says %q", l.Tag, k)
			}
			base, ok := english.text[k]
			if !ok {
				t.Errorf("%s: %q is not in the English catalogue", l.Tag, k)
				continue
			}
			if len(base) > 1 != (len(forms) > 1) {
				t.Errorf("%s: %q has %d forms, English %d", l.Tag, k, len(forms), len(base))
			}
			if got := slices.Sorted(maps.Keys(forms)); len(forms) > 1 && !slices.Equal(got, want[l.Tag]) {
				t.Errorf("%s: %q has the forms %v, want %v", l.Tag, k, got, want[l.Tag])
			}
			var pattern []string
			for _, s := range base {
				pattern = slices.Compact(slices.Sorted(slices.Values(holes.FindAllString(s, -1))))
			}
			for form, s := range forms {
				got := slices.Compact(slices.Sorted(slices.Values(holes.FindAllString(s, -1))))
				if strings.TrimSpace(s) == "" || !slices.Equal(got, pattern) {
					t.Errorf("%s: %q (%s) is %q with %v, want %v", l.Tag, k, form, s, got, pattern)
				}
			}
		}
	}
}

// TestPlainWords keeps the words of engineers off the page.
func TestPlainWords(t *testing.T) {
	banned := map[string]string{
		"en": `(?i)\b(nodes?|relays?|sync\w*|bundles?|envelopes?|shel(f|ves)|peers?|server|daemon|token|crypto\w*|encrypt\w*|fingerprint|failed|invalid|error)\b`,
		"ru": `(?i)(узел|узл[ао]|ретрансл|синхрон|бандл|конверт|сервер|токен|шифр|ошибк)`,
		"kk": `(?i)(түйін|ретрансл|синхрон|конверт|сервер|токен|шифр|қате\b)`,
	}
	for _, l := range loadWords() {
		re := regexp.MustCompile(banned[l.Tag])
		for k, forms := range l.text {
			for _, s := range forms {
				if m := re.FindString(s); m != "" {
					t.Errorf("%s: %q says %q: %s", l.Tag, k, m, s)
				}
			}
		}
	}
}

func TestPlurals(t *testing.T) {
	for n, want := range map[int]string{0: "many", 1: "one", 2: "few", 4: "few", 5: "many", 11: "many", 12: "many", 14: "many", 21: "one", 22: "few", 25: "many", 101: "one", 111: "many", 112: "many"} {
		if got := plural("ru", n); got != want {
			t.Errorf("ru %d: %s, want %s", n, got, want)
		}
	}
	ru := loadWords()[1]
	if got := ru.say("wait.some", "n", 3); got != "3 письма ждут на этом устройстве и уйдут сами." {
		t.Errorf("%q", got)
	}
	if got := isolate("a\u2069\u202eb"); got != "\u2068ab\u2069" {
		t.Errorf("isolate: %q", got)
	}
	// What a person calls somebody is not a placeholder.
	en := loadWords()[0]
	if got := en.say("talk.news", "name", "{text}", "text", "{name}"); got != "{text} wrote: {name}" {
		t.Errorf("%q", got)
	}
}

func TestChooseLanguage(t *testing.T) {
	list := loadWords()
	for accept, want := range map[string]string{
		"": "en", "en-GB,en;q=0.9": "en", "ru": "ru", "kk-KZ, ru;q=0.8": "kk", "de, ru;q=0.3": "ru", "de": "en",
		"ru;q=0.1, kk;q=0.9": "kk", "ru;q=x": "en", "ru;q=9": "en", "RU": "ru", ";;,,=": "en", "ru;q=0": "en", "*": "en",
	} {
		if got := choose(list, accept); got.Tag != want {
			t.Errorf("%q: %s, want %s", accept, got.Tag, want)
		}
	}
}

func FuzzChooseLanguage(f *testing.F) {
	f.Add("kk-KZ, ru;q=0.8, en")
	list := loadWords()
	limits.HostileText(f)
	f.Fuzz(func(t *testing.T, accept string) {
		defer limits.Watch(t, len(accept))()
		if choose(list, accept) == nil {
			t.Fatal("no language")
		}
	})
}

func TestAges(t *testing.T) {
	en := loadWords()[0]
	now := time.Date(2022, 1, 7, 12, 0, 0, 0, time.UTC)
	for d, want := range map[time.Duration]string{
		0: "just now", 59 * time.Second: "just now", time.Minute: "1 min ago", 59*time.Minute + 59*time.Second: "59 min ago",
		time.Hour: "1 h ago", 23*time.Hour + 59*time.Minute: "23 h ago", 24 * time.Hour: "1 day ago", 6*24*time.Hour + 23*time.Hour: "6 days ago",
		7 * 24 * time.Hour: "31 December 2021, 18:00", -time.Minute: "just now", -time.Hour: "7 January 2022, 19:00",
	} {
		if got := en.age(now, now.Add(-d), almaty()); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
	for i, want := range []string{"7 January 2022, 14:05", "7 января 2022 г., 14:05", "2022 ж. 7 қаңтар, 14:05"} {
		if got := loadWords()[i].date(time.Date(2022, 1, 7, 8, 5, 0, 0, time.UTC), almaty()); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	for n, want := range map[int64]string{0: "0 bytes", 1: "1 byte", 999: "999 bytes", 1000: "1 KB", 179_600: "180 KB", 1_234_567: "1.2 MB", 33_554_433: "34 MB", 5_000_000_000: "5.0 GB"} {
		if got := en.size(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}
