package status

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/internal/limits"
	"github.com/jauap/jauap/note"
	"github.com/jauap/jauap/seal"
)

func TestSafeArrives(t *testing.T) {
	a, b, c := newUser(t, "Aigerim"), newUser(t, "Dana"), newUser(t, "Timur")
	befriend(t, a, b)
	befriend(t, b, c)
	befriend(t, a, c)
	_, err := a.b.Say(a.at, Word{
		Kind: Moved, Place: Place{"Алматы", "Beeline"}, Note: "  Біз\nбәріміз осындамыз ", With: []Mention{{Name: "Timur", ID: a.id("Timur")}, {Name: "Әже", ID: account.ContactID{1}}},
	}, []account.ContactID{a.id("Dana")}, false)
	if err != nil {
		t.Fatal(err)
	}
	exchange(t, a, b)
	v := b.about("Aigerim")
	if v.Now == nil || v.Now.Kind != Moved || v.Now.Town != "Алматы" || v.Now.Net != "Beeline" || v.Now.Note != "Біз бәріміз осындамыз" {
		t.Fatalf("%+v", v.Now)
	}
	if !v.Wrote.Equal(a.at.Wall) || v.Place.Town != "Алматы" || v.Answered.IsZero() {
		t.Fatalf("%+v", v)
	}
	if seen := b.about("Timur"); !seen.Seen.Equal(a.at.Wall) || seen.SeenBy != b.id("Aigerim") {
		t.Fatalf("whom the word mentions was not seen: %+v", seen)
	}
	if w := v.Now.With; len(w) != 2 || w[0].ID != b.id("Timur") || w[1].ID != (account.ContactID{}) || w[1].Name != "Әже" {
		t.Fatalf("%+v", w)
	}
	if got := a.states(); got[0] != Delivered {
		t.Fatal(got)
	}
}

// TestSupersede: a newer word takes the place of one about the same that was
// not sealed, and of nothing else.
func TestSupersede(t *testing.T) {
	a, b := newUser(t, "A"), newUser(t, "B")
	befriend(t, a, b)
	a.say(Word{Kind: Hurt}, "B")
	a.say(Word{Kind: Looking, Whom: "Ерлан"}, "B")
	a.say(Word{Kind: Looking, Whom: "Асель"}, "B")
	a.say(Word{Kind: Safe}, "B")
	a.say(Word{Kind: Looking, Whom: "ерлан", Note: "кашемір күрте"}, "B")
	if got := fmt.Sprint(a.states()); got != "[saved saved saved replaced replaced]" {
		t.Fatal(got)
	}
	exchange(t, a, b)
	v := b.about("A")
	if v.Now.Kind != Safe || len(v.Searches) != 2 || v.Searches[0].Note != "кашемір күрте" || v.Searches[1].Whom != "Асель" {
		t.Fatalf("%+v", v)
	}
	if list, _ := b.b.Of(b.id("A"), 0); len(list) != 3 {
		t.Fatalf("%d words arrived, want 3: the replaced ones never left", len(list))
	}
	a.say(Word{Kind: Safe}, "B")
	units := a.pack() // sealed: it stays as it is
	a.say(Word{Kind: Hurt}, "B")
	units = append(a.pack(), units...) // and overtakes
	b.receive(units...)
	if v := b.about("A"); v.Now.Kind != Hurt {
		t.Fatalf("%+v", v.Now)
	}
	if list, _ := b.b.Of(b.id("A"), 0); len(list) != 5 {
		t.Fatalf("%d words arrived, want 5", len(list))
	}
}

// TestMostUrgent: a word goes before letters that waited longer.
func TestMostUrgent(t *testing.T) {
	a, b := newUser(t, "A"), newUser(t, "B")
	befriend(t, a, b)
	for range 40 {
		err := a.vault.Update(func(tx account.Tx) error {
			return a.a.Queue(tx, a.at, account.Outgoing{To: a.id("B"), Parts: []seal.Part{{Kind: 0x7f, Body: make([]byte, 800)}}})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	a.say(Word{Kind: Safe}, "B")
	packed, err := a.a.Pack(a.at, 4096)
	if err != nil || len(packed) == 0 {
		t.Fatal(err)
	}
	b.receive(packed[0].Bytes)
	if b.about("A").Now == nil {
		t.Fatal("the word was not in the first envelope")
	}
}

// TestMergeOrder: in whatever order and how often words and promises arrive,
// the end is the same.
func TestMergeOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 12 {
		var parts []seal.Part
		for range 12 {
			seq := uint32(470000 + rng.IntN(6))
			if rng.IntN(3) == 0 {
				p := Promise{Seq: seq, At: TimeOf(seq), By: TimeOf(seq + uint32(rng.IntN(3))), Grace: time.Duration(rng.IntN(3)) * time.Hour, end: ends(rng.IntN(3))}
				parts = append(parts, p.part())
				continue
			}
			w := Word{Seq: seq, At: TimeOf(seq), Kind: Kind(1 + rng.IntN(4)), Whom: strings.Repeat("x", rng.IntN(2)), Note: fmt.Sprint(rng.IntN(3))}
			parts = append(parts, w.part())
		}
		var want string
		for range 4 {
			a, b := newUser(t, "A"), newUser(t, "B")
			befriend(t, a, b)
			from, err := b.a.Contact("A")
			if err != nil {
				t.Fatal(err)
			}
			order := rng.Perm(len(parts))
			order = append(order, order[:4]...) // some come again
			for _, i := range order {
				if err := b.vault.Update(func(tx account.Tx) error { return b.b.Deliver(tx, from, b.at, parts[i]) }); err != nil {
					t.Fatal(err)
				}
			}
			list, err := b.b.Of(from.ID, 0)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			for _, h := range list {
				got += fmt.Sprintf("%d %v %q %q; ", h.Seq, h.Kind, h.Whom, h.Note)
			}
			_ = b.vault.View(func(tx account.Tx) error {
				if p, _ := getPromise(tx, from.ID); p != nil {
					got += fmt.Sprintf("%d %v %v %v", p.Seq, p.By, p.Grace, p.end)
				}
				return nil
			})
			if want == "" {
				want = got
			}
			if got != want {
				t.Fatalf("order %v ends in\n%s\nand before in\n%s", order, got, want)
			}
		}
	}
}

// TestHostileParts: nothing that a contact sends fails or fills the vault.
func TestHostileParts(t *testing.T) {
	a, b := newUser(t, "A"), newUser(t, "B")
	befriend(t, a, b)
	from, err := b.a.Contact("A")
	if err != nil {
		t.Fatal(err)
	}
	deliver := func(p seal.Part) {
		t.Helper()
		if err := b.vault.Update(func(tx account.Tx) error { return b.b.Deliver(tx, from, b.at, p) }); err != nil {
			t.Fatalf("%x: %v", p.Body, err)
		}
	}
	good := Word{Seq: 5, At: b.at.Wall, Kind: Looking, Whom: "x", Place: Place{"y", "z"}, Note: "n", With: []Mention{{Name: "m"}}}.part()
	for i := range good.Body { // cut short anywhere
		deliver(seal.Part{Kind: kindWord, Body: good.Body[:i]})
		deliver(seal.Part{Kind: kindPromise, Body: good.Body[:i]})
		if i < len(good.Body)-1 {
			b2 := slices.Clone(good.Body)
			b2[i] ^= 0xff
			deliver(seal.Part{Kind: kindWord, Body: b2})
		}
	}
	deliver(seal.Part{Kind: kindArrived, Body: make([]byte, 5000)})
	deliver(seal.Part{Kind: kindArrived, Body: []byte("odd")})
	deliver(seal.Part{Kind: kindSeen, Body: make([]byte, 5000)})
	deliver(seal.Part{Kind: kindSeen, Body: []byte("odd")})
	if list, _ := b.b.Of(from.ID, 0); len(list) > 2*len(good.Body) {
		t.Fatal("too many")
	}
	nasty := Word{Seq: 1 << 30, At: time.UnixMilli(1 << 47), Kind: Hurt, Note: "\u202egpj.exe\x1b[31m\nx", Place: Place{"\u202eA", ""}}.part()
	deliver(nasty)
	v := b.about("A")
	if v.Now.Note != "gpj.exe[31m x" || v.Now.Town != "A" || v.Wrote.After(b.at.Wall) {
		t.Fatalf("%+v", v)
	}
	for i := range uint32(500) {
		deliver(Word{Seq: 1<<30 + 1 + i, At: b.at.Wall, Kind: Safe, Place: Place{Town: fmt.Sprint("town ", i)}}.part())
	}
	if list, _ := b.b.Of(from.ID, 0); len(list) != maxKept {
		t.Fatalf("%d words are kept", len(list))
	}
	n := 0
	_ = b.vault.View(func(tx account.Tx) error {
		return tx.Scan(tableHeads, []byte{'p'}, []byte{'p' + 1}, false, func(_, _ []byte) (bool, error) { n++; return true, nil })
	})
	if n > maxPlaces {
		t.Fatalf("%d places are kept", n)
	}
}

func FuzzParts(f *testing.F) {
	f.Add(Word{Seq: 5, At: time.UnixMilli(0), Kind: Looking, Whom: "x", Place: Place{"y", "z"}, Note: "n", With: []Mention{{Name: "m"}}}.part().Body)
	f.Add(Promise{Seq: 5, At: time.UnixMilli(1), By: time.UnixMilli(2), Grace: time.Hour}.part().Body)
	limits.Hostile(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		defer limits.Watch(t, len(b))()
		if w, ok := parseWord(b); ok {
			if again, ok := parseWord(w.part().Body); !ok || again.Note != w.Note || again.Town != w.Town || len(again.With) != len(w.With) || !again.At.Equal(w.At) {
				t.Fatalf("%+v became %+v", w, again)
			}
			if len(w.Note) > MaxNote || len(w.Town) > MaxPlace || strings.ContainsAny(w.Note, "\x1b\n\u202e") {
				t.Fatalf("%+v", w)
			}
		}
		if p, ok := parsePromise(b); ok {
			if again, ok := parsePromise(p.part().Body); !ok || again.newer(p) || p.newer(again) {
				t.Fatalf("%+v became %+v", p, again)
			}
		}
	})
}

func TestLimits(t *testing.T) {
	a, b := newUser(t, "A"), newUser(t, "B")
	befriend(t, a, b)
	to := []account.ContactID{a.id("B")}
	for _, c := range []struct {
		w    Word
		to   []account.ContactID
		want error
	}{
		{Word{}, to, ErrEmpty}, {Word{Kind: 9}, to, ErrEmpty}, {Word{Kind: Looking}, to, ErrWhom}, {Word{Kind: Safe}, nil, ErrNobody},
		{Word{Kind: Safe, Note: strings.Repeat("ә", 141)}, to, ErrTooLong}, {Word{Kind: Safe, Place: Place{Town: strings.Repeat("x", 97)}}, to, ErrTooLong},
		{Word{Kind: Safe}, []account.ContactID{{9}}, account.ErrUnknown},
	} {
		if _, err := a.b.Say(a.at, c.w, c.to, false); !errors.Is(err, c.want) {
			t.Errorf("%+v: %v, want %v", c.w, err, c.want)
		}
	}
	if list, _ := a.b.Mine(0); len(list) != 0 {
		t.Fatal("a refused word was kept")
	}
	if _, err := a.b.Say(a.at, Word{Kind: Safe, Note: strings.Repeat("ә", 140), Place: Place{strings.Repeat("ә", 48), strings.Repeat("n", 48)}}, to, false); err != nil {
		t.Fatal(err)
	}
	exchange(t, a, b)
	if b.about("A").Now == nil {
		t.Fatal("the longest word did not arrive")
	}
	// Numbers go on also when the clock went back.
	first := a.say(Word{Kind: Safe}, "B").Seq
	a.at.Wall = a.at.Wall.Add(-1000 * time.Hour)
	if second := a.say(Word{Kind: Hurt}, "B").Seq; second <= first {
		t.Fatalf("%d after %d", second, first)
	}
	for range maxKept + 20 {
		a.say(Word{Kind: Safe}, "B")
	}
	if list, _ := a.b.Mine(0); len(list) != maxKept {
		t.Fatalf("%d of the owner's words are kept", len(list))
	}
}

func TestNotes(t *testing.T) {
	a, b, c := newUser(t, "A"), newUser(t, "B"), newUser(t, "C")
	befriend(t, a, b)
	befriend(t, a, c)
	if _, _, err := a.b.Notes(0, "kk", a.a.Contacts()); !errors.Is(err, ErrNone) {
		t.Fatal(err)
	}
	a.say(Word{Kind: Safe, Place: Place{"Алматы", "Kcell"}, Note: "Үйдеміз"}, "B")
	dana, _ := a.a.Contact("B")
	timur, _ := a.a.Contact("C")
	_, lines, err := a.b.Notes(0, "kk", []account.Contact{dana, timur})
	if err != nil || len(lines) != 2 || lines[0].Code == lines[1].Code {
		t.Fatal(lines, err)
	}
	got, err := b.b.Take(b.at, lines[0].Text)
	if err != nil || got.From != b.id("A") || got.Known || got.Older || got.Doubt || got.Town != "Алматы" || got.Net != "Kcell" || got.Note != "Үйдеміз" || got.Kind != Safe {
		t.Fatalf("%+v %v", got, err)
	}
	if d := a.at.Wall.Sub(got.At); d < 0 || d > time.Minute {
		t.Fatalf("written %v ago", d)
	}
	v := b.about("A")
	if v.Now == nil || !v.Now.Noted || !v.Answered.IsZero() {
		t.Fatalf("an SMS is no sign of the place's network: %+v", v)
	}
	if got, err := b.b.Take(b.at, lines[0].Text); err != nil || !got.Known {
		t.Fatalf("twice: %+v %v", got, err)
	}
	for text, want := range map[string]error{lines[1].Text: ErrNoted, "x #000000-000000-000000": ErrNoted} {
		if _, err := b.b.Take(b.at, text); !errors.Is(err, want) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := a.b.Take(a.at, lines[0].Text); !errors.Is(err, ErrMine) {
		t.Fatal(err)
	}
	// The sealed word comes later with all of it, and once.
	exchange(t, a, b)
	if list, _ := b.b.Of(b.id("A"), 0); len(list) != 1 || list[0].Noted {
		t.Fatalf("%+v", list)
	}
	// An old note that somebody sends again never looks new.
	a.pass(2 * time.Hour)
	b.pass(2 * time.Hour)
	_, old, _ := a.b.Notes(0, "ru", []account.Contact{dana})
	a.say(Word{Kind: Hurt, Note: "Көмек"}, "B")
	_, newer, _ := a.b.Notes(0, "ru", []account.Contact{dana})
	if got, err := b.b.Take(b.at, newer[0].Text); err != nil || got.Kind != Hurt || got.Older {
		t.Fatalf("%+v %v", got, err)
	}
	if got, err := b.b.Take(b.at, old[0].Text); err != nil || !got.Known {
		t.Fatalf("%+v %v", got, err)
	}
	if b.about("A").Now.Kind != Hurt {
		t.Fatal("an old note became the newest word")
	}
	// Altered words are told, and say no place.
	b2 := newUser(t, "B2")
	befriend(t, a, b2)
	bb, _ := a.a.Contact("B2")
	_, l, _ := a.b.Notes(0, "ru", []account.Contact{bb})
	text, code, _ := strings.Cut(l[0].Text, " #")
	if got, err := b2.b.Take(b2.at, text+" @Астана. #"+code); err != nil || !got.Doubt || got.Town != "" || got.Kind != Hurt {
		t.Fatalf("%+v %v", got, err)
	}
}

// TestTakeAll: messages of several people in one text, with what a telephone puts
// between them; what is wrong with one keeps no other.
func TestTakeAll(t *testing.T) {
	a, b, c := newUser(t, "A"), newUser(t, "B"), newUser(t, "C")
	befriend(t, a, b)
	befriend(t, c, b)
	line := func(u *user, w Word) string {
		u.say(w, "B")
		to, _ := u.a.Contact("B")
		_, l, err := u.b.Notes(0, "en", []account.Contact{to})
		if err != nil {
			t.Fatal(err)
		}
		return l[0].Text
	}
	one, two := line(a, Word{Kind: Safe, Place: Place{Town: "Алматы"}, Note: "flat 5: all of us"}), line(c, Word{Kind: Hurt, Note: "leg"})
	altered := strings.Replace(line(a, Word{Kind: Moved, Note: "to the mountains"}), "mountains", "fountains", 1)
	text := "[22:41, 26.11.2026] Mama: " + one + "\n[22:43] +7 701: " + two + "\n[22:44] x: hello #000000-000000-000000\n[22:45] Mama: " + altered + "\nbye #12"
	list := b.b.TakeAll(b.at, text)
	if len(list) != 5 {
		t.Fatalf("%d outcomes: %+v", len(list), list)
	}
	if o := list[0]; o.Err != nil || o.Taken.From != b.id("A") || o.Taken.Doubt || o.Taken.Note != "flat 5: all of us" || o.Taken.Town != "Алматы" {
		t.Errorf("first: %+v", o)
	}
	if o := list[1]; o.Err != nil || o.Taken.From != b.id("C") || o.Taken.Doubt || o.Taken.Note != "leg" || o.Taken.Kind != Hurt {
		t.Errorf("second: %+v", o)
	}
	if o := list[3]; o.Err != nil || o.Taken.From != b.id("A") || !o.Taken.Doubt || o.Taken.Kind != Moved {
		t.Errorf("altered: %+v", o)
	}
	if !errors.Is(list[2].Err, ErrNoted) || !errors.Is(list[4].Err, note.ErrLength) {
		t.Errorf("wrong ones: %v, %v", list[2].Err, list[4].Err)
	}
	for i, o := range b.b.TakeAll(b.at, text) {
		if o.Err == nil && !o.Taken.Known {
			t.Errorf("note %d is new twice", i)
		}
	}
}

func TestPlaces(t *testing.T) {
	for _, c := range []struct {
		a, b Place
		same bool
	}{
		{Place{"Алматы", ""}, Place{"almaty", "Kcell"}, true},
		{Place{"Алматы", "Kcell"}, Place{"Almaty", "beeline"}, false},
		{Place{"Ақтау", "kcell"}, Place{"актау", "Kcell"}, true},
		{Place{"", ""}, Place{"", ""}, false},
		{Place{"Талғар", ""}, Place{"талғар", ""}, true},
		{Place{"Талғар", ""}, Place{"Алматы", ""}, false},
	} {
		if c.a.same(c.b) != c.same || c.b.same(c.a) != c.same {
			t.Errorf("%v and %v", c.a, c.b)
		}
	}
	a, b, d := newUser(t, "A"), newUser(t, "B"), newUser(t, "D")
	befriend(t, a, b)
	befriend(t, d, b)
	a.say(Word{Kind: Safe, Place: Place{"Ақтөбе", ""}}, "B")
	exchange(t, a, b)
	first := b.about("A").Answered
	// A neighbour in the same town is a sign of it; one that came late is not.
	d.pass(3 * time.Hour)
	b.pass(3 * time.Hour)
	d.say(Word{Kind: Safe, Place: Place{"Актобе", "Tele2"}}, "B")
	exchange(t, d, b)
	second := b.about("A").Answered
	if !second.After(first) {
		t.Fatalf("%v, then %v", first, second)
	}
	d.pass(time.Hour)
	d.say(Word{Kind: Safe}, "B")
	units := d.pack()
	b.pass(20 * time.Hour)
	b.receive(units...)
	if got := b.about("A").Answered; !got.Equal(second) {
		t.Fatalf("a letter of %v counts as a sign at %v", d.at.Wall, got)
	}
	// This device's own ways are signs for who is in the same place.
	b.say(Word{Kind: Safe, Place: Place{"aktobe", ""}}, "A")
	if got := b.about("A", Span{b.at.Wall.Add(-time.Hour), b.at.Wall}).Answered; !got.Equal(b.at.Wall) {
		t.Fatal(got)
	}
	// Who moved without saying where is nowhere that is known.
	a.pass(24 * time.Hour)
	a.say(Word{Kind: Moved}, "B")
	exchange(t, a, b)
	if v := b.about("A"); v.Place.Town != "" || !v.Answered.IsZero() {
		t.Fatalf("%+v", v)
	}
}

// TestHeardOthers: only who wants to tells whose devices were heard, and only
// who knows those people learns it.
func TestHeardOthers(t *testing.T) {
	a, b, c, d := newUser(t, "A"), newUser(t, "B"), newUser(t, "C"), newUser(t, "D")
	befriend(t, a, b)
	befriend(t, a, c)
	befriend(t, a, d)
	befriend(t, b, c)
	c.pass(time.Hour)
	a.pass(time.Hour)
	b.pass(30 * time.Hour)
	c.say(Word{Kind: Safe}, "A")
	d.pass(time.Hour)
	d.say(Word{Kind: Safe}, "A")
	exchange(t, a, c, d)
	heard := a.at.Wall
	a.pass(2 * time.Hour)
	a.say(Word{Kind: Safe}, "B")
	exchange(t, a, b)
	if v := b.about("C"); !v.Seen.IsZero() {
		t.Fatalf("told without being asked to: %v", v.Seen)
	}
	if _, err := a.b.Say(a.at, Word{Kind: Safe}, []account.ContactID{a.id("B")}, true); err != nil {
		t.Fatal(err)
	}
	exchange(t, a, b)
	v := b.about("C")
	if v.SeenBy != b.id("A") || heard.Sub(v.Seen) > time.Minute || v.Seen.After(heard) {
		t.Fatalf("%+v, want %v", v, heard)
	}
	if v := b.about("A"); !v.Seen.IsZero() {
		t.Fatal("A was seen by themselves")
	}
}

// TestTownsOfThePage: what the page suggests in three languages is one place.
func TestTownsOfThePage(t *testing.T) {
	for lang, name := range map[string]func(town) string{
		"en": func(t town) string { return t.EN }, "ru": func(t town) string { return t.RU }, "kk": func(t town) string { return t.KK },
	} {
		b, err := os.ReadFile("../web/words/" + lang + ".json")
		if err != nil {
			t.Fatal(err)
		}
		var words map[string]any
		if err := json.Unmarshal(b, &words); err != nil {
			t.Fatal(err)
		}
		var want []string
		for _, town := range towns {
			want = append(want, name(town))
		}
		if got := words["safe.towns"]; got != strings.Join(want, "|") {
			t.Errorf("%s suggests %v, want %v", lang, got, strings.Join(want, "|"))
		}
	}
}
