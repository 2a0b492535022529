package account

import (
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/seal"
)

// Guest is a room that seals and opens by keys of its own, one envelope for
// several readers: groups. What waits for them is queued here like what waits
// for a contact, under the id of a conversation that the Guest told by Hold.
// Its methods run inside the account's transaction and lock, like an App's.
type Guest interface {
	// Chains are all the addresses that it listens for, by the chain that its
	// Open is told, and the conversations that it holds, with their names.
	Chains(tx Tx) (tags map[string][]envelope.Tag, held map[ContactID]string, err error)
	// Open takes an envelope with a tag of the chain. What is wrong with the
	// envelope it finds before it changes anything, and answers by Refuse.
	Open(tx Tx, at Moment, chain string, e envelope.Envelope) (parts int, err error)
	// Prepare makes the keys ready for one envelope and answers the room in each
	// class, by seal.PartSize; nil when nothing can be sealed.
	Prepare(tx Tx, at Moment, to ContactID) (room func(envelope.Class) int, err error)
	// Seal closes one envelope, after Prepare in the same transaction.
	Seal(tx Tx, at Moment, to ContactID, w seal.Where, parts []seal.Part) (GuestSealed, error)
	// Tend forgets what is old. It is called about once an hour.
	Tend(tx Tx, at Moment) error
	// Undone says that the transaction failed: what is remembered of the vault
	// must be read again.
	Undone()
}

// GuestSealed is an envelope of a Guest.
type GuestSealed struct {
	Bytes []byte
	Done  []byte // its proof, that only this device can make; goes when all its letters arrived
}

// Refuse marks an error of Guest.Open as one of the envelope, not of the vault.
func Refuse(err error) error { return refuse(err) }

// Host takes in a Guest. Call it before the first letter is received or sealed.
func (a *Account) Host(g Guest) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.guest = g
	return a.vault.View(a.load)
}

func (a *Account) loadGuest(tx Tx) error {
	if a.guest == nil {
		return nil
	}
	chains, held, err := a.guest.Chains(tx)
	if err != nil {
		return err
	}
	for chain, tags := range chains {
		o := &owner{chain: chain}
		for _, t := range tags {
			a.tags[t] = o
		}
	}
	a.held = held
	return nil
}

// Do runs f in a transaction of the account, under its lock, as its own
// methods do. f may use what is said to be for the inside of a transaction.
func (a *Account) Do(at Moment, f func(Tx) error) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.update(at, f)
}

// Now is the newest tick in the vault's count. Inside a transaction only.
func (a *Account) Now() seal.Tick { return a.now }

// Listen waits for letters of a chain from the end of the transaction on.
// Inside a transaction only.
func (a *Account) Listen(chain string, tags []envelope.Tag) {
	a.retag = append(a.retag, func() {
		o := &owner{chain: chain}
		for _, t := range tags {
			a.tags[t] = o
		}
		a.fresher = a.fresher || len(tags) > 0
	})
}

// Unlisten ends that. Inside a transaction only.
func (a *Account) Unlisten(tags []envelope.Tag) {
	a.retag = append(a.retag, func() {
		for _, t := range tags {
			delete(a.tags, t)
		}
	})
}

// Hold tells of a conversation of the Guest's, or of its new name; an empty
// name ends it. Inside a transaction only.
func (a *Account) Hold(id ContactID, name string) {
	a.retag = append(a.retag, func() {
		if a.held == nil {
			a.held = map[ContactID]string{}
		}
		if a.held[id] = name; name == "" {
			delete(a.held, id)
		}
	})
}

// Fresher reports whether an account listens for letters since it was last
// asked that may have come before: they are to be received again.
func (a *Account) Fresher() bool {
	a.tagMu.Lock()
	defer a.tagMu.Unlock()
	was := a.fresher
	a.fresher = false
	return was
}

// Held finds a conversation of the Guest by id or name.
func (a *Account) Held(nameOrID string) (id ContactID, name string, ok bool) {
	a.tagMu.RLock()
	defer a.tagMu.RUnlock()
	if b, err := hex.DecodeString(nameOrID); err == nil && len(b) == len(id) {
		if name, ok = a.held[ContactID(b)]; ok {
			return ContactID(b), name, true
		}
	}
	for id, name := range a.held {
		if strings.EqualFold(name, CleanName(nameOrID)) {
			return id, name, true
		}
	}
	return id, "", false
}

func (a *Account) isHeld(id ContactID) bool {
	a.tagMu.RLock()
	defer a.tagMu.RUnlock()
	_, ok := a.held[id]
	return ok
}

// FreeName is a name, or the name with a number, that neither a contact nor a
// conversation has. Inside a transaction only.
func (a *Account) FreeName(want string, except ContactID) string { return a.freeName(want, except) }

// Known is a contact; ErrUnknown. Inside a transaction only.
func (a *Account) Known(id ContactID) (Contact, error) {
	if p := a.people[id]; p != nil {
		return p.Contact, nil
	}
	return Contact{}, ErrUnknown
}

// openGuest reads an envelope of a Guest's chain.
func (a *Account) openGuest(tx Tx, at Moment, e envelope.Envelope, chain string) (r Received, err error) {
	r.Parts, err = a.guest.Open(tx, at, chain, e)
	return r, err
}

// rooms seals what waits for the conversations of the Guest.
func (r *round) rooms() error {
	if r.a.guest == nil {
		return nil
	}
	r.a.tagMu.RLock()
	list := slices.SortedFunc(maps.Keys(r.a.held), func(x, y ContactID) int { return strings.Compare(string(x[:]), string(y[:])) })
	r.a.tagMu.RUnlock()
	for _, id := range list {
		if r.in = id; r.skip[id] {
			continue
		}
		for first := true; r.left >= envelope.S1.Size(); first = false {
			more, err := r.room(id, first)
			if err != nil {
				return fmt.Errorf("account: sealing for a group: %w", err)
			}
			if !more {
				break
			}
		}
	}
	r.in = ContactID{}
	return nil
}

// room seals one envelope for a conversation of the Guest.
func (r *round) room(id ContactID, first bool) (done bool, err error) {
	list, more, err := r.entries(id, rankUrgent, rankText)
	if err != nil {
		return false, err
	}
	riders, _, err := r.entries(id, rankRider, rankRider)
	if err != nil {
		return false, err
	}
	if riders, err = r.worth(riders); err != nil {
		return false, err
	}
	streams, _, err := r.entries(id, rankStream, rankStream)
	if err != nil {
		return false, err
	}
	if r.texting {
		streams = nil
	}
	due := slices.ContainsFunc(riders, func(w *waiting) bool { return r.a.now >= w.alone })
	if len(list)+len(streams) == 0 && !due {
		return false, nil
	}
	room, err := r.a.guest.Prepare(r.tx, r.at, id)
	if err != nil || room == nil {
		return false, err
	}
	c, n, err := r.roomClass(load{room: room, first: first, more: more, most: r.left, top: envelope.S3}, &list, &riders, streams)
	if err != nil || c == 0 {
		return false, err
	}
	cargo := &cargo{room: room(c), ends: map[string]bool{}}
	for _, w := range list[:n] {
		if err := r.add(cargo, w, cargo.room); err != nil {
			return false, err
		}
	}
	if err := r.topUp(id, cargo, riders); err != nil {
		return false, err
	}
	if len(cargo.parts) == 0 {
		if len(cargo.took) == 0 {
			return false, nil
		}
		return true, r.finish(cargo, nil)
	}
	return true, r.sealRoom(id, c, cargo)
}

// roomClass chooses the class and how many of the list go: texts, else what
// only rides and is due, else streams.
func (r *round) roomClass(l load, list, riders *[]*waiting, streams []*waiting) (c envelope.Class, n int, err error) {
	if len(*list) == 0 && len(streams) == 0 {
		*list, *riders = *riders, nil
	}
	if len(*list) == 0 {
		total, next, err := r.shortest(streams)
		if err != nil {
			return 0, 0, err
		}
		return chooseStream(total, next, l.room, r.left), 0, nil
	}
	for _, w := range *list {
		size, err := r.size(w)
		if err != nil {
			return 0, 0, err
		}
		l.sizes = append(l.sizes, size)
	}
	c, n = l.choose()
	return c, n, nil
}

// sealRoom makes the envelope and writes all that follows from it.
func (r *round) sealRoom(id ContactID, c envelope.Class, cargo *cargo) error {
	days, left := 0, 1
	for _, w := range cargo.took {
		days, left = max(days, w.days), max(left, w.left(r.a.now))
	}
	w := seal.Where{Class: c, LifeDays: days, Expiry: r.at.Day.Add(left + r.a.config.Rand.IntN(envelope.MaxJitter+1))}
	out, err := r.a.guest.Seal(r.tx, r.at, id, w, cargo.parts)
	if err != nil {
		return err
	}
	e, err := envelope.Parse(out.Bytes)
	if err != nil {
		return fmt.Errorf("account: internal error: %w", err)
	}
	rec := &sent{id: e.ID(), tag: e.Tag(), key: e.Key(), to: id, expiry: w.Expiry, at: r.a.now}
	if err := r.tx.Put(tableDone, rec.id[:], out.Done); err != nil {
		return err
	}
	return r.keep(rec, out.Bytes, cargo)
}

// letGo releases the proof that was kept of an envelope to many.
func (a *Account) letGo(tx Tx, id envelope.ID) error {
	done, err := tx.Get(tableDone, id[:])
	if err != nil || done == nil {
		return err
	}
	return a.keepProof(tx, done)
}

// culprit is with whom something is wrong; zero when it is with nobody.
func (r *round) culprit() ContactID {
	if r.with != nil {
		return r.with.ID
	}
	return r.in
}

// Look runs f on the vault under the account's lock.
func (a *Account) Look(f func(Tx) error) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.vault.View(f)
}
