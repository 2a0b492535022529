package group

import (
	"encoding/binary"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/roster"
	"github.com/jauap/jauap/seal"
	keys "github.com/jauap/jauap/seal/group"
)

// firstAdmins is how many of those whom a founder asks become admins.
const firstAdmins = 2

// Found makes a group and asks these contacts into it. The first two become
// admins, unless the rules make everybody one. Errors: ErrName, ErrFull,
// account.ErrUnknown.
func (g *Groups) Found(at account.Moment, name string, rules roster.Rules, people []account.ContactID) (id ID, err error) {
	if name = account.CleanName(name); name == "" || len(name) > roster.MaxName {
		return id, ErrName
	}
	if len(people) >= MaxMembers {
		return id, ErrFull
	}
	err = g.a.Do(at, func(tx account.Tx) error {
		x := &group{status: Member, secret: keys.NewSecret(), given: map[[8]byte]bool{}}
		raw, err := roster.Entry{Kind: roster.Found, Name: name, Rules: rules}.Sign(x.secret.Private())
		if err != nil {
			return err
		}
		x.id = ID(roster.IDOf(raw))
		id, x.name = x.id, g.a.FreeName(name, x.id)
		if err := x.put(tx); err != nil {
			return err
		}
		if _, err := g.take(tx, x, raw); err != nil {
			return err
		}
		g.a.Hold(x.id, x.name)
		for i, c := range people {
			if err := g.ask(tx, at, x, c, i < firstAdmins); err != nil {
				return err
			}
		}
		return nil
	})
	return id, err
}

// take puts an entry into the roster and the vault.
func (g *Groups) take(tx account.Tx, x *group, raw []byte) (added bool, err error) {
	l, err := g.log(tx, x.id)
	if err != nil {
		return false, err
	}
	if added, err = l.Take(raw); !added {
		return false, err
	}
	key := binary.BigEndian.AppendUint64(append([]byte(nil), x.id[:]...), uint64(l.Len()-1))
	return true, tx.Put(tableEntries, key, raw)
}

// ask invites a contact.
func (g *Groups) ask(tx account.Tx, at account.Moment, x *group, c account.ContactID, admin bool) error {
	if _, err := g.a.Known(c); err != nil {
		return err
	}
	l, err := g.log(tx, x.id)
	if err != nil {
		return err
	}
	if err := tx.Put(tableOther, other(otherAsked, x.id[:], c[:]), account.NewRecord(1).Flag(admin).Bytes()); err != nil {
		return err
	}
	return g.a.Queue(tx, at, account.Outgoing{To: c, Parts: []seal.Part{{Kind: kindInvite, Body: l.Raw(roster.ID(x.id))}}})
}

// admin is a group in which the owner may change who belongs.
func (g *Groups) admin(tx account.Tx, id ID) (*group, *roster.Log, error) {
	x, l, err := g.own(tx, id)
	if err == nil && !l.State().Members[x.key()].Admin {
		err = ErrNotAdmin
	}
	return x, l, err
}

// Add asks a contact into a group, or agrees when another admin proposed them.
// Errors: ErrNotAdmin, ErrAlready, ErrFull, account.ErrUnknown.
func (g *Groups) Add(at account.Moment, id ID, c account.ContactID, admin bool) error {
	return g.a.Do(at, func(tx account.Tx) error {
		x, l, err := g.admin(tx, id)
		if err != nil {
			return err
		}
		s := l.State()
		if len(s.Members) >= MaxMembers {
			return ErrFull
		}
		all, err := members(tx, id)
		if err != nil {
			return err
		}
		for k, m := range all {
			if m.contact != c {
				continue
			}
			if _, is := s.Members[k]; is {
				return ErrAlready
			}
			if _, proposed := s.Proposed[k]; proposed {
				return g.write(tx, at, x, roster.Entry{Kind: roster.Add, Subject: k, Admin: admin})
			}
		}
		return g.ask(tx, at, x, c, admin)
	})
}

// Promote makes a member an admin.
func (g *Groups) Promote(at account.Moment, id ID, who string) error {
	return g.a.Do(at, func(tx account.Tx) error {
		x, _, err := g.admin(tx, id)
		if err != nil {
			return err
		}
		m, err := g.find(tx, x, who)
		if err != nil {
			return err
		}
		return g.write(tx, at, x, roster.Entry{Kind: roster.Grant, Subject: m.key})
	})
}

// Remove takes a member, or whom the owner only asked, out of a group. Errors:
// ErrNotAdmin, ErrNobody.
func (g *Groups) Remove(at account.Moment, id ID, who string) error {
	return g.a.Do(at, func(tx account.Tx) error {
		x, _, err := g.admin(tx, id)
		if err != nil {
			return err
		}
		m, err := g.find(tx, x, who)
		if err != nil {
			return g.unask(tx, x, who, err)
		}
		cut, err := heardUpTo(tx, id, m.key)
		if err != nil {
			return err
		}
		if err := g.write(tx, at, x, roster.Entry{Kind: roster.Remove, Subject: m.key, Cut: cut}); err != nil {
			return err
		}
		if m, err = getMember(tx, id, m.key); err != nil {
			return err
		}
		return g.tell(tx, at, x, m, 0) // they are told, too
	})
}

// unask takes an invitation back that was not answered yet.
func (g *Groups) unask(tx account.Tx, x *group, who string, why error) error {
	asked, err := collect(tx, tableOther, other(otherAsked, x.id[:]))
	if err != nil {
		return err
	}
	for _, k := range asked {
		if c, err := g.a.Known(account.ContactID(k[17:])); err == nil && same(c.Name, who) {
			return tx.Delete(tableOther, k)
		}
	}
	return why
}

// heardUpTo is how far the owner heard a member.
func heardUpTo(tx account.Tx, id ID, k roster.Key) (cut roster.Cut, err error) {
	prefix := memberKey(id, k)
	err = tx.Scan(tableEars, prefix, account.After(prefix), true, func(_, v []byte) (bool, error) {
		e, err := keys.ParseEar(v)
		if err == nil {
			cut = roster.Cut{Gen: e.Gen(), Next: e.Next()}
		}
		return false, err
	})
	return cut, err
}

// Leave ends the owner's membership; what was read stays. Letters that wait to
// be sealed do not leave any more.
func (g *Groups) Leave(at account.Moment, id ID) error {
	return g.a.Do(at, func(tx account.Tx) error {
		x, err := knownGroup(tx, id)
		if err != nil {
			return err
		}
		if x.status == Member {
			cut := roster.Cut{}
			if x.pen != nil {
				cut = roster.Cut{Gen: x.pen.Gen(), Next: x.pen.Next()}
			}
			return g.write(tx, at, x, roster.Entry{Kind: roster.Leave, Cut: cut})
		}
		if x.status == Asking {
			x.status = Left
			return x.put(tx)
		}
		return nil
	})
}

// Hide keeps a group that was left, or that the owner was removed from, out of
// the list, until the owner is in it again. What the others must still hear of
// the leaving goes its way. ErrStays.
func (g *Groups) Hide(at account.Moment, id ID) error {
	return g.a.Do(at, func(tx account.Tx) error {
		x, err := knownGroup(tx, id)
		if err != nil {
			return err
		}
		if !x.status.Over() {
			return ErrStays
		}
		return tx.Put(tableOther, other(otherHidden, id[:]), []byte{1})
	})
}

// hidden reports whether a group is not to be listed.
func (x *group) hidden(tx account.Tx) (bool, error) {
	if !x.status.Over() {
		return false, nil
	}
	b, err := tx.Get(tableOther, other(otherHidden, x.id[:]))
	return b != nil, err
}

// Join answers an invitation: an admin's device takes the owner in when it
// hears of it. ErrNoInvite.
func (g *Groups) Join(at account.Moment, id ID) error {
	return g.a.Do(at, func(tx account.Tx) error {
		key := other(otherInvite, id[:])
		b, err := tx.Get(tableOther, key)
		if err != nil {
			return err
		}
		if b == nil {
			return ErrNoInvite
		}
		i, err := parseInvitation(b)
		if err != nil {
			return err
		}
		e, err := roster.Parse(i.found)
		if err != nil {
			return err
		}
		x := &group{id: id, status: Asking, secret: keys.NewSecret(), inviter: i.from, given: map[[8]byte]bool{}}
		x.name = g.a.FreeName(e.Name, id)
		if err := x.put(tx); err != nil {
			return err
		}
		if _, err := g.take(tx, x, i.found); err != nil {
			return err
		}
		g.a.Hold(id, x.name)
		if err := tx.Delete(tableOther, key); err != nil {
			return err
		}
		// Who comes back is somebody new to the others.
		all, err := members(tx, id)
		if err != nil {
			return err
		}
		for _, m := range all {
			m.greeted, m.told = false, 0
			if err := m.put(tx); err != nil {
				return err
			}
		}
		return g.a.Queue(tx, at, account.Outgoing{To: i.from, Parts: []seal.Part{x.me(i.from)}})
	})
}

// Decline forgets an invitation; nobody is told.
func (g *Groups) Decline(at account.Moment, id ID) error {
	return g.a.Do(at, func(tx account.Tx) error { return tx.Delete(tableOther, other(otherInvite, id[:])) })
}

// write makes an entry of the owner's, takes it and tells the others at once.
func (g *Groups) write(tx account.Tx, at account.Moment, x *group, e roster.Entry) error {
	l, err := g.log(tx, x.id)
	if err != nil {
		return err
	}
	before := l.State()
	e.Group, e.Parents = l.Group(), l.Parents()
	raw, err := e.Sign(x.secret.Private())
	if err != nil {
		return err
	}
	if _, err := g.take(tx, x, raw); err != nil {
		return err
	}
	return g.changed(tx, at, x, before, account.ContactID{}, true)
}
