package status

import (
	crand "crypto/rand"
	"crypto/sha256"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/seal"
)

// Config is the policy of a Board.
type Config struct {
	Rand *rand.Rand // delays, never keys; shared with nobody

	// How long it may wait to say that a word arrived, until that is worth an
	// envelope of its own. Both zero: at once.
	ReceiptMin, ReceiptMax time.Duration
}

// Board keeps statuses. Its methods may be called by several goroutines.
type Board struct {
	a      *account.Account
	vault  account.Vault
	config Config
	rooms  Rooms // nil where there are no groups
}

// New makes the board of an account and takes its parts from now on.
func New(a *account.Account, c Config) *Board {
	b := &Board{a: a, vault: a.Vault(), config: c}
	a.Also(b, account.Claim{Kinds: []uint8{kindWord, kindPromise, kindArrived, kindSeen}, Streams: "s"})
	return b
}

// State of a word on its way to one person, each a fact with a time.
type State string

// The states.
const (
	Saved     State = "saved"
	Carried   State = "carried"
	Left      State = "left"
	Delivered State = "delivered"
	Expired   State = "expired"
	Replaced  State = "replaced" // a newer word went in its place
)

// rank orders the states that come one after the other.
func (s State) rank() int { return slices.Index([]State{Saved, Carried, Left, Delivered}, s) }

// Dispatch is a word on its way to one person, or to a group.
type Dispatch struct {
	To       account.ContactID
	Letter   account.LetterID
	State    State
	At       time.Time
	Carriers int
	seq      uint32
}

func dispatchKey(id account.LetterID) []byte { return append([]byte{'l'}, id[:]...) }

func (d Dispatch) put(tx account.Tx, id account.LetterID) error {
	r := account.NewRecord(1).Raw(d.To[:]).Text(string(d.State)).Time(d.At).Uint(uint64(d.Carriers)).Uint(uint64(d.seq))
	return tx.Put(tableSent, dispatchKey(id), r.Bytes())
}

func getDispatch(tx account.Tx, id account.LetterID) (*Dispatch, error) {
	b, err := tx.Get(tableSent, dispatchKey(id))
	if err != nil || b == nil {
		return nil, err
	}
	f := account.ReadRecord(b)
	f.Version(1)
	d := &Dispatch{Letter: id, To: account.ContactID(f.Raw(16)), State: State(f.Text()), At: f.Time(), Carriers: int(f.Uint()), seq: uint32(f.Uint())}
	return d, f.Done()
}

// latestKey is where the newest letter about a subject to a contact stands.
func latestKey(to account.ContactID, subject string) []byte {
	h := sha256.Sum256([]byte(subject))
	return append(append([]byte{'c'}, to[:]...), h[:8]...)
}

// days is how long a word may be under way: an old one says nothing.
const days = 14

// Said is a word of the owner with what became of it.
type Said struct {
	Word
	To []Dispatch
}

// Say saves a word to people and groups; it leaves by itself, before all letters. Of
// what they were told before about the same thing, whatever was not sealed
// yet is taken back. Promises end by a word about the owner, for everybody
// who holds one. Errors: ErrEmpty, ErrWhom, ErrTooLong, ErrNobody,
// account.ErrUnknown, account.ErrFull.
//
// With heard set, each reader also learns whose devices this one heard lately,
// as far as they know those people too: that is to tell whom the owner knows.
func (b *Board) Say(at account.Moment, w Word, to []account.ContactID, heard bool) (Said, error) {
	w, err := w.checked()
	if err != nil {
		return Said{}, err
	}
	if len(to) == 0 {
		return Said{}, ErrNobody
	}
	said := Said{}
	keys, err := b.mentionKeys(w, to, heard)
	if err != nil {
		return Said{}, err
	}
	err = b.vault.Update(func(tx account.Tx) error {
		said = Said{}
		if w.Seq, err = takeSeq(tx, at.Wall); err != nil {
			return err
		}
		w.At = at.Wall
		said.Word = w
		k := kept{Word: w, received: at.Wall}
		for i, id := range to {
			parts := []seal.Part{w.to(keys[i]).part()}
			if heard && keys[i] != ([32]byte{}) {
				p, ok, err := b.seenPart(tx, at, id, keys[i])
				if err != nil {
					return err
				}
				if ok {
					parts = append(parts, p)
				}
			}
			letter, d, err := b.send(tx, at, id, w.subject(), w.Seq, parts...)
			if err != nil {
				return err
			}
			k.to = append(k.to, letter)
			said.To = append(said.To, d)
		}
		if w.Kind != Looking {
			if err := b.keepPromise(tx, at, w, to); err != nil {
				return err
			}
		}
		if err := k.put(tx, owner); err != nil {
			return err
		}
		return b.forget(tx)
	})
	return said, err
}

// mentionKeys are those under which each reader finds out who is meant; zero
// when nobody is.
func (b *Board) mentionKeys(w Word, to []account.ContactID, heard bool) ([][32]byte, error) {
	keys := make([][32]byte, len(to))
	if len(w.With) == 0 && !heard {
		return keys, nil
	}
	for i, id := range to {
		c, err := b.a.ContactByID(id)
		if _, _, group := b.a.Held(id.String()); err != nil && group {
			continue // many readers have no key in common
		}
		if err != nil {
			return nil, err
		}
		if keys[i], _, err = b.a.Shared(c.Public, labelMention); err != nil {
			return nil, err
		}
	}
	return keys, nil
}

// to is the word for one reader: who knows a mentioned person finds out by the
// tag, and for others it is noise. In a group nobody does: without a key the tag
// is nothing. spec/status.md, 2.3 and 2.6
func (w Word) to(key [32]byte) Word {
	with := w.With
	w.With = nil
	for _, m := range with {
		if m.tag = [8]byte{}; key != ([32]byte{}) {
			m.tag = mentionTag(key, m.ID)
		}
		m.Name = short(clean(m.Name), MaxPlace)
		w.With = append(w.With, m)
	}
	return w
}

const labelMention = "jauap/1 mention"

func mentionTag(key [32]byte, of account.ContactID) [8]byte {
	h := sha256.Sum256(append(key[:], of[:]...))
	return [8]byte(h[:8])
}

// send queues a part in the place of what was not sealed about the subject.
func (b *Board) send(tx account.Tx, at account.Moment, to account.ContactID, subject string, seq uint32, parts ...seal.Part) (id account.LetterID, d Dispatch, err error) {
	key := latestKey(to, subject)
	old, err := tx.Get(tableSent, key)
	if err != nil {
		return id, d, err
	}
	if old != nil {
		if err := b.replace(tx, at, account.LetterID(old)); err != nil {
			return id, d, err
		}
	}
	crand.Read(id[:])
	d = Dispatch{To: to, Letter: id, State: Saved, At: at.Wall, seq: seq}
	if b.rooms != nil {
		if _, err := b.rooms.Address(tx, to, id); err != nil {
			return id, d, err
		}
	}
	if err := b.a.Queue(tx, at, account.Outgoing{To: to, Letter: id, Parts: parts, Urgency: 1, Days: days}); err != nil {
		return id, d, err
	}
	if err := tx.Put(tableSent, key, id[:]); err != nil {
		return id, d, err
	}
	return id, d, d.put(tx, id)
}

// replace takes a letter back if nothing of it was sealed.
func (b *Board) replace(tx account.Tx, at account.Moment, id account.LetterID) error {
	ok, err := b.a.Withdraw(tx, id)
	if err != nil || !ok {
		return err
	}
	d, err := getDispatch(tx, id)
	if err != nil || d == nil {
		return err
	}
	d.State, d.At = Replaced, at.Wall
	if err := b.drop(tx, id); err != nil {
		return err
	}
	return d.put(tx, id)
}

// drop forgets who in a group was to read a letter.
func (b *Board) drop(tx account.Tx, id account.LetterID) error {
	if b.rooms == nil {
		return nil
	}
	return b.rooms.Drop(tx, id)
}

// Moved implements account.Watcher: a letter of ours got on.
func (b *Board) Moved(tx account.Tx, at account.Moment, p account.Progress) error {
	d, err := getDispatch(tx, p.Letter)
	if err != nil || d == nil {
		return err
	}
	next := Saved
	switch {
	case p.Proven:
		next = Delivered
	case p.Expired:
		next = Expired
	case p.Left:
		next = Left
	case p.Carriers > 0:
		next = Carried
	}
	d.Carriers = p.Carriers
	// What was reached stays, but for expired: a clock may have been wrong.
	further := next.rank() > d.State.rank() || next == Expired || d.State == Expired
	if d.State != Delivered && d.State != Replaced && next != d.State && further {
		d.State, d.At = next, at.Wall
	}
	return d.put(tx, p.Letter)
}

// forget drops the oldest words of the owner with their dispatches.
func (b *Board) forget(tx account.Tx) error {
	n := 0
	var gone []account.LetterID
	err := words(tx, owner, func(k kept) (bool, error) {
		if n++; n > maxKept {
			gone = append(gone, k.to...)
		}
		return true, nil
	})
	for _, id := range gone {
		if err == nil {
			err = errors.Join(tx.Delete(tableSent, dispatchKey(id)), b.drop(tx, id))
		}
	}
	if err != nil {
		return err
	}
	return prune(tx, owner)
}

// Mine lists the owner's words, newest first, at most max of them; 0: all that
// are kept.
func (b *Board) Mine(max int) (list []Said, err error) {
	err = b.vault.View(func(tx account.Tx) error {
		return words(tx, owner, func(k kept) (bool, error) {
			s := Said{Word: k.Word}
			for _, id := range k.to {
				d, err := getDispatch(tx, id)
				if err != nil {
					return false, err
				}
				if d != nil {
					s.To = append(s.To, *d)
				}
			}
			list = append(list, s)
			return max == 0 || len(list) < max, nil
		})
	})
	return list, err
}
