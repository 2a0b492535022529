package status

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/jauap/jauap/account"
	"github.com/jauap/jauap/seal"
)

// Limits of a promise.
const (
	MaxAhead     = 7 * 24 * time.Hour
	DefaultGrace = time.Hour
	maxGrace     = 48 * time.Hour
)

// ends of a promise, by their number in a part.
type ends uint8

const (
	open ends = iota
	reported
	cancelled
)

// Promise is "I will report by that hour".
type Promise struct {
	Seq   uint32
	At    time.Time // when it was made: the author's clock
	By    time.Time
	Grace time.Duration
	end   ends
	To    []account.ContactID // of the owner's
}

// Open tells that the author did not end it.
func (p Promise) Open() bool { return p.end == open }

// Cancelled tells that the author took it back.
func (p Promise) Cancelled() bool { return p.end == cancelled }

// part is the promise on its way. spec/status.md, 3
func (p Promise) part() seal.Part {
	b := binary.BigEndian.AppendUint32(nil, p.Seq)
	b = stamp(b, p.At)
	b = append(b, byte(p.end))
	b = stamp(b, p.By)
	return seal.Part{Kind: kindPromise, Body: binary.BigEndian.AppendUint16(b, uint16(p.Grace/time.Minute))}
}

func parsePromise(b []byte) (p Promise, ok bool) {
	c := &cutter{b: b}
	p.Seq, p.At, p.end, p.By = c.u32(), c.time(), ends(c.u8()), c.time()
	p.Grace = min(time.Duration(int(c.u8())<<8|int(c.u8()))*time.Minute, maxGrace)
	return p, !c.short && p.Seq > 0 && p.end <= cancelled
}

func (p Promise) put(tx account.Tx, author account.ContactID) error {
	r := account.NewRecord(1).Uint(uint64(p.Seq)).Time(p.At).Time(p.By).Int(int64(p.Grace)).Uint(uint64(p.end)).Uint(uint64(len(p.To)))
	for _, id := range p.To {
		r.Raw(id[:])
	}
	return tx.Put(tablePromises, author[:], r.Bytes())
}

func getPromise(tx account.Tx, author account.ContactID) (*Promise, error) {
	b, err := tx.Get(tablePromises, author[:])
	if err != nil || b == nil {
		return nil, err
	}
	f := account.ReadRecord(b)
	f.Version(1)
	p := &Promise{Seq: uint32(f.Uint()), At: f.Time(), By: f.Time(), Grace: time.Duration(f.Int()), end: ends(f.Uint())}
	for range f.Count(16) {
		p.To = append(p.To, account.ContactID(f.Raw(16)))
	}
	return p, f.Done()
}

// Promise saves and sends "I will report by that hour"; a newer one takes the
// place of an older, for everybody who held one. grace 0 is an hour. Errors:
// ErrPast, ErrNobody, account.ErrUnknown, account.ErrFull.
func (b *Board) Promise(at account.Moment, by time.Time, grace time.Duration, to []account.ContactID) (p Promise, err error) {
	if !by.After(at.Wall) || by.Sub(at.Wall) > MaxAhead {
		return p, ErrPast
	}
	if grace <= 0 {
		grace = DefaultGrace
	}
	if len(to) == 0 {
		return p, ErrNobody
	}
	err = b.vault.Update(func(tx account.Tx) error {
		seq, err := takeSeq(tx, at.Wall)
		if err != nil {
			return err
		}
		p = Promise{Seq: seq, At: at.Wall, By: by, Grace: min(grace, maxGrace), To: slices.Clone(to)}
		old, err := getPromise(tx, owner)
		if err != nil {
			return err
		}
		if old != nil && old.end == open {
			gone := *old
			gone.Seq, gone.At, gone.end = seq, at.Wall, cancelled
			for _, id := range old.To {
				if slices.Contains(to, id) {
					continue // the new one takes its place
				}
				if err := b.sendPromise(tx, at, id, gone); err != nil {
					return err
				}
			}
		}
		return b.tell(tx, at, p)
	})
	return p, err
}

// tell keeps a promise of the owner's and sends it to all who hold it.
func (b *Board) tell(tx account.Tx, at account.Moment, p Promise) error {
	for _, id := range p.To {
		if err := b.sendPromise(tx, at, id, p); err != nil {
			return err
		}
	}
	return p.put(tx, owner)
}

func (b *Board) sendPromise(tx account.Tx, at account.Moment, to account.ContactID, p Promise) error {
	_, _, err := b.send(tx, at, to, "promise", p.Seq, p.part())
	return err
}

// Cancel takes the owner's promise back. ErrNotFound when none is open.
func (b *Board) Cancel(at account.Moment) error {
	return b.vault.Update(func(tx account.Tx) error {
		p, err := getPromise(tx, owner)
		if err != nil {
			return err
		}
		if p == nil || p.end != open {
			return ErrNotFound
		}
		if p.Seq, err = takeSeq(tx, at.Wall); err != nil {
			return err
		}
		p.At, p.end = at.Wall, cancelled
		return b.tell(tx, at, *p)
	})
}

// MyPromise is the owner's newest, nil when there was none.
func (b *Board) MyPromise() (p *Promise, err error) {
	err = b.vault.View(func(tx account.Tx) error {
		p, err = getPromise(tx, owner)
		return err
	})
	return p, err
}

// keepPromise ends the owner's promise by a word. Who got the word knows by
// its number; others who hold the promise are told.
func (b *Board) keepPromise(tx account.Tx, at account.Moment, w Word, to []account.ContactID) error {
	p, err := getPromise(tx, owner)
	if err != nil || p == nil || p.end != open {
		return err
	}
	p.Seq, p.At, p.end = w.Seq, at.Wall, reported
	for _, id := range p.To {
		if slices.Contains(to, id) {
			continue
		}
		if err := b.sendPromise(tx, at, id, *p); err != nil {
			return err
		}
	}
	return p.put(tx, owner)
}

// promise takes a contact's.
func (b *Board) promise(tx account.Tx, from account.Contact, at account.Moment, p Promise) error {
	old, err := getPromise(tx, from.ID)
	if err != nil {
		return err
	}
	if old == nil || p.newer(*old) {
		if err := p.put(tx, from.ID); err != nil {
			return err
		}
	}
	return b.Heard(tx, from.ID, at, p.At, true)
}

// newer orders promises of one author; of two with one number the later hour
// and then the later end stay, whatever came first.
func (p Promise) newer(o Promise) bool {
	switch {
	case p.Seq != o.Seq:
		return p.Seq > o.Seq
	case !p.By.Equal(o.By):
		return p.By.After(o.By)
	case p.end != o.end:
		return p.end > o.end
	}
	return p.Grace > o.Grace
}

// Verdict is what can be said of a promise.
type Verdict string

// The verdicts.
const (
	Waiting  Verdict = "waiting"    // the hour is not over
	Reported Verdict = "reported"   // they gave a sign as promised
	Ended    Verdict = "cancelled"  // they took it back
	Overdue  Verdict = "overdue"    // they could have reported and did not
	Dark     Verdict = "place-dark" // cannot tell: the place or this device is dark
)

// Facts are what a promise is judged by.
type Facts struct {
	Now      time.Time
	Said     uint32    // number of their newest word about themselves; 0: none
	SaidAt   time.Time // when they wrote it, as they say
	Wrote    time.Time // claimed time of the newest thing that they wrote
	Answered []Span    // when their place or a device of theirs answered, joined
	Mine     []Span    // when a way out of this device answered
}

// Judge says what can be said of a promise, and since when. A missed hour
// alone says nothing: overdue is who did not report although the place, or a
// device of theirs, answered for the time of grace since the hour, and this
// device had a way to hear of it after that. spec/status.md, 3.2
func Judge(p Promise, f Facts) (Verdict, time.Time) {
	switch {
	case p.end == cancelled:
		return Ended, p.At
	case p.end == reported:
		return Reported, p.At
	case f.Said > p.Seq:
		return Reported, f.SaidAt
	case !f.Wrote.Before(p.By):
		return Reported, f.Wrote
	case f.Now.Before(p.By):
		return Waiting, time.Time{}
	}
	due, ok := reached(f.Answered, p.By, p.Grace, f.Now)
	if !ok {
		return Dark, p.By
	}
	for _, s := range f.Mine {
		if !s.To.Before(due) && !s.From.After(f.Now) {
			return Overdue, due
		}
	}
	return Dark, p.By
}

// reached is when the spans after from add up to a length.
func reached(spans []Span, from time.Time, length time.Duration, now time.Time) (time.Time, bool) {
	for _, s := range spans {
		if s.From.Before(from) {
			s.From = from
		}
		if s.To.After(now) {
			s.To = now
		}
		d := s.To.Sub(s.From)
		if d <= 0 {
			continue
		}
		if d >= length {
			return s.From.Add(length), true
		}
		length -= d
	}
	return time.Time{}, false
}
