package group

import (
	"crypto/ed25519"
	"encoding/binary"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/internal/limits"
	"github.com/jauap/jauap/roster"
	"github.com/jauap/jauap/seal"
	keys "github.com/jauap/jauap/seal/group"
)

// told gives a part to a user as if a contact had sent it in a session.
func (u *user) told(from string, p seal.Part) {
	u.t.Helper()
	c, err := u.a.Contact(from)
	must(u.t, err)
	must(u.t, u.a.Do(u.at, func(tx account.Tx) error { return u.g.Deliver(tx, c, u.at, p) }))
	u.reread()
}

// secret is a user's pseudonym in a group.
func (u *user) secret(id ID) (s keys.Secret) {
	must(u.t, u.a.Look(func(tx account.Tx) error {
		x, err := getGroup(tx, id)
		if err == nil {
			s = x.secret
		}
		return err
	}))
	return s
}

func (u *user) roster(id ID) (l *roster.Log) {
	must(u.t, u.a.Look(func(tx account.Tx) (err error) { l, err = u.g.log(tx, id); return err }))
	return l
}

func (u *user) count(t account.Table, prefix []byte) (n int) {
	must(u.t, u.a.Look(func(tx account.Tx) error {
		list, err := collect(tx, t, prefix)
		n = len(list)
		return err
	}))
	return n
}

func logPart(id ID, entries ...[]byte) seal.Part {
	p := seal.Part{Kind: kindLog, Body: slices.Clone(id[:])}
	for _, raw := range entries {
		p.Body = append(append(p.Body, byte(len(raw)>>8), byte(len(raw))), raw...)
	}
	return p
}

func chainPart(raw []byte, targets ...[8]byte) seal.Part {
	b := []byte{byte(len(targets))}
	for _, t := range targets {
		b = append(b, t[:]...)
	}
	return seal.Part{Kind: kindChain, Body: append(b, raw...)}
}

// TestHostileMember: U2 is a member without rights, who lies.
func TestHostileMember(t *testing.T) {
	u := everybody(t, 4)
	id := found(t, 0, u...)
	// U3 is no admin; it is the hostile one.
	a, m := u[0], u[3]
	for _, x := range u {
		x.say(id, "hello from "+x.name)
	}
	exchange(t, u...)
	evil, mine := m.secret(id), a.secret(id)
	short := mine.Key()
	aShort := [8]byte(short[:8])

	t.Run("adds without right", func(t *testing.T) {
		l := m.roster(id)
		puppet := keys.NewSecret().Key()
		e := roster.Entry{Group: roster.ID(id), Parents: l.Parents(), Subject: roster.Key(puppet)}
		var bad [][]byte
		for _, kind := range []roster.Kind{roster.Add, roster.Remove, roster.Grant} {
			if e.Kind = kind; kind != roster.Add {
				e.Subject = roster.Key(mine.Key())
			}
			raw, err := e.Sign(evil.Private())
			must(t, err)
			bad = append(bad, raw)
		}
		forged := slices.Clone(bad[0])
		k := mine.Key()
		copy(forged[18:], k[:]) // in the founder's name
		a.told("U3", logPart(id, append(bad, forged, []byte("rubbish"))...))
		a.told("U3", seal.Part{Kind: kindLog, Body: append(slices.Clone(id[:]), 0xff, 0xff, 1)})
		same2(t, "members", a.members(id), "[U0 U1 U2 U3]")
		if !a.info(id).Admin {
			t.Error("the founder lost its right")
		}
	})
	t.Run("forks its chain and floods with new ones", func(t *testing.T) {
		key := evil.Key()
		ears := a.count(tableEars, memberKey(id, roster.Key(key)))
		raw, err := keys.NewPen(0, 0).HandOut(evil, id, [][8]byte{aShort}) // generation 0 again
		must(t, err)
		a.told("U3", chainPart(raw))
		if n := a.count(tableEars, memberKey(id, roster.Key(key))); n != ears {
			t.Errorf("a second chain of one generation: %d", n)
		}
		for gen := uint32(1); gen < 60; gen++ {
			raw, err := keys.NewPen(gen, 0).HandOut(evil, id, [][8]byte{aShort})
			must(t, err)
			a.told("U3", chainPart(raw))
		}
		if n := a.count(tableEars, memberKey(id, roster.Key(key))); n > maxEars {
			t.Errorf("%d chains are kept", n)
		}
		if n := a.count(tableEars, earKey(id, roster.Key(key), 59)); n != 0 {
			t.Error("more than a day's worth was taken")
		}
		// In another's name, or for others: nothing.
		raw, err = keys.NewPen(9, 0).HandOut(keys.NewSecret(), id, [][8]byte{aShort})
		must(t, err)
		for range 300 {
			a.told("U3", chainPart(append(slices.Clone(raw), 1)))
		}
		a.told("U3", chainPart(raw))
		if n := a.count(tableOther, other(otherPending, id[:])); n > 1 {
			t.Errorf("%d are kept for later", n)
		}
	})
	t.Run("claims to be others", func(t *testing.T) {
		k := u[1].secret(id).Key()
		fake := slices.Concat(id[:], k[:], ed25519.Sign(evil.Private(), signedMe(id, roster.Key(k), account.IDOf(a.a.Me().Public()))))
		a.told("U3", seal.Part{Kind: kindMe, Body: fake})
		// A true word that was said to somebody else.
		stolen := slices.Concat(id[:], k[:], ed25519.Sign(u[1].secret(id).Private(), signedMe(id, roster.Key(k), account.IDOf(m.a.Me().Public()))))
		a.told("U3", seal.Part{Kind: kindMe, Body: stolen})
		person := account.IDOf(u[2].a.Me().Public())
		a.told("U3", seal.Part{Kind: kindWho, Body: slices.Concat(id[:], k[:], person[:], []byte{4}, []byte("Liar"))})
		for _, p := range a.info(id).Members {
			if p.Name == "Liar" || p.Name == "U1" && p.Contact != a.id("U1") {
				t.Errorf("%+v", p)
			}
		}
		same2(t, "members", a.members(id), "[U0 U1 U2 U3]")
	})
	t.Run("replays", func(t *testing.T) {
		before := a.texts(id)
		for _, raw := range a.shelf {
			a.open(raw)
		}
		same2(t, "texts", a.texts(id), before)
	})
	t.Run("a far clock", func(t *testing.T) {
		must(t, a.a.Do(a.at, func(tx account.Tx) error {
			x, err := getGroup(tx, id)
			if err != nil {
				return err
			}
			who, err := getMember(tx, id, roster.Key(evil.Key()))
			if err != nil {
				return err
			}
			body := append(binary.BigEndian.AppendUint64(nil, 1<<62), 0xd0)
			body = append(body, make([]byte, 16+6+1)...)
			body[9] = 77
			from := account.Contact{ID: authorID(id, who.key)}
			return a.g.part(tx, a.at, x, who, from, seal.Part{Kind: kindLetter, Body: append(body, "from the end of time"...)})
		}))
		a.say(id, "after it")
		got := a.texts(id)
		if got[len(got)-1] != "from the end of time" || got[len(got)-2] != "after it" {
			t.Errorf("%q", got)
		}
		l, err := a.c.Conversation(id, account.LetterID{}, 0)
		must(t, err)
		if at := l[len(l)-2].SentAt; at.Sub(a.at.Wall).Abs() > time.Minute {
			t.Errorf("my own letter is dated %v", at)
		}
	})
	exchange(t, u...)
	if !strings.Contains(strings.Join(u[1].texts(id), "|"), "after it") {
		t.Errorf("%q", u[1].texts(id))
	}
}

// TestNoWayAroundARemoval: a member who has not heard passes chains on only to
// the signed audience.
func TestNoWayAroundARemoval(t *testing.T) {
	u := everybody(t, 4)
	id := found(t, 0, u...)
	must(t, u[0].g.Remove(u[0].at, id, "U3"))
	u[0].say(id, "after the removal")
	u[0].pack()
	// U1 gets U0's chain, with the request to pass it on to U3.
	one := u[1].secret(id).Key()
	raw, err := keys.NewPen(99, 0).HandOut(u[0].secret(id), id, [][8]byte{[8]byte(one[:8])})
	must(t, err)
	k := u[3].secret(id).Key()
	u[1].told("U0", chainPart(raw, [8]byte(k[:8])))
	exchange(t, u[1], u[3])
	if n := u[3].count(tableEars, memberKey(id, roster.Key(u[0].secret(id).Key()))); n != 0 {
		t.Errorf("the removed got %d chains", n)
	}
	exchange(t, u...)
	if got := strings.Join(u[3].texts(id), "|"); strings.Contains(got, "after the removal") {
		t.Errorf("the removed reads %q", got)
	}
	if got := strings.Join(u[1].texts(id), "|"); !strings.Contains(got, "after the removal") {
		t.Errorf("U1 reads %q", got)
	}
}

// FuzzDeliver: whatever a contact says in a session harms nothing.
func FuzzDeliver(f *testing.F) {
	u := everybody(f, 2)
	id := found(f, 0, u...)
	u[1].say(id, "x")
	exchange(f, u...)
	l := u[0].roster(id)
	f.Add(uint8(kindInvite), l.Raw(roster.ID(id)))
	f.Add(uint8(kindMe), append(id[:], make([]byte, 96)...))
	f.Add(uint8(kindLog), logPart(id, l.Raw(l.Heads()[0])).Body)
	f.Add(uint8(kindWho), append(id[:], make([]byte, 60)...))
	f.Add(uint8(kindChain), []byte{1, 2, 3})
	c, err := u[0].a.Contact("U1")
	must(f, err)
	f.Fuzz(func(t *testing.T, kind uint8, b []byte) {
		defer limits.Watch(t, len(b))()
		u[0].t = t
		err := u[0].a.Do(u[0].at, func(tx account.Tx) error {
			if err := u[0].g.Deliver(tx, c, u[0].at, seal.Part{Kind: kind, Body: b}); err != nil {
				t.Fatal(err)
			}
			return account.ErrTx // nothing of it stays
		})
		if err != account.ErrTx {
			t.Fatal(err)
		}
		if n := len(u[0].info(id).Members); n != 2 {
			t.Fatalf("%d members", n)
		}
	})
}
