package chat

import (
	"encoding/binary"
	"fmt"
	"slices"
	"sort"

	"github.com/jauap/jauap/account"
)

// Sizes of pages, in letters.
const (
	defaultPage = 50
	maxPage     = 500
)

// shown completes a letter for callers.
func shown(tx account.Tx, l *letter) (Letter, error) {
	var err error
	if l.Files, err = filesOf(tx, l); err != nil {
		return l.Letter, err
	}
	if l.Vanish > 0 {
		l.VanishesAt, err = vanishesAt(tx, l.ID)
	}
	return l.Letter, err
}

// Letter finds one letter: ErrNotFound.
func (c *Chat) Letter(id account.LetterID) (out Letter, err error) {
	err = c.vault.View(func(tx account.Tx) error {
		l, err := get(tx, id)
		if err != nil {
			return err
		}
		if l == nil {
			return fmt.Errorf("%w: %v", ErrNotFound, id)
		}
		out, err = shown(tx, l)
		return err
	})
	return out, err
}

// Conversation is the newest page of both sides, oldest first, or the page
// before a letter. max is 50 when 0, and 500 at most. ErrNotFound when before
// is not a letter of it.
func (c *Chat) Conversation(with account.ContactID, before account.LetterID, max int) (list []Letter, err error) {
	if max <= 0 {
		max = defaultPage
	}
	max = min(max, maxPage)
	err = c.vault.View(func(tx account.Tx) error {
		end := account.After(with[:])
		if before != (account.LetterID{}) {
			l, err := get(tx, before)
			if err != nil {
				return err
			}
			if l == nil || l.With != with {
				return fmt.Errorf("%w: %v", ErrNotFound, before)
			}
			end = l.key()
		}
		return tx.Scan(tableLetters, with[:], end, true, func(k, v []byte) (bool, error) {
			l, err := parseRecord(k, v)
			if err != nil {
				return false, err
			}
			out, err := shown(tx, l)
			list = append(list, out)
			return len(list) < max, err
		})
	})
	slices.Reverse(list)
	return list, err
}

// Arrived lists letters of a contact, or of everybody when from is zero, in the
// order of their arrival: those after the letter with that id, or the newest.
// max is 500 when 0. It marks nothing as read. ErrNotFound when after is not a
// letter that arrived.
func (c *Chat) Arrived(from account.ContactID, after account.LetterID, max int) (list []Letter, err error) {
	if max <= 0 {
		max = maxPage
	}
	prefix := []byte{0}
	if from != (account.ContactID{}) {
		prefix = append([]byte{1}, from[:]...)
	}
	err = c.vault.View(func(tx account.Tx) error {
		start, newest := prefix, true
		if after != (account.LetterID{}) {
			l, err := get(tx, after)
			if err != nil {
				return err
			}
			var seq uint64
			if l == nil { // deleted since, perhaps
				b, err := tx.Get(tableGone, goneKey(account.ContactID{}, after))
				if err != nil {
					return err
				}
				if len(b) == 8 {
					l, seq = &letter{}, binary.BigEndian.Uint64(b)
				}
			} else {
				seq = l.seq
			}
			if l == nil || l.Mine {
				return fmt.Errorf("%w: %v", ErrNotFound, after)
			}
			start, newest = seqKey(prefix, seq+1), false
		}
		err := tx.Scan(tableArrivals, start, account.After(prefix), newest, func(_, key []byte) (bool, error) {
			l, err := getByKey(tx, key)
			if err != nil || l == nil {
				return err == nil, err
			}
			out, err := shown(tx, l)
			list = append(list, out)
			return len(list) < max, err
		})
		if newest {
			slices.Reverse(list)
		}
		return err
	})
	return list, err
}

// Unread lists what the owner has not read, of a contact or of everybody, in
// the order of arrival.
func (c *Chat) Unread(from account.ContactID) (list []Letter, err error) {
	var prefix []byte
	if from != (account.ContactID{}) {
		prefix = from[:]
	}
	seqs := map[account.LetterID]uint64{}
	err = c.vault.View(func(tx account.Tx) error {
		return tx.Scan(tableUnread, prefix, account.After(prefix), false, func(k, key []byte) (bool, error) {
			l, err := getByKey(tx, key)
			if err != nil || l == nil {
				return err == nil, err
			}
			seqs[l.ID] = binary.BigEndian.Uint64(k[16:])
			out, err := shown(tx, l)
			list = append(list, out)
			return true, err
		})
	})
	sort.SliceStable(list, func(i, j int) bool { return seqs[list[i].ID] < seqs[list[j].ID] })
	return list, err
}

// MarkRead notes that the owner has read these letters, and queues receipts for
// those that are whole. Letters of the owner and unknown ones are passed over.
func (c *Chat) MarkRead(at account.Moment, ids ...account.LetterID) error {
	return c.vault.Update(func(tx account.Tx) error {
		for _, id := range ids {
			l, err := get(tx, id)
			if err != nil {
				return err
			}
			if l == nil || l.Mine || !l.ReadAt.IsZero() {
				continue
			}
			if err := c.markRead(tx, at, l); err != nil {
				return err
			}
		}
		return nil
	})
}

func (c *Chat) markRead(tx account.Tx, at account.Moment, l *letter) error {
	if err := tx.Delete(tableUnread, seqKey(l.With[:], l.seq)); err != nil {
		return err
	}
	l.ReadAt = at.Wall
	if err := l.put(tx); err != nil {
		return err
	}
	if err := l.vanishIn(tx, at, l.Vanish); err != nil {
		return err
	}
	h, err := getHead(tx, l.With)
	if err != nil {
		return err
	}
	h.unread--
	if h.seen = max(h.seen, l.position); h.unread <= 0 {
		h.unread, h.seen = 0, h.last
	}
	if l.whole && !l.Update {
		if err := c.confirm(tx, at, h, l, true); err != nil {
			return err
		}
	}
	return h.put(tx, l.With)
}

// Outbox lists the owner's letters, newest first, at most max (500 when 0).
func (c *Chat) Outbox(max int) (list []Letter, err error) {
	if max <= 0 {
		max = maxPage
	}
	err = c.vault.View(func(tx account.Tx) error {
		return tx.Scan(tableOutbox, nil, nil, true, func(_, key []byte) (bool, error) {
			l, err := getByKey(tx, key)
			if err != nil || l == nil {
				return err == nil, err
			}
			out, err := shown(tx, l)
			list = append(list, out)
			return len(list) < max, err
		})
	})
	return list, err
}
