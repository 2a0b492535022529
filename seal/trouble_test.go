package seal_test

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"testing"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/seal"
)

// A state that was put back repeats a key, but neither nonce nor key stream;
// and the other end's acknowledgement moves it out of the used indexes.
func TestRollbackOfTheSender(t *testing.T) {
	a, b := newPerson(t, "A"), newPerson(t, "B")
	sa, sb := confirmed(t, a, b, 0, false)
	snapshot := sa.Marshal()
	first := mustSeal(t, sa, 0, envelope.S1, "the same words")
	mustOpen(t, sb, 0, first.Bytes, "the same words")
	for i := range 5 {
		msg := fmt.Sprint(i)
		mustOpen(t, sb, 0, mustSeal(t, sa, 0, envelope.S1, msg).Bytes, msg)
	}
	old, err := seal.ParseSession(snapshot)
	if err != nil {
		t.Fatal(err)
	}
	second := mustSeal(t, old, 0, envelope.S1, "the same words")
	if second.Index != first.Index {
		t.Fatal("this test needs a repeated index")
	}
	e, f := parse(t, first.Bytes), parse(t, second.Bytes)
	if e.Key() != f.Key() {
		t.Fatal("this test needs a repeated key")
	}
	if bytes.Equal(e.Body()[:24], f.Body()[:24]) {
		t.Fatal("a nonce was repeated")
	}
	same := 0
	for i := 24; i < len(e.Body()); i++ {
		if e.Body()[i] == f.Body()[i] {
			same++
		}
	}
	if same > 30 { // 900 bytes, 1/256 equal by chance: 3.5 expected
		t.Fatalf("%d bytes of ciphertext are equal", same)
	}
	if _, err := sb.Open(0, f); !errors.Is(err, seal.ErrReplay) {
		t.Fatalf("a used index opened: %v", err)
	}
	o := mustOpen(t, old, 0, mustSeal(t, sb, 0, envelope.S1, "news").Bytes, "news")
	if !o.Forked {
		t.Fatal("a rolled back state is not told")
	}
	third := mustSeal(t, old, 0, envelope.S1, "beyond")
	if third.Index != first.Index+6 {
		t.Fatalf("index %d after the news, want %d", third.Index, first.Index+6)
	}
	mustOpen(t, sb, 0, third.Bytes, "beyond")
}

// A key exchange with somebody who stole a state and uses it does not pass
// in silence.
func TestStolenStateIsNoticed(t *testing.T) {
	a, b := newPerson(t, "A"), newPerson(t, "B")
	sa, sb := confirmed(t, a, b, 0, false)
	thief := reload(t, sb)
	now := seal.Tick(90_000)
	offer := mustSeal(t, sa, now, envelope.S2, "offer")
	// The thief answers first; the true end answers too.
	mustOpen(t, thief, now, offer.Bytes, "offer")
	mustOpen(t, sb, now, offer.Bytes, "offer")
	mustSeal(t, sb, now, envelope.S1, "spends the index that the thief uses")
	mustOpen(t, sa, now, mustSeal(t, thief, now, envelope.S2, "forged").Bytes, "forged")
	o := mustOpen(t, sa, now, mustSeal(t, sb, now, envelope.S2, "true").Bytes, "true")
	if !o.Forked {
		t.Fatal("two answers to one offer went unnoticed")
	}
}

// Keys of missing letters live as long as the sender says, plus four days.
func TestExpire(t *testing.T) {
	const d = 86400
	a, b := newPerson(t, "A"), newPerson(t, "B")
	for _, days := range []int{0, 7, 120} {
		a.renew(t)
		b.renew(t)
		sa, sb := confirmed(t, a, b, 0, false)
		w := where(envelope.S1)
		w.LifeDays = days
		missing, err := sa.Seal(0, w, text("late"))
		if err != nil {
			t.Fatal(err)
		}
		next, err := sa.Seal(0, w, text("next"))
		if err != nil {
			t.Fatal(err)
		}
		mustOpen(t, sb, 0, next.Bytes, "next")
		keep := days
		if keep < 30 { // the default is what the start said
			keep = 30
		}
		end := seal.Tick(keep+4) * d
		sb.Expire(end - 1)
		kept := reload(t, sb)
		mustOpen(t, kept, end-1, missing.Bytes, "late")
		sb = reload(t, sb)
		sb.Expire(end)
		if _, err := sb.Open(end, parse(t, missing.Bytes)); !errors.Is(err, seal.ErrUnknownTag) {
			t.Fatalf("%d days: a key outlived its letter: %v", days, err)
		}
	}
}

// Lost letters leave keys behind, and no more than the bound.
func TestMissingIsBounded(t *testing.T) {
	a, b := newPerson(t, "A"), newPerson(t, "B")
	sa, sb := confirmed(t, a, b, 0, false)
	var oldest, newest seal.Sealed
	now := seal.Tick(0)
	for round := range 28 {
		now += 60
		for i := range 94 {
			out := mustSeal(t, sa, now, envelope.S1, "late")
			if newest = out; round == 0 && i == 0 {
				oldest = out
			}
		}
		mustOpen(t, sb, now, mustSeal(t, sa, now, envelope.S1, "arrives").Bytes, "arrives")
		mustOpen(t, sa, now, mustSeal(t, sb, now, envelope.S1, "heard").Bytes, "heard")
	}
	if n := sb.Missing(); n != 2500 {
		t.Fatalf("%d keys of missing letters", n)
	}
	sb = reload(t, sb)
	if n := len(sb.Marshal()); n > 120_000 {
		t.Errorf("the state has %d bytes", n)
	}
	unchanged(t, sb, seal.ErrUnknownTag, func() error { _, err := sb.Open(now, parse(t, oldest.Bytes)); return err })
	mustOpen(t, sb, now, newest.Bytes, "late")
	if sb.Missing() != 2499 {
		t.Error("an opened letter's key is kept")
	}
}

// The first letter of a new epoch closes the old one: of its window only the
// keys of letters that were sealed remain.
func TestFinalCountsCloseEpochs(t *testing.T) {
	a, b := newPerson(t, "A"), newPerson(t, "B")
	sa, sb := confirmed(t, a, b, 0, false)
	var late [][]byte
	for range 10 {
		late = append(late, mustSeal(t, sa, 0, envelope.S1, "late").Bytes)
	}
	now := seal.Tick(86400)
	mustOpen(t, sa, now, mustSeal(t, sb, now, envelope.S1, "hello").Bytes, "hello")
	offer := mustSeal(t, sa, now, envelope.S2, "offer").Bytes
	mustOpen(t, sb, now, offer, "offer")
	for range 5 {
		late = append(late, mustSeal(t, sa, now, envelope.S1, "late").Bytes)
	}
	mustOpen(t, sa, now, mustSeal(t, sb, now, envelope.S2, "answer").Bytes, "answer")
	first := mustSeal(t, sa, now, envelope.S1, "new epoch")
	if first.Epoch != 1 {
		t.Fatalf("epoch %d", first.Epoch)
	}
	if n := len(sb.Tags()); n != 2*(128+128+10) {
		t.Fatalf("%d tags while both epochs live", n)
	}
	mustOpen(t, sb, now, first.Bytes, "new epoch")
	if n := len(sb.Tags()); n != 2*(128+15) || sb.Missing() != 15 {
		t.Fatalf("%d tags and %d missing after the old epoch closed", n, sb.Missing())
	}
	sb = reload(t, sb)
	for _, raw := range late {
		mustOpen(t, sb, now, raw, "late")
	}
	if n := len(sb.Tags()); n != 2*128 {
		t.Fatalf("%d tags at the end", n)
	}
}

// A letter of nothing but heads of parts costs bounded memory.
func TestPartsAreBounded(t *testing.T) {
	l := seal.Letter{Life: 30, Parts: make([]seal.Part, 8192)}
	for i := range l.Parts {
		l.Parts[i].Kind = kindText
	}
	b, err := seal.WriteLetter(l, envelope.S4.BodySize()-40)
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	got, err := seal.ReadLetter(b, 0)
	runtime.ReadMemStats(&after)
	if err != nil || len(got.Parts) != 8192 {
		t.Fatalf("%d parts: %v", len(got.Parts), err)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
		t.Errorf("%d bytes allocated for a letter of 64 KiB", n)
	}
	l.Parts = append(l.Parts, l.Parts[0])
	if b, err = seal.WriteLetter(l, envelope.S4.BodySize()-40); err != nil {
		t.Fatal(err)
	}
	if _, err := seal.ReadLetter(b, 0); !errors.Is(err, seal.ErrMalformed) {
		t.Errorf("8193 parts: %v", err)
	}
	a, c := newPerson(t, "A"), newPerson(t, "B")
	sa, _ := confirmed(t, a, c, 0, false)
	unchanged(t, sa, seal.ErrTooLarge, func() error { _, err := sa.Seal(0, where(envelope.S4), l.Parts); return err })
	unchanged(t, sa, seal.ErrMalformed, func() error {
		_, err := sa.Seal(0, where(envelope.S4), []seal.Part{{Kind: 0x01}})
		return err
	})
}
