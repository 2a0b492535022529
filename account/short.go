package account

import (
	"errors"
	"fmt"

	"github.com/jauap/jauap/envelope"
	"github.com/jauap/jauap/seal"
)

// maxKeys is how many keys a session has until an answer comes. spec/seal.md, 5.3
const maxKeys = 96

// PackShort is Pack for a link that carries little more than S0 envelopes: it
// seals what is whole in one entry of the queue, each part of it small enough for
// an S0, urgent letters of all contacts first. The rest stays for Pack: long
// texts, attachments, groups, and contacts of whom nothing was heard yet. What is
// sealed here stays an S0 on every other link.
func (a *Account) PackShort(at Moment, max int) ([]Packed, error) {
	return a.packed(at, max, (*round).shorts)
}

// PackTexts is Pack without envelopes for attachments alone: for a link that would
// take days for them.
func (a *Account) PackTexts(at Moment, max int) ([]Packed, error) {
	return a.packed(at, max, func(r *round) error {
		r.texting = true
		if err := r.rooms(); err != nil {
			return err
		}
		return r.each(r.texts)
	})
}

// each lets every contact with something in the queue have a turn.
func (r *round) each(turn func(*person) error) error {
	people, err := r.waiting()
	if err != nil {
		return err
	}
	for _, p := range people {
		if r.with = p; r.skip[p.ID] {
			continue
		}
		if err := turn(p); err != nil {
			return fmt.Errorf("account: sealing for %s: %w", p.Name, err)
		}
	}
	r.with = nil
	return nil
}

// shorts seals for everybody, rank after rank.
func (r *round) shorts() error {
	for _, rank := range []byte{rankUrgent, rankText, rankRider} {
		if err := r.each(func(p *person) error { return r.shortsFor(p, rank) }); err != nil {
			return err
		}
	}
	return nil
}

func (r *round) shortsFor(p *person, rank byte) error {
	list, _, err := r.entries(p.ID, rank, rank)
	if err != nil || len(list) == 0 {
		return err
	}
	s, err := r.a.channel(p, false)
	if errors.Is(err, errStuck) {
		return nil
	}
	if err != nil {
		return err
	}
	room := s.s.Room(envelope.S0)
	for _, w := range list {
		if r.left < envelope.S0MaxSize || int(s.used())+max(len(w.parts), 1) > maxKeys {
			return nil
		}
		ok, err := r.isShort(w, room)
		if err == nil && ok {
			err = r.short(p, s, w, room)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// isShort tells whether an entry may go in S0 now: a letter is not torn apart, and a
// rider has something to say and is due.
func (r *round) isShort(w *waiting, room int) (bool, error) {
	for _, p := range w.parts {
		if seal.PartSize(p) > room {
			return false, nil
		}
	}
	if w.letter != (LetterID{}) {
		l, err := getLetter(r.tx, w.letter)
		if err != nil || l == nil || l.open > 1 {
			return false, err
		}
	}
	switch {
	case room == 0 || w.key[16] == rankRider && r.a.now < w.alone:
		return false, nil
	case w.stream == "":
		return true, nil
	case w.key[16] != rankRider:
		return false, nil
	}
	size, err := r.size(w)
	return size > 0, err
}

// short seals one entry: each of its parts is an S0.
func (r *round) short(p *person, s *session, w *waiting, room int) error {
	parts, ends := w.parts, true
	if w.stream != "" {
		src, ok := r.a.source(w.stream)
		if !ok {
			return nil
		}
		part, ok, err := src.Cut(r.tx, w.stream, room)
		if err != nil || !ok {
			return err
		}
		left, err := src.Left(r.tx, w.stream)
		if err != nil {
			return err
		}
		parts, ends = []seal.Part{part}, left == 0
	}
	for i, part := range parts {
		c := &cargo{took: []*waiting{w}, ends: map[string]bool{}}
		if ends && i == len(parts)-1 {
			c.ends[string(w.key)] = true
		}
		if err := r.sealShort(p, s, part, w.left(r.a.now), c); err != nil {
			return err
		}
	}
	return nil
}

// sealShort makes one S0. It says no last day: its carriers keep it for a
// lifetime, so the reader's keys need not live longer than usual.
func (r *round) sealShort(p *person, s *session, part seal.Part, left int, c *cargo) error {
	out, err := s.s.SealShort(r.a.now, part)
	if err != nil {
		return err
	}
	rec, err := r.sent(p, s, out, r.at.Day.Add(min(max(left, 1), envelope.Lifetime)))
	if err != nil {
		return err
	}
	return r.keep(rec, out.Bytes, c)
}
