package account

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/seal"
)

// crashed is what a process dies with in these tests.
type crashed struct{}

// crashVault is a vault whose process dies at a certain commit: before it or
// right after it, so that the caller never hears of it.
type crashVault struct {
	*MemVault
	left  int // commits until the crash; negative: none
	after bool
	died  bool
}

func (v *crashVault) Update(f func(Tx) error) error {
	err := v.MemVault.Update(func(tx Tx) error {
		if err := f(tx); err != nil {
			return err
		}
		if v.left--; v.left == -1 {
			v.died = true
			if !v.after {
				panic(crashed{})
			}
		}
		return nil
	})
	if v.died {
		panic(crashed{})
	}
	return err
}

// life runs an operation of a user and answers false when the user died in it
// and was started anew.
func (u *user) life(f func()) (alive bool) {
	v := u.vault.(*crashVault)
	defer func() {
		r := recover()
		if _, ok := r.(crashed); r != nil && !ok {
			panic(r)
		}
		if !v.died {
			return
		}
		alive = false
		u.restart(&crashVault{MemVault: v.Clone(), left: -1})
	}()
	f()
	return true
}

// storyNet carries units between users and watches that no key is used twice.
type storyNet struct {
	t     *testing.T
	users []*user
	units [][]byte
	body  map[envelope.Tag]string
	rng   *rand.Rand
	short bool // the way out is a radio
}

func (n *storyNet) emit(raw []byte) {
	n.t.Helper()
	e, err := envelope.Parse(raw)
	if err != nil {
		n.t.Fatal(err)
	}
	if e.Class() != envelope.Done {
		if old, ok := n.body[e.Tag()]; ok && old != string(raw) {
			n.t.Fatalf("the key of tag %v sealed two bodies", e.Tag())
		}
		n.body[e.Tag()] = string(raw)
	}
	n.units = append(n.units, raw)
}

// leave takes what a user has to send; as after a start, the unhanded first.
func (n *storyNet) leave(u *user) {
	u.at.Tick += 60
	u.life(func() {
		list, err := u.a.Unhanded()
		if err != nil {
			n.t.Fatal(err)
		}
		if n.short {
			packed, err := u.a.PackShort(u.at, 1<<10)
			if err != nil {
				n.t.Fatal(err)
			}
			list = append(list, packed...)
		}
		packed, err := u.a.Pack(u.at, 1<<20)
		if err != nil {
			n.t.Fatal(err)
		}
		for _, p := range append(list, packed...) {
			n.emit(p.Bytes)
			if err := u.a.Submitted(p.ID); err != nil {
				n.t.Fatal(err)
			}
		}
		proofs, err := u.a.Proofs(u.at, true)
		if err != nil {
			n.t.Fatal(err)
		}
		for _, raw := range proofs {
			n.emit(raw)
			if err := u.a.Submitted(envelope.IDOf(raw)); err != nil {
				n.t.Fatal(err)
			}
		}
	})
}

// carry gives everything on its way to everybody, shuffled and some of it
// twice; some is lost until the end.
func (n *storyNet) carry() {
	n.rng.Shuffle(len(n.units), func(i, j int) { n.units[i], n.units[j] = n.units[j], n.units[i] })
	var later [][]byte
	for _, raw := range n.units {
		if n.rng.IntN(4) == 0 {
			later = append(later, raw)
			continue
		}
		for range 1 + n.rng.IntN(2) {
			for _, u := range n.users {
				for !u.life(func() { u.receive(raw) }) {
				}
			}
		}
	}
	n.units = later
}

// plot says how a story goes.
type plot struct {
	from   [2]*MemVault // friends already, when set
	rounds int          // in which letters are written
	short  bool         // letters are small, and leave as S0
	victim int          // who dies; none when negative
	commit int          // at which commit
	after  bool         // right after it, else before
}

const never = 1 << 30

// begin makes the two people and, unless they know each other, lets one accept
// the other's invitation.
func (pl plot) begin(t *testing.T, n *storyNet) {
	for i, name := range []string{"A", "Bb"} {
		v := &crashVault{left: never}
		if pl.from[i] != nil {
			v.MemVault = pl.from[i].Clone()
			u := &user{t: t, name: name, at: testMoment()}
			u.at.Tick += 1e6
			u.restart(v)
			n.users = append(n.users, u)
		} else {
			v.MemVault = NewMemVault()
			n.users = append(n.users, newUserOn(t, name, v))
		}
		if v.left = never; i == pl.victim {
			v.left, v.after = pl.commit, pl.after
		}
	}
	a, b := n.users[0], n.users[1]
	for invited := pl.from[0] != nil; !invited; {
		invited = a.life(func() {
			i, err := a.a.Invite(a.at)
			if err != nil {
				t.Fatal(err)
			}
			for !b.life(func() {
				if _, err := b.a.Accept(b.at, i, "", false); err != nil {
					t.Fatal(err)
				}
			}) {
			}
		})
	}
}

// story is two people who write to each other while one of them dies at a
// commit. It answers how many commits each made.
func story(t *testing.T, pl plot) (commits [2]int) {
	t.Helper()
	n := &storyNet{t: t, body: map[envelope.Tag]string{}, rng: rand.New(rand.NewPCG(1, 1))}
	pl.begin(t, n)
	a, b := n.users[0], n.users[1]
	acked := map[LetterID]*user{}
	n.short = pl.short
	for round := range pl.rounds + 1 {
		for i, u := range n.users {
			to := n.users[1-i].name
			if _, err := u.a.Contact(to); err == nil && round < pl.rounds {
				var id LetterID
				write := u.writeStream
				if pl.short {
					write = u.write
				}
				if u.life(func() { id = write(to, fmt.Sprintf("%s%d", u.name, round)) }) {
					acked[id] = u
				}
			}
			n.leave(u)
		}
		n.carry()
	}
	for i, u := range n.users {
		if v := u.vault.(*crashVault); v.left > 0 {
			commits[i] = never - v.left
		}
		u.vault.(*crashVault).left = -1
	}
	n.short = false
	for range 6 {
		n.leave(a)
		n.leave(b)
		n.carry()
	}
	for i, u := range n.users {
		got := n.users[1-i].notes()
		slices.Sort(got)
		if len(slices.Compact(slices.Clone(got))) != len(got) {
			t.Fatalf("shown twice: %q", got)
		}
		for id, sender := range acked {
			if sender != u {
				continue
			}
			text := string(id[:])
			if !slices.ContainsFunc(got, func(s string) bool { return s == trim(text) }) {
				t.Fatalf("lost: %q of %q", text, got)
			}
			u.receipt(id)
			if p := u.progress(id); p != "sealed=true carriers=0 left=false proven=true expired=false" {
				t.Fatalf("%s: %q: %s", u.name, text, p)
			}
		}
	}
	return commits
}

// receipt tells the account that a letter arrived when all of it that is not
// proven rode in Starts or S0, as an App with receipts would.
func (u *user) receipt(id LetterID) {
	u.t.Helper()
	var l *letter
	starts := true
	err := u.vault.View(func(tx Tx) (err error) {
		if l, err = getLetter(tx, id); err != nil || l == nil {
			return err
		}
		for _, p := range l.pieces {
			s, err := getSent(tx, p.id)
			if err != nil {
				return err
			}
			starts = starts && (p.proven || s != nil && !s.provable())
		}
		return nil
	})
	if err != nil {
		u.t.Fatal(err)
	}
	if l != nil && starts {
		u.arrived(u.a.people[l.to].Name, id)
	}
}

func trim(s string) string {
	for len(s) > 0 && s[len(s)-1] == ' ' {
		s = s[:len(s)-1]
	}
	return s
}

// writeStream queues a note with a stream of 3,000 bytes.
func (u *user) writeStream(to, text string) LetterID {
	u.t.Helper()
	id := LetterID(fmt.Appendf(make([]byte, 0, 64), "%-16s", text)[:16])
	c := u.contact(to)
	err := u.vault.Update(func(tx Tx) error {
		stream := StreamID(text)
		if err := tx.Put(tableNotes, []byte("left"+stream), []byte{0, 0, 0, 0, 0, 0, 11, 184}); err != nil {
			return err
		}
		o := Outgoing{To: c.ID, Letter: id, Parts: []seal.Part{{Kind: kindNote, Body: []byte(text)}}, Streams: []StreamID{stream}}
		return u.a.Queue(tx, u.at, o)
	})
	if err != nil {
		u.t.Fatal(err)
	}
	return id
}

// TestCrashAtEveryCommit lets each of two people die before and after each of
// their commits, while they get to know each other and when they do.
func TestCrashAtEveryCommit(t *testing.T) {
	a, b := newUser(t, "A"), newUser(t, "Bb")
	befriend(t, a, b)
	exchange(t, a, b)
	friends := [2]*MemVault{a.vault.(*MemVault), b.vault.(*MemVault)}
	// JAUAP_TEST=all takes every commit, the plain run every third.
	runs, step := 0, 3
	if os.Getenv("JAUAP_TEST") == "all" {
		step = 1
	}
	for _, pl := range []plot{{rounds: 1}, {from: friends, rounds: 3}, {from: friends, rounds: 1, short: true}} {
		pl.victim = -1
		commits := story(t, pl)
		if commits[0] < 8 || commits[1] < 8 {
			t.Fatalf("commits: %v", commits)
		}
		for pl.victim = range 2 {
			for pl.commit = runs % step; pl.commit < commits[pl.victim]; pl.commit += step {
				// Dying before a commit and after the one before it differ only
				// in who heard of it: each is taken at half of the commits.
				pl.after = (pl.commit+pl.victim)%2 == 0
				story(t, pl)
				runs++
			}
		}
	}
	t.Logf("%d crashes", runs)
}

// TestVaultErrors lets every commit fail once, as on a full disk, without a
// crash: the same operation must succeed when it is repeated.
func TestVaultErrors(t *testing.T) {
	for k := range 24 {
		fails := &failVault{Vault: NewMemVault(), left: -1}
		a, b := newUserOn(t, "A", fails), newUser(t, "B")
		befriend(t, a, b)
		retry := func(f func() error) {
			t.Helper()
			for range 3 {
				err := f()
				if err == nil {
					return
				}
				if !errors.Is(err, ErrFull) {
					t.Fatal(err)
				}
			}
			t.Fatal("never succeeds")
		}
		fails.left = k
		bodies := map[envelope.Tag]string{}
		for i := range 4 {
			b.write("A", fmt.Sprint("to A ", i))
			if _, err := a.a.Contact("B"); err == nil {
				retry(func() error {
					return a.vault.Update(func(tx Tx) error {
						id := LetterID{byte(i), byte(k)}
						return a.a.Queue(tx, a.at, Outgoing{To: a.contact("B").ID, Letter: id, Parts: []seal.Part{{Kind: kindNote, Body: fmt.Append(nil, "to B ", i)}}})
					})
				})
			}
			for _, p := range b.pack(1 << 20) {
				retry(func() error { _, err := a.a.Receive(a.at, p.Bytes); return err })
			}
			retry(func() error {
				list, err := a.a.Pack(a.at, 1<<20)
				for _, p := range list {
					e, _ := envelope.Parse(p.Bytes)
					if old, ok := bodies[e.Tag()]; ok && old != string(p.Bytes) {
						t.Fatal("a key sealed two bodies")
					}
					bodies[e.Tag()] = string(p.Bytes)
					b.receive(p.Bytes)
				}
				return err
			})
		}
		fails.left = -1
		exchange(t, a, b)
		if got := a.notes(); len(got) != 4 {
			t.Fatalf("k=%d: A has %q", k, got)
		}
		if got := b.notes(); len(got) < 3 {
			t.Fatalf("k=%d: B has %q", k, got)
		}
	}
}

// failVault fails one commit.
type failVault struct {
	Vault
	left int
}

func (v *failVault) Update(f func(Tx) error) error {
	return v.Vault.Update(func(tx Tx) error {
		if err := f(tx); err != nil {
			return err
		}
		if v.left--; v.left == -1 {
			return fmt.Errorf("%w: injected", ErrFull)
		}
		return nil
	})
}
