package chat

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/jauap/jauap/account"
)

func (u *user) post(to string, p Post) account.LetterID {
	u.t.Helper()
	id, err := u.c.Post(u.at, u.id(to), p)
	if err != nil {
		u.t.Fatal(err)
	}
	return id
}

func (u *user) mark(ids ...account.LetterID) {
	u.t.Helper()
	if err := u.c.MarkRead(u.at, ids...); err != nil {
		u.t.Fatal(err)
	}
}

func (u *user) sweep(believed bool) int {
	u.t.Helper()
	n, err := u.c.Sweep(u.at, believed)
	if err != nil {
		u.t.Fatal(err)
	}
	return n
}

func pair(t testing.TB) (a, b *user) {
	t.Helper()
	a, b = newUser(t, "A"), newUser(t, "B")
	befriend(t, a, b)
	return a, b
}

// holding looks for bytes in all records of a vault.
func holding(t *testing.T, u *user, what string) (tables []account.Table) {
	t.Helper()
	err := u.vault.View(func(tx account.Tx) error {
		for table := account.Table(0); table < 255; table++ {
			found := false
			err := tx.Scan(table, nil, nil, false, func(k, v []byte) (bool, error) {
				found = found || bytes.Contains(v, []byte(what)) || bytes.Contains(k, []byte(what))
				return true, nil
			})
			if err != nil {
				return err
			}
			if found {
				tables = append(tables, table)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return tables
}

// TestHeldPhoto: the preview comes with the letter, the photo when it is asked
// for, and asking twice sends it once.
func TestHeldPhoto(t *testing.T) {
	a, b := pair(t)
	data := bytes.Repeat([]byte("jpeg"), 40_000)
	about := About{Sort: Photo, Held: true, Width: 1280, Height: 853, Preview: bytes.Repeat([]byte{7}, 1000)}
	id := a.post("B", Post{Text: "the yard", Files: []Attachment{{Name: "yard.jpg", Data: data, About: about}}})
	exchange(t, a, b)
	l := b.letter(id)
	if f := l.Files[0]; f.Sort != Photo || !f.Held || f.Have != 0 || f.Bytes != 160_000 || !bytes.Equal(f.Preview, about.Preview) || f.Width != 1280 {
		t.Fatalf("arrived %+v", f)
	}
	if got := a.letter(id); got.State != Delivered || got.Files[0].Asked {
		t.Errorf("the sender sees %v, asked %v", got.State, got.Files[0].Asked)
	}
	if _, _, err := b.c.Attachment(l.Files[0].ID); !errors.Is(err, ErrIncomplete) {
		t.Errorf("opening it now: %v", err)
	}
	for range 3 {
		if f, err := b.c.Ask(b.at, l.Files[0].ID); err != nil || !f.Asked {
			t.Fatalf("asking: %+v, %v", f, err)
		}
	}
	exchange(t, a, b)
	_, r, err := b.c.Attachment(l.Files[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	if f := a.letter(id).Files[0]; !f.Asked || f.Sent != f.Bytes {
		t.Errorf("the sender sees %+v", f)
	}
	if _, err := b.c.Ask(b.at, "nonsense"); !errors.Is(err, ErrNotFound) {
		t.Errorf("asking for nonsense: %v", err)
	}
	if _, err := a.c.Ask(a.at, l.Files[0].ID); err != nil {
		t.Errorf("asking for one's own: %v", err)
	}
}

// TestAskingIsBounded: nobody makes a device send the same thing all day, nor
// what they did not get.
func TestAskingIsBounded(t *testing.T) {
	a, b := pair(t)
	c := newUser(t, "C")
	befriend(t, a, c)
	id := a.post("B", Post{Files: []Attachment{{Name: "p.jpg", Data: make([]byte, 50_000), About: About{Sort: Photo, Held: true}}}})
	exchange(t, a, b)
	left := func() int64 {
		n := int64(0)
		err := a.vault.View(func(tx account.Tx) (err error) { n, err = a.c.Left(tx, fileStream(id, 1)); return err })
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	ask := func(from *user, body ...byte) {
		t.Helper()
		who, err := a.a.ContactByID(a.id(from.name))
		if err != nil {
			t.Fatal(err)
		}
		if err := a.vault.Update(func(tx account.Tx) error { return a.c.asked(tx, who, a.at, body) }); err != nil {
			t.Fatal(err)
		}
	}
	ask(c, append(id[:], 1)...)
	ask(b, append(id[:], 2)...)
	ask(b, append(id[:], 0)...)
	ask(b, id[:]...)
	if a.letter(id).Files[0].Asked {
		t.Fatal("a request that is none was heard")
	}
	ask(b, append(id[:], 1)...)
	exchange(t, a, b)
	if left() != 0 {
		t.Fatalf("%d bytes are left", left())
	}
	ask(b, append(id[:], 1)...)
	if left() != 0 {
		t.Error("asked again at once, it goes again")
	}
	a.pass(7 * time.Hour)
	ask(b, append(id[:], 1)...)
	if left() != 50_000 {
		t.Errorf("asked again after hours, %d bytes go", left())
	}
}

func TestVanish(t *testing.T) {
	a, b := pair(t)
	const words = "under the blue stone"
	id := a.post("B", Post{Text: words, Vanish: time.Hour, Files: []Attachment{{Name: "map.txt", Data: []byte("north of " + words)}}})
	exchange(t, a, b)
	if l := b.letter(id); l.Vanish != time.Hour || !l.VanishesAt.IsZero() {
		t.Fatalf("unread: %v, %v", l.Vanish, l.VanishesAt)
	}
	b.pass(48 * time.Hour)
	if b.sweep(true) != 0 {
		t.Fatal("it vanished unread")
	}
	b.mark(id)
	if l := b.letter(id); !l.VanishesAt.Equal(b.at.Wall.Add(time.Hour)) {
		t.Errorf("vanishes at %v, now %v", l.VanishesAt, b.at.Wall)
	}
	// A wrong clock deletes nothing early.
	ahead := b.at
	ahead.Wall = ahead.Wall.Add(1000 * time.Hour)
	if n, err := b.c.Sweep(ahead, false); n != 0 || err != nil {
		t.Errorf("a clock nobody believes deleted %d, %v", n, err)
	}
	a.at.Wall, a.at.Day = b.at.Wall, b.at.Day
	exchange(t, a, b)
	if a.letter(id).State != Read {
		t.Fatalf("the sender sees %v", a.letter(id).State)
	}
	for _, u := range []*user{a, b} {
		u.pass(61 * time.Minute)
		if n := u.sweep(false); n != 1 {
			t.Errorf("%s: %d letters vanished", u.name, n)
		}
		if _, err := u.c.Letter(id); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %v", u.name, err)
		}
		if h, err := u.c.Head(u.id(map[string]string{"A": "B", "B": "A"}[u.name])); err != nil || h.LastText != "" {
			t.Errorf("%s: the list still shows %q, %v", u.name, h.LastText, err)
		}
		if in := holding(t, u, words); in != nil {
			t.Errorf("%s: the words still stand in tables %v", u.name, in)
		}
	}
}

// TestVanishWithoutReceipt: the sender's copy goes when the letter's life and
// the time after it are over, whatever the reader says.
func TestVanishWithoutReceipt(t *testing.T) {
	a, _ := pair(t)
	id, err := a.c.Post(a.at, a.id("B"), Post{Text: "x", Days: 3, Vanish: 24 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	a.pass(95 * time.Hour)
	if a.sweep(true) != 0 {
		t.Error("too early")
	}
	a.pass(2 * time.Hour)
	if a.sweep(true) != 1 {
		t.Error("it stays")
	}
	if _, err := a.c.Letter(id); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	for _, d := range []time.Duration{time.Second, 400 * 24 * time.Hour, -time.Hour} {
		if _, err := a.c.Post(a.at, a.id("B"), Post{Text: "x", Vanish: d}); !errors.Is(err, ErrVanish) {
			t.Errorf("%v: %v", d, err)
		}
	}
}

// TestDelete: a letter that waits never leaves; one that was read stays away
// although its bytes come again; nothing of either stays in the vault.
func TestDelete(t *testing.T) {
	a, b := pair(t)
	kept := a.send("B", "stays")
	id := a.post("B", Post{Text: strings.Repeat("secret words ", 400), Files: []Attachment{{Name: "plan.txt", Data: []byte("secret words")}}})
	r, err := a.c.Delete(a.at, id, id, account.LetterID{9})
	if err != nil || r != (Removal{Deleted: 1, Withdrawn: 1}) {
		t.Fatalf("%+v, %v", r, err)
	}
	if in := holding(t, a, "secret words"); in != nil {
		t.Errorf("the words still stand in tables %v", in)
	}
	if list, err := a.c.Outbox(0); err != nil || len(list) != 1 || list[0].ID != kept || a.a.WaitingFor(a.id("B")) != 1 {
		t.Errorf("outbox %v, %v", list, err)
	}
	exchange(t, a, b)
	if list := b.conversation("A"); len(list) != 1 || list[0].Text != "stays" {
		t.Fatalf("arrived %v", list)
	}

	two := a.send("B", "the second", Attachment{Name: "f", Data: []byte("bytes of it")})
	p := letterPart{id: two, at: a.at.Wall, text: []byte("the second")}
	exchange(t, a, b)
	if r, err := b.c.Delete(b.at, two); err != nil || r != (Removal{Deleted: 1}) {
		t.Fatalf("%+v, %v", r, err)
	}
	if h, err := b.c.Head(b.id("A")); err != nil || h.LastText != "stays" || h.Unread != 1 {
		t.Errorf("head %+v, %v", h, err)
	}
	from, _ := b.a.ContactByID(b.id("A"))
	err = b.vault.Update(func(tx account.Tx) error {
		piece := piecePart{two, 1, 0, []byte("bytes of it")}
		return errors.Join(b.c.Deliver(tx, from, b.at, p.part()), b.c.Deliver(tx, from, b.at, piece.part()))
	})
	if list := b.conversation("A"); err != nil || len(list) != 1 {
		t.Errorf("deleted, it came again: %v, %v", list, err)
	}
	if in := holding(t, b, "bytes of it"); in != nil {
		t.Errorf("the bytes stand in tables %v", in)
	}
	if _, err := b.c.Arrived(account.ContactID{}, two, 0); err != nil {
		t.Errorf("what arrived after it: %v", err)
	}
	// Deleted at the sender, but already there.
	if r, err := a.c.Delete(a.at, two); err != nil || r.Out != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	exchange(t, a, b)
	if in := holding(t, a, "the second"); in != nil {
		t.Errorf("the words still stand in tables %v", in)
	}
}

func TestSearch(t *testing.T) {
	a, _ := pair(t)
	c := newUser(t, "C")
	befriend(t, a, c)
	for _, text := range []string{"Қарағандыға бардым", "Поезд в Караганду", "Ёлка", "nothing here", "Ünlü ÇAY", "Һәм үй"} {
		a.send("B", text)
		a.pass(time.Second)
	}
	a.send("C", "Караганда", Attachment{Name: "Құжат.pdf", Data: []byte("x")})
	for query, want := range map[string][]string{
		"караганд":   {"Караганда", "Поезд в Караганду", "Қарағандыға бардым"},
		"ҚАРАҒАНДЫ":  {"Қарағандыға бардым"},
		"поезд кара": {"Поезд в Караганду"},
		"елка":       {"Ёлка"},
		"unlu cay":   {"Ünlü ÇAY"},
		"хам уи":     {"Һәм үй"},
		"кужат":      {"Караганда"},
		"zzz":        nil, "  ": nil,
	} {
		list, err := a.c.Search(account.ContactID{}, query, 0)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, l := range list {
			got = append(got, l.Text)
		}
		if strings.Join(got, "|") != strings.Join(want, "|") {
			t.Errorf("%q found %q, want %q", query, got, want)
		}
	}
	if list, err := a.c.Search(a.id("B"), "караганд", 1); err != nil || len(list) != 1 || list[0].Text != "Поезд в Караганду" {
		t.Errorf("with B only: %v, %v", list, err)
	}
}

func TestDraft(t *testing.T) {
	a, b := pair(t)
	to := a.id("B")
	if err := a.c.KeepText(a.at, to, "half a thou"); err != nil {
		t.Fatal(err)
	}
	file := func(name string) Attachment {
		return Attachment{Name: name, Data: bytes.Repeat([]byte(name), 50_000), About: About{Sort: Photo, Preview: []byte{1, 2}}}
	}
	if err := a.c.KeepFiles(a.at, to, file("one"), file("two")); err != nil {
		t.Fatal(err)
	}
	a.restart()
	d, err := a.c.Draft(to)
	if err != nil || d.Text != "half a thou" || len(d.Files) != 2 || d.Files[1].Name != "two" || d.Files[1].Sort != Photo {
		t.Fatalf("after a restart %+v, %v", d, err)
	}
	if err := a.c.DropFile(a.at, to, d.Files[0].Key); err != nil {
		t.Fatal(err)
	}
	if err := a.c.KeepFiles(a.at, to, Attachment{Data: make([]byte, MaxBytes)}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("too much: %v", err)
	}
	id := a.post("B", Post{Text: "half a thought", Draft: true})
	if d, err := a.c.Draft(to); err != nil || d.Text != "" || len(d.Files) != 0 {
		t.Errorf("the draft is still there: %+v, %v", d, err)
	}
	if in := holding(t, a, "oneoneone"); in != nil {
		t.Errorf("the file that was dropped stands in %v", in)
	}
	exchange(t, a, b)
	l := b.letter(id)
	if len(l.Files) != 1 || !l.Files[0].Whole() || l.Files[0].Bytes != 150_000 || l.Files[0].Sort != Photo {
		t.Errorf("arrived %+v", l.Files)
	}
}

func TestRichLimits(t *testing.T) {
	good := letterPart{id: account.LetterID{1}, at: time.UnixMilli(1e12), vanish: time.Hour, text: []byte("x"), files: []filePart{
		{size: 5, name: "a", About: About{Sort: Photo, Held: true, Width: 1, Height: 2, Preview: []byte{1}}}, {size: 6, name: "b"}}}
	part := good.part()
	got, ok := parseLetter(part.Body)
	if !ok || part.Kind != kindRich || got.vanish != time.Hour || !got.files[0].Held || got.files[0].Height != 2 || got.files[1].Sort != Plain || string(got.text) != "x" {
		t.Fatalf("%+v, %v", got, ok)
	}
	for i := range part.Body[:len(part.Body)-1] {
		if _, ok := parseLetter(part.Body[:i]); ok && i < headSize+5 {
			t.Errorf("%d bytes are a letter", i)
		}
	}
	long := good
	long.files = []filePart{{About: About{Sort: Photo, Preview: make([]byte, maxGlimpse+1)}}}
	if _, ok := parseLetter(long.part().Body); ok {
		t.Error("a preview above the limit is taken")
	}
	long.files, long.vanish = nil, time.Second
	if _, ok := parseLetter(long.part().Body); ok {
		t.Error("a letter that vanishes after a second is taken")
	}
	// A plain letter's kind with a rich letter's flags is neither.
	a, b := pair(t)
	from, _ := b.a.ContactByID(b.id("A"))
	part.Kind = kindLetter
	if err := b.vault.Update(func(tx account.Tx) error { return b.c.Deliver(tx, from, b.at, part) }); err != nil {
		t.Fatal(err)
	}
	if list := b.conversation("A"); len(list) != 0 {
		t.Errorf("shown: %v", list)
	}
	_ = a
}
