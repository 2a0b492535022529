package pairing

import (
	"errors"
	"slices"
	"testing"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/internal/limits"
	"github.com/jauap/jauap/seal"
)

// trio is C with two contacts who do not know each other, all in session.
func trio(t *testing.T) (c, a, b *user) {
	t.Helper()
	c, a, b = newUser(t, "Timur"), newUser(t, "Aigerim"), newUser(t, "Dana")
	for _, u := range []*user{a, b} {
		i, err := c.a.Invite(c.at)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := u.a.Accept(u.at, i, "", true); err != nil {
			t.Fatal(err)
		}
	}
	rounds(c, a, b)
	return c, a, b
}

// rounds brings everything that each has to both others.
func rounds(all ...*user) {
	for range 4 {
		for _, from := range all {
			packed, err := from.a.Pack(from.at, 1<<20)
			if err != nil {
				from.t.Fatal(err)
			}
			raws := from.tend()
			for _, p := range packed {
				raws = append(raws, p.Bytes)
			}
			for _, to := range all {
				if to != from {
					to.hand(raws...)
				}
			}
		}
	}
}

func (u *user) intros() []Intro {
	u.t.Helper()
	list, err := u.p.Intros()
	if err != nil {
		u.t.Fatal(err)
	}
	return list
}

func (u *user) answer(yes bool) {
	u.t.Helper()
	if _, err := u.p.Answer(u.at, u.intros()[0].ID, yes); err != nil {
		u.t.Fatal(err)
	}
}

// TestIntroduce: both are asked, both say yes, both know each other as
// introduced, with restarts in between; words may follow.
func TestIntroduce(t *testing.T) {
	c, a, b := trio(t)
	if _, err := c.p.Introduce(c.at, c.contact("Aigerim").ID, c.contact("Aigerim").ID); !errors.Is(err, ErrSame) {
		t.Errorf("%v", err)
	}
	if _, err := c.p.Introduce(c.at, c.contact("Aigerim").ID, account.ContactID{9}); !errors.Is(err, account.ErrUnknown) {
		t.Errorf("%v", err)
	}
	if _, err := c.p.Introduce(c.at, c.contact("Aigerim").ID, c.contact("Dana").ID); err != nil {
		t.Fatal(err)
	}
	rounds(c, a, b)
	if n := a.intros()[0]; n.Name != "Dana" || n.By != a.contact("Timur").ID || n.Answer != NoAnswer {
		t.Fatalf("%+v", n)
	}
	a.restart()
	a.answer(true)
	if _, err := a.p.Answer(a.at, a.intros()[0].ID, true); !errors.Is(err, ErrAnswered) {
		t.Errorf("answered twice: %v", err)
	}
	rounds(c, a, b)
	if len(a.a.Contacts()) != 1 || len(b.a.Contacts()) != 1 {
		t.Fatal("one yes is enough")
	}
	if n := c.intros()[0]; n.Answers[slices.Index(n.Two[:], c.contact("Aigerim").ID)] != Yes || n.Over {
		t.Fatalf("%+v", n)
	}
	b.answer(true)
	c.restart()
	rounds(c, a, b)
	for _, u := range []*user{a, b} {
		if !u.intros()[0].Over {
			t.Errorf("not over: %+v", u.intros()[0])
		}
	}
	d := a.contact("Dana")
	if d.Verified != account.Introduced || d.By != "Timur" || d.VerifiedAt.IsZero() {
		t.Fatalf("%+v", d)
	}
	for range 3 {
		meet(a, b)
		meet(b, a)
	}
	if how, _, err := a.p.Theirs(d.ID); err != nil || how != account.Introduced {
		t.Errorf("%v %v", how, err)
	}
	f, err := a.a.Fingerprint(d.ID)
	if err != nil {
		t.Fatal(err)
	}
	if up, err := a.a.Verify(a.at, d.ID, f.Digits(), false); err != nil || up.Verified != account.ByVoice || up.By != "" {
		t.Errorf("%+v %v", up, err)
	}
	if n := c.intros()[0]; !n.Over {
		t.Errorf("%+v", n)
	}
}

// TestNo: after a no nobody gets anybody's card.
func TestNo(t *testing.T) {
	c, a, b := trio(t)
	if _, err := c.p.Introduce(c.at, c.contact("Aigerim").ID, c.contact("Dana").ID); err != nil {
		t.Fatal(err)
	}
	rounds(c, a, b)
	a.answer(true)
	b.answer(false)
	rounds(c, a, b)
	if len(a.a.Contacts()) != 1 || len(b.a.Contacts()) != 1 || !c.intros()[0].Over {
		t.Errorf("%+v", c.intros())
	}
	for _, u := range []*user{c, a, b} {
		u.pass(61 * 24 * 3600e9)
		u.tend()
		u.tend()
		if len(u.intros()) != 0 {
			t.Error("not forgotten")
		}
	}
}

// TestLies: what a contact says of introductions that never were, or with cards
// of others, changes nothing.
func TestLies(t *testing.T) {
	c, a, b := trio(t)
	if _, err := c.p.Introduce(c.at, c.contact("Aigerim").ID, c.contact("Dana").ID); err != nil {
		t.Fatal(err)
	}
	rounds(c, a, b)
	id := c.p.mustIntro(t)
	spy := stranger(t, "Dana")
	card := append(spy.Card.Bytes(), spy.Key[:]...)
	body := func(parts ...[]byte) []byte { return append([]byte{1}, slices.Concat(parts...)...) }
	say := func(to *user, from account.Contact, kind uint8, b []byte) {
		t.Helper()
		err := to.vault.Update(func(tx account.Tx) error {
			return to.p.Deliver(tx, from, to.at, seal.Part{Kind: kind, Body: b})
		})
		if err != nil {
			t.Fatal(err)
		}
		to.tend()
	}
	timur, aigerim := a.contact("Timur"), c.contact("Aigerim")
	// To the introducer: a card of somebody else, a stranger's answer, rubbish.
	say(c, aigerim, kindAnswer, body(id[:], []byte{1}, card))
	say(c, account.Contact{ID: account.ContactID{7}}, kindAnswer, body(id[:], []byte{0}))
	say(c, aigerim, kindAnswer, body(id[:], []byte{2}))
	say(c, aigerim, kindAnswer, body(id[:8]))
	if n := c.intros()[0]; n.Answers != [2]Answer{} || n.Over {
		t.Fatalf("%+v", n)
	}
	// To one of the two: a card before the yes, and one of another person.
	say(a, timur, kindCard, body(id[:], card))
	a.answer(true)
	say(a, timur, kindCard, body(id[:], card))
	say(a, account.Contact{ID: account.ContactID{7}}, kindCard, body(id[:], card))
	if len(a.a.Contacts()) != 1 {
		t.Fatal("a card was taken that nobody was asked about")
	}
	// Too many offers are dropped, names are cleaned, oneself is not introduced.
	me := account.IDOf(a.a.Me().Public())
	say(a, timur, kindOffer, body([]byte("................"), me[:], []byte("me")))
	for i := range 2 * maxIntros {
		one := [16]byte{1, byte(i), byte(i >> 8)}
		say(a, timur, kindOffer, body(one[:], one[:], []byte("x\u202ey\n")))
	}
	if list := a.intros(); len(list) != maxIntros || list[1].Name == "x\u202ey\n" {
		t.Errorf("%d introductions, %q", len(list), list[1].Name)
	}
}

func (p *Pairing) mustIntro(t *testing.T) (id [16]byte) {
	t.Helper()
	err := p.vault.View(func(tx account.Tx) error {
		list, err := allIntros(tx, nil, nil)
		if err == nil {
			id = list[0].id
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func FuzzDeliver(f *testing.F) {
	i := stranger(f, "Dana")
	card := append(i.Card.Bytes(), i.Key[:]...)
	f.Add(byte(kindNote), []byte{1, 2})
	f.Add(byte(kindOffer), append([]byte{1}, make([]byte, 40)...))
	f.Add(byte(kindAnswer), slices.Concat([]byte{1}, make([]byte, 16), []byte{1}, card))
	f.Add(byte(kindCard), slices.Concat([]byte{1}, make([]byte, 16), card))
	u := newUser(f, "Aigerim")
	f.Fuzz(func(t *testing.T, kind byte, b []byte) {
		defer limits.Watch(t, len(b))()
		err := u.vault.Update(func(tx account.Tx) error {
			return u.p.Deliver(tx, account.Contact{ID: account.ContactID{5}}, u.at, seal.Part{Kind: kind, Body: b})
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}
