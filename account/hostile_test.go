package account

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"testing"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/identity"
)

func slotKeyOf(t *testing.T, i identity.Invite, n byte) ed25519.PrivateKey {
	t.Helper()
	seed, err := hkdf.Expand(sha256.New, i.Key[:], "jauap/1 intro"+string([]byte{0, n}), 32)
	if err != nil {
		t.Fatal(err)
	}
	return ed25519.NewKeyFromSeed(seed)
}

// Who saw the invitation can make the proof of a first letter: it must not
// count. What the contact says does, for letters to that contact only.
func TestForgedProofOfStart(t *testing.T) {
	alice, bob, carol := newUser(t, "Alice"), newUser(t, "Bob"), newUser(t, "Carol")
	befriend(t, carol, bob)
	i, err := alice.a.Invite(alice.at)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bob.a.Accept(bob.at, i, "", false); err != nil {
		t.Fatal(err)
	}
	id := bob.write("Alice", "come at once")
	forged := 0
	for _, p := range bob.pack(1 << 20) {
		e, err := envelope.Parse(p.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		for n := range byte(64) {
			done, err := envelope.NewDone(e, slotKeyOf(t, i, n))
			if err != nil {
				continue
			}
			forged++
			r, err := bob.a.Receive(bob.at, done.Bytes())
			if !errors.Is(err, ErrNotOurs) || len(r.Proven) > 0 {
				t.Errorf("a forged proof: %+v, %v", r, err)
			}
		}
	}
	if forged == 0 {
		t.Fatal("nothing forged")
	}
	const pending = "sealed=true carriers=0 left=false proven=false expired=false"
	if s := bob.progress(id); s != pending {
		t.Error(s)
	}
	bob.arrived("Carol", id)
	if s := bob.progress(id); s != pending {
		t.Errorf("somebody else confirmed it: %s", s)
	}
	bob.arrived("Alice", id)
	if s := bob.progress(id); s != "sealed=true carriers=0 left=false proven=true expired=false" {
		t.Error(s)
	}
}

// A transaction that failed leaves the tags as they were.
func TestFailedProofKeepsTag(t *testing.T) {
	alice, bob := newUser(t, "Alice"), newUser(t, "Bob")
	befriend(t, alice, bob)
	bob.write("Alice", "first")
	exchange(t, alice, bob)
	v := &refusing{Vault: alice.vault}
	alice.a.vault = v
	alice.write("Bob", "hello")
	out := alice.pack(1 << 20)
	for _, p := range out {
		bob.receive(p.Bytes)
	}
	proofs, err := bob.a.Proofs(bob.at, true)
	if err != nil || len(proofs) == 0 {
		t.Fatal(len(proofs), err)
	}
	raw := proofs[len(proofs)-1]
	v.fail = ErrFull
	if _, err := alice.a.Receive(alice.at, raw); !errors.Is(err, ErrFull) {
		t.Fatal(err)
	}
	v.fail = nil
	if err := alice.a.HandedAll(alice.at, nil); err != nil {
		t.Fatal(err)
	}
	if r, err := alice.a.Receive(alice.at, raw); err != nil || len(r.Proven) != 1 {
		t.Errorf("the proof once there is space: %+v, %v", r, err)
	}
}

// refusing fails at the end of every update.
type refusing struct {
	Vault
	fail error
}

func (r *refusing) Update(f func(Tx) error) error {
	return r.Vault.Update(func(tx Tx) error {
		if err := f(tx); err != nil {
			return err
		}
		return r.fail
	})
}

// The caller's count of ticks begins anew: keys heal and answers leave.
func TestTickLost(t *testing.T) {
	alice, bob := newUser(t, "Alice"), newUser(t, "Bob")
	alice.at.Tick += 300 * day
	alice.restart(alice.vault)
	befriend(t, bob, alice)
	exchange(t, alice, bob)
	before := alice.a.now
	alice.at.Tick = 0
	alice.restart(alice.vault)
	if alice.a.now < before-noteEvery {
		t.Errorf("went back from %d to %d", before, alice.a.now)
	}
	for d := range 8 {
		alice.at.Tick += day
		bob.at.Tick += day
		alice.write("Bob", "a"+string(rune('A'+d)))
		bob.write("Alice", "b"+string(rune('A'+d)))
		exchange(t, alice, bob)
	}
	if got := alice.a.now; got < before+8*day-noteEvery || got > before+9*day {
		t.Errorf("8 days later: %d seconds later", got-before)
	}
	for _, s := range alice.a.people[IDOf(bob.a.me.Public())].sessions {
		if s.sent.epoch < 2 {
			t.Errorf("8 days of letters, epoch %d", s.sent.epoch)
		}
	}
	bob.write("Alice", "last")
	for _, p := range bob.pack(1 << 20) {
		alice.receive(p.Bytes)
	}
	if due, ok := alice.a.Next(); !ok || due > alice.at.Tick+day {
		t.Errorf("an answer is due in %d seconds, %v", due-alice.at.Tick, ok)
	}
	// And again, while the process runs.
	alice.at.Tick, before = 5, alice.a.now
	alice.pack(1 << 20)
	alice.at.Tick += day
	alice.pack(1 << 20)
	if got := alice.a.now - before; got != day {
		t.Errorf("a day later: %d seconds later", got)
	}
}

// A known contact who answers a card that only another had is loud.
func TestCardOfAnother(t *testing.T) {
	alice, bob, yerlan := newUser(t, "Alice"), newUser(t, "Bob"), newUser(t, "Yerlan")
	befriend(t, alice, bob)
	befriend(t, alice, yerlan)
	bob.write("Alice", "b")
	yerlan.write("Alice", "y")
	exchange(t, alice, bob, yerlan)
	alice.write("Bob", "long enough")
	exchange(t, alice, bob, yerlan)
	if alice.contact("Yerlan").KeyChanged {
		t.Fatal("too early")
	}
	stolen := bob.a.people[IDOf(alice.a.me.Public())].theirs
	if stolen.Card.IsZero() {
		t.Fatal("Bob has no restart card")
	}
	p := yerlan.a.people[IDOf(alice.a.me.Public())]
	p.theirs, p.have = stolen, true
	yerlan.a.mu.Lock()
	err := yerlan.a.update(yerlan.at, func(Tx) error { _, err := yerlan.a.start(p); return err })
	yerlan.a.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	yerlan.write("Alice", "it is me")
	exchange(t, alice, bob, yerlan)
	if c := alice.contact("Yerlan"); !c.KeyChanged || c.Was != IDOf(bob.a.me.Public()) {
		t.Errorf("%+v", c)
	}
	if alice.contact("Bob").KeyChanged {
		t.Error("Bob is flagged")
	}
}
