package pairing

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/identity"
	"github.com/jauap/jauap/seal"
)

// little is the memory of Argon2id in tests; vectors take what is specified.
const little = 64

const testDay = envelope.Day(1800) // 2026-12-06

// quiet is an App that no letter of these tests concerns.
type quiet struct{}

func (quiet) Deliver(account.Tx, account.Contact, account.Moment, seal.Part) error { return nil }

// user is one person with a vault.
type user struct {
	t     testing.TB
	vault account.Vault
	a     *account.Account
	p     *Pairing
	at    account.Moment
}

func newUser(t testing.TB, name string) *user {
	t.Helper()
	u := &user{t: t, vault: account.NewMemVault()}
	u.at = account.Moment{Wall: testDay.Start().Add(10 * time.Hour), Tick: 1000, Day: testDay}
	a, err := account.Create(u.vault, name, u.at)
	if err != nil {
		t.Fatal(err)
	}
	u.run(a)
	return u
}

func (u *user) run(a *account.Account) {
	u.t.Helper()
	config := account.DefaultConfig()
	config.Rand = rand.New(rand.NewPCG(1, 7))
	config.AckMin, config.AckMax, config.ProofMin, config.ProofMax = 0, 0, 0, 0
	a.Configure(config)
	a.Use(quiet{})
	p, err := New(a, rand.New(rand.NewPCG(2, 7)))
	if err != nil {
		u.t.Fatal(err)
	}
	p.memory = little
	u.a, u.p = a, p
}

// restart opens the vault anew, as after a crash.
func (u *user) restart() {
	u.t.Helper()
	a, err := account.Open(u.vault, u.at)
	if err != nil {
		u.t.Fatal(err)
	}
	u.run(a)
}

func (u *user) pass(d time.Duration) {
	u.at.Wall = u.at.Wall.Add(d)
	u.at.Tick += seal.Tick(d / time.Second)
	u.at.Day = envelope.DayOf(u.at.Wall)
}

func (u *user) code() Mine {
	u.t.Helper()
	m, err := u.p.NewCode(u.at)
	if err != nil {
		u.t.Fatal(err)
	}
	return m
}

func (u *user) look(typed, name string) Theirs {
	u.t.Helper()
	l, err := u.p.Look(u.at, typed, name)
	if err != nil {
		u.t.Fatal(err)
	}
	return l
}

// tend lets everything happen that is due, and answers what the shelf gets.
func (u *user) tend() (units [][]byte) {
	u.t.Helper()
	if _, err := u.p.Tend(u.at, true); err != nil {
		u.t.Fatal(err)
	}
	if err := u.p.Tell(u.at); err != nil {
		u.t.Fatal(err)
	}
	units = u.p.Units()
	for _, raw := range units {
		if err := u.p.Stored(envelope.IDOf(raw)); err != nil {
			u.t.Fatal(err)
		}
	}
	return units
}

// meet brings everything that one has to the other: drops and letters.
func meet(from, to *user) {
	from.t.Helper()
	packed, err := from.a.Pack(from.at, 1<<20)
	if err != nil {
		from.t.Fatal(err)
	}
	raws := from.tend()
	for _, p := range packed {
		raws = append(raws, p.Bytes)
	}
	to.hand(raws...)
}

func (u *user) hand(raws ...[]byte) {
	u.t.Helper()
	for _, raw := range raws {
		u.p.Offer(raw)
	}
	if _, err := u.a.ReceiveAll(u.at, raws); err != nil {
		u.t.Fatal(err)
	}
	u.tend()
}

func (u *user) contact(name string) account.Contact {
	u.t.Helper()
	c, err := u.a.Contact(name)
	if err != nil {
		u.t.Fatal(err)
	}
	return c
}

func (u *user) state(l Theirs) Theirs {
	u.t.Helper()
	for _, o := range u.p.Looks() {
		if o.ID == l.ID {
			return o
		}
	}
	u.t.Fatalf("look %s is gone", l.ID)
	return Theirs{}
}

// stranger is an invitation of somebody else.
func stranger(t testing.TB, name string) identity.Invite {
	t.Helper()
	me, err := identity.New(name)
	if err != nil {
		t.Fatal(err)
	}
	c, err := me.NewCard(0)
	if err != nil {
		t.Fatal(err)
	}
	return c.Invite()
}

// dropOf puts an invitation where those look who have a code.
func dropOf(t testing.TB, c Code, i identity.Invite) []byte {
	t.Helper()
	e, _, err := newDrop(placeOf(c, little), i, testDay.Add(30))
	if err != nil {
		t.Fatal(err)
	}
	return e.Bytes()
}
