package group

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/chat"
	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/roster"
	"github.com/jauap/jauap/seal"
	keys "github.com/jauap/jauap/seal/group"
)

func earKey(id ID, k roster.Key, gen uint32) []byte {
	return binary.BigEndian.AppendUint32(memberKey(id, k), gen)
}

const earKeySize = 16 + 32 + 4

// Chains implements account.Guest.
func (g *Groups) Chains(tx account.Tx) (tags map[string][]envelope.Tag, held map[ID]string, err error) {
	tags, held = map[string][]envelope.Tag{}, map[ID]string{}
	err = tx.Scan(tableGroups, nil, nil, false, func(k, v []byte) (bool, error) {
		x, err := parseGroup(ID(k), v)
		if err == nil {
			held[x.id] = x.name
		}
		return true, err
	})
	if err != nil {
		return nil, nil, err
	}
	chains, err := collect(tx, tableEars, nil)
	if err != nil {
		return nil, nil, err
	}
	for _, k := range chains {
		if len(k) != earKeySize {
			return nil, nil, fmt.Errorf("%w: a chain's key", account.ErrDamaged)
		}
		e, row, err := getEar(tx, k)
		if err != nil {
			return nil, nil, err
		}
		l, err := g.log(tx, ID(k[:16]))
		if err != nil {
			return nil, nil, err
		}
		cut, gone := l.State().Gone[roster.Key(k[16:48])]
		for i := row.first; i < keys.Letters; i++ {
			if e.Waits(i) && (!gone || cut.Covers(e.Gen(), i)) {
				tags[string(k)] = append(tags[string(k)], row.tag(i))
			}
		}
	}
	return tags, held, nil
}

// row is the tags of a chain.
type row struct {
	first uint32
	b     []byte
}

func (r row) tag(i uint32) envelope.Tag { return envelope.Tag(r.b[16*(i-r.first):]) }

func (r row) find(t envelope.Tag) (index uint32, ok bool) {
	for i := r.first; i < keys.Letters; i++ {
		if r.tag(i) == t {
			return i, true
		}
	}
	return 0, false
}

func getEar(tx account.Tx, key []byte) (e *keys.Ear, r row, err error) {
	b, err := tx.Get(tableEars, key)
	if err != nil || b == nil {
		return nil, r, err
	}
	if e, err = keys.ParseEar(b); err != nil {
		return nil, r, fmt.Errorf("%w: a chain: %w", account.ErrDamaged, err)
	}
	if b, err = tx.Get(tableTags, key); err != nil {
		return nil, r, err
	}
	if len(b) < 4 {
		return nil, r, fmt.Errorf("%w: a chain's tags", account.ErrDamaged)
	}
	r = row{binary.BigEndian.Uint32(b), b[4:]}
	if len(r.b) != 16*int(keys.Letters-r.first) {
		return nil, r, fmt.Errorf("%w: a chain's tags", account.ErrDamaged)
	}
	return e, r, nil
}

// deafen forgets a chain.
func (g *Groups) deafen(tx account.Tx, key []byte) error {
	e, r, err := getEar(tx, key)
	if err != nil || e == nil {
		return err
	}
	var gone []envelope.Tag
	for i := r.first; i < keys.Letters; i++ {
		if e.Waits(i) {
			gone = append(gone, r.tag(i))
		}
	}
	g.a.Unlisten(gone)
	if err := tx.Delete(tableTags, key); err != nil {
		return err
	}
	return tx.Delete(tableEars, key)
}

// cut ends the listening to somebody who is gone, beyond what they wrote before.
func (g *Groups) cut(tx account.Tx, x *group, k roster.Key, cut roster.Cut) error {
	list, err := collect(tx, tableEars, memberKey(x.id, k))
	if err != nil {
		return err
	}
	for _, key := range list {
		e, r, err := getEar(tx, key)
		if err != nil {
			return err
		}
		var gone, still []envelope.Tag
		for i := r.first; i < keys.Letters; i++ {
			switch {
			case !e.Waits(i):
			case cut.Covers(e.Gen(), i):
				still = append(still, r.tag(i))
			default:
				gone = append(gone, r.tag(i))
			}
		}
		g.a.Unlisten(gone)
		g.a.Listen(string(key), still) // a later cut may be higher
	}
	return nil
}

// Open implements account.Guest.
func (g *Groups) Open(tx account.Tx, at account.Moment, chain string, e envelope.Envelope) (parts int, err error) {
	id, k := ID([]byte(chain[:16])), roster.Key([]byte(chain[16:48]))
	ear, r, err := getEar(tx, []byte(chain))
	if err != nil {
		return 0, err
	}
	x, err := getGroup(tx, id)
	if err != nil {
		return 0, err
	}
	if ear == nil || x == nil || x.status != Member {
		return 0, account.Refuse(seal.ErrUnknownTag)
	}
	index, ok := r.find(e.Tag())
	l, err := g.log(tx, id)
	if err != nil {
		return 0, err
	}
	if cut, gone := l.State().Gone[k]; !ok || gone && !cut.Covers(ear.Gen(), index) {
		return 0, account.Refuse(seal.ErrUnknownTag)
	}
	o, err := ear.Open(g.a.Now(), e, index)
	if err != nil {
		return 0, account.Refuse(err)
	}
	if err := tx.Put(tableEars, []byte(chain), ear.Marshal()); err != nil {
		return 0, err
	}
	g.a.Unlisten([]envelope.Tag{e.Tag()})
	m, err := getMember(tx, id, k)
	if err != nil {
		return 0, err
	}
	if err := g.listened(tx, at, x, m, l, o.Heads); err != nil {
		return 0, err
	}
	from := account.Contact{ID: authorID(id, k), Name: g.nameOf(m)}
	for _, p := range o.Parts {
		if err := g.part(tx, at, x, m, from, p); err != nil {
			return 0, err
		}
	}
	return len(o.Parts), nil
}

// listened notes what a member knows of the roster by their letter, and helps
// when they lack something.
func (g *Groups) listened(tx account.Tx, at account.Moment, x *group, m *member, l *roster.Log, heads [][16]byte) error {
	m.heardAt, m.heads = at.Wall, m.heads[:0]
	for _, h := range heads {
		m.heads = append(m.heads, roster.ID(h))
	}
	lacks := l.Lacks(m.knows(l))
	ours := near(l.State(), x.key(), m.key)
	for _, e := range l.List() {
		ours = ours || e.Author == x.key()
	}
	if len(lacks) > 0 && ours && m.claim == said && g.a.Now()-m.toldAt >= retellAfter {
		m.told = 0
		return g.tell(tx, at, x, m, g.delay(at))
	}
	return m.put(tx)
}

// part takes one part of a group letter.
func (g *Groups) part(tx account.Tx, at account.Moment, x *group, m *member, from account.Contact, p seal.Part) error {
	switch {
	case p.Kind == kindLetter && len(p.Body) > 9+16 && chat.IsLetter(p.Body[8]):
		// A letter's part begins with its id.
		key := append(append([]byte(nil), from.ID[:]...), p.Body[9:9+16]...)
		if err := tx.Put(tableClocks, key, p.Body[:8]); err != nil {
			return err
		}
		return g.chat.Deliver(tx, from, at, seal.Part{Kind: p.Body[8], Body: p.Body[9:]})
	case chat.IsReceipt(p):
		for _, r := range chat.Receipts(p) {
			if err := g.confirmed(tx, at, x, m, r); err != nil {
				return err
			}
		}
		return nil
	case chat.IsPiece(p):
		return g.chat.Deliver(tx, from, at, p)
	case g.others != nil:
		w := Writer{Group: x.id, Author: from.ID, Key: m.key.Short(), Me: x.key().Short()}
		if c, err := g.a.Known(m.contact); err == nil && m.claim == said {
			w.Person = c.ID
		}
		return g.others(tx, at, w, p)
	}
	return nil
}

// Writer is who wrote in a group.
type Writer struct {
	Group   ID
	Author  account.ContactID // their name as an author, on every device alike
	Key, Me [8]byte           // the beginnings of their pseudonym and of the owner's
	Person  account.ContactID // the contact who said in a session that it is theirs; zero when none did
}

// Others lets f have the parts of group letters that are no conversation. Call
// it before the first letter is received.
func (g *Groups) Others(f func(tx account.Tx, at account.Moment, w Writer, p seal.Part) error) {
	g.others = f
}

// Address notes the members as the readers of a letter of the owner, of which no
// conversation knows; ok is false when to is no group. Error: ErrNotMember.
func (g *Groups) Address(tx account.Tx, to ID, letter account.LetterID) (ok bool, err error) {
	x, l, err := g.own(tx, to)
	if err == ErrUnknown {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, g.address(tx, x, l, letter[:])
}

func (g *Groups) address(tx account.Tx, x *group, l *roster.Log, letter []byte) error {
	r := readers{group: x.id}
	for k := range l.State().Members {
		if k != x.key() {
			r.list = append(r.list, k.Short())
		}
	}
	return tx.Put(tableOther, other(otherReaders, letter), r.record())
}

// Has notes that a member, by their name as an author, has a letter of Address.
// all is true when every reader has it who is a member still.
func (g *Groups) Has(tx account.Tx, id, author ID, letter account.LetterID, when time.Time) (all bool, err error) {
	x, err := getGroup(tx, id)
	if err != nil || x == nil {
		return false, err
	}
	b, err := tx.Get(tableAuthors, author[:])
	if err != nil || len(b) != 48 {
		return false, err
	}
	reach, err := g.received(tx, x, roster.Key(b[16:]), chat.Receipt{ID: letter, At: when})
	return reach.Of > 0 && reach.Delivered == reach.Of, err
}

// Drop forgets the readers of a letter of Address, and who has it.
func (g *Groups) Drop(tx account.Tx, letter account.LetterID) error {
	gone, err := collect(tx, tableOther, other(otherHas, letter[:]))
	for _, k := range append(gone, other(otherReaders, letter[:])) {
		if err == nil {
			err = tx.Delete(tableOther, k)
		}
	}
	return err
}

// Place implements chat.Rooms.
func (g *Groups) Place(tx account.Tx, author account.ContactID, wire account.LetterID) (room account.ContactID, position uint64, ok bool, err error) {
	b, err := tx.Get(tableAuthors, author[:])
	if err != nil || len(b) != 48 {
		return room, 0, false, err
	}
	key := append(append([]byte(nil), author[:]...), wire[:]...)
	clock, err := tx.Get(tableClocks, key)
	if err != nil {
		return room, 0, false, err
	}
	if len(clock) == 8 {
		position = binary.BigEndian.Uint64(clock)
		err = tx.Delete(tableClocks, key)
	}
	return ID(b[:16]), position, true, err
}

// ahead is how far beyond the wall clock the group's clock is followed.
const ahead = 400 * 24 * time.Hour

// Write implements chat.Rooms.
func (g *Groups) Write(tx account.Tx, at account.Moment, to account.ContactID, last uint64, p seal.Part) (position uint64, told seal.Part, ok bool, err error) {
	x, l, err := g.own(tx, to)
	if err == ErrUnknown {
		return 0, told, false, nil
	}
	if err != nil {
		return 0, told, false, err
	}
	wall := uint64(max(at.Wall.UnixMilli(), 1))
	position = max(wall, min(last, wall+uint64(ahead/time.Millisecond))+1)
	if err := g.address(tx, x, l, p.Body[:16]); err != nil {
		return 0, told, false, err
	}
	body := append(binary.BigEndian.AppendUint64(nil, position), p.Kind)
	return position, seal.Part{Kind: kindLetter, Body: append(body, p.Body...)}, true, nil
}

// confirmed notes that a reader has a letter of the owner; when all have it,
// its proof goes to the carriers.
func (g *Groups) confirmed(tx account.Tx, at account.Moment, x *group, m *member, r chat.Receipt) error {
	own, err := g.chat.OwnIn(tx, x.id, r.ID)
	if err != nil || !own {
		return err
	}
	if r.At.After(at.Wall) {
		r.At = at.Wall
	}
	reach, err := g.received(tx, x, m.key, r)
	if err != nil || reach.Of == 0 || reach.Delivered < reach.Of {
		return err
	}
	r.Read = reach.Read == reach.Of
	return g.chat.Confirmed(tx, at, x.id, r)
}

// received notes that a member has a letter, and answers who has it now.
func (g *Groups) received(tx account.Tx, x *group, k roster.Key, r chat.Receipt) (Reach, error) {
	h, err := getHas(tx, r.ID, k.Short())
	if err != nil {
		return Reach{}, err
	}
	if h.delivered.IsZero() {
		h.delivered = r.At
	}
	if r.Read && h.read.IsZero() {
		h.read = r.At
	}
	if err := h.put(tx, r.ID, k.Short()); err != nil {
		return Reach{}, err
	}
	return g.reach(tx, x, r.ID)
}

// Prepare implements account.Guest: it makes the chain anew when that is due,
// and hands it to whom does not have it.
func (g *Groups) Prepare(tx account.Tx, at account.Moment, to account.ContactID) (func(envelope.Class) int, error) {
	x, l, err := g.own(tx, to)
	if err == ErrNotMember || err == ErrUnknown {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	current := map[[8]byte]bool{}
	for k := range l.State().Members {
		if k != x.key() {
			current[k.Short()] = true
		}
	}
	if len(current) == 0 || len(current) > keys.MaxAudience {
		return nil, nil
	}
	stale := x.pen == nil || x.pen.Spent(g.a.Now())
	for m := range x.given {
		stale = stale || !current[m]
	}
	if stale {
		gen := uint32(0)
		if x.pen != nil {
			gen = x.pen.Gen() + 1
		}
		x.pen, x.given = keys.NewPen(gen, g.a.Now()), map[[8]byte]bool{}
	}
	var lack [][8]byte
	for m := range current {
		if !x.given[m] {
			lack = append(lack, m)
		}
	}
	if len(lack) > 0 {
		raw, err := x.pen.HandOut(x.secret, x.id, lack)
		if err != nil {
			return nil, err
		}
		sent, err := g.spread(tx, at, x, raw, lack, account.ContactID{})
		if err != nil {
			return nil, err
		}
		for _, m := range sent {
			x.given[m] = true
		}
	}
	if stale || len(lack) > 0 {
		if err := x.put(tx); err != nil {
			return nil, err
		}
	}
	n := len(l.Heads())
	return func(c envelope.Class) int { return keys.Room(c, n) }, nil
}

// Seal implements account.Guest.
func (g *Groups) Seal(tx account.Tx, _ account.Moment, to account.ContactID, w seal.Where, parts []seal.Part) (account.GuestSealed, error) {
	x, l, err := g.own(tx, to)
	if err != nil {
		return account.GuestSealed{}, err
	}
	if x.pen == nil {
		return account.GuestSealed{}, fmt.Errorf("group: internal error: no chain")
	}
	h := keys.Head{LifeDays: w.LifeDays}
	for _, id := range l.Heads() {
		if len(h.Heads) < keys.MaxHeads {
			h.Heads = append(h.Heads, id)
		}
	}
	out, err := x.pen.Seal(x.secret, w, h, parts)
	if err != nil {
		return account.GuestSealed{}, err
	}
	return account.GuestSealed{Bytes: out.Bytes, Done: out.Done}, x.put(tx)
}

// Tend implements account.Guest.
func (g *Groups) Tend(tx account.Tx, _ account.Moment) error {
	list, err := collect(tx, tableEars, nil)
	if err != nil {
		return err
	}
	for _, k := range list {
		e, r, err := getEar(tx, k)
		if err != nil {
			return err
		}
		old := e.Expire(g.a.Now())
		if len(old) == 0 {
			continue
		}
		var gone []envelope.Tag
		for _, i := range old {
			if i >= r.first {
				gone = append(gone, r.tag(i))
			}
		}
		g.a.Unlisten(gone)
		if err := tx.Put(tableEars, k, e.Marshal()); err != nil {
			return err
		}
	}
	return nil
}
