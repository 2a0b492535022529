package status

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/note"
)

// labelNote names the keys of codes. spec/status.md, 4.1
const labelNote = "jauap/1 note"

// Notes writes the owner's newest word about a subject as a line for one SMS to
// each of some people: the code is different for everybody. seq names the
// word, 0 the newest. ErrNone when there is none.
func (b *Board) Notes(seq uint32, lang string, to []account.Contact) (w Word, lines []note.Line, err error) {
	err = b.vault.View(func(tx account.Tx) error {
		found := false
		err := words(tx, owner, func(k kept) (bool, error) {
			found = seq == 0 || k.Seq == seq
			if found {
				w = k.Word
			}
			return !found, nil
		})
		if err == nil && !found {
			return ErrNone
		}
		return err
	})
	if err != nil {
		return w, nil, err
	}
	for _, c := range to {
		out, in, err := b.a.Shared(c.Public, labelNote)
		clear(in[:])
		if err != nil {
			return w, nil, err
		}
		lines = append(lines, note.Compose(out, note.Note{Seq: w.Seq}, note.Saying{
			Lang: lang, Kind: uint8(w.Kind), Whom: w.Whom, Town: w.Town, Net: w.Net, Words: w.Note,
		}))
		clear(out[:])
	}
	return w, lines, nil
}

// Taken is what became of a note.
type Taken struct {
	Heard
	From  account.ContactID
	Known bool // a word with this number was here before
	Older bool // a newer word about the same was here before
	Typo  bool // a wrong character of the code was put right
}

// Take files a note under whose code it is. What came in a letter with the same
// number stays. Errors: note.ErrNoCode, note.ErrLength, note.ErrTypo, ErrNoted,
// ErrMine, account.ErrFull.
func (b *Board) Take(at account.Moment, text string) (t Taken, err error) {
	f, err := note.Read(text)
	if err != nil {
		return t, err
	}
	return b.take(at, []note.Found{f})
}

// take files a note that was read. Of what its words may be, those count of which the
// code was made, or else the first.
func (b *Board) take(at account.Moment, may []note.Found) (t Taken, err error) {
	f := may[0]
	for _, c := range b.a.Contacts() {
		out, in, err := b.a.Shared(c.Public, labelNote)
		if err != nil {
			continue // a key with which nothing can be agreed wrote nothing
		}
		got, ok := f.Check(in)
		_, mine := f.Check(out)
		for _, g := range may[1:] {
			if !ok || got.Words {
				break
			}
			if better, _ := g.Check(in); better.Words {
				f, got = g, better
			}
		}
		clear(in[:])
		clear(out[:])
		if mine {
			return t, ErrMine
		}
		if !ok || !Kind(got.Kind).good() {
			continue
		}
		return b.file(at, c, f, got)
	}
	if f.Typo() {
		return t, note.ErrTypo
	}
	return t, ErrNoted
}

// file keeps a note whose code was right.
func (b *Board) file(at account.Moment, from account.Contact, f note.Found, got note.Checked) (t Taken, err error) {
	k := kept{received: at.Wall, from: noted}
	k.Seq, k.Kind = got.Seq, Kind(got.Kind)
	if k.At = TimeOf(got.Seq); k.At.After(at.Wall.Add(24 * time.Hour)) {
		k.At = time.Time{} // their clock was far ahead once: not known
	}
	place, rest := note.Place(f.Words)
	k.Note = short(clean(rest), MaxNote)
	if !got.Words {
		k.from = loose
	} else if k.Town = short(clean(place), MaxPlace); k.Town != "" {
		k.Town, k.Net = splitPlace(k.Town)
	}
	if name, more, ok := strings.Cut(k.Note, ". "); k.Kind == Looking && (ok || name != "") {
		k.Whom, k.Note = short(strings.TrimRight(name, "."), MaxPlace), more
	}
	t = Taken{From: from.ID, Typo: got.Typo}
	err = b.vault.Update(func(tx account.Tx) error {
		old, err := getWord(tx, from.ID, k.Seq)
		if err != nil {
			return err
		}
		if t.Known = old != nil; t.Known && (old.from == sealed || k.from >= old.from) {
			t.Heard = old.heard()
			return nil
		}
		err = words(tx, from.ID, func(o kept) (bool, error) {
			t.Older = t.Older || o.Seq > k.Seq && o.subject() == k.subject()
			return o.Seq > k.Seq, nil
		})
		if err != nil {
			return err
		}
		t.Heard = k.heard()
		if err := k.put(tx, from.ID); err != nil {
			return err
		}
		if err := prune(tx, from.ID); err != nil || k.At.IsZero() {
			return err
		}
		h, err := getHead(tx, from.ID)
		if err != nil {
			return err
		}
		// The telephone network says nothing of the other: no sign of the place.
		if wrote := earlier(k.At, at.Wall); wrote.After(h.wrote) {
			h.wrote = wrote
			return h.put(tx, from.ID)
		}
		return nil
	})
	if err != nil && !errors.Is(err, account.ErrFull) {
		err = fmt.Errorf("status: keeping the note: %w", err)
	}
	return t, err
}

// splitPlace takes a network's name off the end of a town that is known.
func splitPlace(s string) (town, net string) {
	first, rest, _ := strings.Cut(s, " ")
	for _, t := range towns {
		if townID(first) == t.ID {
			return first, short(rest, MaxNet)
		}
	}
	return s, ""
}
