package chat

import (
	"crypto/sha256"
	"encoding/hex"
	"time"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/seal"
)

// Removal tells what a deletion did.
type Removal struct {
	Deleted   int // letters that are gone from this device
	Withdrawn int // of these, the owner's that had not been sealed: they never leave
	Out       int // of these, the owner's of which something had left or may yet: no copy elsewhere is touched
}

// Delete removes letters with their files from this device, in both
// directions. Unknown ones are passed over. What was not sealed yet is
// withdrawn; what was sealed goes its way. The vault overwrites what is
// deleted.
func (c *Chat) Delete(at account.Moment, ids ...account.LetterID) (r Removal, err error) {
	err = c.a.Do(at, func(tx account.Tx) error {
		r = Removal{}
		return c.remove(tx, at, ids, &r)
	})
	return r, err
}

func (c *Chat) remove(tx account.Tx, at account.Moment, ids []account.LetterID, r *Removal) error {
	with := map[account.ContactID]bool{}
	mine := map[string]bool{}
	for _, id := range ids {
		l, err := get(tx, id)
		if err != nil {
			return err
		}
		if l == nil {
			continue
		}
		r.Deleted++
		with[l.With] = true
		if l.Mine {
			mine[string(l.key())] = true
			err = c.removeMine(tx, at, l, r)
		} else {
			err = removeTheirs(tx, l)
		}
		if err != nil {
			return err
		}
		if err := forget(tx, l); err != nil {
			return err
		}
	}
	if err := dropPointers(tx, tableOutbox, mine); err != nil {
		return err
	}
	for id := range with {
		if err := reshow(tx, id); err != nil {
			return err
		}
	}
	return nil
}

func (c *Chat) removeMine(tx account.Tx, at account.Moment, l *letter, r *Removal) error {
	about := func(p seal.Part) bool {
		switch p.Kind {
		case kindLetter, kindRich, kindPiece:
			return len(p.Body) >= 16 && account.LetterID(p.Body[:16]) == l.wire
		}
		return false
	}
	var streams []account.StreamID
	for i := range l.fileN + 1 {
		streams = append(streams, fileStream(l.ID, i))
	}
	whole, err := c.a.Erase(tx, account.Erasure{To: l.With, Letter: l.ID, Streams: streams, Part: about})
	if err != nil {
		return err
	}
	if whole {
		r.Withdrawn++
	} else {
		r.Out++
	}
	return tx.Put(tableGone, goneKey(account.ContactID{}, l.wire), []byte{1})
}

func removeTheirs(tx account.Tx, l *letter) error {
	if l.ReadAt.IsZero() {
		if err := tx.Delete(tableUnread, seqKey(l.With[:], l.seq)); err != nil {
			return err
		}
		h, err := getHead(tx, l.With)
		if err != nil {
			return err
		}
		if h.unread--; h.unread < 0 {
			h.unread = 0
		}
		if err := h.put(tx, l.With); err != nil {
			return err
		}
	}
	for _, k := range [][]byte{seqKey([]byte{0}, l.seq), seqKey(append([]byte{1}, l.With[:]...), l.seq)} {
		if err := tx.Delete(tableArrivals, k); err != nil {
			return err
		}
	}
	// Who asks what arrived after it still gets an answer.
	if err := tx.Put(tableGone, goneKey(account.ContactID{}, l.ID), seqKey(nil, l.seq)); err != nil {
		return err
	}
	return tx.Put(tableGone, goneKey(l.By, l.wire), []byte{1})
}

// forget drops the letter itself and all its bytes.
func forget(tx account.Tx, l *letter) error {
	for i := range l.fileN + 1 {
		if err := dropFile(tx, fileKey(l.owner(), l.wire, i)); err != nil {
			return err
		}
	}
	for _, d := range []struct {
		table account.Table
		key   []byte
	}{{tableLetters, l.key()}, {tableIndex, l.ID[:]}, {tableVanish, l.ID[:]}} {
		if err := tx.Delete(d.table, d.key); err != nil {
			return err
		}
	}
	return nil
}

// dropPointers deletes the records of a table that point to one of keys.
func dropPointers(tx account.Tx, t account.Table, keys map[string]bool) error {
	var drop [][]byte
	if len(keys) == 0 {
		return nil
	}
	err := tx.Scan(t, nil, nil, true, func(k, v []byte) (bool, error) {
		if keys[string(v)] {
			drop = append(drop, k)
		}
		return len(drop) < len(keys), nil
	})
	for _, k := range drop {
		if err == nil {
			err = tx.Delete(t, k)
		}
	}
	return err
}

// reshow lets the list of people show the newest letter that is left.
func reshow(tx account.Tx, with account.ContactID) error {
	h, err := getHead(tx, with)
	if err != nil {
		return err
	}
	h.lastText, h.lastMine, h.lastAt = "", false, time.Time{}
	err = tx.Scan(tableLetters, with[:], account.After(with[:]), true, func(k, v []byte) (bool, error) {
		l, err := parseRecord(k, v)
		if err != nil {
			return false, err
		}
		if l.Files, err = filesOf(tx, l); err != nil {
			return false, err
		}
		h.lastText, h.lastMine, h.lastAt = preview(l), l.Mine, l.ReceivedAt
		if l.Mine {
			h.lastAt = l.SentAt
		}
		return false, nil
	})
	if err != nil {
		return err
	}
	return h.put(tx, with)
}

// goneKey hides who and what behind a hash: deleted is deleted.
func goneKey(with account.ContactID, wire account.LetterID) []byte {
	h := sha256.Sum256(append(append([]byte("jauap/1 deleted letter"), with[:]...), wire[:]...))
	return h[:16]
}

// wasDeleted tells whether a letter of a contact, or of the owner when with is
// zero, was here and is deleted.
func wasDeleted(tx account.Tx, with account.ContactID, wire account.LetterID) (bool, error) {
	b, err := tx.Get(tableGone, goneKey(with, wire))
	return b != nil, err
}

// vanishIn sets when a letter vanishes, unless it does so earlier anyway.
func (l *letter) vanishIn(tx account.Tx, at account.Moment, after time.Duration) error {
	if l.Vanish == 0 {
		return nil
	}
	due := fate{wall: at.Wall.Add(after), tick: at.Tick + seal.Tick(after/time.Second)}
	old, err := tx.Get(tableVanish, l.ID[:])
	if err != nil {
		return err
	}
	if old != nil {
		was, err := parseFate(old)
		if err != nil {
			return err
		}
		if was.wall.Before(due.wall) {
			due.wall = was.wall
		}
		due.tick = min(due.tick, was.tick)
	}
	return tx.Put(tableVanish, l.ID[:], account.NewRecord(1).Time(due.wall).Int(int64(due.tick)).Bytes())
}

// fate is when a letter vanishes: by device-on time, or by a clock that can be
// believed, whichever comes first.
type fate struct {
	wall time.Time
	tick seal.Tick
}

func parseFate(b []byte) (f fate, err error) {
	r := account.ReadRecord(b)
	r.Version(1)
	f.wall, f.tick = r.Time(), seal.Tick(r.Int())
	return f, r.Done()
}

func vanishesAt(tx account.Tx, id account.LetterID) (time.Time, error) {
	b, err := tx.Get(tableVanish, id[:])
	if err != nil || b == nil {
		return time.Time{}, err
	}
	f, err := parseFate(b)
	return f.wall, err
}

// Sweep deletes what is to vanish by now and answers how many letters went.
// believed says that the wall clock is right; else only the time that this
// device was on counts, so that a wrong clock deletes nothing.
func (c *Chat) Sweep(at account.Moment, believed bool) (int, error) {
	var due []account.LetterID
	err := c.vault.View(func(tx account.Tx) error {
		return tx.Scan(tableVanish, nil, nil, false, func(k, v []byte) (bool, error) {
			f, err := parseFate(v)
			if err != nil {
				return false, err
			}
			if at.Tick >= f.tick || believed && !at.Wall.Before(f.wall) {
				due = append(due, account.LetterID(k))
			}
			return true, nil
		})
	})
	if err != nil || len(due) == 0 {
		return 0, err
	}
	r, err := c.Delete(at, due...)
	return r.Deleted, err
}

// ParseLetterFile is the letter of a File.ID or of a letter's own id.
func ParseLetterFile(id string) (account.LetterID, error) {
	if len(id) == hex.EncodedLen(len(account.LetterID{})) {
		return account.ParseLetterID(id)
	}
	l, _, err := parseFileID(id)
	return l, err
}
