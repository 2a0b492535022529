package pairing

import (
	"time"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/seal"
)

// Kinds of parts. spec/pairing.md, 4 and 5.
const kindNote = 0x68

const partVersion = 1

// note is what two people told each other about having checked.
type note struct {
	theirs account.Verified // the highest that they told
	at     time.Time        // when it was heard here
	told   account.Verified // the highest that they were told
}

func (n *note) record() []byte {
	return account.NewRecord(1).Uint(uint64(n.theirs)).Time(n.at).Uint(uint64(n.told)).Bytes()
}

func getNote(tx account.Tx, id account.ContactID) (*note, error) {
	b, err := tx.Get(tableNotes, id[:])
	if err != nil || b == nil {
		return &note{}, err
	}
	f := account.ReadRecord(b)
	f.Version(1)
	n := &note{theirs: account.Verified(f.Uint()), at: f.Time(), told: account.Verified(f.Uint())}
	return n, f.Done()
}

// claim is what of an account's letters belongs here.
func claim() account.Claim {
	return account.Claim{Kinds: []uint8{kindNote, kindOffer, kindAnswer, kindCard}}
}

// Deliver implements account.App. What is broken changes nothing.
func (p *Pairing) Deliver(tx account.Tx, from account.Contact, at account.Moment, part seal.Part) error {
	b := part.Body
	if len(b) < 2 || b[0] != partVersion {
		return nil
	}
	switch part.Kind {
	case kindNote:
		return p.heard(tx, from, at, account.Verified(b[1]))
	case kindOffer:
		return p.offered(tx, from, at, b[1:])
	case kindAnswer:
		return p.answered(tx, from, at, b[1:])
	case kindCard:
		return p.carded(tx, from, b[1:])
	}
	return nil
}

func (p *Pairing) heard(tx account.Tx, from account.Contact, at account.Moment, how account.Verified) error {
	if how < account.Introduced || how > account.InPerson {
		return nil
	}
	n, err := getNote(tx, from.ID)
	if err != nil || n.theirs >= how {
		return err
	}
	n.theirs, n.at = how, at.Wall
	return tx.Put(tableNotes, from.ID[:], n.record())
}

// Theirs tells how a contact said that they have checked the owner, and when
// that was heard; Unverified when they said nothing.
func (p *Pairing) Theirs(id account.ContactID) (how account.Verified, at time.Time, err error) {
	err = p.vault.View(func(tx account.Tx) error {
		n, err := getNote(tx, id)
		if err == nil {
			how, at = n.theirs, n.at
		}
		return err
	})
	return how, at, err
}

// Tell lets contacts know how the owner has checked them, where that grew
// since they were told. It is a small part that leaves with the next letter, or
// by itself.
func (p *Pairing) Tell(at account.Moment) error {
	p.ripe.Store(true) // old introductions end now and then
	for _, c := range p.a.Contacts() {
		if c.Verified == account.Unverified {
			continue
		}
		if err := p.tell(at, c); err != nil {
			return err
		}
	}
	return nil
}

func (p *Pairing) tell(at account.Moment, c account.Contact) error {
	var n *note
	err := p.vault.View(func(tx account.Tx) (err error) {
		n, err = getNote(tx, c.ID)
		return err
	})
	if err != nil || n.told >= c.Verified {
		return err
	}
	return p.vault.Update(func(tx account.Tx) error {
		if n, err = getNote(tx, c.ID); err != nil || n.told >= c.Verified {
			return err
		}
		n.told = c.Verified
		if err := tx.Put(tableNotes, c.ID[:], n.record()); err != nil {
			return err
		}
		return p.a.Queue(tx, at, account.Outgoing{
			To: c.ID, Parts: []seal.Part{{Kind: kindNote, Body: []byte{partVersion, byte(c.Verified)}}},
		})
	})
}
