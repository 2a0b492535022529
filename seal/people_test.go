package seal_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/identity"
	"github.com/jauap/jauap/seal"
)

const kindText = 0x41

// person is somebody with a card and its inbox.
type person struct {
	me    *identity.Me
	card  *identity.CardSecret
	inbox *seal.Inbox
}

func newPerson(t testing.TB, name string) *person {
	t.Helper()
	me, err := identity.New(name)
	if err != nil {
		t.Fatal(err)
	}
	p := &person{me: me}
	p.renew(t)
	return p
}

// renew takes a fresh card.
func (p *person) renew(t testing.TB) {
	t.Helper()
	c, err := p.me.NewCard(7)
	if err != nil {
		t.Fatal(err)
	}
	p.card, p.inbox = c, seal.NewInbox(c)
}

func where(c envelope.Class) seal.Where {
	return seal.Where{Class: c, Shard: 7, Expiry: 1500}
}

func text(s string) []seal.Part { return []seal.Part{{Kind: kindText, Body: []byte(s)}} }

func mustSeal(t testing.TB, s *seal.Session, now seal.Tick, c envelope.Class, msg string) seal.Sealed {
	t.Helper()
	out, err := s.Seal(now, where(c), text(msg))
	if err != nil {
		t.Fatalf("seal %v %q: %v", c, msg, err)
	}
	return out
}

func parse(t testing.TB, b []byte) envelope.Envelope {
	t.Helper()
	e, err := envelope.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func mustOpen(t testing.TB, s *seal.Session, now seal.Tick, b []byte, want string) seal.Opened {
	t.Helper()
	o, err := s.Open(now, parse(t, b))
	if err != nil {
		t.Fatalf("open %q: %v", want, err)
	}
	checkText(t, o, want)
	return o
}

func checkText(t testing.TB, o seal.Opened, want string) {
	t.Helper()
	if len(o.Parts) != 1 || o.Parts[0].Kind != kindText || string(o.Parts[0].Body) != want {
		t.Fatalf("parts %q, want %q", o.Parts, want)
	}
}

// begin is a session of a with b, started and opened by one letter.
func begin(t testing.TB, a, b *person, now seal.Tick, short bool) (sa, sb *seal.Session) {
	t.Helper()
	card := b.card.Card()
	if short {
		card = card.Short()
	}
	sa, err := seal.Start(now, a.me, a.card, card, b.card.Key())
	if err != nil {
		t.Fatal(err)
	}
	first := mustSeal(t, sa, now, envelope.S2, "first")
	if !first.Start {
		t.Fatal("the first letter is no start")
	}
	sb, from, o, err := b.inbox.Open(now, b.me, parse(t, first.Bytes))
	if err != nil {
		t.Fatalf("open start: %v", err)
	}
	checkText(t, o, "first")
	if from.Public() != a.me.Public() || sb.Peer() != a.me.Public() || sa.Peer() != b.me.Public() {
		t.Fatal("wrong people")
	}
	if sa.ID() != sb.ID() {
		t.Fatal("the two ends name the session differently")
	}
	return sa, sb
}

// confirmed is a session in which both ends have heard of each other.
func confirmed(t testing.TB, a, b *person, now seal.Tick, short bool) (sa, sb *seal.Session) {
	t.Helper()
	sa, sb = begin(t, a, b, now, short)
	c := envelope.S1
	if short {
		c = envelope.S2 // carries the answer to the first key exchange
	}
	if o := mustOpen(t, sa, now, mustSeal(t, sb, now, c, "reply").Bytes, "reply"); !o.Confirmed {
		t.Fatal("the reply does not confirm")
	}
	if o := mustOpen(t, sb, now, mustSeal(t, sa, now, envelope.S1, "again").Bytes, "again"); !o.Confirmed {
		t.Fatal("the second letter does not confirm")
	}
	return sa, sb
}

// reload puts a session through its stored form.
func reload(t testing.TB, s *seal.Session) *seal.Session {
	t.Helper()
	b := s.Marshal()
	r, err := seal.ParseSession(b)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(r.Marshal(), b) {
		t.Fatal("a stored session does not come back the same")
	}
	return r
}

// unchanged runs f, which must fail with the error and leave the state alone.
func unchanged(t testing.TB, s *seal.Session, want error, f func() error) {
	t.Helper()
	before := s.Marshal()
	if err := f(); !errors.Is(err, want) {
		t.Fatalf("got %v, want %v", err, want)
	}
	if !bytes.Equal(before, s.Marshal()) {
		t.Fatalf("the state changed with %v", want)
	}
}
