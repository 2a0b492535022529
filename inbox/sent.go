package inbox

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sort"
	"time"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/envelope"
)

// Limits of what is remembered of own messages.
const (
	maxSent    = 2000
	maxHolders = 8
	maxFiles   = 256
)

// Post is a message to an inbox.
type Post struct {
	Kind    Kind
	Content []byte
	Root    [32]byte // of a report, so that it can be claimed; zero otherwise
	Ticket  []byte   // secret by which a report can be claimed; may be empty
	// After so many receipts Ripe names it, and the caller forgets it and erases
	// Files. 0 is never.
	Forget int
	Files  []string
	// Of a slip: its id, where and how long answers are awaited, and what is to
	// be kept with it, told the message's id, in the same transaction.
	About   ID
	Address Address
	Days    int
	Also    func(tx account.Tx, id ID) error
}

// sent is what this device knows of an own message: not what it says.
type sent struct {
	id      ID
	to      string
	toID    ID
	kind    Kind
	at      time.Time
	day     envelope.Day
	length  int
	root    [32]byte
	ticket  []byte
	forget  int
	files   []string
	units   []unit
	claimed bool
}

type unit struct {
	id      envelope.ID
	tag     envelope.Tag // whose proof counts
	done    bool
	holders []uint64 // hashes of relays that hold it
}

func (s *sent) record() []byte {
	r := account.NewRecord(1).Text(s.to).Raw(s.toID[:]).Uint(uint64(s.kind)).Time(s.at).Uint(uint64(s.day)).Uint(uint64(s.length)).Raw(s.root[:]).Blob(s.ticket).
		Uint(uint64(s.forget)).Flag(s.claimed).Uint(uint64(len(s.files)))
	for _, f := range s.files {
		r.Text(f)
	}
	r.Uint(uint64(len(s.units)))
	for _, u := range s.units {
		r.Raw(u.id[:]).Raw(u.tag[:]).Flag(u.done).Uint(uint64(len(u.holders)))
		for _, h := range u.holders {
			r.Uint(h)
		}
	}
	return r.Bytes()
}

func parseSent(id ID, raw []byte) (*sent, error) {
	f := account.ReadRecord(raw)
	f.Version(1)
	s := &sent{id: id, to: f.Text(), toID: ID(f.Raw(16)), kind: Kind(f.Uint()), at: f.Time(), day: envelope.Day(f.Uint()), length: int(min(f.Uint(), MaxReport)),
		root: [32]byte(f.Raw(32)), ticket: bytes.Clone(f.Blob()), forget: int(f.Uint()), claimed: f.Flag()}
	for range f.Count(1) {
		s.files = append(s.files, f.Text())
	}
	for range f.Count(34) {
		u := unit{id: envelope.ID(f.Raw(16)), tag: envelope.Tag(f.Raw(16)), done: f.Flag()}
		for range f.Count(1) {
			u.holders = append(u.holders, f.Uint())
		}
		s.units = append(s.units, u)
	}
	if err := f.Done(); err != nil {
		return nil, fmt.Errorf("%w: a message to an inbox", err)
	}
	return s, nil
}

func (x *Inboxes) addSent(s *sent) {
	x.sent[s.id] = s
	for _, u := range s.units {
		x.own[u.id] = s.id
	}
}

// Sent is how far an own message has come.
type Sent struct {
	ID       ID
	To       string
	ToID     ID
	Kind     Kind
	At       time.Time
	Bytes    int
	Root     [32]byte
	Ticket   []byte
	Files    []string
	Forget   int
	Claimed  bool
	Pieces   int
	Relays   int  // relays that hold all of it
	Here     int  // pieces that the desk confirmed
	Arrived  bool // the desk confirmed all
	Receipts int
}

func (s *sent) view() Sent {
	v := Sent{ID: s.id, To: s.to, ToID: s.toID, Kind: s.kind, At: s.at, Bytes: s.length, Root: s.root, Ticket: s.ticket, Files: s.files, Forget: s.forget, Claimed: s.claimed, Pieces: len(s.units)}
	count := map[uint64]int{}
	for _, u := range s.units {
		if u.done {
			v.Here++
		}
		for _, h := range u.holders {
			count[h]++
		}
	}
	for _, n := range count {
		if n == len(s.units) {
			v.Relays++
		}
	}
	v.Arrived = v.Here == len(s.units)
	v.Receipts = v.Relays
	if v.Arrived {
		v.Receipts = max(v.Relays, s.forget) + 1 // whom it was for has it
	}
	return v
}

// Send seals a message and keeps its envelopes until the shelf has them: after
// nil they are on stable storage. This device cannot open them again.
func (x *Inboxes) Send(at account.Moment, c *Card, p Post) (v Sent, err error) {
	if len(p.Files) > maxFiles {
		return v, fmt.Errorf("%w: at most %d files", ErrContent, maxFiles)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.sent) >= maxSent {
		return v, ErrSent
	}
	list, err := c.Seal(p.Kind, p.Content, at.Day, x.rng.IntN(envelope.MaxJitter+1))
	if err != nil {
		return v, err
	}
	s := &sent{id: ID(list[0].ID()), to: c.Name, toID: c.ID(), kind: p.Kind, at: at.Wall, day: at.Day, length: len(p.Content), root: p.Root, ticket: p.Ticket, forget: p.Forget, files: p.Files}
	if b := x.boxes[s.toID]; b != nil {
		s.to = b.name
	}
	var w *awaited
	if p.About != (ID{}) {
		w = newAwaited(p.About, s.toID, at.Day.Add(p.Days+envelope.Lifetime+envelope.MaxJitter), p.Address)
	}
	err = x.vault.Update(func(tx account.Tx) error {
		for _, e := range list {
			s.units = append(s.units, unit{id: e.ID(), tag: e.Tag()})
			if err := putOut(tx, e); err != nil {
				return err
			}
		}
		if w != nil {
			if err := errors.Join(tx.Put(tablePieces, awaitKey(w.about), w.record()), p.Also(tx, s.id)); err != nil {
				return err
			}
		}
		return tx.Put(tableSent, s.id[:], s.record())
	})
	if err != nil {
		return v, err
	}
	x.addSent(s)
	if w != nil {
		x.addAwaited(w)
	}
	return s.view(), nil
}

// Outbox are sealed envelopes that the shelf has not got yet, at most 64 MiB
// of them.
func (x *Inboxes) Outbox() (list [][]byte, err error) {
	sum := 0
	err = x.vault.View(func(tx account.Tx) error {
		return tx.Scan(tablePieces, []byte{entryOut}, []byte{entryOut + 1}, false, func(_, b []byte) (bool, error) {
			list = append(list, bytes.Clone(b))
			sum += len(b)
			return sum < MaxReport, nil
		})
	})
	return list, err
}

// Submitted says that envelopes are on the shelf.
func (x *Inboxes) Submitted(ids ...envelope.ID) error {
	return x.vault.Update(func(tx account.Tx) error {
		for _, id := range ids {
			if err := tx.Delete(tablePieces, append([]byte{entryOut}, id[:]...)); err != nil {
				return err
			}
		}
		return nil
	})
}

// Handed says that a relay with a key holds an own envelope; Proven that the
// desk has it. Both answer whether anything is new.
func (x *Inboxes) Handed(id envelope.ID, relay string) (bool, error) {
	sum := sha256.Sum256([]byte(relay))
	h := binary.BigEndian.Uint64(sum[:])
	return x.change(id, func(u *unit) bool {
		if slices.Contains(u.holders, h) || len(u.holders) >= maxHolders {
			return false
		}
		u.holders = append(slices.Clone(u.holders), h)
		return true
	})
}

// Proven takes a proof of an own envelope.
func (x *Inboxes) Proven(raw []byte) (bool, error) {
	e, err := envelope.Parse(raw)
	if err != nil || e.Class() != envelope.Done || e.Verify() != nil {
		return false, nil
	}
	return x.change(e.Proves(), func(u *unit) bool {
		fresh := !u.done && u.tag == e.Tag()
		u.done = u.done || fresh
		return fresh
	})
}

func (x *Inboxes) change(id envelope.ID, f func(*unit) bool) (bool, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	s := x.sent[x.own[id]]
	if s == nil {
		return false, nil
	}
	next := *s
	next.units = slices.Clone(s.units)
	i := slices.IndexFunc(next.units, func(u unit) bool { return u.id == id })
	if i < 0 || !f(&next.units[i]) {
		return false, nil
	}
	err := x.vault.Update(func(tx account.Tx) error { return tx.Put(tableSent, s.id[:], next.record()) })
	if err == nil {
		x.sent[s.id] = &next
	}
	return err == nil, err
}

// SentAll are the own messages that are remembered, newest first.
func (x *Inboxes) SentAll() []Sent {
	x.mu.Lock()
	defer x.mu.Unlock()
	list := []Sent{}
	for _, s := range x.sent {
		list = append(list, s.view())
	}
	sort.SliceStable(list, func(i, j int) bool {
		a, b := &list[i], &list[j]
		return cmp.Or(b.At.Compare(a.At), bytes.Compare(a.ID[:], b.ID[:])) < 0
	})
	return list
}

// Ripe are those that have the receipts after which they are to be forgotten.
func (x *Inboxes) Ripe() (list []Sent) {
	for _, s := range x.SentAll() {
		if s.Forget > 0 && s.Receipts >= s.Forget {
			list = append(list, s)
		}
	}
	return list
}

// Forget erases all that this device remembers of an own message. Its
// envelopes go on.
func (x *Inboxes) Forget(id ID) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	s := x.sent[id]
	if s == nil {
		return ErrUnknown
	}
	err := x.vault.Update(func(tx account.Tx) error { return tx.Delete(tableSent, id[:]) })
	if err == nil {
		for _, u := range s.units {
			delete(x.own, u.id)
		}
		delete(x.sent, id)
	}
	return err
}

// MarkClaimed notes that the author claimed a report.
func (x *Inboxes) MarkClaimed(id ID) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	s := x.sent[id]
	if s == nil {
		return ErrUnknown
	}
	next := *s
	next.claimed = true
	err := x.vault.Update(func(tx account.Tx) error { return tx.Put(tableSent, id[:], next.record()) })
	if err == nil {
		x.sent[id] = &next
	}
	return err
}
