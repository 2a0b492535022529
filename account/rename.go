package account

import (
	"errors"
	"fmt"
)

// Errors of Rename.
var (
	ErrName      = errors.New("account: a name has a letter that can be seen, and at most 64 bytes")
	ErrNameTaken = errors.New("account: another contact or a group has this name")
)

// Outward is the name under which others may hear of the contact, in an
// introduction or as company: the one from before the first Rename.
func (c Contact) Outward() string {
	if c.outward != "" {
		return c.outward
	}
	return c.Name
}

// Rename changes what the owner calls a contact. It is refused, and never cut or
// numbered, when it cannot stand: ErrName, ErrNameTaken, ErrUnknown. Whom the
// contact introduced is shown as introduced under the new name.
func (a *Account) Rename(at Moment, id ContactID, name string) (Contact, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	p := a.people[id]
	if p == nil {
		return Contact{}, ErrUnknown
	}
	clean := printable(name)
	if clean == "" || len(clean) > maxPetname {
		return Contact{}, ErrName
	}
	err := a.update(at, func(Tx) error {
		p = a.people[id]
		if p == nil {
			return ErrUnknown
		}
		if a.freeName(clean, id) != clean {
			return fmt.Errorf("%w: %q", ErrNameTaken, clean)
		}
		if clean == p.Name {
			return nil
		}
		for _, other := range a.people {
			if other.By == p.Name && other.Verified == Introduced {
				other.By = clean
				a.touch(other)
			}
		}
		p.outward, p.Name = p.Outward(), clean
		a.touch(p)
		return nil
	})
	if err != nil {
		return Contact{}, err
	}
	return a.shown(p), nil
}
