package group

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/seal"
	"github.com/jauap/jauap/status"
)

// board gives a user statuses, in groups too; what came is noted in seen.
func (u *user) board(seen *[]seal.Part) *status.Board {
	b := status.New(u.a, status.Config{Rand: rand.New(rand.NewPCG(4, 7))})
	b.Join(u.g)
	u.g.Others(func(tx account.Tx, at account.Moment, w Writer, p seal.Part) error {
		if seen != nil {
			*seen = append(*seen, seal.Part{Kind: p.Kind, Body: bytes.Clone(p.Body)})
		}
		return b.InGroup(tx, at, status.Writer(w), p)
	})
	return b
}

func (u *user) newest(b *status.Board, names ...account.ContactID) string {
	u.t.Helper()
	h, err := b.Newest(names...)
	must(u.t, err)
	if h == nil {
		return ""
	}
	return h.Kind.String() + " " + h.Note
}

func (u *user) author(id ID, name string) Person {
	u.t.Helper()
	for _, p := range u.info(id).Members {
		if p.Name == name {
			return p
		}
	}
	u.t.Fatalf("%s knows no %s: %+v", u.name, name, u.info(id).Members)
	return Person{}
}

func dispatch(t *testing.T, b *status.Board) status.Dispatch {
	t.Helper()
	said, err := b.Mine(1)
	must(t, err)
	if len(said) != 1 || len(said[0].To) != 1 {
		t.Fatalf("%+v", said)
	}
	return said[0].To[0]
}

// TestWordToGroup: one envelope for all; who is cut off gets it later; it is the
// writer's status, not a letter; a newer one takes its place; who left gets none.
func TestWordToGroup(t *testing.T) {
	list := everybody(t, 3)
	a, b, c := list[0], list[1], list[2]
	id := found(t, 0, a, b, c)
	var seen []seal.Part
	wa, wb, wc := a.board(nil), b.board(&seen), c.board(nil)
	say := func(note string) {
		t.Helper()
		_, err := wa.Say(a.at, status.Word{Kind: status.Safe, Note: note, Place: status.Place{Town: "Тараз"}, With: []status.Mention{{Name: "U2", ID: a.id("U2")}}}, []account.ContactID{id}, true)
		must(t, err)
	}
	say("old")
	say("біз аманбыз") // before the old one left
	many := len(a.many)
	exchange(t, a, b) // c is cut off
	if n := len(a.many) - many; n != 1 {
		t.Fatalf("%d envelopes to the group", n)
	}
	if got := b.newest(wb, b.id("U0")); got != "safe біз аманбыз" {
		t.Fatalf("b knows %q", got)
	}
	if texts := b.texts(id); len(texts) != 0 {
		t.Errorf("the word stands among the letters: %q", texts)
	}
	of, err := wb.Of(b.id("U0"), 0)
	must(t, err)
	if len(of) != 1 || len(of[0].With) != 1 || of[0].With[0].Name != "U2" || of[0].With[0].ID != (account.ContactID{}) {
		t.Errorf("%+v", of)
	}
	if len(seen) != 1 || seen[0].Kind != 0x56|account.Critical || bytes.Contains(seen[0].Body, []byte("old")) || !bytes.Contains(seen[0].Body, append(make([]byte, 8), 2, 'U', '2')) {
		t.Errorf("in the letter were %+v", seen) // and what was heard of others never is
	}
	d := dispatch(t, wa)
	reach, err := a.g.Reach(d.Letter)
	must(t, err)
	if r := reach[d.Letter]; d.State == status.Delivered || r.Delivered != 1 || r.Of != 2 || !slices.Equal(r.Missing, []string{"U2"}) {
		t.Fatalf("%+v %+v", d, r)
	}
	exchange(t, a, b, c)
	if got := c.newest(wc, c.id("U0")); got != "safe біз аманбыз" {
		t.Fatalf("c knows %q", got)
	}
	if d = dispatch(t, wa); d.State != status.Delivered {
		t.Fatalf("%+v", d)
	}
	v, err := wc.About([]account.ContactID{c.id("U0")}, c.at.Wall, nil)
	must(t, err)
	if v[0].Wrote.IsZero() || v[0].Place.Town != "Тараз" {
		t.Errorf("%+v", v[0])
	}

	// The same person by session: confirmed there as well.
	_, err = wa.Say(a.at, status.Word{Kind: status.Hurt}, []account.ContactID{id, a.id("U1")}, false)
	must(t, err)
	exchange(t, a, b, c)
	said, err := wa.Mine(1)
	must(t, err)
	for _, d := range said[0].To {
		if d.State != status.Delivered {
			t.Errorf("%+v", d)
		}
	}

	// Who left gets no more, and the owner who left tells no more.
	must(t, c.g.Leave(c.at, id))
	exchange(t, a, b, c)
	say("after")
	exchange(t, a, b, c)
	if got := c.newest(wc, c.id("U0")); got != "hurt " {
		t.Errorf("who left reads %q", got)
	}
	if d = dispatch(t, wa); d.State != status.Delivered {
		t.Errorf("%+v", d)
	}
	if _, err := wc.Say(c.at, status.Word{Kind: status.Safe}, []account.ContactID{id}, false); err != ErrNotMember {
		t.Errorf("who left tells: %v", err)
	}
}

// TestWordOfStranger: what a member writes who is no contact, or of whom only
// others say who they are, is nobody's but the pseudonym's.
func TestWordOfStranger(t *testing.T) {
	a, b, c := newUser(t, "U0"), newUser(t, "U1"), newUser(t, "U2")
	befriend(t, a, b)
	befriend(t, a, c)
	id := found(t, 0, a, b, c)
	a.board(nil)
	wb, wc := b.board(nil), c.board(nil)
	_, err := wc.Say(c.at, status.Word{Kind: status.Moved, Note: "x"}, []account.ContactID{id}, false)
	must(t, err)
	exchange(t, a, b, c)
	p := b.author(id, "U2")
	if p.Said || p.Contact != (account.ContactID{}) {
		t.Fatalf("%+v", p)
	}
	if got := b.newest(wb, p.Author); got != "moved x" {
		t.Errorf("b knows %q", got)
	}
	if d := dispatch(t, wc); d.State != status.Delivered {
		t.Errorf("%+v", d)
	}
	must(t, wb.Forget(p.Author))
	if got := b.newest(wb, p.Author); got != "" {
		t.Errorf("forgotten, b knows %q", got)
	}
}

// TestWordVectors: the parts in a group letter, byte by byte.
func TestWordVectors(t *testing.T) {
	file, err := os.ReadFile(filepath.Join("..", "spec", "vectors", "status-group.json"))
	must(t, err)
	var v struct {
		Word, Arrived           struct{ Part string }
		Key, Note, Town, Friend string
		Seq                     uint32
		WroteMs, ArrivedMs      int64
	}
	must(t, json.Unmarshal(file, &v))
	word, err := hex.DecodeString(v.Word.Part)
	must(t, err)
	arrived, err := hex.DecodeString(v.Arrived.Part)
	must(t, err)
	key, err := hex.DecodeString(v.Key)
	must(t, err)

	a := newUser(t, "U0")
	w := a.board(nil)
	writer := status.Writer{Group: ID{1}, Author: ID{2}, Key: [8]byte(key), Me: [8]byte(key)}
	err = a.vault.Update(func(tx account.Tx) error {
		return w.InGroup(tx, a.at, writer, seal.Part{Kind: 0x56 | account.Critical, Body: word})
	})
	if err != account.ErrUnknown { // the group of the vector is not there to be answered
		t.Fatal(err)
	}
	b := newUser(t, "U1")
	befriend(t, a, b)
	id := found(t, 0, a, b)
	writer.Group = id
	must(t, a.vault.Update(func(tx account.Tx) error {
		return w.InGroup(tx, a.at, writer, seal.Part{Kind: 0x56 | account.Critical, Body: word})
	}))
	h, err := w.Newest(writer.Author)
	must(t, err)
	if h == nil || h.Seq != v.Seq || h.At.UnixMilli() != v.WroteMs || h.Kind != status.Safe || h.Note != v.Note || h.Town != v.Town || len(h.With) != 1 || h.With[0].Name != v.Friend {
		t.Errorf("%+v", h)
	}
	// What is answered names the author, the number and the time.
	var part seal.Part
	must(t, a.vault.Update(func(tx account.Tx) error {
		p, ok, err := w.Cut(tx, account.StreamID(append([]byte{'s'}, id[:]...)), 1000)
		if !ok {
			t.Error("nothing is answered")
		}
		part = p
		return err
	}))
	if part.Kind != 0x58 || len(part.Body) != 18 || !bytes.Equal(part.Body[:12], arrived[:12]) || len(arrived) != 18 {
		t.Errorf("%x, want %x", part.Body, arrived)
	}
	ms := int64(0)
	for _, x := range arrived[12:] {
		ms = ms<<8 | int64(x)
	}
	if ms != v.ArrivedMs {
		t.Error(ms)
	}
}
