package account

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"testing"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/identity"
	"github.com/jauap/jauap/seal"
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
			if err != nil || len(r.Proven) > 0 {
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

// A card's secrets go a month after it was used although nothing confirms the
// session, and its inbox when no Start can be on its way any more.
func TestUsedCardEnds(t *testing.T) {
	alice, bob := newUser(t, "Alice"), newUser(t, "Bob")
	i, err := alice.a.Invite(alice.at)
	if err != nil {
		t.Fatal(err)
	}
	unused, err := alice.a.Invite(alice.at)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bob.a.Accept(bob.at, i, "", false); err != nil {
		t.Fatal(err)
	}
	bob.write("Alice", "one")
	for _, p := range bob.pack(1 << 20) {
		alice.receive(p.Bytes)
	}
	bob.write("Alice", "two")
	late := bob.pack(1 << 20)
	pass := func(d seal.Tick) {
		alice.at.Tick += d
		alice.pack(1 << 20)
		alice.restart(alice.vault)
	}
	pass(29 * day)
	if c := alice.a.cards[i.Card.ID()]; c == nil || c.retired {
		t.Fatal("too early")
	}
	pass(day)
	c := alice.a.cards[i.Card.ID()]
	if c == nil || !c.inbox.Retired() {
		t.Fatal("30 days after it was used the secrets are there")
	}
	pass(33 * day)
	for _, p := range late {
		alice.receive(p.Bytes)
	}
	if got := alice.notes(); len(got) != 2 {
		t.Errorf("a late Start of the session: %q", got)
	}
	pass(day)
	if alice.a.cards[i.Card.ID()] != nil {
		t.Error("a lifetime later the inbox is there")
	}
	e, err := envelope.Parse(late[0].Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if alice.a.Knows(e.Tag()) {
		t.Error("its tags are there")
	}
	if c := alice.a.cards[unused.Card.ID()]; c == nil || c.retired {
		t.Error("an unused invitation went with it")
	}
}

// A restart card ends a month after a newer one was made for the contact.
func TestOlderCardEnds(t *testing.T) {
	alice, bob := newUser(t, "Alice"), newUser(t, "Bob")
	befriend(t, alice, bob)
	bob.write("Alice", "one")
	exchange(t, alice, bob)
	id := IDOf(bob.a.me.Public())
	var ids [2]*card
	for n := range ids {
		secret, err := alice.a.me.NewCard(0)
		if err != nil {
			t.Fatal(err)
		}
		alice.a.mu.Lock()
		err = alice.a.update(alice.at, func(Tx) error { alice.a.addCard(secret, id); return nil })
		alice.a.mu.Unlock()
		if err != nil {
			t.Fatal(err)
		}
		ids[n] = alice.a.cards[secret.Card().ID()]
		alice.at.Tick += day
	}
	alice.at.Tick += 28 * day
	alice.pack(1 << 20)
	if ids[0].retired {
		t.Error("too early")
	}
	alice.at.Tick += day
	alice.pack(1 << 20)
	if !ids[0].retired || ids[1].retired {
		t.Errorf("retired: older %v, newer %v", ids[0].retired, ids[1].retired)
	}
}

// Invitations that are used up make room for new ones.
func TestRetiredInvitesDoNotCount(t *testing.T) {
	alice := newUser(t, "Alice")
	for range maxInvites {
		if _, err := alice.a.Invite(alice.at); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := alice.a.Invite(alice.at); !errors.Is(err, ErrInvites) {
		t.Fatal(err)
	}
	alice.a.mu.Lock()
	err := alice.a.update(alice.at, func(Tx) error {
		for _, c := range alice.a.cards {
			alice.a.retire(c)
			break
		}
		return nil
	})
	alice.a.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := alice.a.Invite(alice.at); err != nil {
		t.Error(err)
	}
}

// The parts of a Start whose proof was forged go again, once, unless the
// contact says that they arrived.
func TestForgedProofSealsAgain(t *testing.T) {
	for _, confirmed := range []bool{false, true} {
		alice, bob := newUser(t, "Alice"), newUser(t, "Bob")
		i, err := alice.a.Invite(alice.at)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := bob.a.Accept(bob.at, i, "", false); err != nil {
			t.Fatal(err)
		}
		id := bob.write("Alice", "come at once")
		for _, p := range bob.pack(1 << 20) {
			if err := bob.a.Submitted(p.ID); err != nil {
				t.Fatal(err)
			}
			e, err := envelope.Parse(p.Bytes)
			if err != nil {
				t.Fatal(err)
			}
			for n := range byte(64) {
				if done, err := envelope.NewDone(e, slotKeyOf(t, i, n)); err == nil {
					bob.receive(done.Bytes())
				}
			}
		}
		if confirmed {
			bob.arrived("Alice", id)
		}
		bob.at.Tick += day - 1
		if n := len(bob.pack(1 << 20)); n != 0 {
			t.Fatalf("%d envelopes too early", n)
		}
		bob.at.Tick += tendEvery
		bob.restart(bob.vault)
		out := bob.pack(1 << 20)
		if confirmed {
			if len(out) != 0 {
				t.Errorf("%d envelopes although the contact has it", len(out))
			}
			continue
		}
		for _, p := range out {
			alice.receive(p.Bytes)
		}
		if got := alice.notes(); len(got) != 1 || got[0] != "come at once" {
			t.Errorf("sealed again: %q", got)
		}
		bob.at.Tick += 3 * day
		if n := len(bob.pack(1 << 20)); n != 0 {
			t.Errorf("%d envelopes without another proof", n)
		}
	}
}
