package bulletin

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/internal/limits"
	"github.com/jauap/jauap/seal"
)

// person is somebody with letters and boards.
type person struct {
	t  testing.TB
	a  *account.Account
	s  *Boards
	at account.Moment
}

type nobody struct{}

func (nobody) Deliver(account.Tx, account.Contact, account.Moment, seal.Part) error { return nil }

func newPerson(t testing.TB, name string, tell bool) *person {
	t.Helper()
	day := envelope.Day(1800)
	p := &person{t: t, at: account.Moment{Wall: day.Start().Add(10 * time.Hour), Tick: 1000, Day: day}}
	v := account.NewMemVault()
	a, err := account.Create(v, name, p.at)
	if err != nil {
		t.Fatal(err)
	}
	c := account.DefaultConfig()
	c.Rand = rand.New(rand.NewPCG(1, 7))
	c.AckMin, c.AckMax, c.ProofMin, c.ProofMax = 0, 0, 0, 0
	a.Configure(c)
	a.Use(nobody{})
	if p.s, err = Open(v); err != nil {
		t.Fatal(err)
	}
	p.a = a
	if err := p.s.Share(a, tell); err != nil {
		t.Fatal(err)
	}
	a.Also(p.s, Claim())
	return p
}

func (p *person) id(name string) account.ContactID {
	p.t.Helper()
	c, err := p.a.Contact(name)
	if err != nil {
		p.t.Fatal(err)
	}
	return c.ID
}

// pack takes what would leave now; a rider alone must not be among it.
func (p *person) pack() (units [][]byte) {
	p.t.Helper()
	p.at.Tick += 60
	packed, err := p.a.Pack(p.at, 1<<30)
	if err != nil {
		p.t.Fatal(err)
	}
	for _, x := range packed {
		units = append(units, x.Bytes)
		if err := p.a.Submitted(x.ID); err != nil {
			p.t.Fatal(err)
		}
	}
	proofs, err := p.a.Proofs(p.at, true)
	if err != nil {
		p.t.Fatal(err)
	}
	for _, b := range proofs {
		units = append(units, b)
		if err := p.a.Submitted(envelope.IDOf(b)); err != nil {
			p.t.Fatal(err)
		}
	}
	return units
}

func exchange(t testing.TB, all ...*person) {
	t.Helper()
	for range 30 {
		var units [][]byte
		for _, p := range all {
			units = append(units, p.pack()...)
		}
		if len(units) == 0 {
			return
		}
		for _, p := range all {
			if _, err := p.a.ReceiveAll(p.at, units); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Fatal("letters go on for ever")
}

func befriend(t testing.TB, a, b *person) {
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

// write sends a letter of ours: something that goes anyway.
func (p *person) write(to *person) {
	p.t.Helper()
	err := p.a.Do(p.at, func(tx account.Tx) error {
		return p.a.Queue(tx, p.at, account.Outgoing{To: account.IDOf(to.a.Me().Public()), Parts: []seal.Part{{Kind: account.FirstAppKind, Body: []byte("a letter")}}})
	})
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *person) open(id ID, seqs ...uint64) {
	p.t.Helper()
	if err := p.s.Opened(p.at, id, seqs); err != nil {
		p.t.Fatal(err)
	}
}

func seen(t testing.TB, p *person, id ID) (list []int) {
	t.Helper()
	all, err := p.s.Notices(id, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range all {
		list = append(list, n.SeenBy)
	}
	return list
}

// rows counts what is kept about who saw what.
func rows(t testing.TB, s *Boards) (n int) {
	t.Helper()
	err := s.vault.View(func(tx account.Tx) error {
		return tx.Scan(tableSeen, nil, nil, false, func(k, _ []byte) (bool, error) {
			if k[0] != seenNext && k[0] != seenTold {
				n++
			}
			return true, nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestSeen: what two of three contacts opened is told with letters that go
// anyway, never alone, once, and only by those who tell.
func TestSeen(t *testing.T) {
	pub := boards(t)
	c := create(t, pub, nil, 0)
	dana, timur, quiet, late := newPerson(t, "Dana", true), newPerson(t, "Timur", true), newPerson(t, "Quiet", false), newPerson(t, "Late", true)
	befriend(t, dana, timur)
	befriend(t, dana, quiet)
	befriend(t, timur, quiet)
	all := []*person{dana, timur, quiet}
	var raws [][]byte
	for i := range 3 {
		raws = append(raws, post(t, pub, c, text(fmt.Sprint("notice ", i))))
	}
	for _, p := range append(all, late) {
		if err := p.s.Follow(c); err != nil {
			t.Fatal(err)
		}
	}
	for _, raw := range raws[:2] {
		for _, p := range all {
			take(t, p.s, raw)
		}
	}
	take(t, timur.s, raws[2])
	timur.open(c.ID(), 0, 2, 7)
	timur.open(c.ID(), 0, 2)
	quiet.open(c.ID(), 0, 1, 2)
	timur.at.Tick += 40 * 24 * 60 * 60
	if units := timur.pack(); len(units) != 0 {
		t.Fatalf("that something was seen left alone, in %d envelopes", len(units))
	}
	befriend(t, late, timur) // who came later is not told what was
	timur.at.Tick -= 40 * 24 * 60 * 60
	timur.write(dana)
	timur.write(quiet)
	timur.write(late)
	quiet.write(dana)
	exchange(t, append(all, late)...)
	if got := fmt.Sprint(seen(t, dana, c.ID())); got != "[0 1]" {
		t.Errorf("seen by %s", got)
	}
	if got := fmt.Sprint(seen(t, quiet, c.ID())); got != "[0 1]" {
		t.Errorf("who tells nothing counts too: %s", got)
	}
	if n := rows(t, late.s); n != 0 {
		t.Errorf("a new contact was told of %d notices of before", n)
	}
	take(t, dana.s, raws[2]) // the word was here before the notice
	if got := fmt.Sprint(seen(t, dana, c.ID())); got != "[1 0 1]" {
		t.Errorf("seen by %s", got)
	}
	// Again, by the next letter, changes nothing.
	timur.open(c.ID(), 0, 1)
	timur.write(dana)
	exchange(t, all...)
	if got := fmt.Sprint(seen(t, dana, c.ID())); got != "[1 1 1]" {
		t.Errorf("seen by %s", got)
	}
	// It goes with the notice, on both sides.
	for _, p := range []*person{dana, timur} {
		if err := p.s.Leave(c.ID()); err != nil {
			t.Fatal(err)
		}
		if n := rows(t, p.s); n != 0 {
			t.Errorf("%d rows about notices that are gone", n)
		}
	}
}

// TestSeenOwn: a publisher does not tell by opening what is theirs.
func TestSeenOwn(t *testing.T) {
	pub, fan := newPerson(t, "Editor", true), newPerson(t, "Fan", true)
	befriend(t, pub, fan)
	c := create(t, pub.s, nil, 0)
	post(t, pub.s, c, text("we are open"))
	pub.open(c.ID(), 0)
	pub.write(fan)
	exchange(t, pub, fan)
	if n := rows(t, fan.s) + rows(t, pub.s); n != 0 {
		t.Errorf("%d rows: whose board it is was told", n)
	}
}

// TestSeenGoesOn: a rider that became too old is replaced, and a gap left by
// a dropped notice stops nothing.
func TestSeenGoesOn(t *testing.T) {
	pub := boards(t)
	c, gone := create(t, pub, nil, 0), create(t, pub, nil, 0)
	a, b := newPerson(t, "A", true), newPerson(t, "B", true)
	befriend(t, a, b)
	for _, p := range []*person{a, b} {
		for _, x := range []*Card{c, gone} {
			if err := p.s.Follow(x); err != nil {
				t.Fatal(err)
			}
		}
	}
	first, second, other := post(t, pub, c, text("one")), post(t, pub, c, text("two")), post(t, pub, gone, text("else"))
	for _, p := range []*person{a, b} {
		take(t, p.s, first)
		take(t, p.s, second)
		take(t, p.s, other)
	}
	a.open(gone.ID(), 0)
	if err := a.s.Leave(gone.ID()); err != nil {
		t.Fatal(err)
	}
	a.write(b) // the rider has nothing to say and goes
	exchange(t, a, b)
	a.open(c.ID(), 0)
	for _, p := range []*person{a, b} {
		p.at.Tick += (envelope.MaxLifetime + 1) * 24 * 60 * 60
		p.at.Day += envelope.MaxLifetime + 1
		p.at.Wall = p.at.Wall.AddDate(0, 0, envelope.MaxLifetime+1)
	}
	a.open(c.ID(), 1)
	befriend(t, b, a) // their old cards are over
	a.write(b)
	exchange(t, a, b)
	if got := fmt.Sprint(seen(t, b, c.ID())); got != "[1 1]" {
		t.Errorf("seen by %s", got)
	}
}

// TestSeenFlood: a contact who names ever new notices has a bounded place and
// takes nobody else's; a stranger counts for nothing.
func TestSeenFlood(t *testing.T) {
	pub := boards(t)
	c := create(t, pub, nil, 0)
	me, friend, liar := newPerson(t, "Me", true), newPerson(t, "Friend", true), newPerson(t, "Liar", true)
	befriend(t, me, friend)
	befriend(t, me, liar)
	if err := me.s.Follow(c); err != nil {
		t.Fatal(err)
	}
	raw := post(t, pub, c, text("we are open"))
	take(t, me.s, raw)
	list, _ := me.s.Notices(c.ID(), time.Time{})
	m := list[0].mark()
	tell := func(from account.Contact, body []byte) {
		t.Helper()
		if err := me.a.Do(me.at, func(tx account.Tx) error { return me.s.Deliver(tx, from, me.at, seal.Part{Kind: kindSeen, Body: body}) }); err != nil {
			t.Fatal(err)
		}
	}
	good, bad := account.Contact{ID: me.id("Friend")}, account.Contact{ID: me.id("Liar")}
	tell(good, m[:])
	tell(account.Contact{ID: account.ContactID{9}}, m[:])
	for i := range 3 * maxHeard {
		x := mark{1, byte(i), byte(i >> 8)}
		tell(bad, x[:])
	}
	for range 3 {
		tell(bad, m[:])
	}
	for _, body := range [][]byte{nil, m[:15], make([]byte, (maxMarks+1)*markSize)} {
		tell(account.Contact{ID: account.ContactID{8}}, body)
	}
	if got := fmt.Sprint(seen(t, me, c.ID())); got != "[2]" {
		t.Errorf("seen by %s", got)
	}
	if n := rows(t, me.s); n != 2*(1+1+maxHeard) {
		t.Errorf("%d rows of one who told much", n)
	}
	// Opening very much is bounded, too.
	for i := range 2 * maxOpened {
		_ = me.a.Do(me.at, func(tx account.Tx) error { return remember(tx, uint64(i), mark{2, byte(i), byte(i >> 8)}) })
	}
	if n := rows(t, me.s); n != 2*(1+1+maxHeard)+2*maxOpened {
		t.Errorf("%d rows after opening much", n)
	}
}

// FuzzSeen: whatever a contact says costs no transaction, and is the same when
// it is said again.
func FuzzSeen(f *testing.F) {
	f.Add([]byte("sixteen letters!"))
	f.Add(make([]byte, 48*16))
	f.Add(make([]byte, 15))
	limits.Hostile(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		defer limits.Watch(t, len(body))()
		s := boards(t)
		counts := [2]int{}
		for i := range counts {
			err := s.vault.Update(func(tx account.Tx) error {
				return s.Deliver(tx, account.Contact{ID: account.ContactID{1}}, noon, seal.Part{Kind: kindSeen, Body: body})
			})
			if err != nil {
				t.Fatal(err)
			}
			counts[i] = rows(t, s)
		}
		if counts[0] != counts[1] || counts[0] > 2*maxMarks || counts[0] > 0 && len(body)%markSize != 0 {
			t.Fatalf("%d bytes left %v rows", len(body), counts)
		}
	})
}
