package account

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/seal"
)

// Parts of the tests' App.
const (
	kindNote  = FirstAppKind
	kindChunk = FirstAppKind + 1
)

const tableNotes = FirstAppTable

// notebook is an App that keeps what it is given in the same vault.
type notebook struct {
	fail   error  // answered by Deliver
	poison string // a note for which it fails
}

func (n *notebook) Deliver(tx Tx, from Contact, at Moment, p seal.Part) error {
	if n.fail != nil {
		return n.fail
	}
	if n.poison != "" && n.poison == string(p.Body) {
		return errors.New("the App chokes")
	}
	if p.Kind == kindChunk {
		key := append([]byte("bytes"), from.ID[:]...)
		old, err := tx.Get(tableNotes, key)
		if err != nil {
			return err
		}
		sum := uint64(len(p.Body))
		if old != nil {
			sum += binary.BigEndian.Uint64(old)
		}
		return tx.Put(tableNotes, key, binary.BigEndian.AppendUint64(nil, sum))
	}
	// Delivered twice would be two records: the key has a counter.
	seq, err := nextSeq(tx)
	if err != nil {
		return err
	}
	return tx.Put(tableNotes, append([]byte("note"), binary.BigEndian.AppendUint64(nil, seq)...), p.Body)
}

// A stream of the tests is a number of bytes left, under its name.
func (n *notebook) Left(tx Tx, s StreamID) (int64, error) {
	b, err := tx.Get(tableNotes, []byte("left"+s))
	if err != nil || b == nil {
		return 0, err
	}
	return int64(binary.BigEndian.Uint64(b)), nil
}

func (n *notebook) Cut(tx Tx, s StreamID, room int) (p seal.Part, ok bool, err error) {
	left, err := n.Left(tx, s)
	if err != nil || left == 0 || room <= seal.PartSize(p)+10 {
		return p, false, err
	}
	size := min(left, int64(room-seal.PartSize(p)))
	p = seal.Part{Kind: kindChunk, Body: make([]byte, size)}
	return p, true, tx.Put(tableNotes, []byte("left"+s), binary.BigEndian.AppendUint64(nil, uint64(left-size)))
}

// Moved keeps the last progress and counts the changes.
func (n *notebook) Moved(tx Tx, at Moment, p Progress) error {
	s := fmt.Sprintf("sealed=%v carriers=%d left=%v proven=%v expired=%v", p.Sealed, p.Carriers, p.Left, p.Proven, p.Expired)
	return tx.Put(tableNotes, append([]byte("moved"), p.Letter[:]...), []byte(s))
}

// user is one person with a vault.
type user struct {
	t     testing.TB
	name  string
	vault Vault
	a     *Account
	book  *notebook
	at    Moment
}

const testDay = envelope.Day(1800) // 2026-12-06

func testMoment() Moment {
	return Moment{Wall: testDay.Start().Add(10 * time.Hour), Tick: 1000, Day: testDay}
}

func testConfig(seed uint64) Config {
	c := DefaultConfig()
	c.Rand = rand.New(rand.NewPCG(seed, 7))
	c.AckMin, c.AckMax = 0, 0
	c.ProofMin, c.ProofMax = 0, 0
	return c
}

func newUser(t testing.TB, name string) *user {
	return newUserOn(t, name, NewMemVault())
}

func newUserOn(t testing.TB, name string, v Vault) *user {
	t.Helper()
	u := &user{t: t, name: name, vault: v, at: testMoment()}
	a, err := Create(v, name, u.at)
	if err != nil {
		t.Fatal(err)
	}
	u.run(a)
	return u
}

func (u *user) run(a *Account) {
	u.a, u.book = a, &notebook{}
	a.Configure(testConfig(uint64(len(u.name))))
	a.Use(u.book)
}

// restart opens the vault anew, as after a crash.
func (u *user) restart(v Vault) {
	u.t.Helper()
	a, err := Open(v, u.at)
	if err != nil {
		u.t.Fatal(err)
	}
	u.vault = v
	u.run(a)
}

// befriend makes b accept an invitation of a.
func befriend(t testing.TB, a, b *user) {
	t.Helper()
	i, err := a.a.Invite(a.at)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.a.Accept(b.at, i, "", false); err != nil {
		t.Fatal(err)
	}
}

func (u *user) contact(name string) Contact {
	u.t.Helper()
	c, err := u.a.Contact(name)
	if err != nil {
		u.t.Fatalf("%s: %v", u.name, err)
	}
	return c
}

// write queues a note and answers its id.
func (u *user) write(to, text string) LetterID {
	u.t.Helper()
	id := LetterID(fmt.Appendf(make([]byte, 0, 64), "%-16s", text)[:16])
	c := u.contact(to)
	err := u.vault.Update(func(tx Tx) error {
		return u.a.Queue(tx, u.at, Outgoing{To: c.ID, Letter: id, Parts: []seal.Part{{Kind: kindNote, Body: []byte(text)}}})
	})
	if err != nil {
		u.t.Fatal(err)
	}
	return id
}

// arrived does what an App does that hears of a letter from its recipient.
func (u *user) arrived(from string, id LetterID) {
	u.t.Helper()
	c := u.contact(from)
	u.a.mu.Lock()
	defer u.a.mu.Unlock()
	if err := u.a.update(u.at, func(tx Tx) error { return u.a.Arrived(tx, u.at, c.ID, id) }); err != nil {
		u.t.Fatal(err)
	}
}

func (u *user) pack(max int) []Packed {
	u.t.Helper()
	out, err := u.a.Pack(u.at, max)
	if err != nil {
		u.t.Fatal(err)
	}
	return out
}

// receive gives a unit to the user and answers whether it was new.
func (u *user) receive(raw []byte) bool {
	u.t.Helper()
	_, err := u.a.Receive(u.at, raw)
	if err != nil && !errors.Is(err, ErrNotOurs) {
		u.t.Fatalf("%s: %v", u.name, err)
	}
	return err == nil
}

// notes are the texts that were delivered.
func (u *user) notes() (list []string) {
	u.t.Helper()
	err := u.vault.View(func(tx Tx) error {
		return tx.Scan(tableNotes, []byte("note"), []byte("notf"), false, func(_, v []byte) (bool, error) {
			list = append(list, string(v))
			return true, nil
		})
	})
	if err != nil {
		u.t.Fatal(err)
	}
	return list
}

func (u *user) progress(id LetterID) (s string) {
	u.t.Helper()
	err := u.vault.View(func(tx Tx) error {
		b, err := tx.Get(tableNotes, append([]byte("moved"), id[:]...))
		s = string(b)
		return err
	})
	if err != nil {
		u.t.Fatal(err)
	}
	return s
}

// exchange carries everything between all until nothing moves.
func exchange(t testing.TB, users ...*user) {
	t.Helper()
	for range 50 {
		var units [][]byte
		for _, u := range users {
			u.at.Tick += 60
			for _, p := range u.pack(1 << 30) {
				units = append(units, p.Bytes)
				if err := u.a.Submitted(p.ID); err != nil {
					t.Fatal(err)
				}
			}
			proofs, err := u.a.Proofs(u.at, true)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range proofs {
				units = append(units, p)
				if err := u.a.Submitted(envelope.IDOf(p)); err != nil {
					t.Fatal(err)
				}
			}
		}
		if len(units) == 0 {
			return
		}
		for _, raw := range units {
			for _, u := range users {
				u.receive(raw)
			}
		}
	}
	t.Fatal("the exchange does not end")
}
