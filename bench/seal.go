package bench

import (
	"crypto/rand"
	"fmt"
	"time"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/identity"
	"github.com/jauap/jauap/seal"
)

// letters measured, and how many of them between acknowledgements: fewer than
// the cap of a session.
const (
	sealLetters = 2000
	sealBurst   = 64
)

// Seal measures sealing and opening S1 letters inside a session, and looking a
// foreign tag up.
func Seal() ([]Figure, error) {
	a, b, err := sessions()
	if err != nil {
		return nil, err
	}
	where := seal.Where{Class: envelope.S1, Expiry: 2000, LifeDays: envelope.Lifetime}
	parts := []seal.Part{{Kind: 0x40, Body: make([]byte, 200)}}
	var sealing, opening time.Duration
	for done := 0; done < sealLetters; done += sealBurst {
		var sealed []seal.Sealed
		begin := time.Now()
		for range sealBurst {
			s, err := a.Seal(1, where, parts)
			if err != nil {
				return nil, err
			}
			sealed = append(sealed, s)
		}
		sealing += time.Since(begin)
		begin = time.Now()
		for _, s := range sealed {
			if err := open(b, s.Bytes); err != nil {
				return nil, err
			}
		}
		opening += time.Since(begin)
		back, err := b.Seal(1, where, parts)
		if err != nil {
			return nil, err
		}
		if err := open(a, back.Bytes); err != nil {
			return nil, err
		}
	}
	n := (sealLetters + sealBurst - 1) / sealBurst * sealBurst
	return []Figure{
		each("seal an S1 letter in a session", n, sealing, time.Millisecond, "at most 0.3 ms"),
		each("open an S1 letter in a session", n, opening, time.Millisecond, "at most 0.3 ms"),
		foreign(b),
	}, nil
}

func open(s *seal.Session, raw []byte) error {
	e, err := envelope.Parse(raw)
	if err != nil {
		return err
	}
	if err := e.Verify(); err != nil {
		return err
	}
	_, err = s.Open(1, e)
	return err
}

// foreign looks tags of strangers up among those of 100 contacts.
func foreign(s *seal.Session) Figure {
	known := map[envelope.Tag]bool{}
	for _, t := range s.Tags() {
		known[t] = true
	}
	for len(known) < 12800 {
		var t envelope.Tag
		rand.Read(t[:])
		known[t] = true
	}
	tags := make([]envelope.Tag, 1<<16)
	for i := range tags {
		rand.Read(tags[i][:])
	}
	hits := 0
	begin := time.Now()
	for _, t := range tags {
		if known[t] {
			hits++
		}
	}
	f := each("look a foreign tag up", len(tags), time.Since(begin), time.Microsecond, "at most 1 µs")
	if hits > 0 {
		f.Name += " (a stranger's tag was known: impossible)"
	}
	return f
}

// sessions makes two people who have exchanged a letter each way.
func sessions() (a, b *seal.Session, err error) {
	alice, err := identity.New("a")
	if err != nil {
		return nil, nil, err
	}
	bob, err := identity.New("b")
	if err != nil {
		return nil, nil, err
	}
	card, err := bob.NewCard(0)
	if err != nil {
		return nil, nil, err
	}
	mine, err := alice.NewCard(0)
	if err != nil {
		return nil, nil, err
	}
	if a, err = seal.Start(1, alice, mine, card.Card(), card.Key()); err != nil {
		return nil, nil, err
	}
	where := seal.Where{Class: envelope.S2, Expiry: 2000, LifeDays: envelope.Lifetime}
	first, err := a.Seal(1, where, nil)
	if err != nil {
		return nil, nil, err
	}
	e, err := envelope.Parse(first.Bytes)
	if err != nil {
		return nil, nil, err
	}
	if b, _, _, err = seal.NewInbox(card).Open(1, bob, e); err != nil {
		return nil, nil, fmt.Errorf("bench: first letter: %w", err)
	}
	where.Class = envelope.S1
	back, err := b.Seal(1, where, nil)
	if err != nil {
		return nil, nil, err
	}
	return a, b, open(a, back.Bytes)
}
