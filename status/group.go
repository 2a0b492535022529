package status

import (
	"encoding/binary"
	"time"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/seal"
)

// Rooms are conversations of several.
type Rooms interface {
	// Address notes who is to read a letter to a group; ok is false when to is none.
	Address(tx account.Tx, to account.ContactID, letter account.LetterID) (ok bool, err error)
	// Has notes that a reader has a letter to the group; all is true when every
	// reader has it who is a member still.
	Has(tx account.Tx, group, reader account.ContactID, letter account.LetterID, when time.Time) (all bool, err error)
	// Drop forgets who was to read a letter.
	Drop(tx account.Tx, letter account.LetterID) error
}

// Join takes in the groups. Call it before the first word is said.
func (b *Board) Join(r Rooms) { b.rooms = r }

// Writer is who wrote in a group.
type Writer struct {
	Group   account.ContactID
	Author  account.ContactID // their name as an author there
	Key, Me [8]byte           // the beginnings of their pseudonym and of the owner's
	Person  account.ContactID // the contact who said that it is theirs; zero when none did
}

// who is the author of the words: the contact, or else the pseudonym.
func (w Writer) who() account.ContactID {
	if w.Person != (account.ContactID{}) {
		return w.Person
	}
	return w.Author
}

// InGroup takes a part of a group letter. spec/status.md, 2.6
func (b *Board) InGroup(tx account.Tx, at account.Moment, w Writer, p seal.Part) error {
	switch p.Kind {
	case kindWord:
		if word, ok := parseWord(p.Body); ok {
			return b.groupWord(tx, at, w, word, p.Body)
		}
	case kindArrived:
		return b.groupArrived(tx, at, w, p.Body)
	}
	return nil
}

func (b *Board) groupWord(tx account.Tx, at account.Moment, w Writer, word Word, body []byte) error {
	for i := range word.With {
		word.With[i] = Mention{Name: word.With[i].Name} // a tag is for one reader
	}
	if _, err := store(tx, w.who(), at, word, body); err != nil {
		return err
	}
	if err := b.confirmTo(tx, at, w.Group, binary.BigEndian.AppendUint32(w.Key[:], word.Seq)); err != nil {
		return err
	}
	if w.Person == (account.ContactID{}) {
		return nil // who is no contact gives no sign of a place
	}
	return b.Heard(tx, w.Person, at, word.At, true)
}

// inGroup is one word in a list of those that arrived in a group: the author's
// short key 8, number 4, claimed time 6.
const inGroup = 8 + arrivedSize

func (b *Board) groupArrived(tx account.Tx, at account.Moment, w Writer, body []byte) error {
	c := &cutter{b: body}
	for range min(len(body)/inGroup, maxArrived) {
		key, seq, when := [8]byte(c.take(8)), c.u32(), c.time()
		if key != w.Me {
			continue
		}
		k, err := getWord(tx, owner, seq)
		if err != nil {
			return err
		}
		if k == nil {
			continue
		}
		if when = earlier(when, at.Wall); when.Before(k.At) {
			when = at.Wall
		}
		if err := b.hasIt(tx, at, w, *k, when); err != nil {
			return err
		}
	}
	return nil
}

// hasIt notes that one member has a word; when all have it, it is delivered.
func (b *Board) hasIt(tx account.Tx, at account.Moment, w Writer, k kept, when time.Time) error {
	for _, id := range k.to {
		d, err := getDispatch(tx, id)
		if err != nil {
			return err
		}
		if d == nil || d.To != w.Group || d.State == Replaced {
			continue
		}
		all, err := b.rooms.Has(tx, w.Group, w.Author, id, when)
		if err != nil {
			return err
		}
		if all {
			if d.State != Delivered {
				d.State, d.At, d.Carriers = Delivered, when, 0
				if err := d.put(tx, id); err != nil {
					return err
				}
			}
			if err := b.a.Arrived(tx, at, w.Group, id); err != nil {
				return err
			}
		}
	}
	if w.Person == (account.ContactID{}) {
		return nil
	}
	return b.Heard(tx, w.Person, at, when, false)
}

// Forget erases the words of authors, as of a group that is forgotten.
func (b *Board) Forget(authors ...account.ContactID) error {
	return b.vault.Update(func(tx account.Tx) error {
		for _, id := range authors {
			if id == owner {
				continue
			}
			var gone []uint32
			err := words(tx, id, func(k kept) (bool, error) {
				gone = append(gone, k.Seq)
				return true, nil
			})
			for _, seq := range gone {
				if err == nil {
					err = tx.Delete(tableWords, wordKey(id, seq))
				}
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}
