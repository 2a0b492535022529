package pairing

import (
	crand "crypto/rand"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/identity"
	"github.com/jauap/jauap/seal"
)

// Limits. spec/pairing.md, 3.3 and 3.4.
const (
	day       = seal.Tick(24 * 60 * 60)
	life      = 3 * day // of a code and of a look
	keepEnded = 7 * day // shown and remembered after the end
	maxCodes  = 8
	maxLooks  = 16
	maxWaits  = 256 // candidates of one look
	maxBad    = 64  // false cards remembered of one look
	burst     = 8   // candidates judged at once
	each      = 2   // ticks until one more may be
)

// Errors of a Pairing, usable with errors.Is.
var (
	ErrMany    = errors.New("pairing: too many codes at a time; end one first")
	ErrUnknown = errors.New("pairing: no such code")
)

// Pairing is one person's codes, looks, notes and introductions. Its methods
// may be called by several goroutines.
type Pairing struct {
	mu    sync.Mutex
	a     *account.Account
	vault account.Vault
	rng   *rand.Rand // jitter and choice, never keys

	codes map[identity.CardID]*code
	looks map[[16]byte]*look

	ripe atomic.Bool // an introduction may have something to do

	memory uint32 // of Argon2id, in KiB

	spare int       // candidates that may be judged now
	since seal.Tick // when one was added last
}

// New reads the pairings of an account and takes its parts from now on. rng is for policy and shared with
// nobody. Errors: account.ErrDamaged and those of the vault.
func New(a *account.Account, rng *rand.Rand) (*Pairing, error) {
	p := &Pairing{a: a, vault: a.Vault(), rng: rng, memory: codeMemory, spare: burst}
	p.codes, p.looks = map[identity.CardID]*code{}, map[[16]byte]*look{}
	err := p.vault.View(func(tx account.Tx) error {
		err := tx.Scan(tableCodes, nil, nil, false, func(k, v []byte) (bool, error) {
			c, err := parseCodeRecord(k, v)
			if err == nil {
				p.codes[c.card] = c
			}
			return true, err
		})
		if err != nil {
			return err
		}
		return tx.Scan(tableLooks, nil, nil, false, func(k, v []byte) (bool, error) {
			l, err := parseLook(k, v)
			if err == nil {
				p.looks[l.id] = l
			}
			return true, err
		})
	})
	if err != nil {
		return nil, err
	}
	p.ripe.Store(true)
	a.Also(p, claim())
	return p, nil
}

func (p *Pairing) put(t account.Table, key, val []byte) error {
	return p.vault.Update(func(tx account.Tx) error { return tx.Put(t, key, val) })
}

func (p *Pairing) keepCode(c *code) error { return p.put(tableCodes, c.card[:], c.record()) }
func (p *Pairing) keepLook(l *look) error { return p.put(tableLooks, l.id[:], l.record()) }

// NewCode makes a code for one telephone call. It takes 0.1 s. Errors:
// ErrMany, account.ErrInvites.
func (p *Pairing) NewCode(at account.Moment) (Mine, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	open := 0
	for _, c := range p.codes {
		if c.ended == 0 {
			open++
		}
	}
	if open >= maxCodes {
		return Mine{}, ErrMany
	}
	i, err := p.a.Invite(at)
	if err != nil {
		return Mine{}, err
	}
	c := &code{card: i.Card.ID(), code: codeOf(i, p.memory), made: p.a.TickOf(at), wall: at.Wall}
	c.invite = append(i.Card.Bytes(), i.Key[:]...)
	if err := p.keepCode(c); err != nil {
		return Mine{}, err
	}
	p.codes[c.card] = c
	return p.mine(at, c), nil
}

// Mine is one of the owner's codes.
type Mine struct {
	ID      string
	Code    Code
	MadeAt  time.Time
	Left    time.Duration // until it ends; 0 when it did
	Out     bool          // the drop is on the shelf, to be handed to whoever comes
	Carried bool          // another device holds it
	Relay   bool          // a relay holds it
	Answers []account.Contact
}

func (p *Pairing) mine(at account.Moment, c *code) Mine {
	m := Mine{ID: hex.EncodeToString(c.card[:]), Code: c.code, MadeAt: c.wall, Out: c.stored, Carried: c.carried, Relay: c.relay}
	if c.ended == 0 {
		m.Left = time.Duration(max(life-(p.a.TickOf(at)-c.made), 1)) * time.Second
	}
	m.Answers = p.a.AnsweredBy(c.card)
	return m
}

// Codes lists the owner's codes, the newest first.
func (p *Pairing) Codes(at account.Moment) []Mine {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := make([]*code, 0, len(p.codes))
	for _, c := range p.codes {
		list = append(list, c)
	}
	slices.SortFunc(list, func(x, y *code) int {
		if x.made != y.made {
			return int(y.made - x.made)
		}
		return slices.Compare(x.card[:], y.card[:])
	})
	out := make([]Mine, len(list))
	for i, c := range list {
		out[i] = p.mine(at, c)
	}
	return out
}

// Theirs is a code that the owner typed.
type Theirs struct {
	ID      string
	Code    Code
	Name    string // what to call the person
	Since   time.Time
	State   LookState
	At      time.Time         // when the state was reached
	Contact account.ContactID // when Found
	False   int               // false cards that lay at the drop
}

func (l *look) theirs() Theirs {
	return Theirs{hex.EncodeToString(l.id[:]), l.code, l.name, l.wall, l.state, l.at, l.contact, l.falses}
}

// Looks lists the codes that the owner typed, the newest first.
func (p *Pairing) Looks() []Theirs {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := make([]*look, 0, len(p.looks))
	for _, l := range p.looks {
		list = append(list, l)
	}
	slices.SortFunc(list, func(x, y *look) int {
		if x.since != y.since {
			return int(y.since - x.since)
		}
		return slices.Compare(x.id[:], y.id[:])
	})
	out := make([]Theirs, len(list))
	for i, l := range list {
		out[i] = l.theirs()
	}
	return out
}

// Look begins to look for the card of a code that somebody read aloud; name is
// what to call them. The same code again only changes the name while it is
// looked for. Errors: ErrMistyped, ErrOwn, ErrMany.
func (p *Pairing) Look(at account.Moment, typed, name string) (Theirs, error) {
	c, err := ParseCode(typed)
	if err != nil {
		return Theirs{}, err
	}
	name = account.CleanName(name)
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, o := range p.codes {
		if o.code == c {
			return Theirs{}, ErrOwn
		}
	}
	open := 0
	for _, l := range p.looks {
		if l.code == c && l.state != TooLate {
			if l.state == Looking && name != "" && name != l.name {
				l.name = name
				return l.theirs(), p.keepLook(l)
			}
			return l.theirs(), nil
		}
		if l.state == Looking {
			open++
		}
	}
	if open >= maxLooks {
		return Theirs{}, ErrMany
	}
	l := &look{code: c, place: placeOf(c, p.memory), name: name, since: p.a.TickOf(at), wall: at.Wall, at: at.Wall}
	crand.Read(l.id[:])
	if err := p.keepLook(l); err != nil {
		return Theirs{}, err
	}
	p.looks[l.id] = l
	return l.theirs(), nil
}

// End ends a code or a look by its id. Errors: ErrUnknown.
func (p *Pairing) End(at account.Moment, id string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	b, err := hex.DecodeString(id)
	if err != nil || len(b) != 16 {
		return ErrUnknown
	}
	if c := p.codes[identity.CardID(b)]; c != nil {
		return p.endCode(at, c)
	}
	l := p.looks[[16]byte(b)]
	if l == nil {
		return ErrUnknown
	}
	return p.forgetLook(l)
}

func (p *Pairing) forgetLook(l *look) error {
	err := p.vault.Update(func(tx account.Tx) error { return tx.Delete(tableLooks, l.id[:]) })
	if err == nil {
		delete(p.looks, l.id)
	}
	return err
}

// endCode takes the drop back. The card stays usable: an answer may be on its
// way.
func (p *Pairing) endCode(at account.Moment, c *code) error {
	if c.ended > 0 {
		return nil
	}
	n := *c
	n.ended, n.invite = max(p.a.TickOf(at), 1), nil
	if len(n.drop) > 0 {
		done, err := takeBack(n.drop, n.seed)
		if err != nil {
			return err
		}
		n.drop, n.done, n.seed = nil, done, [32]byte{}
	}
	if err := p.keepCode(&n); err != nil {
		return err
	}
	*c = n
	return nil
}

// Looking tells whether any card is looked for.
func (p *Pairing) Looking() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.looks {
		if l.state == Looking {
			return true
		}
	}
	return false
}

// Wants tells whether an envelope of this class and shard may be a drop that is
// looked for.
func (p *Pairing) Wants(c envelope.Class, shard uint8) bool {
	if c != dropClass {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.looks {
		if l.state == Looking && l.place.shard == shard {
			return true
		}
	}
	return false
}

// Offer tries an envelope against every look: Tend judges what opens. It may
// be offered again.
func (p *Pairing) Offer(raw []byte) {
	e, err := envelope.Parse(raw)
	if err != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.looks {
		if l.state != Looking || e.Class() != dropClass || e.Shard() != l.place.shard {
			continue
		}
		id := e.ID()
		known := slices.Contains(l.bad, id) || slices.ContainsFunc(l.waiting, func(c candidate) bool { return c.id == id })
		if known {
			continue
		}
		i, err := openDrop(l.place, e)
		switch {
		case errors.Is(err, errNotIt):
			continue
		case err != nil: // by somebody who has the code, and no card at all
			i = identity.Invite{}
		}
		if l.waiting = append(l.waiting, candidate{id, i}); len(l.waiting) > maxWaits {
			n := p.rng.IntN(len(l.waiting))
			l.waiting = slices.Delete(l.waiting, n, n+1)
		}
	}
}
