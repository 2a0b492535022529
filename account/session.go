package account

import (
	"errors"
	"fmt"
	"slices"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/identity"
	"github.com/jauap/jauap/seal"
)

// Limits that keep a contact's state small.
const (
	day         = seal.Tick(24 * 60 * 60)
	maxSessions = 8         // of one contact, old ones that only receive included
	keepOld     = 134 * day // how long an old session receives after it was last heard
	wishMost    = 2048      // bytes that the session's wish may cost at any time
	wishEvery   = day / 4   // how often it may cost more
	follow      = 4         // envelopes heard elsewhere until the other session is used
	reserve     = 24        // keys that attachments leave to texts, of 96 or 64
	soonKeys    = 56        // keys that attachments may use in envelopes of their own size
	sessVersion = 1
)

// session is one session with a contact.
type session struct {
	id     [16]byte
	with   ContactID
	s      *seal.Session
	gen    int             // a restart opens the next generation; only the newest seals
	heard  uint64          // person.heard when an envelope was last opened in it
	born   seal.Tick       // when it was begun here
	at     seal.Tick       // when it was begun or last heard
	wished seal.Tick       // when its wish was last granted
	card   identity.CardID // of ours, with which it was started; zero when we started it
	proven bool            // the peer is known to have it
	owed   int             // envelopes opened since the last was sealed
	sent   mark            // one past the last sealed
	acked  mark            // one past the highest acknowledged
	forked bool            // the two ends disagree: start again as soon as possible
	dirty  bool
}

// mark is a place in the chain of sealed envelopes.
type mark struct{ epoch, next uint32 }

func (s *session) key() []byte { return append(append([]byte(nil), s.with[:]...), s.id[:]...) }

func (s *session) record() []byte {
	r := NewRecord(sessVersion).Uint(uint64(s.gen)).Uint(s.heard).Int(int64(s.born)).Int(int64(s.at)).Int(int64(s.wished))
	return r.Raw(s.card[:]).Flag(s.proven).Uint(uint64(s.owed)).
		Uint(uint64(s.sent.epoch)).Uint(uint64(s.sent.next)).Uint(uint64(s.acked.epoch)).Uint(uint64(s.acked.next)).
		Flag(s.forked).Blob(s.s.Marshal()).Bytes()
}

func parseSession(key, b []byte) (*session, error) {
	f := ReadRecord(b)
	f.Version(sessVersion)
	s := &session{gen: int(f.Uint()), heard: f.Uint()}
	s.born, s.at, s.wished = seal.Tick(f.Int()), seal.Tick(f.Int()), seal.Tick(f.Int())
	s.card, s.proven, s.owed = identity.CardID(f.Raw(16)), f.Flag(), int(f.Uint())
	s.sent = mark{uint32(f.Uint()), uint32(f.Uint())}
	s.acked = mark{uint32(f.Uint()), uint32(f.Uint())}
	s.forked = f.Flag()
	state := f.Blob()
	if err := f.Done(); err != nil || len(key) != 32 {
		return nil, fmt.Errorf("%w: a session", ErrDamaged)
	}
	s.with, s.id = ContactID(key[:16]), [16]byte(key[16:])
	var err error
	if s.s, err = seal.ParseSession(state); err != nil {
		return nil, fmt.Errorf("%w: a session: %w", ErrDamaged, err)
	}
	return s, nil
}

func (a *Account) loadSessions(tx Tx, p *person) error {
	return tx.Scan(tableSessions, p.ID[:], After(p.ID[:]), false, func(k, v []byte) (bool, error) {
		s, err := parseSession(k, v)
		if err != nil {
			return false, err
		}
		p.sessions = append(p.sessions, s)
		return true, nil
	})
}

func (a *Account) flushSessions(tx Tx, p *person) error {
	for _, s := range p.sessions {
		if !s.dirty {
			continue
		}
		if err := tx.Put(tableSessions, s.key(), s.record()); err != nil {
			return err
		}
		added, removed := s.s.TagsChanged()
		a.retag = append(a.retag, func() {
			o := &owner{session: s}
			for _, t := range added {
				a.tags[t] = o
			}
			for _, t := range removed {
				delete(a.tags, t)
			}
		})
	}
	return nil
}

// sealed notes an envelope that was sealed.
func (s *session) sealed(out seal.Sealed) {
	s.owed = 0
	if out.Start {
		s.sent.next++ // slots are taken in any order: count them
	} else {
		s.sent = mark{out.Epoch, out.Index + 1}
	}
}

// confirmed notes an envelope that the peer has.
func (s *session) confirmed(k seal.Acked) {
	if k.Epoch > s.acked.epoch || k.Epoch == s.acked.epoch && k.Index >= s.acked.next {
		s.acked = mark{k.Epoch, k.Index + 1}
	}
}

// spare tells whether keys are left for attachments: the last ones before the
// session must wait for an answer are for texts.
func (s *session) spare() bool {
	if s.s.Starting() {
		return s.sent.next < 64-reserve
	}
	return s.used() < 96-reserve
}

// used is how many keys wait for the other end's word.
func (s *session) used() uint32 {
	used := s.sent.next
	if s.acked.epoch == s.sent.epoch {
		used -= min(s.acked.next, used)
	}
	return used
}

// soon tells whether attachments may go in envelopes of their own size. Where many
// keys are used they share large ones, as an answer may be days away.
func (s *session) soon() bool { return s.used() < soonKeys }

// step says that the session changes in this transaction.
func (a *Account) step(p *person, s *session) {
	s.dirty = true
	a.touched[p.ID] = true
}

// top is the newest generation.
func (p *person) top() (gen int) {
	for _, s := range p.sessions {
		gen = max(gen, s.gen)
	}
	return gen
}

// preferred is the session to seal with, nil when there is none.
func (p *person) preferred() (best *session) {
	gen := p.top()
	for _, s := range p.sessions {
		if s.gen == gen && (best == nil || s.better(best)) {
			best = s
		}
	}
	return best
}

// better chooses between two sessions of one generation: both ends may have
// started at once. One in which the peer was heard is alive for certain. When
// both are, the lower transcript wins on both sides, unless the peer evidently
// uses the other.
func (s *session) better(o *session) bool {
	switch {
	case (s.heard > 0) != (o.heard > 0):
		return s.heard > 0
	case s.heard >= o.heard+follow:
		return true
	case o.heard >= s.heard+follow:
		return false
	}
	return s.s.Ranks(o.s)
}

// errStuck is why nothing can be sealed for a contact now.
var errStuck = errors.New("account: no way to seal")

// channel is the session to seal with now, started when necessary. mayStart is
// false for what is not worth a restart card. errStuck when there is no way.
func (a *Account) channel(p *person, mayStart bool) (*session, error) {
	s := p.preferred()
	if s != nil && !(s.forked && p.have && mayStart) {
		err := s.s.CanSeal(a.now)
		if err == nil {
			return s, nil
		}
		if !errors.Is(err, seal.ErrCap) && !errors.Is(err, seal.ErrEnded) {
			return nil, err
		}
	}
	if !p.have || !mayStart {
		return nil, errStuck
	}
	return a.start(p)
}

// start begins a session with the card that the contact gave.
func (a *Account) start(p *person) (*session, error) {
	mine, err := a.me.NewCard(a.config.Shard)
	if err != nil {
		return nil, err
	}
	ss, err := seal.Start(a.now, a.me, mine, p.theirs.Card, p.theirs.Key)
	if errors.Is(err, seal.ErrCard) {
		// It will not get better: wait for another card.
		p.spend()
		a.touch(p)
		return nil, errStuck
	}
	if err != nil {
		return nil, err
	}
	gen := 0
	if len(p.sessions) > 0 {
		gen = p.top() + 1
	}
	s := &session{id: ss.ID(), with: p.ID, s: ss, gen: gen, born: a.now, at: a.now}
	p.sessions = append(p.sessions, s)
	p.spend()
	a.touch(p)
	a.step(p, s)
	a.addCard(mine, p.ID)
	return s, nil
}

// spend forgets their card and remembers that it was used.
func (p *person) spend() {
	if p.used = append(p.used, p.theirs.Card.ID()); len(p.used) > maxGiven {
		p.used = p.used[1:]
	}
	p.have, p.theirs = false, identity.Invite{}
}

// adopt takes a card of theirs to start with when that is needed.
func (a *Account) adopt(p *person, i *identity.Invite) {
	if slices.Contains(p.used, i.Card.ID()) || p.have && p.theirs.Card.ID() == i.Card.ID() {
		return
	}
	p.theirs, p.have, p.Shard = *i, true, i.Card.Shard()
	a.touch(p)
}

// renew hands over a fresh restart card when the peer has none.
func (a *Account) renew(p *person, s *session) error {
	if !s.s.NeedsCard(a.now) {
		return nil
	}
	c, err := a.me.NewCard(a.config.Shard)
	if err != nil {
		return err
	}
	if err := s.s.HandOver(c); err != nil {
		return err
	}
	a.addCard(c, p.ID)
	a.step(p, s)
	return nil
}

// join takes up the session that a Start opened with the card c of ours. It is
// nil, false when the session was there and was forgotten since.
func (a *Account) join(p *person, ss *seal.Session, c *card) (s *session, fresh bool) {
	id := ss.ID()
	if i := slices.IndexFunc(p.sessions, func(s *session) bool { return s.id == id }); i >= 0 {
		return p.sessions[i], false
	}
	if errors.Is(ss.CanSeal(a.now), seal.ErrEnded) {
		return nil, false // only a name, see seal.Inbox.Open
	}
	gen := p.top()
	if len(p.sessions) > 0 && p.supersededBy(c) {
		gen++
	}
	s = &session{id: id, with: p.ID, s: ss, gen: gen, born: a.now, at: a.now, card: c.id}
	p.sessions = append(p.sessions, s)
	return s, true
}

// supersededBy tells a deliberate restart with the card c of ours from two first
// letters that crossed. Taking the latter for the former does no harm, because
// both sessions live; the reverse would seal letters that nobody can open.
func (p *person) supersededBy(c *card) bool {
	gen := p.top()
	for _, s := range p.sessions {
		switch {
		case s.gen != gen:
		case c.given == (ContactID{}) && c.made <= s.born && c.id != s.card:
			return false // they had the invitation before our session
		case c.given != (ContactID{}) && s.card == (identity.CardID{}) && !s.proven && gen > 0:
			return false // ours is a restart too, and is not answered yet
		}
	}
	return true
}

// drop forgets sessions that are too old or too many.
func (a *Account) drop(tx Tx, p *person) error {
	top := p.preferred()
	var gone []*session
	p.sessions = slices.DeleteFunc(p.sessions, func(s *session) bool {
		old := s != top && s.gen < p.top() && a.now-s.at > keepOld
		if old {
			gone = append(gone, s)
		}
		return old
	})
	for len(p.sessions) > maxSessions {
		oldest := -1
		for i, s := range p.sessions {
			if s != top && (oldest < 0 || s.at < p.sessions[oldest].at) {
				oldest = i
			}
		}
		gone = append(gone, p.sessions[oldest])
		p.sessions = slices.Delete(p.sessions, oldest, oldest+1)
	}
	for _, s := range gone {
		if err := tx.Delete(tableSessions, s.key()); err != nil {
			return err
		}
		a.retag = append(a.retag, func() { a.untag(func(o *owner) bool { return o.session == s }) })
		a.touched[p.ID] = true
	}
	return nil
}

// untag forgets the tags of an owner; a.tagMu is held.
func (a *Account) untag(of func(*owner) bool) {
	for t, o := range a.tags {
		if of(o) {
			delete(a.tags, t)
		}
	}
}

// card is one of ours that somebody may start a session with.
type card struct {
	id      identity.CardID
	given   ContactID // zero: an invitation, for whoever answers
	made    seal.Tick
	used    seal.Tick // when the first session started from it; 0: none did
	long    bool      // a Start to it lives longer than usual
	retired bool      // its secrets are erased
	ended   seal.Tick // when that was done
	inbox   *seal.Inbox
	tags    map[envelope.Tag]bool
}

// Limits of outstanding cards.
const (
	maxInvites = 128
	maxGiven   = 8         // restart cards per contact
	keepCards  = 180 * day // at least, unless there are too many restart cards
	cardVers   = 2

	// spec/seal.md, 4.6
	keepSecrets = 30 * day // after a card was used, or a newer one given
	keepGrace   = 4 * day  // beyond a lifetime: Starts on their way to a retired card
)

func (c *card) record() []byte {
	r := NewRecord(cardVers).Raw(c.given[:]).Int(int64(c.made)).Flag(c.retired).Blob(c.inbox.Marshal())
	return r.Int(int64(c.used)).Flag(c.long).Int(int64(c.ended)).Bytes()
}

func parseCard(key, b []byte) (*card, error) {
	f := ReadRecord(b)
	version := f.Version(cardVers)
	c := &card{given: ContactID(f.Raw(16)), made: seal.Tick(f.Int()), retired: f.Flag()}
	state := f.Blob()
	if version > 1 {
		c.used, c.long, c.ended = seal.Tick(f.Int()), f.Flag(), seal.Tick(f.Int())
	}
	if err := f.Done(); err != nil || len(key) != 16 {
		return nil, fmt.Errorf("%w: a card", ErrDamaged)
	}
	c.id = identity.CardID(key)
	var err error
	if c.inbox, err = seal.ParseInbox(state); err != nil {
		return nil, fmt.Errorf("%w: a card: %w", ErrDamaged, err)
	}
	c.tags = tagSet(c.inbox)
	return c, nil
}

func tagSet(i *seal.Inbox) map[envelope.Tag]bool {
	set := map[envelope.Tag]bool{}
	for _, t := range i.Tags() {
		set[t] = true
	}
	return set
}

// addCard begins to watch for letters to a card of ours.
func (a *Account) addCard(secret *identity.CardSecret, given ContactID) {
	c := &card{id: secret.Card().ID(), given: given, made: a.now, inbox: seal.NewInbox(secret)}
	a.cards[c.id] = c
	a.played[c.id] = true
}

// flushCard writes a card, or deletes it when its inbox is nil.
func (a *Account) flushCard(tx Tx, c *card) error {
	if c.inbox == nil {
		a.retag = append(a.retag, func() {
			delete(a.cards, c.id)
			for t := range c.tags {
				delete(a.tags, t)
			}
		})
		return tx.Delete(tableCards, c.id[:])
	}
	old := c.tags
	c.tags = tagSet(c.inbox)
	a.retag = append(a.retag, func() {
		for t := range old {
			if !c.tags[t] {
				delete(a.tags, t)
			}
		}
		o := &owner{card: c}
		for t := range c.tags {
			a.tags[t] = o
		}
	})
	return tx.Put(tableCards, c.id[:], c.record())
}

// retire erases the card's secrets. Starts of sessions that began are still
// read until endCards drops it.
func (a *Account) retire(c *card) {
	c.inbox.Retire()
	c.retired, c.ended = true, max(a.now, 1)
	a.played[c.id] = true
}

// endCards retires cards that were used, or for whose contact there is a newer
// one, a while ago, and drops those retired to which no Start can be on its
// way. spec/seal.md, 4.6
func (a *Account) endCards() {
	given := map[ContactID][]*card{}
	for _, c := range a.cards {
		given[c.given] = append(given[c.given], c)
	}
	for _, c := range a.cards {
		switch {
		case c.inbox == nil:
		case !c.retired:
			if c.used == 0 && c.inbox.Used() { // of before this was noted
				c.used = max(a.now, 1)
				a.played[c.id] = true
			}
			since := c.newer(given[c.given])
			if c.used > 0 && (since == 0 || c.used < since) {
				since = c.used
			}
			if since > 0 && a.now-since >= keepSecrets {
				a.retire(c)
			}
		case c.ended == 0:
			c.ended = max(a.now, 1)
			a.played[c.id] = true
		default:
			life := envelope.Lifetime
			if c.long {
				life = envelope.MaxLifetime
			}
			if a.now-c.ended >= seal.Tick(life)*day+keepGrace {
				c.inbox = nil
				a.played[c.id] = true
			}
		}
	}
}

// newer is when the first card after c was made for its contact, out of all of
// them; 0: none was, or c is an invitation.
func (c *card) newer(all []*card) (at seal.Tick) {
	if c.given == (ContactID{}) {
		return 0
	}
	for _, o := range all {
		if o.inbox != nil && o.made > c.made && (at == 0 || o.made < at) {
			at = o.made
		}
	}
	return at
}

// pruneCards keeps the number of cards bounded: restart cards beyond the
// newest few of a contact, and invitations older than half a year when there
// are too many.
func (a *Account) pruneCards(given ContactID, most int) (room bool) {
	var list []*card
	for _, c := range a.cards {
		if c.given == given && c.inbox != nil && (!c.retired || given != (ContactID{})) {
			list = append(list, c)
		}
	}
	slices.SortFunc(list, func(x, y *card) int { return int(x.made - y.made) })
	for len(list) >= most {
		oldest := list[0]
		if given == (ContactID{}) && a.now-oldest.made < keepCards {
			return false
		}
		oldest.inbox = nil
		a.played[oldest.id] = true
		list = list[1:]
	}
	return true
}
