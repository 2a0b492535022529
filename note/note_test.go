package note_test

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/jauap/jauap/internal/limits"
	"github.com/jauap/jauap/note"
)

var writeVectors = flag.Bool("write-vectors", false, "write spec/vectors/note.json anew")

type vector struct {
	Key   string `json:"key"`
	Kind  uint8  `json:"kind"`
	Seq   uint32 `json:"seq"`
	Words string `json:"words"`
	Fold  string `json:"fold"`
	Code  string `json:"code"`
}

const vectorFile = "../spec/vectors/note.json"

func key(n byte) (k [32]byte) {
	for i := range k {
		k[i] = n + byte(i)
	}
	return k
}

// TestVectors: the code of these words is fixed for everybody.
func TestVectors(t *testing.T) {
	if *writeVectors {
		var vs []vector
		for i, v := range []vector{
			{Kind: 1, Seq: 475000, Words: "I am safe @Almaty. All at home."},
			{Kind: 1, Seq: 475000, Words: "Аманмын @Алматы. Бәріміз үйдеміз."},
			{Kind: 2, Seq: 475001, Words: "Я в порядке, в другом месте @Шымкент Kcell."},
			{Kind: 3, Seq: 1, Words: "Маған көмек керек @Жаңаөзен."},
			{Kind: 4, Seq: note.MaxSeq, Words: "I look for: Yerlan."},
			{Kind: 7, Seq: 12345678, Words: ""},
		} {
			k := key(byte(i))
			v.Key, v.Fold = hex.EncodeToString(k[:]), note.Fold(v.Words)
			v.Code = note.Code(k, note.Note{Kind: v.Kind, Seq: v.Seq}, v.Words)
			vs = append(vs, v)
		}
		b, _ := json.MarshalIndent(map[string]any{"about": "codes of notes: spec/status.md, 4", "vectors": vs}, "", " ")
		if err := os.WriteFile(vectorFile, append(b, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(vectorFile)
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Vectors []vector }
	if err := json.Unmarshal(b, &file); err != nil || len(file.Vectors) < 6 {
		t.Fatal(err, len(file.Vectors))
	}
	for _, v := range file.Vectors {
		raw, _ := hex.DecodeString(v.Key)
		k, n := [32]byte(raw), note.Note{Kind: v.Kind, Seq: v.Seq}
		if got := note.Code(k, n, v.Words); got != v.Code {
			t.Errorf("%q: code %s, want %s", v.Words, got, v.Code)
		}
		if got := note.Fold(v.Words); got != v.Fold {
			t.Errorf("%q folds to %q, want %q", v.Words, got, v.Fold)
		}
		f, err := note.Read(v.Words + " #" + v.Code)
		if err != nil {
			t.Fatal(err)
		}
		if c, ok := f.Check(k); !ok || c.Note != n || !c.Words || c.Typo {
			t.Errorf("%q: %+v %v", v.Code, c, ok)
		}
		if _, ok := f.Check(key(200)); ok {
			t.Error("another key takes it")
		}
	}
}

// TestFitsOneSMS: every kind in every language with a long town, a network and
// more words than fit is one SMS, and is taken back whole.
func TestFitsOneSMS(t *testing.T) {
	long := strings.Repeat("Біз бәріміз үйдеміз, нан мен су бар. ", 4)
	for _, s := range []note.Saying{
		{Lang: "en", Town: "Taldykorgan", Net: "Kazakhtelecom", Words: strings.Repeat("All of us are at home. ", 9)},
		{Lang: "en"}, {Lang: "en", Whom: "Yerlan^{}", Words: strings.Repeat("€", 100)},
		{Lang: "ru", Town: "Усть-Каменогорск", Net: "Казахтелеком", Words: long},
		{Lang: "ru", Town: "Алматы", Whom: "Айгерим Сейтқызы Нұрғалиева и все дети", Words: long},
		{Lang: "kk", Town: "Талдықорған", Net: "Beeline", Words: long},
		{Lang: "kk", Town: "Алматы", Words: "😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀😀"},
	} {
		for kind := uint8(1); kind <= 4; kind++ {
			s.Kind = kind
			l := note.Compose(key(1), note.Note{Seq: 475000}, s)
			if l.Units > l.Limit || l.Limit != 70 && l.Limit != 160 {
				t.Errorf("%q: %d of %d", l.Text, l.Units, l.Limit)
			}
			if units, limit := note.Length(l.Text); units != l.Units || limit != l.Limit {
				t.Errorf("%q: length %d of %d", l.Text, units, limit)
			}
			f, err := note.Read(l.Text)
			if err != nil {
				t.Fatal(err)
			}
			if c, ok := f.Check(key(1)); !ok || c.Kind != kind || c.Seq != 475000 || !c.Words {
				t.Errorf("%q: %+v %v", l.Text, c, ok)
			}
		}
	}
	short := note.Compose(key(1), note.Note{Seq: 475000}, note.Saying{Lang: "kk", Kind: 1, Town: "Алматы", Words: "Үйдеміз"})
	if short.Cut || short.Limit != 70 || !strings.HasPrefix(short.Text, "Аманмын @Алматы. Үйдеміз #") {
		t.Errorf("%+v", short)
	}
}

// TestTypedByHand: capitals, spaces, dashes, look-alikes and other signs make
// no difference, in the code and in the words.
func TestTypedByHand(t *testing.T) {
	words := "Аманмын @Алматы. Бәріміз үйдеміз."
	code := note.Code(key(1), note.Note{Kind: 1, Seq: 475000}, words)
	cyrillic := strings.NewReplacer("A", "А", "B", "В", "C", "С", "E", "Е", "H", "Н", "K", "К", "M", "М", "P", "Р", "T", "т", "X", "х", "Y", "у", "0", "О", "1", "l", "3", "З", "6", "б", "V", "u").Replace(code)
	for _, typed := range []string{
		words + " #" + code,
		"аманмын  алматы бәріміз үйдеміз # " + strings.ToLower(code),
		"АМАНМЫН АЛМАТЫ БАРИМИЗ УЙДЕМИЗ #" + strings.ReplaceAll(code, "-", " "),
		"Аманмын, Алматы: бариміз уйдеміз!\n№ " + strings.ReplaceAll(code, "-", "–"),
		words + "\n" + cyrillic,
		words + " #" + cyrillic,
		words + " #" + strings.ReplaceAll(code, "-", ""),
		words + " " + strings.ReplaceAll(code, "-", " "),
		words + " #" + code + ".",
	} {
		f, err := note.Read(typed)
		if err != nil {
			t.Errorf("%q: %v", typed, err)
			continue
		}
		if c, ok := f.Check(key(1)); !ok || !c.Words || c.Typo {
			t.Errorf("%q: %+v %v", typed, c, ok)
		}
	}
	f, err := note.Read(code)
	if c, ok := f.Check(key(1)); err != nil || !ok || c.Words {
		t.Errorf("the code alone: %+v %v %v", c, ok, err)
	}
	f, _ = note.Read("Аманмын @Астана. #" + code)
	if c, ok := f.Check(key(1)); !ok || c.Words {
		t.Errorf("altered words: %+v %v", c, ok)
	}
}

// TestTypos: one wrong character or two that changed places are put right,
// anything is noticed, and nothing is taken that the key did not make.
func TestTypos(t *testing.T) {
	const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	code := strings.ReplaceAll(note.Code(key(1), note.Note{Kind: 3, Seq: 475000}, "x"), "-", "")
	check := func(typed string) (note.Checked, bool, bool) {
		f, err := note.Read("x #" + typed)
		if err != nil {
			t.Fatalf("%q: %v", typed, err)
		}
		c, ok := f.Check(key(1))
		if _, other := f.Check(key(9)); other {
			t.Errorf("%q is taken by another key", typed)
		}
		return c, ok, f.Typo()
	}
	for i := range code {
		for _, r := range alphabet {
			typed := code[:i] + string(r) + code[i+1:]
			c, ok, typo := check(typed)
			if !ok || c.Seq != 475000 || !c.Words || typo != (typed != code) {
				t.Fatalf("%q: %+v %v %v", typed, c, ok, typo)
			}
		}
		if i > 0 && code[i] != code[i-1] {
			typed := code[:i-1] + code[i:i+1] + code[i-1:i] + code[i+1:]
			if c, ok, typo := check(typed); !ok || !typo || c.Seq != 475000 {
				t.Fatalf("%q: %+v %v %v", typed, c, ok, typo)
			}
		}
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 { // two wrong characters: noticed, and never another number
		b := []byte(code)
		i, j := rng.IntN(len(b)), rng.IntN(len(b))
		b[i], b[j] = alphabet[rng.IntN(32)], alphabet[rng.IntN(32)]
		if c, ok, typo := check(string(b)); ok && c.Seq != 475000 || !typo && string(b) != code {
			t.Fatalf("%q: %+v %v %v", b, c, ok, typo)
		}
	}
}

func TestBadNotes(t *testing.T) {
	for s, want := range map[string]error{
		"": note.ErrNoCode, "Аманмын": note.ErrNoCode, "#": note.ErrLength, "x #ABC": note.ErrLength,
		"#0123456789ABCDEFGHJKM": note.ErrLength, "#012345-6789AB-?CDEFG": note.ErrLength,
		strings.Repeat("x", note.MaxText+1): note.ErrNoCode, "1 2 3": note.ErrNoCode,
	} {
		if _, err := note.Read(s); !errors.Is(err, want) {
			t.Errorf("%.40q: %v, want %v", s, err, want)
		}
	}
	f, err := note.Read("#" + strings.Repeat("0", 18))
	if _, ok := f.Check(key(1)); err != nil || ok {
		t.Error("zeros are taken")
	}
}

func TestPlace(t *testing.T) {
	for _, c := range []struct{ text, place, rest string }{
		{"I am safe @Almaty. All at home.", "Almaty", "All at home."},
		{"Аманмын @Алматы Kcell.", "Алматы Kcell", ""},
		{"Іздеп жүрмін: Ерлан @Тараз. Көрген бар ма?", "Тараз", "Ерлан. Көрген бар ма?"},
		{"аманмын. Үйдеміз", "", "Үйдеміз"},
		{"Мама, всё хорошо", "", "Мама, всё хорошо"},
		{"", "", ""}, {"@", "", ""}, {"@.", "", ""},
	} {
		if place, rest := note.Place(c.text); place != c.place || rest != c.rest {
			t.Errorf("%q: %q %q", c.text, place, rest)
		}
	}
}

// FuzzRead: whatever is pasted, nothing is taken but what a key made, and what
// is taken is taken again after it was written anew.
func FuzzRead(f *testing.F) {
	k := key(1)
	f.Add("I am safe @Almaty. #"+note.Code(k, note.Note{Kind: 1, Seq: 475000}, "I am safe @Almaty."), uint8(1), uint32(475000))
	f.Add("# # №№ \xff\xfe -- 0O0O", uint8(4), uint32(1))
	f.Add("Аманмын АБВ ЕНК 123456 789012 345678", uint8(2), uint32(note.MaxSeq))
	f.Fuzz(func(t *testing.T, s string, kind uint8, seq uint32) {
		// Composing with such words cuts them down step by step, and each step is encoded anew.
		defer limits.Watch(t, len(s), limits.Cost{Bytes: 8 << 20})()
		if found, err := note.Read(s); err == nil {
			if _, ok := found.Check(key(77)); ok {
				t.Fatal("a key that made nothing takes it")
			}
		}
		for i, b := range note.ReadAll(s) {
			if (b.Err == nil) != (len(b.Found) > 0) {
				t.Fatal(b)
			}
			// The others differ in their words alone, and are looked at only when the first is right.
			if i < 4 && b.Err == nil {
				if _, ok := b.Found[0].Check(key(77)); ok {
					t.Fatal("a key that made nothing takes it")
				}
			}
		}
		note.Place(s)
		kind, seq = kind%4+1, seq%note.MaxSeq+1
		l := note.Compose(k, note.Note{Seq: seq}, note.Saying{Lang: "ru", Kind: kind, Words: s, Town: s, Whom: s})
		if l.Units > l.Limit {
			t.Fatalf("%q: %d of %d", l.Text, l.Units, l.Limit)
		}
		found, err := note.Read(l.Text)
		if err != nil {
			t.Fatalf("%q: %v", l.Text, err)
		}
		if c, ok := found.Check(k); !ok || c.Seq != seq || c.Kind != kind || !c.Words || c.Typo {
			t.Fatalf("%q: %+v %v", l.Text, c, ok)
		}
	})
}
