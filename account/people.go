package account

import (
	"fmt"
	"slices"
	"sort"

	"github.com/jauap/jauap/identity"
	"github.com/jauap/jauap/seal"
)

// Invite makes a fresh card for one person and begins to watch for letters to
// it, for half a year at least, or a month after somebody used it. ErrInvites
// when too many are open.
func (a *Account) Invite(at Moment) (identity.Invite, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var i identity.Invite
	err := a.update(at, func(Tx) error {
		if !a.pruneCards(ContactID{}, maxInvites) {
			return ErrInvites
		}
		c, err := a.me.NewCard(a.config.Shard)
		if err != nil {
			return err
		}
		a.addCard(c, ContactID{})
		i = c.Invite()
		return nil
	})
	return i, err
}

// Accept takes another person's invitation. petname is what to call them; their
// own name when empty; a number is added when somebody else has it. A small
// letter that tells them of us is queued. Accepting again changes nothing but
// the name and, in person, the trust. Errors: ErrSelf.
func (a *Account) Accept(at Moment, i identity.Invite, petname string, inPerson bool) (Contact, error) {
	how := Unverified
	if inPerson {
		how = InPerson
	}
	return a.AcceptAs(at, i, petname, how, "")
}

// AcceptAs is Accept for an invitation whose person is known in another way;
// by is who introduced them.
func (a *Account) AcceptAs(at Moment, i identity.Invite, petname string, how Verified, by string) (Contact, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if i.Card.IsZero() {
		return Contact{}, fmt.Errorf("account: %w", identity.ErrInvite)
	}
	if i.Card.Public() == a.me.Public() {
		return Contact{}, ErrSelf
	}
	var p *person
	err := a.update(at, func(tx Tx) error {
		id := IDOf(i.Card.Public())
		if p = a.people[id]; p == nil {
			p = &person{}
			p.ID, p.Public, p.AddedAt = id, i.Card.Public(), at.Wall
			p.Name = a.freeName(i.Card.Name(), id)
			a.people[id] = p
		}
		if CleanName(petname) != "" {
			p.Name = a.freeName(petname, id)
		}
		switch {
		case how == Introduced && p.Verified < Introduced:
			// It says nothing against what the owner was warned of.
			p.Verified, p.VerifiedAt, p.By = Introduced, at.Wall, CleanName(by)
			a.touch(p)
		case how > Introduced:
			a.trust(p, at, how)
		}
		a.adopt(p, &i)
		if err := a.flushContact(tx, p); err != nil {
			return err
		}
		if a.alive(p) || !p.have {
			return nil
		}
		if len(p.sessions) > 0 {
			// The session we had is silent, and they gave a new card by hand:
			// they may have lost their end of it.
			if _, err := a.start(p); err != nil {
				return err
			}
		}
		return a.Queue(tx, at, Outgoing{To: p.ID, Parts: []seal.Part{{Kind: KindHello}}})
	})
	if err != nil {
		return Contact{}, err
	}
	return a.shown(p), nil
}

// AnsweredBy lists who began a session with a card of ours, by name.
func (a *Account) AnsweredBy(card identity.CardID) (list []Contact) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, p := range a.people {
		if slices.ContainsFunc(p.sessions, func(s *session) bool { return s.card == card }) {
			list = append(list, a.shown(p))
		}
	}
	sort.SliceStable(list, func(i, j int) bool { return list[i].Name < list[j].Name })
	return list
}

// alive tells whether there is a session of which something was heard within a
// day, or that is younger.
func (a *Account) alive(p *person) bool {
	s := p.preferred()
	return s != nil && a.now-s.at < day
}

func (a *Account) trust(p *person, at Moment, v Verified) {
	p.Verified, p.VerifiedAt, p.By = max(p.Verified, v), at.Wall, ""
	p.KeyChanged, p.Forked = false, false
	a.touch(p)
}

// Verify records that a contact's words or digits were compared: code is what
// they read aloud, and ErrNoMatch when it is not theirs. An empty code with
// compared set says that both looked at each other's screen.
func (a *Account) Verify(at Moment, id ContactID, code string, compared bool) (Contact, error) {
	print, err := a.Fingerprint(id)
	if err != nil {
		return Contact{}, err
	}
	how := InPerson
	if code != "" || !compared {
		how = ByVoice
		if !print.Match(code) {
			return Contact{}, ErrNoMatch
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	var p *person
	err = a.update(at, func(Tx) error {
		if p = a.people[id]; p == nil {
			return ErrUnknown
		}
		a.trust(p, at, how)
		return nil
	})
	if err != nil {
		return Contact{}, err
	}
	return a.shown(p), nil
}

// Fingerprint is what a contact reads aloud. The first time takes 0.2 seconds.
func (a *Account) Fingerprint(id ContactID) (identity.Fingerprint, error) {
	a.mu.Lock()
	p := a.people[id]
	if p == nil {
		a.mu.Unlock()
		return identity.Fingerprint{}, ErrUnknown
	}
	print, public := p.fingerprint, p.Public
	a.mu.Unlock()
	if !print.IsZero() {
		return print, nil
	}
	print = public.Fingerprint()
	a.mu.Lock()
	defer a.mu.Unlock()
	err := a.update(Moment{Tick: a.given}, func(Tx) error {
		if p := a.people[id]; p != nil {
			p.fingerprint = print
			a.touch(p)
		}
		return nil
	})
	return print, err
}

// MyFingerprint is what the owner reads aloud.
func (a *Account) MyFingerprint() (identity.Fingerprint, error) {
	a.mu.Lock()
	print := a.mine
	a.mu.Unlock()
	if !print.IsZero() {
		return print, nil
	}
	print = a.me.Public().Fingerprint()
	a.mu.Lock()
	defer a.mu.Unlock()
	err := a.vault.Update(func(tx Tx) error {
		return tx.Put(tableMe, keyMe, NewRecord(1).Blob(a.me.Marshal()).Blob(print.Marshal()).Bytes())
	})
	if err == nil {
		a.mine = print
	}
	return print, err
}
