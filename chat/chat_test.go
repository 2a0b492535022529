package chat

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/account/sqlite"
	"github.com/jauap/jauap/internal/limits"
	"github.com/jauap/jauap/seal"
)

func tick(d time.Duration) seal.Tick { return seal.Tick(d / time.Second) }

func states(l Letter) (s []State) {
	for _, c := range l.History {
		s = append(s, c.State)
	}
	return s
}

func texts(list []Letter) (s []string) {
	for _, l := range list {
		s = append(s, l.Text)
	}
	return s
}

func TestOneLetter(t *testing.T) {
	a, b := newUser(t, "Aigerim"), newUser(t, "Dana")
	befriend(t, a, b)
	id := a.send("Dana", "жив ли ты?\r\nответь")
	if l := a.letter(id); l.State != Saved || !l.Mine || l.At != a.at.Wall || l.Text != "жив ли ты?\nответь" {
		t.Fatalf("%+v", l)
	}
	if a.a.Waiting() != 1 || a.a.WaitingFor(a.id("Dana")) != 1 {
		t.Fatal("nothing waits")
	}
	packed, err := a.a.Pack(a.at, 1<<20)
	if err != nil || len(packed) != 1 {
		t.Fatal(len(packed), err)
	}
	a.pass(time.Minute)
	must(t, a.a.Handed(a.at, packed[0].ID, "Timur", false))
	must(t, a.a.Handed(a.at, packed[0].ID, "Timur", false))
	must(t, a.a.Handed(a.at, packed[0].ID, "stick", false))
	if l := a.letter(id); l.State != Carried || l.Carriers != 2 {
		t.Fatalf("%+v", l)
	}
	if a.a.Waiting() != 0 {
		t.Fatal("still waiting")
	}
	a.pass(time.Minute)
	must(t, a.a.Handed(a.at, packed[0].ID, "relay", true))
	if l := a.letter(id); l.State != Left || l.Carriers != 3 {
		t.Fatalf("%+v", l)
	}
	b.pass(time.Hour)
	b.receive(packed[0].Bytes)
	b.receive(packed[0].Bytes)
	got := b.conversation("Aigerim")
	if len(got) != 1 || got[0].Mine || got[0].ID != id || got[0].Text != "жив ли ты?\nответь" || !got[0].ReceivedAt.Equal(b.at.Wall) {
		t.Fatalf("%+v", got)
	}
	head, err := b.c.Head(b.id("Aigerim"))
	if err != nil || head.Unread != 1 || head.LastText != "жив ли ты? ответь" || !head.WroteAt.Equal(got[0].SentAt) {
		t.Fatalf("%+v %v", head, err)
	}
	read := b.at.Wall.Add(10 * time.Second)
	b.pass(10 * time.Second)
	must(t, b.c.MarkRead(b.at, id))
	must(t, b.c.MarkRead(b.at, id))
	if head, _ = b.c.Head(b.id("Aigerim")); head.Unread != 0 {
		t.Fatal("still unread")
	}
	a.pass(2 * time.Hour)
	exchange(t, a, b)
	l := a.letter(id)
	if !slices.Equal(states(l), []State{Saved, Carried, Left, Delivered, Read}) || !l.At.Equal(read) {
		t.Fatalf("%+v", l.History)
	}
	for i, c := range l.History {
		if i > 0 && c.At.Before(l.History[i-1].At) {
			t.Errorf("%v before %v", c, l.History[i-1])
		}
	}
	out, err := a.c.Outbox(0)
	if err != nil || len(out) != 1 || out[0].Bytes != int64(len(l.Text)) {
		t.Fatalf("%+v %v", out, err)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestLossyNet sends letters of all kinds through a net that shuffles, doubles
// and delays everything, with restarts in between.
func TestLossyNet(t *testing.T) {
	a, b, x := newUser(t, "A"), newUser(t, "B"), newUser(t, "X")
	users := []*user{a, b, x}
	befriend(t, a, b)
	befriend(t, b, x)
	rng := rand.New(rand.NewPCG(5, 6))
	sent := map[account.LetterID]string{}
	froms := map[account.LetterID]*user{}
	var net [][]byte
	carry := func(all bool) {
		rng.Shuffle(len(net), func(i, j int) { net[i], net[j] = net[j], net[i] })
		var later [][]byte
		for _, raw := range net {
			for range 1 + rng.IntN(2) {
				for _, u := range users {
					u.receive(raw)
				}
			}
			if !all && rng.IntN(4) == 0 {
				later = append(later, raw) // once more, later
			}
		}
		net = later
	}
	for round := range 40 {
		for _, pair := range [][2]*user{{a, b}, {b, a}, {b, x}, {x, b}} {
			if rng.IntN(3) == 0 {
				continue
			}
			text := fmt.Sprintf("%d %s", round, strings.Repeat("я", rng.IntN(200)))
			if rng.IntN(8) == 0 {
				text += strings.Repeat("long ", 1500+rng.IntN(3000))
			}
			var files []Attachment
			for range max(rng.IntN(6)-3, 0) {
				data := make([]byte, rng.IntN(90_000))
				for i := range data {
					data[i] = byte(rng.Uint32())
				}
				files = append(files, Attachment{Name: fmt.Sprintf("photo %d.jpg", len(data)), Data: data})
			}
			id := pair[0].send(pair[1].name, text, files...)
			sent[id], froms[id] = text, pair[0]
		}
		for _, u := range users {
			u.pass(time.Duration(rng.IntN(7200)) * time.Second)
			if rng.IntN(3) > 0 {
				net = append(net, u.units()...)
			}
			if rng.IntN(6) == 0 {
				u.restart()
			}
		}
		if rng.IntN(3) == 0 {
			carry(false)
		}
	}
	for range 12 {
		for _, u := range users {
			u.pass(time.Hour)
			net = append(net, u.units()...)
		}
		carry(true)
	}
	seen := map[account.LetterID]int{}
	for _, u := range users {
		list, err := u.c.Arrived(account.ContactID{}, account.LetterID{}, 10_000)
		must(t, err)
		for _, l := range list {
			seen[l.ID]++
			if l.Text != sent[l.ID] {
				t.Errorf("letter %v has another text", l.ID)
			}
			theirs := froms[l.ID].letter(l.ID)
			if theirs.State != Delivered {
				t.Errorf("%v: %v", l.ID, theirs.History)
			}
			for i, f := range l.Files {
				want := read(t, froms[l.ID].c, theirs.Files[i].ID)
				if !f.Whole() || f.Name != theirs.Files[i].Name || sha256.Sum256(read(t, u.c, f.ID)) != sha256.Sum256(want) {
					t.Errorf("%v: file %+v", l.ID, f)
				}
			}
		}
	}
	for id := range sent {
		if seen[id] != 1 {
			t.Errorf("letter %v was shown %d times", id, seen[id])
		}
	}
	if len(sent) < 60 {
		t.Errorf("only %d letters", len(sent))
	}
}

func read(t testing.TB, c *Chat, id string) []byte {
	t.Helper()
	_, r, err := c.Attachment(id)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSendLimits(t *testing.T) {
	a, b := newUser(t, "A"), newUser(t, "B")
	befriend(t, a, b)
	to := a.id("B")
	for _, x := range []struct {
		text  string
		files []Attachment
		to    account.ContactID
		want  error
	}{
		{"", nil, to, ErrEmpty},
		{strings.Repeat("x", MaxText+1), nil, to, ErrTooLarge},
		{"x", make([]Attachment, MaxFiles+1), to, ErrTooLarge},
		{"x", []Attachment{{Name: "a", Data: make([]byte, MaxBytes)}, {Name: "b", Data: []byte{1}}}, to, ErrTooLarge},
		{"x", nil, account.ContactID{1}, account.ErrUnknown},
	} {
		if _, err := a.c.Send(a.at, x.to, x.text, x.files, 0); !errors.Is(err, x.want) {
			t.Errorf("%v, want %v", err, x.want)
		}
	}
	if list := a.conversation("B"); len(list) != 0 {
		t.Errorf("refused letters were kept: %d", len(list))
	}
	id := a.send("B", strings.Repeat("ж", MaxText/2), Attachment{Name: "empty"})
	exchange(t, a, b)
	if l := b.letter(id); len(l.Text) != MaxText || len(l.Files) != 1 || !l.Files[0].Whole() {
		t.Errorf("the largest text: %d bytes, %+v", len(l.Text), l.Files)
	}
}

func TestPagesAndOrder(t *testing.T) {
	a, b := newUser(t, "A"), newUser(t, "B")
	befriend(t, a, b)
	var want []string
	for i := range 230 {
		text := fmt.Sprint(i)
		want = append(want, text)
		a.send("B", text) // all in one millisecond
	}
	units := a.units()
	slices.Reverse(units)
	for _, raw := range units {
		b.receive(raw)
	}
	for _, u := range []*user{a, b} {
		var got []string
		var before account.LetterID
		with := u.id(map[string]string{"A": "B", "B": "A"}[u.name])
		for {
			page, err := u.c.Conversation(with, before, 50)
			must(t, err)
			if len(page) == 0 {
				break
			}
			got = append(texts(page), got...)
			before = page[0].ID
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %d letters in another order: %v", u.name, len(got), got[:10])
		}
	}
	// By arrival, in two halves.
	first, err := b.c.Arrived(b.id("A"), account.LetterID{}, 0)
	must(t, err)
	rest, err := b.c.Arrived(b.id("A"), first[99].ID, 0)
	must(t, err)
	if len(first) != 230 || len(rest) != 130 || rest[0].ID != first[100].ID {
		t.Errorf("arrivals: %d, then %d", len(first), len(rest))
	}
	if _, err := b.c.Conversation(b.id("A"), account.LetterID{9}, 5); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
}

// TestOrderWithBrokenClocks: claimed times of all sorts never put a letter
// above what was read, nor hide it in the future.
func TestOrderWithBrokenClocks(t *testing.T) {
	a, b := newUser(t, "A"), newUser(t, "B")
	befriend(t, a, b)
	for i, wall := range []time.Time{time.Unix(0, 0), time.Date(2106, 2, 7, 0, 0, 0, 0, time.UTC), time.Unix(-5e9, 0), b.at.Wall} {
		at := a.at
		at.Wall = wall
		id, err := a.c.Send(at, a.id("B"), fmt.Sprint(i), nil, 0)
		must(t, err)
		for _, raw := range a.units() {
			b.receive(raw)
		}
		list := b.conversation("A")
		if len(list) != i+1 || list[i].ID != id {
			t.Fatalf("%d: %v", i, texts(list))
		}
		if y := list[i].SentAt.Year(); y > 9999 || y < 1970 {
			t.Errorf("year %d", y)
		}
		must(t, b.c.MarkRead(b.at, id))
	}
	b.send("A", "mine")
	if list := b.conversation("A"); list[4].Text != "mine" {
		t.Error(texts(list))
	}
	// And a clock of our own that was in 2106 for a while.
	good := b.at
	b.at.Wall = time.Date(2106, 2, 7, 0, 0, 0, 0, time.UTC)
	b.send("A", "from the future")
	b.at = good
	b.send("A", "back")
	if list := b.conversation("A"); list[6].Text != "back" {
		t.Error(texts(list))
	}
}

func TestReceiptsWaitAndRide(t *testing.T) {
	a, b := newUser(t, "A"), newUser(t, "B")
	befriend(t, a, b)
	b.c.config.ReceiptMin, b.c.config.ReceiptMax = time.Hour, 2*time.Hour
	first := a.send("B", "one")
	second := a.send("B", "two")
	for _, raw := range a.units() {
		b.receive(raw)
	}
	if n := len(b.units()); n != 1 { // the proof, which this test does not hold back
		t.Fatalf("%d units leave at once", n)
	}
	b.pass(2*time.Hour + time.Minute)
	units := b.units()
	if len(units) != 1 || len(units[0]) > 4096 {
		t.Fatalf("%d units after two hours", len(units))
	}
	a.receive(units[0])
	if a.letter(first).State != Delivered || a.letter(second).State != Delivered {
		t.Fatal("not delivered")
	}
	must(t, b.c.MarkRead(b.at, first))
	b.send("A", "an answer")
	if units = b.units(); len(units) != 1 {
		t.Fatalf("%d units with the answer", len(units))
	}
	a.receive(units[0])
	if a.letter(first).State != Read || a.letter(second).State != Delivered {
		t.Fatalf("%v %v", a.letter(first).State, a.letter(second).State)
	}
	b.pass(24 * time.Hour)
	for _, raw := range b.units() {
		t.Errorf("%d bytes more leave: the receipt went twice", len(raw))
	}
}

func TestExpiry(t *testing.T) {
	a, b := newUser(t, "A"), newUser(t, "B")
	befriend(t, a, b)
	id, err := a.c.Send(a.at, a.id("B"), "soon", nil, 2)
	must(t, err)
	units := a.units()
	a.pass(6 * 24 * time.Hour)
	a.units()
	if l := a.letter(id); l.State != Expired {
		t.Fatal(l.History)
	}
	// The day turns out to have been wrong, then right.
	a.pass(-6 * 24 * time.Hour)
	a.at.Tick += 12 * 24 * 3600
	a.units()
	if l := a.letter(id); l.State != Saved {
		t.Fatal(l.History)
	}
	a.pass(6 * 24 * time.Hour)
	a.units()
	for _, raw := range units {
		b.receive(raw)
	}
	exchange(t, a, b)
	if l := a.letter(id); l.State != Delivered {
		t.Fatal(l.History)
	}
}

// TestHostileParts gives a contact's parts to Deliver as they are.
func TestHostileParts(t *testing.T) {
	a, b := newUser(t, "A"), newUser(t, "B")
	befriend(t, a, b)
	from, err := b.a.Contact("A")
	must(t, err)
	deliver := func(p seal.Part) {
		t.Helper()
		must(t, b.vault.Update(func(tx account.Tx) error { return b.c.Deliver(tx, from, b.at, p) }))
	}
	raw := func(kind uint8, body ...byte) { deliver(seal.Part{Kind: kind, Body: body}) }
	for _, kind := range []uint8{kindLetter, kindPiece, kindReceipt, 0x60} {
		for n := range 60 {
			raw(kind, bytes.Repeat([]byte{0xff}, n)...)
		}
		raw(kind)
	}
	for i, name := range []string{
		"../../etc/passwd", `..\..\windows\system32\x.dll`, "/", "..", "", "con.txt", "LPT1", "a\x00b\nc", "\u202Egpj.exe",
		strings.Repeat("я", 120), "\xff\xfe", ".bashrc", "a:b|c?.txt", "x" + strings.Repeat(" ", 20), "nul",
	} {
		p := letterPart{id: account.LetterID{1, byte(i)}, at: b.at.Wall, text: []byte("bad \xff\xfe\x00\x1b[31m \u202Eutf-8\n")}
		p.files = []filePart{{size: 1, sum: [32]byte{1}, name: name}}
		deliver(p.part())
		l := b.letter(p.id)
		if got := l.Files[0].Name; got == "" || strings.ContainsAny(got, "/\\\x00\n:|?") || got[0] == '.' || len(got) > maxFileName || strings.Contains(got, "\u202e") ||
			slices.Contains([]string{"con.txt", "LPT1", "nul"}, got) {
			t.Errorf("%q became %q", name, got)
		}
		if l.Text != "bad \uFFFD[31m utf-8\n" {
			t.Errorf("text became %q", l.Text)
		}
	}
	// A letter with the id of one of ours, and of another contact's.
	mine := b.send("A", "mine")
	deliver(letterPart{id: mine, at: b.at.Wall, text: []byte("not yours")}.part())
	if l := b.letter(mine); l.Text != "mine" {
		t.Error("a contact replaced our letter")
	}
	list := b.conversation("A")
	if !slices.Contains(texts(list), "not yours") {
		t.Error("the letter is lost", texts(list))
	}
	n := len(list)
	deliver(letterPart{id: mine, at: b.at.Wall, text: []byte("not yours")}.part())
	deliver(letterPart{id: account.LetterID{1, 0}, at: b.at.Wall, text: []byte("again")}.part())
	if got := len(b.conversation("A")); got != n {
		t.Errorf("a repeated letter is shown again: %d", got)
	}
	// Receipts for what is not theirs to confirm.
	must(t, b.vault.Update(func(tx account.Tx) error {
		other := from
		other.ID = account.ContactID{7}
		return b.c.Deliver(tx, other, b.at, seal.Part{Kind: kindReceipt, Body: appendReceipt(nil, receipt{mine, true, b.at.Wall})})
	}))
	if l := b.letter(mine); l.State != Saved {
		t.Error("a stranger confirmed a letter")
	}
	// Declared sizes beyond all limits, and totals that overflow.
	for _, sizes := range [][]int64{{MaxBytes + 1}, {1<<32 - 1}, {MaxBytes, 1}, slices.Repeat([]int64{1}, MaxFiles+1)} {
		p := letterPart{id: account.LetterID{2, byte(len(sizes))}, at: b.at.Wall}
		for _, s := range sizes {
			p.files = append(p.files, filePart{size: s, sum: [32]byte{}, name: "x"})
		}
		deliver(p.part())
	}
	if got := len(b.conversation("A")); got != n {
		t.Errorf("an oversized letter is shown: %d", got)
	}
	raw(0xf0, 1, 2, 3) // critical and unknown
	raw(0xf0, 1, 2, 3)
	list = b.conversation("A")
	if len(list) != n+1 || !slices.ContainsFunc(list, func(l Letter) bool { return l.Update }) {
		t.Error("no note that an update is needed")
	}
}

func TestHostileFiles(t *testing.T) {
	a, b := newUser(t, "A"), newUser(t, "B")
	befriend(t, a, b)
	from, err := b.a.Contact("A")
	must(t, err)
	deliver := func(p seal.Part) {
		t.Helper()
		must(t, b.vault.Update(func(tx account.Tx) error { return b.c.Deliver(tx, from, b.at, p) }))
	}
	rng := rand.New(rand.NewPCG(1, 1))
	data := make([]byte, 5000)
	for i := range data {
		data[i] = byte(rng.Uint32())
	}
	// Overlapping, repeated, shuffled pieces, some before the letter, some past
	// the end, some of other files.
	id := account.LetterID{3}
	p := letterPart{id: id, at: b.at.Wall, text: []byte("x"), files: []filePart{{size: 5000, sum: sha256.Sum256(data), name: "a.bin"}}}
	for i := range 400 {
		if i == 40 {
			deliver(p.part())
		}
		off := rng.IntN(5000)
		n := min(1+rng.IntN(300), 5000-off)
		deliver(piecePart{id, 1, int64(off), data[off : off+n]}.part())
		deliver(piecePart{id, 1, 4999, []byte("too much")}.part())
		deliver(piecePart{id, 2, 0, []byte("no such file")}.part())
	}
	for off := range 50 {
		deliver(piecePart{id, 1, int64(4900 - 100*off), data[4900-100*off:][:100]}.part())
	}
	l := b.letter(id)
	if !l.Files[0].Whole() || !bytes.Equal(read(t, b.c, l.Files[0].ID), data) {
		t.Fatalf("%+v", l.Files)
	}
	// Wrong content: marked, not given out, no receipt.
	bad := account.LetterID{4}
	deliver(letterPart{id: bad, at: b.at.Wall, files: []filePart{{size: 3, sum: [32]byte{}, name: "b"}}}.part())
	deliver(piecePart{bad, 1, 0, []byte("abc")}.part())
	l = b.letter(bad)
	if _, _, err := b.c.Attachment(l.Files[0].ID); !errors.Is(err, ErrBroken) {
		t.Error(err)
	}
	// What comes again of it is not taken: it would not be right this time.
	deliver(letterPart{id: bad, at: b.at.Wall, files: []filePart{{size: 3, sum: [32]byte{}, name: "b"}}}.part())
	deliver(piecePart{bad, 1, 0, []byte("abc")}.part())
	deliver(piecePart{bad, 1, 0, []byte("xyz")}.part())
	rows := 0
	must(t, b.vault.View(func(tx account.Tx) error {
		return eachRow(tx, fileKey(from.ID, bad, 1), func([]byte) { rows++ })
	}))
	if l = b.letter(bad); !l.Files[0].Broken || rows != 0 {
		t.Errorf("a broken file was tried again: %+v, %d rows", l.Files[0], rows)
	}
	// One byte in every second place: bounded.
	holes := account.LetterID{5}
	deliver(letterPart{id: holes, at: b.at.Wall, files: []filePart{{size: 1 << 20, sum: [32]byte{}, name: "c"}}}.part())
	for i := range maxSpans + 100 {
		deliver(piecePart{holes, 1, int64(2 * i), []byte{1}}.part())
	}
	if l = b.letter(holes); l.Files[0].Have != maxSpans {
		t.Errorf("%d bytes kept of a file of holes", l.Files[0].Have)
	}
	if _, _, err := b.c.Attachment(l.Files[0].ID); !errors.Is(err, ErrIncomplete) {
		t.Error(err)
	}
	// Pieces of letters that never come.
	big := make([]byte, 1<<20)
	for i := range 90 {
		deliver(piecePart{account.LetterID{6, byte(i)}, 1, 0, big}.part())
	}
	var kept int64
	must(t, b.vault.View(func(tx account.Tx) (err error) { kept, _, err = orphans(tx, from.ID); return err }))
	if kept > maxOrphanBytes {
		t.Errorf("%d bytes of orphans", kept)
	}
	for _, id := range []string{"", "x", l.ID.String(), l.ID.String() + "-0", l.ID.String() + "-9", l.ID.String() + "-99999999999999999999", "../" + l.ID.String() + "-1"} {
		if _, _, err := b.c.Attachment(id); !errors.Is(err, ErrNotFound) {
			t.Errorf("%q: %v", id, err)
		}
	}
}

func FuzzDeliver(f *testing.F) {
	id := account.LetterID{1}
	at := testDay.Start()
	f.Add(uint8(kindLetter), letterPart{id: id, at: at, text: []byte("hello")}.part().Body)
	f.Add(uint8(kindLetter), letterPart{id: id, at: at, long: true, size: 5000, files: []filePart{{size: 3, sum: [32]byte{}, name: "a"}}}.part().Body)
	f.Add(uint8(kindPiece), piecePart{id, 1, 7, []byte("bytes")}.part().Body)
	f.Add(uint8(kindReceipt), appendReceipt(nil, receipt{id, true, at}))
	u := newUser(f, "U")
	other := newUser(f, "O")
	befriend(f, u, other)
	from, err := u.a.Contact("O")
	if err != nil {
		f.Fatal(err)
	}
	clean := u.vault.(*account.MemVault)
	f.Fuzz(func(t *testing.T, kind uint8, body []byte) {
		defer limits.Watch(t, len(body))()
		v := clean.Clone()
		c := &Chat{a: u.a, vault: v, config: u.c.config}
		for range 2 {
			err := v.Update(func(tx account.Tx) error { return c.Deliver(tx, from, u.at, seal.Part{Kind: kind, Body: body}) })
			if err != nil {
				t.Fatal(err)
			}
		}
		list, err := c.Conversation(from.ID, account.LetterID{}, 0)
		if err != nil || len(list) > 1 {
			t.Fatal(len(list), err)
		}
		// A bit that only a newer Jauap knows is passed over: what is understood
		// comes back the same.
		if l, ok := parseLetter(body); ok {
			again, ok := parseLetter(l.part().Body)
			if !ok || !bytes.Equal(again.part().Body, l.part().Body) || !reflect.DeepEqual(again.files, l.files) || !bytes.Equal(again.text, l.text) || again.id != l.id || again.vanish != l.vanish {
				t.Fatalf("not the same letter again: %x", body)
			}
		}
		if p, ok := parsePiece(body); ok && !bytes.Equal(p.part().Body, body) {
			t.Fatalf("two encodings of one piece: %x", body)
		}
	})
}

func TestUnread(t *testing.T) {
	a, b, x := newUser(t, "A"), newUser(t, "B"), newUser(t, "X")
	befriend(t, a, b)
	befriend(t, a, x)
	var ids []account.LetterID
	for i := range 6 {
		from := []*user{b, x}[i%2]
		ids = append(ids, from.send("A", fmt.Sprint(i)))
		exchange(t, a, b, x)
	}
	check := func(from account.ContactID, want ...string) {
		t.Helper()
		list, err := a.c.Unread(from)
		must(t, err)
		if !slices.Equal(texts(list), want) {
			t.Errorf("unread %q, want %q", texts(list), want)
		}
	}
	check(account.ContactID{}, "0", "1", "2", "3", "4", "5")
	check(a.id("X"), "1", "3", "5")
	must(t, a.c.MarkRead(a.at, ids[1], ids[4], account.LetterID{7}))
	check(account.ContactID{}, "0", "2", "3", "5")
	for name, want := range map[string]int{"B": 2, "X": 2} {
		if h, err := a.c.Head(a.id(name)); err != nil || h.Unread != want {
			t.Errorf("%s: %+v %v", name, h, err)
		}
	}
	exchange(t, a, b, x)
	if b.letter(ids[4]).State != Read || b.letter(ids[2]).State != Delivered || x.letter(ids[1]).State != Read {
		t.Error("receipts of the wrong letters")
	}
}

// TestReadBeforeWhole: a letter that is read while its file is on the way is
// confirmed when the file is there.
func TestReadBeforeWhole(t *testing.T) {
	a, b := newUser(t, "A"), newUser(t, "B")
	befriend(t, a, b)
	id := a.send("B", "look", Attachment{Name: "a.jpg", Data: make([]byte, 30_000)})
	units := a.units()
	b.receive(units[0])
	l := b.letter(id)
	if len(units) < 2 || l.Files[0].Whole() || l.Files[0].Bytes != 30_000 {
		t.Fatalf("%d units, %+v", len(units), l.Files)
	}
	must(t, b.c.MarkRead(b.at, id))
	exchange(t, a, b)
	if s := a.letter(id).State; s != Saved {
		t.Fatalf("%v before it is whole", s)
	}
	for _, raw := range units[1:] {
		b.receive(raw)
	}
	exchange(t, a, b)
	if got := states(a.letter(id)); !slices.Equal(got, []State{Saved, Delivered, Read}) {
		t.Fatal(got)
	}
}

// TestOnDisk runs two people on SQLite, with restarts and a reopened file.
func TestOnDisk(t *testing.T) {
	dir := t.TempDir()
	open := func(u *user) {
		t.Helper()
		v, err := sqlite.Open(filepath.Join(dir, u.name), nil)
		must(t, err)
		u.vault = v
		u.restart()
	}
	var users []*user
	for _, name := range []string{"A", "B"} {
		v, err := sqlite.Create(filepath.Join(dir, name), nil, sqlite.Params{NoPassphrase: true})
		must(t, err)
		users = append(users, newUserOn(t, name, v))
	}
	a, b := users[0], users[1]
	t.Cleanup(func() { a.vault.Close(); b.vault.Close() })
	befriend(t, a, b)
	data := bytes.Repeat([]byte("0123456789"), 20_000)
	id := a.send("B", strings.Repeat("long ", 2000), Attachment{Name: "digits.txt", Data: data})
	packed, err := a.a.Pack(a.at, 60_000)
	must(t, err)
	must(t, a.vault.Close())
	open(a)
	again, err := a.a.Unhanded()
	must(t, err)
	if len(packed) == 0 || len(again) != len(packed) {
		t.Fatalf("%d packed, %d after the restart", len(packed), len(again))
	}
	for _, p := range again {
		if !slices.ContainsFunc(packed, func(q account.Packed) bool { return bytes.Equal(p.Bytes, q.Bytes) }) {
			t.Fatal("other bytes after the restart")
		}
		b.receive(p.Bytes)
	}
	must(t, b.vault.Close())
	open(b)
	exchange(t, a, b)
	l := b.letter(id)
	if len(l.Text) != 10_000 || !l.Files[0].Whole() || !bytes.Equal(read(t, b.c, l.Files[0].ID), data) {
		t.Fatalf("%d bytes, %+v", len(l.Text), l.Files)
	}
	if s := a.letter(id).State; s != Delivered {
		t.Error(s)
	}
}

// TestManyAtOnce uses one Chat from many goroutines, for the race detector.
func TestManyAtOnce(t *testing.T) {
	a, b := newUser(t, "A"), newUser(t, "B")
	befriend(t, a, b)
	to := a.id("B")
	var wait sync.WaitGroup
	for i := range 4 {
		wait.Go(func() {
			for n := range 10 {
				if _, err := a.c.Send(a.at, to, fmt.Sprint(i, n), nil, 0); err != nil {
					t.Error(err)
				}
				a.c.Conversation(to, account.LetterID{}, 5)
				a.c.Head(to)
				a.a.Contact("B")
				a.a.Waiting()
				a.a.Next()
				packed, err := a.a.Pack(a.at, 1<<20)
				if err != nil {
					t.Error(err)
				}
				for _, p := range packed {
					a.a.Knows([16]byte{byte(n)})
					b.a.Receive(b.at, p.Bytes)
					b.c.Unread(account.ContactID{})
				}
			}
		})
	}
	wait.Wait()
	exchange(t, a, b)
	if n := len(b.conversation("A")); n != 40 {
		t.Errorf("%d letters", n)
	}
}
