package account

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/identity"
)

func TestNames(t *testing.T) {
	a := newUser(t, "A")
	for _, name := range []string{"Dana", "Dana", "dana", "", "two  words"} {
		b := newUser(t, name)
		befriend(t, a, b)
		for _, p := range b.pack(1 << 20) {
			a.receive(p.Bytes)
		}
	}
	var got []string
	for _, c := range a.a.Contacts() {
		got = append(got, c.Name)
	}
	if s := strings.Join(got, "|"); s != "Dana|Dana (2)|dana (3)|somebody|two words" {
		t.Error(s)
	}
	if c := a.contact("DANA (2)"); c.Name != "Dana (2)" {
		t.Error(c.Name)
	}
	if _, err := a.a.Contact("Nobody"); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
	// A name that is somebody's id does not lead to whoever chose it.
	dana := a.contact("Dana")
	spy := newUser(t, dana.ID.String())
	befriend(t, a, spy)
	for _, p := range spy.pack(1 << 20) {
		a.receive(p.Bytes)
	}
	if len(a.a.Contacts()) != 6 || a.contact(dana.ID.String()).ID != dana.ID {
		t.Error("the id leads to somebody else")
	}
	for in, want := range map[string]string{
		"\u202Eevil\n\x00": "evil", " a \t b ": "a b", "\xff": "", strings.Repeat("я", 99): strings.Repeat("я", 32), "\u200d": "",
	} {
		if got := CleanName(in); got != want {
			t.Errorf("%q became %q", in, got)
		}
	}
	long := newUser(t, strings.Repeat("я", 16))
	befriend(t, long, a)
	if _, err := a.a.Accept(a.at, mustInvite(t, long), strings.Repeat("ж", 60), false); err != nil {
		t.Fatal(err)
	}
	if c := a.contact(strings.Repeat("ж", 32)); c.ID != IDOf(long.a.Me().Public()) {
		t.Error("a long petname")
	}
}

func mustInvite(t *testing.T, u *user) identity.Invite {
	t.Helper()
	i, err := u.a.Invite(u.at)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func TestAcceptAgain(t *testing.T) {
	a, b := newUser(t, "A"), newUser(t, "B")
	if _, err := a.a.Accept(a.at, mustInvite(t, a), "", false); !errors.Is(err, ErrSelf) {
		t.Error(err)
	}
	if _, err := a.a.Accept(a.at, identity.Invite{}, "", false); !errors.Is(err, identity.ErrInvite) {
		t.Error(err)
	}
	befriend(t, a, b)
	exchange(t, a, b)
	c, err := b.a.Accept(b.at, mustInvite(t, a), "", true)
	if err != nil || c.Verified != InPerson || c.Name != "A" || len(b.a.Contacts()) != 1 {
		t.Fatalf("%+v %v", c, err)
	}
	if n := len(b.pack(1 << 20)); n != 0 {
		t.Errorf("a second invitation of somebody alive sends %d envelopes", n)
	}
	// Accepting without meeting does not take trust back.
	if c, err = b.a.Accept(b.at, mustInvite(t, a), "Ay", false); err != nil || c.Verified != InPerson || c.Name != "Ay" {
		t.Fatalf("%+v %v", c, err)
	}
}

// TestInPersonBothWays: each scans the other's code; whoever starts, both end
// with one working conversation.
func TestInPersonBothWays(t *testing.T) {
	a, b := newUser(t, "A"), newUser(t, "B")
	scan := func(from, to *user) {
		i, err := identity.ParseInvite(mustInvite(t, from).QRText())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := to.a.Accept(to.at, i, "", true); err != nil {
			t.Fatal(err)
		}
	}
	scan(a, b)
	scan(b, a)
	for i := range 5 {
		a.write("B", fmt.Sprint("a", i))
		b.write("A", fmt.Sprint("b", i))
		x, y := a.pack(1<<20), b.pack(1<<20) // they cross
		for _, p := range x {
			b.receive(p.Bytes)
		}
		for _, p := range y {
			a.receive(p.Bytes)
		}
		a.at.Tick, b.at.Tick = a.at.Tick+60, b.at.Tick+60
	}
	exchange(t, a, b)
	if len(a.notes()) != 5 || len(b.notes()) != 5 {
		t.Fatalf("%q %q", a.notes(), b.notes())
	}
	if a.contact("B").Verified != InPerson || len(a.a.Contacts()) != 1 || a.a.people[a.contact("B").ID].top() != 0 {
		t.Errorf("%+v", a.contact("B"))
	}
	// A hundred letters one way, with answers by the account alone, do not end
	// in a dead end.
	for i := range 300 {
		a.write("B", fmt.Sprint("more", i))
		for _, p := range a.pack(1 << 20) {
			b.receive(p.Bytes)
		}
		b.at.Tick += 60
		for _, p := range b.pack(1 << 20) {
			a.receive(p.Bytes)
		}
	}
	if got := len(b.notes()); got != 305 {
		t.Fatalf("%d letters", got)
	}
	if n := len(a.a.people[a.contact("B").ID].sessions); n > 2 {
		t.Errorf("%d sessions", n)
	}
}

func TestVerify(t *testing.T) {
	a, b := newUser(t, "A"), newUser(t, "B")
	befriend(t, a, b)
	exchange(t, a, b)
	id := a.contact("B").ID
	print, err := b.a.MyFingerprint()
	if err != nil {
		t.Fatal(err)
	}
	mine, err := a.a.MyFingerprint()
	if err != nil {
		t.Fatal(err)
	}
	for _, wrong := range []string{"", "x", mine.Digits(), strings.Join(mine.Words(), " ")} {
		if _, err := a.a.Verify(a.at, id, wrong, false); !errors.Is(err, ErrNoMatch) {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	// A wrong code is wrong, whatever else is claimed.
	if _, err := a.a.Verify(a.at, id, "abandon", true); !errors.Is(err, ErrNoMatch) {
		t.Error(err)
	}
	if c := a.contact("B"); c.Verified != Unverified {
		t.Fatal("verified by a wrong code")
	}
	c, err := a.a.Verify(a.at, id, print.Digits(), false)
	if err != nil || c.Verified != ByVoice || !c.VerifiedAt.Equal(a.at.Wall) {
		t.Fatalf("%+v %v", c, err)
	}
	if c, err = a.a.Verify(a.at, id, "", true); err != nil || c.Verified != InPerson {
		t.Fatalf("%+v %v", c, err)
	}
	if c, err = a.a.Verify(a.at, id, strings.Join(print.Words(), "-"), false); err != nil || c.Verified != InPerson {
		t.Fatalf("less trust after more proof: %+v %v", c, err)
	}
	if _, err := a.a.Verify(a.at, ContactID{}, print.Digits(), false); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
	a.restart(a.vault)
	if c = a.contact("B"); c.Verified != InPerson || !a.a.people[id].fingerprint.Match(print.Digits()) {
		t.Errorf("after a restart: %+v", c)
	}
}

// TestStolenCard lets a stranger use the card that only B had.
func TestStolenCard(t *testing.T) {
	a, b, spy := newUser(t, "A"), newUser(t, "B"), newUser(t, "B")
	befriend(t, a, b)
	exchange(t, a, b)
	if _, err := a.a.Verify(a.at, a.contact("B").ID, "", true); err != nil {
		t.Fatal(err)
	}
	stolen := b.a.people[b.contact("A").ID].theirs
	if stolen.Card.IsZero() {
		t.Fatal("B has no restart card of A")
	}
	if _, err := spy.a.Accept(spy.at, stolen, "", false); err != nil {
		t.Fatal(err)
	}
	spy.write("A", "it is me, B")
	for _, p := range spy.pack(1 << 20) {
		a.receive(p.Bytes)
	}
	real, fake := a.contact("B"), a.contact("B (2)")
	if real.Public != b.a.Me().Public() || real.Verified != InPerson {
		t.Errorf("the real B: %+v", real)
	}
	if !fake.KeyChanged || fake.Was != real.ID || fake.Verified != Unverified || fake.Public != spy.a.Me().Public() {
		t.Errorf("the other: %+v", fake)
	}
	if c, err := a.a.Verify(a.at, fake.ID, "", true); err != nil || c.KeyChanged {
		t.Errorf("after comparing: %+v %v", c, err)
	}
}

func TestInvitesAreBounded(t *testing.T) {
	a := newUser(t, "A")
	first := mustInvite(t, a)
	a.at.Tick += 10
	for range maxInvites - 1 {
		mustInvite(t, a)
	}
	if _, err := a.a.Invite(a.at); !errors.Is(err, ErrInvites) {
		t.Fatal(err)
	}
	// After half a year of use the oldest give way, not before.
	a.at.Tick += keepCards - 11
	if _, err := a.a.Invite(a.at); !errors.Is(err, ErrInvites) {
		t.Fatal(err)
	}
	b := newUser(t, "B")
	if _, err := b.a.Accept(b.at, first, "", false); err != nil {
		t.Fatal(err)
	}
	p := b.pack(1 << 20)
	if len(p) != 1 || !a.a.Knows(mustParse(t, p[0].Bytes).Tag()) {
		t.Fatal("the first invitation is not watched for any more")
	}
	a.at.Tick += 2
	mustInvite(t, a)
	if len(a.a.cards) != maxInvites {
		t.Errorf("%d cards", len(a.a.cards))
	}
	if a.a.Knows(mustParse(t, p[0].Bytes).Tag()) {
		t.Error("tags of a dropped card are known")
	}
}

func mustParse(t testing.TB, raw []byte) envelope.Envelope {
	t.Helper()
	e, err := envelope.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	return e
}
