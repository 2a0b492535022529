package chat

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jauap/jauap/account"
)

// The tables of this room, each with its key and record.
const (
	tableLetters  = account.FirstAppTable + iota // contact 16, position 8, id 16 -> letter
	tableIndex                                   // id -> key in tableLetters
	tableArrivals                                // 0, sequence 8 | 1, contact 16, sequence 8 -> key in tableLetters
	tableUnread                                  // contact 16, sequence 8 -> key in tableLetters
	tableHeads                                   // contact -> head
	tableOutbox                                  // sequence 8 -> key in tableLetters
	tableBegun                                   // contact 16, wire id 16 -> letter whose long text is incomplete
	tableFiles                                   // owner 16, letter 16, index 1 -> file
	tableBytes                                   // owner 16, letter 16, index 1, offset 4 -> bytes
	tableReceipts                                // contact 16, wire id 16 -> what is to be confirmed
	tableOrphans                                 // contact -> how much came before its letter
	tableLater                                   // contact 16, id 16 -> part of an unknown kind
)

const (
	tableVanish = account.FirstAppTable + 20 + iota // id -> when the letter vanishes
	tableGone                                       // contact or 0 16, wire id 16 -> nothing: a letter that was deleted
	tableDrafts                                     // contact -> draft
	tableKept                                       // contact 16, file 4, offset 4 -> bytes of a file of a draft
)

// State of a letter of the owner's, each reached with a time.
type State string

// The states in their order; a later one is never followed by an earlier one,
// but for Expired, after which the letter may still turn out to have arrived.
const (
	Saved     State = "saved"     // on this device, safely
	Carried   State = "carried"   // whole on at least one other device
	Left      State = "left"      // relays abroad confirmed it
	Delivered State = "delivered" // the other person's device confirmed it
	Read      State = "read"      // the other person opened it
	Expired   State = "expired"   // its lifetime ended without a confirmation
)

func (s State) rank() int {
	switch s {
	case Carried:
		return 1
	case Left:
		return 2
	case Delivered:
		return 3
	case Read:
		return 4
	}
	return 0
}

// Change is a state with the time when it was reached.
type Change struct {
	State State
	At    time.Time
}

// maxHistory bounds a letter's changes; only a clock that jumps makes many.
const maxHistory = 24

// Letter is one entry of a conversation.
type Letter struct {
	ID         account.LetterID
	With       account.ContactID
	By         account.ContactID // who wrote theirs: With, or an author in a room
	Mine       bool
	Text       string
	SentAt     time.Time // of theirs a claim of their clock
	ReceivedAt time.Time // of theirs
	ReadAt     time.Time // when the owner read theirs
	Files      []File
	Update     bool          // theirs, and only a newer Jauap can show it
	Vanish     time.Duration // how long after reading both ends delete it; 0 for never
	VanishesAt time.Time     // when it will be deleted here; zero when that is not known

	// Of the owner's:
	State    State
	At       time.Time // when the state was reached
	Carriers int       // as in account.Progress
	History  []Change
	Bytes    int64 // of text and files
}

// File is an attachment.
type File struct {
	ID     string // see Chat.Attachment
	Name   string // a plain file name
	Bytes  int64
	Have   int64 // arrived so far
	Sent   int64 // of ours: how much was cut off for envelopes
	Asked  bool  // held, and the reader has asked for it
	Broken bool  // all arrived, but it is not what was sent
	About
}

// Whole tells whether the file can be opened.
func (f File) Whole() bool { return f.Have == f.Bytes && !f.Broken }

// missing tells whether the letter is not whole without it.
func (f File) missing() bool { return !f.Whole() && !f.Held }

// letter is a Letter as it is kept.
type letter struct {
	Letter
	wire     account.LetterID // the id that its sender gave
	position uint64
	seq      uint64 // of theirs the place among arrivals
	fileN    int
	whole    bool // text and files are there
}

func (l *letter) key() []byte {
	k := binary.BigEndian.AppendUint64(append(make([]byte, 0, 40), l.With[:]...), l.position)
	return append(k, l.ID[:]...)
}

const letterVersion = 3 // 2: author, 3: vanish

func (l *letter) record() []byte {
	r := account.NewRecord(letterVersion).Flag(l.Mine).Text(l.Text).Time(l.SentAt).Time(l.ReceivedAt).Time(l.ReadAt)
	r.Flag(l.Update).Raw(l.wire[:]).Uint(l.seq).Uint(uint64(l.fileN)).Flag(l.whole)
	r.Uint(uint64(l.Carriers)).Int(l.Bytes).Uint(uint64(len(l.History)))
	for _, c := range l.History {
		r.Text(string(c.State)).Time(c.At)
	}
	return r.Raw(l.By[:]).Uint(uint64(l.Vanish / time.Second)).Bytes()
}

func parseRecord(key, b []byte) (*letter, error) {
	if len(key) != 40 {
		return nil, fmt.Errorf("%w: a letter", account.ErrDamaged)
	}
	f := account.ReadRecord(b)
	version := f.Version(letterVersion)
	l := &letter{}
	l.With, l.position, l.ID = account.ContactID(key[:16]), binary.BigEndian.Uint64(key[16:]), account.LetterID(key[24:])
	l.Mine, l.Text, l.SentAt, l.ReceivedAt, l.ReadAt = f.Flag(), f.Text(), f.Time(), f.Time(), f.Time()
	l.Update, l.wire = f.Flag(), account.LetterID(f.Raw(16))
	l.seq, l.fileN, l.whole = f.Uint(), int(f.Uint()), f.Flag()
	l.Carriers, l.Bytes = int(f.Uint()), f.Int()
	for range f.Count(2) {
		l.History = append(l.History, Change{State(f.Text()), f.Time()})
	}
	if n := len(l.History); n > 0 {
		l.State, l.At = l.History[n-1].State, l.History[n-1].At
	}
	l.By = l.With
	if version > 1 {
		l.By = account.ContactID(f.Raw(16))
	}
	if version > 2 {
		l.Vanish = time.Duration(f.Uint()) * time.Second
	}
	return l, f.Done()
}

func getByKey(tx account.Tx, key []byte) (*letter, error) {
	b, err := tx.Get(tableLetters, key)
	if err != nil || b == nil {
		return nil, err
	}
	return parseRecord(key, b)
}

// get finds a letter by its id here; nil when there is none.
func get(tx account.Tx, id account.LetterID) (*letter, error) {
	key, err := tx.Get(tableIndex, id[:])
	if err != nil || key == nil {
		return nil, err
	}
	return getByKey(tx, key)
}

func (l *letter) put(tx account.Tx) error { return tx.Put(tableLetters, l.key(), l.record()) }

// theirs finds a letter of a contact by the id that the contact gave it.
func theirs(tx account.Tx, from account.ContactID, wire account.LetterID) (*letter, error) {
	for _, id := range []account.LetterID{wire, localID(from, wire)} {
		l, err := get(tx, id)
		if err != nil {
			return nil, err
		}
		if l != nil && !l.Mine && l.By == from {
			return l, nil
		}
	}
	return nil, nil
}

// localID is the id of a letter whose own id somebody else's letter has.
func localID(from account.ContactID, wire account.LetterID) account.LetterID {
	h := sha256.Sum256(append(append([]byte("jauap/1 letter id"), from[:]...), wire[:]...))
	return account.LetterID(h[:16])
}

// freeID is the sender's id unless it is taken.
func freeID(tx account.Tx, from account.ContactID, wire account.LetterID) (account.LetterID, error) {
	taken, err := tx.Get(tableIndex, wire[:])
	if err != nil || taken == nil {
		return wire, err
	}
	return localID(from, wire), nil
}

// owner of a letter's bytes: the contact who sent it, or nobody for our own.
func (l *letter) owner() (o account.ContactID) {
	if !l.Mine {
		o = l.By
	}
	return o
}

// head is what the list of people shows of a conversation.
type head struct {
	unread   int
	last     uint64 // position of the newest letter
	seen     uint64 // position up to which the owner has seen everything
	lastText string
	lastMine bool
	lastAt   time.Time
	wroteAt  time.Time // claimed time of the newest of theirs
	rider    bool      // receipts are queued
}

const maxPreview = 120 // bytes

func (h *head) record() []byte {
	r := account.NewRecord(1).Uint(uint64(h.unread)).Uint(h.last).Uint(h.seen).Text(h.lastText)
	return r.Time(h.lastAt).Time(h.wroteAt).Flag(h.rider).Flag(h.lastMine).Bytes()
}

func getHead(tx account.Tx, with account.ContactID) (*head, error) {
	b, err := tx.Get(tableHeads, with[:])
	if err != nil || b == nil {
		return &head{}, err
	}
	f := account.ReadRecord(b)
	f.Version(1)
	h := &head{unread: int(f.Uint()), last: f.Uint(), seen: f.Uint(), lastText: f.Text()}
	h.lastAt, h.wroteAt, h.rider, h.lastMine = f.Time(), f.Time(), f.Flag(), f.Flag()
	return h, f.Done()
}

func (h *head) put(tx account.Tx, with account.ContactID) error {
	return tx.Put(tableHeads, with[:], h.record())
}

// shows notes the newest letter.
func (h *head) shows(l *letter, at time.Time) {
	if l.position < h.last {
		return
	}
	h.last, h.lastAt, h.lastText, h.lastMine = l.position, at, preview(l), l.Mine
}

func preview(l *letter) string {
	s := strings.Join(strings.Fields(l.Text), " ")
	if s == "" && len(l.Files) > 0 {
		s = l.Files[0].Name
	}
	return cut(s, maxPreview)
}

// counter counts up for all letters of the vault: their order of arrival.
func counter(tx account.Tx, name string) (uint64, error) {
	b, err := tx.Get(tableHeads, []byte(name))
	if err != nil {
		return 0, err
	}
	n := uint64(0)
	if len(b) == 8 {
		n = binary.BigEndian.Uint64(b)
	}
	return n, tx.Put(tableHeads, []byte(name), binary.BigEndian.AppendUint64(nil, n+1))
}

func seqKey(prefix []byte, seq uint64) []byte {
	return binary.BigEndian.AppendUint64(append([]byte(nil), prefix...), seq)
}

// fileID names a file of a letter for callers.
func fileID(id account.LetterID, index int) string { return id.String() + "-" + strconv.Itoa(index) }

func parseFileID(s string) (id account.LetterID, index int, err error) {
	name, n, ok := strings.Cut(s, "-")
	if id, err = account.ParseLetterID(name); err != nil || !ok {
		return id, 0, fmt.Errorf("%w: %q", ErrNotFound, cut(s, 80))
	}
	if index, err = strconv.Atoi(n); err != nil || index < 1 || index > MaxFiles {
		return id, 0, fmt.Errorf("%w: %q", ErrNotFound, cut(s, 80))
	}
	return id, index, nil
}

// Errors of this room, usable with errors.Is.
var (
	ErrNotFound   = errors.New("chat: there is no such letter or file")
	ErrEmpty      = errors.New("chat: a letter needs a text or a file")
	ErrTooLarge   = errors.New("chat: too large")
	ErrVanish     = errors.New("chat: a letter vanishes after a minute to a year")
	ErrIncomplete = errors.New("chat: the file has not arrived whole yet")
	ErrBroken     = errors.New("chat: the file is not what was sent; ask for it again")
)
