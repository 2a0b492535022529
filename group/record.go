package group

import (
	"time"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/roster"
	"github.com/jauap/jauap/seal"
)

// First bytes of keys in tableOther.
const (
	otherInvite  = 'i' // group -> invitation of somebody
	otherAsked   = 'a' // group, contact -> whom the owner asked; admin flag
	otherPending = 'p' // group, contact, hash 16 -> entry (0) or chain (1) that came too early
	otherPassed  = 'f' // group, pseudonym -> since when, how often its chains were passed on
	otherReaders = 'r' // letter -> readers of a letter of the owner
	otherHidden  = 'h' // group -> nothing: it was left, and is not to be listed
	otherHas     = 'c' // letter, pseudonym 8 -> when they got and read it
)

func other(what byte, parts ...[]byte) []byte {
	k := []byte{what}
	for _, p := range parts {
		k = append(k, p...)
	}
	return k
}

// claim says how it is known which person a pseudonym is.
type claim uint8

const (
	nothing claim = iota
	hearsay       // a member said so
	said          // they said so themselves, in a session
)

// member is what is known here of a member, or of somebody who may become one.
type member struct {
	group   ID
	key     roster.Key
	contact account.ContactID // zero when not known
	claim   claim
	teller  account.ContactID // of hearsay
	name    string            // by hearsay
	greeted bool              // they were told who the owner is
	heads   []roster.ID       // of their last letter
	heardAt time.Time
	told    int       // entries of the roster that were sent to them
	toldAt  seal.Tick // when
	day     seal.Tick // begin of the day in which fresh chains are counted
	fresh   int
}

func memberKey(id ID, k roster.Key) []byte { return append(append([]byte(nil), id[:]...), k[:]...) }

func (m *member) put(tx account.Tx) error {
	r := account.NewRecord(1).Raw(m.contact[:]).Uint(uint64(m.claim)).Raw(m.teller[:]).Text(m.name).Flag(m.greeted)
	r.Time(m.heardAt).Uint(uint64(m.told)).Int(int64(m.toldAt)).Int(int64(m.day)).Uint(uint64(m.fresh)).Uint(uint64(len(m.heads)))
	for _, h := range m.heads {
		r.Raw(h[:])
	}
	return tx.Put(tableMembers, memberKey(m.group, m.key), r.Bytes())
}

// getMember never answers nil without an error.
func getMember(tx account.Tx, id ID, k roster.Key) (*member, error) {
	b, err := tx.Get(tableMembers, memberKey(id, k))
	if err != nil || b == nil {
		return &member{group: id, key: k}, err
	}
	return parseMember(id, k, b)
}

func parseMember(id ID, k roster.Key, b []byte) (*member, error) {
	f := account.ReadRecord(b)
	f.Version(1)
	m := &member{group: id, key: k, contact: account.ContactID(f.Raw(16)), claim: claim(f.Uint()), teller: account.ContactID(f.Raw(16))}
	m.name, m.greeted, m.heardAt, m.told = f.Text(), f.Flag(), f.Time(), int(f.Uint())
	m.toldAt, m.day, m.fresh = seal.Tick(f.Int()), seal.Tick(f.Int()), int(f.Uint())
	for range f.Count(16) {
		m.heads = append(m.heads, roster.ID(f.Raw(16)))
	}
	return m, f.Done()
}

// members lists everybody of whom anything is known.
func members(tx account.Tx, id ID) (map[roster.Key]*member, error) {
	all := map[roster.Key]*member{}
	err := tx.Scan(tableMembers, id[:], account.After(id[:]), false, func(k, v []byte) (bool, error) {
		m, err := parseMember(id, roster.Key(k[16:]), v)
		if err == nil {
			all[m.key] = m
		}
		return true, err
	})
	return all, err
}

// knows is what a member is known to have heard.
func (m *member) knows(l *roster.Log) []roster.ID {
	heads := append([]roster.ID(nil), m.heads...)
	for _, e := range l.List() {
		if e.Author == m.key {
			heads = append(heads, e.ID)
		}
	}
	return heads
}

// invitation is somebody's wish to have the owner in a group.
type invitation struct {
	from  account.ContactID
	at    time.Time
	found []byte
}

func (i *invitation) record() []byte {
	return account.NewRecord(1).Raw(i.from[:]).Time(i.at).Blob(i.found).Bytes()
}

func parseInvitation(b []byte) (*invitation, error) {
	f := account.ReadRecord(b)
	f.Version(1)
	i := &invitation{from: account.ContactID(f.Raw(16)), at: f.Time(), found: f.Blob()}
	return i, f.Done()
}

// readers are those who were members when a letter of the owner was written.
type readers struct {
	group ID
	list  [][8]byte
}

func (r *readers) record() []byte {
	out := account.NewRecord(1).Raw(r.group[:]).Uint(uint64(len(r.list)))
	for _, m := range r.list {
		out.Raw(m[:])
	}
	return out.Bytes()
}

func getReaders(tx account.Tx, letter account.LetterID) (*readers, error) {
	b, err := tx.Get(tableOther, other(otherReaders, letter[:]))
	if err != nil || b == nil {
		return nil, err
	}
	f := account.ReadRecord(b)
	f.Version(1)
	r := &readers{group: ID(f.Raw(16))}
	for range f.Count(8) {
		r.list = append(r.list, [8]byte(f.Raw(8)))
	}
	return r, f.Done()
}

// has is when a reader got a letter, and read it.
type has struct{ delivered, read time.Time }

func getHas(tx account.Tx, letter account.LetterID, m [8]byte) (h has, err error) {
	b, err := tx.Get(tableOther, other(otherHas, letter[:], m[:]))
	if err != nil || b == nil {
		return h, err
	}
	f := account.ReadRecord(b)
	f.Version(1)
	h.delivered, h.read = f.Time(), f.Time()
	return h, f.Done()
}

func (h has) put(tx account.Tx, letter account.LetterID, m [8]byte) error {
	r := account.NewRecord(1).Time(h.delivered).Time(h.read)
	return tx.Put(tableOther, other(otherHas, letter[:], m[:]), r.Bytes())
}

// collect reads all keys with a prefix.
func collect(tx account.Tx, t account.Table, prefix []byte) (list [][]byte, err error) {
	err = tx.Scan(t, prefix, account.After(prefix), false, func(k, _ []byte) (bool, error) {
		list = append(list, append([]byte(nil), k...))
		return true, nil
	})
	return list, err
}
