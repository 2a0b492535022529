package account

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/jauap/jauap/envelope"
)

func TestFirstLetters(t *testing.T) {
	a, b := newUser(t, "Aigerim"), newUser(t, "Dana")
	befriend(t, a, b)
	if len(a.a.Contacts()) != 0 {
		t.Fatal("an invitation alone makes a contact")
	}
	id := b.write("Aigerim", "are you well?")
	first := b.pack(1 << 20)
	if len(first) != 1 || len(first[0].Bytes) != envelope.S2.Size() || !slices.Equal(first[0].Letters, []LetterID{id}) {
		t.Fatalf("first letter: %d envelopes", len(first))
	}
	if !a.receive(first[0].Bytes) || a.receive(first[0].Bytes) {
		t.Fatal("not once")
	}
	if c := a.contact("dana"); c.Name != "Dana" || c.Verified != Unverified || c.HeardAt.IsZero() {
		t.Fatalf("%+v", c)
	}
	if got := a.notes(); !slices.Equal(got, []string{"are you well?"}) {
		t.Fatalf("notes: %q", got)
	}
	if s := b.progress(id); s != "sealed=true carriers=0 left=false proven=false expired=false" {
		t.Fatal(s)
	}
	exchange(t, a, b)
	if s := b.progress(id); s != "sealed=true carriers=0 left=false proven=true expired=false" {
		t.Fatal(s)
	}
	a.write("Dana", "yes")
	reply := a.pack(1 << 20)
	if len(reply) != 1 || len(reply[0].Bytes) > envelope.S2.Size() {
		t.Fatalf("reply: %d envelopes", len(reply))
	}
	b.receive(reply[0].Bytes)
	if got := b.notes(); !slices.Equal(got, []string{"yes"}) {
		t.Fatalf("notes: %q", got)
	}
	exchange(t, a, b)
	a.write("Dana", "short")
	if p := a.pack(1 << 20); len(p) != 1 || len(p[0].Bytes) != envelope.S1.Size() {
		t.Fatalf("a short letter in a session takes %d envelopes of %d", len(p), len(p[0].Bytes))
	}
}

func TestCreateAndOpen(t *testing.T) {
	v := NewMemVault()
	if _, err := Open(v, testMoment()); !errors.Is(err, ErrNoAccount) {
		t.Fatal(err)
	}
	a, err := Create(v, "Timur", testMoment())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Create(v, "Timur", testMoment()); !errors.Is(err, ErrTaken) {
		t.Fatal(err)
	}
	b, err := Open(v, testMoment())
	if err != nil || b.Me().Public() != a.Me().Public() {
		t.Fatal(err)
	}
	if _, err := b.Receive(testMoment(), []byte("junk")); err == nil {
		t.Fatal("junk received")
	}
}

func TestPackingFigure(t *testing.T) {
	a, b := newUser(t, "A"), newUser(t, "B")
	befriend(t, a, b)
	exchange(t, a, b)
	for i := range 500 {
		a.write("B", fmt.Sprintf("%-223d", i)) // 200 and chat's head of 23
	}
	size := 0
	for _, p := range a.pack(1 << 30) {
		size += len(p.Bytes)
		if !b.receive(p.Bytes) {
			t.Fatal("not received")
		}
	}
	if got := len(b.notes()); got != 500 {
		t.Fatalf("%d letters arrived", got)
	}
	if size > 125_000 {
		t.Errorf("500 letters of 200 B take %d B, want at most 125,000", size)
	}
	t.Logf("500 texts of 200 B: %d B", size)
}
