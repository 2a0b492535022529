package bulletin

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/seal"
)

// kindSeen is a list of notices that its sender opened. A reader may pass over
// it. spec/bulletin.md, 6.
const kindSeen = 0x78

// Limits. spec/bulletin.md, 6.
const (
	markSize  = 16
	maxMarks  = 48  // of one part
	maxOpened = 256 // remembered of what was opened here
	maxHeard  = 256 // remembered of each contact
)

// mark names a notice to who has it, and to nobody else.
type mark [markSize]byte

func (n *Notice) mark() mark {
	h := n.Hash()
	sum := sha256.Sum256(label("jauap/1 notice seen", h[:]))
	return mark(sum[:markSize])
}

// Keys of tableSeen by their first byte.
const (
	seenNext   = 'n' // -> number of the next notice that is opened
	seenOpened = 'o' // number 8 -> mark
	seenMark   = 'm' // mark -> number 8
	seenTold   = 't' // contact -> number 8 from which on it was told nothing, day 4 of its rider
	seenBy     = 'h' // mark, contact -> number 8 in the list of the contact
	seenList   = 'c' // contact, number 8 -> mark
)

func seenKey(kind byte, parts ...[]byte) []byte {
	return append([]byte{kind}, bytes.Join(parts, nil)...)
}

func u64(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// number reads what u64 wrote; 0 when there is nothing.
func number(b []byte) uint64 {
	if len(b) < 8 {
		return 0
	}
	return binary.BigEndian.Uint64(b)
}

// Post is how word of an opened notice reaches contacts. An account is one.
type Post interface {
	Do(at account.Moment, f func(account.Tx) error) error
	Queue(tx account.Tx, at account.Moment, o account.Outgoing) error
	Contacts() []account.Contact
}

// Share lets contacts learn which notices were opened here, unless tell is
// false, and counts what they say of theirs. Call it once, before the first
// letter is received or sealed. Without tell, what was opened before and not
// told yet is forgotten.
func (s *Boards) Share(p Post, tell bool) error {
	s.post, s.tell = p, tell
	if tell {
		return nil
	}
	var keys [][]byte
	err := s.vault.View(func(tx account.Tx) error {
		for _, kind := range []byte{seenOpened, seenMark} {
			err := tx.Scan(tableSeen, []byte{kind}, []byte{kind + 1}, false, func(k, _ []byte) (bool, error) {
				keys = append(keys, bytes.Clone(k))
				return true, nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || len(keys) == 0 {
		return err
	}
	return s.vault.Update(func(tx account.Tx) error {
		for _, k := range keys {
			if err := tx.Delete(tableSeen, k); err != nil {
				return err
			}
		}
		return nil
	})
}

// Claim is what of an account's letters belongs to Boards.
func Claim() account.Claim { return account.Claim{Kinds: []uint8{kindSeen}, Streams: "b"} }

func seenStream(id account.ContactID) account.StreamID {
	return account.StreamID(append([]byte{'b'}, id[:]...))
}

// Opened says that a person opened notices of a board. Contacts are told with
// the next letter that goes to them anyway; nobody is told of an own board,
// or of the same notice twice.
func (s *Boards) Opened(at account.Moment, id ID, seqs []uint64) error {
	if s.post == nil || !s.tell {
		return nil
	}
	fresh, err := s.unopened(id, seqs)
	if err != nil || len(fresh) == 0 {
		return err
	}
	contacts := s.post.Contacts()
	return s.post.Do(at, func(tx account.Tx) error {
		next, err := tx.Get(tableSeen, seenKey(seenNext))
		if err != nil {
			return err
		}
		first := number(next)
		for _, c := range contacts {
			if err := s.tellOne(tx, at, c, first); err != nil {
				return err
			}
		}
		n := first
		for _, m := range fresh {
			if err := remember(tx, n, m); err != nil {
				return err
			}
			n++
		}
		return tx.Put(tableSeen, seenKey(seenNext), u64(n))
	})
}

// unopened are the marks of those that nobody was told of yet, oldest first.
func (s *Boards) unopened(id ID, seqs []uint64) (list []mark, err error) {
	err = s.vault.View(func(tx account.Tx) error {
		b, err := get(tx, id)
		if err != nil || b.mine() {
			return err
		}
		for _, seq := range seqs[:min(len(seqs), maxNotices)] {
			n, err := getNotice(tx, seqKey(id, seq))
			if err != nil {
				return err
			}
			if n == nil || n.over {
				continue
			}
			m := n.mark()
			if had, err := tx.Get(tableSeen, seenKey(seenMark, m[:])); err != nil {
				return err
			} else if had == nil {
				list = append(list, m)
			}
		}
		return nil
	})
	return list[:min(len(list), maxOpened)], err
}

// remember keeps what was opened as number n, and lets the oldest go.
func remember(tx account.Tx, n uint64, m mark) error {
	if err := tx.Put(tableSeen, seenKey(seenOpened, u64(n)), m[:]); err != nil {
		return err
	}
	if err := tx.Put(tableSeen, seenKey(seenMark, m[:]), u64(n)); err != nil || n < maxOpened {
		return err
	}
	old := seenKey(seenOpened, u64(n-maxOpened))
	was, err := tx.Get(tableSeen, old)
	if err != nil || was == nil {
		return err
	}
	if err := tx.Delete(tableSeen, seenKey(seenMark, was)); err != nil {
		return err
	}
	return tx.Delete(tableSeen, old)
}

// tellOne queues a rider for a contact unless one waits. first is the number
// of what is being opened.
func (s *Boards) tellOne(tx account.Tx, at account.Moment, c account.Contact, first uint64) error {
	if c.KeyChanged || c.Forked { // perhaps somebody else by now
		return nil
	}
	key := seenKey(seenTold, c.ID[:])
	told, err := tx.Get(tableSeen, key)
	if err != nil {
		return err
	}
	from := first
	if len(told) == 12 {
		from = number(told)
		waits, err := untold(tx, from, 1)
		day := envelope.Day(binary.BigEndian.Uint32(told[8:]))
		if err != nil || len(waits) > 0 && at.Day >= day && at.Day < day+envelope.MaxLifetime {
			return err
		}
	}
	// Never worth an envelope of its own: it goes with what goes anyway.
	err = s.post.Queue(tx, at, account.Outgoing{To: c.ID, Streams: []account.StreamID{seenStream(c.ID)}, Alone: at.Tick + never, Days: envelope.MaxLifetime})
	if errors.Is(err, account.ErrUnknown) {
		return nil
	}
	if err != nil {
		return err
	}
	return tx.Put(tableSeen, key, binary.BigEndian.AppendUint32(u64(from), uint32(at.Day)))
}

// never is longer than any rider lives, in seconds.
const never seal.Tick = 2 * envelope.MaxLifetime * 24 * 60 * 60

// opened is a row of tableSeen.
type opened struct {
	n uint64
	m mark
}

// untold are at most most notices that were opened under a number from on.
func untold(tx account.Tx, from uint64, most int) (list []opened, err error) {
	if most <= 0 {
		return nil, nil
	}
	err = tx.Scan(tableSeen, seenKey(seenOpened, u64(from)), []byte{seenOpened + 1}, false, func(k, v []byte) (bool, error) {
		if len(k) == 9 && len(v) == markSize {
			list = append(list, opened{number(k[1:]), mark(v)})
		}
		return len(list) < most, nil
	})
	return list, err
}

func seenTo(tx account.Tx, st account.StreamID) (id account.ContactID, told []byte, err error) {
	if len(st) != 1+len(id) || st[0] != 'b' {
		return id, nil, nil
	}
	id = account.ContactID([]byte(st[1:]))
	told, err = tx.Get(tableSeen, seenKey(seenTold, id[:]))
	return id, told, err
}

// Left implements account.Source.
func (s *Boards) Left(tx account.Tx, st account.StreamID) (int64, error) {
	_, told, err := seenTo(tx, st)
	if err != nil || len(told) != 12 {
		return 0, err
	}
	list, err := untold(tx, number(told), maxOpened)
	return int64(len(list) * markSize), err
}

// Cut implements account.Source.
func (s *Boards) Cut(tx account.Tx, st account.StreamID, room int) (p seal.Part, ok bool, err error) {
	id, told, err := seenTo(tx, st)
	if err != nil || len(told) != 12 {
		return p, false, err
	}
	p.Kind = kindSeen
	list, err := untold(tx, number(told), min((room-seal.PartSize(p))/markSize, maxMarks))
	if err != nil || len(list) == 0 {
		return p, false, err
	}
	for _, o := range list {
		p.Body = append(p.Body, o.m[:]...)
	}
	return p, true, tx.Put(tableSeen, seenKey(seenTold, id[:]), append(u64(list[len(list)-1].n+1), told[8:]...))
}

// Deliver implements account.App: a contact opened notices.
func (s *Boards) Deliver(tx account.Tx, from account.Contact, _ account.Moment, p seal.Part) error {
	if p.Kind != kindSeen || len(p.Body) == 0 || len(p.Body)%markSize != 0 || len(p.Body) > maxMarks*markSize {
		return nil // of no meaning here
	}
	for b := p.Body; len(b) > 0; b = b[markSize:] {
		if err := heard(tx, from.ID, mark(b[:markSize])); err != nil {
			return err
		}
	}
	return nil
}

// heard notes that a contact opened a notice, which need not be here yet. Of
// each contact the newest are kept.
func heard(tx account.Tx, who account.ContactID, m mark) error {
	key := seenKey(seenBy, m[:], who[:])
	had, err := tx.Get(tableSeen, key)
	if err != nil || had != nil {
		return err
	}
	n := uint64(0)
	list := seenKey(seenList, who[:])
	err = tx.Scan(tableSeen, list, account.After(list), true, func(k, _ []byte) (bool, error) {
		n = number(k[1+len(who):]) + 1
		return false, nil
	})
	if err != nil {
		return err
	}
	if n >= maxHeard {
		old := seenKey(seenList, who[:], u64(n-maxHeard))
		was, err := tx.Get(tableSeen, old)
		if err != nil {
			return err
		}
		if was != nil {
			if err := errors.Join(tx.Delete(tableSeen, old), tx.Delete(tableSeen, seenKey(seenBy, was, who[:]))); err != nil {
				return err
			}
		}
	}
	if err := tx.Put(tableSeen, seenKey(seenList, who[:], u64(n)), m[:]); err != nil {
		return err
	}
	return tx.Put(tableSeen, key, u64(n))
}

// known are the owner's contacts, for counting.
func (s *Boards) known() map[account.ContactID]bool {
	m := map[account.ContactID]bool{}
	if s.post != nil {
		for _, c := range s.post.Contacts() {
			m[c.ID] = true
		}
	}
	return m
}

// seenOf counts the contacts who said that they opened a notice.
func seenOf(tx account.Tx, n *Notice, contacts map[account.ContactID]bool) (count int, err error) {
	if len(contacts) == 0 {
		return 0, nil
	}
	m := n.mark()
	from := seenKey(seenBy, m[:])
	err = tx.Scan(tableSeen, from, account.After(from), false, func(k, _ []byte) (bool, error) {
		if contacts[account.ContactID(k[len(from):])] {
			count++
		}
		return true, nil
	})
	return count, err
}

// unsee forgets who opened a notice, and that it was opened here.
func unsee(tx account.Tx, n *Notice) error {
	m := n.mark()
	own := seenKey(seenMark, m[:])
	if at, err := tx.Get(tableSeen, own); err != nil {
		return err
	} else if at != nil {
		if err := errors.Join(tx.Delete(tableSeen, own), tx.Delete(tableSeen, seenKey(seenOpened, at))); err != nil {
			return err
		}
	}
	var gone [][]byte
	from := seenKey(seenBy, m[:])
	err := tx.Scan(tableSeen, from, account.After(from), false, func(k, v []byte) (bool, error) {
		gone = append(gone, bytes.Clone(k), seenKey(seenList, k[len(from):], v))
		return true, nil
	})
	for _, k := range gone {
		err = errors.Join(err, tx.Delete(tableSeen, k))
	}
	return err
}
