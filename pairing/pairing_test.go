package pairing

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/envelope"
)

// TestCall: both read, both type, in whatever order, and both are verified by
// voice. Restarts in between change nothing.
func TestCall(t *testing.T) {
	for _, late := range []bool{false, true} {
		t.Run(fmt.Sprintf("second types late %v", late), func(t *testing.T) {
			a, b := newUser(t, "Aigerim"), newUser(t, "Dana")
			ca, cb := a.code(), b.code()
			drops := a.tend()
			if len(drops) != 1 || len(drops[0]) != 4096 || len(a.p.Units()) != 0 {
				t.Fatalf("%d drops", len(drops))
			}
			a.restart()
			l := a.look(cb.Code.Digits(), "Daughter")
			if l.State != Looking || l.Name != "Daughter" {
				t.Fatalf("%+v", l)
			}
			a.restart()
			var back Theirs
			if !late {
				back = b.look(strings.Join(ca.Code.Words("en"), " "), "")
			}
			meet(b, a)
			if got := a.state(l); got.State != Found || got.Contact != a.contact("Daughter").ID || got.False != 0 {
				t.Fatalf("%+v", got)
			}
			if c := a.contact("Daughter"); c.Verified != account.ByVoice || c.VerifiedAt.IsZero() {
				t.Fatalf("%+v", c)
			}
			meet(a, b) // the first letter
			if late {
				// Half: she answered, and nobody knows yet that it is she.
				if c := b.contact("Aigerim"); c.Verified != account.Unverified {
					t.Fatalf("%+v", c)
				}
				if how, _, err := b.p.Theirs(b.contact("Aigerim").ID); err != nil || how != account.ByVoice {
					t.Fatalf("she told %v, %v", how, err)
				}
				mine := b.p.Codes(b.at)[0]
				if len(mine.Answers) != 1 || mine.Answers[0].Name != "Aigerim" || mine.Left == 0 {
					t.Fatalf("%+v", mine)
				}
				b.restart()
				back = b.look(ca.Code.Digits(), "")
				b.hand(drops...)
			} else {
				b.hand(drops...)
			}
			if got := b.state(back); got.State != Found {
				t.Fatalf("%+v", got)
			}
			if c := b.contact("Aigerim"); c.Verified != account.ByVoice {
				t.Fatalf("%+v", c)
			}
			// Both did it: the drop of the answered code is taken back.
			units := b.tend()
			if len(units) != 0 {
				t.Fatalf("%d units after the proof was stored", len(units))
			}
			if m := b.p.Codes(b.at)[0]; m.Left != 0 {
				t.Fatalf("the code goes on: %+v", m)
			}
			// And each hears that the other has checked.
			for range 3 {
				meet(b, a)
				meet(a, b)
			}
			for _, pair := range []struct {
				u    *user
				name string
			}{{a, "Daughter"}, {b, "Aigerim"}} {
				if how, at, err := pair.u.p.Theirs(pair.u.contact(pair.name).ID); err != nil || how != account.ByVoice || at.IsZero() {
					t.Errorf("%s told %v at %v, %v", pair.name, how, at, err)
				}
			}
			if len(a.a.Contacts()) != 1 || len(b.a.Contacts()) != 1 {
				t.Error("somebody stands there twice")
			}
		})
	}
}

// TestFalseCard: who heard the code and puts a card of their own there, or
// anything else, is noticed and not believed, and does not stand in the way.
func TestFalseCard(t *testing.T) {
	a, b := newUser(t, "Aigerim"), newUser(t, "Dana")
	cb := b.code()
	true1 := b.tend()
	l := a.look(cb.Code.Digits(), "Dana")
	spy := stranger(t, "Dana")
	forged := dropOf(t, cb.Code, spy)
	a.hand(forged)
	if got := a.state(l); got.State != Looking || got.False != 1 || len(a.a.Contacts()) != 0 {
		t.Fatalf("%+v, %d contacts", got, len(a.a.Contacts()))
	}
	a.hand(forged)
	a.restart()
	a.hand(forged)
	if got := a.state(l); got.False != 1 {
		t.Fatalf("the same again counts anew: %d", got.False)
	}
	// The true card with another key would lead letters to nowhere.
	i, err := openDrop(placeOf(cb.Code, little), parsed(t, true1[0]))
	if err != nil {
		t.Fatal(err)
	}
	i.Key[3] ^= 1
	a.hand(dropOf(t, cb.Code, i))
	if got := a.state(l); got.State != Looking || got.False != 2 {
		t.Fatalf("%+v", got)
	}
	a.hand(true1...)
	if got := a.state(l); got.State != Found || got.False != 2 {
		t.Fatalf("%+v", got)
	}
	if c := a.contact("Dana"); c.Verified != account.ByVoice || c.Public == spy.Card.Public() {
		t.Fatalf("%+v", c)
	}
	// What comes afterwards is not looked at.
	a.hand(true1[0], dropOf(t, cb.Code, stranger(t, "Dana")))
	if got := a.state(l); got.False != 2 || len(a.a.Contacts()) != 1 {
		t.Fatalf("%+v", got)
	}
}

func parsed(t *testing.T, raw []byte) envelope.Envelope {
	t.Helper()
	e, err := envelope.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// TestFlood: a thousand false cards cost a bounded amount of work, and the
// true one is found among them.
func TestFlood(t *testing.T) {
	a, b := newUser(t, "Aigerim"), newUser(t, "Dana")
	cb := b.code()
	l := a.look(cb.Code.Digits(), "")
	spy, where := stranger(t, "Dana"), placeOf(cb.Code, little)
	for range maxWaits + 100 {
		e, _, err := newDrop(where, spy, testDay.Add(30))
		if err != nil {
			t.Fatal(err)
		}
		a.p.Offer(e.Bytes())
	}
	a.tend()
	a.tend()
	got := a.state(l)
	if waits := len(a.p.looks[hexID(t, l.ID)].waiting); got.False != burst || waits != maxWaits-burst {
		t.Fatalf("%d were judged and %d wait", got.False, waits)
	}
	a.pass(each * time.Second)
	a.tend()
	if got := a.state(l); got.False != burst+1 {
		t.Fatalf("%d judged", got.False)
	}
	// Whoever stands there when the true one comes cannot keep it out for ever:
	// it is offered again with each look at the shelf.
	drop := b.tend()[0]
	a.p.looks[hexID(t, l.ID)].waiting = a.p.looks[hexID(t, l.ID)].waiting[:3]
	a.p.Offer(drop)
	a.pass(time.Minute)
	a.tend()
	if got := a.state(l); got.State != Found || got.False > burst+4 {
		t.Fatalf("%+v", got)
	}
}

func hexID(t *testing.T, s string) [16]byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != 16 {
		t.Fatalf("%q is no id", s)
	}
	return [16]byte(b)
}

// TestEnds: codes and looks end after three days of device-on time, and the
// drop is taken back.
func TestEnds(t *testing.T) {
	a, b := newUser(t, "Aigerim"), newUser(t, "Dana")
	m := a.code()
	drop := a.tend()[0]
	l := b.look(m.Code.Digits(), "")
	for _, u := range []*user{a, b} {
		u.pass(3*24*time.Hour - time.Minute)
		if units := u.tend(); len(units) != 0 {
			t.Fatal("too early")
		}
		u.restart()
		u.pass(2 * time.Minute)
	}
	done := a.tend()
	if len(done) != 1 || parsed(t, done[0]).Proves() != envelope.IDOf(drop) || parsed(t, done[0]).Verify() != nil {
		t.Fatalf("the drop is not taken back: %x", done)
	}
	if a.p.Codes(a.at)[0].Left != 0 {
		t.Error("the code did not end")
	}
	b.tend()
	if got := b.state(l); got.State != TooLate {
		t.Fatalf("%+v", got)
	}
	b.hand(drop)
	if len(b.a.Contacts()) != 0 {
		t.Error("a card was taken after the look had ended")
	}
	// Who types it again looks again, and the card still is what the voice said.
	again := b.look(m.Code.Digits(), "")
	b.hand(drop)
	if got := b.state(again); got.State != Found {
		t.Fatalf("%+v", got)
	}
	for _, u := range []*user{a, b} {
		u.pass(11 * 24 * time.Hour)
		u.tend()
	}
	if len(a.p.Codes(a.at)) != 0 || len(b.p.Looks()) != 0 {
		t.Error("what ended long ago is not forgotten")
	}
}

// TestByHand: codes and looks can be ended, and there are not too many.
func TestByHand(t *testing.T) {
	a := newUser(t, "Aigerim")
	m := a.code()
	if _, err := a.p.Look(a.at, m.Code.Digits(), ""); !errors.Is(err, ErrOwn) {
		t.Errorf("own code: %v", err)
	}
	a.tend()
	if err := a.p.End(a.at, m.ID); err != nil {
		t.Fatal(err)
	}
	if len(a.tend()) != 1 || len(a.tend()) != 0 {
		t.Error("the drop is not taken back once")
	}
	l := a.look(codeOf(stranger(t, "B"), little).Digits(), "B")
	if same := a.look(l.Code.Digits(), "Bota"); same.ID != l.ID || same.Name != "Bota" {
		t.Errorf("typed twice: %+v", same)
	}
	if err := a.p.End(a.at, l.ID); err != nil || len(a.p.Looks()) != 0 {
		t.Errorf("%v", err)
	}
	for _, bad := range []string{"", "zz", l.ID, m.ID[:30]} {
		if err := a.p.End(a.at, bad); !errors.Is(err, ErrUnknown) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	for range maxCodes {
		a.code()
	}
	if _, err := a.p.NewCode(a.at); !errors.Is(err, ErrMany) {
		t.Errorf("one code too many: %v", err)
	}
	for i := range maxLooks {
		a.look(newCode(tens(int64(i))).Digits(), "")
	}
	if _, err := a.p.Look(a.at, newCode(tens(20)).Digits(), ""); !errors.Is(err, ErrMany) {
		t.Errorf("one look too many: %v", err)
	}
}

// TestNoDate: without a date that can be believed the drop waits.
func TestNoDate(t *testing.T) {
	a := newUser(t, "Aigerim")
	a.code()
	if _, err := a.p.Tend(a.at, false); err != nil || len(a.p.Units()) != 0 {
		t.Fatalf("%v", err)
	}
	a.restart()
	if len(a.tend()) != 1 {
		t.Fatal("no drop")
	}
}

// TestKnownPerson: a code of somebody who is a contact already verifies them
// and renames nobody; a second person of that name stands apart.
func TestKnownPerson(t *testing.T) {
	a, b, c := newUser(t, "Aigerim"), newUser(t, "Dana"), newUser(t, "Dana")
	i, err := b.a.Invite(b.at)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.a.Accept(a.at, i, "Dana", false); err != nil {
		t.Fatal(err)
	}
	code := b.code()
	a.look(code.Code.Digits(), "Somebody")
	a.hand(b.tend()...)
	if d := a.contact("Dana"); d.Verified != account.ByVoice || len(a.a.Contacts()) != 1 {
		t.Fatalf("%+v", a.a.Contacts())
	}
	code = c.code()
	a.look(code.Code.Digits(), "Dana")
	a.hand(c.tend()...)
	if d := a.contact("Dana (2)"); d.Public == a.contact("Dana").Public || d.Verified != account.ByVoice {
		t.Fatalf("%+v", d)
	}
}

// failing is a vault whose writes fail from the n-th on.
type failing struct {
	account.Vault
	left int
}

func (f *failing) Update(g func(account.Tx) error) error {
	if f.left--; f.left < 0 {
		return account.ErrFull
	}
	return f.Vault.Update(g)
}

// TestFullDisk: wherever writing fails, what follows a restart is as if it had
// not been tried, and it works then.
func TestFullDisk(t *testing.T) {
	a, b := newUser(t, "Aigerim"), newUser(t, "Dana")
	cb := b.code()
	drop := b.tend()[0]
	l := a.look(cb.Code.Digits(), "")
	for n := range 3 {
		f := &failing{a.vault, n}
		v := a.vault
		a.vault = f
		a.restart()
		a.p.Offer(drop)
		_, err := a.p.Tend(a.at, true)
		a.vault = v
		a.restart()
		if got := a.state(l); (err == nil) != (got.State == Found) {
			t.Fatalf("after %d writes: %v, %+v", n, err, got)
		}
		if n == 0 && len(a.a.Contacts()) != 0 {
			t.Error("a contact without a write")
		}
	}
	a.hand(drop)
	if got := a.state(l); got.State != Found || len(a.a.Contacts()) != 1 {
		t.Fatalf("%+v", got)
	}
}

// TestDropIsAnyEnvelope: nothing in a drop repeats, and only its place opens it.
func TestDropIsAnyEnvelope(t *testing.T) {
	i := stranger(t, "Dana")
	c := codeOf(i, little)
	where, other := placeOf(c, little), placeOf(newCode(tens(3)), little)
	x, _, err := newDrop(where, i, testDay)
	if err != nil {
		t.Fatal(err)
	}
	y := parsed(t, dropOf(t, c, i))
	if x.Tag() == y.Tag() || bytes.Equal(x.Body()[:24], y.Body()[:24]) || bytes.Contains(x.Bytes(), i.Card.Bytes()[2:34]) {
		t.Error("two drops are alike, or a key shows")
	}
	other.shard = where.shard
	if _, err := openDrop(other, x); !errors.Is(err, errNotIt) {
		t.Errorf("another code opens it: %v", err)
	}
	raw := bytes.Clone(x.Bytes())
	for _, at := range []int{2, 5, 40, 100, 130, 4095} {
		raw[at] ^= 1
		if e, err := envelope.Parse(raw); err == nil {
			if _, err := openDrop(where, e); err == nil {
				t.Errorf("byte %d can be altered", at)
			}
		}
		raw[at] ^= 1
	}
}
