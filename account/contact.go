package account

import (
	"encoding/hex"
	"errors"
	"fmt"
	"sort"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/jauap/jauap/identity"
	"github.com/jauap/jauap/seal"
)

// ContactID names a person by key. It is what identity.Public.ID prints.
type ContactID [16]byte

func (c ContactID) String() string { return hex.EncodeToString(c[:]) }

// IDOf is the id of the person with these keys.
func IDOf(p identity.Public) (id ContactID) {
	b, err := hex.DecodeString(p.ID())
	if err != nil || len(b) != len(id) {
		panic("account: internal error: a person's id is not 16 bytes")
	}
	return ContactID(b)
}

// Verified says how it is known that a key is a certain person's.
type Verified uint8

// From nothing to most.
const (
	Unverified Verified = iota
	Introduced          // a contact vouched for the key
	ByVoice             // words or digits were read aloud and match
	InPerson            // both were in one place
)

func (v Verified) String() string {
	switch v {
	case Introduced:
		return "introduced"
	case ByVoice:
		return "by voice"
	case InPerson:
		return "in person"
	}
	return ""
}

// Contact is a person as the owner knows them.
type Contact struct {
	ID         ContactID
	Name       string // unique among contacts, at most 64 bytes, printable
	outward    string // see Outward; empty for Name
	Public     identity.Public
	Verified   Verified
	VerifiedAt time.Time
	By         string // who introduced them

	// KeyChanged: this key answered a card that only Was had: either that
	// person has a new device or somebody took theirs. Verify clears it.
	KeyChanged bool
	Was        ContactID

	// Forked: the two devices disagree about what was exchanged. One of them
	// was restored from an old copy, or somebody used a stolen one. Verify
	// clears it.
	Forked bool

	AddedAt time.Time
	HeardAt time.Time // when their device's newest envelope was opened here, or it was met
	Shard   uint8     // relay mailbox shard that they read

	// Stuck says why nothing can be sealed for them now; "" when it can. One of
	// StuckInvitation, StuckFirst and StuckAnswer.
	Stuck string
}

// person is a contact with what the account needs beside.
type person struct {
	Contact
	fingerprint identity.Fingerprint // zero until asked for

	theirs   identity.Invite   // the card with which a new session can be started
	have     bool              // theirs is there and unused
	used     []identity.CardID // of theirs, lately
	heard    uint64            // counts the opened envelopes
	lifeDays int               // the longest lifetime asked for so far

	sessions []*session
	dirty    bool
}

// personVersion is the newest form of the record; one with a name for others is
// of form 2, all others stay readable to older programs.
const personVersion = 2

func (p *person) record() []byte {
	version := byte(1)
	if p.outward != "" {
		version = 2
	}
	r := NewRecord(version).Text(p.Name).Raw(p.Public.Sig[:]).Raw(p.Public.DH[:])
	r.Uint(uint64(p.Verified)).Time(p.VerifiedAt).Text(p.By).Flag(p.KeyChanged).Raw(p.Was[:])
	r.Time(p.AddedAt).Time(p.HeardAt).Uint(uint64(p.Shard))
	if p.fingerprint.IsZero() {
		r.Blob(nil)
	} else {
		r.Blob(p.fingerprint.Marshal())
	}
	r.Flag(p.Forked).Flag(p.have).Uint(p.heard).Uint(uint64(p.lifeDays)).Uint(uint64(len(p.used)))
	for _, id := range p.used {
		r.Raw(id[:])
	}
	if p.have {
		r.Blob(p.theirs.Card.Bytes()).Raw(p.theirs.Key[:])
	}
	if version == 2 {
		r.Text(p.outward)
	}
	return r.Bytes()
}

func parsePerson(id []byte, b []byte) (*person, error) {
	f := ReadRecord(b)
	version := f.Version(personVersion)
	p := &person{}
	p.Name = f.Text()
	p.Public.Sig, p.Public.DH = [32]byte(f.Raw(32)), [32]byte(f.Raw(32))
	p.Verified, p.VerifiedAt, p.By = Verified(f.Uint()), f.Time(), f.Text()
	p.KeyChanged, p.Was = f.Flag(), ContactID(f.Raw(16))
	p.AddedAt, p.HeardAt, p.Shard = f.Time(), f.Time(), uint8(f.Uint())
	print := f.Blob()
	p.Forked, p.have, p.heard, p.lifeDays = f.Flag(), f.Flag(), f.Uint(), int(f.Uint())
	for range f.Count(16) {
		p.used = append(p.used, identity.CardID(f.Raw(16)))
	}
	var err error
	if p.have && !f.bad {
		if p.theirs.Card, err = identity.ParseCard(f.Blob()); err != nil {
			return nil, fmt.Errorf("%w: a contact's card: %w", ErrDamaged, err)
		}
		p.theirs.Key = [32]byte(f.Raw(32))
	}
	if version == 2 {
		p.outward = f.Text()
	}
	if len(print) > 0 {
		if p.fingerprint, err = identity.ParseFingerprint(print); err != nil {
			return nil, fmt.Errorf("%w: a contact's fingerprint: %w", ErrDamaged, err)
		}
	}
	if err := f.Done(); err != nil {
		return nil, err
	}
	p.ID = IDOf(p.Public)
	if string(id) != string(p.ID[:]) {
		return nil, fmt.Errorf("%w: a contact stands in the wrong place", ErrDamaged)
	}
	return p, nil
}

// maxPetname bounds the name of a contact, in bytes.
const maxPetname = 64

// CleanName makes a name from outside fit to be shown in a line: printable, no
// marks that turn the direction of writing, single spaces, at most 64 bytes.
func CleanName(s string) string {
	s = printable(s)
	for len(s) > maxPetname {
		_, n := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-n]
	}
	return strings.TrimSpace(s)
}

// printable is CleanName of any length.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r), unicode.Is(unicode.Bidi_Control, r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	return strings.Join(strings.Fields(s), " ")
}

// freeName is the name, or the name with a number, that no other contact has.
// Two names that look alike in capitals are one.
func (a *Account) freeName(want string, except ContactID) string {
	want = CleanName(want)
	if want == "" {
		want = "somebody"
	}
	taken := func(s string) bool {
		for id, p := range a.people {
			if id != except && strings.EqualFold(p.Name, s) {
				return true
			}
		}
		for id, name := range a.held {
			if id != except && strings.EqualFold(name, s) {
				return true
			}
		}
		return false
	}
	if !taken(want) {
		return want
	}
	for n := 2; ; n++ {
		suffix := fmt.Sprintf(" (%d)", n)
		base := want
		for len(base)+len(suffix) > maxPetname {
			_, size := utf8.DecodeLastRuneInString(base)
			base = base[:len(base)-size]
		}
		if !taken(base + suffix) {
			return base + suffix
		}
	}
}

// Contacts lists everybody, by name.
func (a *Account) Contacts() []Contact {
	a.mu.Lock()
	defer a.mu.Unlock()
	list := make([]Contact, 0, len(a.people))
	for _, p := range a.people {
		list = append(list, a.shown(p))
	}
	sort.SliceStable(list, func(i, j int) bool { return list[i].Name < list[j].Name })
	return list
}

// shown is the contact with what is known only now.
func (a *Account) shown(p *person) Contact {
	c := p.Contact
	c.Stuck = a.stuck(p)
	return c
}

// Contact finds a person by id or by name, whatever its capitals: ErrUnknown.
func (a *Account) Contact(nameOrID string) (Contact, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	p, err := a.find(nameOrID)
	if err != nil {
		return Contact{}, err
	}
	return a.shown(p), nil
}

// ContactByID finds a person by id: ErrUnknown.
func (a *Account) ContactByID(id ContactID) (Contact, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if p := a.people[id]; p != nil {
		return a.shown(p), nil
	}
	return Contact{}, ErrUnknown
}

func (a *Account) find(nameOrID string) (*person, error) {
	// Ids first: a person may choose another's id as a name.
	if b, err := hex.DecodeString(nameOrID); err == nil && len(b) == len(ContactID{}) {
		if p := a.people[ContactID(b)]; p != nil {
			return p, nil
		}
	}
	name := CleanName(nameOrID)
	for _, p := range a.people {
		if strings.EqualFold(p.Name, name) { // freeName keeps these apart
			return p, nil
		}
	}
	return nil, fmt.Errorf("%w: %q", ErrUnknown, name)
}

// What Stuck says.
const (
	StuckInvitation = "no invitation of theirs is left: ask for a new one"
	StuckFirst      = "waiting for the first answer: too many letters are on their way"
	StuckAnswer     = "waiting for an answer: too many letters are on their way"
)

// stuck says in words why channel would fail.
func (a *Account) stuck(p *person) string {
	s := p.preferred()
	if s == nil && !p.have {
		return StuckInvitation
	}
	if s == nil || p.have {
		return ""
	}
	switch err := s.s.CanSeal(a.now); {
	case err == nil:
		return ""
	case errors.Is(err, seal.ErrCap) && s.s.Starting():
		return StuckFirst
	case errors.Is(err, seal.ErrCap):
		return StuckAnswer
	}
	return StuckInvitation
}
