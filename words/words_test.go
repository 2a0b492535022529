package words

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/jauap/jauap/internal/limits"
)

// TestLists: 2,048 words each, sorted, told apart by their first four letters
// even on a keyboard without the letters of the language, and in one list only.
func TestLists(t *testing.T) {
	owner := map[string]string{}
	for _, lang := range Languages() {
		all := list(lang)
		if len(all) != listSize || !slices.IsSorted(all) {
			t.Errorf("%s: %d words, sorted %v", lang, len(all), slices.IsSorted(all))
		}
		plain := folded(lang)
		begin := map[string]string{}
		for i, w := range all {
			f := Fold(w)
			if o := owner[f]; o != "" {
				t.Errorf("%s: %q stands in %s, too", lang, w, o)
			}
			owner[f] = lang
			r := []rune(f)
			if n := len(r); n < 3 || n > 9 || strings.ContainsFunc(w, func(r rune) bool { return (lang == "en") != (r < 0x80) }) {
				t.Errorf("%s: %q is no word for this list", lang, w)
			}
			key := string(r[:min(len(r), shortest)])
			if o := begin[key]; o != "" {
				t.Errorf("%s: %q and %q begin alike", lang, w, o)
			}
			begin[key] = w
			if find(plain, f) != i || find(plain, key) != i {
				t.Errorf("%s: %q is not found", lang, w)
			}
		}
	}
}

// TestFrozen: what was read from paper must stay what it is.
func TestFrozen(t *testing.T) {
	for lang, want := range map[string]string{"kk": "6f70d2a54251494c", "ru": "4912ec2b0fd97c06"} {
		sum := sha256.Sum256([]byte(strings.Join(list(lang), "\n")))
		if got := hex.EncodeToString(sum[:8]); got != want {
			t.Errorf("the %s list changed: %s, was %s", lang, got, want)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	for _, lang := range Languages() {
		for range 20 {
			var b [11]byte
			rand.Read(b[:])
			w := Encode(lang, b)
			if got, err := Decode(w); err != nil || got != b {
				t.Fatalf("%v: %v", w, err)
			}
			for i := range w {
				if r := []rune(Fold(w[i])); i%2 == 0 {
					w[i] = strings.ToUpper(string(r[:min(len(r), shortest)]))
				}
			}
			if got, err := Decode(w); err != nil || got != b {
				t.Fatalf("%v: %v", w, err)
			}
		}
	}
	w := Encode("ru", [11]byte{1, 2, 3})
	w[4] = "abrakadabra"
	if _, err := Decode(w); !errors.Is(err, ErrWords) || !strings.Contains(err.Error(), "word 5") {
		t.Errorf("%v", err)
	}
	mixed := append(Encode("ru", [11]byte{})[:4], Encode("en", [11]byte{})[4:]...)
	if _, err := Decode(mixed); !errors.Is(err, ErrWords) {
		t.Errorf("two languages: %v", err)
	}
	if utf8.RuneCountInString(strings.Join(Encode("kk", [11]byte{9}), " ")) > 80 {
		t.Error("longer than a line")
	}
}

func FuzzDecode(f *testing.F) {
	f.Add("абай адам")
	limits.HostileText(f)
	f.Fuzz(func(t *testing.T, s string) {
		defer limits.Watch(t, len(s))()
		if len(s) > 1000 {
			return
		}
		_, _ = Decode(strings.Fields(s))
	})
}
