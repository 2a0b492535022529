package account

import (
	"errors"
	"testing"

	"github.com/jauap/jauap/seal"
)

// second is an App beside the notebook.
type second struct {
	got   []string
	moved int
	left  map[StreamID]int
}

func (s *second) Deliver(_ Tx, _ Contact, _ Moment, p seal.Part) error {
	s.got = append(s.got, string(p.Body))
	return nil
}

func (s *second) Moved(Tx, Moment, Progress) error { s.moved++; return nil }

func (s *second) Left(_ Tx, id StreamID) (int64, error) { return int64(s.left[id]), nil }

func (s *second) Cut(_ Tx, id StreamID, room int) (seal.Part, bool, error) {
	if s.left[id] == 0 || room < 20 {
		return seal.Part{}, false, nil
	}
	s.left[id] = 0
	return seal.Part{Kind: kindBeside, Body: []byte("cut")}, true, nil
}

const kindBeside = FirstAppKind + 0x1f

// TestAlso: each App gets its own kinds and streams, and hears of every letter.
func TestAlso(t *testing.T) {
	a, b := newUser(t, "A"), newUser(t, "B")
	befriend(t, a, b)
	mine, theirs := &second{left: map[StreamID]int{"zone": 1}}, &second{}
	a.a.Also(mine, Claim{Kinds: []uint8{kindBeside}, Streams: "z"})
	b.a.Also(theirs, Claim{Kinds: []uint8{kindBeside}, Streams: "z"})
	exchange(t, a, b)
	a.write("B", "for the first")
	err := a.vault.Update(func(tx Tx) error {
		return a.a.Queue(tx, a.at, Outgoing{
			To: a.contact("B").ID, Letter: LetterID{9}, Streams: []StreamID{"zone"},
			Parts: []seal.Part{{Kind: kindBeside | Critical, Body: []byte("beside")}},
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	exchange(t, a, b)
	if got := b.notes(); len(got) != 1 || got[0] != "for the first" {
		t.Fatalf("the first App got %q", got)
	}
	if len(theirs.got) != 2 || theirs.got[0] != "beside" || theirs.got[1] != "cut" {
		t.Fatalf("the second App got %q", theirs.got)
	}
	if mine.moved == 0 || a.progress(LetterID{9}) == "" {
		t.Fatal("not every watcher was told")
	}
}

// TestWithdraw: what was not sealed can be taken back, and nothing else.
func TestWithdraw(t *testing.T) {
	a, b := newUser(t, "A"), newUser(t, "B")
	befriend(t, a, b)
	exchange(t, a, b)
	withdraw := func(id LetterID) (ok bool) {
		t.Helper()
		if err := a.vault.Update(func(tx Tx) (err error) { ok, err = a.a.Withdraw(tx, id); return err }); err != nil {
			t.Fatal(err)
		}
		return ok
	}
	id := a.write("B", "taken back")
	kept := a.write("B", "kept")
	if !withdraw(id) || withdraw(id) {
		t.Fatal("a letter is taken back once")
	}
	if n := a.a.Waiting(); n != 1 {
		t.Fatalf("%d letters wait", n)
	}
	exchange(t, a, b)
	if got := b.notes(); len(got) != 1 || got[0] != "kept" {
		t.Fatalf("%q", got)
	}
	late := a.write("B", "sealed")
	a.pack(1 << 20)
	if withdraw(late) || withdraw(kept) {
		t.Fatal("what was sealed was taken back")
	}
}

// TestShared: both ends have the same two keys, in the other order, before any
// letter; nobody else and no other label has them.
func TestShared(t *testing.T) {
	a, b, c := newUser(t, "A"), newUser(t, "B"), newUser(t, "C")
	keys := func(x, y *user, label string) (out, in [32]byte) {
		t.Helper()
		out, in, err := x.a.Shared(y.a.Me().Public(), label)
		if err != nil {
			t.Fatal(err)
		}
		return out, in
	}
	out, in := keys(a, b, "jauap/1 x")
	out2, in2 := keys(b, a, "jauap/1 x")
	if out != in2 || in != out2 || out == in {
		t.Fatal("the ends do not agree")
	}
	other, _ := keys(a, b, "jauap/1 y")
	foreign, _ := keys(a, c, "jauap/1 x")
	if other == out || foreign == out || out == ([32]byte{}) {
		t.Fatal("keys repeat")
	}
	if _, _, err := a.a.Shared(a.a.Me().Public(), "jauap/1 x"); !errors.Is(err, ErrSelf) {
		t.Fatal(err)
	}
}
