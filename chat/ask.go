package chat

import (
	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/seal"
)

// askAgain is how long after one request for a file another one counts: enough
// for a way there and back, too long to make anybody send for nothing.
const askAgain = seal.Tick(6 * 60 * 60)

// Ask asks the sender of a held file for its bytes; asking again within six
// hours changes nothing. Errors: ErrNotFound.
func (c *Chat) Ask(at account.Moment, id string) (info File, err error) {
	err = c.a.Do(at, func(tx account.Tx) error {
		l, key, about, err := find(tx, id)
		if info = about; err != nil {
			return err
		}
		f, err := getFile(tx, key)
		if err != nil || l.Mine || l.inRoom() || !f.Held || info.Whole() || !f.dueAt(at) {
			return err
		}
		info.Asked, f.asked = true, at.Tick+1
		if err := tx.Put(tableFiles, key, f.record()); err != nil {
			return err
		}
		body := append(l.wire[:len(l.wire):len(l.wire)], key[len(key)-1])
		return c.a.Queue(tx, at, account.Outgoing{To: l.With, Parts: []seal.Part{{Kind: kindAsk, Body: body}}})
	})
	info.Preview = append([]byte(nil), info.Preview...)
	return info, err
}

// dueAt tells whether a request now is not just the last one again.
func (f *file) dueAt(at account.Moment) bool {
	return f.asked == 0 || at.Tick+1 < f.asked || at.Tick+1-f.asked >= askAgain
}

// asked lets a held file go whose reader wants it.
func (c *Chat) asked(tx account.Tx, from account.Contact, at account.Moment, b []byte) error {
	if len(b) != 17 {
		return nil
	}
	l, err := get(tx, account.LetterID(b[:16]))
	if err != nil || l == nil || !l.Mine || l.With != from.ID || int(b[16]) < 1 || int(b[16]) > l.fileN {
		return err
	}
	key := fileKey(account.ContactID{}, l.ID, int(b[16]))
	f, err := getFile(tx, key)
	if err != nil || !f.Held || !f.dueAt(at) || f.asked > 0 && f.sent < f.size {
		return err
	}
	f.asked, f.sent = at.Tick+1, 0
	if err := tx.Put(tableFiles, key, f.record()); err != nil {
		return err
	}
	return c.a.Queue(tx, at, account.Outgoing{To: from.ID, Streams: []account.StreamID{fileStream(l.ID, int(b[16]))}})
}
