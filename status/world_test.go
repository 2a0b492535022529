package status

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/seal"
)

const testDay = envelope.Day(1800) // 2026-12-06

// user is one person with a vault and a board.
type user struct {
	t     testing.TB
	vault account.Vault
	a     *account.Account
	b     *Board
	at    account.Moment
}

// nobody takes the parts that are for other rooms.
type nobody struct{}

func (nobody) Deliver(account.Tx, account.Contact, account.Moment, seal.Part) error { return nil }

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
	c := account.DefaultConfig()
	c.Rand = rand.New(rand.NewPCG(1, 7))
	c.AckMin, c.AckMax, c.ProofMin, c.ProofMax = 0, 0, 0, 0
	a.Configure(c)
	a.Use(nobody{})
	u.a, u.b = a, New(a, Config{Rand: rand.New(rand.NewPCG(2, 7))})
}

func (u *user) pass(d time.Duration) {
	u.at.Wall = u.at.Wall.Add(d)
	u.at.Tick += seal.Tick(d / time.Second)
	u.at.Day = envelope.DayOf(u.at.Wall)
}

func befriend(t testing.TB, a, b *user) {
	t.Helper()
	i, err := a.a.Invite(a.at)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.a.Accept(b.at, i, "", false); err != nil {
		t.Fatal(err)
	}
	exchange(t, a, b)
}

func (u *user) id(name string) account.ContactID {
	u.t.Helper()
	c, err := u.a.Contact(name)
	if err != nil {
		u.t.Fatal(err)
	}
	return c.ID
}

// pack takes what would leave now.
func (u *user) pack() (units [][]byte) {
	u.t.Helper()
	u.at.Tick += 60
	packed, err := u.a.Pack(u.at, 1<<30)
	if err != nil {
		u.t.Fatal(err)
	}
	for _, p := range packed {
		units = append(units, p.Bytes)
		if err := u.a.Submitted(p.ID); err != nil {
			u.t.Fatal(err)
		}
	}
	proofs, err := u.a.Proofs(u.at, true)
	if err != nil {
		u.t.Fatal(err)
	}
	for _, p := range proofs {
		units = append(units, p)
		if err := u.a.Submitted(envelope.IDOf(p)); err != nil {
			u.t.Fatal(err)
		}
	}
	return units
}

func (u *user) receive(units ...[]byte) {
	u.t.Helper()
	if _, err := u.a.ReceiveAll(u.at, units); err != nil {
		u.t.Fatal(err)
	}
}

func exchange(t testing.TB, users ...*user) {
	t.Helper()
	for range 30 {
		var units [][]byte
		for _, u := range users {
			units = append(units, u.pack()...)
		}
		if len(units) == 0 {
			return
		}
		for _, u := range users {
			u.receive(units...)
		}
	}
	t.Fatal("the exchange does not end")
}

// say tells one person.
func (u *user) say(w Word, to string) Said {
	u.t.Helper()
	s, err := u.b.Say(u.at, w, []account.ContactID{u.id(to)}, false)
	if err != nil {
		u.t.Fatal(err)
	}
	return s
}

func (u *user) about(name string, mine ...Span) View {
	u.t.Helper()
	v, err := u.b.About([]account.ContactID{u.id(name)}, u.at.Wall, mine)
	if err != nil {
		u.t.Fatal(err)
	}
	return v[0]
}

// mine are the states of the owner's words, newest first.
func (u *user) states() (list []State) {
	u.t.Helper()
	said, err := u.b.Mine(0)
	if err != nil {
		u.t.Fatal(err)
	}
	for _, s := range said {
		for _, d := range s.To {
			list = append(list, d.State)
		}
	}
	return list
}
