package pairing

import (
	crand "crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/identity"
	"github.com/jauap/jauap/seal"
)

// Kinds of parts. spec/pairing.md, 4.
const (
	kindOffer  = 0x69
	kindAnswer = 0x6a
	kindCard   = 0x6b
)

// Limits of introductions. spec/pairing.md, 4.
const (
	maxIntros = 64 // open ones from one contact, and of the owner's own
	introLife = 60 * day
	maxName   = 64 // bytes
	cardSize  = identity.CardSize + 32
)

// Errors of introductions.
var (
	ErrSame      = errors.New("pairing: these are the same person")
	ErrAnswered  = errors.New("pairing: this introduction was answered, or is over")
	ErrManyIntro = errors.New("pairing: too many introductions are open")
)

// Answer is what somebody said to an introduction.
type Answer uint8

// Answers.
const (
	NoAnswer Answer = iota
	Yes
	No
)

// intro is one introduction: the owner's own, or one that the owner is in.
type intro struct {
	id    [16]byte
	with  account.ContactID // who introduces; zero when the owner does
	since seal.Tick
	wall  time.Time
	over  bool

	// As one of the two.
	other  account.ContactID // the other's id by key
	name   string            // what the introducer calls them
	answer Answer
	card   []byte // theirs, until it was accepted

	// As the one who introduces.
	two     [2]account.ContactID
	answers [2]Answer
	cards   [2][]byte // until both are there
}

func (n *intro) key() []byte { return append(append([]byte(nil), n.with[:]...), n.id[:]...) }

func (n *intro) record() []byte {
	r := account.NewRecord(1).Int(int64(n.since)).Time(n.wall).Flag(n.over)
	r.Raw(n.other[:]).Text(n.name).Uint(uint64(n.answer)).Blob(n.card)
	for i := range n.two {
		r.Raw(n.two[i][:]).Uint(uint64(n.answers[i])).Blob(n.cards[i])
	}
	return r.Bytes()
}

func parseIntro(key, b []byte) (*intro, error) {
	f := account.ReadRecord(b)
	f.Version(1)
	n := &intro{since: seal.Tick(f.Int()), wall: f.Time(), over: f.Flag()}
	n.other, n.name, n.answer, n.card = account.ContactID(f.Raw(16)), f.Text(), Answer(f.Uint()), f.Blob()
	for i := range n.two {
		n.two[i], n.answers[i], n.cards[i] = account.ContactID(f.Raw(16)), Answer(f.Uint()), f.Blob()
	}
	if err := f.Done(); err != nil || len(key) != 32 {
		return nil, fmt.Errorf("%w: an introduction", account.ErrDamaged)
	}
	n.with, n.id = account.ContactID(key[:16]), [16]byte(key[16:])
	return n, nil
}

func getIntro(tx account.Tx, with account.ContactID, id [16]byte) (*intro, error) {
	key := (&intro{with: with, id: id}).key()
	b, err := tx.Get(tableIntros, key)
	if err != nil || b == nil {
		return nil, err
	}
	return parseIntro(key, b)
}

func putIntro(tx account.Tx, n *intro) error { return tx.Put(tableIntros, n.key(), n.record()) }

func allIntros(tx account.Tx, from, to []byte) (list []*intro, err error) {
	err = tx.Scan(tableIntros, from, to, false, func(k, v []byte) (bool, error) {
		n, err := parseIntro(slices.Clone(k), v)
		if err == nil {
			list = append(list, n)
		}
		return true, err
	})
	return list, err
}

func countOpen(tx account.Tx, with account.ContactID) (open int, err error) {
	list, err := allIntros(tx, with[:], account.After(with[:]))
	for _, n := range list {
		if !n.over {
			open++
		}
	}
	return open, err
}

func (p *Pairing) queue(tx account.Tx, at account.Moment, to account.ContactID, kind uint8, parts ...[]byte) error {
	body := append([]byte{partVersion}, slices.Concat(parts...)...)
	return p.a.Queue(tx, at, account.Outgoing{To: to, Parts: []seal.Part{{Kind: kind, Body: body}}})
}

// Introduce asks two contacts whether they want to know each other. Errors:
// ErrSame, ErrManyIntro, account.ErrUnknown.
func (p *Pairing) Introduce(at account.Moment, x, y account.ContactID) (Intro, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if x == y {
		return Intro{}, ErrSame
	}
	n := &intro{two: [2]account.ContactID{x, y}, since: p.a.TickOf(at), wall: at.Wall}
	crand.Read(n.id[:])
	var who [2]account.Contact
	for i, id := range n.two {
		var err error
		if who[i], err = p.a.ContactByID(id); err != nil {
			return Intro{}, err
		}
	}
	err := p.vault.Update(func(tx account.Tx) error {
		open, err := countOpen(tx, account.ContactID{})
		if err != nil {
			return err
		}
		if open >= maxIntros {
			return ErrManyIntro
		}
		for i := range n.two {
			other := who[1-i]
			if err := p.queue(tx, at, n.two[i], kindOffer, n.id[:], other.ID[:], []byte(other.Outward())); err != nil {
				return err
			}
		}
		return putIntro(tx, n)
	})
	return n.shown(), err
}

// Intro is an introduction as its owner sees it.
type Intro struct {
	ID    string
	Since time.Time
	Over  bool
	// As one of the two: who introduces (zero when the owner does), whom, and
	// what the owner said.
	By     account.ContactID
	Other  account.ContactID
	Name   string
	Answer Answer
	// As the one who introduces.
	Two     [2]account.ContactID
	Answers [2]Answer
}

func (n *intro) shown() Intro {
	key := n.key()
	return Intro{hex.EncodeToString(key), n.wall, n.over, n.with, n.other, n.name, n.answer, n.two, n.answers}
}

// Intros lists the introductions, the newest first.
func (p *Pairing) Intros() (out []Intro, err error) {
	var list []*intro
	err = p.vault.View(func(tx account.Tx) (err error) {
		list, err = allIntros(tx, nil, nil)
		return err
	})
	slices.SortFunc(list, func(a, b *intro) int {
		if a.since != b.since {
			return int(b.since - a.since)
		}
		return strings.Compare(string(a.key()), string(b.key()))
	})
	for _, n := range list {
		out = append(out, n.shown())
	}
	return out, err
}

// Answer says yes or no to an introduction. A yes sends a fresh card to the
// introducer. Errors: ErrUnknown, ErrAnswered.
func (p *Pairing) Answer(at account.Moment, id string, yes bool) (Intro, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	key, err := hex.DecodeString(id)
	if err != nil || len(key) != 32 {
		return Intro{}, ErrUnknown
	}
	with := account.ContactID(key[:16])
	read := func(tx account.Tx) (*intro, error) {
		n, err := getIntro(tx, with, [16]byte(key[16:]))
		switch {
		case err != nil:
			return nil, err
		case n == nil || with == (account.ContactID{}):
			return nil, ErrUnknown
		case n.answer != NoAnswer || n.over:
			return nil, ErrAnswered
		}
		return n, nil
	}
	if err := p.vault.View(func(tx account.Tx) error { _, err := read(tx); return err }); err != nil {
		return Intro{}, err
	}
	said := []byte{0}
	if yes {
		i, err := p.a.Invite(at)
		if err != nil {
			return Intro{}, err
		}
		said = slices.Concat([]byte{1}, i.Card.Bytes(), i.Key[:])
	}
	var n *intro
	err = p.vault.Update(func(tx account.Tx) (err error) {
		if n, err = read(tx); err != nil {
			return err
		}
		n.answer, n.over = Yes, !yes
		if !yes {
			n.answer = No
		}
		if err := p.queue(tx, at, with, kindAnswer, n.id[:], said); err != nil {
			return err
		}
		return putIntro(tx, n)
	})
	if err != nil {
		return Intro{}, err
	}
	return n.shown(), nil
}

// offered takes an offer of a contact.
func (p *Pairing) offered(tx account.Tx, from account.Contact, at account.Moment, b []byte) error {
	if len(b) < 32 || len(b) > 32+maxName {
		return nil
	}
	id, other := [16]byte(b[:16]), account.ContactID(b[16:32])
	old, err := getIntro(tx, from.ID, id)
	if err != nil || old != nil || other == from.ID || other == account.IDOf(p.a.Me().Public()) || from.ID == (account.ContactID{}) {
		return err
	}
	open, err := countOpen(tx, from.ID)
	if err != nil || open >= maxIntros {
		return err
	}
	n := &intro{id: id, with: from.ID, other: other, name: account.CleanName(string(b[32:])), wall: at.Wall, since: p.a.TickOf(at)}
	return putIntro(tx, n)
}

// answered takes what one of the two said to the owner's introduction, and
// sends each the other's card when both said yes.
func (p *Pairing) answered(tx account.Tx, from account.Contact, at account.Moment, b []byte) error {
	if len(b) < 17 {
		return nil
	}
	n, err := getIntro(tx, account.ContactID{}, [16]byte(b[:16]))
	if err != nil || n == nil || n.over {
		return err
	}
	i := slices.Index(n.two[:], from.ID)
	if i < 0 || n.answers[i] != NoAnswer {
		return nil
	}
	switch {
	case b[16] == 0 && len(b) == 17:
		n.answers[i], n.over, n.cards = No, true, [2][]byte{}
	case b[16] == 1:
		// Only a card of this very person: nobody is introduced as another.
		card, err := parseInvite(b[17:])
		if err != nil || card.Card.Public() != from.Public {
			return nil
		}
		n.answers[i], n.cards[i] = Yes, slices.Clone(b[17:])
	default:
		return nil
	}
	if n.answers == [2]Answer{Yes, Yes} {
		for i := range n.two {
			if err := p.queue(tx, at, n.two[i], kindCard, n.id[:], n.cards[1-i]); err != nil {
				return err
			}
		}
		n.over, n.cards = true, [2][]byte{}
	}
	return putIntro(tx, n)
}

// carded takes the other's card; tendIntros accepts it outside of the
// account's transaction.
func (p *Pairing) carded(tx account.Tx, from account.Contact, b []byte) error {
	if len(b) != 16+cardSize {
		return nil
	}
	n, err := getIntro(tx, from.ID, [16]byte(b[:16]))
	if err != nil || n == nil || n.answer != Yes || n.over || len(n.card) > 0 {
		return err
	}
	i, err := parseInvite(b[16:])
	if err != nil || account.IDOf(i.Card.Public()) != n.other {
		return nil
	}
	n.card = slices.Clone(b[16:])
	p.ripe.Store(true)
	return putIntro(tx, n)
}

// tendIntros accepts cards that came, and ends what is old.
func (p *Pairing) tendIntros(at account.Moment) (moved bool, err error) {
	if !p.ripe.Swap(false) {
		return false, nil
	}
	var list []*intro
	err = p.vault.View(func(tx account.Tx) (err error) {
		list, err = allIntros(tx, nil, nil)
		return err
	})
	for _, n := range list {
		if err != nil {
			break
		}
		switch {
		case p.a.TickOf(at)-n.since >= introLife:
			err = p.vault.Update(func(tx account.Tx) error { return tx.Delete(tableIntros, n.key()) })
			moved = true
		case len(n.card) > 0:
			err = p.acceptIntro(at, n)
			moved = true
		}
	}
	if err != nil {
		p.ripe.Store(true)
	}
	return moved, err
}

func (p *Pairing) acceptIntro(at account.Moment, n *intro) error {
	i, err := parseInvite(n.card)
	if err != nil {
		return err
	}
	by, err := p.a.ContactByID(n.with)
	if err != nil {
		return err
	}
	name := n.name
	if old, err := p.a.ContactByID(n.other); err == nil {
		name = old.Name
	}
	if _, err := p.a.AcceptAs(at, i, name, account.Introduced, by.Name); err != nil && !errors.Is(err, account.ErrSelf) {
		return err
	}
	n.card, n.over = nil, true
	return p.vault.Update(func(tx account.Tx) error { return putIntro(tx, n) })
}
