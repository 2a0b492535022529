package group

import (
	"errors"
	"slices"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/roster"
	"github.com/jauap/jauap/seal"
	keys "github.com/jauap/jauap/seal/group"
)

// chain takes a handed out chain, or passes it on.
func (g *Groups) chain(tx account.Tx, from account.Contact, at account.Moment, b []byte) error {
	if len(b) < 1 || len(b) < 1+8*int(b[0]) {
		return nil
	}
	n := int(b[0])
	raw := b[1+8*n:]
	h, err := keys.ParseHandout(raw)
	if err != nil {
		return nil
	}
	x, err := getGroup(tx, ID(h.Group))
	if err != nil || x == nil || x.status != Member && x.status != Asking {
		return err
	}
	mine := x.key().Short()
	var others [][8]byte
	for i := range n {
		if t := [8]byte(b[1+8*i:]); t != mine && t != [8]byte(h.Key[:8]) && h.For(t) {
			others = append(others, t)
		}
	}
	if may, err := g.mayPass(tx, x, h, len(others)); err != nil {
		return err
	} else if may {
		if _, err := g.spread(tx, at, x, raw, others, from.ID); err != nil {
			return err
		}
	}
	if !h.For(mine) || roster.Key(h.Key) == x.key() {
		return nil
	}
	if done, err := g.listen(tx, x, raw); done || err != nil {
		return err
	}
	return g.pend(tx, x.id, from.ID, 1, raw)
}

// mayPass bounds what a writer can make this device send for it.
func (g *Groups) mayPass(tx account.Tx, x *group, h *keys.Handout, n int) (bool, error) {
	if n == 0 || x.status != Member {
		return false, nil
	}
	l, err := g.log(tx, x.id)
	if err != nil {
		return false, err
	}
	if _, is := l.State().Members[roster.Key(h.Key)]; !is {
		return false, nil
	}
	key := other(otherPassed, x.id[:], h.Key[:])
	b, err := tx.Get(tableOther, key)
	if err != nil {
		return false, err
	}
	since, count := g.a.Now(), 0
	if b != nil {
		f := account.ReadRecord(b)
		f.Version(1)
		if since, count = seal.Tick(f.Int()), int(f.Uint()); f.Done() != nil {
			return false, f.Done()
		}
		if g.a.Now()-since >= day {
			since, count = g.a.Now(), 0
		}
	}
	if count += n; count > maxPassed {
		return false, nil
	}
	return true, tx.Put(tableOther, key, account.NewRecord(1).Int(int64(since)).Uint(uint64(count)).Bytes())
}

// spread sends a chain on its ways to these members, but not back to whom it
// came from. It answers those for whom there is a way.
func (g *Groups) spread(tx account.Tx, at account.Moment, x *group, raw []byte, targets [][8]byte, from account.ContactID) (sent [][8]byte, err error) {
	l, err := g.log(tx, x.id)
	if err != nil {
		return nil, err
	}
	all, err := members(tx, x.id)
	if err != nil {
		return nil, err
	}
	s := l.State()
	hops := map[account.ContactID][][8]byte{}
	for k := range s.Members {
		if t := k.Short(); slices.Contains(targets, t) {
			if hop := way(s, all, x.key(), k); hop != (account.ContactID{}) && hop != from {
				hops[hop] = append(hops[hop], t)
			}
		}
	}
	for hop, list := range hops {
		b := []byte{byte(len(list))}
		for _, t := range list {
			b = append(b, t[:]...)
		}
		err := g.a.Queue(tx, at, account.Outgoing{To: hop, Parts: []seal.Part{{Kind: kindChain, Body: append(b, raw...)}}})
		if errors.Is(err, account.ErrUnknown) {
			continue
		}
		if err != nil {
			return nil, err
		}
		sent = append(sent, list...)
	}
	return sent, nil
}

// way is the contact to whom something for a member is given: they themselves,
// else the next in the tree of who added whom. Zero when there is no way.
func way(s *roster.State, all map[roster.Key]*member, from, to roster.Key) account.ContactID {
	direct := func(k roster.Key) (c account.ContactID) {
		if m := all[k]; m != nil && m.claim == said {
			c = m.contact
		}
		return c
	}
	if c := direct(to); c != (account.ContactID{}) {
		return c
	}
	// Backwards from the target, nearest first: who is reached first of those
	// whom the owner knows passes it on along the same tree.
	seen := map[roster.Key]bool{to: true}
	for list := []roster.Key{to}; len(list) > 0; list = list[1:] {
		for k, m := range s.Members {
			if seen[k] || k == from || m.By != list[0] && s.Members[list[0]].By != k {
				continue
			}
			seen[k] = true
			if c := direct(k); c != (account.ContactID{}) {
				return c
			}
			list = append(list, k)
		}
	}
	return account.ContactID{}
}

// listen begins to listen to a chain; done is false when its writer is no
// member yet.
func (g *Groups) listen(tx account.Tx, x *group, raw []byte) (done bool, err error) {
	h, err := keys.ParseHandout(raw)
	if err != nil {
		return true, nil
	}
	l, err := g.log(tx, x.id)
	if err != nil {
		return false, err
	}
	k, s := roster.Key(h.Key), l.State()
	cut, gone := s.Gone[k]
	if _, is := s.Members[k]; !is && !gone || x.status != Member {
		return false, nil
	}
	if gone && !cut.Covers(h.Gen, h.Next) {
		return true, nil
	}
	room, err := g.makeRoom(tx, x, k, h.Gen)
	if err != nil || !room {
		return true, err
	}
	e := h.Ear()
	tags, err := e.Tags()
	if err != nil {
		return true, nil
	}
	key := earKey(x.id, k, h.Gen)
	row := []byte{byte(h.Next >> 24), byte(h.Next >> 16), byte(h.Next >> 8), byte(h.Next)}
	var listen []envelope.Tag
	for _, t := range tags {
		row = append(row, t.Tag[:]...)
		if !gone || cut.Covers(h.Gen, t.Index) {
			listen = append(listen, t.Tag)
		}
	}
	author := authorID(x.id, k)
	for _, p := range []struct {
		t        account.Table
		key, val []byte
	}{{tableEars, key, e.Marshal()}, {tableTags, key, row}, {tableAuthors, author[:], memberKey(x.id, k)}} {
		if err := tx.Put(p.t, p.key, p.val); err != nil {
			return false, err
		}
	}
	g.a.Listen(string(key), listen)
	return true, nil
}

// Limits of a writer's chains. spec/group.md, 1.
const (
	maxEars  = 8
	maxFresh = 32
	day      = seal.Tick(24 * 60 * 60)
)

// makeRoom reports whether a generation may be listened to, and drops the
// lowest when there are too many.
func (g *Groups) makeRoom(tx account.Tx, x *group, k roster.Key, gen uint32) (bool, error) {
	ears, err := collect(tx, tableEars, memberKey(x.id, k))
	if err != nil {
		return false, err
	}
	key := string(earKey(x.id, k, gen))
	for _, e := range ears {
		if string(e) == key {
			return false, nil // the first counts
		}
	}
	if len(ears) >= maxEars && key < string(ears[0]) {
		return false, nil
	}
	m, err := getMember(tx, x.id, k)
	if err != nil {
		return false, err
	}
	if g.a.Now()-m.day >= day {
		m.day, m.fresh = g.a.Now(), 0
	}
	if m.fresh++; m.fresh > maxFresh {
		return false, nil
	}
	if len(ears) >= maxEars {
		if err := g.deafen(tx, ears[0]); err != nil {
			return false, err
		}
	}
	return true, m.put(tx)
}
