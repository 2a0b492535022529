package finds

import (
	"bytes"
	"cmp"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"slices"
	"sync"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/envelope"
)

// Tables of the vault.
const (
	tableBook  account.Table = 68 // nothing -> secret; place, relay -> spot; contact -> day since which something is to be told
	tableFinds account.Table = 69 // relay hash, contact (zero: this device), way -> find
)

// Relay is the key of a relay, as its address pins it.
type Relay [32]byte

// Place is a network, as a hash under a secret of the vault. The zero Place is
// any that has no name.
type Place [16]byte

// Way is a transport and port of a relay's host.
type Way struct {
	Host string // one of the settings'
	UDP  bool
	Port uint16
}

const (
	maxLast    = 3
	maxSpots   = 256
	lastLife   = 120 // days that a way is remembered
	ticketLife = 7   // days that a relay takes one
)

// spot is one relay seen from one place.
type spot struct {
	place Place
	relay Relay
}

func (s spot) key() []byte { return slices.Concat(s.place[:], s.relay[:]) }

type seen struct {
	last     []Way
	used     envelope.Day
	ticket   []byte
	ticketOf envelope.Day
}

func (s *seen) record() []byte {
	r := account.NewRecord(1).Uint(uint64(s.used)).Uint(uint64(s.ticketOf)).Blob(s.ticket).Uint(uint64(len(s.last)))
	for _, w := range s.last {
		r.Text(w.Host).Flag(w.UDP).Uint(uint64(w.Port))
	}
	return r.Bytes()
}

func parseSeen(b []byte) (*seen, error) {
	f := account.ReadRecord(b)
	f.Version(1)
	s := &seen{used: envelope.Day(f.Uint()), ticketOf: envelope.Day(f.Uint()), ticket: bytes.Clone(f.Blob())}
	for range f.Count(3) {
		s.last = append(s.last, Way{f.Text(), f.Flag(), uint16(f.Uint())})
	}
	if err := f.Done(); err != nil {
		return nil, fmt.Errorf("finds: %w", err)
	}
	return s, nil
}

// Post is what a Book needs of an account.
type Post interface {
	Queue(tx account.Tx, at account.Moment, o account.Outgoing) error
	IDs(tx account.Tx) ([]account.ContactID, error)
}

// Book is what one device knows of ways. It is an account.App for parts of
// Kinds. Its methods may be called by several goroutines.
type Book struct {
	post   Post
	vault  account.Vault
	secret [32]byte

	mu     sync.Mutex
	relays map[hash]Relay // of the settings
	spots  map[spot]*seen
	dirty  map[spot]bool
}

// New opens the book in a vault.
func New(post Post, v account.Vault) (*Book, error) {
	b := &Book{post: post, vault: v, relays: map[hash]Relay{}, spots: map[spot]*seen{}, dirty: map[spot]bool{}}
	fresh := false
	err := v.View(func(tx account.Tx) error {
		s, err := tx.Get(tableBook, nil)
		if err != nil {
			return err
		}
		fresh = len(s) != len(b.secret)
		copy(b.secret[:], s)
		return tx.Scan(tableBook, nil, nil, false, func(k, val []byte) (bool, error) {
			if len(k) != len(Place{})+len(Relay{}) {
				return true, nil
			}
			s, err := parseSeen(val)
			if err != nil {
				return true, nil // it only saves time: a damaged one is made anew
			}
			b.spots[spot{Place(k[:16]), Relay(k[16:])}] = s
			return true, nil
		})
	})
	if err != nil || !fresh {
		return b, err
	}
	_, _ = rand.Read(b.secret[:]) // never fails
	return b, v.Update(func(tx account.Tx) error { return tx.Put(tableBook, nil, b.secret[:]) })
}

// Place is a network by what probe.Place calls it.
func (b *Book) Place(name string) (p Place) {
	if name != "" {
		h := hmac.New(sha256.New, b.secret[:])
		h.Write([]byte(name))
		copy(p[:], h.Sum(nil))
	}
	return p
}

// Last lists the ways to a relay that answered in a place, the newest first.
func (b *Book) Last(p Place, r Relay) []Way {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s := b.spots[spot{p, r}]; s != nil {
		return slices.Clone(s.last)
	}
	return nil
}

// Answered notes that a way answered. Flush makes it durable.
func (b *Book) Answered(p Place, r Relay, w Way, today envelope.Day) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.at(spot{p, r})
	if s.used == today && len(s.last) > 0 && s.last[0] == w {
		return
	}
	s.last = append([]Way{w}, slices.DeleteFunc(s.last, func(o Way) bool { return o == w })...)
	s.last = s.last[:min(maxLast, len(s.last))]
	s.used = today
	b.dirty[spot{p, r}] = true
}

// Ticket is what SetTicket kept last, if a relay may still take it.
func (b *Book) Ticket(p Place, r Relay, today envelope.Day) []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.spots[spot{p, r}]
	if s == nil || today > s.ticketOf+ticketLife {
		return nil
	}
	return bytes.Clone(s.ticket)
}

// SetTicket keeps a ticket for a relay in a place that has a name; nil forgets
// it. Flush makes it durable.
func (b *Book) SetTicket(p Place, r Relay, ticket []byte, today envelope.Day) {
	if p == (Place{}) {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.at(spot{p, r})
	s.ticket, s.ticketOf = bytes.Clone(ticket), today
	s.used = max(s.used, today)
	b.dirty[spot{p, r}] = true
}

// at finds or makes a spot. mu is held.
func (b *Book) at(k spot) *seen {
	s := b.spots[k]
	if s == nil {
		b.makeRoom()
		s = &seen{}
		b.spots[k] = s
	}
	return s
}

// makeRoom forgets the spot that was used longest ago when there are too many.
// mu is held.
func (b *Book) makeRoom() {
	if len(b.spots) < maxSpots {
		return
	}
	var oldest spot
	for k, s := range b.spots {
		if o := b.spots[oldest]; o == nil || cmp.Compare(s.used, o.used) < 0 {
			oldest = k
		}
	}
	delete(b.spots, oldest)
	b.dirty[oldest] = true
}

// Flush writes what changed; what is too old goes.
func (b *Book) Flush(today envelope.Day) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for k, s := range b.spots {
		if today > s.used+lastLife {
			delete(b.spots, k)
			b.dirty[k] = true
		}
	}
	if len(b.dirty) == 0 {
		return nil
	}
	err := b.vault.Update(func(tx account.Tx) error {
		for k := range b.dirty {
			var err error
			if s := b.spots[k]; s != nil {
				err = tx.Put(tableBook, k.key(), s.record())
			} else {
				err = tx.Delete(tableBook, k.key())
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		clear(b.dirty)
	}
	return err
}
