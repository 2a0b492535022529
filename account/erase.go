package account

import "github.com/jauap/jauap/seal"

// Erasure names what is not to be sent any more.
type Erasure struct {
	To      ContactID
	Letter  LetterID
	Streams []StreamID           // of the App, whether they were queued for the letter or not
	Part    func(seal.Part) bool // tells whether a part is of the letter
}

// Erase takes off the queue what was not sealed yet of a letter, and out of
// the Starts that may have to be sealed again what they hold of it. What was
// sealed goes its way: its bytes are nobody's to read here. whole tells that
// nothing of the letter was ever sealed. Like Queue it is part of tx.
func (a *Account) Erase(tx Tx, w Erasure) (whole bool, err error) {
	var drop [][]byte
	off := 0
	err = tx.Scan(tableQueue, w.To[:], After(w.To[:]), false, func(k, v []byte) (bool, error) {
		e, err := parseWaiting(k, v)
		if err != nil {
			return false, err
		}
		if w.has(e) {
			drop = append(drop, k)
			if e.letter == w.Letter {
				off++
			}
		}
		return true, nil
	})
	if err != nil {
		return false, err
	}
	for _, k := range drop {
		if err := tx.Delete(tableQueue, k); err != nil {
			return false, err
		}
	}
	l, err := getLetter(tx, w.Letter)
	if err != nil || l == nil {
		return false, err // it was proven, or expired long ago
	}
	for _, p := range l.pieces {
		if err := w.again(tx, p); err != nil {
			return false, err
		}
	}
	since, err := tx.Get(tableExpiry, l.indexKey())
	if err != nil {
		return false, err
	}
	if err := tx.Delete(tableExpiry, l.indexKey()); err != nil {
		return false, err
	}
	if len(l.pieces) > 0 {
		l.open = max(l.open-off, 0)
		if err := tx.Put(tableExpiry, l.indexKey(), since); err != nil {
			return false, err
		}
		return false, tx.Put(tableLetters, l.id[:], l.record())
	}
	if err := wait(tx, l, false); err != nil {
		return false, err
	}
	return true, tx.Delete(tableLetters, l.id[:])
}

// has tells whether an entry of the queue is of the letter. Parts of several
// letters stand together only in what is to be sealed again.
func (w Erasure) has(e *waiting) bool {
	if e.letter == w.Letter && w.Letter != (LetterID{}) {
		return true
	}
	for _, s := range w.Streams {
		if e.stream == s {
			return true
		}
	}
	return false
}

// again takes the letter out of the parts that are kept of a Start.
func (w Erasure) again(tx Tx, p piece) error {
	b, err := tx.Get(tableAgain, p.id[:])
	if err != nil || b == nil {
		return err
	}
	e, err := parseWaiting(queueKey(w.To, rankText, 0), b)
	if err != nil {
		return err
	}
	var rest []seal.Part
	for _, part := range e.parts {
		if !w.Part(part) {
			rest = append(rest, part)
		}
	}
	if len(rest) == 0 {
		return tx.Delete(tableAgain, p.id[:])
	}
	e.parts = rest
	return tx.Put(tableAgain, p.id[:], e.record())
}
