package note

import (
	"errors"
	"strings"
	"testing"
)

func TestSeveral(t *testing.T) {
	key, other := [32]byte{1}, [32]byte{2}
	one := "Safe @Almaty. At home: all of us. #" + Code(key, Note{1, 100}, "Safe @Almaty. At home: all of us.")
	two := "Аманмын №" + Code(other, Note{1, 200}, "Аманмын")
	three := "I need help #" + Code(key, Note{3, 300}, "I need help")
	for _, c := range []string{
		one + "\n" + two + "\n" + three,
		one + " " + two + three,
		"[22:41, 26.11.2026] Mama: " + one + "\n[22:43, 26.11.2026] +7 701 555 12 34: " + two + "\nThanks!\n[22:50] Mama: " + three,
		"From: Mama\n26 Nov, flat #5, door 12\n" + one + "\n\n> " + two + "\r\n\r\n---\n" + strings.ToLower(three) + "\n",
	} {
		list := ReadAll(c)
		if len(list) != 3 {
			t.Fatalf("%d notes in %q", len(list), c)
		}
		for i, want := range []struct {
			key [32]byte
			seq uint32
		}{{key, 100}, {other, 200}, {key, 300}} {
			right := false
			for _, f := range list[i].Found {
				got, ok := f.Check(want.key)
				right = right || ok && got.Words && got.Seq == want.seq
			}
			if list[i].Err != nil || !right {
				t.Errorf("note %d of %q: %+v", i, c, list[i])
			}
		}
	}
	for text, want := range map[string][]error{
		"":                                {ErrNoCode},
		"no code at all":                  {ErrNoCode},
		"#123":                            {ErrLength},
		one + "\nand a last one #0EFZR1-": {nil, ErrLength},
		one + "\nsee you":                 {nil, ErrNoCode},
		one + " .\n":                      {nil},
		strings.Repeat("x", MaxBlock+1):   {ErrNoCode},
	} {
		list := ReadAll(text)
		if len(list) != len(want) {
			t.Fatalf("%q: %d notes", text, len(list))
		}
		for i, w := range want {
			if !errors.Is(list[i].Err, w) {
				t.Errorf("%q: %v, want %v", text, list[i].Err, w)
			}
		}
	}
	if n := len(ReadAll(strings.Repeat(three+"\n", 600))); n > maxNotes+1 {
		t.Errorf("%d notes", n)
	}
}
