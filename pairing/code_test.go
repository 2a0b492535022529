package pairing

import (
	"errors"
	"strings"
	"testing"

	"github.com/jauap/jauap/internal/limits"
	"github.com/jauap/jauap/words"
)

// TestMistyped: each wrong digit and each two exchanged ones are noticed.
func TestMistyped(t *testing.T) {
	for _, i := range []int64{0, 1, 9, 21} {
		c := newCode(tens(i).Sub(tens(i), tens(i/2)))
		s := c.all()
		if got, err := ParseCode(s); err != nil || got != c || len(s) != 24 {
			t.Fatalf("%s: %v", s, err)
		}
		if got, err := ParseCode(" " + strings.ReplaceAll(c.Digits(), " ", "-") + ".\n"); err != nil || got != c {
			t.Fatalf("%s: %v", c.Digits(), err)
		}
		for at := range s {
			for d := byte('0'); d <= '9'; d++ {
				if b := []byte(s); b[at] != d {
					b[at] = d
					if _, err := ParseCode(string(b)); !errors.Is(err, ErrMistyped) {
						t.Errorf("%s for %s: %v", b, s, err)
					}
				}
			}
			if b := []byte(s); at > 0 && b[at] != b[at-1] {
				b[at], b[at-1] = b[at-1], b[at]
				if _, err := ParseCode(string(b)); !errors.Is(err, ErrMistyped) {
					t.Errorf("%s for %s: %v", b, s, err)
				}
			}
		}
	}
	for _, bad := range []string{"", "1", strings.Repeat("9", 24), strings.Repeat("1 ", 300), "9999 9999 9999 9999 9999 99", "jauap:1:abc", "zero one two three four five six seven"} {
		if _, err := ParseCode(bad); !errors.Is(err, ErrMistyped) {
			t.Errorf("%.30q: %v", bad, err)
		}
	}
}

// TestWords: every language reads back, cut short and in capitals, and a wrong
// or exchanged word is noticed.
func TestWords(t *testing.T) {
	for i := range int64(22) {
		c := newCode(tens(i).Sub(tens(i), tens(i/3)))
		for _, lang := range words.Languages() {
			w := c.Words(lang)
			if got, err := ParseCode(strings.ToUpper(strings.Join(w, ", "))); err != nil || got != c {
				t.Errorf("%s %v: %v", lang, w, err)
			}
			if w[2] != w[5] {
				w[2], w[5] = w[5], w[2]
				if _, err := ParseCode(strings.Join(w, " ")); !errors.Is(err, ErrMistyped) {
					t.Errorf("%s %v: %v", lang, w, err)
				}
			}
			if _, err := ParseCode(strings.Join(w[:7], " ")); !errors.Is(err, ErrMistyped) {
				t.Errorf("seven words: %v", err)
			}
		}
	}
}

func FuzzParseCode(f *testing.F) {
	f.Add("0000 0000 0000 0000 0000 0097")
	f.Add(strings.Join(newCode(tens(9)).Words("en"), " "))
	limits.HostileText(f)
	f.Fuzz(func(t *testing.T, s string) {
		defer limits.Watch(t, len(s))()
		c, err := ParseCode(s)
		if err != nil {
			if !errors.Is(err, ErrMistyped) {
				t.Fatal(err)
			}
			return
		}
		if d, err := ParseCode(c.Digits()); err != nil || d != c {
			t.Fatalf("%q: %v", s, err)
		}
	})
}

func FuzzParseDrop(f *testing.F) {
	f.Add([]byte{1})
	i := stranger(f, "Dana")
	f.Add(append(append([]byte{1}, i.Card.Bytes()...), i.Key[:]...))
	limits.Hostile(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		defer limits.Watch(t, len(b))()
		if i, err := parseDrop(b); err == nil && (!i.Card.Full() || i.Key == [32]byte{}) {
			t.Fatal("half an invitation")
		}
	})
}
