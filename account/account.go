package account

import (
	crand "crypto/rand"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/identity"
	"github.com/jauap/jauap/seal"
)

// Errors of an Account, usable with errors.Is.
var (
	ErrUnknown   = errors.New("account: nobody of that name")
	ErrNotOurs   = errors.New("account: the envelope is for somebody else or was opened before")
	ErrNoApp     = errors.New("account: internal error: nothing takes letters yet")
	ErrNoAccount = errors.New("account: there is nobody in this vault: make a pseudonym first")
	ErrTaken     = errors.New("account: there is somebody in this vault already")
	ErrSelf      = errors.New("account: this is your own invitation; send it to the other person")
	ErrInvites   = errors.New("account: too many invitations are open; use one that you made before")
	ErrNoMatch   = errors.New("account: the words or digits do not match: this may be somebody else")
	ErrClock     = errors.New("account: this device's clock is not believable; set it, letters wait until then")
	ErrTooLarge  = errors.New("account: a part is too large for any envelope")
)

// Moment is now, as the caller judges it.
type Moment struct {
	Wall time.Time    // what a clock on the wall says; only shown, never trusted
	Tick seal.Tick    // seconds this device was on; never goes back
	Day  envelope.Day // today
}

// App is what letters are delivered to. Its methods run inside the account's
// transaction and lock: they may use the Tx and Queue, and no other method of
// the account. An error undoes the whole transaction, so only a failing vault
// may be one; what a sender wrote never is.
type App interface {
	// Deliver takes one part of kind 0x50 or above. It is called exactly once
	// per part, whatever is repeated or crashes; but parts of a Start may have
	// been sealed again by a sender who was not told that they arrived. So the
	// App must know by what is in them what it has.
	Deliver(tx Tx, from Contact, at Moment, p seal.Part) error
}

// Source is an App that cuts streams (attachments, receipts) into parts when
// an envelope has room for them.
type Source interface {
	// Left is the number of bytes that Cut would still give, about.
	Left(tx Tx, s StreamID) (int64, error)
	// Cut takes the next part off the stream, of at most room bytes by
	// seal.PartSize; ok is false when nothing fits or nothing is left.
	Cut(tx Tx, s StreamID, room int) (p seal.Part, ok bool, err error)
}

// Watcher is an App that wants to know how its letters get on.
type Watcher interface {
	Moved(tx Tx, at Moment, p Progress) error
}

// Config is the policy of an account.
type Config struct {
	Rand *rand.Rand // delays and jitter, never keys; shared with nobody

	ProofMin, ProofMax time.Duration // how long a proof of delivery is held back
	AckMin, AckMax     time.Duration // how long an answer without content is held back
	Shard              uint8         // relay mailbox shard on new cards; 0 is everybody's

	// Days outside these are a broken clock: nothing is sealed on them.
	Earliest, Latest envelope.Day
}

// DefaultConfig is the policy until Configure changes it.
func DefaultConfig() Config {
	var seed [32]byte
	crand.Read(seed[:])
	return Config{
		Rand:     rand.New(rand.NewChaCha8(seed)),
		ProofMin: time.Hour, ProofMax: 24 * time.Hour,
		AckMin: 10 * time.Minute, AckMax: 2 * time.Hour,
		Earliest: 1461,  // 2026-01-01
		Latest:   19723, // 2075-12-31
	}
}

// between is a random number of seconds of device-on time.
func (c Config) between(low, high time.Duration) seal.Tick {
	if high <= low {
		return seal.Tick(low / time.Second)
	}
	return seal.Tick((low + time.Duration(c.Rand.Int64N(int64(high-low)+1))) / time.Second)
}

// Account is one person's letters going out and coming in. Its methods may be
// called by several goroutines; they run one after the other, but for Knows.
type Account struct {
	mu     sync.Mutex
	vault  Vault
	config Config
	app    App
	beside []claimed // Apps beside it
	guest  Guest
	me     *identity.Me
	mine   identity.Fingerprint // zero until asked for

	people map[ContactID]*person
	cards  map[identity.CardID]*card
	now    seal.Tick // the newest, in the vault's count
	given  seal.Tick // the newest in the caller's count
	noted  seal.Tick // the newest that is in the vault
	stale  bool      // memory must be read again from the vault
	tended struct {  // when tend last worked
		done bool
		day  envelope.Day
		tick seal.Tick
	}

	touched  map[ContactID]bool       // changed in the running transaction
	played   map[identity.CardID]bool // likewise
	retag    []func()                 // changes of the tag map, applied after the commit
	returned map[envelope.ID]bool     // proofs that Proofs gave since the start

	tagMu   sync.RWMutex
	tags    map[envelope.Tag]*owner // shared by all tags of one: there are hundreds for each contact
	held    map[ContactID]string    // conversations of the Guest
	fresher bool                    // see Fresher

	skew atomic.Int64 // how far the vault's count is ahead of the caller's
}

// owner is whom a tag leads to: exactly one is set.
type owner struct {
	session *session
	card    *card
	sent    *envelope.ID // of an own envelope that waits for its proof
	chain   string       // of the Guest's
}

var (
	keyMe   = []byte("me")
	keySeq  = []byte("seq")
	keyTick = []byte("tick")
)

// Create makes a person in an empty vault: ErrTaken when it is not empty,
// identity.ErrName when the name does not fit a card.
func Create(v Vault, name string, now Moment) (*Account, error) {
	me, err := identity.New(name)
	if err != nil {
		return nil, err
	}
	err = v.Update(func(tx Tx) error {
		old, err := tx.Get(tableMe, keyMe)
		if err != nil {
			return err
		}
		if old != nil {
			return ErrTaken
		}
		return tx.Put(tableMe, keyMe, NewRecord(1).Blob(me.Marshal()).Blob(nil).Bytes())
	})
	if err != nil {
		return nil, err
	}
	return Open(v, now)
}

// Open reads the account of a vault: ErrNoAccount, ErrDamaged.
func Open(v Vault, now Moment) (*Account, error) {
	a := &Account{vault: v, config: DefaultConfig()}
	a.returned = map[envelope.ID]bool{}
	if err := v.View(a.load); err != nil {
		return nil, err
	}
	if err := v.View(a.loadTick); err != nil {
		return nil, err
	}
	a.advance(now)
	return a, nil
}

// Configure replaces the policy.
func (a *Account) Configure(c Config) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.config = c
}

// Use sets what letters are delivered to. Before it, Receive refuses.
func (a *Account) Use(app App) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.app = app
}

// Vault is where the account and its App keep their records.
func (a *Account) Vault() Vault { return a.vault }

// Me is the account's person, with the secrets.
func (a *Account) Me() *identity.Me { return a.me }

// load reads everything into memory, or changes nothing there.
func (a *Account) load(tx Tx) error {
	n := &Account{guest: a.guest, people: map[ContactID]*person{}, cards: map[identity.CardID]*card{}, tags: map[envelope.Tag]*owner{}}
	for _, step := range []func(Tx) error{n.loadMe, n.loadPeople, n.loadCards, n.loadGuest, n.loadSent} {
		if err := step(tx); err != nil {
			return err
		}
	}
	a.me, a.mine, a.people, a.cards = n.me, n.mine, n.people, n.cards
	a.touched, a.played, a.retag = map[ContactID]bool{}, map[identity.CardID]bool{}, nil
	a.tagMu.Lock()
	defer a.tagMu.Unlock()
	a.tags, a.held = n.tags, n.held
	return nil
}

func (a *Account) loadMe(tx Tx) error {
	b, err := tx.Get(tableMe, keyMe)
	if err != nil {
		return err
	}
	if b == nil {
		return ErrNoAccount
	}
	f := ReadRecord(b)
	f.Version(1)
	secret, print := f.Blob(), f.Blob()
	if err := f.Done(); err != nil {
		return err
	}
	if a.me, err = identity.ParseMe(secret); err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if len(print) > 0 {
		if a.mine, err = identity.ParseFingerprint(print); err != nil {
			return fmt.Errorf("%w: %w", ErrDamaged, err)
		}
	}
	return nil
}

func (a *Account) loadPeople(tx Tx) error {
	err := tx.Scan(tableContacts, nil, nil, false, func(k, v []byte) (bool, error) {
		p, err := parsePerson(k, v)
		if err != nil {
			return false, err
		}
		a.people[p.ID] = p
		return true, a.loadSessions(tx, p)
	})
	if err != nil {
		return err
	}
	var all []*session
	for _, p := range a.people {
		all = append(all, p.sessions...)
	}
	for i, tags := range tagsOf(all) {
		o := &owner{session: all[i]}
		for _, t := range tags {
			a.tags[t] = o
		}
	}
	return nil
}

// tagsOf derives the tags of many sessions, which takes some milliseconds for
// each, on all processors.
func tagsOf(list []*session) [][]envelope.Tag {
	out := make([][]envelope.Tag, len(list))
	var next atomic.Int64
	var wait sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(list)) {
		wait.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(list)); i = next.Add(1) - 1 {
				out[i] = list[i].s.Tags()
			}
		})
	}
	wait.Wait()
	return out
}

func (a *Account) loadCards(tx Tx) error {
	return tx.Scan(tableCards, nil, nil, false, func(k, v []byte) (bool, error) {
		c, err := parseCard(k, v)
		if err != nil {
			return false, err
		}
		a.cards[c.id] = c
		o := &owner{card: c}
		for t := range c.tags {
			a.tags[t] = o
		}
		return true, nil
	})
}

func (a *Account) loadSent(tx Tx) error {
	return tx.Scan(tableSent, nil, nil, false, func(k, v []byte) (bool, error) {
		s, err := parseSent(k, v)
		if err != nil {
			return false, err
		}
		a.tags[s.tag] = &owner{sent: &s.id}
		return true, nil
	})
}

// Knows tells whether an envelope or a proof with this tag is for this
// account. It takes less than a microsecond and never waits for the disk.
func (a *Account) Knows(t envelope.Tag) bool {
	a.tagMu.RLock()
	defer a.tagMu.RUnlock()
	_, ok := a.tags[t]
	return ok
}

func (a *Account) owner(t envelope.Tag) (*owner, bool) {
	a.tagMu.RLock()
	defer a.tagMu.RUnlock()
	o, ok := a.tags[t]
	return o, ok
}

// update runs f in a transaction; a.mu is held. Sessions, contacts and cards
// that f changed in memory are written with it. When it fails they are read
// again, so that memory never runs ahead of the vault.
func (a *Account) update(at Moment, f func(Tx) error) error {
	if err := a.fresh(at); err != nil {
		return err
	}
	err := a.vault.Update(func(tx Tx) error {
		if err := f(tx); err != nil {
			return err
		}
		if err := a.noteTick(tx); err != nil {
			return err
		}
		return a.flush(tx)
	})
	if err != nil {
		a.undo()
		return err
	}
	if a.now-a.noted >= noteEvery {
		a.noted = a.now
	}
	a.tagMu.Lock()
	for _, change := range a.retag {
		change()
	}
	a.tagMu.Unlock()
	a.settle()
	return nil
}

// noteEvery is how far the vault's tick may be behind.
const noteEvery = seal.Tick(60 * 60)

// loadTick reads how far this vault's time had come.
func (a *Account) loadTick(tx Tx) error {
	b, err := tx.Get(tableMe, keyTick)
	if err != nil || b == nil {
		return err
	}
	f := ReadRecord(b)
	f.Version(1)
	a.noted = seal.Tick(f.Int())
	a.now = a.noted
	return f.Done()
}

func (a *Account) noteTick(tx Tx) error {
	if a.now-a.noted < noteEvery {
		return nil
	}
	return tx.Put(tableMe, keyTick, NewRecord(1).Int(int64(a.now)).Bytes())
}

// advance takes the time. A caller whose count began anew is ahead of where
// the vault was, by as much as it counts from then on: keys that wait for a
// tick must not wait until the count has caught up. Callers that overtake each
// other by less than noteEvery are no new count.
func (a *Account) advance(at Moment) {
	if a.tick(at) < a.now && (a.given == 0 || at.Tick < a.given-noteEvery) {
		a.skew.Store(int64(a.now - at.Tick))
		a.given = at.Tick
	}
	a.given = max(a.given, at.Tick)
	a.now = max(a.now, a.tick(at))
}

// tick is the moment in the vault's count.
func (a *Account) tick(at Moment) seal.Tick { return at.Tick + seal.Tick(a.skew.Load()) }

// TickOf is a moment in the count of the vault, which goes on when the
// caller's began anew. An App may ask inside a transaction.
func (a *Account) TickOf(at Moment) seal.Tick { return a.tick(at) }

// fresh takes the time and repairs memory that an earlier failure left stale.
func (a *Account) fresh(at Moment) error {
	a.advance(at)
	if !a.stale {
		return nil
	}
	if err := a.vault.View(a.load); err != nil {
		return err
	}
	a.stale = false
	return nil
}

func (a *Account) settle() {
	for id := range a.touched {
		if p := a.people[id]; p != nil {
			p.dirty = false
			for _, s := range p.sessions {
				s.dirty = false
			}
		}
	}
	clear(a.touched)
	clear(a.played)
	a.retag = a.retag[:0]
}

// undo reads what the failed transaction touched again from the vault.
func (a *Account) undo() {
	a.retag = a.retag[:0] // what never happened leads to nobody
	if a.guest != nil {
		a.guest.Undone()
	}
	if len(a.touched)+len(a.played) > 0 {
		a.stale = a.vault.View(a.load) != nil
	}
}

// touch says that the person will change in this transaction.
func (a *Account) touch(p *person) {
	p.dirty = true
	a.touched[p.ID] = true
}

// flush writes what was touched and notes how the tag map changes.
func (a *Account) flush(tx Tx) error {
	for id := range a.touched {
		p := a.people[id]
		if p.dirty {
			if err := tx.Put(tableContacts, id[:], p.record()); err != nil {
				return err
			}
		}
		if err := a.flushSessions(tx, p); err != nil {
			return err
		}
	}
	for id := range a.played {
		if err := a.flushCard(tx, a.cards[id]); err != nil {
			return err
		}
	}
	return nil
}

// nextSeq counts up through the life of the vault.
func nextSeq(tx Tx) (uint64, error) {
	b, err := tx.Get(tableMe, keySeq)
	if err != nil {
		return 0, err
	}
	n := uint64(0)
	if b != nil {
		f := ReadRecord(b)
		f.Version(1)
		n = f.Uint()
		if err := f.Done(); err != nil {
			return 0, err
		}
	}
	return n, tx.Put(tableMe, keySeq, NewRecord(1).Uint(n+1).Bytes())
}
