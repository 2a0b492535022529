package account

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/seal"
)

func (u *user) packShort(max int) []Packed {
	u.t.Helper()
	out, err := u.a.PackShort(u.at, max)
	if err != nil {
		u.t.Fatal(err)
	}
	for _, p := range out {
		if len(p.Bytes) > envelope.S0MaxSize {
			u.t.Fatalf("%d bytes are no S0", len(p.Bytes))
		}
	}
	return out
}

// friends are two people whose session lives.
func friends(t *testing.T) (a, b *user) {
	a, b = newUser(t, "A"), newUser(t, "B")
	befriend(t, a, b)
	exchange(t, a, b)
	return a, b
}

// TestShort sends what is small as S0 and leaves the rest for better links.
func TestShort(t *testing.T) {
	a, b := friends(t)
	slow := a.write("B", "slow")
	err := a.vault.Update(func(tx Tx) error {
		two := []seal.Part{{Kind: kindNote, Body: []byte("I am safe")}, {Kind: kindNote, Body: []byte("so is Timur")}}
		return a.a.Queue(tx, a.at, Outgoing{To: a.contact("B").ID, Letter: LetterID{7}, Parts: two, Urgency: 1})
	})
	if err != nil {
		t.Fatal(err)
	}
	a.write("B", strings.Repeat("long ", 40))
	a.writeStream("B", "with a photo")
	out := a.packShort(1 << 20)
	var sizes []int
	for _, p := range out {
		sizes = append(sizes, len(p.Bytes))
	}
	if !slices.Equal(sizes, []int{96, 96, 96}) || out[0].Letters[0] != (LetterID{7}) || out[2].Letters[0] != slow {
		t.Fatalf("sealed %d", sizes)
	}
	if again := a.packShort(1 << 20); len(again) != 0 {
		t.Fatalf("%d sealed again", len(again))
	}
	if left, err := a.a.Unhanded(); err != nil || len(left) != 3 {
		t.Fatalf("%d are kept until the shelf has them: %v", len(left), err)
	}
	// Somebody who hears the radio sends made-up bodies for the same tags.
	for _, p := range out {
		fake := slices.Clone(p.Bytes)
		fake[len(fake)-1] ^= 1
		if _, err := b.a.Receive(b.at, fake); err == nil {
			t.Fatal("a made-up body was opened")
		}
		if !b.receive(p.Bytes) || b.receive(p.Bytes) {
			t.Fatal("not once")
		}
	}
	if got := b.notes(); !slices.Equal(got, []string{"I am safe", "so is Timur", "slow"}) {
		t.Fatalf("%q", got)
	}
	if proofs, err := b.a.Proofs(b.at, true); err != nil || len(proofs) != 0 {
		t.Fatalf("%d proofs of S0: %v", len(proofs), err)
	}
	rest := a.pack(1 << 20)
	for _, p := range rest {
		b.receive(p.Bytes)
	}
	if got := b.notes(); len(rest) == 0 || len(got) != 5 {
		t.Fatalf("%d notes arrived", len(got))
	}
}

// TestShortIsProven by what the other end answers, and by nothing that others make.
func TestShortIsProven(t *testing.T) {
	a, b := friends(t)
	id := a.write("B", "are you there")
	out := a.packShort(1 << 20)
	const open = "sealed=true carriers=0 left=false proven=false expired=false"
	if s := a.progress(id); s != open {
		t.Fatal(s)
	}
	// Under a key of nothing but zeros many signatures hold.
	raw := slices.Concat([]byte{1<<4 | byte(envelope.Done), 0, 0, 0}, out[0].ID[:], make([]byte, 32+64))
	binary.BigEndian.PutUint16(raw[2:], uint16(testDay)+9)
	e, err := envelope.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	err = a.vault.Update(func(tx Tx) error { _, err := a.a.proof(tx, a.at, e); return err })
	if _, refused := err.(refusal); !refused {
		t.Fatalf("a proof without a key: %v", err)
	}
	b.receive(out[0].Bytes)
	b.write("A", "yes")
	for _, p := range b.packShort(1 << 20) {
		a.receive(p.Bytes)
	}
	if s := a.progress(id); s != "sealed=true carriers=0 left=false proven=true expired=false" {
		t.Fatal(s)
	}
}

// TestShortLimits: no more bytes than asked for, none to whom nothing was heard of,
// and no entry of which only a part has keys left.
func TestShortLimits(t *testing.T) {
	a, b := friends(t)
	stranger := newUser(t, "Stranger")
	befriend(t, stranger, a)
	a.write("Stranger", "hello?")
	for i := range 120 {
		a.write("B", fmt.Sprint(i))
	}
	if out := a.packShort(2*96 + envelope.S0MaxSize); len(out) != 3 {
		t.Fatalf("%d sealed", len(out))
	}
	n := 3
	for range 3 {
		for _, p := range a.packShort(1 << 20) {
			if n++; p.To != a.contact("B").ID {
				t.Fatal("an S0 before a session")
			}
		}
	}
	if n > maxKeys || n < maxKeys-3 {
		t.Fatalf("%d sealed without an answer", n)
	}
	if got := b.notes(); len(got) != 0 {
		t.Fatal(got)
	}
}

// TestShortRiders: answers without content, and receipts, ride alone when due.
func TestShortRiders(t *testing.T) {
	a, b := friends(t)
	err := a.vault.Update(func(tx Tx) error {
		if err := tx.Put(tableNotes, []byte("leftreceipts"), binary.BigEndian.AppendUint64(nil, 300)); err != nil {
			return err
		}
		to := a.contact("B").ID
		if err := a.a.Queue(tx, a.at, Outgoing{To: to, Streams: []StreamID{"receipts"}, Alone: a.at.Tick + 100}); err != nil {
			return err
		}
		return a.a.Queue(tx, a.at, Outgoing{To: to, Parts: []seal.Part{{Kind: KindHello}}, Alone: a.at.Tick + 100})
	})
	if err != nil {
		t.Fatal(err)
	}
	if out := a.packShort(1 << 20); len(out) != 0 {
		t.Fatalf("%d sealed early", len(out))
	}
	a.at.Tick += 101
	var all [][]byte
	for range 4 {
		for _, p := range a.packShort(1 << 20) {
			all = append(all, p.Bytes)
		}
	}
	if len(all) != 3 || !bytes.Equal(all[0][:1], []byte{1 << 4}) { // 179, 121, and the hello
		t.Fatalf("%d envelopes", len(all))
	}
	for _, raw := range all {
		b.receive(raw)
	}
	if b.streamed() != 300 {
		t.Fatalf("%d bytes of receipts", b.streamed())
	}
}
