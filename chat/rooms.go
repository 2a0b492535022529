package chat

import (
	"time"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/seal"
)

// Rooms are conversations of several people. Their letters are written and
// kept like those between two; only their place follows from a clock that all
// share. The id of an author there is nobody's contact id.
type Rooms interface {
	// Place is where a letter of an author stands; ok is false for contacts.
	Place(tx account.Tx, author account.ContactID, wire account.LetterID) (room account.ContactID, position uint64, ok bool, err error)
	// Write gives a letter of the owner its place, after last, and the part that
	// tells it; ok is false when to is a contact.
	Write(tx account.Tx, at account.Moment, to account.ContactID, last uint64, p seal.Part) (position uint64, told seal.Part, ok bool, err error)
}

// Join lets letters be written to rooms, too. Call it before the first letter.
func (c *Chat) Join(r Rooms) { c.rooms = r }

// roomDelay is how many times longer a receipt to a room waits: it is one
// envelope for all readers of each letter.
const roomDelay = 12

// inRoom reports whether the letter stands in a room.
func (l *letter) inRoom() bool { return l.By != l.With }

// place sets whose letter it is and where it stands.
func (c *Chat) place(tx account.Tx, l *letter, author account.ContactID) error {
	l.By, l.With = author, author
	if c.rooms == nil {
		return nil
	}
	room, position, ok, err := c.rooms.Place(tx, author, l.wire)
	if ok {
		l.With, l.position = room, position
	}
	return err
}

// Receipt is what somebody confirms of a letter.
type Receipt struct {
	ID   account.LetterID
	Read bool // else delivered
	At   time.Time
}

// IsReceipt reports whether a part is a list for Receipts.
func IsReceipt(p seal.Part) bool { return p.Kind == kindReceipt }

// Receipts reads such a part.
func Receipts(p seal.Part) (list []Receipt) {
	for _, r := range parseReceipts(p.Body) {
		list = append(list, Receipt{r.id, r.read, r.at})
	}
	return list
}

// Confirmed notes that all readers in a room have, or have read, a letter of
// the owner. Inside a transaction of the account only.
func (c *Chat) Confirmed(tx account.Tx, at account.Moment, room account.ContactID, r Receipt) error {
	l, err := get(tx, r.ID)
	if err != nil || l == nil || !l.Mine || l.With != room {
		return err
	}
	if l.confirmed(receipt{r.ID, r.Read, r.At}, at.Wall) {
		l.Carriers = 0
		if err := l.put(tx); err != nil {
			return err
		}
	}
	return c.a.Arrived(tx, at, room, r.ID)
}

// OwnIn reports whether a letter is the owner's in a room.
func (c *Chat) OwnIn(tx account.Tx, room account.ContactID, id account.LetterID) (bool, error) {
	l, err := get(tx, id)
	return err == nil && l != nil && l.Mine && l.With == room, err
}

// IsLetter reports whether parts of a kind begin a letter, with its id. In a room
// they come with their place.
func IsLetter(kind uint8) bool { return kind == kindLetter || kind == kindRich }

// IsPiece reports whether a part is of a long text or a file.
func IsPiece(p seal.Part) bool { return p.Kind == kindPiece }
