package account

import (
	"slices"
	"strings"
)

// Claim says what of an account's letters belongs to an App beside the first.
type Claim struct {
	Kinds   []uint8 // of parts, with or without Critical
	Streams string  // first bytes of the StreamIDs that it cuts
}

// claimed is an App beside the first.
type claimed struct {
	App
	Claim
}

// Also gives parts and streams to an App beside the one that Use set. Parts
// that nobody claims go to that one, and every App that is a Watcher is told
// of every letter. Call it before the first letter is received or sealed.
func (a *Account) Also(app App, c Claim) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.beside = append(a.beside, claimed{app, c})
}

// taker is the App for parts of a kind.
func (a *Account) taker(kind uint8) App {
	for _, c := range a.beside {
		if slices.ContainsFunc(c.Kinds, func(k uint8) bool { return k&^Critical == kind&^Critical }) {
			return c.App
		}
	}
	return a.app
}

// source is the App that cuts a stream.
func (a *Account) source(s StreamID) (Source, bool) {
	if s != "" {
		for _, c := range a.beside {
			if strings.IndexByte(c.Streams, s[0]) >= 0 {
				src, ok := c.App.(Source)
				return src, ok
			}
		}
	}
	src, ok := a.app.(Source)
	return src, ok
}

// left is how much of a stream is not cut yet, nothing when nobody cuts it.
func (a *Account) left(tx Tx, s StreamID) (int64, error) {
	src, ok := a.source(s)
	if !ok {
		return 0, nil
	}
	return src.Left(tx, s)
}

// moved tells every App that watches.
func (a *Account) moved(tx Tx, at Moment, p Progress) error {
	if w, ok := a.app.(Watcher); ok {
		if err := w.Moved(tx, at, p); err != nil {
			return err
		}
	}
	for _, c := range a.beside {
		if w, ok := c.App.(Watcher); ok {
			if err := w.Moved(tx, at, p); err != nil {
				return err
			}
		}
	}
	return nil
}

// Withdraw takes back a letter of which nothing was sealed: it was never
// there. ok is false, and nothing changes, when something of it may have left
// or the letter is not known.
func (a *Account) Withdraw(tx Tx, id LetterID) (ok bool, err error) {
	l, err := getLetter(tx, id)
	if err != nil || l == nil || len(l.pieces) > 0 {
		return false, err
	}
	return true, a.bury(tx, id)
}

// IDs are all contacts, for an App inside a transaction.
func (a *Account) IDs(tx Tx) (list []ContactID, err error) {
	err = tx.Scan(tableContacts, nil, nil, false, func(k, _ []byte) (bool, error) {
		if len(k) == len(ContactID{}) {
			list = append(list, ContactID(k))
		}
		return true, nil
	})
	return list, err
}
