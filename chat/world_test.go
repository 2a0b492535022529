package chat

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/envelope"
)

const testDay = envelope.Day(1800) // 2026-12-06

// user is one person with a vault and conversations.
type user struct {
	t     testing.TB
	name  string
	vault account.Vault
	a     *account.Account
	c     *Chat
	at    account.Moment
}

func newUser(t testing.TB, name string) *user { return newUserOn(t, name, account.NewMemVault()) }

func newUserOn(t testing.TB, name string, v account.Vault) *user {
	t.Helper()
	u := &user{t: t, name: name, vault: v}
	u.at = account.Moment{Wall: testDay.Start().Add(10 * time.Hour), Tick: 1000, Day: testDay}
	a, err := account.Create(v, name, u.at)
	if err != nil {
		t.Fatal(err)
	}
	u.run(a)
	return u
}

func (u *user) run(a *account.Account) {
	config := account.DefaultConfig()
	config.Rand = rand.New(rand.NewPCG(1, 7))
	config.AckMin, config.AckMax, config.ProofMin, config.ProofMax = 0, 0, 0, 0
	a.Configure(config)
	u.a, u.c = a, New(a, Config{Rand: rand.New(rand.NewPCG(2, 7))})
}

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
	u.at = account.Moment{Wall: u.at.Wall, Tick: u.at.Tick + tick(d), Day: envelope.DayOf(u.at.Wall)}
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
		u.t.Fatalf("%s: %v", u.name, err)
	}
	return c.ID
}

func (u *user) send(to, text string, files ...Attachment) account.LetterID {
	u.t.Helper()
	id, err := u.c.Send(u.at, u.id(to), text, files, 0)
	if err != nil {
		u.t.Fatal(err)
	}
	return id
}

func (u *user) letter(id account.LetterID) Letter {
	u.t.Helper()
	l, err := u.c.Letter(id)
	if err != nil {
		u.t.Fatal(err)
	}
	return l
}

func (u *user) conversation(with string) []Letter {
	u.t.Helper()
	list, err := u.c.Conversation(u.id(with), account.LetterID{}, maxPage)
	if err != nil {
		u.t.Fatal(err)
	}
	return list
}

func (u *user) receive(raw []byte) {
	u.t.Helper()
	if _, err := u.a.Receive(u.at, raw); err != nil && !errors.Is(err, account.ErrNotOurs) {
		u.t.Fatalf("%s: %v", u.name, err)
	}
}

// units are the envelopes and proofs that leave the user now.
func (u *user) units() (list [][]byte) {
	u.t.Helper()
	packed, err := u.a.Pack(u.at, 1<<30)
	if err != nil {
		u.t.Fatal(err)
	}
	proofs, err := u.a.Proofs(u.at, true)
	if err != nil {
		u.t.Fatal(err)
	}
	for _, p := range packed {
		list = append(list, p.Bytes)
	}
	list = append(list, proofs...)
	for _, raw := range list {
		if err := u.a.Submitted(envelope.IDOf(raw)); err != nil {
			u.t.Fatal(err)
		}
	}
	return list
}

// exchange carries everything between all until nothing moves.
func exchange(t testing.TB, users ...*user) {
	t.Helper()
	for range 60 {
		moved := false
		for _, u := range users {
			u.pass(time.Minute)
			for _, raw := range u.units() {
				moved = true
				for _, other := range users {
					other.receive(raw)
				}
			}
		}
		if !moved {
			return
		}
	}
	t.Fatal("the exchange does not end")
}
