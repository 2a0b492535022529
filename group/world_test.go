package group

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/chat"
	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/roster"
	"github.com/jauap/jauap/seal"
)

const testDay = envelope.Day(1800) // 2026-12-06

// user is one person with a vault, conversations and groups. What they cannot
// open they keep, like a shelf.
type user struct {
	t     testing.TB
	name  string
	vault account.Vault
	a     *account.Account
	c     *chat.Chat
	g     *Groups
	at    account.Moment
	shelf map[envelope.ID][]byte
	out   map[envelope.ID][]byte // own units, for whoever comes
	done  map[envelope.ID]bool   // deleted by a proof
	many  []envelope.ID          // own envelopes to groups
}

func newUser(t testing.TB, name string) *user {
	u := &user{t: t, name: name, vault: account.NewMemVault(), shelf: map[envelope.ID][]byte{}, out: map[envelope.ID][]byte{}, done: map[envelope.ID]bool{}}
	u.at = account.Moment{Wall: testDay.Start().Add(10 * time.Hour), Tick: 1000, Day: testDay}
	a, err := account.Create(u.vault, name, u.at)
	must(t, err)
	u.run(a)
	return u
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (u *user) run(a *account.Account) {
	config := account.DefaultConfig()
	config.Rand = rand.New(rand.NewPCG(1, 7))
	config.AckMin, config.AckMax, config.ProofMin, config.ProofMax = 0, 0, 0, 0
	a.Configure(config)
	u.a, u.c = a, chat.New(a, chat.Config{Rand: rand.New(rand.NewPCG(2, 7))})
	var err error
	u.g, err = New(a, u.c, Config{Rand: rand.New(rand.NewPCG(3, 7))})
	must(u.t, err)
}

// restart loses everything that is not in the vault.
func (u *user) restart() {
	u.t.Helper()
	a, err := account.Open(u.vault, u.at)
	must(u.t, err)
	u.run(a)
	u.reread()
}

func (u *user) pass(d time.Duration) {
	u.at.Wall = u.at.Wall.Add(d)
	u.at = account.Moment{Wall: u.at.Wall, Tick: u.at.Tick + seal.Tick(d/time.Second), Day: envelope.DayOf(u.at.Wall)}
}

func befriend(t testing.TB, a, b *user) {
	t.Helper()
	i, err := a.a.Invite(a.at)
	must(t, err)
	_, err = b.a.Accept(b.at, i, "", false)
	must(t, err)
	exchange(t, a, b)
}

// everybody are users who all know each other.
func everybody(t testing.TB, n int) []*user {
	t.Helper()
	var list []*user
	for i := range n {
		u := newUser(t, fmt.Sprintf("U%d", i))
		for _, o := range list {
			befriend(t, o, u)
		}
		list = append(list, u)
	}
	return list
}

func (u *user) id(name string) account.ContactID {
	u.t.Helper()
	c, err := u.a.Contact(name)
	if err != nil {
		u.t.Fatalf("%s: %v", u.name, err)
	}
	return c.ID
}

// pack seals what waits and keeps it for whoever comes.
func (u *user) pack() (n int) {
	u.t.Helper()
	for {
		packed, err := u.a.Pack(u.at, 1<<30)
		must(u.t, err)
		proofs, err := u.a.Proofs(u.at, true)
		must(u.t, err)
		for _, p := range packed {
			u.out[p.ID] = p.Bytes
			if _, _, held := u.a.Held(p.To.String()); held {
				u.many = append(u.many, p.ID)
			}
			must(u.t, u.a.Submitted(p.ID))
		}
		for _, raw := range proofs {
			u.out[envelope.IDOf(raw)] = raw
			must(u.t, u.a.Submitted(envelope.IDOf(raw)))
		}
		n += len(packed) + len(proofs)
		if len(packed)+len(proofs) == 0 {
			return n
		}
	}
}

func (u *user) receive(raw []byte) {
	u.t.Helper()
	id := envelope.IDOf(raw)
	if u.shelf[id] != nil || u.done[id] {
		return
	}
	e, err := envelope.Parse(raw)
	must(u.t, err)
	must(u.t, e.Verify())
	if e.Class() == envelope.Done {
		delete(u.shelf, e.Proves()) // the key was checked by who took it first
		delete(u.out, e.Proves())
		u.done[e.Proves()] = true
	}
	u.shelf[id] = raw
	u.open(raw)
	u.reread()
}

func (u *user) open(raw []byte) {
	u.t.Helper()
	if _, err := u.a.Receive(u.at, raw); err != nil && !errors.Is(err, account.ErrNotOurs) {
		u.t.Fatalf("%s: %v", u.name, err)
	}
}

// reread offers what is on the shelf again when the account asks for it.
func (u *user) reread() {
	u.t.Helper()
	for u.a.Fresher() {
		ids := make([]string, 0, len(u.shelf))
		for id := range u.shelf {
			ids = append(ids, string(id[:]))
		}
		slices.Sort(ids)
		for _, id := range ids {
			u.open(u.shelf[envelope.ID([]byte(id))])
		}
	}
}

// meet evens out what the users hold, as far as it goes.
func meet(users ...*user) (moved bool) {
	for _, u := range users {
		u.pack()
	}
	for _, u := range users {
		for _, o := range users {
			if u == o {
				continue
			}
			for id, raw := range u.out {
				if o.shelf[id] == nil && !o.done[id] && o.out[id] == nil {
					moved = true
					o.receive(raw)
				}
			}
			for id, raw := range u.shelf {
				if o.shelf[id] == nil && !o.done[id] && o.out[id] == nil {
					moved = true
					o.receive(raw)
				}
			}
		}
	}
	return moved
}

func exchange(t testing.TB, users ...*user) {
	t.Helper()
	for range 60 {
		for _, u := range users {
			u.pass(time.Minute)
		}
		if !meet(users...) {
			return
		}
	}
	t.Fatal("the exchange does not end")
}

// found makes a group of the first user with the others, all joined.
func found(t testing.TB, rules roster.Rules, users ...*user) ID {
	t.Helper()
	var ids []account.ContactID
	for _, u := range users[1:] {
		ids = append(ids, users[0].id(u.name))
	}
	id, err := users[0].g.Found(users[0].at, "Family", rules, ids)
	must(t, err)
	exchange(t, users...)
	for _, u := range users[1:] {
		must(t, u.g.Join(u.at, id))
	}
	exchange(t, users...)
	return id
}

func (u *user) say(id ID, text string, files ...chat.Attachment) account.LetterID {
	u.t.Helper()
	l, err := u.c.Send(u.at, id, text, files, 0)
	must(u.t, err)
	return l
}

func (u *user) texts(id ID) (list []string) {
	u.t.Helper()
	letters, err := u.c.Conversation(id, account.LetterID{}, 500)
	must(u.t, err)
	for _, l := range letters {
		list = append(list, l.Text)
	}
	return list
}

func (u *user) info(id ID) Info {
	u.t.Helper()
	i, err := u.g.Show(id)
	must(u.t, err)
	return i
}

func (u *user) members(id ID) (list []string) {
	u.t.Helper()
	for _, m := range u.info(id).Members {
		list = append(list, m.Name)
	}
	slices.Sort(list)
	return list
}

func same2(t testing.TB, what string, got, want any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("%s: %v, want %v", what, got, want)
	}
}
