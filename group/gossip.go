package group

import (
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"slices"
	"strings"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/roster"
	"github.com/jauap/jauap/seal"
)

// Limits of what others may make this device keep.
const (
	maxInvitations = 64
	maxWishes      = 8   // open invitations of one contact
	maxPending     = 64  // of one group and contact
	maxPassed      = 256 // times that a writer's chains are passed on for others in a day
	maxClaims      = 400 // of one group: pseudonyms of whom something is known
	maxPart        = 800 // bytes of a part that fits every envelope
	retellAfter    = seal.Tick(24 * 60 * 60)
)

// me is the part by which the owner says to a contact who they are in a group.
func (x *group) me(to account.ContactID) seal.Part {
	k := x.key()
	b := append(append([]byte(nil), x.id[:]...), k[:]...)
	return seal.Part{Kind: kindMe, Body: append(b, ed25519.Sign(x.secret.Private(), signedMe(x.id, k, to))...)}
}

func signedMe(id ID, k roster.Key, to account.ContactID) []byte {
	return slices.Concat([]byte("jauap/1 group me"), id[:], k[:], to[:])
}

// Deliver implements account.App: what contacts say in their sessions.
func (g *Groups) Deliver(tx account.Tx, from account.Contact, at account.Moment, p seal.Part) error {
	if p.Kind == kindInvite {
		return g.invited(tx, from, at, p.Body)
	}
	if p.Kind == kindChain {
		return g.chain(tx, from, at, p.Body)
	}
	if len(p.Body) < 16 {
		return nil
	}
	x, err := getGroup(tx, ID(p.Body[:16]))
	if err != nil || x == nil || x.status == Left {
		return err
	}
	body := p.Body[16:]
	switch p.Kind {
	case kindMe:
		return g.met(tx, from, at, x, body)
	case kindLog:
		return g.heard(tx, from, at, x, body)
	case kindWho:
		return g.hearsay(tx, from, at, x, body)
	}
	return nil
}

// invited keeps an invitation until the owner answers it.
func (g *Groups) invited(tx account.Tx, from account.Contact, at account.Moment, found []byte) error {
	e, err := roster.Parse(found)
	if err != nil || e.Kind != roster.Found {
		return nil
	}
	id := ID(roster.IDOf(found))
	x, err := getGroup(tx, id)
	if err != nil || x != nil && (x.status == Member || x.status == Asking) {
		return err
	}
	open, err := collect(tx, tableOther, other(otherInvite))
	if err != nil || len(open) >= maxInvitations {
		return err
	}
	theirs := 0
	for _, k := range open {
		b, err := tx.Get(tableOther, k)
		if err != nil {
			return err
		}
		if i, err := parseInvitation(b); err == nil && i.from == from.ID {
			theirs++
		}
	}
	if theirs >= maxWishes {
		return nil
	}
	i := &invitation{from.ID, at.Wall, found}
	return tx.Put(tableOther, other(otherInvite, id[:]), i.record())
}

// met takes a contact's word for who they are in the group. Whom the owner
// asked is taken in by it.
func (g *Groups) met(tx account.Tx, from account.Contact, at account.Moment, x *group, b []byte) error {
	if len(b) != 32+ed25519.SignatureSize {
		return nil
	}
	k := roster.Key(b)
	if k == x.key() || !ed25519.Verify(k[:], signedMe(x.id, k, account.IDOf(g.a.Me().Public())), b[32:]) {
		return nil
	}
	l, err := g.log(tx, x.id)
	if err != nil {
		return err
	}
	m, err := getMember(tx, x.id, k)
	if err != nil || m.claim == said && m.contact != from.ID {
		return err // two say that they are the same: the first counts
	}
	s := l.State()
	_, is := s.Members[k]
	if !is && m.claim == nothing {
		if all, err := members(tx, x.id); err != nil || len(all) >= maxClaims {
			return err
		}
	}
	m.contact, m.claim = from.ID, said
	if err := m.put(tx); err != nil {
		return err
	}
	asked := other(otherAsked, x.id[:], from.ID[:])
	b, err = tx.Get(tableOther, asked)
	if err != nil || b == nil || is || x.status != Member {
		return err
	}
	if err := tx.Delete(tableOther, asked); err != nil {
		return err
	}
	f := account.ReadRecord(b)
	f.Version(1)
	admin := f.Flag()
	if _, gone := s.Gone[k]; gone || !s.Members[x.key()].Admin || f.Done() != nil {
		return f.Done()
	}
	return g.write(tx, at, x, roster.Entry{Kind: roster.Add, Subject: k, Admin: admin})
}

// heard takes entries of the roster.
func (g *Groups) heard(tx account.Tx, from account.Contact, at account.Moment, x *group, b []byte) error {
	l, err := g.log(tx, x.id)
	if err != nil {
		return err
	}
	before := l.State()
	n := l.Len()
	for len(b) >= 2 {
		size := int(b[0])<<8 | int(b[1])
		if size > len(b)-2 {
			break
		}
		if err := g.entry(tx, x, from.ID, b[2:2+size]); err != nil {
			return err
		}
		b = b[2+size:]
	}
	if l.Len() == n {
		return nil
	}
	return g.changed(tx, at, x, before, from.ID, false)
}

// entry takes one entry, or keeps it when it came before its parents.
func (g *Groups) entry(tx account.Tx, x *group, from account.ContactID, raw []byte) error {
	_, err := g.take(tx, x, raw)
	if errors.Is(err, roster.ErrMissing) {
		return g.pend(tx, x.id, from, 0, raw)
	}
	if errors.Is(err, account.ErrFull) || errors.Is(err, account.ErrClosed) || errors.Is(err, account.ErrTx) {
		return err
	}
	return nil // refused: what is wrong with it is its author's
}

// pend keeps what came too early, some of each contact's.
func (g *Groups) pend(tx account.Tx, id ID, from account.ContactID, what byte, raw []byte) error {
	have, err := collect(tx, tableOther, other(otherPending, id[:], from[:]))
	if err != nil || len(have) >= maxPending {
		return err
	}
	h := sha256.Sum256(raw)
	return tx.Put(tableOther, other(otherPending, id[:], from[:], h[:16]), append([]byte{what}, raw...))
}

// retry takes what came too early and may fit now.
func (g *Groups) retry(tx account.Tx, x *group) error {
	list, err := collect(tx, tableOther, other(otherPending, x.id[:]))
	if err != nil {
		return err
	}
	for again := true; again; {
		again = false
		var rest [][]byte
		for _, k := range list {
			b, err := tx.Get(tableOther, k)
			if err != nil {
				return err
			}
			done := true
			if b[0] == 0 {
				_, err := g.take(tx, x, b[1:])
				done = !errors.Is(err, roster.ErrMissing)
			} else if done, err = g.listen(tx, x, b[1:]); err != nil {
				return err
			}
			if !done {
				rest = append(rest, k)
				continue
			}
			again = true
			if err := tx.Delete(tableOther, k); err != nil {
				return err
			}
		}
		list = rest
	}
	return nil
}

// changed does what follows from new entries in the roster: before is what it
// meant, from is who told (zero: the owner).
func (g *Groups) changed(tx account.Tx, at account.Moment, x *group, before *roster.State, from account.ContactID, now bool) error {
	l, err := g.log(tx, x.id)
	if err != nil {
		return err
	}
	if err := g.retry(tx, x); err != nil {
		return err
	}
	after := l.State()
	for k, cut := range after.Gone {
		if old, was := before.Gone[k]; !was || old != cut {
			if err := g.cut(tx, x, k, cut); err != nil {
				return err
			}
		}
	}
	if err := g.follow(tx, x, after); err != nil {
		return err
	}
	if x.status != Member && !now {
		return nil
	}
	all, err := members(tx, x.id)
	if err != nil {
		return err
	}
	for k := range after.Members {
		m := all[k]
		if m == nil || k == x.key() || m.contact == (account.ContactID{}) {
			continue
		}
		if _, err := g.a.Known(m.contact); err != nil {
			continue // it is said who they are, but they are no contact
		}
		if !m.greeted {
			m.greeted = true
			if err := m.put(tx); err != nil {
				return err
			}
			if err := g.a.Queue(tx, at, account.Outgoing{To: m.contact, Parts: []seal.Part{x.me(m.contact)}}); err != nil {
				return err
			}
		}
		if m.contact == from || m.claim != said || !now && !near(after, x.key(), k) {
			continue
		}
		due := g.delay(at)
		if now {
			due = 0
		}
		if err := g.tell(tx, at, x, m, due); err != nil {
			return err
		}
	}
	return nil
}

// follow sets the owner's own status by the roster.
func (g *Groups) follow(tx account.Tx, x *group, s *roster.State) error {
	was := x.status
	_, is := s.Members[x.key()]
	_, gone := s.Gone[x.key()]
	switch {
	case is:
		x.status = Member
	case gone && s.Left[x.key()]:
		x.status = Left
	case gone || was == Member: // what took the owner in does not count any more
		x.status = Removed
	}
	if x.status == was {
		return nil
	}
	if was == Member {
		x.pen, x.given = nil, map[[8]byte]bool{}
		ears, err := collect(tx, tableEars, x.id[:])
		if err != nil {
			return err
		}
		for _, k := range ears {
			if err := g.deafen(tx, k); err != nil {
				return err
			}
		}
	}
	return x.put(tx)
}

// near reports whether one of two added the other, or there is nobody left who
// was so near to the second.
func near(s *roster.State, a, b roster.Key) bool {
	if s.Members[b].By == a || s.Members[a].By == b {
		return true
	}
	if _, there := s.Members[s.Members[b].By]; there {
		return false
	}
	for _, m := range s.Members {
		if m.By == b {
			return false
		}
	}
	return true
}

// tell sends a contact the entries that they lack, with what the owner knows of
// whom those take in. due is when it is worth an envelope; 0: now.
func (g *Groups) tell(tx account.Tx, at account.Moment, x *group, m *member, due seal.Tick) error {
	l, err := g.log(tx, x.id)
	if err != nil || m.contact == (account.ContactID{}) {
		return err
	}
	lacks := map[roster.ID]bool{}
	for _, id := range l.Lacks(m.knows(l)) {
		lacks[id] = true
	}
	list := l.List()
	var parts, logs []seal.Part // who first: the reader passes both on at once
	log := seal.Part{Kind: kindLog, Body: x.id[:]}
	who := seal.Part{Kind: kindWho, Body: x.id[:]}
	add := func(to *seal.Part, full *[]seal.Part, b []byte) {
		if len(to.Body)+len(b) > maxPart && len(to.Body) > 16 {
			*full = append(*full, *to)
			to.Body = x.id[:]
		}
		to.Body = slices.Concat(to.Body, b)
	}
	for _, e := range list[min(m.told, len(list)):] {
		if e.Kind == roster.Add {
			b, err := g.whoIs(tx, x, e.Subject)
			if err != nil {
				return err
			}
			add(&who, &parts, b)
		}
		if raw := l.Raw(e.ID); lacks[e.ID] && e.Kind != roster.Found {
			add(&log, &logs, append([]byte{byte(len(raw) >> 8), byte(len(raw))}, raw...))
		}
	}
	if b, err := g.whoIs(tx, x, l.State().Founder); err != nil {
		return err
	} else if m.told == 0 {
		add(&who, &parts, b)
	}
	for _, p := range append([]seal.Part{who}, append(logs, log)...) {
		if len(p.Body) > 16 {
			parts = append(parts, p)
		}
	}
	m.told, m.toldAt = len(list), g.a.Now()
	if err := m.put(tx); err != nil || len(parts) == 0 {
		return err
	}
	for _, p := range parts {
		err := g.a.Queue(tx, at, account.Outgoing{To: m.contact, Parts: []seal.Part{p}, Alone: due})
		if err != nil && !errors.Is(err, account.ErrUnknown) {
			return err
		}
	}
	return nil
}

// whoIs is what the owner can say of a member; nothing when nobody said who
// they are.
func (g *Groups) whoIs(tx account.Tx, x *group, k roster.Key) ([]byte, error) {
	m, err := getMember(tx, x.id, k)
	if err != nil || m.claim == nothing {
		return nil, err
	}
	name := g.nameOf(m)
	return slices.Concat(k[:], m.contact[:], []byte{byte(len(name))}, []byte(name)), nil
}

// hearsay takes what a member says of others. It never overrides what they say
// themselves, nor the first who spoke.
func (g *Groups) hearsay(tx account.Tx, from account.Contact, at account.Moment, x *group, b []byte) error {
	l, err := g.log(tx, x.id)
	if err != nil {
		return err
	}
	all, err := members(tx, x.id)
	if err != nil {
		return err
	}
	for len(b) >= 49 && len(b) >= 49+int(b[48]) {
		k, person, name := roster.Key(b), account.ContactID(b[32:48]), string(b[49:49+int(b[48])])
		b = b[49+len(name):]
		m := all[k]
		if m == nil {
			m = &member{group: x.id, key: k}
		}
		if k == x.key() || m.claim != nothing || len(all) >= maxClaims {
			continue
		}
		m.claim, m.teller, m.name = hearsay, from.ID, account.CleanName(name)
		if person != from.ID {
			m.contact = person
		}
		all[k] = m
		if err := m.put(tx); err != nil {
			return err
		}
	}
	return g.changed(tx, at, x, l.State(), from.ID, false)
}

func same(a, b string) bool { return strings.EqualFold(account.CleanName(a), account.CleanName(b)) }
