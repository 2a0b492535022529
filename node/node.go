package node

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/exchange"
	"github.com/jauap/jauap/routing"
	"github.com/jauap/jauap/store"
)

// Config of a node. All but Today may be zero.
type Config struct {
	Today    envelope.Day
	Shards   []uint8 // shards taken from relays; none means all
	MaxItems int     // see exchange.Config
	// Patience is how long a link that was asked for a unit may bring nothing
	// before another link that has it is asked: 0 means 20 s.
	Patience time.Duration
	// HideOwn keeps contacts from learning which units were written here; they
	// then have no place in a contact's reserved lane.
	HideOwn bool
	// Verify checks a unit's signature; nil: the unit's own. A simulator that
	// hands one unit to thousands of nodes remembers the answer.
	Verify func(envelope.Envelope) error
	// Rules are routing's numbers; the zero value: routing.Default.
	Rules routing.Rules
	// Postage checks stamps; nil: all are refused.
	Postage Postage
	// Paid says of a unit that it has valid postage whether its stamp is here or not; nil: of
	// none. It must depend on its argument only. A simulator gives so to everybody.
	Paid func(envelope.Envelope) bool
}

// Postage knows who issues tokens.
type Postage interface {
	// Valid says whether the token of a stamp is good: whether its issuer is known here
	// and signed it. Whose token it was has been checked.
	Valid(stamp envelope.Envelope) bool
}

const (
	defaultPatience = 20 * time.Second
	smallPatience   = 2 * time.Second // for letters: longer than a satellite's round trip
	// markEvery is how often the marks of a relay are stored during a meeting.
	markEvery = 5 * time.Second
	// tellEvery is how often a link's Progress is told.
	tellEvery = time.Second
	maxCredit = 1 << 30
	maxBad    = 1024 // ids of bad units remembered
	maxHanded = 8192 // units whose handing on is counted
	// maxAuthors is of how many beginnings it is known who wrote them; more
	// than a shelf keeps.
	maxAuthors = 1024
	maxAgain   = 64 // units that one link is asked for again
)

// Errors in effects, usable with errors.Is.
var (
	// ErrUseless: the unit cannot be kept (expired, or lives too long).
	ErrUseless = errors.New("node: the unit is expired or lives too long; check this device's date")
	// ErrPostage: the stamp is of an issuer that is not known here, or forged.
	ErrPostage = errors.New("node: the stamp is of no issuer that is known here; use a relay that issues postage")
	// ErrFull: no room for the unit now.
	ErrFull = errors.New("node: the shelf has no room for the unit; raise its quota")
	// ErrPeerRefused: the peer will not have the unit.
	ErrPeerRefused = errors.New("node: the peer will not have the unit")
	// ErrEnded: the far end ended the meeting.
	ErrEnded = errors.New("node: the far end ended the meeting")
	// ErrShelf: the shelf failed; wrapped around its own error.
	ErrShelf = errors.New("node: the shelf failed")
)

// Node is one carrier. It is not safe for concurrent use.
type Node struct {
	c     Config
	sh    *store.Shelf
	rng   *rand.Rand
	seed  [32]byte // of the nonces of meetings
	today envelope.Day
	now   time.Time

	meetings []*meeting // by LinkID
	claims   map[envelope.ID]claim
	claimed  bool                   // claims has been large
	waiting  bool                   // some session waits for a unit that another link brings
	sweep    time.Time              // when claims are looked at next
	tell     time.Time              // when a meeting's progress is told next, at the soonest
	authors  map[envelope.ID]LinkID // of partials that one link wrote alone
	begun    map[envelope.ID]bool   // small partials: whether none but authenticated peers wrote them
	handed   map[envelope.ID]routing.Handed
	told     map[envelope.ID]bool // own units that somebody is known to hold
	flown    map[envelope.ID]bool // large units of which something left; true: all of it
	words    map[envelope.ID]bool // own units with words
	tried    map[envelope.ID]bool // small ones that left unasked, to somebody who spoke but not of them
	bad      map[envelope.ID]bool // units with wrong signatures
	badRing  []envelope.ID
	poor     map[envelope.ID]bool // stamps that were refused today; nil for none
	edges    map[uint32]*edge
	own      *routing.Edge // see self
	// raised are units whose rank rose while they were here, but for the first
	// raisedGone of them.
	raised     []envelope.ID
	raisedGone uint64
	returning  int64 // bytes of all meetings' returning

	page []exchange.Item // scratch of view.Since
	near []brought       // scratch of tellAll

	unproven int        // units that contacts brought since a proof came of anything
	pumped   []*meeting // scratch of pumpAll
	out      exchange.Outcome
	effects  []Effect
	came     int64    // bytes of units, over all links
	all      bool     // something happened that any meeting may speak of
	dirty    bool     // the shelf has something that is not durable
	later    []Effect // told once it is
	untold   []Effect // arrivals that a failing disk kept from being told
	put      []placed
	broken   error

	losses    uint64    // of the shelf, as far as they were heeded
	recheckAt time.Time // when units that cannot be read are tried next
}

// claim says which link was asked for a unit, and whether no other may add to
// what came of it.
type claim struct {
	link  LinkID
	at    time.Time
	alone bool
	small bool
}

// placed is a unit put on the shelf in this Step, and the link that brought it
// (0: none).
type placed struct {
	item exchange.Item
	from LinkID
}

// New makes a node over an open shelf. Policy randomness comes from rng only;
// its seed should be secret, so that nobody can foresee the keys of sketches.
// Who closes the shelf is the caller.
func New(c Config, sh *store.Shelf, rng *rand.Rand) *Node {
	if c.Patience <= 0 {
		c.Patience = defaultPatience
	}
	if c.Verify == nil {
		c.Verify = envelope.Envelope.Verify
	}
	if c.Rules == (routing.Rules{}) {
		c.Rules = routing.Default()
	}
	n := &Node{
		c: c, sh: sh, rng: rng, today: c.Today,
		claims:  make(map[envelope.ID]claim),
		authors: make(map[envelope.ID]LinkID),
		begun:   make(map[envelope.ID]bool),
		tried:   make(map[envelope.ID]bool),
		handed:  make(map[envelope.ID]routing.Handed),
		told:    make(map[envelope.ID]bool),
		flown:   make(map[envelope.ID]bool),
		words:   make(map[envelope.ID]bool),
		bad:     make(map[envelope.ID]bool),
		edges:   make(map[uint32]*edge),
	}
	for i := 0; i < len(n.seed); i += 8 {
		binary.BigEndian.PutUint64(n.seed[i:], rng.Uint64())
	}
	return n
}

// Step takes what happened and answers what to do, in order. now must not go
// back. The shelf is synced once, after all events and before any effect that
// depends on it.
func (n *Node) Step(now time.Time, evs ...Event) []Effect {
	n.now = now
	n.effects, n.later, n.put, n.broken = nil, nil, nil, nil
	n.retell()
	for _, ev := range evs {
		n.take(ev)
		if n.broken != nil {
			break
		}
	}
	n.sweepClaims()
	if n.broken == nil {
		n.recheck()
	}
	for _, m := range n.meetings {
		if m.unsaved() && now.Sub(m.savedAt) >= markEvery {
			n.saveMarks(m)
		}
	}
	if err := n.sync(); err != nil {
		n.trouble(err)
		return n.effects
	}
	for _, p := range n.put {
		n.all = true
		delete(n.claims, p.item.ID)
		for _, m := range n.meetings {
			if m.id != p.from {
				m.s.Added(p.item)
			}
		}
	}
	n.effects = append(n.effects, n.later...)
	n.later = nil
	n.pumpAll()
	if n.broken != nil {
		n.trouble(n.broken)
	}
	return n.effects
}

// Came is how many bytes of units came over links since New, also those that were here
// already.
func (n *Node) Came() int64 { return n.came }

// Next is when Step wants a Tick at the latest; the zero time when it needs
// none.
func (n *Node) Next() (at time.Time) {
	sooner := func(t time.Time) {
		if at.IsZero() || t.Before(at) {
			at = t
		}
	}
	if n.waiting {
		sooner(n.sweep)
	}
	if !n.recheckAt.IsZero() {
		sooner(n.recheckAt)
	}
	for _, m := range n.meetings {
		if m.unsaved() {
			sooner(m.savedAt.Add(markEvery))
		}
	}
	return at
}

func (n *Node) emit(e Effect) { n.effects = append(n.effects, e) }

func (n *Node) take(ev Event) {
	switch ev := ev.(type) {
	case Submit:
		n.all = true
		n.submit(ev)
	case Found:
		n.found(ev.Raw, store.Meta{Rank: routing.Other, From: giverDrop})
	case Blend:
		n.found(ev.Raw, store.Meta{Rank: routing.Near})
	case Up:
		n.up(ev)
	case Named:
		n.named(ev)
	case Down:
		if m := n.meeting(ev.Link); m != nil {
			n.end(m)
		}
	case Ready:
		if m := n.meeting(ev.Link); m != nil && ev.Bytes > 0 {
			m.due = m.due || !m.silent
			m.credit = min(m.credit+ev.Bytes, maxCredit)
		}
	case Frame:
		if m := n.meeting(ev.Link); m != nil {
			n.frame(m, ev.Data)
		}
	case Day:
		if ev.Today != n.today {
			n.poor = nil // other issuers may be known by now
		}
		n.today = ev.Today
		n.dirty, n.all = true, true
		if _, err := n.sh.Expire(ev.Today); err != nil {
			n.fail(err)
		}
	case Tick:
	}
}

// fail notes that the shelf failed; Step ends with trouble.
func (n *Node) fail(err error) {
	if n.broken == nil {
		n.broken = fmt.Errorf("%w: %w", ErrShelf, err)
	}
}

// sync makes what was written durable.
func (n *Node) sync() error {
	if n.broken == nil && n.dirty {
		if err := n.sh.Sync(); err != nil {
			n.fail(err)
		} else {
			n.dirty = false
		}
	}
	return n.broken
}

// trouble ends everything: nothing is confirmed, and every link may come
// again.
func (n *Node) trouble(err error) {
	n.emit(Trouble{Err: err})
	for _, m := range n.meetings {
		n.emit(Close{Link: m.id, Reason: err})
	}
	n.meetings = nil
	clear(n.claims)
	n.waiting, n.returning = false, 0
	for _, e := range n.later {
		if _, ok := e.(Arrived); ok {
			n.untold = append(n.untold, e)
		}
	}
}

// retell tells of what arrived before the disk failed: it is on the shelf, and
// durable once this Step has synced.
func (n *Node) retell() {
	for _, e := range n.untold {
		if a, ok := e.(Arrived); ok && n.sh.Has(a.ID) {
			n.later = append(n.later, e)
		}
	}
	n.untold = nil
}

// submit takes an own unit.
func (n *Node) submit(ev Submit) {
	raw := ev.Raw
	id := envelope.IDOf(raw)
	if ev.Words {
		set(n.words, id)
	}
	e, err := envelope.Parse(raw)
	if err == nil {
		err = n.c.Verify(e)
	}
	if err == nil {
		err = n.admit(e.Class(), e.Expiry(), routing.Own)
	}
	if err == nil {
		err = n.keep(e, id, store.Meta{Own: true, Rank: routing.Own}, 0)
	}
	if err == nil && n.broken == nil && n.own != nil { // else it is counted with the shelf
		*n.own = n.own.Wrote(e.Class(), n.today)
	}
	switch {
	case n.broken != nil:
	case err == nil || errors.Is(err, store.ErrHave):
		// What is here may still be on its way to the disk: Stored waits for it.
		n.dirty = true
		if e.Class() != envelope.Stamp {
			n.later = append(n.later, Stored{ID: id})
		}
	default:
		n.emit(Refused{ID: id, Reason: err})
	}
}

// found takes a unit out of a Drop, or one of ours that is not to be known.
func (n *Node) found(raw []byte, meta store.Meta) {
	e, err := envelope.Parse(raw)
	id := envelope.IDOf(raw)
	if err == nil && n.sh.Has(id) {
		return
	}
	stamp := err == nil && e.Class() == envelope.Stamp // of which nobody is told
	if err == nil {
		if old, sure := n.proven(e); sure {
			meta.Rank = min(meta.Rank, max(old, routing.Near))
		}
		if n.paid(e, id) {
			meta.Rank = min(meta.Rank, routing.Paid)
		}
		err = n.admit(e.Class(), e.Expiry(), meta.Rank)
	}
	if err == nil && !again(n.sh.Evicted(id), meta.Rank, len(raw), n.sh.Stats().Free) {
		return
	}
	if err == nil {
		err = n.check(e)
	}
	if err == nil {
		err = n.keep(e, id, meta, 0)
	}
	switch {
	case n.broken != nil || errors.Is(err, store.ErrHave) || stamp:
	case err == nil:
		n.later = append(n.later, Arrived{ID: id, Raw: raw})
	default:
		n.emit(Refused{ID: id, Reason: err})
	}
}

// admit applies routing to a unit's facts.
func (n *Node) admit(c envelope.Class, expiry envelope.Day, rank uint8) error {
	st := n.sh.Stats()
	switch routing.Admit(routing.Facts{
		Class: c, Expiry: expiry, Rank: rank, Today: n.today, Bulk: st.Bulk, Quota: st.Quota,
	}) {
	case routing.Refuse:
		return ErrUseless
	case routing.Later:
		return ErrFull
	}
	return nil
}

// keep puts a checked unit on the shelf. An error that is none of the shelf's
// decisions about the unit is trouble.
func (n *Node) keep(e envelope.Envelope, id envelope.ID, m store.Meta, from LinkID) error {
	m.Until, m.Today = routing.Until(e.Class(), n.today), n.today
	old, _ := n.sh.Entry(e.Proves())
	entry, err := n.sh.PutAs(id, e, m)
	switch {
	case err == nil:
		n.dirty = true
		if old.Seq != 0 && old.Tag == e.Tag() && !n.sh.Has(old.ID) {
			n.refund(old)
		}
		n.put = append(n.put, placed{itemOf(entry), from})
		n.stamped(e)
	case !decision(err):
		n.fail(err)
	}
	return err
}

// decision says whether the shelf judged the unit, rather than failed.
func decision(err error) bool {
	for _, d := range []error{store.ErrHave, store.ErrTaken, store.ErrDone, store.ErrBogus, store.ErrExpired, store.ErrFull} {
		if errors.Is(err, d) {
			return true
		}
	}
	return false
}

func itemOf(e store.Entry) exchange.Item {
	return exchange.Item{
		ID: e.ID, Class: e.Class, Size: int(e.Size), Expiry: e.Expiry,
		Shard: e.Shard, Seq: e.Seq, Rank: e.Rank, From: e.From,
	}
}
