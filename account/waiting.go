package account

import (
	"encoding/binary"

	"github.com/jauap/jauap/envelope"
)

// waitingKey stands in the index of letters that no other device holds yet.
func (l *letter) waitingKey() []byte { return append(append([]byte(nil), l.to[:]...), l.id[:]...) }

// wait puts a letter into that index or takes it out, and counts: a page asks
// for the number more often than it changes, and an index of ten thousand
// takes a tenth of a second to walk through.
func wait(tx Tx, l *letter, yes bool) error {
	key, had := l.waitingKey(), false
	err := tx.Scan(tableWaiting, key, After(key), false, func(_, _ []byte) (bool, error) {
		had = true
		return false, nil
	})
	if err != nil || had == yes {
		return err
	}
	n, err := waits(tx, l.to)
	if err != nil {
		return err
	}
	if yes {
		n++
		err = tx.Put(tableWaiting, key, nil)
	} else {
		n--
		err = tx.Delete(tableWaiting, key)
	}
	if err != nil {
		return err
	}
	if n == 0 {
		return tx.Delete(tableWaits, l.to[:])
	}
	return tx.Put(tableWaits, l.to[:], binary.BigEndian.AppendUint64(nil, uint64(n)))
}

// waits counts the letters in the index to one contact: as written beside it,
// or anew where nothing is written.
func waits(tx Tx, to ContactID) (n int, err error) {
	b, err := tx.Get(tableWaits, to[:])
	if err != nil || len(b) == 8 {
		if err == nil {
			n = int(binary.BigEndian.Uint64(b))
		}
		return n, err
	}
	err = tx.Scan(tableWaiting, to[:], After(to[:]), false, func(_, _ []byte) (bool, error) {
		n++
		return true, nil
	})
	return n, err
}

// Waiting counts the letters that no other device is known to hold.
func (a *Account) Waiting() (n int) {
	_ = a.vault.View(func(tx Tx) error {
		for from := []byte(nil); ; {
			var to *ContactID
			err := tx.Scan(tableWaiting, from, nil, false, func(k, _ []byte) (bool, error) {
				if len(k) >= len(to) {
					id := ContactID(k[:len(to)])
					to = &id
				}
				return false, nil
			})
			if err != nil || to == nil {
				return err
			}
			some, err := waits(tx, *to)
			if err != nil {
				return err
			}
			n += some
			if from = After(to[:]); from == nil {
				return nil
			}
		}
	})
	return n
}

// WaitingFor counts those for one contact.
func (a *Account) WaitingFor(id ContactID) (n int) {
	_ = a.vault.View(func(tx Tx) (err error) {
		n, err = waits(tx, id)
		return err
	})
	return n
}

// Bare is a sealed envelope with a letter, that no other device is known to hold.
type Bare struct {
	ID envelope.ID
	To string // the contact's name
}

// Bare lists them, but for those that are kept here to be submitted again: where
// the shelf has them not, they do not exist any more. At most max.
func (a *Account) Bare(at Moment, max int) (list []Bare, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	err = a.vault.View(func(tx Tx) error {
		return tx.Scan(tableWaiting, nil, nil, false, func(k, _ []byte) (bool, error) {
			if len(k) != len(ContactID{})+len(LetterID{}) {
				return true, nil
			}
			l, err := getLetter(tx, LetterID(k[len(ContactID{}):]))
			p := a.people[ContactID(k)]
			if err != nil || l == nil || p == nil || l.expired || l.open > 0 || l.expiry < at.Day {
				return err == nil, err
			}
			for _, e := range l.pieces {
				s, err := getSent(tx, e.id)
				if err != nil {
					return false, err
				}
				if s == nil || s.short() || e.proven || e.carriers > 0 {
					continue
				}
				if kept, err := tx.Get(tableSealed, e.id[:]); err != nil {
					return false, err
				} else if kept == nil {
					list = append(list, Bare{e.id, p.Name})
				}
			}
			return len(list) < max, nil
		})
	})
	return list, err
}
