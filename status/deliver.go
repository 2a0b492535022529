package status

import (
	"bytes"
	"slices"
	"time"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/seal"
)

// Deliver implements account.App.
func (b *Board) Deliver(tx account.Tx, from account.Contact, at account.Moment, p seal.Part) error {
	switch p.Kind {
	case kindWord:
		if w, ok := parseWord(p.Body); ok {
			return b.word(tx, from, at, w, p.Body)
		}
	case kindPromise:
		if p, ok := parsePromise(p.Body); ok {
			return b.promise(tx, from, at, p)
		}
	case kindSeen:
		return b.heardOthers(tx, from, at, p.Body)
	case kindArrived:
		return b.arrived(tx, from, at, p.Body)
	}
	return nil // broken, or of no meaning here
}

// word takes a contact's word. Of two with one number the greater bytes stay,
// so that both orders of arrival end alike; what came in a letter stays before
// what came by hand.
func (b *Board) word(tx account.Tx, from account.Contact, at account.Moment, w Word, body []byte) error {
	key, in, err := b.a.Shared(from.Public, labelMention)
	clear(key[:])
	if err != nil {
		return nil // a key with which nothing can be agreed names nobody
	}
	if err := b.mentioned(tx, from, at, w.With, in, w.At); err != nil {
		return err
	}
	fresh, err := store(tx, from.ID, at, w, body)
	if err != nil {
		return err
	}
	// Also when it came before: that may have been in a group, or by SMS.
	if err := b.confirm(tx, at, from.ID, w.Seq); err != nil || !fresh {
		return err
	}
	return b.Heard(tx, from.ID, at, w.At, true)
}

// store keeps a word that came in a letter, unless the one that is there stays.
func store(tx account.Tx, author account.ContactID, at account.Moment, w Word, body []byte) (fresh bool, err error) {
	old, err := getWord(tx, author, w.Seq)
	if err != nil {
		return false, err
	}
	k := kept{Word: w, received: at.Wall, body: slices.Clone(body)}
	if old != nil {
		k.received = old.received
		if old.from == sealed && bytes.Compare(old.body, body) >= 0 {
			return false, nil
		}
	}
	if err := k.put(tx, author); err != nil {
		return false, err
	}
	return true, prune(tx, author)
}

// mentioned finds out which contacts a word mentions: somebody saw them.
func (b *Board) mentioned(tx account.Tx, from account.Contact, at account.Moment, with []Mention, key [32]byte, wrote time.Time) error {
	if len(with) == 0 {
		return nil
	}
	ids, err := b.a.IDs(tx)
	if err != nil {
		return err
	}
	for _, id := range ids {
		i := slices.IndexFunc(with, func(m Mention) bool { return m.tag == mentionTag(key, id) })
		if i < 0 || id == from.ID {
			continue
		}
		with[i].ID = id
		if err := seen(tx, id, from.ID, earlier(wrote, at.Wall)); err != nil {
			return err
		}
	}
	return nil
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// Heard notes that something of a contact's came, written at a time that they
// claim; byHand when the person wrote it, and not their device by itself.
func (b *Board) Heard(tx account.Tx, from account.ContactID, at account.Moment, wrote time.Time, byHand bool) error {
	wrote = earlier(wrote, at.Wall)
	if byHand {
		h, err := getHead(tx, from)
		if err != nil {
			return err
		}
		if wrote.After(h.wrote) {
			h.wrote = wrote
			if err := h.put(tx, from); err != nil {
				return err
			}
		}
	}
	return b.sign(tx, from, wrote, at.Wall)
}

// Heard word of a contact.
type Heard struct {
	Word
	ReceivedAt time.Time
	Noted      bool // it came by SMS or on paper
	Doubt      bool // its words are not those that the code was made for
}

func (k kept) heard() Heard {
	return Heard{Word: k.Word, ReceivedAt: k.received, Noted: k.from != sealed, Doubt: k.from == loose}
}

// Of lists the words of a contact, newest first, at most max; 0: all that are
// kept.
func (b *Board) Of(id account.ContactID, max int) (list []Heard, err error) {
	err = b.vault.View(func(tx account.Tx) error {
		return words(tx, id, func(k kept) (bool, error) {
			list = append(list, k.heard())
			return max == 0 || len(list) < max, nil
		})
	})
	return list, err
}

// Newest is the newest word about themselves of one person who writes under
// several names; nil when there is none.
func (b *Board) Newest(names ...account.ContactID) (newest *Heard, err error) {
	err = b.vault.View(func(tx account.Tx) error {
		for _, id := range names {
			n := 0
			err := words(tx, id, func(k kept) (bool, error) {
				if n++; k.Kind != Looking && (newest == nil || k.Seq > newest.Seq) {
					h := k.heard()
					newest = &h
				}
				return k.Kind == Looking && n < looked, nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	return newest, err
}

// maxSearches bounds the searches in a View.
const maxSearches = 3

// View is what is known of a contact, each fact by itself.
type View struct {
	Now      *Heard  // the newest word about themselves; nil when there is none
	Searches []Heard // the newest about each person that they look for
	Wrote    time.Time
	Seen     time.Time
	SeenBy   account.ContactID
	Place    Place     // where they last said that they are
	Answered time.Time // when that place last answered; zero when not known
	Promise  *Promise
	Verdict  Verdict
	Since    time.Time // of the verdict, where it has a beginning
}

// About puts together what is known of contacts. mine are the spans in which
// this device's own ways abroad answered.
func (b *Board) About(ids []account.ContactID, now time.Time, mine []Span) (list []View, err error) {
	err = b.vault.View(func(tx account.Tx) error {
		list = make([]View, len(ids))
		all, err := allSigns(tx)
		if err != nil {
			return err
		}
		here, err := placeOf(tx, owner)
		if err != nil {
			return err
		}
		for i, id := range ids {
			if err := list[i].fill(tx, id, now, mine, here, all); err != nil {
				return err
			}
		}
		return nil
	})
	return list, err
}

func (v *View) fill(tx account.Tx, id account.ContactID, now time.Time, mine []Span, here Place, all []signs) error {
	if err := v.words(tx, id); err != nil {
		return err
	}
	h, err := getHead(tx, id)
	if err != nil {
		return err
	}
	v.Wrote, v.Seen, v.SeenBy = h.wrote, h.seen, h.seenBy
	spans := answered(all, v.Place)
	if v.Place.same(here) { // this device's own ways are ways of that place
		spans = Join(append(spans, mine...), joined)
	}
	if n := len(spans); n > 0 {
		v.Answered = spans[n-1].To
	}
	if v.Promise, err = getPromise(tx, id); err != nil || v.Promise == nil {
		return err
	}
	own, err := devices(tx, id)
	if err != nil {
		return err
	}
	f := Facts{Now: now, Wrote: h.wrote, Answered: Join(append(spans, own...), joined), Mine: mine}
	if v.Now != nil {
		f.Said, f.SaidAt = v.Now.Seq, v.Now.At
	}
	v.Verdict, v.Since = Judge(*v.Promise, f)
	return nil
}

// looked bounds the words of one contact that a View looks at.
const looked = 30

// words finds the newest about each thing, and the place.
func (v *View) words(tx account.Tx, id account.ContactID) error {
	known := map[string]bool{}
	n, placed := 0, false
	return words(tx, id, func(k kept) (bool, error) {
		h := k.heard()
		switch subject := k.subject(); {
		case known[subject]:
		case k.Kind != Looking:
			v.Now = &h
			known[subject] = true
		case len(v.Searches) < maxSearches:
			v.Searches = append(v.Searches, h)
			known[subject] = true
		}
		if !placed {
			v.Place = k.Place
			placed = k.Town != "" || k.Kind == Moved
		}
		n++
		return n < looked, nil
	})
}
