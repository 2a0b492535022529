package chat

import (
	"testing"
	"time"
)

// TestFirstLetterByReceipt: of a letter that rode in a Start only the receipt
// tells that it arrived, and then the account knows it too.
func TestFirstLetterByReceipt(t *testing.T) {
	a, b := newUser(t, "Aigerim"), newUser(t, "Dana")
	i, err := a.a.Invite(a.at)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.a.Accept(b.at, i, "", false); err != nil {
		t.Fatal(err)
	}
	id := b.send("Aigerim", "the first")
	out := b.units()
	for _, raw := range out {
		a.receive(raw)
	}
	proofs, err := a.a.Proofs(a.at, true)
	if err != nil || len(proofs) == 0 {
		t.Fatal(len(proofs), err)
	}
	for _, raw := range proofs {
		b.receive(raw)
	}
	if l := b.letter(id); l.State != Saved {
		t.Errorf("a proof that anybody with the invitation can make: %v", l.State)
	}
	exchange(t, a, b)
	if l := b.letter(id); l.State != Delivered {
		t.Errorf("after the receipt: %v", l.State)
	}
	if n := b.a.Waiting(); n != 0 {
		t.Errorf("%d letters wait for a carrier", n)
	}
}

// TestSealedAgainShownOnce: the proof came, the receipt did not, and the letter
// goes again: it and its file are there once.
func TestSealedAgainShownOnce(t *testing.T) {
	a, b := newUser(t, "Aigerim"), newUser(t, "Dana")
	i, err := a.a.Invite(a.at)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.a.Accept(b.at, i, "", false); err != nil {
		t.Fatal(err)
	}
	id := b.send("Aigerim", "the first", Attachment{Name: "a.txt", Data: []byte("some bytes")})
	carry := func() (n int) {
		for _, raw := range b.units() {
			n++
			a.receive(raw)
		}
		return n
	}
	carry()
	proofs, err := a.a.Proofs(a.at, true)
	if err != nil || len(proofs) == 0 {
		t.Fatal(len(proofs), err)
	}
	for _, raw := range proofs {
		b.receive(raw)
	}
	b.pass(25 * time.Hour)
	if carry() == 0 {
		t.Fatal("nothing goes again")
	}
	exchange(t, a, b)
	list := a.conversation("Dana")
	if len(list) != 1 || len(list[0].Files) != 1 || string(read(t, a.c, list[0].Files[0].ID)) != "some bytes" {
		t.Errorf("%+v", list)
	}
	if l := b.letter(id); l.State != Delivered {
		t.Error(l.State)
	}
}
